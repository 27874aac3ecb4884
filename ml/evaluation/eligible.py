"""A model that may not recommend what the rules forbid: what keeping to them costs."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ml.data.requests import Requests
from ml.domains.eligibility import Eligibility
from ml.evaluation.protocol import Kind, Mode, Rankable
from ml.features.store import Snapshot
from ml.reranking.eligibility import ItemsSeen, decide
from ml.retrieval.contract import Ranking, State


@dataclass(frozen=True)
class EligibleModel:
    """Another model's rankings without what a domain's rules forbid each user at the moment of asking."""

    model: Rankable
    eligibility: Eligibility
    items: ItemsSeen
    name: str
    kind: Kind = "recommender"

    def refresh(self, state: State) -> "EligibleModel":
        """The same with the model as of a later instant."""
        return replace(self, model=self.model.refresh(state))

    def rank(self, requests: Requests, snapshot: Snapshot, k: int, modes: Sequence[Mode]) -> dict[Mode, Ranking]:
        """The K best items that the rules allow, once a mode; what they forbid among the K best is not replaced.

        K is the depth of an evaluation: where the catalogue is no larger, nothing is lost by that.
        """
        found = self.model.rank(requests, snapshot, k, modes)
        return {mode: self._allowed(requests, ranking) for mode, ranking in found.items()}

    def _allowed(self, requests: Requests, ranking: Ranking) -> Ranking:
        allowed = decide(self.eligibility, requests, self.items, ranking.item).allowed
        order = np.argsort(~allowed, axis=1, kind="stable")  # what is allowed moves up, in its order
        kept = np.take_along_axis(allowed, order, axis=1)
        item = np.where(kept, np.take_along_axis(ranking.item, order, axis=1), np.int32(-1))
        score = np.where(kept, np.take_along_axis(ranking.score, order, axis=1), np.float32(-np.inf))
        return Ranking(item, score)
