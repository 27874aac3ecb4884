"""The rows that the ranker learns from, and those that say when it should stop."""

from collections.abc import Iterable, Mapping
from itertools import groupby

import numpy as np

from ml.evaluation.replay import Key, fingerprint
from ml.evaluation.segments import Batch, Segment
from ml.logs import progress
from ml.ranking.candidates import merge
from ml.ranking.contract import LabelledFrame
from ml.ranking.training import concatenate, labelled_frame
from ml.retrieval.contract import Ranking
from ml.steps.workbench import Workbench

# What the ranker practises, and how often: whatever a user takes, what is new to the user, what completes a basket,
# and users of whom nothing or little is known.
PRACTISED = {
    "all": 4, "discoveries": 4, "basket_completion": 4, "new_users_0": 1, "new_users_1": 1, "new_users_3": 1,
}  # fmt: skip
TRAINING_REQUESTS = 12_000  # at most, of all segments: keeps the rows within half a gigabyte
VALIDATION_REQUESTS = 1_500  # at most, of all segments, with all of their candidates
NEGATIVES = 80  # candidates of a training request that were not taken; the rest repeat what these say

Rankings = Mapping[str, Mapping[Key, Ranking]]


def ranker_rows(
    bench: Workbench, rankings: Rankings, quotas: Mapping[str, int], maximum: int
) -> tuple[LabelledFrame, LabelledFrame]:
    """Training rows from [t1, t2) and validation rows from [t2, t3).

    Args:
        bench: The opened data set.
        rankings: What each retriever, fitted before t1, answered to every case.
        quotas: Candidates of each retriever that count.
        maximum: Merged candidates a request.
    """
    generator = np.random.default_rng(bench.seed)

    def rows(window: str, requests: int, negatives: int | None) -> LabelledFrame:
        batches = bench.batches[window]
        share = requests / sum(PRACTISED[segment.name] for _, segment in _practised(batches))
        parts = []
        for moment, together in groupby(progress(batches, f"rows of the {window} window"), lambda batch: batch.moment):
            snapshot = bench.features.at(moment)
            for batch, segment in _practised(together):
                chosen = _drawn(segment, max(round(PRACTISED[segment.name] * share), 1), generator)
                found = _chosen_rankings(rankings, batch, segment, chosen)
                candidates = merge(found, quotas, maximum)
                asked, labels = bench.visible.requests(batch.requests.take(chosen)), segment.labels.take(chosen)
                parts.append(labelled_frame(asked, labels, candidates, snapshot, negatives, generator))
        return concatenate(parts)

    return rows("ranker", TRAINING_REQUESTS, NEGATIVES), rows("validation", VALIDATION_REQUESTS, None)


def _practised(batches: Iterable[Batch]) -> list[tuple[Batch, Segment]]:
    return [(batch, segment) for batch in batches for segment in batch.segments if segment.name in PRACTISED]


def _drawn(segment: Segment, most: int, generator: np.random.Generator) -> np.ndarray:
    """Up to `most` requests that have a label, in order."""
    asked = np.flatnonzero(segment.labels.lengths)
    return np.sort(generator.choice(asked, min(most, len(asked)), replace=False))


def _chosen_rankings(rankings: Rankings, batch: Batch, segment: Segment, rows: np.ndarray) -> dict[str, Ranking]:
    key = fingerprint(batch.requests), segment.mode
    return {name: Ranking(found[key].item[rows], found[key].score[rows]) for name, found in rankings.items()}
