"""What re-ranking reads of items, as arrays."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from ml.data.arrays import Floats, Indices, Strings
from ml.data.facts import DAY_US, FactTable
from ml.domains.reranking import LAUNCHED, MARGIN, STOCK
from ml.errors import BadInput


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
        numbers = {name: _numbers(frame, name) for name in (MARGIN, STOCK)}
        numbers[LAUNCHED] = _days(_column(frame, LAUNCHED))
        numbers |= {name: facts.column(name) for name in facts.facts if len(facts)}
        return cls(
            frame["item_id"].to_numpy(object), np.asarray(texts, object), codes.astype(np.int32), _paths(frame, codes),
            pd.factorize(_column(frame, "brand"), sort=True)[0].astype(np.int32), numbers,
            np.zeros((0, 0), np.float32) if vectors is None else _unit(vectors),
        )  # fmt: skip


def _column(frame: pd.DataFrame, name: str) -> pd.Series:
    return frame[name] if name in frame else pd.Series(None, index=frame.index, dtype=object)


def _numbers(frame: pd.DataFrame, name: str) -> Floats:
    found: Floats = pd.to_numeric(_column(frame, name)).to_numpy(np.float32, na_value=np.nan)
    return found


def _days(column: pd.Series) -> Floats:
    moments = pd.to_datetime(column, utc=True).dt.as_unit("us")
    days = moments.astype("int64").to_numpy() / DAY_US
    return np.where(moments.isna(), np.nan, days).astype(np.float32)


def _paths(frame: pd.DataFrame, category: np.ndarray) -> Indices:
    """Number the beginnings of each path; the category alone where an item has no path."""
    if "category_path" not in frame:
        return category.astype(np.int32)[:, None]
    paths = [tuple(path) if path is not None else () for path in frame["category_path"]]
    levels = max((len(path) for path in paths), default=0)
    found = np.full((len(paths), max(levels, 1)), -1, np.int32)
    numbered: dict[tuple[str, ...], int] = {}
    for row, path in enumerate(paths):
        for level in range(len(path)):
            found[row, level] = numbered.setdefault(path[: level + 1], len(numbered))
    bare = found[:, 0] < 0
    found[bare, 0] = np.where(category[bare] < 0, -1, len(numbered) + category[bare])
    return found


def _unit(vectors: Floats) -> Floats:
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.ascontiguousarray(vectors / np.maximum(length, 1e-12), np.float32)
