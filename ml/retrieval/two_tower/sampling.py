"""Training requests and the batches drawn from them.

Serving asks at the start of a cadence which items a user will take within it (or, where sessions are the unit,
which item comes next). Training asks the same of the past: each training request is such a moment before t1, with
the items then taken.

Shapes: R training requests, B requests of a batch, N positive pairs of a request and an item, C candidates.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ml.data.arrays import Bools, Floats, Indices, Ints, Ragged, distinct, first_at, take_ranges
from ml.data.dataset import Dataset, Log
from ml.data.windows import to_micros
from ml.retrieval.two_tower.inputs import Views, cadence_of

NEVER = np.iinfo(np.int64).max


class Labelled(Protocol):
    """R requests of the past with what was then taken: all that batches are drawn by."""

    @property
    def period(self) -> Indices:
        """(R,) cadence of the moment."""

    @property
    def positives(self) -> Ragged:
        """(R) rows of the items then taken."""

    @property
    def repeat(self) -> Bools:
        """(N,) the user had taken this positive before the moment."""

    def __len__(self) -> int: ...


@dataclass(frozen=True)
class TrainingRequests:
    """All requests of the past, with what was then taken."""

    views: Views
    period: Indices  # (R,) cadence of the moment; all of a batch share it, and with it the items' popularity
    positives: Ragged  # (R) rows of the items then taken
    repeat: Bools  # (N,) the user had taken this positive before the moment
    starts: Ints  # (periods,) microseconds at which each cadence begins

    def __len__(self) -> int:
        return len(self.views)


def training_requests(dataset: Dataset) -> TrainingRequests:
    """Every request before t1, where the dataset's log ends, that was followed by a target event."""
    log, cadence = dataset.log, cadence_of(dataset)
    stop = to_micros(dataset.windows.t1)
    periods = -(-(stop - int(log.at.min(initial=stop))) // cadence)
    starts = stop - cadence * np.arange(periods, 0, -1)
    return (_by_cadence if dataset.domain.protocol.unit == "user" else _by_event)(log, starts)


def _by_cadence(log: Log, starts: Ints) -> TrainingRequests:
    """One request a user and cadence: the distinct items taken in it, from all before it."""
    target = np.flatnonzero(log.target)
    period = np.searchsorted(starts, log.at[target], side="right") - 1
    pairs = distinct((period * log.users + log.user[target]) * log.items + log.item[target])
    group, row = np.unique(pairs // log.items, return_inverse=True)
    period, user, item = group // log.users, group % log.users, (pairs % log.items).astype(np.int32)
    stops = first_at(log.at, log.offsets[user], log.offsets[user + 1], starts[period])
    views = _views(log, user, stops, starts[period])
    repeat = _first_taken(log, user[row], item) < views.moment[row]
    return TrainingRequests(views, period.astype(np.int32), Ragged.from_pairs(row, item, len(group)), repeat, starts)


def _by_event(log: Log, starts: Ints) -> TrainingRequests:
    """One request an event after the first of its session: its item, from all before it."""
    later = np.diff(log.session, prepend=-1) == 0
    event = np.flatnonzero(later & log.target)
    period = np.searchsorted(starts, log.at[event], side="right") - 1
    user, item = log.user[event].astype(np.int64), log.item[event]
    return TrainingRequests(
        _views(log, user, event, log.at[event]), period.astype(np.int32), Ragged(np.arange(len(event) + 1), item),
        _first_taken(log, user, item) < log.at[event], starts,
    )  # fmt: skip


def _views(log: Log, user: Ints, stops: Ints, moment: Ints) -> Views:
    starts = log.offsets[user]
    place = np.where(stops > starts, log.place[np.maximum(stops - 1, 0)], -1).astype(np.int32)
    return Views.of(log.history(), starts, stops, moment, place)


def _first_taken(log: Log, user: Ints, item: Indices) -> Ints:
    """(N,) microseconds at which each user first took each item."""
    keys, first = np.unique(log.user.astype(np.int64) * log.items + log.item, return_index=True)  # ordered by time
    wanted = user * log.items + item
    at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[at] == wanted, log.at[first[at]], NEVER)


@dataclass(frozen=True)
class Shares:
    """How often each item is the positive of a cadence's pairs: the q of the log-q correction before sampling."""

    keys: Ints  # sorted; period * items + item
    share: Floats  # of the cadence's positive pairs
    items: int

    @classmethod
    def of(cls, requests: Labelled, items: int) -> "Shares":
        """Count the positives of each cadence."""
        period = requests.period[requests.positives.rows]
        keys, counts = np.unique(period.astype(np.int64) * items + requests.positives.values, return_counts=True)
        total = np.bincount(period)
        return cls(keys, (counts / total[keys // items]).astype(np.float32), items)

    def of_items(self, period: int, item: Indices) -> Floats:
        """(C,) the shares of these items in one cadence; 0 where nobody took it."""
        wanted = period * self.items + item.astype(np.int64)
        at = np.minimum(np.searchsorted(self.keys, wanted), len(self.keys) - 1)
        return np.where(self.keys[at] == wanted, self.share[at], np.float32(0))


@dataclass(frozen=True)
class Batch:
    """Requests of one cadence, and the items that compete for them."""

    requests: Ints  # (B,) rows of the training requests
    period: int
    row: Ints  # (N,) the batch's request of each positive
    column: Ints  # (N,) the candidate that it is
    repeat: Bools  # (N,)
    candidates: Indices  # (C,) distinct items: the positives of all and the uniform negatives
    hits: tuple[Ints, Ints]  # (request, candidate) of further positives: no examples, but no negatives either


@dataclass(frozen=True)
class Sampler:
    """Draws the batches of one epoch after the other."""

    requests: Labelled
    items: int
    random: np.random.Generator
    keep: Floats  # (R,) probability that a request takes part in an epoch
    batch_size: int  # most requests in a batch
    positives: int  # most positives of one request
    uniform: int  # uniform negatives in a batch

    def epoch(self) -> list[Ints]:
        """The rows of each batch, in random order; those of a batch share their cadence."""
        chosen = self.random.permutation(np.flatnonzero(self.random.random(len(self.requests)) < self.keep))
        chosen = chosen[np.argsort(self.requests.period[chosen], kind="stable")]
        _, first, size = np.unique(self.requests.period[chosen], return_index=True, return_counts=True)
        rank = np.arange(len(chosen)) - np.repeat(first, size)
        batches = np.split(chosen, np.flatnonzero(rank % self.batch_size == 0)[1:])
        return [batches[at] for at in self.random.permutation(len(batches))] if len(chosen) else []

    def draw(self, requests: Ints) -> Batch:
        """These requests with a random choice of their positives, and the negatives of all."""
        labels = self.requests.positives
        offsets, at = take_ranges(labels.offsets[requests], labels.offsets[requests + 1])
        row = np.repeat(np.arange(len(requests)), np.diff(offsets))
        order = np.lexsort((self.random.random(len(row)), row))
        chosen = np.arange(len(row)) - offsets[row] < self.positives
        taken, left = order[chosen], order[~chosen]
        item = labels.values[at]
        uniform = self.random.integers(0, self.items, self.uniform)
        candidates, column = np.unique(np.r_[item[taken], uniform], return_inverse=True)
        place = np.minimum(np.searchsorted(candidates, item[left]), len(candidates) - 1)
        hit = candidates[place] == item[left]
        return Batch(
            requests, int(self.requests.period[requests[0]]), row[taken], column[: len(taken)],
            self.requests.repeat[at[taken]], candidates.astype(np.int32), (row[left[hit]], place[hit]),
        )  # fmt: skip
