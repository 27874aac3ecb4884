"""Decisions: which rules forbid which items to whom, as one bit mask a pair."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ml.data.arrays import Bools, Indices, Ints, Strings, with_rows
from ml.data.requests import Requests
from ml.domains.eligibility import Eligibility
from ml.errors import BadInput
from ml.reranking.eligibility.judging import FAILED, judge
from ml.reranking.eligibility.pairs import ItemsSeen, Pairs
from ml.reranking.eligibility.scope import Scope

PAIRS_AT_ONCE = 1 << 18  # verdicts of this many stay within a processor's cache


@dataclass(frozen=True)
class Decisions:
    """What was decided of R requests, each with C candidates, and on what grounds."""

    eligibility: Eligibility
    items: ItemsSeen
    candidates: Indices | None  # (R, C) places among `items`, -1: none; None: all items, in their order
    channel: Strings | None  # (R,) marketing channel of each request
    failed: NDArray[np.uint64]  # (R, C) bit n: rule n forbids it; the bit after them: a required fact is missing

    @property
    def allowed(self) -> Bools:
        """(R, C) whether nothing forbids it; what is no item is never allowed."""
        found: Bools = self.failed == 0
        return found

    def item(self, row: int, column: int) -> int:
        """Place of one pair's item; raises `BadInput` where there is none."""
        found = column if self.candidates is None else int(self.candidates[row, column])
        if found < 0:
            raise BadInput(f"candidate {column} of request {row} is no item: ask about one that is")
        return found

    def with_rows(self, rows: Ints, other: "Decisions") -> "Decisions":
        """The same with the candidates of these requests, and what was decided of them, replaced by the others."""
        if self.candidates is None or other.candidates is None:
            raise ValueError("of decisions about all items there is nothing to replace: give candidates")
        return replace(
            self,
            candidates=with_rows(self.candidates, rows, other.candidates, -1),
            failed=with_rows(self.failed, rows, other.failed, _missing_fact(self.eligibility)),
        )

    def pairs(self, requests: Requests) -> Pairs:
        """What was judged, of the same requests."""
        everything = np.arange(len(self.items), dtype=np.int32)[None]
        item = everything if self.candidates is None else np.maximum(self.candidates, 0)
        return Pairs.of(requests, slice(0, len(requests)), self.items, item, self.channel)

    def rules(self, row: int, column: int) -> tuple[str, ...]:
        """The names of all that forbids one pair, as `id@version`."""
        return self.eligibility.named(int(self.failed[row, column]))


def decide(
    eligibility: Eligibility,
    requests: Requests,
    items: ItemsSeen,
    candidates: Indices | None = None,
    channel: Strings | None = None,
    pairs_at_once: int = PAIRS_AT_ONCE,
    scope: Scope | None = None,
) -> Decisions:
    """Judge every candidate of every request by every rule; memory beside the answer does not grow with either.

    Args:
        eligibility: The domain's rules; without any, every item is allowed.
        requests: R requests that `Dataset.told` or `Bundle.requests` made, for one or for millions.
        items: The catalogue, in the order of the item vocabulary.
        candidates: (R, C) places among the items, -1: none; None: all items, for every request.
        channel: (R,) the marketing channel of each request, None where it is not marketing; None: of all.
        pairs_at_once: How many pairs are judged together, which bounds the memory.
        scope: Of these rules and items, where it is known; None: it is found by reading all items.

    Raises:
        BadInput: Candidates or channels are not one row a request.
    """
    for name, given in (("candidates", candidates), ("channel", channel)):
        if given is not None and len(given) != len(requests):
            raise BadInput(f"{len(requests)} requests have {len(given)} rows of {name}: give one row a request")
    columns = len(items) if candidates is None else candidates.shape[1]
    failed = np.zeros((len(requests), columns), np.uint64)
    scope = scope or Scope.of(eligibility, items)
    for rows in _chunks(len(requests), max(pairs_at_once // max(columns, 1), 1)):
        asked = np.arange(len(items), dtype=np.int32)[None] if candidates is None else candidates[rows]
        if eligibility.rules or scope.requires:
            pairs = Pairs.of(requests, rows, items, np.maximum(asked, 0), channel)
            _judge_chunk(eligibility, scope, pairs, failed[rows])
        np.bitwise_or(failed[rows], _missing_fact(eligibility), out=failed[rows], where=asked < 0)
    return Decisions(eligibility, items, candidates, channel, failed)


def _missing_fact(eligibility: Eligibility) -> np.uint64:
    """The mask of a pair that lacks a required fact, and of a candidate that is no item."""
    return np.uint64(1 << len(eligibility.rules))


def _chunks(rows: int, size: int) -> Iterator[slice]:
    return (slice(start, min(start + size, rows)) for start in range(0, rows, size))


def _judge_chunk(eligibility: Eligibility, scope: Scope, pairs: Pairs, failed: NDArray[np.uint64]) -> None:
    """Set the bits of what forbids these pairs, (R, C), in place."""
    for number, rule in enumerate(eligibility.rules):
        applies = scope.applies[number][pairs.item]
        if applies.any():
            broken = (judge(rule, pairs) >= FAILED) & applies
            np.bitwise_or(failed, np.uint64(1 << number), out=failed, where=broken)
    for fact, requires in scope.requires.items():
        missing = np.isnan(pairs.user_fact(fact)) & requires[pairs.item]
        np.bitwise_or(failed, _missing_fact(eligibility), out=failed, where=missing)
