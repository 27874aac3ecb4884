"""A tiny shop with planted habits, published as a features artifact, and a recommender trained on it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
import pandas as pd

from ml.artifacts import write_json
from ml.data.arrays import Floats
from ml.data.dataset import Dataset, cases_in, load_dataset
from ml.data.requests import Requests
from ml.data.windows import Windows, to_micros
from ml.domains import DOMAINS, Protocol
from ml.domains.frozen import Frozen
from ml.domains.reranking import Reranking
from ml.features.store import FeatureStore
from ml.ranking.candidates import merge
from ml.ranking.lambdamart import LambdaMart, LambdaMartParameters
from ml.ranking.recommender import Recommender
from ml.ranking.training import concatenate, labelled_frame
from ml.retrieval import get_retriever, top_k
from ml.retrieval.contract import State, TrainingData
from ml.retrieval.stored import Stored

AS_OF = datetime(2018, 1, 1, 5, tzinfo=UTC)
WEEKS = 16
USERS, ITEMS = 30, 40
# Few windows, so that few snapshots are read: t1 is five weeks before the end, t3 two.
PROTOCOL = Protocol(day_starts_at_hour=5, ranker_cadences=2, validation_cadences=1, test_cadences=2)
FEATURES = {
    "user_features": ["purchases"],
    "item_features": ["purchases"],
    "user_item_features": ["purchases"],
    "user_category_features": ["purchases"],
    "item_placements": ["on_display"],
}


def make_features(folder: Path, as_of: datetime = AS_OF, users: int = USERS, items: int = ITEMS) -> Path:
    """Publish the marts as of an instant. A later instant has the same past; more users and items are new ones."""
    folder.mkdir(parents=True)
    events = purchases(as_of, users, items)
    events.to_parquet(folder / "events.parquet")
    catalogue(items).to_parquet(folder / "items.parquet")
    moments = Windows.of(as_of, PROTOCOL).snapshots
    for mart, keys in {
        "user_features": ["user_id"], "item_features": ["item_id"], "user_item_features": ["user_id", "item_id"],
        "user_category_features": ["user_id", "category"],
    }.items():  # fmt: skip
        parts = [_counted(events, keys, moment) for moment in moments]
        pd.concat(parts).to_parquet(folder / f"{mart}.parquet")
    shown = {"place_id": ["p0"], "item_id": ["i000"], "on_display": [1.0]}
    pd.concat([pd.DataFrame(shown | {"as_of": [_naive(moment)]}) for moment in moments]).to_parquet(
        folder / "item_placements.parquet"
    )
    described = {"kind": "features", "key": folder.name, "domain": "retail", "as_of": as_of.isoformat(),
                 "source": {"name": "planted", "protocol": PROTOCOL.model_dump()}, "features": FEATURES, "data_hash": folder.name, "counts": {}}  # fmt: skip
    write_json(folder / "manifest.json", described)
    return folder


def _naive(moment: datetime) -> datetime:
    return moment.replace(tzinfo=None)


def catalogue(items: int) -> pd.DataFrame:
    """Names and categories."""
    found = pd.DataFrame({"item_id": [f"i{i:03}" for i in range(items)]})
    return found.assign(name="Item " + found["item_id"].str[1:], category=[f"c{i % 5}" for i in range(items)])


def purchases(as_of: datetime, users: int, items: int) -> pd.DataFrame:
    """Each user visits once or twice a week and buys mostly from five favourites; a user's past never changes."""
    rows = []
    for user in range(users):
        rng = np.random.default_rng(user)
        favourites = rng.choice(min(items, ITEMS), 5, replace=False)
        for week in range(WEEKS):
            at = AS_OF - timedelta(weeks=12) + timedelta(weeks=week, hours=float(rng.uniform(1, 150)))
            basket = {*rng.choice(favourites, 3), int(rng.integers(0, ITEMS))}
            if items > ITEMS and at > AS_OF:
                basket.add(ITEMS + user % (items - ITEMS))
            rows += [
                (f"u{user:03}-{week}-{item}", f"u{user:03}", f"s{user}-{week}", f"i{item:03}", at, n)
                for n, item in enumerate(sorted(basket))
            ]
    events = pd.DataFrame(rows, columns=["event_id", "user_id", "session_id", "item_id", "at", "session_position"])
    events = events[events["at"] < as_of]
    events["occurred_at"] = events.pop("at").dt.tz_localize(None).astype("datetime64[us]")
    described = {"known_user": True, "category": [f"c{int(item[1:]) % 5}" for item in events["item_id"]], "brand": None}
    told = {"private_brand": False, "promoted": False, "quantity": 1.0, "seconds": np.nan, "discount": 0.0}
    return events.assign(place_id="p0", value=1.0, event_type="purchase", **described, **told)


