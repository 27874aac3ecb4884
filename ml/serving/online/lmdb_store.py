"""The online store in one LMDB file: no server, readers in any number of processes, one writer.

Tables: `feed` (sequence → checksum and line), `users` (user and sequence → nothing), `heads` (user → latest sequence),
`seen` (event_id → sequence), `items` (item → sequence and what was told), `item_feed` (sequence → item), `erased`
(user → name), `meta`. Users, items and events are keyed by sixteen bytes of hash, so names may be of any length.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any, TypeVar

import lmdb

from ml.serving.events import LiveEvent
from ml.serving.online.contract import ERASED, in_order, key_digest
from ml.serving.online.errors import StoreGone
from ml.serving.online.lmdb_changes import FORGOTTEN, LmdbChanges, number, user_sequences
from ml.serving.online.lmdb_check import FORMAT
from ml.serving.online.lmdb_file import MEBIBYTE, LmdbFile

LOOK_EVERY_SECONDS = 0.05  # whether the writer has replaced the file
T = TypeVar("T")


class LmdbStore:
    """`Store` in a folder.

    Args:
        folder: Made where it is not there; a file in it that is not whole is put aside.
        reader: Another process writes; nothing is changed. Where it has not begun, reads raise `StoreGone`.
        only_filled: Reads raise `StoreGone` until a log has filled the store.
        map_size: Bytes to begin with; grows.
    """

    embedded = True

    def __init__(
        self, folder: Path, reader: bool = False, only_filled: bool = False, map_size: int = 64 * MEBIBYTE
    ) -> None:
        self._folder, self._reader, self._map_size = folder, reader, map_size
        self._only_filled = only_filled
        self._file: LmdbFile | None = None
        self._looked = -1.0
        if not reader:
            self._file = LmdbFile(folder, reader, map_size)
            self._change(lambda changes: changes.set_meta(b"format", FORMAT))

    def apply(self, events: Sequence[LiveEvent], *, at: int | None = None) -> list[bool]:
        """See `Store`."""
        return self._change(lambda changes: changes.apply(events, at))

    def knows(self, event_ids: Sequence[str]) -> list[bool]:
        """See `Store`."""
        with self._reading(only_filled=False) as (read, tables):
            return [read.get(key_digest(each), db=tables["seen"]) is not None for each in event_ids]

    def versions(self, user_keys: Sequence[str]) -> list[int]:
        """See `Store`."""
        with self._reading() as (read, tables):
            heads = [read.get(key_digest(each), db=tables["heads"]) for each in user_keys]
        return [0 if head is None else ERASED if head == FORGOTTEN else int.from_bytes(head, "big") for head in heads]

    def events_of(self, user_keys: Sequence[str]) -> list[list[LiveEvent]]:
        """See `Store`."""
        with self._reading() as (read, tables):
            lines = [
                [read.get(each, db=tables["feed"]) for each in user_sequences(read, tables["users"], key_digest(user))]
                for user in user_keys
            ]
        return [in_order(LiveEvent.of_line(line[4:]) for line in of_user) for of_user in lines]

    def since(self, sequence: int, limit: int = 10_000) -> list[tuple[int, LiveEvent]]:
        """See `Store`."""
        with self._reading() as (read, tables):
            found = list(_from(read.cursor(tables["feed"]), sequence + 1, limit))
        return [(at, LiveEvent.of_line(value[4:])) for at, value in found]

    def last(self) -> int:
        """See `Store`."""
        return int.from_bytes(self._meta(b"last") or b"", "big")

    def put_item(self, item_id: str, told: bytes, *, at: int | None = None) -> int:
        """See `Store`."""
        return self._change(lambda changes: changes.put_item(item_id, told, at))

    def items_since(self, sequence: int) -> list[tuple[int, str, bytes]]:
        """See `Store`."""
        with self._reading() as (read, tables):
            found = [
                (at, json.loads(read.get(item, db=tables["items"])[8:]))
                for at, item in _from(read.cursor(tables["item_feed"]), sequence + 1)
            ]
        return [(at, item_id, told.encode()) for at, (item_id, told) in found]

    def erase(self, user_key: str, *, at: int | None = None) -> int:
        """See `Store`."""
        return self._change(lambda changes: changes.erase(user_key, at))

    def erased(self) -> list[str]:
        """See `Store`."""
        with self._reading() as (read, tables):
            return sorted(value.decode() for _, value in read.cursor(tables["erased"]))

    def forget_erased(self, user_keys: Sequence[str], *, at: int | None = None) -> None:
        """See `Store`."""
        self._change(lambda changes: changes.forget_erased(user_keys, at))

    def claim(self, writer: str) -> str:
        """See `Store`."""

        def claimed(changes: LmdbChanges) -> str:
            held = self._meta(b"writer")
            if held is None:
                changes.set_meta(b"writer", writer.encode())
            return writer if held is None else held.decode()

        return self._change(claimed)

    def mark_filled(self) -> None:
        """See `Store`."""
        self._change(lambda changes: changes.set_meta(b"filled", b"1"))

    def filled_by(self) -> str | None:
        """See `Store`."""
        writer = self._meta(b"writer")
        return writer.decode() if writer is not None and self._meta(b"filled") else None

    def clear(self) -> None:
        """See `Store`."""
        self._change(lambda changes: changes.clear())

    def close(self) -> None:
        """See `Store`."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _meta(self, key: bytes) -> bytes | None:
        with self._reading(only_filled=False) as (read, tables):
            found: bytes | None = read.get(key, db=tables["meta"])
            return found

    @contextmanager
    def _reading(self, only_filled: bool = True) -> Iterator[tuple[Any, dict[str, Any]]]:
        file = self._opened()
        with file.reading() as transaction:
            if only_filled and self._only_filled and not transaction.get(b"filled", db=file.tables["meta"]):
                raise StoreGone(f"the online store {self._folder} is being filled from the event log")
            yield transaction, file.tables

    def _opened(self) -> LmdbFile:
        """The file; a reader follows the writer where it has made it anew."""
        file = self._file
        if file is None or (self._reader and monotonic() - self._looked > LOOK_EVERY_SECONDS):
            self._looked = monotonic()
            if file is None or file.is_replaced():
                # The one before is let go once its last transaction is over.
                self._file = file = LmdbFile(self._folder, self._reader, self._map_size)
        return file

    def _change(self, change: Callable[[LmdbChanges], T]) -> T:
        file = self._opened()
        while True:
            try:
                with file.writing() as transaction:
                    return change(LmdbChanges(transaction, file.tables))
            except lmdb.MapFullError:
                file.grow()


def _from(cursor: Any, sequence: int, limit: int | None = None) -> Iterator[tuple[int, bytes]]:
    """(sequence, value) from a sequence number on, at most so many."""
    found, left = cursor.set_range(number(sequence)), limit
    while found and left != 0:
        yield int.from_bytes(cursor.key(), "big"), cursor.value()
        found, left = cursor.next(), left if left is None else left - 1
