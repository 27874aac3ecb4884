"""Implicit alternating least squares (Hu, Koren, Volinsky, ICDM 2008), by the `implicit` library.

Only the item vectors are kept. A request's vector is always solved from its history, never looked up, so that a
user who came yesterday, or was held out of training, is served like any other.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, ClassVar, Self

import numpy as np
from pydantic import Field
from scipy.sparse import csr_array, csr_matrix

from ml.data.arrays import Floats
from ml.data.requests import Requests
from ml.domains.frozen import Frozen
from ml.retrieval.contract import State, TrainingData
from ml.retrieval.history import decay, history_matrix
from ml.retrieval.sparse import summed
from ml.retrieval.stored import Stored
from ml.searched import Searched
from ml.threads import one_blas_thread


class AlsParameters(Frozen):
    """Size of the factorisation, and how sure a count makes it."""

    embedding_size: Annotated[int, Searched(32, 128, log=True)] = Field(64, ge=1, description="Numbers a vector.")
    epochs: int = Field(15, ge=1, description="Alternations of solving users and items.")
    regularisation: Annotated[float, Searched(0.1, 30, log=True)] = Field(
        1.0, gt=0, description="Added to the diagonal of each normal equation."
    )
    confidence: Annotated[float, Searched(0.3, 30, log=True)] = Field(
        2.0, gt=0, description="A count of c times the usual weighs 1 + confidence · ln(1 + c)."
    )
    half_life_days: Annotated[float, Searched(20, 365, log=True)] = Field(
        90.0, gt=0, description="Days after which an event counts half."
    )


@dataclass(frozen=True)
class Als(Stored):
    """Score: inner product of the request's vector, folded in from its history, with the item's."""

    name: ClassVar[str] = "als"
    Parameters: ClassVar[type[Frozen]] = AlsParameters
    inputs: ClassVar[tuple[str, ...]] = ("moment", "history")

    parameters: AlsParameters
    item_vectors: Floats  # (items, D); zero for items that nobody took
    usual: float  # mean decayed count of a user with an item: what an event weighs differs between domains

    @cached_property
    def gram(self) -> Floats:
        """(D, D) inner products of the items' dimensions."""
        return self.item_vectors.T @ self.item_vectors

    @cached_property
    def columns(self) -> Floats:
        """(D, items) the item vectors side by side, by which a few requests are multiplied twice as fast."""
        return np.ascontiguousarray(self.item_vectors.T)

    @cached_property
    def taken(self) -> Floats:
        """(items,) 0 for items that somebody took before t1, `-inf` for the others."""
        return np.where(self.item_vectors.any(axis=1), np.float32(0), np.float32(-np.inf))

    @classmethod
    def fit(cls, data: TrainingData, parameters: AlsParameters) -> Self:
        """Factorise the decayed counts of all users before t1."""
        from implicit.cpu.als import AlternatingLeastSquares
        from threadpoolctl import threadpool_limits

        log = data.dataset.log
        counts = summed(
            log.user, log.item, log.weight * decay(data.as_of - log.at, parameters.half_life_days),
            (log.users, log.items),
        )  # fmt: skip
        usual = float(counts.data.mean()) if counts.nnz else 1.0
        with threadpool_limits(1, "blas"):  # the library has its own threads, one a row
            model = AlternatingLeastSquares(
                factors=parameters.embedding_size, regularization=parameters.regularisation, alpha=1.0,
                iterations=parameters.epochs, num_threads=data.threads, random_state=data.seed,
            )  # fmt: skip
            model.fit(csr_matrix(confidences(counts / usual, parameters.confidence)), show_progress=False)
        vectors = np.asarray(model.item_factors)
        vectors[np.bincount(counts.indices, minlength=log.items) == 0] = 0
        return cls(parameters, vectors, usual)

    def refresh(self, state: State) -> Self:  # noqa: ARG002 - the contract's signature
        """The item vectors stay as fitted; the request brings its history."""
        return self

    def score(self, requests: Requests) -> Floats:
        """(R, items) inner products; `-inf` for items that nobody took before t1, and without a history."""
        vectors = self.request_vectors(requests)
        scores: Floats = vectors @ self.columns
        scores += self.taken
        scores[~vectors.any(axis=1)] = -np.inf
        return scores

    def request_vectors(self, requests: Requests) -> Floats:
        """(R, D) the solution of each request's normal equations, given the item vectors."""
        counts = history_matrix(requests, self.parameters.half_life_days, len(self.item_vectors))
        weights = confidences(counts / self.usual, self.parameters.confidence)
        size = self.parameters.embedding_size
        common = self.gram + self.parameters.regularisation * np.eye(size, dtype="f4")
        left = np.empty((len(requests), size, size), np.float32)
        right = np.empty((len(requests), size), np.float32)
        with one_blas_thread():
            for r, (start, stop) in enumerate(zip(weights.indptr[:-1], weights.indptr[1:], strict=True)):
                taken = self.item_vectors[weights.indices[start:stop]]  # (N, D)
                weight = weights.data[start:stop]
                left[r] = common + (taken.T * (weight - 1)) @ taken
                right[r] = weight @ taken
            return np.linalg.solve(left, right[..., None])[..., 0]


def confidences(counts: csr_array, confidence: float) -> csr_array:
    """1 + confidence · ln(1 + count) where there is a count."""
    data = (1 + confidence * np.log1p(counts.data)).astype(np.float32)
    return csr_array((data, counts.indices, counts.indptr), shape=counts.shape)
