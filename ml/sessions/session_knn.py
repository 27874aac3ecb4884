"""Session-kNN: what was taken in the past sessions that are most like the current one.

One kernel, driven by tables of weights, is V-SkNN (Ludewig and Jannach, "Evaluation of session-based recommendation
algorithms", UMUAI 2018) and STAN (Garg et al., "Sequence and time aware neighborhood for session-based
recommendations", SIGIR 2019):

    sim(q, n)   = Σ_{i ∈ q ∩ n} position(steps of i before the end of q) · idf_i^a / |n|^b · exp(-age of n / λ)
    score(q, j) = Σ_{n ∈ N(q)} sim(q, n) · match(steps of the latest shared item) · distance(j, that item) · idf_j^c
"""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, Self

import numpy as np
from pydantic import Field

from ml.data.arrays import Floats, Indices, Ints, Ragged
from ml.domains.frozen import Frozen
from ml.retrieval.contract import Ranking
from ml.searched import Searched, SearchedAmong
from ml.sessions import session_knn_kernels as kernels
from ml.sessions.kernels import rank_in_threads, score_in_threads
from ml.sessions.sessions import HalfLife, Queries, Sessions

STEPS = 64  # length of the tables; what is further back weighs like the last entry
Decay = Literal["none", "linear", "reciprocal", "exponential"]
AnyDecay = Annotated[Decay, SearchedAmong(("none", "linear", "reciprocal", "exponential"))]
Steps = Annotated[float, Searched(0.5, 20, log=True)]


class SessionKnnParameters(Frozen):
    """Which sessions are neighbours, and what their items weigh."""

    neighbours: Annotated[int, Searched(50, 1500, log=True)] = Field(
        200, ge=1, description="Most similar sessions that are read."
    )
    sample: int = Field(2000, ge=0, description="Latest sessions that share an item and are compared; 0: all of them.")
    position_decay: AnyDecay = Field("linear", description="How an item of the query loses weight with steps back.")
    position_steps: Steps = Field(10.0, gt=0, description="Scale of that decay; linear: steps until nothing is left.")
    match_decay: AnyDecay = Field(
        "linear", description="How a neighbour loses weight with the steps to its latest match."
    )
    match_steps: Steps = Field(10.0, gt=0, description="Scale of that decay.")
    distance_decay: AnyDecay = Field("none", description="How an item loses weight with its distance from the match.")
    distance_steps: Steps = Field(2.0, gt=0, description="Scale of that decay, clicks.")
    behind: Annotated[float, Searched(0, 1)] = Field(
        1.0, ge=0, description="Weight of items that the neighbour took before the match."
    )
    query_idf: Annotated[float, Searched(0, 2)] = Field(
        0.0, ge=0, description="Power of a shared item's inverse session frequency."
    )
    item_idf: Annotated[float, Searched(0, 2)] = Field(
        1.0, ge=0, description="Power of a recommended item's inverse session frequency."
    )
    length_norm: Annotated[float, Searched(0, 1)] = Field(
        0.0, ge=0, description="Power of a neighbour's length that its similarity is divided by."
    )
    half_life: HalfLife = Field(
        0.0,
        ge=0,
        description="Age at which a neighbour counts half, as a share of the time that the sessions span; 0: never.",
    )


@dataclass(frozen=True)
class SessionKnn:
    """Past sessions, and which of them hold each item."""

    name: ClassVar[str] = "session_knn"
    Parameters: ClassVar[type[Frozen]] = SessionKnnParameters

    parameters: SessionKnnParameters
    index: kernels.Index
    tables: kernels.Tables
    threads: int

    @classmethod
    def fit(cls, sessions: Sessions, parameters: SessionKnnParameters, *, seed: int, threads: int) -> Self:  # noqa: ARG003
        """Index the sessions of two clicks and more."""
        sessions = sessions.take(np.flatnonzero(sessions.clicks.lengths > 1))
        return cls(parameters, _index(sessions), _tables(sessions, parameters), threads)

    def rank(self, queries: Queries, k: int) -> Ranking:
        """The best K items of each query; fewer where no past session shares an item."""
        prefix, at = queries.prefix, queries.at

        def answer(start: int, stop: int, item: Indices, score: Floats) -> None:
            asked = prefix.offsets[start : stop + 1], prefix.values, at[start:stop]
            kernels.rank(*asked, self.index, self.tables, item, score)

        return rank_in_threads(answer, len(queries), k, self.threads)

    def score(self, queries: Queries, candidates: Ragged) -> Floats:
        """(N,) the score of each candidate; 0 for an item of no neighbour."""
        prefix, at = queries.prefix, queries.at

        def answer(start: int, stop: int, offsets: Ints, values: Indices, score: Floats) -> None:
            asked = prefix.offsets[start : stop + 1], prefix.values, at[start:stop]
            kernels.score(*asked, self.index, self.tables, offsets, values, score)

        return score_in_threads(answer, candidates, self.threads)


def decay_table(kind: Decay, steps: float) -> Floats:
    """(STEPS,) weights by number of steps, the first one 1."""
    number = np.arange(STEPS, dtype=np.float64)
    tables = {
        "none": np.ones(STEPS), "linear": np.maximum(1 - number / steps, 0), "reciprocal": 1 / (1 + number / steps),
        "exponential": np.exp(-number / steps),
    }  # fmt: skip
    return tables[kind].astype(np.float32)


def _index(sessions: Sessions) -> kernels.Index:
    clicks = sessions.clicks
    place = (np.arange(len(clicks.values)) - clicks.offsets[clicks.rows]).astype(np.int32)
    key = clicks.values.astype(np.int64) * len(clicks) + clicks.rows
    order = np.lexsort((-place, key))
    order = order[np.r_[True, np.diff(key[order]) > 0][: len(order)]]  # an item's last place in a session
    starts = np.searchsorted(clicks.values[order], np.arange(sessions.items + 1)).astype(np.int64)
    return kernels.Index(
        starts, clicks.rows[order].astype(np.int32), place[order], clicks.offsets, clicks.values, sessions.at
    )


def _tables(sessions: Sessions, parameters: SessionKnnParameters) -> kernels.Tables:
    clicks = sessions.clicks
    holders = np.unique(clicks.rows * sessions.items + clicks.values) % max(sessions.items, 1)
    frequency = np.bincount(holders, minlength=sessions.items)
    idf = np.log(max(len(sessions), 2) / np.maximum(frequency, 1))
    distance = decay_table(parameters.distance_decay, parameters.distance_steps)
    rate = np.float32(sessions.decay_rate(parameters.half_life))
    return kernels.Tables(
        decay_table(parameters.position_decay, parameters.position_steps),
        decay_table(parameters.match_decay, parameters.match_steps),
        distance, (distance * np.float32(parameters.behind)).astype(np.float32),
        (idf**parameters.query_idf).astype(np.float32), (idf**parameters.item_idf).astype(np.float32),
        (np.maximum(clicks.lengths, 1) ** -parameters.length_norm).astype(np.float32), rate,
        parameters.neighbours, parameters.sample,
    )  # fmt: skip
