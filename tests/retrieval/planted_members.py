"""Members with facts and holdings, by calendar months: why each item is taken is planted, so answers can be proved.

A member takes one of six items in a month, if any:

    lead      now and then, by anybody
    follower  in the month after `lead` was taken, mostly
    returner  in the month after it was given up, mostly; it is given up soon
    viewed    in the month after it was looked at for long, mostly; short looks mean nothing
    loan      guarded; by those whose protected fact is `x`
    gift      by those whose protected fact is `x`

`late` is in the catalogue and is never taken.
"""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

from ml.data.dataset import Dataset, Log, requests_for
from ml.data.facts import FactTable, UserStates
from ml.data.holdings import Holdings
from ml.data.knowledge import Knowledge
from ml.data.requests import Requests
from ml.data.vocabulary import Vocabulary
from ml.data.windows import Windows, later, to_micros
from ml.domains import Domain, Protocol, Source
from ml.domains.domain import DataRules
from ml.domains.domain import Holdings as HoldingEvents
from ml.domains.facts import Fact
from ml.retrieval import State, TrainingData

LEAD, FOLLOWER, RETURNER, VIEWED, LOAN, GIFT, LATE = range(7)
ITEMS = ("lead", "follower", "returner", "viewed", "loan", "gift", "late")
CATEGORIES = ("plain", "plain", "plain", "plain", "credit", "plain", "plain")
ADD, DROP, VIEW = range(3)
DAY = 86_400_000_000
PROTOCOL = Protocol(cadence_months=1, ranker_cadences=1, validation_cadences=1, test_cadences=1)
DOMAIN = Domain(
    name="members", title="Members", loader="none", event_weights={"add": 1.0, "drop": 0.1, "view": 0.2},
    target_events=("add",), holdings=HoldingEvents(begin=("add",), end=("drop",)), outputs="new",
    user_facts={
        "region": Fact(kind="category", description="Where the member lives."),
        "secret": Fact(kind="category", description="Nobody may be treated by it.", protected=True),
        "age": Fact(kind="number", description="Years."),
        "joined": Fact(kind="moment", description="When the member joined."),
    },
    item_facts={"fee": Fact(kind="number", description="A year.")},
    guarded_categories=("credit",), protocol=PROTOCOL, quotas={"classifiers": 7}, baselines=("popularity",),
    registered_model="members", data_rules=DataRules(event_types=("add", "drop", "view")),
)  # fmt: skip
AS_OF = datetime(2024, 10, 1, tzinfo=UTC)
MONTHS = 9
NOW = to_micros(AS_OF)


def start_of(month: int) -> int:
    """Microseconds since 1970 UTC at which a month begins."""
    return to_micros(later(AS_OF, month - MONTHS, PROTOCOL))


def planted(users: int = 500, seed: int = 0) -> Dataset:
    """The whole data set; see the module."""
    rng = np.random.default_rng(seed)
    secret = rng.random(users) < 0.5
    events: list[tuple[int, int, int, int, float]] = []  # user, item, at, type, value
    for user in range(users):
        events += _life(rng, user, secret=bool(secret[user]))
    columns = [np.array(column) for column in zip(*sorted(events, key=lambda event: (event[0], event[2])), strict=True)]
    return dataset_of(log_of(*columns, users=users), secret, rng)


def _life(rng: np.random.Generator, user: int, *, secret: bool) -> list[tuple[int, int, int, int, float]]:
    events, held, wanted = [], set(), None
    for month in range(MONTHS):
        begin = start_of(month)
        if wanted is not None and wanted not in held and rng.random() < 0.8:
            taken = wanted
        else:
            chance = rng.random()
            taken = LEAD if chance < 0.1 else RETURNER if chance < 0.2 else None
            if chance > 0.88 and secret:
                taken = LOAN if chance > 0.94 else GIFT
        wanted = None
        if taken is not None and taken not in held:
            events.append((user, taken, begin + 20 * DAY, ADD, 0.0))
            held.add(taken)
            wanted = FOLLOWER if taken == LEAD else None
        elif RETURNER in held:
            events.append((user, RETURNER, begin + 21 * DAY, DROP, 0.0))
            held.discard(RETURNER)
            wanted = RETURNER
        elif wanted is None and rng.random() < 0.3:
            long = rng.random() < 0.5
            events.append((user, VIEWED, begin + 22 * DAY, VIEW, 120.0 if long else 5.0))
            wanted = VIEWED if long else None
    return events


def log_of(user, item, at, kind, value, *, users: int) -> Log:
    weight = np.array(list(DOMAIN.event_weights.values()), np.float32)[kind]
    return Log(
        user=user.astype(np.int32), item=item.astype(np.int32), at=at.astype(np.int64),
        session=np.arange(len(user), dtype=np.int32), place=np.full(len(user), -1, np.int32), weight=weight,
        value=value.astype(np.float32), target=kind == ADD, users=users, items=len(ITEMS), kind=kind.astype(np.int32),
    )  # fmt: skip


def dataset_of(log: Log, secret: np.ndarray, rng: np.random.Generator) -> Dataset:
    users = log.users
    values = np.stack([rng.integers(0, 2, users), secret, rng.integers(18, 80, users), np.full(users, 15_000)], axis=1)
    texts = {"region": np.array(["north", "south"], object), "secret": np.array(["o", "x"], object)}
    table = FactTable(dict(DOMAIN.user_facts), values.astype(np.float32), texts)
    states = UserStates(np.arange(users, dtype=np.int32), np.full(users, start_of(0) - DAY), table)
    changed = log.kind != VIEW
    holdings = Holdings.of_events(log.user[changed], log.item[changed], log.at[changed], log.kind[changed] == ADD)
    fees = FactTable(dict(DOMAIN.item_facts), np.arange(len(ITEMS), dtype=np.float32)[:, None], {})
    catalogue = pd.DataFrame({"item_id": ITEMS, "text": ITEMS, "category": CATEGORIES, "brand": None})
    names = Vocabulary(np.array([f"member {number:04d}" for number in range(users)], object))
    return Dataset(
        Path("nowhere"), DOMAIN, Source(name="planted"), Windows.of(AS_OF, PROTOCOL), names,
        Vocabulary(np.array(ITEMS, object)), Vocabulary(np.zeros(0, object)), log, catalogue,
        Knowledge(states, holdings, "new"), fees,
    )  # fmt: skip


def training(dataset: Dataset, moment: int = NOW, seed: int = 1) -> TrainingData:
    return TrainingData(dataset.before(moment), moment, dataset, seed, 1)


def state(dataset: Dataset, moment: int = NOW) -> State:
    return State(dataset.before(moment), moment)


def requests(dataset: Dataset, users: np.ndarray | None = None, moment: int = NOW) -> Requests:
    """One request a user, told of facts and holdings."""
    chosen = np.arange(dataset.log.users) if users is None else np.asarray(users)
    known = dataset.before(moment)
    return known.told(requests_for(known.log, chosen.astype(np.int32), np.full(len(chosen), moment)))


def strangers(asked: Requests, *, facts: bool) -> Requests:
    """The same people as if they had never occurred: with what a form says of them, or without."""
    nothing = np.zeros(len(asked), np.int64)
    table = asked.facts if facts else asked.facts.take(np.full(len(asked), -1))
    empty = asked.history.cut(nothing, nothing)
    return replace(
        asked, user=np.full(len(asked), -1, np.int32), history=empty, facts=table, held=empty.items,
        barred=empty.items, spans=asked.spans.pick(np.zeros(len(asked) + 1, np.int64), np.zeros(0, np.int64)),
    )  # fmt: skip
