"""Array types, and rows of unequal length."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Indices = NDArray[np.int32]
Floats = NDArray[np.float32]
Reals = NDArray[np.floating[Any]]
Bools = NDArray[np.bool_]
Strings = NDArray[np.object_]


@dataclass(frozen=True)
class Ragged:
    """R rows of unequal length: row r is `values[offsets[r]:offsets[r + 1]]`."""

    offsets: Ints  # (R + 1,)
    values: Indices  # (N,)

    @classmethod
    def empty(cls, rows: int) -> "Ragged":
        """`rows` rows with nothing in them."""
        return cls(np.zeros(rows + 1, np.int64), np.zeros(0, np.int32))

    @classmethod
    def from_pairs(cls, row: Ints, value: Indices, rows: int) -> "Ragged":
        """Group values by their row number; the order within a row is kept."""
        order = np.argsort(row, kind="stable")
        offsets = np.zeros(rows + 1, np.int64)
        np.cumsum(np.bincount(row, minlength=rows), out=offsets[1:])
        return cls(offsets, np.asarray(value, np.int32)[order])

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, row: int) -> Indices:
        return self.values[self.offsets[row] : self.offsets[row + 1]]

    @property
    def lengths(self) -> Ints:
        """(R,) values in each row."""
        return self.offsets[1:] - self.offsets[:-1]  # `numpy.diff` takes ten times as long for a few

    @property
    def rows(self) -> Ints:
        """(N,) the row of each value."""
        return np.repeat(np.arange(len(self)), self.lengths)

    def union(self, other: "Ragged") -> "Ragged":
        """What is in either, row by row: distinct values in ascending order."""
        width = int(max(self.values.max(initial=-1), other.values.max(initial=-1))) + 1
        keys = np.concatenate([each.rows * width + each.values for each in (self, other)])
        row, value = np.divmod(distinct(keys), max(width, 1))
        return Ragged.from_pairs(row, value.astype(np.int32), len(self))

    def complement(self, width: int) -> "Ragged":
        """The values below `width` that are not in each row, ascending."""
        there = np.zeros((len(self), width), bool)
        there[self.rows, self.values] = True
        row, value = np.nonzero(~there)
        return Ragged.from_pairs(row, value.astype(np.int32), len(self))

    def take(self, rows: Ints) -> "Ragged":
        """These rows, in this order."""
        offsets, positions = taken(self.offsets[rows], self.offsets[np.asarray(rows) + 1])
        return Ragged(offsets, self.values[positions])

    def between(self, start: int, stop: int) -> "Ragged":
        """The rows from `start` up to `stop`: a view."""
        offsets, positions = between(self.offsets, start, stop)
        return Ragged(offsets, self.values[positions])


def between(offsets: Ints, start: int, stop: int) -> tuple[Ints, slice]:
    """Offsets of the rows from `start` up to `stop`, of those that `offsets` cut, and where their values stand."""
    first = offsets[start]
    return offsets[start : stop + 1] - first, slice(first, offsets[stop])


def mapped(path: Path) -> NDArray[Any]:
    """An array file mapped into memory: processes share its pages, and what is not read takes none.

    A plain array on the map: numpy's own class for it takes twenty times as long to slice.
    """
    return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))


def with_rows(values: NDArray[Any], rows: Ints, others: NDArray[Any], missing: object) -> NDArray[Any]:
    """(R, max(C, D)) the values (R, C), but in these S rows the others (S, D); `missing` stands beyond the shorter."""
    found = np.full((len(values), max(values.shape[1], others.shape[1])), missing, values.dtype)
    found[:, : values.shape[1]] = values
    found[rows] = missing
    found[rows, : others.shape[1]] = others
    return found


def distinct(values: Ints) -> Ints:
    """The distinct values in ascending order.

    `numpy.unique` hashes them since 2.3, which takes fifty times as long where most of a million differ.
    """
    ordered = np.sort(values)
    return ordered[np.r_[True, ordered[1:] != ordered[:-1]]] if len(ordered) else ordered


def is_among(values: NDArray[np.integer[Any]], known: NDArray[np.integer[Any]]) -> Bools:
    """Whether each value, in the shape of `values`, is one of the known ones: `numpy.isin`, which hashes too."""
    if not len(known):
        return np.zeros(values.shape, bool)
    ordered = np.sort(known)
    found: Bools = ordered[np.minimum(np.searchsorted(ordered, values), len(ordered) - 1)] == values
    return found


def take_ranges(starts: Ints, stops: Ints) -> tuple[Ints, Ints]:
    """Offsets (R + 1,) and positions (N,) of the half-open ranges [starts, stops), one after the other."""
    lengths = np.asarray(stops) - np.asarray(starts)
    offsets = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    positions = np.arange(offsets[-1]) + np.repeat(np.asarray(starts) - offsets[:-1], lengths)
    return offsets, positions


def taken(starts: Ints, stops: Ints) -> tuple[Ints, Ints | slice]:
    """Offsets (R + 1,) of the ranges [starts, stops) and what picks their positions; a view where they stand in a row."""
    if len(starts) and (starts[1:] == stops[:-1]).all():
        offsets = np.empty(len(starts) + 1, np.int64)
        offsets[:-1], offsets[-1] = starts, stops[-1]
        return offsets - starts[0], slice(starts[0], stops[-1])
    return take_ranges(starts, stops)


def first_at(at: Ints, starts: Ints, stops: Ints, moment: Ints) -> Ints:
    """(R,) the first position in each range [starts, stops) of ascending times that is not before its moment.

    All ranges are bisected together: a single sorted key of user and time would outgrow 64 bits at some thousand users.
    """
    if len(starts) == 1:
        return starts + np.searchsorted(at[starts[0] : stops[0]], moment)
    low, high = starts.copy(), stops.copy()
    while (open_ := low < high).any():
        middle = np.where(open_, (low + high) // 2, 0)
        earlier = open_ & (at[middle] < moment)
        low, high = np.where(earlier, middle + 1, low), np.where(open_ & ~earlier, middle, high)
    return low
