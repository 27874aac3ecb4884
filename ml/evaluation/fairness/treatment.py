"""What a recommender does for people at an instant: the slates of all who are known, whether they then took or not.

The cases of the leaderboard are people who took something. Here that would hide who was never offered anything, so
everybody is asked about, or as many as a domain declares, drawn at random.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ml.data.arrays import Bools, Floats, Indices, Ints
from ml.data.dataset import Dataset, requests_for
from ml.data.facts import FactTable
from ml.data.requests import Requests
from ml.features.store import Snapshot
from ml.ranking.recommender import Recommender

CHUNK = 4096  # requests whose whole rankings are held at once


@dataclass(frozen=True)
class Treatment:
    """R requests, what they were shown, and what was then taken, of G guarded items."""

    facts: FactTable  # (R,) as known at the moment
    unit: Ints  # (R,) the user: whom to resample
    shown: Ints  # (R,) items in the slate
    guarded: Ints  # (R,) guarded items in the slate
    score: Floats  # (R, G) the ranker's; -inf: no retriever found the item
    open: Bools  # (R, G) whether the item may be shown, and is not barred since the user has it
    taken: Bools  # (R, G) in the cadence that begins at the moment

    def __len__(self) -> int:
        return len(self.unit)

    @classmethod
    def joined(cls, parts: "list[Treatment]") -> "Treatment":
        """The requests of several instants, one after the other; raises `ValueError` where there is none."""
        if not parts:
            raise ValueError("there is no instant to judge at")
        names = ("unit", "shown", "guarded", "score", "open", "taken")
        columns = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
        first = parts[0].facts
        values = np.concatenate([part.facts.values for part in parts])
        return cls(FactTable(first.facts, values, first.categories), **columns)


def guarded_items(dataset: Dataset) -> Indices:
    """(G,) the items of the domain's guarded categories."""
    return np.flatnonzero(dataset.catalogue["category"].isin(dataset.domain.guarded_categories)).astype(np.int32)


def everybody(dataset: Dataset, moment: int, most: int, seed: int) -> Requests:
    """A request of each user of whom anything was known before a moment, or of so many of them, drawn at random."""
    log, states = dataset.log, dataset.knowledge.facts
    known = np.union1d(log.user[log.at < moment], states.user[states.since < moment])
    if len(known) > most:
        known = np.sort(np.random.default_rng([seed, moment]).choice(known, most, replace=False))
    user = known.astype(np.int32)
    return dataset.told(requests_for(log, user, np.full(len(user), moment, np.int64)))


def treated(recommender: Recommender, requests: Requests, snapshot: Snapshot, dataset: Dataset, ends: int) -> Treatment:
    """What these requests are shown, and which guarded items their users take from their moment on.

    Args:
        recommender: Refreshed to the requests' moment.
        requests: Of one moment.
        snapshot: The features as of it.
        dataset: With the log up to `ends`.
        ends: Microseconds; what is taken at or after it does not count.
    """
    items, size = guarded_items(dataset), dataset.domain.slate_size
    parts = list(_slates(recommender, requests, snapshot, items, size))
    shown, guarded, score = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Treatment(
        requests.facts, requests.user.astype(np.int64), shown, guarded, score,
        ~_barred(requests, items), _taken(dataset, requests, items, ends),
    )  # fmt: skip


def _slates(
    recommender: Recommender, requests: Requests, snapshot: Snapshot, items: Indices, size: int
) -> Iterator[tuple[Ints, Ints, Floats]]:
    """Of each chunk: items shown, guarded ones among them, and the scores (R, G) of all guarded items."""
    for start in range(0, max(len(requests), 1), CHUNK):
        part = requests.take(np.arange(start, min(start + CHUNK, len(requests))))
        ranked = recommender.recommend(part, snapshot, recommender.maximum, exclude=part.barred)
        row, rank = np.nonzero(ranked.item >= 0)
        found = ranked.item[row, rank]
        place = _place(items, found)
        in_slate, own = rank < size, place >= 0
        score = np.full((len(part), len(items)), -np.inf, np.float32)
        score[row[own], place[own]] = ranked.score[row[own], rank[own]]
        shown, guarded = (np.bincount(row[kept], minlength=len(part)) for kept in (in_slate, in_slate & own))
        yield shown, guarded, score


def _place(items: Indices, found: Indices) -> Ints:
    """(N,) where each item stands among the guarded ones; -1: it is none."""
    if not len(items):
        return np.full(len(found), -1)
    at = np.minimum(np.searchsorted(items, found), len(items) - 1)
    return np.where(items[at] == found, at, -1)


def _barred(requests: Requests, items: Indices) -> Bools:
    """(R, G) whether the slate is not for the item."""
    barred = np.zeros((len(requests), len(items)), bool)
    if requests.barred is not None:
        place = _place(items, requests.barred.values)
        barred[requests.barred.rows[place >= 0], place[place >= 0]] = True
    return barred


def _taken(dataset: Dataset, requests: Requests, items: Indices, ends: int) -> Bools:
    """(R, G) whether the user took the item between the requests' moment and the end."""
    log = dataset.log
    begins = int(requests.moment.min(initial=ends))
    row_of = np.full(log.users, -1)
    row_of[requests.user] = np.arange(len(requests))
    event = np.flatnonzero(log.target & (log.at >= begins) & (log.at < ends))
    row, place = row_of[log.user[event]], _place(items, log.item[event])
    taken = np.zeros((len(requests), len(items)), bool)
    kept = (row >= 0) & (place >= 0)
    taken[row[kept], place[kept]] = True
    return taken
