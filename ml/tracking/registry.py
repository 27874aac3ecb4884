"""The model registry of a domain: one registered model, whose aliases say which bundle serves.

`champion` is the only switch: serving follows it, rollback is moving it back. Every move is recorded, and an alias
that was moved by hand (in the MLflow UI) is noticed and recorded as an overrule.
"""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from ml.artifacts import MANIFEST, artifact_path, manifest, read_json, write_json
from ml.domains import get_domain
from ml.errors import BadInput, RunFailed
from ml.logs import get_logger
from ml.settings import settings
from ml.tracking.models import log_served
from ml.tracking.store import client, locked, patient, tracking_uri, without_bars

Alias = Literal["challenger", "champion"]
REASON_TAG = "overrule_reason"  # set beside the alias in the MLflow UI
log = get_logger(__name__)


@dataclass(frozen=True)
class Version:
    """One version of a domain's registered model, with what its tags say."""

    number: int
    aliases: tuple[str, ...]
    bundle: str  # key of the sealed bundle
    features: str  # key of the features artifact
    as_of: str
    trained_until: str  # t3: nothing later was learnt from, chosen by or stopped on
    configuration: str  # digest of the parameters without the data
    seed: int
    run: str | None  # the training's parent run
    tags: Mapping[str, str]

    def as_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return {**asdict(self), "aliases": list(self.aliases), "tags": dict(self.tags)}


@dataclass(frozen=True)
class Move:
    """One change of the champion."""

    version: int
    previous: int | None
    at: str  # ISO, UTC
    by: str  # `gate`, a person, or `unknown` for a hand in the MLflow UI
    reason: str
    overrule: bool  # a person decided, not the gate


@patient
def register_challenger(
    domain: str, bundle: Path, run_id: str, *, opener: str, example: pd.DataFrame, answer: pd.DataFrame
) -> Version:
    """Register a sealed bundle as a version and point `challenger` at it; the same bundle gives the same version.

    Args:
        domain: Whose registered model.
        bundle: A sealed bundle; its manifest gives the version's tags.
        run_id: The training's parent run.
        opener: What opens it when the model is loaded (see `ml.tracking.models.log_served`).
        example: Some requests.
        answer: The slates for them.
    """
    name, described = get_domain(domain).registered_model, manifest(bundle)
    tags = _tags_of(described)
    with locked(f"registry-{domain}"):
        found = next((version for version in _versions(name) if version.bundle == described["key"]), None)
        number = found.number if found else None
        if number is None:
            model_id = log_served(run_id, name, bundle, opener, example, answer, tags=tags)
            number = _create_version(name, model_id, run_id, tags)
        _point(name, "challenger", number)
    log.info("%s: version %d is the challenger", name, number)
    return version_of(domain, number)


@patient
def versions(domain: str) -> list[Version]:
    """All versions of the domain, newest first."""
    return sorted(_versions(get_domain(domain).registered_model), key=lambda version: -version.number)


def version_at(domain: str, alias: Alias) -> Version | None:
    """The version that an alias points at; `None` where there is none yet."""
    return next((version for version in versions(domain) if alias in version.aliases), None)


@patient
def champion_number(domain: str) -> int | None:
    """The number of the champion, without reading what else is known of it; `None` where there is none yet."""
    return _champion_number(get_domain(domain).registered_model)


def version_of(domain: str, number: int) -> Version:
    """One version by its number; raises `BadInput` where there is none."""
    found = next((version for version in versions(domain) if version.number == number), None)
    if found is None:
        raise BadInput(f"{get_domain(domain).registered_model} has no version {number}; `slate status` lists them")
    return found


def bundle_of(domain: str, version: Version) -> Path:
    """The version's sealed bundle on this machine, fetched from the registry where it is not here."""
    local = artifact_path("bundle", version.bundle)
    if (local / MANIFEST).exists():
        return local
    from mlflow.artifacts import download_artifacts

    name = get_domain(domain).registered_model
    source = client().get_model_version_download_uri(name, str(version.number))
    with locked(f"bundle-{version.bundle}"):
        if not (local / MANIFEST).exists():
            beside = local.with_name(f".{local.name}.fetched")
            with without_bars():
                fetched = Path(
                    download_artifacts(f"{source}/artifacts", dst_path=str(beside), tracking_uri=tracking_uri())
                )
            local.parent.mkdir(parents=True, exist_ok=True)
            next(fetched.rglob(MANIFEST)).parent.rename(local)
    return local


@patient
def move_champion(
    domain: str, version: int, reason: str, by: str, *, at: datetime, overrule: bool = False
) -> Move | None:
    """Point `champion` at a version and record why; a move to where it already points changes nothing.

    The intention is written first, so that a process killed between the move and its record is not mistaken for a
    hand in the MLflow UI.
    """
    if not reason.strip():
        raise BadInput("say why the champion changes: a promotion is recorded with its reason")
    name = get_domain(domain).registered_model
    wanted = version_of(domain, version)
    settle(domain, at=at)
    with locked(f"registry-{domain}"):
        previous = _champion_number(name)
        if previous == version:
            return None
        move = Move(version, previous, _iso(at), by, reason, overrule)
        write_json(_intention(domain), asdict(move))
        _point(name, "champion", wanted.number)
        _record(domain, move)
    log.info("%s: version %d is the champion (%s)", name, version, reason)
    return move


