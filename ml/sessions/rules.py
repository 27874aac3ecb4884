"""Models that read one weight for each pair of items: item-kNN, sequential rules, first-order Markov.

They differ in what a pair of clicks of one session is worth (Ludewig and Jannach, UMUAI 2018):

    item_knn  1 for every two items of a session, in either order; scaled to the cosine (Sarwar et al., WWW 2001)
    rules     1 / steps from the earlier click to the later one
    markov    1 for a click that follows at once
"""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, NamedTuple, Self

import numpy as np
from pydantic import Field
from scipy.sparse import coo_array, csr_array

from ml.data.arrays import Floats, Indices, Ints, Ragged
from ml.domains.frozen import Frozen
from ml.retrieval.contract import Ranking
from ml.searched import Searched
from ml.sessions.kernels import clear, jit, rank_in_threads, score_in_threads, take_best
from ml.sessions.session_knn import Decay, Steps, decay_table
from ml.sessions.sessions import HalfLife, Queries, Sessions


class RulesParameters(Frozen):
    """What a pair of clicks is worth, and how many clicks of the query are read."""

    kind: Literal["item_knn", "rules", "markov"] = Field("rules", description="What a pair of clicks is worth.")
    reach: Annotated[int, Searched(1, 20)] = Field(
        10, ge=1, description="Most steps between the clicks of a pair (markov: 1)."
    )
    last: Annotated[int, Searched(1, 10)] = Field(1, ge=1, description="Latest clicks of the query that are read.")
    last_decay: Decay = Field("exponential", description="How they lose weight with steps back.")
    last_steps: Steps = Field(1.0, gt=0, description="Scale of that decay, clicks.")
    shrinkage: Annotated[float, Searched(1, 300, log=True)] = Field(
        20.0, ge=0, description="Clicks added to an item's own when scaling to the cosine."
    )
    half_life: HalfLife = Field(
        0.0,
        ge=0,
        description="Age at which a session counts half, as a share of the time that the sessions span; 0: never.",
    )


class Table(NamedTuple):
    """The weights as compressed rows, and what each click of the query weighs."""

    start: Ints  # (I + 1,)
    item: Indices
    weight: Floats
    last: Floats  # (clicks read,) by steps back


@dataclass(frozen=True)
class Rules:
    """Score: weights of the pairs from the query's latest items, summed."""

    name: ClassVar[str] = "rules"
    Parameters: ClassVar[type[Frozen]] = RulesParameters

    table: Table
    threads: int

    @classmethod
    def fit(cls, sessions: Sessions, parameters: RulesParameters, *, seed: int, threads: int) -> Self:  # noqa: ARG003
        """Count the pairs of every session."""
        matrix = pair_weights(sessions, parameters)
        last = decay_table(parameters.last_decay, parameters.last_steps)[: parameters.last]
        start, item = matrix.indptr.astype(np.int64), matrix.indices.astype(np.int32)
        return cls(Table(start, item, matrix.data.astype(np.float32), last), threads)

    def rank(self, queries: Queries, k: int) -> Ranking:
        """The best K items of each query; fewer where no rule fires."""
        prefix = queries.prefix

        def answer(start: int, stop: int, item: Indices, score: Floats) -> None:
            rank(prefix.offsets[start : stop + 1], prefix.values, self.table, item, score)

        return rank_in_threads(answer, len(queries), k, self.threads)

    def score(self, queries: Queries, candidates: Ragged) -> Floats:
        """(N,) the score of each candidate; 0 where no rule leads to it."""
        prefix = queries.prefix

        def answer(start: int, stop: int, offsets: Ints, values: Indices, result: Floats) -> None:
            score(prefix.offsets[start : stop + 1], prefix.values, self.table, offsets, values, result)

        return score_in_threads(answer, candidates, self.threads)


def pair_weights(sessions: Sessions, parameters: RulesParameters) -> csr_array:
    """(I, I) row i holds what follows from item i; an item never leads to itself by `item_knn`."""
    clicks, rows, shape = sessions.clicks, sessions.clicks.rows, (sessions.items, sessions.items)
    of_session = sessions.recency(parameters.half_life).astype(np.float64)
    total = csr_array(shape, dtype=np.float64)
    for steps in range(1, (1 if parameters.kind == "markov" else parameters.reach) + 1):
        earlier = np.flatnonzero(rows[:-steps] == rows[steps:])
        if not len(earlier):
            break
        pair = clicks.values[earlier], clicks.values[earlier + steps]
        worth = of_session[rows[earlier]] * (1.0 if parameters.kind == "item_knn" else 1 / steps)
        total = total + coo_array((worth, pair), shape=shape).tocsr()
    return _cosine(total + total.T, sessions, parameters.shrinkage) if parameters.kind == "item_knn" else total


def _cosine(shared: csr_array, sessions: Sessions, shrinkage: float) -> csr_array:
    own = sessions.counts + shrinkage
    found = shared.tocoo()
    apart = found.row != found.col
    row, column = found.row[apart], found.col[apart]
    value = found.data[apart] / np.sqrt(own[row] * own[column])
    return coo_array((value, (row, column)), shape=shared.shape).tocsr()


@jit
def fill(query: Indices, table: Table, buffer: Floats, touched: Indices) -> int:
    """Score one query into the buffer; returns how many items were touched."""
    count = 0
    for back in range(min(len(query), len(table.last))):
        source, weight = query[len(query) - 1 - back], table.last[back]
        for at in range(table.start[source], table.start[source + 1]):
            item = table.item[at]
            if buffer[item] == 0:
                touched[count] = item
                count += 1
            buffer[item] += weight * table.weight[at]
    return count


@jit
def rank(offsets: Ints, values: Indices, table: Table, item: Indices, score: Floats) -> None:
    """Write the best K items of each query to `item` and `score` (C, K)."""
    items = len(table.start) - 1
    buffer, touched = np.zeros(items, np.float32), np.empty(items, np.int32)
    for row in range(len(offsets) - 1):
        count = fill(values[offsets[row] : offsets[row + 1]], table, buffer, touched)
        take_best(buffer, touched, count, item[row], score[row])
        clear(buffer, touched, count)


@jit
def score(offsets: Ints, values: Indices, table: Table, start: Ints, candidate: Indices, result: Floats) -> None:
    """Write the score of each candidate of each query to `result` (N,)."""
    items = len(table.start) - 1
    buffer, touched = np.zeros(items, np.float32), np.empty(items, np.int32)
    for row in range(len(offsets) - 1):
        count = fill(values[offsets[row] : offsets[row + 1]], table, buffer, touched)
        for place in range(start[row], start[row + 1]):
            result[place] = buffer[candidate[place]]
        clear(buffer, touched, count)
