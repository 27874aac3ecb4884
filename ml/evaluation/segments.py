"""The batches that models are judged on, and the segments that are read from each.

A batch is asked as one: all of its requests share the state of the world at the start of a cadence. A segment of it
is a mode of ranking and, for each request, the labels that count; requests whose labels are all left out are no
cases of that segment.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from ml.data.arrays import Bools, Ints, Ragged, distinct, is_among
from ml.data.dataset import Dataset, Log, cases_in
from ml.data.requests import Cases, Requests
from ml.data.windows import to_micros
from ml.evaluation.completion import completion_cases
from ml.evaluation.metrics import keys_of
from ml.evaluation.protocol import Mode
from ml.evaluation.truncation import as_new_users, session_counts

NEW_ITEM_DAYS = 28
NEW_USER_SESSIONS = (0, 1, 3)
HEAVY_SHARE = 0.1
_DAY = 86_400_000_000  # microseconds

# What each segment means, in the order in which tables show them.
SEGMENTS = {
    "all": "everything that was taken",
    "discoveries": "what the user never had before; only such items are ranked",
    "repeats": "what the user had before; only such items are ranked",
    **{
        f"new_users_{sessions}": f"users that no model learnt from, after {sessions} {'session' if sessions == 1 else 'sessions'}"
        for sessions in NEW_USER_SESSIONS
    },
    "heavy_users": f"the {HEAVY_SHARE:.0%} of users with the most sessions",
    "new_items": f"items first seen less than {NEW_ITEM_DAYS} days before",
    "basket_completion": "the hidden half of a basket, from the other half",
}


@dataclass(frozen=True)
class Segment:
    """Which labels count, ranked in which mode."""

    name: str
    mode: Mode
    labels: Ragged  # a row a request of the batch; an empty row is no case


@dataclass(frozen=True)
class Batch:
    """Requests that are answered with the knowledge as of one instant, and the segments read from the answers."""

    moment: int  # microseconds since 1970 UTC: models and features know what lies before
    requests: Requests
    unit: Ints  # (R,) whom to resample
    segments: tuple[Segment, ...]

    @property
    def modes(self) -> list[Mode]:
        """Every mode that a segment needs, once."""
        return list(dict.fromkeys(segment.mode for segment in self.segments))


def batches_in(
    dataset: Dataset,
    start: datetime,
    stop: datetime,
    *,
    seed: int,
    held_out: Bools | None = None,
    as_new: Bools | None = None,
) -> list[Batch]:
    """Every batch of [start, stop).

    Args:
        dataset: With the log up to `stop` at least.
        start: Beginning of a cadence.
        stop: End of a cadence.
        seed: For the halves of baskets that are hidden.
        held_out: (users,) users that no model learnt from: they are judged as new users, the others as known ones.
            Where cases are sessions, no user is known for longer than one, and the mask takes no part.
        as_new: (users,) the users that are asked about as if they were new; default: those held out. Others than
            those are asked about both ways: so a model can practise new users on known ones.
    """
    hidden = np.zeros(len(dataset.users), bool) if held_out is None else held_out
    new = hidden if as_new is None else as_new
    by_session = dataset.domain.protocol.unit == "session"
    batches: list[Batch] = []
    for (at, end), cases in zip(dataset.windows.cadences(start, stop), cases_in(dataset, start, stop), strict=True):
        if by_session:
            batches.append(known_user_batch(dataset.log, cases, to_micros(at), heavy_share=None))
        else:
            batches += _user_batches(dataset, cases, (to_micros(at), to_micros(end)), (hidden, new), seed)
    return [batch for batch in batches if len(batch.requests)]


def _user_batches(
    dataset: Dataset, cases: Cases, cadence: tuple[int, int], users: tuple[Bools, Bools], seed: int
) -> Iterator[Batch]:
    held_out, as_new = users
    asked = cases.requests.user
    yield known_user_batch(
        dataset.log, cases.take(np.flatnonzero(~held_out[asked])), cadence[0], heavy_share=HEAVY_SHARE
    )
    yield from new_user_batches(cases.take(np.flatnonzero(as_new[asked])), cadence[0])
    baskets = completion_cases(without_users(dataset, held_out).log, *cadence, seed=seed)
    hidden_halves = Segment("basket_completion", "completion", baskets.labels)
    yield Batch(cadence[0], dataset.told(baskets.requests), baskets.unit, (hidden_halves,))


def known_user_batch(log: Log, cases: Cases, moment: int, *, heavy_share: float | None) -> Batch:
    """All that was taken, parted into discoveries and repeats, with new items and heavy users apart."""
    requests, labels = cases.requests, cases.labels
    before = in_history(requests, labels)
    new = first_seen(log)[labels.values] >= requests.moment[labels.rows] - NEW_ITEM_DAYS * _DAY
    segments = [
        Segment("all", "all", labels),
        Segment("discoveries", "discoveries", restricted(labels, ~before)),
        Segment("repeats", "repeats", restricted(labels, before)),
        Segment("new_items", "all", restricted(labels, new)),
    ]
    if heavy_share is not None:
        heavy = heavy_users(log.before(moment), heavy_share)[requests.user] & (requests.user >= 0)
        segments.append(Segment("heavy_users", "all", restricted(labels, heavy[labels.rows])))
    return Batch(moment, requests, cases.unit, tuple(segments))


def new_user_batches(cases: Cases, moment: int) -> Iterator[Batch]:
    """The same cases as if their users had come `n` sessions ago and nothing else were known of them."""
    seen = session_counts(cases.requests.history)
    for sessions in NEW_USER_SESSIONS:
        part = cases.take(np.flatnonzero(seen >= sessions))
        segment = Segment(f"new_users_{sessions}", "all", part.labels)
        yield Batch(moment, as_new_users(part.requests, sessions), part.unit, (segment,))


def restricted(labels: Ragged, keep: Bools) -> Ragged:
    """The labels that a mask (N,) keeps; rows may become empty."""
    return Ragged.from_pairs(labels.rows[keep], labels.values[keep], len(labels))


def in_history(requests: Requests, labels: Ragged) -> Bools:
    """(N,) whether the user had the label before."""
    history = requests.history.items
    width = int(max(history.values.max(initial=0), labels.values.max(initial=0))) + 1
    return is_among(keys_of(labels, width), keys_of(history, width))


def first_seen(log: Log) -> Ints:
    """(items,) the instant of each item's first event; the largest number where there is none."""
    first = np.full(log.items, np.iinfo(np.int64).max)
    np.minimum.at(first, log.item, log.at)
    return first


def heavy_users(log: Log, share: float) -> Bools:
    """(users,) whether the user has more sessions than all but this share of the users with any."""
    sessions = int(log.session.max(initial=0)) + 1
    pairs = distinct(log.user.astype(np.int64) * sessions + log.session)
    counts = np.bincount(pairs // sessions, minlength=log.users)
    seen = counts[counts > 0]
    return counts > (np.quantile(seen, 1 - share) if len(seen) else 0)


def held_out_users(dataset: Dataset, share: float = 0.1, *, seed: int) -> Bools:
    """(users,) a mask of the users that no model may learn from, by a hash of the id: new users do not move others."""
    digests = (hashlib.blake2b(f"{seed}:{user}".encode(), digest_size=8).digest() for user in dataset.users.ids)
    return np.fromiter((int.from_bytes(digest) < share * 2**64 for digest in digests), bool, len(dataset.users))


def without_users(dataset: Dataset, users: Bools) -> Dataset:
    """The same vocabularies with no event, fact or holding of these users (users,)."""
    return replace(dataset, log=dataset.log.where(~users[dataset.log.user]), knowledge=dataset.knowledge.without(users))
