"""Retrieval for a batch: what was found for a profile before is looked up, the rest is found for all at once."""

from collections.abc import Callable

from ml.ranking.candidates import SideBySide
from ml.serving.engine.asking import Asked
from ml.serving.engine.finding import Seen, Told, found_by
from ml.serving.engine.placing import Placing
from ml.serving.engine.release import Release


def retrieve(
    release: Release, asked: Asked, told: Told, time_left: Callable[[], bool], only: str | None = None
) -> tuple[SideBySide, list[set[str]]]:
    """What each retriever finds for each request, and those that had to be left out of each.

    Args:
        release: The model.
        asked: R requests.
        told: Hears of a retriever that failed: the others answer.
        time_left: Whether another retriever may be asked for what is not known yet.
        only: One retriever, asked whatever the placement names; None: those of the placement.

    Returns:
        By retriever the best items of each request, nothing for placements that do not name it; and, a request each,
        the retrievers whose answer is missing.
    """
    recommender = release.bundle.recommender
    seen = Seen(recommender.visible.requests(asked.requests))
    missing: list[set[str]] = [set() for _ in asked.asks]
    names = [only] if only else list(recommender.retrievers)
    room = SideBySide.empty(len(asked.asks), {name: recommender.quotas[name] for name in names})
    placing = Placing(release, asked, room, told)
    wanted = [
        {only} if only else ask.plan.retrievers - placing.lasting(row, missing[row])
        for row, ask in enumerate(asked.asks)
    ]
    for name in names:
        if rows := [row for row, left in enumerate(wanted) if name in left]:
            for row, found in found_by(release, name, seen, asked.asks, rows, told, time_left):
                if found is None or not placing.of(name, row, found):
                    missing[row].add(name)
    return room, missing
