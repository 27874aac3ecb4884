"""Training rows: what each known user took in each cadence, from all that was known before it."""

from dataclasses import dataclass

import numpy as np

from ml.data.arrays import Bools, Indices
from ml.data.dataset import Dataset, requests_for, user_cases
from ml.data.requests import Requests
from ml.data.windows import from_micros, to_micros


@dataclass(frozen=True)
class TrainingRows:
    """R requests with what followed within a cadence."""

    requests: Requests
    taken: Bools  # (R, items)
    open: Bools  # (R, items) where a slate could have held the item


def training_rows(dataset: Dataset, as_of: int, kept: float, seed: int) -> TrainingRows:
    """Every known user at the start of every cadence in which something was taken, and a share of the others.

    A user is known from the first event or fact on.

    Args:
        dataset: Its log ends before `as_of`.
        as_of: Microseconds since 1970 UTC.
        kept: The share that stays of the users who took nothing.
        seed: Which of them.
    """
    generator = np.random.default_rng(seed)
    first = from_micros(int(dataset.log.at.min(initial=as_of)))
    spans = [
        (to_micros(begin), to_micros(end)) for begin, end in dataset.windows.cadences(first, dataset.windows.as_of)
    ]
    parts = [_cadence(dataset, begin, end, kept, generator) for begin, end in spans if end <= as_of]
    user = np.concatenate([np.zeros(0, np.int32), *(user for user, _ in parts)])
    taken = np.concatenate([np.zeros((0, dataset.log.items), bool), *(taken for _, taken in parts)])
    moment = np.repeat([begin for begin, end in spans if end <= as_of], [len(user) for user, _ in parts])
    requests = dataset.told(requests_for(dataset.log, user, moment.astype(np.int64)))
    allowed = np.ones(taken.shape, bool)
    if requests.barred is not None:
        allowed[requests.barred.rows, requests.barred.values] = False
    return TrainingRows(requests, taken, allowed)


def _cadence(
    dataset: Dataset, begin: int, end: int, kept: float, generator: np.random.Generator
) -> tuple[Indices, Bools]:
    """The users of one cadence and what they took."""
    taken = np.zeros((dataset.log.users, dataset.log.items), bool)
    cases = user_cases(dataset.log, begin, end)
    taken[cases.requests.user[cases.labels.rows], cases.labels.values] = True
    drawn = taken.any(axis=1) | (generator.random(len(taken)) < kept)
    user = np.flatnonzero(drawn & known_users(dataset, begin)).astype(np.int32)
    return user, taken[user]


def known_users(dataset: Dataset, moment: int) -> Bools:
    """(users,) who had an event, or a fact, before a moment."""
    log, everybody = dataset.log, np.arange(dataset.log.users, dtype=np.int32)
    seen: Bools = np.bincount(log.user[log.at < moment], minlength=log.users) > 0
    facts = dataset.knowledge.facts.at(everybody, np.full(log.users, moment))
    return seen | ~np.isnan(facts.values).all(axis=1) if facts.facts else seen


def learnable(rows: TrainingRows, least: int) -> Bools:
    """(items,) which were taken at least so often, and not by everybody who could."""
    taken = (rows.taken & rows.open).sum(axis=0)
    found: Bools = (taken >= max(least, 1)) & (taken < rows.open.sum(axis=0))
    return found
