"""Item-to-item co-occurrence within sessions (Sarwar et al., WWW 2001; Linden et al., IEEE Internet Computing 2003).

Two items are alike as far as they share sessions (baskets, visits). The co-occurrence matrix is the sparse
product of the binary session × item matrix with itself, done in blocks of items so that its memory stays bounded.
"""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, Self

import numpy as np
from pydantic import Field
from scipy.sparse import csr_array, vstack

from ml.data.arrays import Floats, Ragged, distinct
from ml.data.dataset import Log
from ml.data.requests import Requests
from ml.domains.frozen import Frozen
from ml.retrieval.contract import Ranking, State, TrainingData
from ml.retrieval.history import history_matrix
from ml.retrieval.sparse import Entries, add_scores, best_of_product, product_scores, rows_of, strongest, summed
from ml.retrieval.stored import Stored
from ml.searched import Searched

BLOCK = 4096  # items a block of the product


class SimilarityParameters(Frozen):
    """How alike two items are."""

    similarity: Literal["cosine", "lift"] = Field(
        "cosine", description="Shared sessions over sqrt(own · own), or over what chance would share."
    )
    shrinkage: Annotated[float, Searched(1, 100, log=True)] = Field(
        20.0, ge=0, description="Shared sessions at which a similarity counts half."
    )
    neighbours: int = Field(200, ge=1, description="Similar items kept for each item.")


class ItemToItemParameters(SimilarityParameters):
    """How alike two items are, and how a history is weighed."""

    half_life_days: Annotated[float, Searched(10, 180, log=True)] = Field(
        60.0, gt=0, description="Days after which an event of a history counts half."
    )
    own_similarity: Annotated[float, Searched(0, 3)] = Field(
        1.0, ge=0, description="Similarity of an item with itself; 0: no repeats as such."
    )


class BasketParameters(SimilarityParameters):
    """How alike two items are, and how the items of the current session are weighed."""

    position_decay: Annotated[float, Searched(0.4, 1)] = Field(
        0.8, gt=0, le=1, description="Factor an item back from the session's latest, where sessions have an order."
    )


@dataclass(frozen=True)
class ItemToItem(Stored):
    """Score: similarities to the items of the history, summed with the decayed weights of the events."""

    name: ClassVar[str] = "item_to_item"
    Parameters: ClassVar[type[Frozen]] = ItemToItemParameters
    inputs: ClassVar[tuple[str, ...]] = ("moment", "history")

    parameters: ItemToItemParameters
    similar: csr_array  # (items, items): row i holds the neighbours of item i

    @classmethod
    def fit(cls, data: TrainingData, parameters: ItemToItemParameters) -> Self:
        """Count the sessions before t1."""
        return cls(parameters, similarities(session_items(data.dataset.log), parameters))

    def refresh(self, state: State) -> Self:  # noqa: ARG002 - the contract's signature
        """The similarities stay as fitted; the request brings its history."""
        return self

    def score(self, requests: Requests) -> Floats:
        """(R, items) weighted similarities; `-inf` for items that share no session with the history."""
        anchors = history_matrix(requests, self.parameters.half_life_days, self.similar.shape[0])
        scores = product_scores(anchors, self.similar)
        own = np.float32(self.parameters.own_similarity)
        return add_scores(scores, anchors * own) if own else scores


@dataclass(frozen=True)
class Basket(Stored):
    """Score: similarities to the items of the current session; what was taken before it says nothing."""

    name: ClassVar[str] = "basket"
    Parameters: ClassVar[type[Frozen]] = BasketParameters
    inputs: ClassVar[tuple[str, ...]] = ("session",)

    parameters: BasketParameters
    similar: csr_array  # (items, items): row i holds the neighbours of item i
    ordered: bool  # whether the source knows in which order the items of a session were taken

    @classmethod
    def fit(cls, data: TrainingData, parameters: BasketParameters) -> Self:
        """Count the sessions before t1."""
        log = data.dataset.log
        return cls(parameters, similarities(session_items(log), parameters), has_order(log))

    def refresh(self, state: State) -> Self:  # noqa: ARG002 - the contract's signature
        """The similarities stay as fitted; the request brings its session."""
        return self

    def score(self, requests: Requests) -> Floats:
        """(R, items) weighted similarities; `-inf` for items that share no session with the current one."""
        return product_scores(self._anchors(requests), self.similar)

    def best(self, requests: Requests, k: int, exclude: Ragged) -> Ranking:
        """The K best of these: a session has few items, and each few that are like it."""
        return best_of_product(self._anchors(requests), self.similar, k, exclude)

    def _anchors(self, requests: Requests) -> Entries:
        """What each item of the current sessions weighs."""
        session = requests.session
        if not self.ordered:
            return Entries(session.offsets, session.values, np.ones(len(session.values), np.float32))
        back = np.repeat(session.offsets[1:], session.lengths) - 1 - np.arange(len(session.values))  # 0: the latest
        return Entries(session.offsets, session.values, (self.parameters.position_decay**back).astype(np.float32))


def has_order(log: Log) -> bool:
    """Whether most events of a session come later than the one before: a till prints one instant for a basket."""
    together = np.diff(log.session) == 0
    return bool(np.count_nonzero(together & (np.diff(log.at) > 0)) * 2 > np.count_nonzero(together))


def session_items(log: Log) -> csr_array:
    """(sessions, items) one where the session holds the item."""
    pairs = distinct(log.session.astype(np.int64) * log.items + log.item)
    session, item = pairs // max(log.items, 1), (pairs % max(log.items, 1)).astype(np.int32)
    sessions = int(session.max(initial=-1)) + 1
    return summed(session, item, np.ones(len(pairs)), (sessions, log.items))


def similarities(sessions: csr_array, parameters: SimilarityParameters) -> csr_array:
    """(items, items) the strongest similarities of each item, its own left out.

    cosine: c / sqrt(n_i n_j); lift: c S / (n_i n_j); both times c / (c + shrinkage), where c is how many of the
    S sessions hold both items and n how many hold the one.
    """
    own = np.asarray(sessions.sum(axis=0))
    held = sessions.T.tocsr()
    blocks = []
    for start in range(0, held.shape[0], BLOCK):
        shared = (held[start : start + BLOCK] @ sessions).tocsr()
        row, column, count = rows_of(shared) + start, shared.indices, shared.data
        chance = own[row] * own[column]
        expected = np.sqrt(chance) if parameters.similarity == "cosine" else chance / sessions.shape[0]
        value = count / expected * count / (count + parameters.shrinkage)
        value[row == column] = 0
        block = csr_array((value.astype(np.float32), column, shared.indptr), shape=shared.shape)
        blocks.append(strongest(block, parameters.neighbours))
    return vstack(blocks, format="csr")
