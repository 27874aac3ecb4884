"""The composed recommender: retrieve with every retriever, merge, rank."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ml.artifacts import read_json, write_json
from ml.data.arrays import Floats, Indices, Ints, Ragged
from ml.data.requests import Requests
from ml.data.visibility import EVERYTHING, Visibility
from ml.features.store import Snapshot
from ml.ranking import load_ranker
from ml.ranking.candidates import merge
from ml.ranking.contract import Ranker
from ml.ranking.frame import build_frame
from ml.ranking.training import ordered
from ml.retrieval import get_retriever
from ml.retrieval.contract import Ranking, Retriever, State, top_k
from ml.settings import settings
from ml.threads import in_threads

CHUNK = 256  # requests scored at once: bounds memory to a few hundred MB at 100,000 items


@dataclass(frozen=True)
class Slates:
    """The K best items of R requests, best first; -1 where there are fewer."""

    item: Indices  # (R, K)
    score: Floats  # (R, K)
    sources: Ints  # (R, K) bit t: found by retriever t

    @classmethod
    def concatenate(cls, parts: Sequence["Slates"]) -> "Slates":
        """The slates of all parts, in order."""
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in ("item", "score", "sources")))


def chunks(requests: int) -> list[Ints]:
    """Row numbers of at most `CHUNK` requests each; one empty chunk where there are none."""
    return [np.arange(start, min(start + CHUNK, requests)) for start in range(0, max(requests, 1), CHUNK)]


@dataclass(frozen=True)
class Recommender:
    """Retrievers and a ranker that were trained together, with the quotas that they were trained with.

    It is handed requests with all that is known, and its models see of them what was visible in training.
    """

    retrievers: dict[str, Retriever]
    ranker: Ranker
    quotas: dict[str, int]
    maximum: int
    visible: Visibility = EVERYTHING

    @property
    def names(self) -> tuple[str, ...]:
        """The retrievers, in the order of the bits of `Slates.sources`."""
        return tuple(self.retrievers)

    def refresh(self, state: State) -> "Recommender":
        """The same models with their counters as of a later instant."""
        seen = replace(state, dataset=state.dataset.limited(self.visible))
        return replace(self, retrievers={name: model.refresh(seen) for name, model in self.retrievers.items()})

    def recommend(
        self,
        requests: Requests,
        snapshot: Snapshot,
        k: int,
        *,
        exclude: Ragged | None = None,
        only: Ragged | None = None,
    ) -> Slates:
        """The K best items for each request, never one that is excluded."""

        def answer(rows: Ints) -> Slates:
            chosen = {"exclude": exclude and exclude.take(rows), "only": only and only.take(rows)}
            part = requests.take(rows)
            return self.rank(self.retrieve(part, **chosen), part, snapshot, k)

        return Slates.concatenate(in_threads(answer, chunks(len(requests)), settings().threads))

    def retrieve(
        self, requests: Requests, *, exclude: Ragged | None = None, only: Ragged | None = None
    ) -> dict[str, Ranking]:
        """What each retriever finds for each request, within its quota."""
        seen = self.visible.requests(requests)
        return {
            name: top_k(model.score(seen), self.quotas[name], exclude=exclude, only=only)
            for name, model in self.retrievers.items()
        }

    def rank_all(self, rankings: Mapping[str, Ranking], requests: Requests, snapshot: Snapshot, k: int) -> Slates:
        """The same as `rank`, a chunk of requests at a time."""

        def answer(rows: Ints) -> Slates:
            taken = {name: Ranking(found.item[rows], found.score[rows]) for name, found in rankings.items()}
            return self.rank(taken, requests.take(rows), snapshot, k)

        return Slates.concatenate(in_threads(answer, chunks(len(requests)), settings().threads))

    def rank(self, rankings: Mapping[str, Ranking], requests: Requests, snapshot: Snapshot, k: int) -> Slates:
        """Merge and rank what the retrievers found."""
        candidates = merge(rankings, self.quotas, self.maximum)
        score = self.ranker.predict(build_frame(self.visible.requests(requests), candidates, snapshot))
        return Slates(*ordered(candidates, score, k))

    def save(self, folder: Path) -> None:
        """Write every model into its own folder."""
        for name, model in self.retrievers.items():
            (folder / "retrievers" / name).mkdir(parents=True)
            model.save(folder / "retrievers" / name)
        self.ranker.save(folder / "ranker")
        described = {"retrievers": self.names, "quotas": self.quotas, "maximum": self.maximum}
        write_json(folder / "recommender.json", {**described, "visible": self.visible.as_dict()})

    @classmethod
    def load(cls, folder: Path) -> "Recommender":
        """Read what `save` wrote."""
        described = read_json(folder / "recommender.json")
        retrievers = {name: get_retriever(name).load(folder / "retrievers" / name) for name in described["retrievers"]}
        visible = Visibility.from_dict(described.get("visible", {}))
        return cls(retrievers, load_ranker(folder / "ranker"), described["quotas"], described["maximum"], visible)
