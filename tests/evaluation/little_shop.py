"""Data sets of a few events, written by hand."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from ml.data.arrays import Floats, Ragged
from ml.data.dataset import Dataset, Log
from ml.data.requests import History, Requests
from ml.data.vocabulary import Vocabulary
from ml.data.windows import Windows, to_micros
from ml.domains import Protocol, Source, get_domain
from ml.features.store import Snapshot, Table
from ml.retrieval.contract import State

DAY = 86_400_000_000
AS_OF = datetime(2024, 3, 4, tzinfo=UTC)  # a Monday
TEST = AS_OF - timedelta(days=14)  # two cadences


@dataclass(frozen=True)
class Event:
    """One line of a basket; `day` counts from the beginning of the test window."""

    user: int
    item: int
    day: float
    session: int
    target: bool = True


def log_of(events: Iterable[Event], users: int, items: int) -> Log:
    ordered = sorted(events, key=lambda event: (event.user, event.day))
    column = {name: np.array([getattr(event, name) for event in ordered]) for name in Event.__dataclass_fields__}
    at = to_micros(TEST) + np.round(column["day"] * DAY).astype(np.int64)
    ones = np.ones(len(ordered), np.float32)
    return Log(
        column["user"].astype(np.int32), column["item"].astype(np.int32), at, column["session"].astype(np.int32),
        np.zeros(len(ordered), np.int32), ones, ones, column["target"].astype(bool), users, items,
    )  # fmt: skip


def dataset_of(events: Sequence[Event], users: int, items: int, unit: Literal["user", "session"] = "user") -> Dataset:
    protocol = Protocol(unit=unit, ranker_cadences=1, validation_cadences=1, test_cadences=2)
    ids = [np.array([f"{noun} {number:04d} ü李" for number in range(count)], object)
           for noun, count in (("user", users), ("item", items))]  # fmt: skip
    return Dataset(
        Path("nowhere"), get_domain("retail").model_copy(update={"protocol": protocol}), Source(name="little"),
        Windows.of(AS_OF, protocol), Vocabulary(ids[0]), Vocabulary(ids[1]), Vocabulary(np.array(["north"], object)),
        log_of(events, users, items), pd.DataFrame({"item_id": ids[1]}),
    )  # fmt: skip


def random_events(seed: int, users: int = 25, items: int = 40, baskets: int = 12) -> list[Event]:
    """Baskets of one to six items over eight weeks before the test and its two weeks.

    A user comes more often the lower the number, and the last fifth of the items is sold for the last four weeks only.
    """
    rng = np.random.default_rng(seed)
    found = []
    for session in range(users * baskets):
        day, user = float(rng.uniform(-56, 14)), int(users * rng.random() ** 2)
        sold = items if day > -14 else items * 4 // 5
        basket = rng.choice(sold, rng.integers(1, 7), replace=False)
        found += [Event(user, int(item), day, session) for item in basket]
    return found


class Snapshots:
    """Stands in for a feature store: items have categories and nothing else is known."""

    def __init__(self, items: int, categories: int = 3) -> None:
        self.category = (np.arange(items) % categories).astype(np.int32)

    def at(self, as_of: int) -> Any:
        empty, table = np.zeros((0, 0), np.float32), Table((), np.zeros(0, np.int64), 1, np.zeros((0, 0), np.float32))
        return Snapshot(as_of, (), empty, (), empty, self.category, table, table, table)


@dataclass(frozen=True)
class Scorer:
    """A retriever that scores by a function of the requests."""

    name: str
    items: int
    refreshed: tuple[int, ...] = ()

    def refresh(self, state: State) -> "Scorer":
        assert len(state.dataset.log) == 0 or state.dataset.log.at.max() < state.as_of
        return type(self)(self.name, self.items, (*self.refreshed, state.as_of))

    def score(self, requests: Requests) -> Floats:
        return np.tile(-np.arange(self.items, dtype=np.float32), (len(requests), 1))


class Frequency(Scorer):
    """The own history, counted."""

    def score(self, requests: Requests) -> Floats:
        scores = np.full((len(requests), self.items), -np.inf, np.float32)
        for row in range(len(requests)):
            taken, count = np.unique(requests.history.items[row], return_counts=True)
            scores[row, taken] = count
        return scores


def ragged(*rows: Sequence[int]) -> Ragged:
    return Ragged(np.cumsum([0, *map(len, rows)]), np.array([v for row in rows for v in row], np.int32))


def requests_with(history: Ragged, moment: int = 0) -> Requests:
    """Requests of users 0, 1, …; every event is a session of its own."""
    count = len(history.values)
    past = History(
        history.offsets, history.values, np.full(count, moment - 1), np.arange(count, dtype=np.int32),
        np.ones(count, np.float32),
    )  # fmt: skip
    rows = len(history)
    return Requests(
        np.arange(rows, dtype=np.int32), np.full(rows, moment), np.zeros(rows, np.int32), past, Ragged.empty(rows)
    )
