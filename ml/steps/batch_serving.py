"""Slates of one placement for everybody at once, by the engine that serves: for letters and for precomputation."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ml.artifacts import MANIFEST, built_beside, digest, file_digest, write_json
from ml.bundle.bundle import Bundle
from ml.data.impressions import SERVED_IMPRESSION
from ml.domains import get_domain
from ml.logs import get_logger, progress
from ml.serving.contract import ServedSlate, SlateRequest
from ml.serving.engine.engine import PATIENT, SlateEngine
from ml.serving.engine.profiles import Happenings, Profiles
from ml.serving.engine.release import Release
from ml.serving.online.contract import is_anonymous
from ml.serving.online.opening import online_folder, open_live
from ml.settings import settings
from ml.steps.batch import SLATES
from ml.steps.recommending import champion
from ml.steps.record import recorded

TOGETHER = 64  # users answered by one call of the ranker
log = get_logger(__name__)


@recorded("batch")
def batch_slates(domain: str, placement: str, now: datetime | None = None) -> dict[str, Any]:
    """Write the champion's slates at a placement for every known user, and one for anybody else (`user_id` null).

    They are what the server would answer at that moment. Written to
    `SLATE_HOME/slates/<domain>/<moment>-v<version>-<placement>/slates.parquet`, which appears at once, in the columns
    of served impressions; `shown_at` and `clicked` are null until somebody sees the slate. Through a channel of
    marketing nobody gets anything who did not agree to it.

    Args:
        domain: Whose champion is asked.
        placement: One that the domain declares and that stands beside no item.
        now: The moment (aware, UTC), with what happened until then; None: when the champion was sealed.

    Returns:
        `path`, `placement`, `model_version`, `moment`, `users` and `slates` (those that hold any item).

    Raises:
        BadInput: The placement is not declared, or stands beside an item.
        RunFailed: There is no champion.
    """
    version, bundle = champion(domain)
    with ExitStack() as stack:
        live = stack.enter_context(open_live(domain, reader=True)) if now and online_folder(domain).exists() else None
        engine = _engine(domain, version.number, bundle, live)
        moment = bundle.snapshot.as_of if now is None else round(now.timestamp() * 1e6)
        users = [str(user) for user in bundle.users.ids if not is_anonymous(str(user))]
        engine.recommend_many([SlateRequest(placement)], moment)  # a placement that cannot be asked for is refused now
        told = datetime.fromtimestamp(moment / 1e6, UTC)
        final = settings().domain_path("slates", domain) / f"{told:%Y%m%dT%H%M%SZ}-v{version.number}-{placement}"
        described = {"placement": placement, "model_version": version.number, "moment": told.isoformat()}
        if not (final / MANIFEST).exists():
            with built_beside(final) as beside:
                found = _write(beside / SLATES, engine, [*users, None], placement, moment)
                files = {SLATES: file_digest(beside / SLATES)}
                write_json(beside / MANIFEST, {**described, **found, "bundle": version.bundle, "files": files})
    slates = int(np.unique(pq.read_table(final / SLATES, columns=["slate_id"])["slate_id"].to_numpy()).size)
    return {"path": str(final / SLATES), **described, "users": len(users), "slates": slates}


def _engine(domain: str, number: int, bundle: Bundle, live: Happenings | None) -> SlateEngine:
    release = Release.of(get_domain(domain), number, bundle)
    return SlateEngine(release, Profiles(release, live, most=TOGETHER), lambda: bundle.snapshot.as_of, PATIENT)


def _write(
    path: Path, engine: SlateEngine, users: Sequence[str | None], placement: str, moment: int
) -> dict[str, int]:  # fmt: skip
    rows = 0
    with pq.ParquetWriter(path, SERVED_IMPRESSION) as file:
        for start in progress(range(0, len(users), TOGETHER), f"slates at {placement}"):
            asked = [SlateRequest(placement, user_id=user) for user in users[start : start + TOGETHER]]
            part = [row for slate in engine.recommend_many(asked, moment) for row in _rows(engine, slate)]
            file.write_table(pa.Table.from_pylist(part, SERVED_IMPRESSION))
            rows += len(part)
    return {"rows": rows}


def _rows(engine: SlateEngine, slate: ServedSlate) -> Iterator[dict[str, Any]]:
    """A row an item; the same slate has the same identifier however often it is written."""
    key = engine.release.bundle.manifest["key"]
    slate_id = digest([key, slate.model_version, slate.placement, slate.shown_at, slate.user_id])
    for item in slate.items:
        yield {
            "slate_id": slate_id, "user_id": slate.user_id, "item_id": item.item_id, "position": item.position,
            "score": item.score, "sources": list(item.sources), "propensity": item.propensity,
            "explored": item.explored, "rules": list(slate.rules), "model_version": slate.model_version,
            "placement": slate.placement, "degraded": slate.degraded,
        }  # fmt: skip
