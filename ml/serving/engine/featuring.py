"""Features as of now: of users from their own traces whenever they did something, of items now and then."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol

import numpy as np

from ml.bundle.bundle import Bundle
from ml.data.arrays import Floats, Indices
from ml.data.facts import DAY_US
from ml.domains.domain import Protocol as Cut
from ml.features.declarations import load_declarations
from ml.features.evaluator import Evaluator
from ml.features.item_evaluation import LetOthers, item_features
from ml.features.store import Snapshot, Table
from ml.serving.engine.describing import Describing
from ml.serving.engine.lately import Lately
from ml.serving.engine.profile import Row
from ml.serving.events import LiveEvent
from ml.serving.online.contract import is_anonymous

PART = 10_000  # events read from the store at once
STANDS = 600_000_000  # microseconds for which items' features stand while nothing happens
SOME_EVENT = LiveEvent("", "", "", "", 0)  # of no type that says anything


class Feed(Protocol):
    """What item features ask of the online store; raises `StoreGone` rather than wait."""

    def since(self, sequence: int, limit: int = PART) -> list[tuple[int, LiveEvent]]:
        """Events after a sequence number, in order; at most so many."""


@dataclass(frozen=True)
class Featuring:
    """The declared features of a bundle's users and items at any instant from the sealing on."""

    bundle: Bundle
    cut: Cut  # the domain's; when its source's day begins

    @cached_property
    def describing(self) -> Describing:
        """How live events are described."""
        return Describing.of(self.bundle)

    @cached_property
    def evaluator(self) -> Evaluator:
        """The programs of the declared features that the models were trained with."""
        features, kinds = self.bundle.features, self.bundle.traces.trace.kinds
        return Evaluator.of(load_declarations(), kinds, self.cut.day_starts_at_hour, features)

    @cached_property
    def nothing(self) -> Row:
        """The features of somebody of whom nothing is known."""
        return sealed_row(self.bundle.snapshot, -1)

    def grown(self, bundle: Bundle) -> "Featuring":
        """The same of a bundle with other items: the declarations need not be read again."""
        other = replace(self, bundle=bundle)
        vars(other)["evaluator"] = self.evaluator
        return other

    def row(self, user: int, key: str, item: Indices, events: Sequence[LiveEvent], moment: int) -> Row:
        """The features of one user as of a moment.

        Args:
            user: Row of the bundle's users; -1: unknown at the sealing.
            key: By which the online store knows the user: sessions that nobody signed in to have no features.
            item: (N,) items of the live events; -1: not known to the bundle.
            events: (N,) live ones; those that were sealed too count once.
            moment: Microseconds since 1970 UTC.
        """
        snapshot = self.bundle.snapshot
        if moment == snapshot.as_of and not events:
            return sealed_row(snapshot, user)
        if is_anonymous(key) or (user < 0 and not events):
            return self.nothing
        trace = self.bundle.traces.of(np.array([user], np.int64))
        if events:
            trace = trace.merged(self.describing.trace(1, [0] * len(events), item, events))
        found = self.evaluator.users(trace, np.array([moment], np.int64))
        pairs, categories = found.pair_item >= 0, found.category < max(snapshot.user_category.width, 1)
        return Row(
            found.user[0], found.pair_item[pairs], found.pair_values[pairs], found.category[categories],
            found.category_values[categories],
        )  # fmt: skip


def sealed_row(snapshot: Snapshot, user: int) -> Row:
    """The features of a user as they were sealed."""
    pair_item, pair = _slice(snapshot.user_item, user)
    category, by_category = _slice(snapshot.user_category, user)
    return Row(snapshot.user_rows(np.array([user], np.int32))[0], pair_item, pair, category, by_category)


def _slice(table: Table, left: int) -> tuple[Indices, Floats]:
    """One row's part of a sparse table: the right-hand keys and their values."""
    if left < 0 or not len(table.keys):
        return np.zeros(0, np.int32), np.zeros((0, len(table.names)), np.float32)
    first, stop = np.searchsorted(table.keys, [left * table.width, (left + 1) * table.width])
    return (table.keys[first:stop] - left * table.width).astype(np.int32), np.asarray(table.values[first:stop])


def _fixed(rows: Floats) -> Floats:
    """Rows that nobody writes to: to a kernel those that were sealed and those of now are then of one type."""
    found = np.ascontiguousarray(rows).view()
    found.setflags(write=False)
    return found


class ItemRows:
    """The features of all items, computed anew beside requests; whoever reads takes the whole array of the moment."""

    def __init__(self, featuring: Featuring) -> None:
        self._featuring = featuring
        self._lately = Lately(featuring.bundle.traces.trace.kinds)
        self._sequence = 0
        self.rows = _fixed(featuring.bundle.snapshot.item)  # (items, F)
        self.as_of = featuring.bundle.snapshot.as_of  # microseconds since 1970 UTC

    def refresh(self, feed: Feed, moment: int, let_others: LetOthers = lambda: None) -> int:
        """Take in what happened since the last time, and compute all items as of a moment; how many events were new.

        Args:
            feed: What happened.
            moment: Microseconds since 1970 UTC.
            let_others: Called every few milliseconds: it may wait, so that nobody who asks meanwhile does.

        Raises:
            StoreGone: The store does not answer: the rows stay as they are.
        """
        before = self._sequence
        while part := feed.since(self._sequence, PART):
            for sequence, event in part:
                self._lately.add(event)
                self._sequence = sequence
        if self._sequence == before and moment - self.as_of < STANDS:
            return 0
        bundle, names = self._featuring.bundle, self._featuring.evaluator.names["item_features"]
        evaluator, since = self._featuring.evaluator, self._lately.since(self._featuring.describing, let_others)
        found = item_features(evaluator, bundle.traces, moment, since=since, let_others=let_others)
        found = np.concatenate([found, bundle.snapshot.item[len(found) :, : len(names)]])  # items that came later
        facts = bundle.snapshot.item[:, len(names) :].copy()
        facts[:, self._moments()] += (moment - bundle.snapshot.as_of) / DAY_US
        self.rows, self.as_of = _fixed(np.concatenate([found, facts], axis=1)), moment
        return self._sequence - before

    def take_over(self, before: "ItemRows", told: Sequence[str]) -> None:
        """Go on from where the rows of fewer items stand.

        Args:
            before: Which may be computed anew meanwhile.
            told: Identifiers of the items that are new, or of which something is.
        """
        self._sequence, self.as_of = before._sequence, before.as_of  # first: what comes meanwhile counts once
        self._lately.take_over(before._lately, tuple(told))
        self.rows = _fixed(np.concatenate([before.rows, self.rows[len(before.rows) :]]))

    def _moments(self) -> list[int]:
        """The columns of facts that are days since a moment, among those that models read."""
        told = [
            fact
            for fact in self._featuring.bundle.item_facts.facts.values()
            if fact.for_models and fact.kind != "category"
        ]
        return [at for at, fact in enumerate(told) if fact.kind == "moment"]
