"""The next basket as a linear function of the history: ridge regression from decayed counts to what came next.

Every basket of every customer is one row to learn from: what the customer took before it, decayed by age, explains
what is in it. As EASE (Steck, "Embarrassingly shallow autoencoders for sparse data", WWW 2019) it is solved at once
by one Cholesky factorisation; unlike EASE the target is the next basket, so that an item may predict itself (a
repeat), and its successors in time are told from its predecessors.

Shapes: R requests, B baskets that have one before them, I items, F items that predict (the most taken ones).
"""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Self

import numpy as np
from pydantic import Field
from scipy.sparse import csr_array, hstack

from ml.data.arrays import Bools, Floats, Ints
from ml.data.dataset import Log, requests_for
from ml.data.requests import Requests
from ml.domains.frozen import Frozen
from ml.retrieval.contract import State, TrainingData
from ml.retrieval.history import history_matrix
from ml.retrieval.item_to_item import session_items
from ml.retrieval.sparse import rows_of
from ml.retrieval.stored import Stored
from ml.searched import Searched


class BasketRegressionParameters(Frozen):
    """What the regression sees, and how far it is held back."""

    half_life_days: Annotated[float, Searched(0.1, 200, log=True)] = Field(
        8.0, gt=0, description="Days after which an event of a history counts half."
    )
    regularisation: Annotated[float, Searched(0.1, 3000, log=True)] = Field(
        120.0, gt=0, description="Added to the diagonal of the normal equations."
    )
    inputs: int = Field(4500, ge=1, description="Most taken items that predict; memory grows with its square.")
    length_share: Annotated[float, Searched(0, 1)] = Field(
        0.5, ge=0, le=1, description="Power of a history's length that it is divided by: 0 leaves it, 1 makes all one."
    )


@dataclass(frozen=True)
class BasketRegression(Stored):
    """Score: the expected content of the next basket, given the decayed history."""

    name: ClassVar[str] = "basket_regression"
    Parameters: ClassVar[type[Frozen]] = BasketRegressionParameters

    parameters: BasketRegressionParameters
    inputs: Ints  # (F,) numbers of the items that predict
    weights: Floats  # (F + 1, I); the last row is what is expected without any history
    taken: Bools  # (I,) whether anybody ever took the item

    @classmethod
    def fit(cls, data: TrainingData, parameters: BasketRegressionParameters) -> Self:
        """Solve for all baskets before t1 that have one before them."""
        log = data.dataset.log
        count = np.bincount(log.item, minlength=log.items)
        known = int(np.count_nonzero(count))
        inputs = np.sort(np.argsort(-count, kind="stable")[: min(parameters.inputs, known)])
        begin = first_lines(log)
        before = requests_for(log, log.user[begin], log.at[begin])
        history = _inputs(before, inputs, parameters, log.items)
        baskets = session_items(log)[log.session[begin]]
        return cls(parameters, inputs, _solved(history, baskets, parameters.regularisation), count > 0)

    def refresh(self, state: State) -> Self:  # noqa: ARG002 - the contract's signature
        """The weights stay as fitted; the request brings its history."""
        return self

    def score(self, requests: Requests) -> Floats:
        """(R, I) expected content; `-inf` for items that nobody took before t1."""
        scores = _inputs(requests, self.inputs, self.parameters, len(self.taken)) @ self.weights
        scores[:, ~self.taken] = -np.inf
        found: Floats = scores
        return found


def first_lines(log: Log) -> Ints:
    """(B,) the first event of each session, but for each user's first session."""
    begins = np.diff(log.session, prepend=-1) != 0
    return np.flatnonzero(begins & (np.diff(log.user, prepend=-1) == 0))


def _inputs(requests: Requests, inputs: Ints, parameters: BasketRegressionParameters, items: int) -> csr_array:
    """(R, F + 1) decayed counts of the items that predict, over a power of the history's length, and a one."""
    counts = history_matrix(requests, parameters.half_life_days, items)
    squares = np.bincount(rows_of(counts), counts.data.astype(np.float64) ** 2, minlength=len(requests))
    scale = np.maximum(squares, 1e-12) ** (-parameters.length_share / 2)
    counts.data *= scale[rows_of(counts)].astype(np.float32)
    one = csr_array(np.ones((len(requests), 1), np.float32))
    return hstack([counts[:, inputs], one], format="csr")


def _solved(history: csr_array, baskets: csr_array, regularisation: float) -> Floats:
    """(F + 1, I) the ridge solution; the constant is held back as little as keeps the equations solvable."""
    from scipy.linalg import cho_factor, cho_solve

    transposed = history.T.tocsr()
    normal = (transposed @ history).toarray()
    penalty = np.full(len(normal), regularisation, np.float32)
    penalty[-1] = 1.0
    normal[np.diag_indices(len(normal))] += penalty
    factor = cho_factor(normal, lower=True, overwrite_a=True, check_finite=False)
    right = (transposed @ baskets).toarray(order="F")
    weights: Floats = cho_solve(factor, right, overwrite_b=True, check_finite=False)
    return np.ascontiguousarray(weights)
