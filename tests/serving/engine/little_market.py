"""The planted shop as a market with rules: facts, consent, things that people keep, declines; and a store in memory."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import ClassVar

import numpy as np
import shop

from ml.bundle.bundle import Bundle
from ml.data.arrays import Floats
from ml.data.dataset import Dataset, Log
from ml.data.facts import FactTable, UserStates
from ml.data.knowledge import Knowledge
from ml.data.requests import Requests
from ml.data.windows import to_micros
from ml.domains import DOMAINS, Domain
from ml.domains.domain import DataRules, Holdings
from ml.domains.eligibility import Eligibility
from ml.domains.eligibility_rules import Consent, Exclusive, Flag, RecentEvent
from ml.domains.facts import Fact
from ml.domains.placements import Objective, Placement
from ml.domains.reranking import Declined, Exploration, Pin, Reranking, Risk
from ml.serving.engine.engine import Budget, SlateEngine
from ml.serving.engine.profiles import Profiles
from ml.serving.engine.release import Release
from ml.serving.events import LiveEvent
from ml.serving.online.contract import ERASED
from ml.serving.online.errors import StoreGone

RETRIEVERS = ("popularity", "personal_frequency", "companions")
NOW = to_micros(shop.AS_OF)  # the sealed instant
SECOND, DAY = 1_000_000, 86_400_000_000
USERS, ITEMS = [f"u{user:03}" for user in range(shop.USERS)], [f"i{item:03}" for item in range(shop.ITEMS)]
WORDS = {"for_customer": "a reason for the customer", "for_auditor": "a reason for the auditor"}
PLACEMENTS = {
    "home": Placement(size=6, description="Where everybody comes in."),
    "quiet": Placement(size=6, objective=Objective(explores=False), description="Nothing is drawn by chance."),
    "page": Placement(size=4, anchored=True, description="Beside one of the items."),
    "email": Placement(size=5, channel="email", description="A letter, with consent."),
    "window": Placement(size=5, retrievers=("popularity",), description="What is popular, whoever looks."),
}  # fmt: skip


@dataclass(frozen=True)
class Companions(shop.Planted):
    """What is bought by those who buy what is in the history and, counting more, in the session."""

    name: ClassVar[str] = "companions"
    inputs: ClassVar[tuple[str, ...]] = ("history", "session")

    def user_vectors(self, requests: Requests) -> Floats:
        found = super().user_vectors(requests)
        np.add.at(found, requests.session.rows, 5 * self.item_vectors[requests.session.values])
        return found


def plain_shop() -> Domain:
    """The shop without rules and draws."""
    without_consent = {name: placement for name, placement in PLACEMENTS.items() if not placement.channel}
    return DOMAINS["retail"].model_copy(update={"reranking": Reranking(), "placements": without_consent})


def market() -> Domain:
    """The shop with all that can take an item away."""
    rules = (
        Flag(id="of_age", fact="adult", equals=True, categories=("c2",), **WORDS),
        RecentEvent(id="refused", events=("refuse",), days=30, of="category", categories=("c1",), **WORDS),
        Exclusive(id="one_of", items=("i003", "i008"), not_with=("i003", "i008"), **WORDS),
        Consent(id="consent", channels={"email": "agreed"}, **WORDS),
    )
    retail = DOMAINS["retail"]
    return retail.model_copy(update={
        "event_weights": retail.event_weights | {"hold": 0.5}, "placements": PLACEMENTS,
        "holdings": Holdings(begin=("hold",), end=("drop",)), "outputs": "new",
        "user_facts": {name: Fact(kind="flag", description="Yes or no.") for name in ("adult", "agreed")},
        "item_facts": {"risk": Fact(kind="number", description="From 1 (safe) to 5.")},
        "eligibility": Eligibility(rules=rules, categories=tuple(f"c{n}" for n in range(5)), items=tuple(ITEMS)),
        "reranking": Reranking(
            pool=25, maximum_per_category=4, declined=Declined(events=("decline",), days=90),
            pins=(Pin(item_id="i003", position=2), Pin(item_id="i002", position=4)),
            risk=Risk(fact="risk", conservative_maximum=2, tolerant_minimum=3),
            exploration=Exploration(epsilon=0.3, temperature=0.5),
        ),
        "data_rules": DataRules(
            event_types=("view", "add_to_basket", "purchase", "adjustment", "decline", "hold", "drop", "refuse")
        ),
    })  # fmt: skip


def with_rules(dataset: Dataset) -> Dataset:
    """The shop's data as the market's, with drawn facts of users and with drawn declines, refusals and holdings."""
    rng, domain = np.random.default_rng(5), market()
    adult = rng.choice([0, 1, np.nan], (shop.USERS, 2), p=[0.3, 0.5, 0.2]).astype(np.float32)
    states = UserStates(
        np.arange(shop.USERS, dtype=np.int32), np.full(shop.USERS, NOW - 50 * DAY),
        FactTable(domain.user_facts, adult, {}),
    )  # fmt: skip
    risk = FactTable(domain.item_facts, (1 + np.arange(shop.ITEMS) % 5).astype(np.float32)[:, None], {})
    return replace(dataset, domain=domain, knowledge=knowledge(domain, states, sealed_events()), item_facts=risk)


Told = list[tuple[int, int, int, str]]  # user, item, microseconds since 1970 UTC, type


def sealed_events() -> Told:
    """What happened before the sealing beside purchases: two holdings, a drop and some refusals for most."""
    rng, told = np.random.default_rng(6), []
    for user in range(shop.USERS - 3):
        for kind, count in (("hold", 3), ("decline", 2), ("refuse", user % 3 == 0)):
            told += [
                (user, int(item), NOW - int(rng.integers(DAY, 120 * DAY)), kind)
                for item in rng.choice(shop.ITEMS, int(count), replace=False)
            ]
        user_holds = [each for each in told if each[0] == user and each[3] == "hold"]
        told.append((user, user_holds[0][1], user_holds[0][2] + DAY // 2, "drop"))
    return told


def knowledge(domain: Domain, states: UserStates, told: Told) -> Knowledge:
    """What the events tell."""
    user, item, at, kind = (np.array([each[column] for each in told]) for column in range(4))
    return Knowledge.of_events(
        domain, states, user.astype(np.int32), item.astype(np.int32), at.astype(np.int64), kind.astype(object)
    )


@dataclass
class Memory:
    """What the engine asks of an online store, kept in memory; it can be made to go away."""

    erased_users: set[str] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)  # methods that raise `StoreGone`
    told: list[tuple[str, LiveEvent]] = field(default_factory=list)

    def tell(self, *events: LiveEvent) -> None:
        """Take events in, in the order in which they arrive."""
        self.told += [(event.user_id or f"session:{event.session_id}", event) for event in events]

    def erase(self, user: str) -> None:
        """Forget a user."""
        self.erased_users.add(user)
        self.told = [(key, event) for key, event in self.told if key != user]

    def versions(self, user_keys: Sequence[str]) -> list[int]:
        """The place of the latest event among all."""
        self._answer("versions")
        latest = {key: sequence for sequence, (key, _) in enumerate(self.told, 1)}
        return [ERASED if key in self.erased_users else latest.get(key, 0) for key in user_keys]

    def events_of(self, user_keys: Sequence[str]) -> list[list[LiveEvent]]:
        """By time, then identifier."""
        self._answer("events_of")
        return [
            sorted((event for key, event in self.told if key == wanted), key=lambda e: (e.occurred_at, e.event_id))
            for wanted in user_keys
        ]

    def erased(self) -> list[str]:
        """Everybody who was forgotten."""
        return sorted(self.erased_users)

    def _answer(self, method: str) -> None:
        if method in self.gone:
            raise StoreGone(f"{method} does not answer")


def event(user: str | None, item: str, kind: str, at: int, **told: object) -> LiveEvent:
    """One event; who does not sign in is known by the session `s`."""
    described = {"event_id": f"{user}-{item}-{kind}-{at}", "session_id": "s"} | told
    return LiveEvent(item_id=item, event_type=kind, occurred_at=at, user_id=user, **described)


PATIENT = Budget(retrieve=600_000, whole=600_000)  # tests run on machines that are busy otherwise


def engine_of(release: Release, store: Memory | None = None, budget: Budget = PATIENT, at: int = NOW, **given):
    """An engine that knows nobody yet, at an instant that stands still."""
    return SlateEngine(release, Profiles(release, store), lambda: at, budget, **given)


class Opened:
    """A bundle with its release: what tests share. No dataclass: hypothesis would print all that is in it."""

    def __init__(self, domain: Domain, bundle: Bundle) -> None:
        self.domain, self.bundle = domain, bundle

    @cached_property
    def release(self) -> Release:
        """Version 7 of it."""
        return Release.of(self.domain, 7, self.bundle)


def resealed(opened: Opened, events: Sequence[LiveEvent]) -> tuple[Log, Knowledge]:
    """The market's log and knowledge with these events of users whom it knows in them."""
    bundle, domain = opened.bundle, opened.domain
    log, users = bundle.log, bundle.users.ids.tolist()
    told = [each for each in events if domain.event_weights.get(each.event_type, 0) > 0]
    kinds = list(domain.event_weights)
    columns = {
        "user": [users.index(each.user_id) for each in told], "item": [ITEMS.index(each.item_id) for each in told],
        "at": [each.occurred_at for each in told], "session": [10_000 + ord(each.session_id) for each in told],
        "place": [0 if each.place_id == "p0" else -1 for each in told],
        "weight": [domain.event_weights[each.event_type] for each in told],
        "value": [each.value or 0.0 for each in told], "target": [False] * len(told),
        "kind": [kinds.index(each.event_type) for each in told],
    }  # fmt: skip
    joined = {
        name: np.concatenate([getattr(log, name), np.array(column, getattr(log, name).dtype)])
        for name, column in columns.items()
    }
    order = np.lexsort((joined["at"], joined["user"]))
    joined = {name: column[order] for name, column in joined.items()}
    every = sealed_events() + [
        (users.index(each.user_id), ITEMS.index(each.item_id), each.occurred_at, each.event_type) for each in events
    ]
    return Log(**joined, users=log.users, items=log.items), knowledge(domain, bundle.knowledge.facts, every)
