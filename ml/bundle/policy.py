"""The policy of a bundle: the rules and the re-ranking that were declared when it was sealed, with what they read."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ml.artifacts import read_json, write_json
from ml.data.arrays import Floats, Indices, Ints, Ragged, Strings
from ml.data.facts import FactTable
from ml.data.knowledge import Knowledge
from ml.data.occurrences import Occurrences
from ml.data.requests import Requests
from ml.domains.domain import Domain, Outputs
from ml.domains.eligibility import Eligibility
from ml.domains.reranking import Reranking
from ml.features.store import Snapshot
from ml.ranking.recommender import Recommender, Slates
from ml.reranking.catalogue import Catalogue
from ml.reranking.choice import Choice
from ml.reranking.eligibility import Decisions, ItemsSeen, decide
from ml.reranking.eligibility.scope import Scope
from ml.reranking.past import Intervals
from ml.reranking.pool import Pool
from ml.reranking.reranker import Reranked, Reranker

# The K best candidates of some of R requests, by their rows (None: of all).
Ranked = Callable[[Ints | None, int], Slates]
POLICY, SHELF = "policy.json", "shelf.parquet"


@dataclass(frozen=True)
class Asking:
    """How slates are asked for, beside whose they are."""

    choice: Choice = field(default_factory=Choice)
    channel: str | None = None  # of marketing; None: the user came by themselves
    outputs: Outputs | None = None  # None: what the bundle was trained for


@dataclass(frozen=True)
class Answer:
    """Slates of R requests with all that led to them."""

    requests: Requests
    pool: Pool
    decisions: Decisions
    reranked: Reranked
    asking: Asking

    def cut_short(self, depth: int) -> Ints:
        """The rows whose slates are short although the ranker had more than so many candidates, perhaps."""
        if self.reranked.item.min(initial=0) >= 0:
            return np.zeros(0, np.int64)
        short = (self.reranked.item < 0).any(axis=1) & (self.pool.item[:, depth - 1] >= 0)
        return np.flatnonzero(short)

    def with_rows(self, rows: Ints, other: "Answer") -> "Answer":
        """The same with these requests answered as the others."""
        return Answer(
            self.requests, self.pool.with_rows(rows, other.pool), self.decisions.with_rows(rows, other.decisions),
            self.reranked.with_rows(rows, other.reranked), self.asking,
        )  # fmt: skip

    def rules_of(self, row: int) -> tuple[str, ...]:
        """The rules that took something from one request's candidates, as `id@version`."""
        bits = int(np.bitwise_or.reduce(self.decisions.failed[row][self.reranked.removal.there[row]], initial=0))
        return self.decisions.eligibility.named(bits)


@dataclass(frozen=True)
class Policy:
    """What stands between the ranker and every slate."""

    eligibility: Eligibility
    items: ItemsSeen
    reranker: Reranker

    @cached_property
    def scope(self) -> Scope:
        """Which rules matter to which items."""
        return Scope.of(self.eligibility, self.items)

    def answer(
        self, recommender: Recommender, requests: Requests, snapshot: Snapshot, k: int, exclude: Ragged | None,
        asking: Asking,
    ) -> Answer:  # fmt: skip
        """The slates of these requests: the one way from candidates to what somebody sees."""

        def ranked(rows: Ints | None, depth: int) -> Slates:
            asked, without = (
                (requests, exclude) if rows is None else (requests.take(rows), exclude and exclude.take(rows))
            )
            return recommender.recommend(asked, snapshot, depth, exclude=without)

        return self.arranged(ranked, recommender.maximum, requests, k, exclude, asking)

    def arranged(
        self, ranked: Ranked, maximum: int, requests: Requests, k: int, exclude: Ragged | None, asking: Asking
    ) -> Answer:
        """The slates of the best candidates of these requests, however they are ranked.

        Where too little is left of the pool for a full slate, all candidates that there are (`maximum`) are judged.
        """
        depth = max(k, self.reranker.policy.pool)
        answer = self._of(ranked(None, depth), requests, k, exclude, asking)
        if depth >= maximum or not len(short := answer.cut_short(depth)):
            return answer
        without = exclude and exclude.take(short)
        return answer.with_rows(short, self._of(ranked(short, maximum), requests.take(short), k, without, asking))

    def _of(self, ranked: Slates, requests: Requests, k: int, exclude: Ragged | None, asking: Asking) -> Answer:
        candidates = Pool(ranked.item, ranked.score, ranked.sources)
        pool = candidates.with_pinned(self.reranker.policy.pins, self.reranker.catalogue, exclude)
        decisions = self.judge(requests, pool.item, asking.channel)
        found = self.reranker.rerank(pool, decisions.allowed, requests, asking.choice, k)
        return Answer(requests, pool, decisions, found, asking)

    def judge(self, requests: Requests, item: Indices, channel: str | None) -> Decisions:
        """What the rules say of these candidates (R, C)."""
        through: Strings | None = None if channel is None else np.full(len(requests), channel, object)
        return decide(self.eligibility, requests, self.items, item, through, scope=self.scope)


def save_policy(folder: Path, domain: Domain, shelf: pd.DataFrame) -> None:
    """Write what is declared, and the shelf (see `ml.data.feeds`)."""
    declared = {name: getattr(domain, name).model_dump(mode="json") for name in ("eligibility", "reranking")}
    write_json(folder / POLICY, declared)
    shelf.to_parquet(folder / SHELF, index=False)


def load_policy(
    folder: Path, catalogue: pd.DataFrame, facts: FactTable, knowledge: Knowledge, vectors: Callable[[], Floats | None]
) -> Policy:
    """What `save_policy` wrote, with what it reads of a bundle's items (their vectors only if need be) and events."""
    declared: dict[str, Any] = read_json(folder / POLICY)
    eligibility = Eligibility.model_validate(declared["eligibility"])
    reranking = Reranking.model_validate(declared["reranking"])
    shelf = pd.read_parquet(folder / SHELF)
    return policy_of(eligibility, reranking, catalogue, shelf, facts, knowledge, vectors)


def policy_of(
    eligibility: Eligibility, reranking: Reranking, catalogue: pd.DataFrame, shelf: pd.DataFrame, facts: FactTable,
    knowledge: Knowledge, vectors: Callable[[], Floats | None],
) -> Policy:  # fmt: skip
    """A policy with what it reads of items and events, whether sealed or not."""
    found = vectors() if reranking.diversity.vectors > 0 else None
    items = Catalogue.of(catalogue.assign(**{name: shelf[name] for name in shelf}), facts, found)
    reranker = Reranker(reranking, items, _intervals(reranking, knowledge, len(items)))
    return Policy(eligibility, ItemsSeen.of(catalogue, facts), reranker)


def _intervals(policy: Reranking, knowledge: Knowledge, items: int) -> Intervals:
    bought = [knowledge.occurrences[name] for name in (policy.repeats.events if policy.repeats else ())]
    if not bought:
        return Intervals.none()
    user, item, at = (np.concatenate([getattr(each, name) for each in bought]) for name in ("user", "item", "at"))
    return Intervals.of(Occurrences.of_events(user, item, at), items)
