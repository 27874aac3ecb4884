"""What takes candidates away, each step by itself, so that every reason can be told."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ml.data.arrays import Bools, Indices, Ints, Reals, with_rows
from ml.data.facts import DAY_US
from ml.data.occurrences import NEVER
from ml.data.requests import Requests
from ml.domains.reranking import STOCK, Declined, Repeats, Reranking, Stock
from ml.errors import RunFailed
from ml.reranking.catalogue import Catalogue
from ml.reranking.choice import Choice
from ml.reranking.past import Intervals
from ml.reranking.pool import Pool

STEPS = ("rules", "choice", "stock", "bought_lately", "declined")  # in the order of the bits of `Removal.bits`


@dataclass(frozen=True)
class Removal:
    """Which steps took each of C candidates of R requests away."""

    bits: Ints  # (R, C) bit s: `STEPS[s]` did
    there: Bools  # (R, C) a candidate at all

    @cached_property
    def kept(self) -> Bools:
        """(R, C) the candidates that no step took away."""
        kept: Bools = self.there & (self.bits == 0)
        return kept

    @cached_property
    def counts(self) -> Ints:
        """(R, S) how many candidates each step took away that none before it had."""
        from ml.reranking.kernels import count_first

        counted = np.zeros((len(self.bits), len(STEPS)), np.int64)
        count_first(self.bits, counted)
        return counted

    def with_rows(self, rows: Ints, other: "Removal") -> "Removal":
        """The same with these requests replaced by the others."""
        return Removal(with_rows(self.bits, rows, other.bits, 0), with_rows(self.there, rows, other.there, False))

    @staticmethod
    def named(bits: int) -> tuple[str, ...]:
        """The steps that a bit mask of `bits` stands for."""
        return tuple(name for step, name in enumerate(STEPS) if bits >> step & 1)


def removal(
    policy: Reranking, pool: Pool, allowed: Bools, catalogue: Catalogue, intervals: Intervals, requests: Requests,
    choice: Choice,
) -> Removal:  # fmt: skip
    """What each step takes away, whatever the others do.

    Args:
        policy: The domain's.
        pool: R requests' candidates.
        allowed: (R, C) what the rules of eligibility leave.
        catalogue: Of items.
        intervals: How often users buy again.
        requests: Whose, when, and what happened to them before.
        choice: What the persons chose.
    """
    there, bits = pool.item >= 0, np.zeros(pool.item.shape, np.int64)
    steps: tuple[Bools | None, ...] = (
        ~allowed,
        ~choice.fits(policy, catalogue)[pool.item] if choice.made else None,
        _scarce(policy.stock, catalogue, pool.item) if policy.stock else None,
        _bought_lately(policy.repeats, intervals, pool.item, requests) if policy.repeats else None,
        _declined(policy.declined, pool.item, requests) if policy.declined else None,
    )
    for bit, step in enumerate(steps):
        if step is not None:
            np.bitwise_or(bits, 1 << bit, out=bits, where=step & there)
    return Removal(bits, there)


def _scarce(policy: Stock, catalogue: Catalogue, item: Indices) -> Bools:
    stock = catalogue.number(STOCK)[item]
    return np.where(np.isnan(stock), not policy.keep_unknown, stock <= policy.minimum)


def _bought_lately(policy: Repeats, intervals: Intervals, item: Indices, requests: Requests) -> Bools:
    """(R, C) what is not due again yet."""
    known = intervals.at(requests.user, item)
    usual = np.where(np.isnan(known), policy.otherwise_days, known)
    return days_since(policy.events, item, requests) < policy.due_share * usual


def _declined(policy: Declined, item: Indices, requests: Requests) -> Bools:
    return days_since(policy.events, item, requests) < policy.days


def days_since(events: tuple[str, ...], item: Indices, requests: Requests) -> Reals:
    """(R, C) days from the last of such events to the requests' moments; infinite where there was none."""
    for name in events:
        if name not in requests.occurrences:
            raise RunFailed(
                f"re-ranking reads when {name!r} last happened, which these requests were not told: make them from a "
                "data set or bundle of the domain that declares it, by its `told`"
            )
    happened = [told for name in events if len(told := requests.occurrences[name])]
    if not happened:  # as to most, most of the time
        return np.full((len(requests), item.shape[1]), np.inf)
    last = np.full(item.shape, NEVER)
    for told in happened:
        last = np.maximum(last, told.last(requests.user, item, requests.moment))
    never = last == NEVER
    elapsed = requests.moment[:, None] - np.where(never, requests.moment[:, None], last)
    return np.where(never, np.inf, elapsed / DAY_US)
