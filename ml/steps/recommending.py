"""The champion's answers: for one user, for one item, and for everybody at once."""

from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ml.artifacts import MANIFEST, built_beside, digest, file_digest, write_json
from ml.bundle.bundle import Bundle
from ml.domains import get_domain
from ml.logs import get_logger
from ml.settings import settings
from ml.steps.promotion import open_version
from ml.steps.record import recorded
from ml.tracking import registry
from ml.tracking.registry import Version

ANONYMOUS = "session:"  # how the marts name the user of a session that nobody signed in to
SLATES = "slates.parquet"
log = get_logger(__name__)


@recorded("recommend")
def recommend(domain: str, user_id: str, k: int = 10) -> dict[str, Any]:
    """The champion's slate for one user; an unknown one gets what suits anybody.

    Returns:
        `user_id`, `model_version`, `items`: a list of `item_id`, `name`, `score`, `sources`.
    """
    version, bundle = champion(domain)
    (slate,) = bundle.recommend([user_id], k)
    if not bundle.knows(user_id):
        log.warning("user %s is unknown as of %s: what suits anybody", user_id, bundle.manifest["as_of"])
    return {"user_id": user_id, "model_version": version.number, "items": slate.as_dict()["items"]}


@recorded("similar")
def similar(domain: str, item_id: str, k: int = 10) -> dict[str, Any]:
    """The items whose vectors are nearest to one item's, in the same shape."""
    version, bundle = champion(domain)
    items = [
        {"item_id": item.item_id, "name": item.name, "score": item.score, "sources": list(item.sources)}
        for item in bundle.similar(item_id, k)
    ]
    return {"item_id": item_id, "model_version": version.number, "items": items}


def compare_indexes(domain: str) -> list[dict[str, Any]]:
    """Recall and speed of every nearest-neighbour index on the champion's own vectors."""
    from ml.bundle.ann_benchmark import measure_bundle

    return measure_bundle(champion(domain)[1], threads=settings().threads)


@recorded("recommend_all")
def recommend_all(domain: str) -> dict[str, Any]:
    """Publish the champion's slates for every known user, and one for anybody else (`user_id` null).

    Written to `SLATE_HOME/slates/<domain>/<as_of>-v<version>/slates.parquet` in the columns of impressions: slate_id,
    user_id, item_id, position (from 1), score, sources, propensity, model_version, and, until somebody sees the
    slate, no shown_at and no clicked. The policy is deterministic: each item stands where it stands with
    propensity 1. The folder appears at once and is never written twice.
    """
    version, bundle = champion(domain)
    as_of = datetime.fromisoformat(bundle.manifest["as_of"])
    final = settings().domain_path("slates", domain) / f"{as_of:%Y%m%dT%H%M%SZ}-v{version.number}"
    if not (final / MANIFEST).exists():
        _publish(final, impressions(bundle, version.number, get_domain(domain).slate_size), bundle, version)
    write_json(settings().domain_path("current", domain) / "slates.json", {"path": str(final)})
    log.info("slates of version %d: %s", version.number, final)
    return {"path": str(final / SLATES), "model_version": version.number, "as_of": bundle.manifest["as_of"]}


def impressions(bundle: Bundle, version: int, k: int) -> pd.DataFrame:
    """A row a recommended item of every known user's slate, and of the slate of an unknown user."""
    known = np.flatnonzero([not str(user).startswith(ANONYMOUS) for user in bundle.users.ids])
    user = np.append(known, -1).astype(np.int32)
    slates = bundle.slates(user, k)
    row, place = np.nonzero(slates.item >= 0)
    names = np.append(bundle.users.ids[known], [None])
    ids = np.array([digest([bundle.manifest["key"], version, name]) for name in names])
    masks = {int(bits): list(bundle.sources(int(bits))) for bits in np.unique(slates.sources[row, place])}
    return pd.DataFrame(
        {
            "slate_id": ids[row],
            "user_id": names[row],
            "item_id": bundle.items.ids[slates.item[row, place]],
            "position": (place + 1).astype(np.int32),
            "score": slates.score[row, place],
            "sources": [masks[int(bits)] for bits in slates.sources[row, place]],
            "propensity": np.ones(len(row)),
            "model_version": np.full(len(row), version, np.int32),
            "shown_at": pd.Series(pd.NaT, index=range(len(row)), dtype="datetime64[us]"),
            "clicked": pd.Series(pd.NA, index=range(len(row)), dtype="boolean"),
        }
    )


def champion(domain: str) -> tuple[Version, Bundle]:
    """The version that serves, and its bundle; raises `RunFailed` where there is none."""
    version = registry.require(registry.version_at(domain, "champion"), "champion")
    return version, open_version(domain, version)


def _publish(final: Path, frame: pd.DataFrame, bundle: Bundle, version: Version) -> None:
    with built_beside(final) as beside:
        frame.to_parquet(beside / SLATES, index=False)
        described = {"as_of": bundle.manifest["as_of"], "bundle": version.bundle, "model_version": version.number}
        described |= {"rows": len(frame), "slates": int(frame["slate_id"].nunique())}
        write_json(beside / MANIFEST, {**described, "files": {SLATES: file_digest(beside / SLATES)}})
