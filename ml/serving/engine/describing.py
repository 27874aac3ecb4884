"""Live events as traces: described by the catalogue and the places' plan as dbt would describe them."""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.bundle.bundle import Bundle
from ml.data.arrays import Bools, Indices, Ints
from ml.features.trace import Trace, number_of, session_number
from ml.serving.events import LiveEvent


@dataclass(frozen=True)
class Describing:
    """What a bundle knows of items and places that an event is described by."""

    bundle: Bundle
    kinds: Mapping[str, int]  # numbers of the event types
    category: Indices  # (items,) in the numbers of the traces
    brand: Indices  # (items,)
    private: Bools  # (brands,) whether a brand is the shop's own

    @classmethod
    def of(cls, bundle: Bundle) -> "Describing":
        """Of a sealed bundle."""
        traces = bundle.traces
        private = np.zeros(len(traces.brands), bool)
        private[np.unique(traces.trace.brand[traces.trace.private_brand & (traces.trace.brand >= 0)])] = True
        category = traces.categories.encode(bundle.catalogue["category"])
        brand = (
            traces.brands.encode(bundle.catalogue["brand"])
            if "brand" in bundle.catalogue
            else np.full_like(category, -1)
        )
        kinds = {kind: number for number, kind in enumerate(traces.trace.kinds)}
        return cls(bundle, kinds, category, brand, private)

    def trace(self, rows: int, row: Sequence[int], item: Indices, events: Sequence[LiveEvent]) -> Trace:
        """The trace of some events.

        Args:
            rows: How many users there are.
            row: (N,) whose each event is.
            item: (N,) its item; -1: one that the bundle does not know.
            events: (N,) in the order in which they were accepted; those of types that say nothing are left out.
        """
        kept = [at for at, event in enumerate(events) if event.event_type in self.kinds]
        told, item = [events[at] for at in kept], item[kept]
        place = self._places(told)
        strange = np.where(item >= 0, item, _strangers([event.item_id for event in told]))
        columns: dict[str, Any] = {
            **self._by_item(item, place), "item": strange, "place": place,
            "at": [event.occurred_at for event in told], "kind": [self.kinds[event.event_type] for event in told],
            "session": [session_number(event.session_id) for event in told],
            "event": np.array([number_of(event.event_id) for event in told], np.uint64),
            "name": np.array([event.event_id.encode() for event in told] or [b""][:0], np.bytes_),
        }  # fmt: skip
        for name in ("value", "quantity", "seconds", "discount"):
            columns[name] = np.array([_number(getattr(event, name)) for event in told], np.float32)
        return Trace.of_events(
            self.bundle.traces.trace.kinds, np.array([row[at] for at in kept], np.int64), rows, columns
        )

    def again(self, trace: Trace, item_ids: Sequence[str]) -> Trace:
        """The same events, those of some items by what is known of these now: they were unknown, or another category's.

        Args:
            trace: What `trace` made of a bundle that knew less.
            item_ids: (I,) all of which this bundle knows.
        """
        number, strange = self.bundle.items.encode(np.array(item_ids, object)), _strangers(item_ids)
        at = np.flatnonzero(np.isin(trace.item, np.concatenate([number, strange])))
        if not len(at):
            return trace
        known = dict(zip(strange.tolist(), number.tolist(), strict=True))
        item = np.array([known.get(each, each) for each in trace.item[at].tolist()], np.int32)
        told = {"item": item, **self._by_item(item, trace.place[at])}
        columns: dict[str, Any] = {name: _changed(getattr(trace, name), at, column) for name, column in told.items()}
        return replace(trace, **columns)

    def _by_item(self, item: Indices, place: Indices) -> dict[str, NDArray[Any]]:
        """The columns that say what an event's item is, and how it was shown there."""
        known = item >= 0
        category, brand = (
            np.where(known, of[item], -1) if len(of) else np.full_like(item, -1) for of in (self.category, self.brand)
        )
        private = np.where(brand >= 0, self.private[brand], False) if len(self.private) else known & False
        return {
            "category": category, "brand": brand, "private_brand": private, "promoted": self._promoted(place, item),
        }  # fmt: skip

    def _places(self, events: Sequence[LiveEvent]) -> Indices:
        if not any(event.place_id for event in events):
            return np.full(len(events), -1, np.int32)
        return self.bundle.places.encode(np.array([event.place_id or "" for event in events], object))

    def _promoted(self, place: Indices, item: Indices) -> Bools:
        """Whether the item was on display or in the mailer there, by the plan as it was sealed."""
        if not (place >= 0).any():
            return np.zeros(len(item), bool)
        shown = self.bundle.snapshot.placement.gather(place, item) > 0  # NaN is not
        return np.asarray(shown.any(axis=1), np.bool_)


def _strangers(item_ids: Sequence[str]) -> Ints:
    """Numbers below zero for items that the bundle does not know, equal for equal ones."""
    return np.array([-2 - zlib.crc32(item.encode()) % (1 << 30) for item in item_ids], np.int64)


def _changed(column: NDArray[Any], at: Ints, told: NDArray[Any]) -> NDArray[Any]:
    """A column with other values at some places."""
    found = column.copy()
    found[at] = told
    return found


def _number(value: float | None) -> float:
    return np.nan if value is None else value
