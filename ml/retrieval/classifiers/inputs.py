"""What classifiers read of requests, as numbers: the user, what the user has and had, and what happened lately.

Shapes: R requests, F inputs that all items share, P inputs of each item. Everything is from before the moment.
"""

from dataclasses import dataclass

import numpy as np

from ml.data.arrays import Bools, Floats, Ints
from ml.data.requests import Requests
from ml.retrieval.classifiers.clock import Clock
from ml.retrieval.classifiers.lately import changes, lately
from ml.retrieval.classifiers.schema import CATEGORY, Schema
from ml.retrieval.classifiers.takes import Takes

DAY_US = 86_400_000_000
MONTHS = 12


@dataclass(frozen=True)
class Inputs:
    """R requests as numbers; NaN is what is not known."""

    names: tuple[str, ...]  # (F,)
    shared: Floats  # (R, F)
    own_names: tuple[str, ...]  # (P,)
    own: Floats  # (R, items, P)

    def pairs(self) -> Floats:
        """(R · items, P) what is said of each item, a request's items side by side."""
        return self.own.reshape(-1, len(self.own_names))

    def of_item(self, rows: Bools | slice, item: int, columns: Ints) -> Floats:
        """(N, len(columns) + P) what is said of these requests, by these of the shared inputs, and of one item."""
        return np.concatenate([self.shared[rows][:, columns], self.own[rows, item]], axis=1)


def read(requests: Requests, schema: Schema, takes: Takes) -> Inputs:
    """The inputs of R requests; `takes` may reach beyond their moments."""
    clock, items = Clock(schema.protocol), schema.items
    begun, ended = changes(requests, clock, len(items))
    events = lately(requests, clock, len(items), len(schema.kinds))
    held = np.zeros_like(begun)
    if requests.held is not None:
        held[requests.held.rows, requests.held.values] = 1
    by_type = [f"{span} {kind}" for span in ("last", "few") for kind in schema.kinds]
    counts = np.concatenate([events.last, events.few], axis=2)
    shared = {
        tuple(f"fact {name}" for name in schema.facts): _user_facts(requests, schema),
        ("month", "month_sine", "month_cosine"): _calendar(requests),
        ("items_held",): held.sum(axis=1, keepdims=True),
        **{tuple(f"{what} {item}" for item in items): values for what, values in
           (("has", held), ("begun", begun), ("ended", ended), ("liking", np.log1p(events.liking)))},
        tuple(by_type): np.log1p(counts.sum(axis=1)),
    }  # fmt: skip
    own = {
        (CATEGORY, *schema.item_facts): _item_facts(requests, schema),
        ("begun", "ended", "liking", "largest_value"): np.stack(
            [begun, ended, np.log1p(events.liking), np.log1p(np.maximum(events.largest, 0))], axis=2
        ),
        tuple(by_type): np.log1p(counts),
        ("popularity", "popularity_a_year_ago"): _popularity(requests, clock, takes),
    }
    return Inputs(*_joined(shared, axis=1), *_joined(own, axis=2))


def _joined(groups: dict[tuple[str, ...], Floats], axis: int) -> tuple[tuple[str, ...], Floats]:
    names = tuple(name for group in groups for name in group)
    return names, np.concatenate(list(groups.values()), axis=axis).astype(np.float32)


def _user_facts(requests: Requests, schema: Schema) -> Floats:
    """(R, facts) as numbers; a moment becomes the days since then."""
    values = requests.facts.aligned(schema.facts, schema.categories, len(requests)).values.copy()
    moments = [fact.kind == "moment" for fact in schema.facts.values()]
    values[:, moments] = (requests.moment / DAY_US)[:, None] - values[:, moments]
    return values


def _item_facts(requests: Requests, schema: Schema) -> Floats:
    """(R, items, 1 + G) the category and the facts of each item; a moment becomes the days since then."""
    values = np.repeat(schema.item_values[None], len(requests), axis=0)
    moments = [False, *(fact.kind == "moment" for fact in schema.item_facts.values())]
    values[:, :, moments] = (requests.moment / DAY_US)[:, None, None] - values[:, :, moments]
    return values


def _calendar(requests: Requests) -> Floats:
    """(R, 3) the calendar month of the moment, 0 for January, as a number and as a place on a circle."""
    month = requests.moment.astype("datetime64[us]").astype("datetime64[M]").astype(np.int64) % MONTHS
    angle = month * (2 * np.pi / MONTHS)
    return np.stack([month, np.sin(angle), np.cos(angle)], axis=1).astype(np.float32)


def _popularity(requests: Requests, clock: Clock, takes: Takes) -> Floats:
    """(R, items, 2) which share of all takes fell on each item in the last cadence, and in the coming one a year ago."""

    def of_moment(moment: int) -> Floats:
        begin, end = clock.earlier(moment, clock.year), clock.earlier(moment, clock.year - 1)
        return np.stack([takes.share(clock.earlier(moment, 1), moment), takes.share(begin, end)], axis=1)

    return clock.each(requests.moment, of_moment, (takes.items, 2))
