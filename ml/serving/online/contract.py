"""What every online store does, embedded or across a network; one suite of tests asks it of all of them.

A store holds what its event log holds, in the order in which it was accepted: each entry has a sequence number from 1.
What the champion has sealed stays in it: another champion, an older one too, may not have. It can always be made again
from the log.
"""

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import Protocol

from ml.serving.events import LiveEvent

ERASED = -1
ANONYMOUS = "session:"  # how the marts name the user of a session that nobody signed in to


def user_key(event: LiveEvent) -> str:
    """Whose event it is: the user, or the session of somebody who did not sign in."""
    return event.user_id if event.user_id is not None else f"{ANONYMOUS}{event.session_id}"


def is_anonymous(key: str) -> bool:
    """Whether it names a session that nobody signed in to, rather than a user."""
    return key.startswith(ANONYMOUS)


def in_order(events: Iterable[LiveEvent]) -> list[LiveEvent]:
    """Events as the marts order them: by moment, at the same moment by `event_id`'s bytes."""
    return sorted(events, key=lambda event: (event.occurred_at, event.event_id.encode()))


def key_digest(key: str) -> bytes:
    """Sixteen bytes in place of a key of any length; the chance that two of 10⁹ keys meet is below 10⁻²⁰."""
    return blake2b(key.encode(), digest_size=16).digest()


class Store(Protocol):
    """Events by user and by sequence; every method may be called from several threads and processes.

    Where a store is filled from an event log, `at` is the sequence number that the log gave to the (first) entry, so
    that both count alike: known events use up theirs. Without it the store counts the entries that are new. It is
    one behind `last`, unless the store is empty and the log begins later; `RunFailed` is raised for any other.
    """

    embedded: bool  # whether it answers from this machine's memory, and so needs no watch over time

    def apply(self, events: Sequence[LiveEvent], *, at: int | None = None) -> list[bool]:
        """Take events in, all or none; of each, whether its `event_id` is new. A known one changes nothing."""

    def knows(self, event_ids: Sequence[str]) -> list[bool]:
        """Of each, whether an event of this id was ever taken in, forgotten ones included."""

    def versions(self, user_keys: Sequence[str]) -> list[int]:
        """Sequence number of each user's latest entry; 0: nothing happened, `ERASED`: the user was forgotten."""

    def events_of(self, user_keys: Sequence[str]) -> list[list[LiveEvent]]:
        """The events of each user, in order of `(occurred_at, event_id bytes)`."""

    def since(self, sequence: int, limit: int = 10_000) -> list[tuple[int, LiveEvent]]:
        """Events after a sequence number, in order; at most so many."""

    def last(self) -> int:
        """The latest sequence number; 0: none."""

    def put_item(self, item_id: str, told: bytes, *, at: int | None = None) -> int:
        """Keep what was told of an item (JSON); returns its sequence number."""

    def items_since(self, sequence: int) -> list[tuple[int, str, bytes]]:
        """(sequence number, item_id, what was told) of items after a sequence number, the latest of each, in order."""

    def erase(self, user_key: str, *, at: int | None = None) -> int:
        """Forget a user's events and remember that they are to be forgotten; returns how many events went.

        Events taken in later count again: `versions` then gives their number, `erased` still names the user.
        """

    def erased(self) -> list[str]:
        """Everybody who was forgotten, sorted."""

    def forget_erased(self, user_keys: Sequence[str], *, at: int | None = None) -> None:
        """The users are gone from all data too: what remembered them as forgotten goes."""

    def claim(self, writer: str) -> str:
        """Become the one whose log fills the store, unless somebody else's does; returns whose does."""

    def mark_filled(self) -> None:
        """All of the log is in: readers may believe what they read."""

    def filled_by(self) -> str | None:
        """Whose log filled it; None: it is empty, lost its data or is being filled."""

    def clear(self) -> None:
        """Empty it, to be made again; nobody's log fills it then."""

    def close(self) -> None:
        """Let go of files and connections."""
