"""Feature snapshots of the marts as arrays: what was known as of one instant, ready to be gathered."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

from ml.artifacts import manifest
from ml.data.arrays import Floats, Indices, Ints
from ml.data.dataset import Dataset
from ml.data.facts import DAY_US, FactTable
from ml.data.visibility import Visibility
from ml.data.vocabulary import Vocabulary
from ml.features.declarations import load_declarations, made_without


@dataclass(frozen=True)
class Table:
    """Features of a sparse key, such as (user, item): sorted keys and one row of values each."""

    names: tuple[str, ...]
    keys: Ints  # (K,) sorted; left * width + right
    width: int
    values: Floats  # (K, F)

    def gather(self, left: Indices, right: Indices) -> Floats:
        """(N, F) the values of these pairs; NaN where there is no row, as for items that came after the table."""
        if not len(self.keys):
            return np.full((len(left), len(self.names)), np.nan, np.float32)
        wanted = left.astype(np.int64) * self.width + right
        at = np.minimum(np.searchsorted(self.keys, wanted), len(self.keys) - 1)
        found = (self.keys[at] == wanted) & (left >= 0) & (right >= 0) & (right < self.width)
        return np.where(found[:, None], self.values[at], np.float32(np.nan))


@dataclass(frozen=True)
class Snapshot:
    """All features as of one instant. A missing value is NaN, never a guess."""

    as_of: int  # microseconds since 1970 UTC
    user_names: tuple[str, ...]
    user: Floats  # (users, F)
    item_names: tuple[str, ...]
    item: Floats  # (items, F)
    category: Indices  # (items,) number of the item's category; -1: none
    user_item: Table
    user_category: Table
    placement: Table  # (place, item): on display, in the mailer

    def user_rows(self, user: Indices) -> Floats:
        """(R, F) features of these users; NaN for an unknown one."""
        return _rows(self.user, user)

    def item_rows(self, item: Indices) -> Floats:
        """(N, F) features of these items; NaN for an unknown one."""
        return _rows(self.item, item)


def _rows(matrix: Floats, row: Indices) -> Floats:
    if not len(matrix):
        return np.full((len(row), matrix.shape[1]), np.nan, np.float32)
    return np.where((row >= 0)[:, None], matrix[np.maximum(row, 0)], np.float32(np.nan))


def item_fact_values(table: FactTable, as_of: int) -> tuple[tuple[str, ...], Floats]:
    """(items, F) the items' facts as models read them, a moment as the days since then, by name; texts are left out."""
    facts = table.facts
    names = tuple(name for name, fact in facts.items() if fact.for_models and fact.kind != "category")
    values = table.select(names).values.copy()
    moments = [facts[name].kind == "moment" for name in names]
    values[:, moments] = as_of / DAY_US - values[:, moments]
    return tuple(f"fact_{name}" for name in names), values


@dataclass(frozen=True)
class FeatureStore:
    """Reads the snapshots of one published `features` artifact."""

    path: Path
    users: Vocabulary
    items: Vocabulary
    places: Vocabulary
    categories: Vocabulary
    item_category: Indices  # (items,)
    features: dict[str, tuple[str, ...]]  # mart → the declared features that the source can supply
    item_facts: FactTable = field(default_factory=FactTable.none)  # one row an item

    @classmethod
    def of(cls, dataset: Dataset) -> "FeatureStore":
        """The store beside a dataset, in the dataset's vocabularies."""
        described = manifest(dataset.path)
        codes, categories = pd.factorize(dataset.catalogue["category"], sort=True)
        return cls(
            dataset.path, dataset.users, dataset.items, dataset.places,
            Vocabulary(np.asarray(categories, object)), codes.astype(np.int32),
            {mart: tuple(names) for mart, names in described["features"].items()}, dataset.item_facts,
        )  # fmt: skip

    def limited(self, visible: Visibility) -> "FeatureStore":
        """The same without the features that tell of what models may not see."""
        if visible.whole:
            return self
        kept = made_without(load_declarations(), visible.hidden)
        features = {
            mart: tuple(name for name in names if name in kept.get(mart, names))
            for mart, names in self.features.items()
        }
        return replace(self, features=features)

    def at(self, as_of: int) -> Snapshot:
        """The snapshot of exactly this instant (see `Dataset.snapshot_of` for ASOF)."""
        user = self._dense("user_features", "user_id", self.users, as_of)
        names, facts = item_fact_values(self.item_facts, as_of)
        item = self._dense("item_features", "item_id", self.items, as_of)
        item = np.concatenate([item, facts], axis=1) if names else item
        return Snapshot(
            as_of, self.features["user_features"], user, (*self.features["item_features"], *names), item,
            self.item_category,
            user_item=self._sparse("user_item_features", ("user_id", self.users), ("item_id", self.items), as_of),
            user_category=self._sparse(
                "user_category_features", ("user_id", self.users), ("category", self.categories), as_of
            ),
            placement=self._sparse("item_placements", ("place_id", self.places), ("item_id", self.items), as_of),
        )  # fmt: skip

    def _read(self, mart: str, keys: tuple[str, ...], as_of: int) -> pd.DataFrame:
        columns = ", ".join([*keys, *(f'CAST("{name}" AS FLOAT) AS "{name}"' for name in self.features[mart])])
        moment = datetime.fromtimestamp(as_of / 1e6, UTC).replace(tzinfo=None)
        with duckdb.connect() as connection:
            connection.execute("SET threads = 2")
            return connection.execute(
                f"SELECT {columns} FROM read_parquet($path) WHERE as_of = $as_of",  # names come from the manifest
                {"path": str(self.path / f"{mart}.parquet"), "as_of": moment},
            ).df()

    def _dense(self, mart: str, key: str, vocabulary: Vocabulary, as_of: int) -> Floats:
        frame = self._read(mart, (key,), as_of)
        values = np.full((len(vocabulary), len(self.features[mart])), np.nan, np.float32)
        row = vocabulary.encode(frame[key])
        values[row[row >= 0]] = frame[list(self.features[mart])].to_numpy(np.float32)[row >= 0]
        return values

    def _sparse(self, mart: str, left: tuple[str, Vocabulary], right: tuple[str, Vocabulary], as_of: int) -> Table:
        frame = self._read(mart, (left[0], right[0]), as_of)
        first, second = left[1].encode(frame[left[0]]), right[1].encode(frame[right[0]])
        keys = first.astype(np.int64) * len(right[1]) + second
        order = np.flatnonzero((first >= 0) & (second >= 0))
        order = order[np.argsort(keys[order], kind="stable")]
        values = frame[list(self.features[mart])].to_numpy(np.float32)
        return Table(self.features[mart], keys[order], len(right[1]), values[order])
