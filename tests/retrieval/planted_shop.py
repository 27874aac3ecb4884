"""A little shop with planted structure: what belongs together is known, so answers can be proved."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ml.data.arrays import Ragged
from ml.data.dataset import Dataset, Log, requests_for
from ml.data.requests import Requests
from ml.data.vocabulary import Vocabulary
from ml.data.windows import Windows, to_micros
from ml.domains import Source, get_domain
from ml.retrieval import State, TrainingData

DAY = 86_400_000_000  # microseconds
THEMES, SIZE = 4, 6  # items of one theme are taken together
ITEMS = THEMES * SIZE
START = datetime(2024, 1, 1, tzinfo=UTC)
NOW = to_micros(START + timedelta(days=30))


@dataclass(frozen=True)
class Event:
    user: int
    item: int
    day: float  # since START
    session: int
    place: int = 0
    weight: float = 1.0


def log_of(events: list[Event], users: int, items: int) -> Log:
    ordered = sorted(events, key=lambda event: (event.user, event.day, event.session))

    def column(name: str, kind: type) -> np.ndarray:
        return np.array([getattr(event, name) for event in ordered], kind)

    at = to_micros(START) + np.round(column("day", np.float64) * DAY).astype(np.int64)
    return Log(
        user=column("user", np.int32), item=column("item", np.int32), at=at, session=column("session", np.int32),
        place=column("place", np.int32), weight=column("weight", np.float32),
        value=np.ones(len(ordered), np.float32), target=np.ones(len(ordered), bool), users=users, items=items,
    )  # fmt: skip


def catalogue(items: int) -> pd.DataFrame:
    """Themes share words and a category; the names are not ASCII; some facts are missing."""
    theme = [item // SIZE for item in range(items)]
    return pd.DataFrame(
        {
            "item_id": [f"Ärtikel-{item:03d} 商品" for item in range(items)],
            "text": [f"Thema{t} größe{t} thing" for t in theme],
            "category_path": [[f"Abteilung {t}", f"分类 {t}"] if t else None for t in theme],
            "category": [f"分类 {t}" for t in theme],
            "brand": [None if t else "Eigen" for t in theme],
        }
    )


def dataset_of(log: Log, products: pd.DataFrame | None = None) -> Dataset:
    domain = get_domain("retail")
    products = catalogue(log.items) if products is None else products
    windows = Windows.of(START + timedelta(days=365), domain.protocol)
    users = Vocabulary(np.array([f"user {number:03d}" for number in range(log.users)], object))
    places = Vocabulary(np.array(["north", "süd"], object))
    items = Vocabulary(products["item_id"].to_numpy(object))
    return Dataset(Path("nowhere"), domain, Source(name="planted"), windows, users, items, places, log, products)


def planted_events() -> list[Event]:
    """User (t, j) takes every item of theme t but the j-th, in each of three sessions."""
    events = []
    for user in range(THEMES * SIZE):
        theme, withheld = divmod(user, SIZE)
        for visit in range(3):
            items = [theme * SIZE + j for j in range(SIZE) if j != withheld]
            events += [Event(user, item, 2.0 + 7 * visit, user * 3 + visit, theme % 2) for item in items]
    return events


def planted() -> Dataset:
    return dataset_of(log_of(planted_events(), THEMES * SIZE, ITEMS))


def training(dataset: Dataset, moment: int = NOW, seed: int = 1) -> TrainingData:
    return TrainingData(dataset.before(moment), moment, dataset, seed, 1)


def state(dataset: Dataset, moment: int = NOW) -> State:
    return State(dataset.before(moment), moment)


def requests(dataset: Dataset, users: list[int] | None = None, moment: int = NOW) -> Requests:
    """One request a user, in the middle of a session that holds the distinct items of the history."""
    chosen = np.arange(dataset.log.users) if users is None else np.array(users)
    asked = requests_for(dataset.log, chosen.astype(np.int32), np.full(len(chosen), moment))
    pairs = np.unique(asked.history.rows * dataset.log.items + asked.history.item)
    items = dataset.log.items
    return asked.with_session(Ragged.from_pairs(pairs // items, (pairs % items).astype(np.int32), len(asked)))


def without_history(asked: Requests) -> Requests:
    nothing = np.zeros(len(asked), np.int64)
    return replace(asked, history=asked.history.cut(nothing, nothing), session=Ragged.empty(len(asked)))


def parameters_of(kind: Any) -> Any:
    """Defaults, but small where size costs time."""
    small = {"embedding_size": 8, "epochs": 5}
    return kind.Parameters(**{name: value for name, value in small.items() if name in kind.Parameters.model_fields})


def moving_fields(model: Any, asked: Requests) -> set[str]:
    """The fields of requests on which a model's scores depend: another value, and other scores."""
    turned = np.roll(np.arange(len(asked)), 7)
    changed = {
        "user": np.roll(asked.user, 1), "moment": asked.moment + 9 * DAY, "place": 1 - asked.place,
        "history": asked.history.take(turned), "session": asked.session.take(turned),
    }  # fmt: skip
    scores = model.score(asked)
    other = {name: model.score(replace(asked, **{name: value})) for name, value in changed.items()}
    return {name for name, found in other.items() if not np.array_equal(found, scores)}
