"""An open bundle: slates and similar items from sealed files alone."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ml.artifacts import MANIFEST, digest, file_digest, manifest, read_json
from ml.bundle.ann import ExactIndex, Index, load_index, similar_to
from ml.bundle.policy import Answer, Asking, Policy, load_policy
from ml.bundle.stored import load_facts, load_knowledge, load_log, load_snapshot, load_vocabulary, read_rows
from ml.data.arrays import Floats, Indices, Ragged
from ml.data.dataset import Log, requests_for
from ml.data.facts import FactTable
from ml.data.knowledge import Knowledge
from ml.data.requests import Requests
from ml.data.visibility import Visibility
from ml.data.vocabulary import Vocabulary
from ml.domains.domain import Outputs
from ml.errors import BadInput, RunFailed
from ml.features.store import Snapshot
from ml.features.trace_log import TraceLog, load_traces
from ml.ranking.recommender import Recommender
from ml.reranking.removal import STEPS
from ml.reranking.reranker import Reranked
from ml.retrieval.contract import Ranking


@dataclass(frozen=True)
class Recommended:
    """One place of a slate."""

    item_id: str
    name: str
    score: float | None  # the ranker's; None: a pin that was not its candidate
    sources: tuple[str, ...]  # the retrievers that found it


@dataclass(frozen=True)
class Placed(Recommended):
    """The same with how it came to its place."""

    position: int  # from 1
    propensity: float  # P(this item at this place | request)
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Slate:
    """What one user is shown, best first."""

    user_id: str
    items: tuple[Placed, ...]
    shortfall: str | None = None  # why there are fewer items than were asked for
    removed: dict[str, int] = field(default_factory=dict)  # candidates that each step took away
    rules: tuple[str, ...] = ()  # of eligibility that took any, as `id@version`

    def as_dict(self) -> dict[str, Any]:
        """JSON-able."""
        lists = [{**asdict(item), "sources": [*item.sources], "reasons": [*item.reasons]} for item in self.items]
        why = {"shortfall": self.shortfall, "removed": self.removed, "rules": [*self.rules]}
        return {"user_id": self.user_id, "items": lists, **why}


@dataclass(frozen=True)
class Bundle:
    """What `seal` wrote, mapped into memory."""

    path: Path
    manifest: dict[str, Any]
    recommender: Recommender
    snapshot: Snapshot
    log: Log
    users: Vocabulary
    items: Vocabulary
    places: Vocabulary
    categories: Vocabulary
    catalogue: pd.DataFrame  # one row an item, in vocabulary order
    knowledge: Knowledge
    item_facts: FactTable  # one row an item, in vocabulary order

    @property
    def features(self) -> dict[str, tuple[str, ...]]:
        """The features of each mart that the models were trained with."""
        return {mart: tuple(names) for mart, names in read_json(self.path / "features.json").items()}

    @property
    def visible(self) -> Visibility:
        """What its models see of requests; whoever learns from the bundle's data for it keeps to the same."""
        return self.recommender.visible

    @cached_property
    def traces(self) -> TraceLog:
        """What everybody did, from which features are computed at any later instant, mapped when first asked for.

        Raises:
            RunFailed: The bundle was sealed without traces.
        """
        return load_traces(self.path / "traces")

    @cached_property
    def names(self) -> list[str]:
        """(items,) what people call each item; its identifier where it has no name."""
        return list(self.catalogue["name"].fillna(self.catalogue["item_id"]))

    @cached_property
    def policy(self) -> Policy:
        """The sealed rules and re-ranking."""

        def vectors() -> Floats | None:
            return self._index[1] if self.manifest["index"] is not None else None

        return load_policy(self.path, self.catalogue, self.item_facts, self.knowledge, vectors)

    @cached_property
    def _index(self) -> tuple[Index, np.ndarray]:
        if self.manifest["index"] is None:
            raise RunFailed(
                f"bundle {self.path.name} has no item vectors: train a retriever that learns them, such as two_tower"
            )
        return load_index(self.path / "index")

    def nearest(self, retriever: str, requests: Requests, k: int) -> Ranking | None:
        """The K best items that a retriever finds for these requests, by the index: nearly all, in a fraction of the time.

        Args:
            retriever: Its name.
            requests: As its models see them.
            k: How many; -1 where the lists that are read hold fewer.

        Returns:
            None where the index is of another retriever, or as exact as the retriever itself.
        """
        described = self.manifest["index"]
        if described is None or described["retriever"] != retriever or described["kind"] == ExactIndex.kind:
            return None
        model: Any = self.recommender.retrievers[retriever]
        return self._index[0].search(model.user_vectors(requests), k)

    def requests(self, user: Indices, outputs: Outputs | None = None) -> Requests:
        """Requests of these users (-1: unknown) at the bundle's instant, from the sealed histories.

        They hold all that is known, for the rules to read; the recommender's models see of it what its `visible` says.

        Args:
            user: (R,) rows of the bundle's users.
            outputs: What their slates are for; None: what the bundle was trained for.
        """
        asked = requests_for(self.log, user, np.full(len(user), self.snapshot.as_of, np.int64))
        knowledge = self.knowledge if outputs is None else replace(self.knowledge, outputs=outputs)
        return knowledge.told(asked, len(self.items))

    def answer(self, user: Indices, k: int, *, exclude: Ragged | None = None, asking: Asking | None = None) -> Answer:
        """The slates of these users with all that led to them; every other way to a slate leads through here."""
        asking = asking or Asking()
        asked = self.requests(user, asking.outputs)
        without = asked.without(exclude)
        return self.policy.answer(self.recommender, asked, self.snapshot, k, without, asking)

    def slates(self, user: Indices, k: int, *, exclude: Ragged | None = None) -> Reranked:
        """The K best items of each user, as arrays."""
        return self.answer(user, k, exclude=exclude).reranked

    def recommend(self, user_ids: Sequence[str], k: int, asking: Asking | None = None) -> list[Slate]:
        """A slate of at most K items for each user; an unknown user gets what suits anybody."""
        if k < 1:
            raise BadInput(f"a slate holds at least one item; {k} were asked for")
        if not len(user_ids):
            return []
        answer = self.answer(self.users.encode(np.asarray(user_ids, object)), k, asking=asking)
        return [self._slate(str(user_id), answer, row) for row, user_id in enumerate(user_ids)]

    def knows(self, user_id: str) -> bool:
        """Whether this user had been seen when the bundle was sealed."""
        return bool(self.users.encode(np.asarray([user_id], object))[0] >= 0)

    def similar(self, item_id: str, k: int) -> list[Recommended]:
        """The K items whose vectors are closest to this one's; raises `BadInput` for an unknown item."""
        item = int(self.items.encode([item_id])[0])
        if item < 0:
            raise BadInput(f"there is no item {item_id!r} in the bundle of {self.manifest['as_of']}")
        found, score = similar_to(*self._index, item, k)
        source = (self.manifest["index"]["retriever"],)
        return [
            Recommended(str(self.items.ids[at]), self.names[at], float(value), source)
            for at, value in zip(found, score, strict=True)
        ]

    def sources(self, bits: int) -> tuple[str, ...]:
        """The retrievers that a bit mask of `Slates.sources` names."""
        return tuple(name for place, name in enumerate(self.recommender.names) if bits >> place & 1)

    @cached_property
    def pinned(self) -> frozenset[str]:
        """The items that are pinned somewhere."""
        return frozenset(pin.item_id for pin in self.policy.reranker.policy.pins)

    @staticmethod
    @lru_cache(maxsize=4096)
    def reasons(rank: int, explored: bool, pinned: bool) -> tuple[str, ...]:
        """How an item came to its place, in words; `rank` counts from 0, -1: none."""
        ranked = f"ranked {rank + 1} of the candidates" if rank >= 0 else "no candidate of the ranker"
        return (ranked, *(["drawn by chance"] if explored else []), *(["pinned"] if pinned else []))

    def _slate(self, user_id: str, answer: Answer, row: int) -> Slate:
        removal = answer.reranked.removal
        removed = dict(zip(STEPS, removal.counts[row].tolist(), strict=True))
        items = tuple(self._row(answer.reranked, row))
        return Slate(user_id, items, answer.reranked.shortfall(row), removed, answer.rules_of(row))

    def _row(self, slates: Reranked, row: int) -> Iterator[Placed]:
        for place in np.flatnonzero(slates.item[row] >= 0):
            item = self._item(*(getattr(slates, name)[row, place] for name in ("item", "score", "sources")))
            told = self.reasons(
                int(slates.rank[row, place]), bool(slates.explored[row, place]), item.item_id in self.pinned
            )
            propensity = float(slates.propensity[row, place])
            yield Placed(**vars(item), position=int(place) + 1, propensity=propensity, reasons=told)

    def _item(self, item: int, score: float, bits: int) -> Recommended:
        told = float(score) if np.isfinite(score) else None
        return Recommended(str(self.items.ids[item]), self.names[item], told, self.sources(int(bits)))


