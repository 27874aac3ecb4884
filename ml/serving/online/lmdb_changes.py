"""What a write transaction of the embedded store does; all of it or nothing happens."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from zlib import crc32

from ml.errors import RunFailed
from ml.serving.events import LiveEvent
from ml.serving.online.contract import key_digest, user_key

FORGOTTEN = b"\xff" * 8  # in `heads`


def number(value: int) -> bytes:
    """A sequence number as a key: eight bytes in order."""
    return value.to_bytes(8, "big")


class LmdbChanges:
    """Changes within one write transaction."""

    def __init__(self, transaction: Any, tables: Mapping[str, Any]) -> None:
        self._transaction, self._tables = transaction, tables

    def last(self) -> int:
        """The latest sequence number."""
        return int.from_bytes(self._get("meta", b"last") or b"", "big")

    def begin(self, at: int | None) -> int:
        """The sequence number of the next entry. Raises `RunFailed` where `at` is not one behind the last."""
        last = self.last()
        if at is not None and last and at != last + 1:
            raise RunFailed(
                f"entry {at} came to an online store that is at {last}: two logs write it, or one lost its end"
            )
        return at if at is not None else last + 1

    def apply(self, events: Sequence[LiveEvent], at: int | None) -> list[bool]:
        """See `Store.apply`."""
        sequence = first = self.begin(at)
        fresh = []
        for event in events:
            seen = key_digest(event.event_id)
            fresh.append(self._transaction.put(seen, number(sequence), overwrite=False, db=self._tables["seen"]))
            if fresh[-1]:
                self._keep(sequence, event)
            sequence += fresh[-1] or at is not None
        if sequence > first:
            self.set_last(sequence - 1)
        return fresh

    def put_item(self, item_id: str, told: bytes, at: int | None) -> int:
        """See `Store.put_item`."""
        sequence, item = self.begin(at), key_digest(item_id)
        if known := self._get("items", item):
            self._delete("item_feed", known[:8])
        self._put("items", item, number(sequence) + json.dumps([item_id, told.decode()]).encode())
        self._put("item_feed", number(sequence), item)
        self.set_last(sequence)
        return sequence

    def erase(self, user: str, at: int | None) -> int:
        """See `Store.erase`."""
        key, sequence = key_digest(user), self.begin(at)
        gone = list(self.sequences(key))
        for each in gone:
            self._delete("feed", each)
            self._delete("users", key + each)
        self._put("heads", key, FORGOTTEN)
        self._put("erased", key, user.encode())
        if at is not None:
            self.set_last(sequence)
        return len(gone)

    def forget_erased(self, users: Sequence[str], at: int | None) -> None:
        """See `Store.forget_erased`."""
        sequence = self.begin(at)
        for user in users:
            key = key_digest(user)
            self._delete("erased", key)
            if self._get("heads", key) == FORGOTTEN:
                self._delete("heads", key)
        if at is not None:
            self.set_last(sequence)

    def clear(self) -> None:
        """Empty every table, but not what says which version wrote it."""
        for name, table in self._tables.items():
            if name != "meta":
                self._transaction.drop(table, delete=False)
        for key in (b"last", b"writer", b"filled"):
            self._delete("meta", key)

    def set_last(self, sequence: int) -> None:
        """Remember how far the store is."""
        self._put("meta", b"last", number(sequence))

    def set_meta(self, key: bytes, value: bytes) -> None:
        """Remember something about the store itself."""
        self._put("meta", key, value)

    def sequences(self, user: bytes) -> Iterator[bytes]:
        """Sequence numbers of a user's entries, in order."""
        return user_sequences(self._transaction, self._tables["users"], user)

    def _keep(self, sequence: int, event: LiveEvent) -> None:
        user, line = key_digest(user_key(event)), event.line()
        at = number(sequence)
        self._transaction.put(at, crc32(line).to_bytes(4, "big") + line, append=True, db=self._tables["feed"])
        self._put("users", user + at, b"")
        self._put("heads", user, at)

    def _get(self, table: str, key: bytes) -> bytes | None:
        found: bytes | None = self._transaction.get(key, db=self._tables[table])
        return found

    def _put(self, table: str, key: bytes, value: bytes) -> None:
        self._transaction.put(key, value, db=self._tables[table])

    def _delete(self, table: str, key: bytes) -> None:
        self._transaction.delete(key, db=self._tables[table])


def user_sequences(transaction: Any, users: Any, user: bytes) -> Iterator[bytes]:
    """Sequence numbers of a user's entries, in order."""
    cursor = transaction.cursor(users)
    found = cursor.set_range(user)
    while found:
        key: bytes = cursor.key()
        if key[:16] != user:
            return
        yield key[16:]
        found = cursor.next()
