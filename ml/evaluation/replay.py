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
from ml.evaluation.protocol import Kind, Mode, rank_catalogue
from ml.evaluation.segments import Batch
from ml.features.store import Snapshot
from ml.logs import progress
from ml.ranking.candidates import merge
from ml.ranking.fusion import reciprocal_rank_fusion
from ml.ranking.recommender import Recommender, chunks
from ml.ranking.training import ordered
from ml.retrieval.contract import Ranking, Retriever, State

Key = tuple[str, Mode]  # the requests' fingerprint, and how they were ranked


def fingerprint(requests: Requests) -> str:
    """Identifies requests by what they ask."""
    digest = hashlib.blake2b(digest_size=8)
    for array in (requests.user, requests.moment, requests.history.offsets, requests.history.item):
        digest.update(np.ascontiguousarray(array).tobytes())
    digest.update(requests.session.offsets.tobytes() + requests.session.values.tobytes())
    return digest.hexdigest()


def rank_batches(model: Retriever, batches: Sequence[Batch], dataset: Dataset, depth: int) -> dict[Key, Ranking]:
    """Every batch ranked in every mode that it needs, by the retriever as of the batch's moment.

    It sees of the batches what the data set that it was fitted on lets it see.
    """
    found: dict[Key, Ranking] = {}
    ordered = progress(sorted(batches, key=lambda batch: batch.moment), f"{model.name}: ranking")
    for moment, group in groupby(ordered, key=lambda batch: batch.moment):
        refreshed = model.refresh(State(dataset.before(moment), moment))
        for batch in group:
            rankings = rank_catalogue(refreshed, batch.requests, depth, batch.modes, dataset.visible)
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


@dataclass(frozen=True)
class ReplayedFusion:
    """The recommender's candidates, ordered by reciprocal rank fusion instead of its ranker."""

    name: str
    kind: Kind
    recommender: Recommender  # of which only the quotas count
    rankings: Mapping[str, Mapping[Key, Ranking]]  # retriever → its rankings

    def refresh(self, state: State) -> "ReplayedFusion":
        """Itself."""
        return self

    def rank(self, requests: Requests, snapshot: Snapshot, k: int, modes: Sequence[Mode]) -> dict[Mode, Ranking]:
        """The K best items of each request, once a mode."""
        asked = fingerprint(requests)
        return {
            mode: self._fused({name: stored[asked, mode] for name, stored in self.rankings.items()}, k)
            for mode in modes
        }

    def _fused(self, found: Mapping[str, Ranking], k: int) -> Ranking:
        parts = []
        for rows in chunks(len(next(iter(found.values())).item)):
            taken = {name: Ranking(ranking.item[rows], ranking.score[rows]) for name, ranking in found.items()}
            candidates = merge(taken, self.recommender.quotas, self.recommender.maximum)
            parts.append(ordered(candidates, reciprocal_rank_fusion(candidates), k))
        item, score, _ = (np.concatenate(column) for column in zip(*parts, strict=True))
        return Ranking(item, score)
