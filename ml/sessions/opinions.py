"""What the session models say of a query's candidates, each on its own scale and all of them together.

Trees split one feature at a time and are slow to find a sum; so the sums that matter are features themselves.

Shapes: N candidates of C queries, M models.
"""

from collections.abc import Mapping

import numpy as np

from ml.data.arrays import Floats, Ints, Ragged

OF_MODEL = ("score", "share", "deviation", "place")
OF_ALL = ("mean_deviation", "fused_places")
FUSION = 10.0  # what is added to a place before places are fused: how little the very first places matter


def opinions(scores: Mapping[str, Floats], grouped: Ragged) -> tuple[tuple[str, ...], Floats]:
    """(N, 4 M + 2) what is said of each candidate.

    Each model says: its score; the share that it is of the query's best; how many standard deviations it is above
    the mean of the query's candidates; and its place among them, from 0. All together: the mean of the deviations,
    and the sum of 1 / (10 + place) (reciprocal rank fusion, Cormack et al., SIGIR 2009).

    Args:
        scores: (N,) by model.
        grouped: The candidates, a row a query.
    """
    said = {name: _opinion(score, grouped) for name, score in scores.items()}
    names = tuple(f"{name}_{feature}" for name in said for feature in OF_MODEL)
    together = np.zeros((len(grouped.values), len(OF_ALL)), np.float32)
    for opinion in said.values():
        together[:, 0] += opinion[:, 2] / len(said)
        together[:, 1] += 1 / (FUSION + opinion[:, 3])
    return names + OF_ALL, np.concatenate([*said.values(), together], axis=1)


def _opinion(score: Floats, grouped: Ragged) -> Floats:
    """(N, 4) as `OF_MODEL`."""
    rows, count = grouped.rows, np.maximum(grouped.lengths, 1)
    best = np.zeros(len(grouped), np.float32)
    filled = grouped.lengths > 0
    if filled.any():
        best[filled] = np.maximum.reduceat(score, grouped.offsets[:-1][filled])
    mean = np.bincount(rows, score, len(grouped)) / count
    apart = score - mean[rows]
    spread = np.sqrt(np.bincount(rows, apart**2, len(grouped)) / count)
    said = np.empty((len(score), len(OF_MODEL)), np.float32)
    said[:, 0], said[:, 1] = score, score / np.maximum(best, 1e-9)[rows]
    said[:, 2], said[:, 3] = apart / np.maximum(spread, 1e-9)[rows], places(score, grouped)
    return said


def places(score: Floats, grouped: Ragged) -> Ints:
    """(N,) each candidate's place in its query by score, from 0; the same for equal scores: the first of them."""
    rows = grouped.rows
    order = np.lexsort((-score, rows))
    number = np.arange(len(order))
    begins = np.r_[True, (np.diff(rows[order]) != 0) | (np.diff(score[order]) != 0)][: len(order)]
    first = np.maximum.accumulate(np.where(begins, number, 0))
    place = np.empty(len(order), np.int64)
    place[order] = first - grouped.offsets[rows[order]]
    return place
