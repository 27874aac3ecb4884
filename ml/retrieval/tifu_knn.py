"""TIFU-kNN: temporal item frequency with nearest neighbours (Hu, He, Gao, Zhang, SIGIR 2020).

A user is one vector: each session (basket) a multi-hot vector, sessions in groups of `group_size` counted back
from the latest, decayed within a group and between groups, averaged. The prediction blends the own vector with
the mean of the nearest neighbours' vectors.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, ClassVar, Self

import numpy as np
from pydantic import Field
from scipy.sparse import csr_array

from ml.data.arrays import Floats, Ints
from ml.data.dataset import Log
from ml.data.requests import History, Requests
from ml.domains.frozen import Frozen
from ml.retrieval.contract import State, TrainingData, top_k
from ml.retrieval.history import sessions_since
from ml.retrieval.sparse import add_scores, product_scores, rows_of, summed
from ml.retrieval.stored import Stored
from ml.searched import Searched


class TifuKnnParameters(Frozen):
    """Names as in the paper where it has no common one here."""

    neighbours: Annotated[int, Searched(100, 900, log=True)] = Field(
        300, ge=1, description="Nearest users whose mean is blended in."
    )
    group_size: Annotated[int, Searched(3, 15)] = Field(7, ge=1, description="Sessions a group.")
    within_decay: Annotated[float, Searched(0.6, 1)] = Field(
        1.0, gt=0, le=1, description="Factor a session back within its group (r_b)."
    )
    group_decay: Annotated[float, Searched(0.5, 1)] = Field(0.75, gt=0, le=1, description="Factor a group back (r_g).")
    own_share: Annotated[float, Searched(0.1, 0.9)] = Field(
        0.5, ge=0, le=1, description="Weight of the own vector, the rest is the neighbours'."
    )


@dataclass(frozen=True)
class TifuKnn(Stored):
    """Score: own_share · own vector + (1 - own_share) · mean of the neighbours' vectors."""

    name: ClassVar[str] = "tifu_knn"
    Parameters: ClassVar[type[Frozen]] = TifuKnnParameters
    inputs: ClassVar[tuple[str, ...]] = ("user", "history")

    parameters: TifuKnnParameters
    member: Ints  # (M,) the users that have a history
    vectors: csr_array  # (M, items) theirs

    @cached_property
    def by_item(self) -> csr_array:
        """(items, M) the same, by item."""
        return self.vectors.T.tocsr()

    @cached_property
    def squared_lengths(self) -> Floats:
        """(M,) of the vectors."""
        squares = self.vectors.data.astype(np.float64) ** 2
        return np.bincount(rows_of(self.vectors), squares, minlength=len(self.member)).astype(np.float32)

    @classmethod
    def fit(cls, data: TrainingData, parameters: TifuKnnParameters) -> Self:
        """The vectors of all users before t1."""
        return cls.of(data.dataset.log, parameters)

    def refresh(self, state: State) -> Self:
        """The vectors of all users as of the state."""
        return self.of(state.dataset.log, self.parameters)

    @classmethod
    def of(cls, log: Log, parameters: TifuKnnParameters) -> Self:
        """The vectors of all users of a log."""
        member = np.flatnonzero(np.diff(log.offsets))
        return cls(parameters, member, user_vectors(log.history(), parameters, log.items)[member])

    def score(self, requests: Requests) -> Floats:
        """(R, items) blended frequencies; `-inf` for what neither the user nor a neighbour took."""
        own = user_vectors(requests.history, self.parameters, self.vectors.shape[1])
        nearest = self._nearest(own, requests)
        share = self.parameters.own_share
        scores = product_scores(nearest * np.float32(1 - share), self.vectors)
        return add_scores(scores, own * np.float32(share))

    def _nearest(self, own: csr_array, requests: Requests) -> csr_array:
        """(R, M) 1 / neighbours at the nearest users by Euclidean distance, never the user itself."""
        dots = product_scores(own, self.by_item)
        # Minus the squared distance, but for the request's own length; users who share nothing are not near.
        closeness = 2 * dots - self.squared_lengths
        closeness[requests.user[:, None] == self.member] = -np.inf
        best = top_k(closeness, self.parameters.neighbours).item
        found = best >= 0
        row, count = np.nonzero(found)[0], found.sum(axis=1)
        return summed(row, best[found], 1 / np.maximum(count, 1)[row], closeness.shape)


def user_vectors(history: History, parameters: TifuKnnParameters, items: int) -> csr_array:
    """(R, items) one vector a row of the history."""
    since = sessions_since(history)
    row, m = history.rows, parameters.group_size
    sessions = since[history.offsets[:-1][row]] + 1  # of the whole request: as its first event counts them
    groups = -(-sessions // m)
    group, place = since // m, since % m
    size = np.minimum(m, sessions - group * m)  # the oldest group may be smaller
    weight = parameters.within_decay**place / size * parameters.group_decay**group / groups
    once = first_in_session(history, since, items)
    return summed(row[once], history.item[once], (history.weight * weight)[once], (len(history), items))


def first_in_session(history: History, since: Ints, items: int) -> Ints:
    """Positions of the first event of each item in each session: a session is a set."""
    session = history.rows * (since.max(initial=0) + 1) + since
    return np.unique(session * items + history.item, return_index=True)[1]
