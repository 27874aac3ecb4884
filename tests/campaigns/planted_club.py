"""A club of 400 members over ten months in which whoever takes `first` asks for `then` in the next month, early."""

from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd

from ml.data.arrays import Ints
from ml.data.dataset import Dataset, Log, requests_for
from ml.data.facts import FactTable, UserStates
from ml.data.holdings import Holdings
from ml.data.knowledge import Knowledge
from ml.data.occurrences import Occurrences
from ml.data.vocabulary import Vocabulary
from ml.data.windows import Windows, later, to_micros
from ml.domains.campaigns import Campaigns
from ml.domains.domain import DataRules, Domain, Protocol, Source
from ml.domains.domain import Holdings as HoldingEvents
from ml.domains.eligibility import Eligibility
from ml.domains.eligibility_rules import Comparison, Consent
from ml.domains.facts import Fact

DAY = 86_400_000_000
MEMBERS, MONTHS = 400, 10
ITEMS = ("everybody", "first", "other", "then")
EVERYBODY, FIRST, OTHER, THEN = range(4)
AS_OF = datetime(2020, 11, 1, tzinfo=UTC)
WORDS = {"for_customer": "a reason for the customer", "for_auditor": "a reason for the auditor"}
KINDS = {"purchase": 1.0, "apply": 0.6, "view": 0.1}
CLUB = Domain(
    name="club", title="Club", loader="complete_journey", event_weights=KINDS, target_events=("purchase",),
    holdings=HoldingEvents(begin=("purchase",), end=("drop",)), outputs="new",
    user_facts={
        "age": Fact(kind="number", description="Years."),
        "consent_email": Fact(kind="flag", description="Agreed to email.", for_models=False),
    },
    eligibility=Eligibility(
        rules=(
            Comparison(id="adult", fact="age", operator=">=", value=18, **WORDS),
            Consent(id="consent", channels={"email": "consent_email"}, **WORDS),
        ),
        categories=("thing",), required={"thing": ("age",)},
    ),
    campaigns=Campaigns(
        asked=("apply",), granted=("approve",), looked=("view",), contacts=("contact",), segments={"age": (30, 50)},
    ),
    protocol=Protocol(cadence_months=1, ranker_cadences=1, validation_cadences=1, test_cadences=4),
    quotas={"popularity": 4}, baselines=("popularity",), registered_model="club",
    data_rules=DataRules(event_types=("purchase", "drop", "view", "apply", "approve", "contact", "decline")),
)  # fmt: skip


def windows() -> Windows:
    return Windows.of(AS_OF, CLUB.protocol)


def month(number: int) -> int:
    """The start of a month, 0 the first; microseconds."""
    return to_micros(later(AS_OF, number - MONTHS, CLUB.protocol))


def club(seed: int = 1) -> Dataset:
    """Everybody has `everybody`; takes `first` in a month of their own; looks at and asks for `then` in the next."""
    rng = np.random.default_rng(seed)
    start = rng.integers(0, MONTHS, MEMBERS)
    rows = [(user, EVERYBODY, month(0) + DAY, "purchase") for user in range(MEMBERS)]
    rows += [(user, FIRST, month(at) + int(rng.integers(1, 25)) * DAY, "purchase") for user, at in enumerate(start)]
    for user, at in enumerate(start + 1):
        if at < MONTHS and rng.random() < 0.9:
            rows += [
                (user, THEN, month(at) + (5 + day) * DAY, kind) for day, kind in enumerate(("view", "apply", "approve"))
            ]
    rows += [(user, THEN, month(4) + 20 * DAY, "apply") for user in rng.choice(MEMBERS, 20, replace=False).tolist()]
    rows += [(user, OTHER, month(9) + 20 * DAY, "contact") for user in range(10)]
    ages = np.where(np.arange(MEMBERS) < 20, 12.0, rng.integers(18, 80, MEMBERS))
    return dataset_of(rows, ages, np.arange(MEMBERS) % 2)


