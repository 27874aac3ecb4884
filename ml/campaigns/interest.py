"""Early interest: who shows no sign of interest in an item yet, and who of them asks for it next.

An asking is judged once, at the last moment of the cadences before its user's first sign of interest (a look or the
asking itself, after `Campaigns.quiet_days` without any). So whatever is read at the moment is from before that sign.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from ml.data.arrays import Bools, Indices, Ints
from ml.data.dataset import Dataset, requests_for
from ml.data.facts import DAY_US
from ml.data.occurrences import NEVER, Occurrences
from ml.data.requests import Requests
from ml.data.windows import Windows, from_micros, later, to_micros
from ml.domains.campaigns import Campaigns
from ml.retrieval.classifiers.rows import TrainingRows, known_users


@dataclass(frozen=True)
class Outlook:
    """One moment of decision with the time in which it is seen whether it was right; microseconds since 1970 UTC."""

    moment: int
    first_sign_until: int  # the first sign of interest comes before this instant
    asked_until: int

    @classmethod
    def each(cls, windows: Windows, campaigns: Campaigns, start: datetime, stop: datetime) -> "list[Outlook]":
        """The outlooks from the starts of the cadences in [start, stop) that have ended by `stop`."""
        found = [
            cls(*(to_micros(later(at, ahead, windows.protocol)) for ahead in (0, 1, campaigns.horizon_cadences)))
            for at in windows.moments(start, stop)
        ]
        return [each for each in found if each.asked_until <= to_micros(stop)]


@dataclass(frozen=True)
class Outcome:
    """What came of an outlook, of all users and items."""

    asked: Bools  # (users, items) a first sign within the cadence, and the asking within the horizon
    granted: Bools  # (users, items) of those asked for, what was given within the horizon


def outcome(happened: Mapping[str, Occurrences], campaigns: Campaigns, at: Outlook, users: int, items: int) -> Outcome:
    """What users did within an outlook; whether they had been quiet before it is for `open_to_telling` to say."""

    def seen(kinds: Sequence[str], until: int) -> Bools:
        found = np.zeros((users, items), bool)
        for events in (happened[kind] for kind in kinds):
            there = (events.at >= at.moment) & (events.at < until)
            found[events.user[there], events.item[there]] = True
        return found

    asked = seen(campaigns.signs, at.first_sign_until) & seen(campaigns.asked, at.asked_until)
    return Outcome(asked, asked & seen(campaigns.granted, at.asked_until))


def lacks(requests: Requests, items: int) -> Bools:
    """(R, items) whether the user does not have the item."""
    found = np.ones((len(requests), items), bool)
    if requests.held is not None:
        found[requests.held.rows, requests.held.values] = False
    return found


def quiet(requests: Requests, campaigns: Campaigns, item: Indices) -> Bools:
    """(R, C) whether the user gave no sign of interest in these items within `quiet_days`; one so old still counts."""
    since = requests.moment[:, None] - campaigns.quiet_days * DAY_US
    return _last(requests, campaigns.signs, item) < since


def rested(requests: Requests, campaigns: Campaigns, items: int) -> Bools:
    """(R,) whether the user was told of nothing within `rest_days`; a contact so old still counts."""
    since = requests.moment - campaigns.rest_days * DAY_US
    last = _last(requests, campaigns.contacts, np.arange(items, dtype=np.int32))
    found: Bools = last.max(axis=1, initial=NEVER) < since
    return found


def open_to_telling(requests: Requests, campaigns: Campaigns, items: int) -> Bools:
    """(R, items) whom one could be the first to tell: who lack the item and gave no sign of interest in it lately."""
    return lacks(requests, items) & quiet(requests, campaigns, np.arange(items, dtype=np.int32))


def early_rows(dataset: Dataset, outlooks: Sequence[Outlook], kept: float, seed: int) -> TrainingRows:
    """What every known user asked for early after each outlook's moment, with a share of those who asked for nothing.

    Args:
        dataset: Told of its domain's `told_events`.
        outlooks: The moments.
        kept: The share that stays of the users who asked for nothing.
        seed: Which of them.
    """
    generator, items = np.random.default_rng(seed), dataset.log.items
    users, moments, asked = [np.zeros(0, np.int32)], [np.zeros(0, np.int64)], [np.zeros((0, items), bool)]
    for at in outlooks:
        found = outcome(dataset.knowledge.occurrences, dataset.domain.campaigns, at, dataset.log.users, items).asked
        drawn = found.any(axis=1) | (generator.random(len(found)) < kept)
        user = np.flatnonzero(drawn & known_users(dataset, at.moment)).astype(np.int32)
        users.append(user)
        moments.append(np.full(len(user), at.moment, np.int64))
        asked.append(found[user])
    requests = dataset.told(requests_for(dataset.log, np.concatenate(users), np.concatenate(moments)))
    may = open_to_telling(requests, dataset.domain.campaigns, items)
    return TrainingRows(requests, np.concatenate(asked) & may, may)


def outlooks_before(dataset: Dataset, stop: datetime) -> list[Outlook]:
    """The outlooks of the data that have ended by an instant, oldest first."""
    first = from_micros(int(dataset.log.at.min(initial=to_micros(stop))))
    return Outlook.each(dataset.windows, dataset.domain.campaigns, first, stop)


def _last(requests: Requests, kinds: Sequence[str], item: Indices) -> Ints:
    """(R, C) when any of these events last happened."""
    found = np.full((len(requests), len(item)), NEVER)
    for kind in kinds:
        np.maximum(found, requests.occurrences[kind].last(requests.user, item[None], requests.moment), out=found)
    return found
