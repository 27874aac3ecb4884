"""Erasure: everything that is known of a user goes, from the landed data to the champion.

Each part is found by what the files say, and rewritten atomically: killed midway, run again, the rest follows.
"""

import shutil
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Any

from ml.artifacts import MANIFEST, read_json, write_json
from ml.bundle.bundle import Bundle, open_bundle
from ml.bundle.reseal import reseal_without
from ml.bundle.served import OPENER, Served
from ml.data.erasing_files import erase_from
from ml.data.erasing_landing import erase_landed
from ml.data.traces import Identifier, scan
from ml.domains import DOMAINS, get_domain
from ml.errors import BadInput, RunFailed
from ml.logs import get_logger
from ml.settings import settings
from ml.steps.features import build_features, plan, publish_features
from ml.steps.publishing import EXAMPLES
from ml.steps.record import recorded
from ml.steps.sealed import dataset_of
from ml.tracking import registry

REASON = "sealed again without users who were erased on request; the trained weights are the same"
# What is made again whenever it is asked for, so that a file that cannot be rewritten may go.
MADE_AGAIN = ("reports", "evidently", "validation", "dbt", "bench", "runs", "current", "slates")
log = get_logger(__name__)


@recorded("erase")
def erase(
    domain: str, users: Sequence[str], within_minutes: float = 60.0, *, at: datetime | None = None
) -> dict[str, Any]:
    """Take users out of all that lies under SLATE_HOME for a domain.

    The landed partitions, raw files, logs and tables are rewritten; the warehouse and the features are built anew; the
    champion is sealed again with the same trained weights and gets the alias; what else holds the users is removed.
    What a running server has open, and what its store still knows, is left to it (`left_to_server`): it forgets on
    DELETE, and the rest follows with the next erasure.

    Args:
        domain: Whose users.
        users: Identifiers.
        within_minutes: The declared time.
        at: When this takes place (aware, UTC); default: the present.

    Returns:
        `domain`, `users` (how many), `rows` (landed rows that went), `rewritten` and `removed` (numbers of files and
        folders), `champion` (the version after this; null: there is none), `features` (whether they were rebuilt),
        `left_to_server` (files), `seconds`, `within_minutes`.

    Raises:
        BadInput: No user is named, or an identifier is empty.
        RunFailed: Something still holds a user (the message names the files), or the declared time has passed.
    """
    get_domain(domain)
    if not users or not all(user.strip() for user in users):
        raise BadInput("user: name at least one, and none may be empty")
    started, names = monotonic(), [Identifier(user) for user in users]
    rows = erase_landed(domain, names)
    champion = _reseal_champion(domain, names, at or datetime.now(UTC))
    rebuild = _needs_features(domain)
    done = _treat_all(domain, names)
    if rebuild or done.features_gone:
        _rebuild_features(domain)
    seconds = round(monotonic() - started, 1)
    found = {
        "domain": domain, "users": len(users), "rows": rows, "rewritten": done.rewritten, "removed": done.removed,
        "champion": champion, "features": rebuild or done.features_gone, "seconds": seconds,
        "within_minutes": within_minutes,
    }  # fmt: skip
    left, serving = done.left, settings().domain_path("serving", domain)
    served = [str(path) for path in left if path.is_relative_to(serving) or _held_open(path)]
    _refuse_left([path for path in left if str(path) not in served])
    _record(domain, found, at or datetime.now(UTC))
    if seconds > 60 * within_minutes:
        raise RunFailed(
            f"the users are gone, but it took {seconds:.0f} s, more than the declared {within_minutes} minutes"
        )
    return {**found, "left_to_server": served}


def erase_pending(domain: str, within_minutes: float = 60.0) -> dict[str, Any]:
    """Erase everybody whom serving was told to forget; then, unless a server runs, serving need not remember them.

    Returns:
        What `erase` returns, and `remembered`: whether a running server still keeps their names, to refuse them.
    """
    from ml.serving.online.opening import open_live

    with open_live(domain, reader=True) as view:
        waiting = view.erased()
    if not waiting:
        return {"domain": domain, "users": 0, "remembered": False}
    found = erase(domain, waiting, within_minutes)
    try:
        with open_live(domain) as live:
            live.forget_erased(waiting)
    except BadInput as error:
        log.warning("%s: run it again when the server has stopped, so that it forgets the names too", error)
        return {**found, "remembered": True}
    left = _treat_all(domain, [Identifier(user) for user in waiting]).left
    return {**found, "left_to_server": [str(path) for path in left], "remembered": bool(left)}


def traces_of(domain: str, user: str) -> dict[str, Any]:
    """Every file under SLATE_HOME that holds a user: `user`, `domain`, `files` (relative to SLATE_HOME), `seconds`."""
    get_domain(domain)
    started, home = monotonic(), settings().home
    files = [str(path.relative_to(home)) for path in _traces(domain, Identifier(user))]
    return {"domain": domain, "user": user, "files": files, "seconds": round(monotonic() - started, 1)}


def _traces(domain: str, user: Identifier) -> list[Path]:
    home = settings().home
    return [path for path in scan(home, user) if not _of_another(path.relative_to(home), domain)]


def _of_another(path: Path, domain: str) -> bool:
    """Whether a file is of another domain, whose users may have the same identifiers."""
    others = set(DOMAINS) - {domain}
    if path.parts[0] == "artifacts" and len(path.parts) > 3:
        owner = _owner(settings().home.joinpath(*path.parts[:3]))
        return owner in others
    return bool(others & {part.removesuffix(".duckdb") for part in path.parts[:3]})