def _counted(events: pd.DataFrame, keys: list[str], moment: datetime) -> pd.DataFrame:
    known = events[events["occurred_at"] < _naive(moment)]
    return known.groupby(keys).size().rename("purchases").reset_index().assign(as_of=_naive(moment))


class PlantedParameters(Frozen):
    size: int = 8


@dataclass(frozen=True)
class Planted(Stored):
    """A retriever with vectors: items that are bought by the same users are close."""

    name: ClassVar[str] = "planted"
    Parameters: ClassVar[type[Frozen]] = PlantedParameters

    parameters: PlantedParameters
    item_vectors: Floats

    @classmethod
    def fit(cls, data: TrainingData, parameters: PlantedParameters) -> Self:
        log = data.dataset.log
        counts = np.zeros((log.users, log.items), np.float32)
        np.add.at(counts, (log.user, log.item), 1)
        vectors = np.linalg.svd(counts, full_matrices=False)[2][: parameters.size].T
        return cls(
            parameters, np.ascontiguousarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1), 1e-9)[:, None])
        )

    def refresh(self, state: State) -> Self:
        return self

    def user_vectors(self, requests: Requests) -> Floats:
        found = np.zeros((len(requests), self.item_vectors.shape[1]), np.float32)
        np.add.at(found, requests.history.rows, self.item_vectors[requests.history.item])
        return found

    def score(self, requests: Requests) -> Floats:
        vectors = self.user_vectors(requests)
        return np.where(vectors.any(axis=1, keepdims=True), vectors @ self.item_vectors.T, np.float32(-np.inf))


def train(
    path: Path, names: tuple[str, ...] = ("popularity", "personal_frequency", "planted"), rounds: int = 8
) -> Recommender:
    """A recommender trained on a features artifact by the nested windows."""
    dataset = load_dataset(path)
    store, windows = FeatureStore.of(dataset), dataset.windows
    at = to_micros(windows.t1)
    data = TrainingData(dataset.before(at), at, dataset.before(to_micros(windows.t3)), 0, 1)
    retrievers = {name: get_retriever(name).fit(data, get_retriever(name).Parameters()) for name in names}
    quotas = dict.fromkeys(names, 20)
    frames = []
    for window in ((windows.t1, windows.t2), (windows.t2, windows.t3)):
        parts = []
        for moment, cases in zip(windows.moments(*window), cases_in(dataset, *window), strict=True):
            state = State(dataset.before(to_micros(moment)), to_micros(moment))
            rankings = {
                name: top_k(model.refresh(state).score(cases.requests), 20) for name, model in retrievers.items()
            }
            found = merge(rankings, quotas, 40)
            generator = np.random.default_rng(0)
            parts.append(labelled_frame(cases.requests, cases.labels, found, store.at(state.as_of), None, generator))
        frames.append(concatenate(parts))
    ranker = LambdaMart.fit(*frames, LambdaMartParameters(rounds=rounds), seed=0, threads=1)
    return Recommender(retrievers, ranker, quotas, 40)


@contextmanager
def declaring(**changes: object) -> Iterator[None]:
    """The shop's domain with the ranker's order as its slates, and with these changes."""
    declared = DOMAINS["retail"]
    DOMAINS["retail"] = declared.model_copy(update={"reranking": Reranking()} | changes)
    try:
        yield
    finally:
        DOMAINS["retail"] = declared


def open_store(path: Path) -> tuple[Dataset, FeatureStore]:
    """The data set and its features."""
    dataset = load_dataset(path)
    return dataset, FeatureStore.of(dataset)


def lineage(features: str, configuration: str = "a", training: str = "t") -> dict:
    dates = {"as_of": AS_OF.isoformat(), "trained_until": "2017-12-18T05:00:00+00:00"}
    return {"training": training, "features": features, "data_hash": "d", "configuration": configuration,
            "parameters": {}, "windows": {}, "seed": 7, "commit": None} | dates  # fmt: skip
