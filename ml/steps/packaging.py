"""Packages: what to remind a user of, and what to show for the first time; for one user and for everybody."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ml.artifacts import MANIFEST, built_beside, digest, file_digest, write_json
from ml.bundle.bundle import Bundle
from ml.campaigns.packages import Met, discovering, reminding, shortfall, usefulness
from ml.data.arrays import Bools, Floats, Indices, Ragged
from ml.domains import Domain, get_domain
from ml.errors import BadInput
from ml.logs import get_logger
from ml.ranking.recommender import chunks
from ml.reranking.eligibility import Decisions, ItemsSeen, decide
from ml.retrieval.contract import Ranking, top_k
from ml.settings import settings
from ml.steps.recommending import champion
from ml.steps.record import recorded
from ml.steps.sealed import known_now
from ml.tracking.registry import Version

HALVES = ("reminders", "discoveries")
PACKAGES = "packages"
HALF_LIFE_DAYS = 30.0  # after which interest in an item counts half
log = get_logger(__name__)


@recorded("package")
def package(domain: str, user_id: str, reminders: int = 5, discoveries: int = 5) -> dict[str, Any]:
    """One user's package; an unknown user has nothing to be reminded of.

    Args:
        domain: Whose champion is asked.
        user_id: The user.
        reminders: Items, at most, that the user has or looked at, the most useful to be reminded of first.
        discoveries: Items, at most, that the user never met and may be offered, in the champion's order.

    Returns:
        `user_id`, `model_version`, and for each half `items` (`item_id`, `name`, `score`, `why`) and `short`: why it
        holds fewer items than asked for, else null.
    """
    version, bundle = champion(domain)
    user = bundle.users.encode(np.asarray([user_id], object))
    made = Packages.of(bundle, get_domain(domain), user, _sizes(reminders, discoveries))
    halves = {half: {"items": made.items(bundle, half, 0), "short": made.short(half, 0)} for half in HALVES}
    return {"user_id": user_id, "model_version": version.number, **halves}


@recorded("package_all")
def package_all(domain: str, reminders: int = 5, discoveries: int = 5) -> dict[str, Any]:
    """Publish the packages of every known user.

    Written to `SLATE_HOME/packages/<domain>/<as_of>-v<version>-<key>/` as `packages.parquet` and `packages.csv`, a row
    an item: user_id, half, position (from 1), item_id, name, score, why, model_version. The folder appears at once and
    is never written twice.
    """
    version, bundle = champion(domain)
    declared, sizes = get_domain(domain), _sizes(reminders, discoveries)
    as_of = datetime.fromisoformat(bundle.manifest["as_of"])
    key = digest([bundle.manifest["key"], version.number, sizes, declared.eligibility.digest])
    final = settings().domain_path("packages", domain) / f"{as_of:%Y%m%dT%H%M%SZ}-v{version.number}-{key}"
    if not (final / MANIFEST).exists():
        _publish(final, bundle, declared, version, sizes)
    write_json(settings().domain_path("current", domain) / "packages.json", {"path": str(final)})
    log.info("packages of version %d: %s", version.number, final)
    return {"path": str(final), "model_version": version.number, "as_of": bundle.manifest["as_of"]}


@dataclass(frozen=True)
class Packages:
    """The packages of R users."""

    users: Indices  # (R,) -1: unknown
    sizes: dict[str, int]  # by half
    met: Met
    decisions: Decisions
    ranked: dict[str, Ranking]  # by half, (R, size)

    @classmethod
    def of(cls, bundle: Bundle, declared: Domain, users: Indices, sizes: dict[str, int]) -> "Packages":
        """Rank both halves for these users."""
        requests, items = bundle.requests(users), ItemsSeen.of(bundle.catalogue, bundle.item_facts)
        met, decisions = Met.of(requests, len(items)), decide(declared.eligibility, requests, items)
        useful = usefulness(requests, met.held, HALF_LIFE_DAYS)
        useful = np.where(reminding(met, decisions), useful, np.float32(-np.inf))
        slates = bundle.slates(users, max(sizes["discoveries"], 1), exclude=_others(discovering(met, decisions)))
        return cls(
            users, sizes, met, decisions,
            {"reminders": _first(useful, sizes["reminders"]),
             "discoveries": Ranking(slates.item[:, : sizes["discoveries"]], slates.score[:, : sizes["discoveries"]])},
        )  # fmt: skip

    def items(self, bundle: Bundle, half: str, row: int) -> list[dict[str, Any]]:
        """One half of one user's package, best first."""
        ranked = self.ranked[half]
        return [
            {"item_id": str(bundle.items.ids[item]), "name": bundle.names[item], "score": float(score),
             "why": self.met.why(row, int(item))}
            for item, score in zip(ranked.item[row], ranked.score[row], strict=True) if item >= 0
        ]  # fmt: skip

    def short(self, half: str, row: int) -> str | None:
        """Why one half of one user's package is short."""
        candidates = self.met.any[row] if half == "reminders" else ~self.met.any[row]
        found = int((self.ranked[half].item[row] >= 0).sum())
        return shortfall(half, self.sizes[half], found, candidates, self.decisions.allowed[row])


def _sizes(reminders: int, discoveries: int) -> dict[str, int]:
    if min(reminders, discoveries) < 0 or not reminders + discoveries:
        raise BadInput(f"a package of {reminders} and {discoveries} items holds nothing: ask for at least one item")
    return {"reminders": reminders, "discoveries": discoveries}


def _others(chosen: Bools) -> Ragged:
    """(R,) the items that are not chosen."""
    row, item = np.nonzero(~chosen)
    return Ragged.from_pairs(row, item.astype(np.int32), len(chosen))


def _first(scores: Floats, k: int) -> Ranking:
    found = top_k(scores, max(k, 1))
    return Ranking(found.item[:, :k], found.score[:, :k])


def _publish(final: Path, bundle: Bundle, declared: Domain, version: Version, sizes: dict[str, int]) -> None:
    frame = _frame(bundle, declared, sizes).assign(model_version=np.int32(version.number))
    with built_beside(final) as beside:
        frame.to_parquet(beside / f"{PACKAGES}.parquet", index=False)
        frame.to_csv(beside / f"{PACKAGES}.csv", index=False)
        described = {"as_of": bundle.manifest["as_of"], "bundle": version.bundle, "model_version": version.number}
        described |= {"sizes": sizes, "rules_digest": declared.eligibility.digest, "rows": len(frame)}
        files = {path.name: file_digest(path) for path in sorted(beside.iterdir())}
        write_json(beside / MANIFEST, {**described, "users": int(frame["user_id"].nunique()), "files": files})


def _frame(bundle: Bundle, declared: Domain, sizes: dict[str, int]) -> pd.DataFrame:
    """A row an item of every known user's package."""
    users, rows = known_now(bundle), []
    for chunk in chunks(len(users)):
        made = Packages.of(bundle, declared, users[chunk], sizes)
        for row, user in enumerate(users[chunk]):
            for half in HALVES:
                for position, item in enumerate(made.items(bundle, half, row), 1):
                    rows.append({"user_id": bundle.users.ids[user], "half": half, "position": position, **item})
    columns = ["user_id", "half", "position", "item_id", "name", "score", "why"]
    return pd.DataFrame(rows, columns=columns).astype({"position": np.int32, "score": np.float32})
