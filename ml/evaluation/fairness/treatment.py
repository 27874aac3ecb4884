"""What a recommender does for people at an instant: the slates of all who are known, whether they then took or not.

The cases of the leaderboard are people who took something. Here that would hide who was never offered anything, so
everybody is asked about, or as many as a domain declares, drawn at random.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields

import numpy as np

from ml.data.arrays import Bools, Floats, Indices, Ints, is_among
from ml.data.dataset import Dataset, requests_for
from ml.data.facts import FactTable
from ml.data.requests import Requests
from ml.features.store import Snapshot
from ml.ranking.recommender import Recommender, Slates
from ml.reranking.eligibility import ItemsSeen, decide

CHUNK = 4096  # requests whose whole rankings are held at once
# Makes slates (R, K) of at most K items of the whole rankings of R requests; -1 where a slate is shorter.
Arrange = Callable[[Requests, Slates, int], Indices]


@dataclass(frozen=True)
class Treatment:
    """R requests, what they were shown, and what was then taken, of G guarded items."""

    facts: FactTable  # (R,) as known at the moment
    unit: Ints  # (R,) the user: whom to resample
    ranked: Ints  # (R,) items in the recommender's own slate, before rules and re-ranking
    ranked_guarded: Ints  # (R,) guarded ones among them
    shown: Ints  # (R,) items in the slate that is shown
    guarded: Ints  # (R,) guarded ones among them
    score: Floats  # (R, G) the ranker's; -inf: no retriever found the item
    open: Bools  # (R, G) whether the item is not barred since the user has it
    allowed: Bools  # (R, G) whether it is open, and the rules of eligibility allow it
    taken: Bools  # (R, G) in the cadence that begins at the moment

    def __len__(self) -> int:
        return len(self.unit)

    @classmethod
    def joined(cls, parts: "list[Treatment]") -> "Treatment":
        """The requests of several instants, one after the other; raises `ValueError` where there is none."""
        if not parts:
            raise ValueError("there is no instant to judge at")
        names = [each.name for each in fields(cls) if each.name != "facts"]
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


def treated(
    recommender: Recommender, requests: Requests, snapshot: Snapshot, dataset: Dataset, ends: int, arrange: Arrange
) -> Treatment:
    """What these requests are shown, and which guarded items their users take from their moment on.

    Args:
        recommender: Refreshed to the requests' moment.
        requests: Of one moment.
        snapshot: The features as of it.
        dataset: With the log up to `ends`.
        ends: Microseconds; what is taken at or after it does not count.
        arrange: What makes slates of whole rankings: rules and re-ranking.
    """
    items = guarded_items(dataset)
    open_ = ~_barred(requests, items)
    parts = list(_slates(recommender, requests, snapshot, items, dataset.domain.slate_size, arrange))
    ranked, ranked_guarded, shown, guarded, score = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Treatment(
        requests.facts, requests.user.astype(np.int64), ranked, ranked_guarded, shown, guarded, score,
        open_, open_ & _eligible(dataset, requests, items), _taken(dataset, requests, items, ends),
    )  # fmt: skip


def _slates(
    recommender: Recommender, requests: Requests, snapshot: Snapshot, items: Indices, size: int, arrange: Arrange
) -> Iterator[tuple[Ints, Ints, Ints, Ints, Floats]]:
    """Of each chunk: items and guarded ones among them, of own and of shown slates; scores (R, G) of guarded items."""
    for start in range(0, max(len(requests), 1), CHUNK):
        part = requests.take(np.arange(start, min(start + CHUNK, len(requests))))
        ranked = recommender.recommend(part, snapshot, max(recommender.maximum, size), exclude=part.barred)
        own, shown = _counted(ranked.item[:, :size], items), _counted(arrange(part, ranked, size), items)
        yield *own, *shown, _scores(ranked, items)


def _counted(item: Indices, guarded: Indices) -> tuple[Ints, Ints]:
    """(R,) how many items the slates (R, K) hold, and how many guarded ones."""
    return (item >= 0).sum(axis=1), is_among(item, guarded).sum(axis=1)


def _scores(ranked: Slates, items: Indices) -> Floats:
    """(R, G) the scores of these items; -inf: not among the candidates."""
    row, rank = np.nonzero(is_among(ranked.item, items))
    score = np.full((len(ranked.item), len(items)), -np.inf, np.float32)
    score[row, _place(items, ranked.item[row, rank])] = ranked.score[row, rank]
    return score


def _eligible(dataset: Dataset, requests: Requests, items: Indices) -> Bools:
    """(R, G) what the rules allow to users who come by themselves."""
    candidates = np.broadcast_to(items, (len(requests), len(items)))
    catalogue = ItemsSeen.of(dataset.catalogue, dataset.item_facts)
    return decide(dataset.domain.eligibility, requests, catalogue, candidates).allowed


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