def _owner(artifact: Path) -> str | None:
    found = next(iter(sorted(artifact.rglob(MANIFEST))), None)
    described = read_json(found) if found else {}
    return described.get("domain") if isinstance(described, dict) else None


def _treat_all(domain: str, users: Sequence[Identifier]) -> "_Work":
    done = _Work(domain, users)
    for user in users:
        for path in _traces(domain, user):
            done.treat(path, user)
    return done


class _Work:
    """What is done to each file that holds a user, counted."""

    def __init__(self, domain: str, users: Sequence[Identifier]) -> None:
        self.domain, self.users = domain, users
        self.rewritten = self.removed = 0
        self.features_gone = False

    @property
    def left(self) -> list[Path]:
        """The files that hold one of the users now."""
        return sorted({path for user in self.users for path in _traces(self.domain, user)})

    def treat(self, path: Path, user: Identifier) -> None:
        """Rewrite a file, or remove what it is part of."""
        if not path.exists() or _held_open(path):
            return
        room, *_ = path.relative_to(settings().home).parts
        if room == "artifacts":
            self._remove_artifact(path)
        elif room == "mlflow" and path.suffix != ".db":
            self._remove_model(path, user)
        elif room == "warehouse" or path.is_relative_to(settings().warehouses):
            self._remove(path)
            self.features_gone = True
        elif erase_from(path, user):
            self.rewritten += 1
        elif room in MADE_AGAIN:
            self._remove(path)

    def _remove(self, path: Path) -> None:
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        self.removed += 1

    def _remove_artifact(self, path: Path) -> None:
        """The whole artifact: its parts are hashed together, and the step that made it makes it again."""
        folder = path.parent
        while not (folder / MANIFEST).exists() and folder.parent.name != "artifacts":
            folder = folder.parent
        self.features_gone |= folder.parent.name == "features"
        beside = folder.with_name(f".{folder.name}.{'0' * 32}")  # gone at once, then removed at leisure
        shutil.rmtree(beside, ignore_errors=True)
        folder.rename(beside)
        self._remove(beside)

    def _remove_model(self, path: Path, user: Identifier) -> None:
        """A logged model with its versions; any other file of a run by itself."""
        folder = next((parent for parent in path.parents if parent.parent.name == "models"), None)
        if folder is not None:
            registry.forget_models(self.domain, [folder.name])
            self._remove(folder)
        elif erase_from(path, user):
            self.rewritten += 1
        else:
            self._remove(path)


def _reseal_champion(domain: str, users: Sequence[Identifier], at: datetime) -> int | None:
    """The champion's number, after it was sealed again where it knew one of the users."""
    registry.settle(domain, at=at)
    champion = registry.version_at(domain, "champion")
    if champion is None:
        return None
    bundle = open_bundle(registry.bundle_of(domain, champion))
    if not any(bundle.knows(user.text) for user in users):
        return champion.number
    path = reseal_without(bundle, dataset_of(bundle, get_domain(domain)), [user.text for user in users])
    return _crown(domain, champion, open_bundle(path), at)


def _crown(domain: str, before: registry.Version, bundle: Bundle, at: datetime) -> int:
    """Register the bundle, and point both aliases at it."""
    served = Served(bundle, bundle.manifest["slate_size"])
    example = served.example(EXAMPLES)
    if before.run is None:
        raise RunFailed(f"version {before.number} names no run, so that its resealed bundle cannot be registered")
    made = registry.register_challenger(
        domain, bundle.path, before.run, opener=OPENER, example=example, answer=served.predict(example)
    )
    registry.describe_version(domain, made.number, f"Version {before.number} {REASON}")
    registry.move_champion(domain, made.number, f"version {before.number} {REASON}", "erasure", at=at)
    return made.number


def _needs_features(domain: str) -> bool:
    """Whether an erasure that was cut short had removed the features before it could build them."""
    pointer = settings().domain_path("current", domain) / "features.json"
    return pointer.exists() and not (Path(read_json(pointer)["path"]) / MANIFEST).exists()


def _rebuild_features(domain: str) -> None:
    """The marts of what is left, as of the end of what has landed."""
    if not (settings().domain_path("landing", domain) / "source.json").exists():
        log.warning("nothing has landed for %s: its features are not built again", domain)
        return
    planned = plan(domain)
    build_features(planned, document=False)
    publish_features(planned)


def _held_open(path: Path) -> bool:
    """Whether another process has a file open, such as a server its store."""
    import os

    import psutil

    for process in psutil.process_iter(["pid"]):
        if process.pid == os.getpid():
            continue
        try:
            if any(opened.path == str(path) for opened in process.open_files()):
                return True
        except (psutil.AccessDenied, psutil.NoSuchProcess, psutil.ZombieProcess):
            continue
    return False


def _refuse_left(left: Sequence[Path]) -> None:
    if left:
        names = ", ".join(str(path.relative_to(settings().home)) for path in left[:10])
        raise RunFailed(
            f"{len(left)} files still hold an erased user: {names}. Remove them, or stop what writes them, and run "
            "slate erase again"
        )


def _record(domain: str, found: dict[str, Any], at: datetime) -> None:
    """That somebody was erased, without saying who."""
    folder = settings().domain_path("erasures", domain)
    write_json(folder / f"{at:%Y%m%dT%H%M%S%f}.json", {**found, "at": at.isoformat(timespec="seconds")})
