"""The policy of a bundle: the rules and the re-ranking that were declared when it was sealed, with what they read."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ml.artifacts import read_json, write_json
from ml.data.arrays import Floats, Indices, Ragged, Strings
from ml.data.facts import FactTable
from ml.data.knowledge import Knowledge
from ml.data.occurrences import Occurrences
from ml.data.requests import Requests
from ml.domains.domain import Domain, Outputs
from ml.domains.eligibility import Eligibility
from ml.domains.reranking import Reranking
from ml.features.store import Snapshot
from ml.ranking.recommender import Recommender
from ml.reranking.catalogue import Catalogue
from ml.reranking.choice import Choice
from ml.reranking.eligibility import Decisions, ItemsSeen, decide
from ml.reranking.past import Intervals
from ml.reranking.pool import Pool
from ml.reranking.reranker import Reranked, Reranker

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

    def rules_of(self, row: int) -> tuple[str, ...]:
        """The rules that took something from one request's candidates, as `id@version`."""
        declared = self.decisions.eligibility
        names = [rule.name for rule in declared.rules] + [declared.requirement]
        bits = int(np.bitwise_or.reduce(self.decisions.failed[row][self.reranked.removal.there[row]], initial=0))
        return tuple(name for place, name in enumerate(names) if bits >> place & 1)


@dataclass(frozen=True)
class Policy:
    """What stands between the ranker and every slate."""

    eligibility: Eligibility
    items: ItemsSeen
    reranker: Reranker

    def answer(
        self, recommender: Recommender, requests: Requests, snapshot: Snapshot, k: int, exclude: Ragged | None,
        asking: Asking,
    ) -> Answer:  # fmt: skip
        """The slates of these requests: the one way from candidates to what somebody sees."""
        declared, catalogue = self.reranker.policy, self.reranker.catalogue
        ranked = recommender.recommend(requests, snapshot, max(k, declared.pool), exclude=exclude)
        pool = Pool(ranked.item, ranked.score, ranked.sources).with_pinned(declared.pins, catalogue, exclude)
        decisions = self.judge(requests, pool.item, asking.channel)
        return Answer(
            requests, pool, decisions, self.reranker.rerank(pool, decisions.allowed, requests, asking.choice, k), asking
        )  # fmt: skip

    def judge(self, requests: Requests, item: Indices, channel: str | None) -> Decisions:
        """What the rules say of these candidates (R, C)."""
        through: Strings | None = None if channel is None else np.full(len(requests), channel, object)
        return decide(self.eligibility, requests, self.items, item, through)


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
    reranking = Reranking.model_validate(declared["reranking"])
    shelf = pd.read_parquet(folder / SHELF)
    found = vectors() if reranking.diversity.vectors > 0 else None
    items = Catalogue.of(catalogue.assign(**{name: shelf[name] for name in shelf}), facts, found)
    reranker = Reranker(reranking, items, _intervals(reranking, knowledge, len(items)))
    return Policy(
        Eligibility.model_validate(declared["eligibility"]), ItemsSeen.of(catalogue, facts), reranker
    )  # fmt: skip


def _intervals(policy: Reranking, knowledge: Knowledge, items: int) -> Intervals:
    bought = [knowledge.occurrences[name] for name in (policy.repeats.events if policy.repeats else ())]
    if not bought:
        return Intervals.none()
    user, item, at = (np.concatenate([getattr(each, name) for each in bought]) for name in ("user", "item", "at"))
    return Intervals.of(Occurrences.of_events(user, item, at), items)