def open_bundle(path: Path, let_others: Callable[[], object] = lambda: None) -> Bundle:
    """Check every file of a sealed bundle against its hash and map it into memory.

    Args:
        path: The bundle's folder.
        let_others: Called every few milliseconds of what keeps others waiting: it may wait, where they should go first.

    Raises:
        RunFailed: where a file was changed, is missing or is not part of the bundle.
    """
    described = manifest(path)
    _check_seal(path, described)
    _check_files(path, described["files"])
    vocabularies = {
        name: load_vocabulary(path / "vocabulary" / f"{name}.parquet", let_others)
        for name in ("users", "items", "places", "categories")
    }
    return Bundle(
        path, described, Recommender.load(path / "recommender"), load_snapshot(path / "snapshot"),
        load_log(path / "log"), catalogue=read_rows(path / "catalogue.parquet", let_others), **vocabularies,
        knowledge=load_knowledge(path / "knowledge"), item_facts=load_facts(path / "item_facts"),
    )  # fmt: skip


def _check_seal(path: Path, described: dict[str, Any]) -> None:
    """The manifest's own hash, over all but what `ml.artifacts.build` adds."""
    sealed = {name: value for name, value in described.items() if name not in {"kind", "key", "inputs", "seal"}}
    if described.get("seal") != digest(sealed):
        raise RunFailed(f"the bundle {path} is not what was sealed: {MANIFEST} was changed. Publish it again")


def _check_files(path: Path, hashes: dict[str, str]) -> None:
    there = {str(file.relative_to(path)) for file in path.rglob("*") if file.is_file()} - {MANIFEST}
    if strange := sorted(there ^ set(hashes)):
        what = "is missing" if strange[0] in hashes else "was not sealed into it"
        raise RunFailed(f"the bundle {path} is not what was sealed: {strange[0]} {what}. Publish it again")
    for name, expected in hashes.items():
        if file_digest(path / name) != expected:
            raise RunFailed(f"the bundle {path} is not what was sealed: {name} was changed. Publish it again")
