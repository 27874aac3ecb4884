"""One version of the model, opened and made ready to answer: what a request is answered from, whole."""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from ml.bundle.bundle import Bundle
from ml.bundle.padded import Padded
from ml.bundle.policy import Asking, Policy
from ml.data.arrays import Indices, Ints
from ml.domains import Domain, Source
from ml.domains.placements import Placement
from ml.errors import BadInput
from ml.ranking.candidates import columns_of
from ml.reranking.choice import Choice
from ml.reranking.reranker import Reranker
from ml.serving.engine.featuring import Featuring, ItemRows
from ml.serving.engine.profile import Found, Pool, Session
from ml.serving.online.contract import is_anonymous

MOST_NUMBERS = np.iinfo(np.int32).max


@dataclass(frozen=True)
class Plan:
    """How slates of one placement are made."""

    name: str
    placement: Placement
    retrievers: frozenset[str]
    policy: Policy

    def asking(self, choice: Choice) -> Asking:
        """How the rules are asked for such a slate."""
        return Asking(choice, self.placement.channel)


@dataclass(frozen=True)
class Reads:
    """What tells two requests apart for a retriever, beside the user."""

    session: bool
    place: bool
    user: bool  # whether it reads anything else: then what it finds is of one user alone


@dataclass(frozen=True)
class Columns:
    """Where candidates of a placement stand that were found by retrievers for which a session changes nothing.

    T: all retrievers.
    """

    named: frozenset[str]  # of these by the placement
    start: Ints  # (T,) the first column of each
    stop: Ints  # (T,) and the first behind them: the same for all other retrievers


@dataclass(frozen=True)
class Release:
    """An opened bundle with the plans of its domain's placements."""

    domain: Domain
    version: int
    bundle: Bundle
    plans: Mapping[str, Plan]
    featuring: Featuring
    item_features: ItemRows
    shared: dict[tuple[str, int, Session], Found] = field(default_factory=dict, compare=False)  # whoever asks
    named: dict[int, tuple[str, ...]] = field(default_factory=dict, compare=False)  # sources by their bits
    popular: dict[str, Pool] = field(default_factory=dict, compare=False)  # what is popular everywhere, once asked for

    @classmethod
    def of(cls, domain: Domain, version: int, bundle: Bundle, featuring: Featuring | None = None) -> "Release":
        """Everything that requests need, read before the first one comes; the domain is as the source needs it."""
        domain = Source.model_validate(bundle.manifest["source"]).applied_to(domain)
        plans = {name: _plan(name, placement, bundle) for name, placement in domain.placements.items()}
        featuring = featuring or Featuring(bundle, domain.protocol)
        return cls(domain, version, bundle, plans, featuring, ItemRows(featuring))

    def plan(self, placement: str) -> Plan:
        """The plan of a placement; raises `BadInput` for one that is not declared."""
        if placement not in self.plans:
            raise BadInput(
                f"placement: {self.domain.name} declares no {placement!r}; there are: {', '.join(sorted(self.plans))}"
            )
        return self.plans[placement]

    @cached_property
    def item_ids(self) -> list[str]:
        """Identifiers by number."""
        return [str(item) for item in self.bundle.items.ids]

    @cached_property
    def reads(self) -> dict[str, Reads]:
        """What each retriever reads of requests."""
        inputs = {name: set(model.inputs) for name, model in self.bundle.recommender.retrievers.items()}
        return {
            name: Reads("session" in read, "place" in read, bool(read - {"session", "place"}))
            for name, read in inputs.items()
        }

    @cached_property
    def reach(self) -> dict[str, int]:
        """How many items each retriever can find any of: those that came later are known to few."""
        models = self.bundle.recommender.retrievers
        return {
            name: model.known if isinstance(model, Padded) else len(self.bundle.items) for name, model in models.items()
        }

    @cached_property
    def columns(self) -> dict[tuple[str, bool], Columns]:
        """By placement and whether there is a session, where what lasts for a user stands among what is found."""
        return {
            (name, told): self._columns(plan, told=told) for name, plan in self.plans.items() for told in (False, True)
        }

    def _columns(self, plan: Plan, *, told: bool) -> Columns:
        quotas = self.bundle.recommender.quotas
        named = frozenset(name for name in plan.retrievers if not (told and self.reads[name].session))
        columns = columns_of({name: quotas[name] for name in self.reads})
        start, stop = (np.array(ends, np.int64) for ends in zip(*columns.values(), strict=True))
        return Columns(named, start, np.where([name in named for name in columns], stop, start))

    def sources(self, bits: int) -> tuple[str, ...]:
        """The retrievers that a bit mask of a slate's sources names."""
        if bits not in self.named:
            self.named[bits] = self.bundle.sources(bits)
        return self.named[bits]

    def latest_users(self, count: int) -> list[str]:
        """The users who did something last before the sealing, the very last at the end; sessions of nobody left out."""
        log = self.bundle.log
        there = np.flatnonzero(np.diff(log.offsets))
        order = there[np.argsort(log.at[log.offsets[there + 1] - 1], kind="stable")]
        named = [user for user in self.bundle.users.ids[order].tolist() if not is_anonymous(str(user))]
        return named[-count:]

    def user_row(self, key: str) -> int:
        """The row of a user who was known at the sealing; -1 for others."""
        return self.bundle.users.position(key)

    def item(self, item_id: str) -> int:
        """The number of an item; -1 where there is none."""
        return self.bundle.items.position(item_id)

    def items(self, item_ids: list[str]) -> Indices:
        """The numbers of items; -1 where there is none."""
        return np.array([self.item(item_id) for item_id in item_ids], np.int32)

    def number(self, key: str, *, sealed: bool = True) -> int:
        """What draws and rules know a user by: the row, or a number beyond all rows for who came later.

        So has who is to be forgotten (not `sealed`): what rules keep by row is of the user who was.
        """
        row = self.user_row(key) if sealed else -1
        if row >= 0 or not key:
            return row
        beyond = len(self.bundle.users)
        return beyond + zlib.crc32(key.encode()) % (MOST_NUMBERS - beyond)


def _plan(name: str, placement: Placement, bundle: Bundle) -> Plan:
    trained = bundle.recommender.names
    named = frozenset(placement.retrievers) & frozenset(trained) or frozenset(trained)
    sealed = bundle.policy
    reranker = sealed.reranker
    changed = Reranker(placement.objective.applied_to(reranker.policy), reranker.catalogue, reranker.intervals)
    sealed.eligibility.check_channel(placement.channel)
    return Plan(name, placement, named, Policy(sealed.eligibility, sealed.items, changed))
