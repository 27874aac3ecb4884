"""Looking one user's data up among very many, in files that are mapped and not read."""

import mmap
import os
import resource
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from ml.data.arrays import Reals
from ml.steps.online_users_made import EVENT, ID, ROW, Layout

Find = Callable[[bytes], int]  # the row of an identifier; -1: there is no such user


@dataclass(frozen=True)
class UserFiles:
    """What the files of one folder hold of users, mapped."""

    offsets: Any  # (U + 1,)
    events: tuple[Any, ...]  # columns of (E,), or one of whole events
    vectors: Any  # (U, D)

    @classmethod
    def open(cls, folder: Path, layout: Layout) -> Self:
        """Map them, and tell the system that what lies beside what was asked for is of no use."""
        names = ("events",) if layout == "records" else tuple(EVENT.names or ())
        return cls(
            mapped(folder / layout / "offsets.npy"), tuple(mapped(folder / layout / f"{name}.npy") for name in names),
            mapped(folder / "vectors.npy"),
        )  # fmt: skip

    def of(self, row: int) -> tuple[list[Any], Any]:
        """Events and vector of one user, copied into memory."""
        start, stop = self.offsets[row : row + 2].tolist()
        return [column[start:stop].copy() for column in self.events], self.vectors[row].copy()


def mapped(path: Path) -> Any:
    """An array in a file, whose pages are read alone: no page beside one that was asked for."""
    array: Any = np.load(path, mmap_mode="r", allow_pickle=False)
    array._mmap.madvise(mmap.MADV_RANDOM)
    return np.asarray(array)  # the plain array is cut sooner


def by_bisection(folder: Path) -> Find:
    """Rows by searching the sorted identifiers."""
    ids = mapped(folder / "ids.npy")

    def find(user_id: bytes) -> int:
        row = int(np.searchsorted(ids, np.array(user_id, ID)))
        return row if row < len(ids) and ids[row] == user_id else -1

    return find


def by_key(folder: Path) -> Find:
    """Rows by asking the key-value store."""
    import lmdb

    # Without read-ahead, as above; opened for reading alone, so that nobody needs to write the folder.
    store = lmdb.open(str(folder / "ids.lmdb"), readonly=True, lock=False, readahead=False)
    transaction = store.begin(buffers=True)

    def find(user_id: bytes) -> int:
        found = transaction.get(user_id) if user_id else None  # the store knows no empty key
        return -1 if found is None else int(np.frombuffer(found, ROW)[0])

    return find


@dataclass(frozen=True)
class Times:
    """Microseconds that each of N look-ups took, and how many pages came from the disk for one on average."""

    find: Reals  # (N,) from identifier to row
    read: Reals  # (N,) from row to events and vector
    pages: float

    def as_dict(self) -> dict[str, Any]:
        """Quantiles of both together and of each, JSON-able."""
        parts = {"all": self.find + self.read, "find": self.find, "read": self.read}
        told = {name: {"p50": _at(taken, 0.5), "p99": _at(taken, 0.99)} for name, taken in parts.items()}
        return {"look_ups": len(self.find), "microseconds": told, "pages_from_disk": round(self.pages, 2)}


def timed(find: Find, files: UserFiles, user_ids: Sequence[bytes]) -> Times:
    """Look these users up one after the other."""
    taken = np.zeros((len(user_ids), 2))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_majflt
    for number, user_id in enumerate(user_ids):
        started = time.perf_counter_ns()
        row = find(user_id)
        found = time.perf_counter_ns()
        files.of(row)
        taken[number] = found - started, time.perf_counter_ns() - found
    pages = (resource.getrusage(resource.RUSAGE_SELF).ru_majflt - before) / max(len(user_ids), 1)
    return Times(taken[:, 0] / 1_000, taken[:, 1] / 1_000, pages)


def forget_pages(folder: Path) -> None:
    """Have the system drop what it holds of these files in memory; none of them may be mapped meanwhile."""
    for path in folder.rglob("*"):
        if path.is_file():
            handle = os.open(path, os.O_RDONLY)
            try:
                os.fsync(handle)
                os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
            finally:
                os.close(handle)


def _at(values: Reals, quantile: float) -> float:
    return round(float(np.quantile(values, quantile)), 1)
