"""Made-up data of very many users in the shape in which serving keeps them, written a chunk at a time.

What one chunk holds is drawn, and the others hold the same: it is where it lies that is measured.

Shapes: U users, E events (those of a user side by side), D dimensions of a vector.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np

from ml.data.arrays import Ints

CHUNK = 200_000  # users written at once: bounds the memory
DIMENSIONS = 64
EVENT = np.dtype(
    [("occurred_at", "<i8"), ("session", "<i8"), ("slate", "<i8"), ("item", "<i4"), ("place", "<i4"), ("weight", "<f4"),
     ("value", "<f4"), ("quantity", "<f4"), ("seconds", "<f4"), ("discount", "<f4"), ("kind", "<i2"), ("device", "<i2"),
     ("channel", "<i2"), ("flags", "<i2")]
)  # fmt: skip
ID = "S12"  # of a user
Layout = Literal["columns", "records"]  # a file for each column of the events, or one file of whole events
LAYOUTS: tuple[Layout, ...] = ("columns", "records")
ROW = np.dtype("<u4")  # of a user, as the key-value store holds it
MAP_BYTES = 1 << 36  # address space that the key-value store may grow to; it takes only what it holds


def user_ids(start: int, stop: int) -> Any:
    """(stop - start,) identifiers of users by their rows, in ascending order: `u` and eleven digits."""
    letters = np.empty((stop - start, 12), np.uint8)
    letters[:, 0], left = ord("u"), np.arange(start, stop)
    for place in range(11, 0, -1):
        left, digit = np.divmod(left, 10)
        letters[:, place] = digit + ord("0")
    return letters.view(ID)[:, 0]


def draw_lengths(users: int, events_a_user: float, seed: int) -> Ints:
    """(U,) how many events each has: at least one, many for a few."""
    return np.random.default_rng(seed).geometric(1 / events_a_user, users).astype(np.int64)


def write_identifiers(folder: Path, users: int) -> None:
    """The sorted identifiers as one array, to be searched by bisection: `ids.npy`."""
    with (folder / "ids.npy").open("wb") as stream:
        _header(stream, np.dtype(ID), (users,))
        for start, stop in _chunks(users):
            user_ids(start, stop).tofile(stream)


def write_key_values(folder: Path, users: int) -> None:
    """The same as a key-value store, from identifier to row: `ids.lmdb`."""
    import lmdb

    with lmdb.open(str(folder / "ids.lmdb"), map_size=MAP_BYTES, sync=False, writemap=True) as store:
        for start, stop in _chunks(users):
            rows = np.arange(start, stop).astype(ROW)
            pairs = zip(user_ids(start, stop).tolist(), rows.view(f"V{ROW.itemsize}").tolist(), strict=True)
            with store.begin(write=True) as transaction:
                transaction.cursor().putmulti(pairs, append=True)
        store.sync(True)


def write_vectors(folder: Path, users: int, seed: int) -> None:
    """A vector of half precision for each: `vectors.npy` (U, D)."""
    drawn = np.random.default_rng((seed, 1)).standard_normal((min(users, CHUNK), DIMENSIONS), np.float32)
    vectors = drawn.astype(np.float16)
    with (folder / "vectors.npy").open("wb") as stream:
        _header(stream, np.dtype(np.float16), (users, DIMENSIONS))
        for start, stop in _chunks(users):
            vectors[: stop - start].tofile(stream)


def write_events(folder: Path, lengths: Ints, layout: Layout, seed: int) -> None:
    """All events: `offsets.npy` (U + 1,), and `events.npy` (E,) or a file for each column."""
    offsets = np.r_[0, np.cumsum(lengths)]
    np.save(folder / "offsets.npy", offsets, allow_pickle=False)
    total, bounds = int(offsets[-1]), [*_chunks(len(lengths))]
    made = _events(max(int(offsets[stop] - offsets[start]) for start, stop in bounds), seed)
    columns = {} if layout == "records" else {name: np.ascontiguousarray(made[name]) for name in EVENT.names or ()}
    parts = columns or {"events": made}
    streams = {name: (folder / f"{name}.npy").open("wb") for name in parts}
    try:
        for name, part in parts.items():
            _header(streams[name], part.dtype, (total,))
        for start, stop in bounds:
            for name, part in parts.items():
                part[: offsets[stop] - offsets[start]].tofile(streams[name])
    finally:
        for stream in streams.values():
            stream.close()


def _events(count: int, seed: int) -> Any:
    rng, made = np.random.default_rng((seed, 2)), np.zeros(count, EVENT)
    for name in EVENT.names or ():
        if EVENT[name].kind == "f":
            made[name] = rng.random(count, np.float32)
        else:
            made[name] = rng.integers(0, np.iinfo(EVENT[name]).max, count, EVENT[name].type)
    return made


def _chunks(users: int) -> Iterator[tuple[int, int]]:
    return ((start, min(start + CHUNK, users)) for start in range(0, users, CHUNK))


def _header(stream: IO[bytes], kind: "np.dtype[Any]", shape: tuple[int, ...]) -> None:
    described = {"descr": np.lib.format.dtype_to_descr(kind), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(stream, described)
