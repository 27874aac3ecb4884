"""Rankings that were computed once and are looked up again: the ranker and the judge see the very same candidates."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, cast

import numpy as np

from ml.data.dataset import Dataset
from ml.data.requests import Requests
from ml.evaluation.protocol import Kind, Mode, RetrieverModel
from ml.evaluation.segments import Batch
from ml.features.store import FeatureStore, Snapshot
from ml.logs import progress
from ml.ranking.recommender import Recommender
from ml.retrieval.contract import Ranking, State

Key = tuple[str, Mode]  # the requests' fingerprint, and how they were ranked


def fingerprint(requests: Requests) -> str:
    """Identifies requests by what they ask."""
    digest = hashlib.blake2b(digest_size=8)
    for array in (requests.user, requests.moment, requests.history.offsets, requests.history.item):
        digest.update(np.ascontiguousarray(array).tobytes())
    digest.update(requests.session.offsets.tobytes() + requests.session.values.tobytes())
    return digest.hexdigest()


def rank_batches(
    model: RetrieverModel, batches: Sequence[Batch], dataset: Dataset, features: FeatureStore, depth: int
) -> dict[Key, Ranking]:
    """Every batch ranked in every mode that it needs, by the model as of the batch's moment."""
    found: dict[Key, Ranking] = {}
    ordered = progress(sorted(batches, key=lambda batch: batch.moment), f"{model.name}: ranking")
    for moment, group in groupby(ordered, key=lambda batch: batch.moment):
        state = State(dataset.before(moment), features.at(moment))
        refreshed = model.refresh(state)
        for batch in group:
            rankings = refreshed.rank(batch.requests, state.snapshot, depth, batch.modes)
            found |= {(fingerprint(batch.requests), mode): ranking for mode, ranking in rankings.items()}
    return found


def save_rankings(path: Path, rankings: Mapping[Key, Ranking]) -> None:
    """Write rankings as one .npz file."""
    arrays: dict[str, Any] = {}
    for (requests, mode), ranking in rankings.items():
        arrays |= {f"{requests}.{mode}.item": ranking.item, f"{requests}.{mode}.score": ranking.score}
    np.savez(path, allow_pickle=False, **arrays)


def load_rankings(path: Path) -> dict[Key, Ranking]:
    """Read what `save_rankings` wrote."""
    found: dict[Key, Ranking] = {}
    with np.load(path, allow_pickle=False) as arrays:
        for name in arrays.files:
            requests, mode, what = name.split(".")
            if what == "item":
                found[requests, cast(Mode, mode)] = Ranking(arrays[name], arrays[f"{requests}.{mode}.score"])
    return found


@dataclass(frozen=True)
class ReplayedRetriever:
    """A retriever that answers from stored rankings; other requests are a KeyError."""

    name: str
    kind: Kind
    rankings: Mapping[Key, Ranking]

    def refresh(self, state: State) -> "ReplayedRetriever":
        """Itself."""
        return self

    def rank(
        self,
        requests: Requests,
        snapshot: Snapshot,
        k: int,
        modes: Sequence[Mode],
    ) -> dict[Mode, Ranking]:
        """The first K of the stored rankings."""
        asked = fingerprint(requests)
        stored = {mode: self.rankings[asked, mode] for mode in modes}
        return {mode: Ranking(ranking.item[:, :k], ranking.score[:, :k]) for mode, ranking in stored.items()}


@dataclass(frozen=True)
class ReplayedRecommender:
    """The composed recommender, its candidates taken from stored rankings."""

    name: str
    kind: Kind
    recommender: Recommender  # without retrievers: they have spoken
    rankings: Mapping[str, Mapping[Key, Ranking]]  # retriever → its rankings

    def refresh(self, state: State) -> "ReplayedRecommender":
        """Itself."""
        return self

    def rank(self, requests: Requests, snapshot: Snapshot, k: int, modes: Sequence[Mode]) -> dict[Mode, Ranking]:
        """The K best items of each request, once a mode."""
        asked = fingerprint(requests)
        found: dict[Mode, Ranking] = {}
        for mode in modes:
            candidates = {name: stored[asked, mode] for name, stored in self.rankings.items()}
            slates = self.recommender.rank_all(candidates, requests, snapshot, k)
            found[mode] = Ranking(slates.item, slates.score)
        return found
