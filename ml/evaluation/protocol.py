"""What is judged, and how: models rank the full catalogue for each case, in modes that say which items take part."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol

import numpy as np

from ml.data.arrays import Floats, Indices, Ragged
from ml.data.requests import Requests
from ml.data.visibility import EVERYTHING, Visibility
from ml.features.store import Snapshot
from ml.retrieval.contract import Ranking, Retriever, State, top_k
from ml.settings import settings
from ml.threads import in_threads

Kind = Literal["baseline", "retriever", "ranker", "recommender"]
Mode = Literal["all", "discoveries", "repeats", "completion"]
CHUNK = 64  # requests scored at once: 24 MB of scores for 92,000 items, which the allocator keeps for the next ones


class Rankable(Protocol):
    """A model that can be judged."""

    @property
    def name(self) -> str:
        """What the table calls it."""

    @property
    def kind(self) -> Kind:
        """Its role."""

    def refresh(self, state: State) -> "Rankable":
        """The same model with its counters brought up to the start of a cadence."""

    def rank(self, requests: Requests, snapshot: Snapshot, k: int, modes: Sequence[Mode]) -> dict[Mode, Ranking]:
        """The K best items of each request, once a mode (see `allowed`)."""


@dataclass(frozen=True)
class Allowed:
    """Which items a mode ranks, as `top_k` and `Recommender.recommend` take it; None: no limit."""

    exclude: Ragged | None = None
    only: Ragged | None = None


def allowed(requests: Requests, mode: Mode) -> Allowed:
    """The items that take part.

    `all`: the whole catalogue. `discoveries`: what the user never had before. `repeats`: only what the user had
    before. `completion`: what is not in the current session yet.
    """
    match mode:
        case "all":
            return Allowed(exclude=requests.barred)
        case "discoveries":
            return Allowed(exclude=requests.without(requests.history.items))
        case "repeats":
            return Allowed(exclude=requests.barred, only=requests.history.items)
        case "completion":
            return Allowed(exclude=requests.without(requests.session))


@dataclass(frozen=True)
class RetrieverModel:
    """A retriever as it is judged alone."""

    retriever: Retriever
    kind: Kind = "retriever"
    visible: Visibility = EVERYTHING

    @property
    def name(self) -> str:
        """The retriever's own."""
        return self.retriever.name

    def refresh(self, state: State) -> "RetrieverModel":
        """The same retriever as of a later instant."""
        seen = replace(state, dataset=state.dataset.limited(self.visible))
        return replace(self, retriever=self.retriever.refresh(seen))

    def rank(
        self,
        requests: Requests,
        snapshot: Snapshot,  # noqa: ARG002 - retrievers read histories and counters only
        k: int,
        modes: Sequence[Mode],
    ) -> dict[Mode, Ranking]:
        """The K best items of each request, once a mode."""
        return rank_catalogue(self.retriever, requests, k, modes, self.visible)


def rank_catalogue(
    retriever: Retriever, requests: Requests, k: int, modes: Sequence[Mode], visible: Visibility
) -> dict[Mode, Ranking]:
    """The K best items of the whole catalogue for each request: scored once in chunks, cut once a mode.

    The retriever sees what is visible; which items a mode ranks is by all that is known.
    """

    def answer(start: int) -> list[Ranking]:
        part = requests.take(np.arange(start, min(start + CHUNK, len(requests))))
        scores = retriever.score(visible.requests(part))
        limits = [allowed(part, mode) for mode in modes]
        return [top_k(scores, k, exclude=limit.exclude, only=limit.only) for limit in limits]

    parts = in_threads(answer, range(0, len(requests), CHUNK), settings().threads)
    return {mode: _joined([rankings[at] for rankings in parts], k) for at, mode in enumerate(modes)}


class Slates(Protocol):
    """Ranked items, as `ml.ranking` hands them out."""

    @property
    def item(self) -> Indices:
        """(R, K) best first, -1 where there are fewer."""

    @property
    def score(self) -> Floats:
        """(R, K)."""


class Composed(Protocol):
    """What `RecommenderModel` needs: `ml.ranking.recommender.Recommender` has it."""

    def refresh(self, state: State) -> "Composed":
        """The same models as of a later instant."""

    def recommend(
        self, requests: Requests, snapshot: Snapshot, k: int, *, exclude: Ragged | None, only: Ragged | None
    ) -> Slates:
        """The K best items of each request."""


@dataclass(frozen=True)
class RecommenderModel:
    """The composed recommender as it is judged."""

    recommender: Composed
    name: str = "slate"
    kind: Kind = "recommender"

    def refresh(self, state: State) -> "RecommenderModel":
        """The same recommender as of a later instant."""
        return replace(self, recommender=self.recommender.refresh(state))

    def rank(self, requests: Requests, snapshot: Snapshot, k: int, modes: Sequence[Mode]) -> dict[Mode, Ranking]:
        """The K best items of each request, once a mode."""
        rankings: dict[Mode, Ranking] = {}
        for mode in modes:
            limit = allowed(requests, mode)
            slates = self.recommender.recommend(requests, snapshot, k, exclude=limit.exclude, only=limit.only)
            rankings[mode] = Ranking(slates.item, slates.score)
        return rankings


def _joined(parts: Sequence[Ranking], k: int) -> Ranking:
    if not parts:
        return Ranking(np.zeros((0, k), np.int32), np.zeros((0, k), np.float32))
    return Ranking(np.concatenate([part.item for part in parts]), np.concatenate([part.score for part in parts]))
