"""From arrays back to what people and impressions are told."""

import secrets
from collections.abc import Iterator, Mapping, Sequence
from math import isfinite

from ml.reranking.removal import STEPS
from ml.serving.contract import ServedItem, ServedSlate
from ml.serving.engine.asking import Ask
from ml.serving.engine.ranking import Arranged
from ml.serving.engine.release import Release

ID_BYTES = 16  # of a slate's identifier


def served(
    release: Release, asks: Sequence[Ask], arranged: Sequence[Arranged], degraded: Sequence[str | None],
    timings: Mapping[str, float],
) -> list[ServedSlate]:  # fmt: skip
    """A slate each, in the order of the requests."""
    found: list[ServedSlate | None] = [None] * len(asks)
    ids = _ids(len(asks))
    for part in arranged:
        for at, row in enumerate(part.rows):
            found[row] = _slate(release, ids[row], asks[row], part, at, degraded[row], timings)
    return [slate for slate in found if slate is not None]


def _ids(count: int) -> list[str]:
    """So many new identifiers of slates, by one call of the system: at each, other threads may take the interpreter."""
    drawn = secrets.token_hex(ID_BYTES * count)
    return [drawn[at : at + 2 * ID_BYTES] for at in range(0, len(drawn), 2 * ID_BYTES)]


def _slate(
    release: Release, slate_id: str, ask: Ask, part: Arranged, row: int, degraded: str | None,
    timings: Mapping[str, float],
) -> ServedSlate:  # fmt: skip
    answer = part.answer
    removed = dict(zip(STEPS, answer.reranked.removal.counts[row].tolist(), strict=True))
    return ServedSlate(
        slate_id=slate_id, domain=release.domain.name, placement=ask.plan.name,
        user_id=ask.request.user_id, model_version=release.version, degraded=degraded,
        items=tuple(_items(release, part, row)), shown_at=ask.moment, shortfall=answer.reranked.shortfall(row),
        removed=removed, rules=answer.rules_of(row), timings_ms=timings, features_as_of=ask.profile.moment,
        session_id=ask.request.session_id,
        context=ask.request.context,
    )  # fmt: skip


def _items(release: Release, part: Arranged, row: int) -> Iterator[ServedItem]:
    slates, pins = part.answer.reranked, release.bundle.pinned
    columns = (
        getattr(slates, name)[row].tolist() for name in ("item", "score", "sources", "rank", "propensity", "explored")
    )
    for position, (item, score, sources, rank, propensity, explored) in enumerate(zip(*columns, strict=True), 1):
        if item < 0:
            continue
        item_id = release.item_ids[item]
        reasons = release.bundle.reasons(rank, explored, item_id in pins)
        told = score if isfinite(score) else None
        yield ServedItem(item_id, position, told, propensity, release.sources(sources), reasons, explored)
