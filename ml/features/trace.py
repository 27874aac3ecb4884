"""Traces: what users did, as columns, from which features are computed at any instant.

Only strictly earlier events count at an instant, and an event is known by the hash of its `event_id`: whichever came
first stays. Numbers of items, categories and places are those of the vocabularies that the traces were made with.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.data.arrays import Bools, Floats, Indices, Ints, first_at, taken
from ml.features.trace_kernels import first_of_each, repeated

COLUMNS: dict[str, Any] = {
    "item": np.int32, "category": np.int32, "brand": np.int32, "place": np.int32, "at": np.int64, "kind": np.int16,
    "session": np.int64, "value": np.float32, "quantity": np.float32, "seconds": np.float32, "discount": np.float32,
    "private_brand": np.bool_, "promoted": np.bool_, "event": np.uint64,
}  # fmt: skip
OF_EVENTS = (*COLUMNS, "name", "opens_session", "opens_pair")  # what a trace tells of each event
FEW = 64  # events that are compared with all others one by one


def number_of(text: str) -> int:
    """The 64 bits by which an `event_id` or a `session_id` is known: the end of its MD5, as DuckDB reads it."""
    return int.from_bytes(hashlib.md5(text.encode(), usedforsecurity=False).digest()[8:], "little")


def session_number(session_id: str) -> int:
    """The number of a session: the same 64 bits with a sign."""
    return int(np.uint64(number_of(session_id)).astype(np.int64))


@dataclass(frozen=True)
class Trace:
    """N events of R users side by side, each user's in order of (occurred_at, event_id bytes).

    Whether an event opens a session or a pair is told of the whole trace of its user: cut one with `before`, widen it
    with `merged`, and it stays true.
    """

    kinds: tuple[str, ...]  # the event types
    offsets: Ints  # (R + 1,)
    item: Indices  # (N,) number of the item; any negative number is an unknown one, equal numbers the same one
    category: Indices  # (N,) as of the event; -1: none
    brand: Indices  # (N,) as of the event; -1: none
    place: Indices  # (N,) -1: unknown
    at: Ints  # (N,) microseconds since 1970 UTC
    kind: NDArray[np.int16]  # (N,) place in `kinds`
    session: Ints  # (N,) see `session_number`
    value: Floats  # (N,) NaN: none; so are quantity, seconds and discount
    quantity: Floats
    seconds: Floats
    discount: Floats
    private_brand: Bools  # (N,)
    promoted: Bools  # (N,)
    event: NDArray[np.uint64]  # (N,) see `number_of`
    name: NDArray[np.bytes_]  # (N,) event_id in UTF-8: which of two events of the same instant came first
    opens_session: Bools  # (N,) the user's first of its type in the session
    opens_pair: Bools  # (N,) the user's first of its type with the item

    @classmethod
    def empty(cls, kinds: tuple[str, ...], rows: int) -> "Trace":
        """Users who did nothing."""
        return cls.of_events(kinds, np.zeros(0, np.int64), rows, {"name": np.zeros(0, "S1")})

    @classmethod
    def of_events(cls, kinds: tuple[str, ...], row: Ints, rows: int, columns: Mapping[str, Any]) -> "Trace":
        """Events in their order of arrival, put in order; of those with the same `event_id` the first stays.

        Args:
            kinds: All event types that events may have.
            row: (N,) whose each is, of `rows` users.
            columns: (N,) `name` and the columns of `COLUMNS`; one that is left out says nothing of any event.
        """
        name = np.asarray(columns["name"], np.bytes_)
        told = {each: _column(columns, each, len(name)) for each in COLUMNS}
        order = np.argsort(row, kind="stable")
        offsets = _offsets(row, rows)
        _, again = repeated(np.zeros(rows + 1, np.int64), np.zeros(0, np.uint64), offsets, told["event"][order])
        kept = order[~again]
        kept = kept[np.lexsort((name[kept], told["at"][kept], row[kept]))]
        return _opened(
            kinds, _offsets(row[kept], rows), {each: values[kept] for each, values in told.items()}, name[kept]
        )

    @classmethod
    def stacked(cls, traces: Sequence["Trace"]) -> "Trace":
        """The users of several traces of the same event types, one trace's behind the other's."""
        ends = np.cumsum([0, *(len(trace.at) for trace in traces)])
        offsets = [trace.offsets[1:] + end for trace, end in zip(traces, ends[:-1], strict=True)]
        return cls(
            traces[0].kinds, np.concatenate([[0], *offsets]).astype(np.int64),
            **{name: np.concatenate([getattr(trace, name) for trace in traces]) for name in OF_EVENTS},
        )  # fmt: skip

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @cached_property
    def rows(self) -> Ints:
        """(N,) whose each event is."""
        return np.repeat(np.arange(len(self)), np.diff(self.offsets))

    def stops(self, moment: Ints) -> Ints:
        """(R,) where each user's events end that lie before the user's moment."""
        return first_at(self.at, self.offsets[:-1], self.offsets[1:], np.asarray(moment, np.int64))

    def take(self, rows: Ints) -> "Trace":
        """These users, in this order; -1 is one who did nothing."""
        rows = np.asarray(rows, np.int64)
        known = np.maximum(rows, 0)
        starts = self.offsets[known]
        return self._ranges(starts, np.where(rows < 0, starts, self.offsets[known + 1]))

    def before(self, moment: Ints) -> "Trace":
        """What each user did strictly before a moment (R,)."""
        return self._ranges(self.offsets[:-1], self.stops(moment))

    def pick(self, positions: Ints) -> "Trace":
        """Only these events, whose positions ascend; all users stay."""
        offsets = np.searchsorted(positions, self.offsets).astype(np.int64)
        return self._at(offsets, positions)

    def merged(self, other: "Trace") -> "Trace":
        """What each user did in either of two traces of the same users; an event that both hold stays as it is here."""
        if not len(other.at):
            return self
        if len(self) == 1 and len(self.at) and len(other.at) <= FEW and self.at[-1] < other.at[0]:
            return self._followed_by(other)  # as it mostly is
        _, again = repeated(self.offsets, self.event, other.offsets, other.event)
        other = other.pick(np.flatnonzero(~again))
        name = np.concatenate([self.name, other.name])
        columns = {each: np.concatenate([getattr(self, each), getattr(other, each)]) for each in COLUMNS}
        offsets = self.offsets + other.offsets
        row = np.concatenate([self.rows, other.rows])
        order = np.lexsort((columns["at"], row))  # stable: the events of this trace first
        order = _settled(order, row, columns["at"], name, len(self.at))
        return _opened(self.kinds, offsets, {each: values[order] for each, values in columns.items()}, name[order])

    def added_by(self, other: "Trace") -> tuple["Trace", Bools]:
        """What `merged` adds to this trace, where it changes nothing in it.

        Returns:
            The events of the other that are not here, told of both together, and (R,) of whom some lie before events
            that are here: of those all that the other has, told of it alone.
        """
        whole, held = self.merged(other), np.diff(self.offsets)
        first = whole._ranges(whole.offsets[:-1], whole.offsets[:-1] + held)
        before = np.bincount(self.rows[first.event != self.event], minlength=len(self)) > 0
        behind = whole._ranges(whole.offsets[:-1] + held, whole.offsets[1:])
        return Trace.stacked([behind, other]).take(np.arange(len(self)) + np.where(before, len(self), 0)), before

    def _followed_by(self, other: "Trace") -> "Trace":
        """`merged` for one user and a few events that are all later: what was first of its kind before still is."""
        other = other.pick(np.flatnonzero(~(other.event[:, None] == self.event).any(axis=1)))
        alike = other.kind[:, None] == self.kind
        again = {
            "opens_session": (alike & (other.session[:, None] == self.session)).any(axis=1),
            "opens_pair": (alike & (other.item[:, None] == self.item)).any(axis=1),
        }
        columns = {name: np.concatenate([getattr(self, name), getattr(other, name)]) for name in (*COLUMNS, "name")}
        first = {name: np.r_[getattr(self, name), getattr(other, name) & ~before] for name, before in again.items()}
        return Trace(self.kinds, self.offsets + other.offsets, **columns, **first)

    def widened(self, rows: int) -> "Trace":
        """The same with further users at the end, who did nothing; `rows` in all."""
        more = np.full(rows - len(self), self.offsets[-1])
        return replace(self, offsets=np.concatenate([self.offsets, more]))

    def _ranges(self, starts: Ints, stops: Ints) -> "Trace":
        return self._at(*taken(starts, stops))

    def _at(self, offsets: Ints, positions: Ints | slice) -> "Trace":
        return replace(self, offsets=offsets, **{each: getattr(self, each)[positions] for each in OF_EVENTS})


def _column(columns: Mapping[str, Any], name: str, count: int) -> NDArray[Any]:
    kind = COLUMNS[name]
    if name in columns:
        return np.asarray(columns[name], kind)
    missing = np.nan if kind is np.float32 else (-1 if kind is np.int32 else 0)
    return np.full(count, missing, kind)


def _offsets(row: Ints, rows: int) -> Ints:
    found: Ints = np.r_[0, np.cumsum(np.bincount(row, minlength=rows))].astype(np.int64)
    return found


def _opened(kinds: tuple[str, ...], offsets: Ints, columns: Mapping[str, Any], name: NDArray[np.bytes_]) -> Trace:
    """The trace of events in order, with what is first of its kind found anew."""
    sessions = first_of_each(offsets, columns["session"], columns["kind"])
    pairs = first_of_each(offsets, columns["item"], columns["kind"])
    return Trace(kinds, offsets, **columns, name=name, opens_session=sessions, opens_pair=pairs)


def _settled(order: Ints, row: Ints, at: Ints, name: NDArray[np.bytes_], first: int) -> Ints:
    """The order in which the identifiers decide between a first trace's events and others of the same instant."""
    row, at, later = row[order], at[order], order >= first
    same = np.r_[False, (row[1:] == row[:-1]) & (at[1:] == at[:-1])]
    mixed = same & np.r_[False, later[1:] != later[:-1]]
    if not mixed.any():
        return order
    run = np.cumsum(~same)
    among = np.flatnonzero(np.isin(run, run[mixed]))
    settled = order.copy()
    settled[among] = order[among][np.lexsort((name[order[among]], run[among]))]
    return settled
