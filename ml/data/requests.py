"""What a recommender is asked: R requests as arrays, each with only what was known before its moment."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from ml.data.arrays import Bools, Floats, Indices, Ints, Ragged, between, taken
from ml.data.facts import FactTable
from ml.data.holdings import Spans
from ml.data.occurrences import Occurrences


@dataclass(frozen=True)
class History:
    """The events of R requests' users before their moments, oldest first within a request."""

    offsets: Ints  # (R + 1,)
    item: Indices  # (N,) column of the item vocabulary
    at: Ints  # (N,) microseconds since 1970 UTC
    session: Indices  # (N,) which session (basket), numbered over the whole log
    weight: Floats  # (N,) what the event says about liking, by the domain's declaration
    kind: Indices | None = None  # (N,) place of its event type in `Domain.event_weights`; None: nobody told
    value: Floats | None = None  # (N,) how much it was: money paid, seconds of reading; None: nobody told

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def items(self) -> Ragged:
        """The items alone."""
        return Ragged(self.offsets, self.item)

    @property
    def rows(self) -> Ints:
        """(N,) the request of each event."""
        return self.items.rows

    def take(self, rows: Ints) -> "History":
        """The histories of these requests, in this order."""
        return self.cut(self.offsets[rows], self.offsets[np.asarray(rows) + 1])

    def between(self, start: int, stop: int) -> "History":
        """The histories from `start` up to `stop`: a view."""
        return self.pick(*between(self.offsets, start, stop))

    def cut(self, starts: Ints, stops: Ints) -> "History":
        """The events in these ranges of positions, one range a request."""
        offsets, at = taken(starts, stops)
        return self.pick(offsets, at)

    def pick(self, offsets: Ints, positions: Ints | Bools | slice) -> "History":
        """The events at these positions (or of this mask), cut into histories at `offsets`."""
        return History(
            offsets, self.item[positions], self.at[positions], self.session[positions], self.weight[positions],
            None if self.kind is None else self.kind[positions], None if self.value is None else self.value[positions],
        )  # fmt: skip


@dataclass(frozen=True)
class Requests:
    """R requests for a slate."""

    user: Indices  # (R,) row of the user vocabulary; -1: unknown
    moment: Ints  # (R,) microseconds since 1970 UTC
    place: Indices  # (R,) row of the place vocabulary (a store); -1: unknown
    history: History  # everything of the user before the moment, the current session included
    session: Ragged  # items of the current session so far; often empty
    facts: FactTable = field(default_factory=FactTable.none)  # (R,) what was known of the user; no facts: no rows
    held: Ragged | None = None  # the items that the user has; None: nobody has anything
    barred: Ragged | None = None  # items that the slate is not for, since the user has them, or has not; None: none
    spans: Spans | None = None  # when the user began to have each item, and when it ended; None: nobody told
    occurrences: Mapping[str, Occurrences] = field(default_factory=dict)  # of all users, by type of event

    def __len__(self) -> int:
        return len(self.user)

    def take(self, rows: Ints) -> "Requests":
        """These requests, in this order."""
        rows = np.asarray(rows)
        return Requests(
            self.user[rows], self.moment[rows], self.place[rows], self.history.take(rows), self.session.take(rows),
            self.facts.take(rows) if self.facts.facts else self.facts,
            self.held and self.held.take(rows), self.barred and self.barred.take(rows), self.spans and self.spans.take(rows),
            self.occurrences,
        )  # fmt: skip

    def between(self, start: int, stop: int) -> "Requests":
        """The requests from `start` up to `stop`: a view, which costs a fraction of taking them."""
        return Requests(
            self.user[start:stop], self.moment[start:stop], self.place[start:stop], self.history.between(start, stop),
            self.session.between(start, stop), self.facts.between(start, stop),
            self.held and self.held.between(start, stop), self.barred and self.barred.between(start, stop),
            self.spans and self.spans.between(start, stop), self.occurrences,
        )  # fmt: skip

    def without(self, exclude: Ragged | None) -> Ragged | None:
        """The items to leave out: these, and those barred."""
        if exclude is None or self.barred is None:
            return self.barred if exclude is None else exclude
        return exclude.union(self.barred)

    def with_session(self, session: Ragged) -> "Requests":
        """The same requests in the middle of these sessions."""
        return replace(self, session=session)


@dataclass(frozen=True)
class Cases:
    """Requests with what then happened: the material of training and evaluation."""

    requests: Requests
    labels: Ragged  # the distinct items taken
    unit: Ints  # (R,) whom to resample: cases of one user (or session) stay together

    def __len__(self) -> int:
        return len(self.requests)

    def take(self, rows: Ints) -> "Cases":
        """These cases, in this order."""
        rows = np.asarray(rows)
        return Cases(self.requests.take(rows), self.labels.take(rows), self.unit[rows])
