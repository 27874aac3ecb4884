"""The arrays of a sealed bundle's items with what was told since: changed rows, and new ones at the end."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import pandas as pd

from ml.data.arrays import Floats, Indices, Strings
from ml.data.facts import UNKNOWN, FactTable, item_facts
from ml.data.new_items import NewItem
from ml.data.vocabulary import Vocabulary
from ml.domains.reranking import LAUNCHED
from ml.features.store import Snapshot, item_fact_values
from ml.reranking.catalogue import Catalogue, days, numbered_paths, paths_of

HIERARCHY = {"department", "category", "subcategory"}


@dataclass(frozen=True)
class Arrived:
    """What was told of items, parted by whether they were sealed."""

    known: int  # sealed items
    changed: Mapping[int, NewItem]  # by number
    new: tuple[NewItem, ...]  # numbered from `known` on

    @classmethod
    def of(cls, items: Vocabulary, told: Mapping[str, NewItem]) -> Self:
        """What was told, by item_id."""
        number = items.encode(np.array(list(told), object)).tolist()
        pairs = list(zip(number, told.values(), strict=True))
        changed = {at: item for at, item in pairs if at >= 0}
        return cls(len(items), changed, tuple(item for at, item in pairs if at < 0))

    def rows(self, *names: str) -> list[int]:
        """The numbers of what is new, and of what changes in one of these fields (none named: in any)."""
        touched = [at for at, item in self.changed.items() if not names or _tells(item, *names)]
        return [*touched, *range(self.known, self.known + len(self.new))]

    def items(self, *names: str) -> list[NewItem]:
        """The items of `rows`."""
        return [self.changed[at] if at < self.known else self.new[at - self.known] for at in self.rows(*names)]


def _tells(item: NewItem, *names: str) -> bool:
    return any(getattr(item, name) is not None for name in names)


def longer_frame(catalogue: pd.DataFrame, arrived: Arrived) -> pd.DataFrame:
    """The published catalogue; what it has no column for is left out.

    The text of a sealed item stays as it was embedded, until the next training.
    """
    updates = {at: _update(item, catalogue, at) for at, item in arrived.changed.items()}
    rows = [item.published() for item in arrived.new]
    columns: dict[str, Any] = {}
    for name in catalogue:
        kind = catalogue[name].dtype
        whole = np.concatenate([catalogue[name].to_numpy(), _typed(kind, [row.get(name) for row in rows])])
        told = {at: update[name] for at, update in updates.items() if name in update}
        for at, value in zip(told, _typed(kind, list(told.values())), strict=True):
            whole[at] = value
        columns[name] = whole
    return pd.DataFrame(columns)


def _typed(kind: Any, values: Sequence[Any]) -> np.ndarray:
    """Values as a column of this type; a list is one value."""
    if kind.kind == "f":
        return np.array([np.nan if value is None else value for value in values], kind)
    if kind.kind == "M":
        return np.array([np.datetime64("NaT") if value is None else value for value in values], "M8[us]").astype(kind)
    found = np.empty(len(values), object)
    found[:] = [*values]
    return found


def _update(item: NewItem, catalogue: pd.DataFrame, at: int) -> dict[str, Any]:
    """The columns of a sealed item that change."""
    now = item.published()
    names = {"manufacturer_id" if name == "manufacturer" else name for name in item.model_dump(exclude_none=True)}
    changes = {name: now[name] for name in names & set(now)}
    if HIERARCHY & names and "category_path" in catalogue:
        changes["category_path"] = _path(item, catalogue["category_path"].iat[at], catalogue["category"].iat[at])
    return changes


def _path(item: NewItem, before: Sequence[str] | None, category: Any) -> list[str]:
    """The hierarchy with the levels that are told; what stood below a category that moves goes."""
    levels = list(before) if before is not None else []
    place = levels.index(category) if category in levels else len(levels)
    above, below = levels[:place], levels[place + 1 :]
    if item.category not in (None, category):
        category, below = item.category, []
    above = [item.department] if item.department else above
    below = [item.subcategory] if item.subcategory else below
    return [*above, *([category] if isinstance(category, str) else []), *below]


def longer_facts(table: FactTable, arrived: Arrived) -> FactTable:
    """The declared facts; a text that no sealed item has is not known."""
    rows, items = arrived.rows("attributes"), arrived.items("attributes")
    if not table.facts or not items:
        return table
    frame = pd.DataFrame({"attributes": [item.published()["attributes"] for item in items]})
    read = item_facts(frame, table.facts).aligned(table.facts, table.categories, len(frame)).values
    values = np.concatenate([table.values, np.full((len(arrived.new), len(table.facts)), UNKNOWN)])
    values[rows] = read
    return FactTable(table.facts, values, table.categories)


def longer_snapshot(
    snapshot: Snapshot, categories: Vocabulary, catalogue: pd.DataFrame, facts: FactTable, arrived: Arrived
) -> Snapshot:
    """The features; of a new item nothing is known but declared facts, as of every item without events."""
    cold = np.full((len(arrived.new), snapshot.item.shape[1]), UNKNOWN)
    item = np.concatenate([snapshot.item, cold])
    _set_facts(item, snapshot, facts, arrived.rows("attributes"))
    rows = arrived.rows("category")
    category = np.concatenate([snapshot.category, np.full(len(arrived.new), -1, np.int32)])
    category[rows] = categories.encode(catalogue["category"].to_numpy(object)[rows])
    return replace(snapshot, item=item, category=category)


def _set_facts(item: Floats, snapshot: Snapshot, facts: FactTable, rows: Sequence[int]) -> None:
    """Write the facts of some rows where the models read them."""
    names, values = item_fact_values(facts.take(np.array(rows, np.int64)), snapshot.as_of)
    for name, column in zip(names, values.T, strict=True):
        if name in snapshot.item_names:
            item[rows, snapshot.item_names.index(name)] = column


def longer_shelf(sealed: Catalogue, catalogue: pd.DataFrame, facts: FactTable, arrived: Arrived) -> Catalogue:
    """What re-ranking reads of items; margin, stock and launch stay as sealed where they are not told."""
    rows = arrived.rows()
    frame, count = catalogue.iloc[rows], len(arrived.new)
    category, categories = _coded(sealed.category, sealed.categories, rows, frame["category"], count)
    brands = frame["brand"] if "brand" in frame else pd.Series(None, frame.index, dtype=object)
    brand, brand_texts = _coded(sealed.brand, sealed.brands, rows, brands, count)
    own = [text if isinstance(text, str) else None for text in frame["category"]]
    path, beginnings = numbered_paths(paths_of(frame), own, sealed.beginnings)
    return Catalogue(
        catalogue["item_id"].to_numpy(object), categories, category, _longer_paths(sealed.path, rows, path, count), brand,
        _numbers(sealed, facts, arrived), _longer_vectors(sealed.vectors, count), brand_texts, beginnings,
    )  # fmt: skip


def _coded(codes: Indices, texts: Strings, rows: Sequence[int], told: pd.Series, count: int) -> tuple[Indices, Strings]:
    """(I + count,) numbers of texts with those of some rows, and the texts with what is new among them."""
    strange = [text for text in told.dropna().unique() if text not in set(texts)]
    longer = np.concatenate([texts, np.array(strange, object)])
    found = np.concatenate([codes, np.full(count, -1, np.int32)])
    found[rows] = Vocabulary(longer).encode(told.to_numpy(object)) if len(longer) else -1
    return found, longer


def _longer_paths(sealed: Indices, rows: Sequence[int], path: Indices, count: int) -> Indices:
    levels = max(sealed.shape[1], path.shape[1])
    found = np.full((len(sealed) + count, levels), -1, np.int32)
    found[: len(sealed), : sealed.shape[1]] = sealed
    found[rows] = -1
    found[rows, : path.shape[1]] = path
    return found


def _longer_vectors(sealed: Floats, count: int) -> Floats:
    return np.concatenate([sealed, np.zeros((count, sealed.shape[1]), np.float32)]) if len(sealed) else sealed


def _numbers(sealed: Catalogue, facts: FactTable, arrived: Arrived) -> dict[str, Floats]:
    found: dict[str, Floats] = {}
    for name, values in sealed.numbers.items():
        whole = np.concatenate([values, np.full(len(arrived.new), UNKNOWN)])
        if name in facts.facts:
            whole[arrived.rows("attributes")] = facts.column(name)[arrived.rows("attributes")]
        elif rows := arrived.rows(name):
            told = pd.Series([getattr(item, name) for item in arrived.items(name)], dtype=object)
            whole[rows] = days(told) if name == LAUNCHED else pd.to_numeric(told).to_numpy(np.float32, na_value=np.nan)
        found[name] = whole
    return found
