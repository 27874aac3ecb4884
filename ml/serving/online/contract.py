"""What every online store does, embedded or across a network; one suite of tests asks it of all of them.

A store holds what happened since the champion's data were cut, in the order in which it was accepted: each entry has
a sequence number from 1. It can always be made again from the event log.
"""

from collections.abc import Sequence
from typing import Protocol

from ml.serving.events import LiveEvent

ERASED = -1
ANONYMOUS = "session:"  # how the marts name the user of a session that nobody signed in to


def user_key(event: LiveEvent) -> str:
    """Whose event it is: the user, or the session of somebody who did not sign in."""
    return event.user_id if event.user_id is not None else f"{ANONYMOUS}{event.session_id}"


class Store(Protocol):
    """Events by user and by sequence; every method may be called from several threads and processes."""

    def apply(self, events: Sequence[LiveEvent]) -> list[bool]:
        """Take events in, all or none; of each, whether its `event_id` is new. A known one changes nothing."""

    def versions(self, user_keys: Sequence[str]) -> list[int]:
        """Sequence number of each user's latest entry; 0: nothing happened, `ERASED`: the user was forgotten."""

    def events_of(self, user_keys: Sequence[str]) -> list[list[LiveEvent]]:
        """The events of each user, in order of `(occurred_at, event_id bytes)`."""

    def since(self, sequence: int, limit: int = 10_000) -> list[tuple[int, LiveEvent]]:
        """Events after a sequence number, in order; at most so many."""

    def last(self) -> int:
        """The latest sequence number; 0: none."""

    def put_item(self, item_id: str, told: bytes) -> int:
        """Keep what was told of an item (JSON); returns its sequence number."""

    def items_since(self, sequence: int) -> list[tuple[int, str, bytes]]:
        """(sequence number, item_id, what was told) of items after a sequence number, the latest of each, in order."""

    def erase(self, user_key: str) -> int:
        """Forget a user's events and remember that they are to be forgotten; returns how many events went."""

    def erased(self) -> list[str]:
        """Everybody who was forgotten, sorted."""

    def forget_erased(self, user_keys: Sequence[str]) -> None:
        """The users are gone from all data too: what remembered them as forgotten goes."""

    def drop_before(self, occurred_at: int) -> int:
        """Drop events before an instant (microseconds since 1970 UTC), which the sealed data hold; returns how many."""

    def clear(self) -> None:
        """Empty it, to be made again."""

    def close(self) -> None:
        """Let go of files and connections."""
