"""The contact list of one item: who may be told, the likeliest of them, and why everybody else is left out."""

from collections import Counter
from dataclasses import dataclass

import numpy as np

from ml.campaigns.draws import stable_draws
from ml.campaigns.interest import lacks, quiet, rested
from ml.data.arrays import Bools, Floats, Indices, Ints, Reals, Strings
from ml.data.requests import Requests
from ml.domains import Domain
from ml.reranking.eligibility import Decisions, ItemsSeen, decide

HAS_IT, SHOWED_INTEREST, CONTACTED = "has it", "showed interest already", "contacted lately"


@dataclass(frozen=True)
class Roll:
    """R users as to one item."""

    may: Bools  # (R,) whether the user may be told
    through: dict[str, Bools]  # by channel, (R,) whether the rules allow to tell the user through it
    first_to_tell: Bools  # (R,) whether the user lacks the item and gave no sign of interest in it lately
    left_out: dict[str, int]  # how many are left out, by the first reason that applies: rules as `id@version`

    def channels(self, rows: Ints) -> list[list[str]]:
        """The channels through which each of these users may be told."""
        return [[channel for channel, open_ in self.through.items() if open_[row]] for row in rows.tolist()]


def call_roll(domain: Domain, requests: Requests, items: ItemsSeen, item: int, channel: str | None = None) -> Roll:
    """Who may be told of an item: who lacks it, is quiet about it, rested, and allowed it by every rule.

    Nobody may be told who has not agreed to any of the channels.

    Args:
        domain: Its campaigns and rules.
        requests: R known users, told of their facts, holdings and what happened.
        items: The catalogue.
        item: Its number.
        channel: The one through which users are told; None: whichever the user agreed to.
    """
    number = np.full((len(requests), 1), item, np.int32)
    decided = {name: _decided(domain, requests, items, number, name) for name in _asked(domain, channel)}
    through = {name: found.allowed[:, 0] for name, found in decided.items()}
    without, calm = lacks(requests, len(items))[:, item], quiet(requests, domain.campaigns, number[0])[:, 0]
    reasons = np.full(len(requests), None, object)
    for row in np.flatnonzero(~np.any(list(through.values()), axis=0)).tolist():
        reasons[row] = next(iter(decided.values())).rules(row, 0)[0]
    reasons[~rested(requests, domain.campaigns, len(items))] = CONTACTED
    reasons[~calm] = SHOWED_INTEREST
    reasons[~without] = HAS_IT
    left_out = Counter(reason for reason in reasons if reason is not None)
    may = np.array([reason is None for reason in reasons], bool)
    return Roll(may, through, without & calm, dict(sorted(left_out.items())))


def _asked(domain: Domain, channel: str | None) -> tuple[str, ...]:
    return domain.eligibility.channels if channel is None else (channel,)


def _decided(domain: Domain, requests: Requests, items: ItemsSeen, number: Indices, channel: str) -> Decisions:
    return decide(domain.eligibility, requests, items, number, np.full(len(requests), channel, object))


def likeliest(score: Floats, may: Bools, share: float, draws: Reals) -> Ints:
    """The rows of the best share of those who may be told, best first; equal scores by their draws.

    Args:
        score: (R,).
        may: (R,) who may be told.
        share: Of those who may, rounded to whole users.
        draws: (R,) as `stable_draws` makes them.
    """
    rows = np.flatnonzero(may)
    order = np.lexsort((draws[rows], -score[rows]))
    return rows[order[: round(share * len(rows))]]


def held_back(user_ids: Strings, share: float, *parts: object) -> Bools:
    """(R,) who belongs to the control group: a share of users, the same ones for the same parts."""
    found: Bools = stable_draws(user_ids, "control", *parts) < share
    return found