def dataset_of(rows: list[tuple[int, int, int, str]], ages: Any, consents: Any) -> Dataset:
    """A data set of these events (user, item, at, type) and facts of users that hold from the first month on."""
    frame = pd.DataFrame(rows, columns=["user", "item", "at", "kind"]).sort_values(["user", "at"])
    user, item = frame["user"].to_numpy(np.int32), frame["item"].to_numpy(np.int32)
    at, kind, users = frame["at"].to_numpy(np.int64), frame["kind"].to_numpy(object), len(ages)
    facts = np.column_stack([ages, consents]).astype(np.float32)
    states = UserStates(
        np.arange(users, dtype=np.int32), np.full(users, month(0) - 1), FactTable(CLUB.user_facts, facts, {})
    )
    happened = {
        name: Occurrences.of_events(user[kind == name], item[kind == name], at[kind == name])
        for name in CLUB.told_events
    }
    held = np.isin(kind, ["purchase", "drop"])
    holdings = Holdings.of_events(user[held], item[held], at[held], kind[held] == "purchase")
    log = Log(
        user, item, at, np.arange(len(at), dtype=np.int32), np.full(len(at), -1, np.int32),
        np.array([KINDS.get(each, 0) for each in kind], np.float32), np.zeros(len(at), np.float32), kind == "purchase",
        users, len(ITEMS), pd.Index(list(KINDS)).get_indexer(kind).astype(np.int32),
    )  # fmt: skip
    ids = np.array([f"m{number:03d}" for number in range(users)], object)
    catalogue = pd.DataFrame({"item_id": ITEMS, "name": [None, "The first", None, None], "category": "thing"})
    return Dataset(
        Path("club"), CLUB, Source(name="club"), windows(), Vocabulary(ids), Vocabulary(np.array(ITEMS, object)),
        Vocabulary(np.array([], object)), log.where(log.weight > 0), catalogue,
        Knowledge(states, holdings, "new", happened),
    )  # fmt: skip


def requests_at(dataset: Dataset, moment: int, users: Ints | None = None) -> Any:
    """Requests of all users at a moment."""
    user = np.arange(dataset.log.users, dtype=np.int32) if users is None else users
    return dataset.told(requests_for(dataset.log, user, np.full(len(user), moment, np.int64)))


def states_of(dataset: Dataset, **flags: Any) -> FactTable:
    """What is known of everybody, with further flags."""
    known = dataset.knowledge.facts.table
    added = {name: Fact(kind="flag", description="Agreed.", for_models=False) for name in flags}
    columns = [np.asarray(values, np.float32)[:, None] for values in flags.values()]
    return FactTable(known.facts | added, np.concatenate([known.values, *columns], axis=1), known.categories)


class ClubBundle(SimpleNamespace):
    """What the steps need of an open bundle, over a data set; slates rank by number of item, the last first."""

    @classmethod
    def of(cls, dataset: Dataset) -> "ClubBundle":
        names = list(dataset.catalogue["name"].fillna(dataset.catalogue["item_id"]))
        return cls(
            path=dataset.path, manifest={"as_of": AS_OF.isoformat(), "key": "club"}, users=dataset.users,
            items=dataset.items, places=dataset.places, log=dataset.log, catalogue=dataset.catalogue, names=names,
            knowledge=dataset.knowledge, item_facts=dataset.item_facts, dataset=dataset, visible=dataset.visible,
        )  # fmt: skip

    def requests(self, user: Any) -> Any:
        return requests_at(self.dataset, to_micros(AS_OF), np.asarray(user, np.int32))

    def slates(self, user: Any, k: int, *, exclude: Any = None) -> Any:
        from ml.retrieval.contract import top_k

        asked = self.requests(user)
        scores = np.tile(np.arange(len(ITEMS), dtype=np.float32), (len(user), 1))
        return top_k(scores, k, exclude=asked.without(exclude))