@patient
def settle(domain: str, *, at: datetime) -> Move | None:
    """Compare the alias with our own record; what a hand moved is recorded as an overrule and returned."""
    name = get_domain(domain).registered_model
    with locked(f"registry-{domain}"):
        champion, recorded = _champion_number(name), moves(domain)
        last = recorded[-1].version if recorded else None
        if champion is None or champion == last:
            _intention(domain).unlink(missing_ok=True)
            return None
        intended = Move(**read_json(_intention(domain))) if _intention(domain).exists() else None
        if intended is not None and intended.version == champion:
            _record(domain, intended)  # the move was ours: only its record was cut off
            return None
        reason = version_of(domain, champion).tags.get(REASON_TAG, "moved by hand")
        move = Move(champion, last, _iso(at), "unknown", reason, overrule=True)
        _record(domain, move)
    log.warning("%s: champion was moved by hand to version %d: %s", name, champion, reason)
    return move


def moves(domain: str) -> list[Move]:
    """Every recorded change of the champion, oldest first."""
    path = _history(domain)
    return [Move(**move) for move in read_json(path)] if path.exists() else []


@patient
def tag_version(domain: str, number: int, tags: Mapping[str, str]) -> None:
    """Write tags on a version, such as what the gate decided."""
    name = get_domain(domain).registered_model
    for key, value in tags.items():
        client().set_model_version_tag(name, str(number), key, value)


@patient
def describe_version(domain: str, number: int, description: str) -> None:
    """Say in words what a version is."""
    client().update_model_version(get_domain(domain).registered_model, str(number), description=description)


@patient
def forget_models(domain: str, model_ids: Collection[str]) -> list[int]:
    """Delete logged models with the versions that are made of them; returns the versions' numbers, sorted.

    Raises:
        RunFailed: One of them is the champion's.
    """
    name, tracker = get_domain(domain).registered_model, client()
    with locked(f"registry-{domain}"):
        places = {
            each.number: str(tracker.get_model_version(name, str(each.number)).source) for each in _versions(name)
        }
        gone = sorted(number for number, place in places.items() if set(place.split("/")) & set(model_ids))
        if _champion_number(name) in gone:
            raise RunFailed(f"version {_champion_number(name)} of {name} is the champion: move the alias first")
        for number in gone:
            tracker.delete_model_version(name, str(number))
        for model_id in model_ids:
            _delete_logged(tracker, model_id)
    return gone


def _delete_logged(tracker: Any, model_id: str) -> None:
    from mlflow.exceptions import MlflowException

    try:
        tracker.delete_logged_model(model_id)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise


def _tags_of(described: Mapping[str, Any]) -> dict[str, str]:
    lineage = described["lineage"]
    names = ("features", "as_of", "trained_until", "configuration", "seed", "training", "code")
    return {"bundle": described["key"], **{name: str(lineage[name]) for name in names}}


def _create_version(name: str, model_id: str, run_id: str, tags: Mapping[str, str]) -> int:
    from mlflow.exceptions import MlflowException

    tracker = client()
    try:
        tracker.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    # Not `models:/<id>`: to resolve that, MLflow's SQL registry asks the process-wide tracking address.
    source = tracker.get_logged_model(model_id).artifact_location
    made = tracker.create_model_version(name, source, run_id=run_id, tags=dict(tags), model_id=model_id)
    return int(made.version)


def _versions(name: str) -> list[Version]:
    aliases = _aliases(name)
    found, token = [], None
    while True:
        page = client().search_model_versions(f"name = '{name}'", page_token=token)
        found += [_version(entry, aliases) for entry in page]
        token = page.token
        if not token:
            return found


def _version(entry: Any, aliases: Mapping[str, int]) -> Version:
    number, tags = int(entry.version), dict(entry.tags)
    pointing = tuple(sorted(alias for alias, at in aliases.items() if at == number))
    names = ("bundle", "features", "as_of", "trained_until", "configuration")
    texts = {name: tags.get(name, "") for name in names}
    return Version(number, pointing, **texts, seed=int(tags.get("seed", 0)), run=entry.run_id, tags=tags)


def _aliases(name: str) -> dict[str, int]:
    from mlflow.exceptions import MlflowException

    try:
        found = client().get_registered_model(name).aliases
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return {}
    return {alias: int(number) for alias, number in found.items()}


def _champion_number(name: str) -> int | None:
    return _aliases(name).get("champion")


def _point(name: str, alias: Alias, number: int) -> None:
    client().set_registered_model_alias(name, alias, str(number))


def _record(domain: str, move: Move) -> None:
    write_json(_history(domain), [asdict(made) for made in (*moves(domain), move)])
    _intention(domain).unlink(missing_ok=True)
    tag_version(domain, move.version, {"promoted_at": move.at, "promoted_by": move.by, "promoted_because": move.reason})


def _history(domain: str) -> Path:
    return settings().domain_path("registry", domain) / "promotions.json"


def _intention(domain: str) -> Path:
    return settings().domain_path("registry", domain) / "intention.json"


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")


def require(version: Version | None, alias: Alias) -> Version:
    """The version, or `RunFailed` saying which step makes one."""
    if version is None:
        step = {"challenger": "run `slate train`, then `slate publish`", "champion": "run `slate promote` first"}[alias]
        raise RunFailed(f"there is no {alias} yet: {step}")
    return version
