"""An open bundle: slates and similar items from sealed files alone."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ml.artifacts import MANIFEST, digest, file_digest, manifest, read_json
from ml.bundle.ann import Index, load_index, similar_to
from ml.bundle.stored import load_facts, load_knowledge, load_log, load_snapshot, load_vocabulary
from ml.data.arrays import Indices, Ragged
from ml.data.dataset import Log, requests_for
from ml.data.facts import FactTable
from ml.data.knowledge import Knowledge
from ml.data.requests import Requests
from ml.data.vocabulary import Vocabulary
from ml.errors import BadInput, RunFailed
from ml.features.store import Snapshot
from ml.ranking.recommender import Recommender, Slates


@dataclass(frozen=True)
class Recommended:
    """One place of a slate."""

    item_id: str
    name: str
    score: float
    sources: tuple[str, ...]  # the retrievers that found it


@dataclass(frozen=True)
class Slate:
    """What one user is shown, best first."""

    user_id: str
    items: tuple[Recommended, ...]

    def as_dict(self) -> dict[str, Any]:
        """JSON-able."""
        items = [{**asdict(item), "sources": list(item.sources)} for item in self.items]
        return {"user_id": self.user_id, "items": items}


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

    @cached_property
    def names(self) -> list[str]:
        """(items,) what people call each item; its identifier where it has no name."""
        return list(self.catalogue["name"].fillna(self.catalogue["item_id"]))

    @cached_property
    def _index(self) -> tuple[Index, np.ndarray]:
        if self.manifest["index"] is None:
            raise RunFailed(f"{self.path} has no item vectors: train a retriever that learns them, such as two_tower")
        return load_index(self.path / "index")

    def requests(self, user: Indices) -> Requests:
        """Requests of these users (-1: unknown) at the bundle's instant, from the sealed histories."""
        asked = requests_for(self.log, user, np.full(len(user), self.snapshot.as_of, np.int64))
        return self.knowledge.told(asked, len(self.items))

    def slates(self, user: Indices, k: int, *, exclude: Ragged | None = None) -> Slates:
        """The K best items of each user, as arrays."""
        asked = self.requests(user)
        return self.recommender.recommend(asked, self.snapshot, k, exclude=asked.without(exclude))

    def recommend(self, user_ids: Sequence[str], k: int) -> list[Slate]:
        """A slate of at most K items for each user; an unknown user gets what suits anybody."""
        if k < 1:
            raise BadInput(f"a slate holds at least one item; {k} were asked for")
        if not len(user_ids):
            return []
        slates = self.slates(self.users.encode(np.asarray(user_ids, object)), k)
        return [Slate(str(user_id), tuple(self._row(slates, row))) for row, user_id in enumerate(user_ids)]

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
        return [self._item(int(at), float(value), source) for at, value in zip(found, score, strict=True)]

    def sources(self, bits: int) -> tuple[str, ...]:
        """The retrievers that a bit mask of `Slates.sources` names."""
        return tuple(name for place, name in enumerate(self.recommender.names) if bits >> place & 1)

    def _row(self, slates: Slates, row: int) -> Iterator[Recommended]:
        for item, score, bits in zip(slates.item[row], slates.score[row], slates.sources[row], strict=True):
            if item >= 0:
                yield self._item(int(item), float(score), self.sources(int(bits)))

    def _item(self, item: int, score: float, sources: tuple[str, ...]) -> Recommended:
        return Recommended(str(self.items.ids[item]), self.names[item], score, sources)


def open_bundle(path: Path) -> Bundle:
    """Check every file of a sealed bundle against its hash and map it into memory.

    Raises:
        RunFailed: where a file was changed, is missing or is not part of the bundle.
    """
    described = manifest(path)
    _check_seal(path, described)
    _check_files(path, described["files"])
    vocabularies = {
        name: load_vocabulary(path / "vocabulary" / f"{name}.parquet")
        for name in ("users", "items", "places", "categories")
    }
    return Bundle(
        path, described, Recommender.load(path / "recommender"), load_snapshot(path / "snapshot"),
        load_log(path / "log"), catalogue=pd.read_parquet(path / "catalogue.parquet"), **vocabularies,
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
