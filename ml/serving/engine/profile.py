"""All that is known of one user, as arrays that requests are put together from.

A profile is made when somebody first asks or has done something, and asked many times. What a retriever found for it
stays with it: the next request of a user who did nothing meanwhile looks it up.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import msgspec
import numpy as np

from ml.data.arrays import Floats, Indices, Ints
from ml.data.facts import FactTable
from ml.data.holdings import FOREVER, Spans
from ml.data.occurrences import NEVER
from ml.data.requests import History

LITTLE = 0.05  # share of a history that may be new to what was found
Session = tuple[int, ...]  # items of a current session, oldest first


Key = tuple[str, Session]  # what an answer is known by: the retriever, and the session where it reads that


class Found(msgspec.Struct, frozen=True, gc=False):
    """What one retriever found for a profile, best first."""

    item: Indices  # (K,) -1 behind the last
    score: Floats  # (K,)
    whole: bool  # it has no more than these, whatever is left out
    among: int  # items that there were: a retriever that knows later ones has to look again


class Lasting(msgspec.Struct, frozen=True, gc=False):
    """What retrievers found for a profile without a session, one behind the other: put in its place all at once."""

    named: frozenset[str]  # those whose answer is known
    item: Indices  # (N,) -1 behind the last of each
    score: Floats  # (N,)
    end: Ints  # (T,) where what each retriever of the release found ends
    whole: tuple[bool, ...]  # (T,)
    reach: Mapping[str, int]  # items that there were for each


@dataclass
class Finds:
    """All that was found for a profile. Filled as requests come; two threads at most find the same twice."""

    known: dict[Key, Found] = field(default_factory=dict)
    lasting: Lasting | None = None


class Row(msgspec.Struct, frozen=True, gc=False):
    """The features of one user, of U pairs with items and of V with categories, as of one instant."""

    user: Floats  # (F,)
    pair_item: Indices  # (U,) ascending
    pair: Floats  # (U, F2)
    category: Indices  # (V,) ascending
    by_category: Floats  # (V, F3)


class Pool(msgspec.Struct, frozen=True, gc=False):
    """The best candidates of the last slate at one placement: what is shown where there is no time for more."""

    item: Indices  # (C,)
    score: Floats  # (C,)
    sources: Ints  # (C,)


@dataclass(frozen=True)
class Profile:
    """One user as of a moment and a version of the online store."""

    key: str  # of the user or of an anonymous session; empty: nobody
    number: int  # that draws and rules know the user by; -1: nobody
    version: int  # sequence number of the latest event in it
    moment: int  # microseconds since 1970 UTC
    history: History  # one request
    place: int
    facts: FactTable  # one row, or no facts
    held: Indices | None
    barred: Indices | None
    spans: Spans | None  # one request
    occurrences: Mapping[str, tuple[Indices, Ints]]  # by type of event: items (ascending) and times
    row: Row
    live_sessions: Mapping[str, Session] = field(default_factory=dict)  # by session_id, of events since the sealing
    live: bool = True  # whether the online store could be asked
    latest: int = NEVER  # time of the latest live event in it; it does not stand for moments up to that
    coming: int = FOREVER  # time of the first one that was yet to come; nor for moments after it
    found_for: int = -1  # events of the history for which `found` was found; -1: this one
    found_at: int = NEVER  # the moment as of which, where it is not this one
    found: Finds = field(default_factory=Finds, compare=False)
    pools: dict[str, Pool] = field(default_factory=dict, compare=False)

    @property
    def carries(self) -> bool:
        """Whether what was found was found for the profile before."""
        return self.found_for >= 0

    @property
    def events_found_for(self) -> int:
        """How long the history was for which candidates were found."""
        return self.found_for if self.carries else len(self.history.item)

    def carrying(self, before: "Profile") -> "Profile":
        """The same with what was found before, where so little has happened since that it is as good for a moment.

        A long history says much the same with one event more. What is not to be shown any more is told by rules, and by
        what is barred: where that has changed, candidates are found at once.
        """
        more = len(self.history.item) - before.events_found_for
        same = self.barred is before.barred or np.array_equal(_items(self.barred), _items(before.barred))
        if not same or more > LITTLE * len(self.history.item):
            return self
        found_at = before.found_at if before.carries else before.moment
        return replace(
            self,
            found=Finds(dict(before.found.known), before.found.lasting),
            found_for=before.events_found_for,
            found_at=found_at,
        )

    @property
    def renewed(self) -> "Profile":
        """The same, for which candidates have to be found."""
        return replace(self, found=Finds(), found_for=-1, found_at=NEVER) if self.carries else self

    @property
    def stranger(self) -> bool:
        """Whether nothing is known of them that a retriever reads: no event, no fact, no possession."""
        nothing = not len(self.history.item) and self.place < 0 and (self.held is None or not len(self.held))
        return nothing and bool(np.isnan(self.facts.values).all())


def _items(barred: Indices | None) -> Indices:
    return np.zeros(0, np.int32) if barred is None else barred
