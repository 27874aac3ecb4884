"""What re-ranking reads of items, as arrays."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from ml.data.arrays import Floats, Indices, Strings
from ml.data.facts import DAY_US, FactTable
from ml.domains.reranking import LAUNCHED, MARGIN, STOCK
from ml.errors import BadInput

# The beginning of a category path; of items without a path, a category alone stands for one.
Beginning = tuple[str, ...] | str


@dataclass(frozen=True)
class Catalogue:
    """I items in the order of their vocabulary; -1 and NaN are what is not known."""

    ids: Strings  # (I,)
    categories: Strings  # the texts that `category` numbers
    category: Indices  # (I,)
    path: Indices  # (I, L) number of each beginning of the category path: equal where all levels down to it are
    brand: Indices  # (I,)
    numbers: Mapping[str, Floats]  # (I,) margin, stock, launched_at (days since 1970 UTC) and the declared facts
    vectors: Floats = field(default_factory=lambda: np.zeros((0, 0), np.float32))  # (I, D) of length 1, or no rows
    brands: Strings = field(default_factory=lambda: np.zeros(0, object))  # the texts that `brand` numbers
    beginnings: Mapping[Beginning, int] = field(default_factory=dict)  # the numbers of `path`

    def __len__(self) -> int:
        return len(self.ids)

    def number(self, name: str) -> Floats:
        """(I,) what is declared of items under this name.

        Raises:
            BadInput: Nothing is.
        """
        if name not in self.numbers:
            known = ", ".join(sorted(self.numbers))
            raise BadInput(f"re-ranking reads {name!r} of items; there are: {known}. Declare it among the item facts")
        return self.numbers[name]

    @classmethod
    def of(cls, frame: pd.DataFrame, facts: FactTable, vectors: Floats | None = None) -> "Catalogue":
        """Of a published catalogue, one row an item in vocabulary order.

        Args:
            frame: With item_id and, where they are known, category, category_path, brand, margin, stock, launched_at.
            facts: The declared facts of the same rows.
            vectors: (I, D) of a retriever that learns any.
        """
        codes, texts = pd.factorize(_column(frame, "category"), sort=True)
        brand, brands = pd.factorize(_column(frame, "brand"), sort=True)
        numbers = {name: _numbers(frame, name) for name in (MARGIN, STOCK)}
        numbers[LAUNCHED] = days(_column(frame, LAUNCHED))
        numbers |= {name: facts.column(name) for name in facts.facts if len(facts)}
        categories = np.asarray(texts, object)
        path, beginnings = numbered_paths(paths_of(frame), [categories[code] if code >= 0 else None for code in codes])
        return cls(
            frame["item_id"].to_numpy(object), categories, codes.astype(np.int32), path, brand.astype(np.int32),
            numbers, np.zeros((0, 0), np.float32) if vectors is None else _unit(vectors),
            np.asarray(brands, object), beginnings,
        )  # fmt: skip


def _column(frame: pd.DataFrame, name: str) -> pd.Series:
    return frame[name] if name in frame else pd.Series(None, index=frame.index, dtype=object)


def _numbers(frame: pd.DataFrame, name: str) -> Floats:
    found: Floats = pd.to_numeric(_column(frame, name)).to_numpy(np.float32, na_value=np.nan)
    return found


def days(column: pd.Series) -> Floats:
    """(N,) days since 1970 UTC of moments; NaN where there is none."""
    moments = pd.to_datetime(column, utc=True).dt.as_unit("us")
    days = moments.astype("int64").to_numpy() / DAY_US
    return np.where(moments.isna(), np.nan, days).astype(np.float32)


def paths_of(frame: pd.DataFrame) -> list[tuple[str, ...]]:
    """The category path of each item; empty where it has none."""
    if "category_path" not in frame:
        return [()] * len(frame)
    return [tuple(path) if isinstance(path, Iterable) else () for path in frame["category_path"]]


def numbered_paths(
    paths: Sequence[tuple[str, ...]], categories: Sequence[str | None], known: Mapping[Beginning, int] | None = None
) -> tuple[Indices, dict[Beginning, int]]:
    """(I, L) the number of each beginning of each path, -1 beyond its end; and all numbers.

    Args:
        paths: Of I items.
        categories: Of the same items: where there is no path, the category alone stands for one.
        known: Numbers given before, which stay.
    """
    numbers = dict(known or {})
    found = np.full((len(paths), max([1, *(len(path) for path in paths)])), -1, np.int32)
    for row, path in enumerate(paths):
        for level in range(len(path)):
            found[row, level] = numbers.setdefault(path[: level + 1], len(numbers))
        if not path and (category := categories[row]) is not None:
            found[row, 0] = numbers.setdefault(category, len(numbers))
    return found, numbers


def _unit(vectors: Floats) -> Floats:
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.ascontiguousarray(vectors / np.maximum(length, 1e-12), np.float32)
