"""What is known of users a few at a time is what a data set with all of them at once would tell."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from published_bank import AS_OF, publish

from ml.data.dataset import Dataset, load_dataset, requests_for
from ml.data.known_users import KnownUsers
from ml.data.requests import Requests
from ml.data.windows import to_micros

CUSTOMERS = 20


@pytest.fixture(scope="module")
def features(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return publish(tmp_path_factory.mktemp("bank") / "features", CUSTOMERS)


@pytest.fixture(scope="module")
def dataset(features: Path) -> Dataset:
    return load_dataset(features)


def told(dataset: Dataset, names: np.ndarray) -> Requests:
    user = dataset.users.encode(names)
    return dataset.told(requests_for(dataset.log, user, np.full(len(user), to_micros(AS_OF))))


def texts(requests: Requests) -> list[list[str | None]]:
    return [[requests.facts.text(name, row) for name in requests.facts.facts] for row in range(len(requests))]


def lasts(requests: Requests, items: int) -> dict[str, list[list[int]]]:
    every = np.arange(items, dtype=np.int32)[None]
    return {
        kind: happened.last(requests.user, every, requests.moment).tolist()
        for kind, happened in requests.occurrences.items()
    }


def test_everybody_is_known_but_sessions(features: Path) -> None:
    users = KnownUsers.of(features)
    assert users.ids.tolist() == [*(f"c{number:03}" for number in range(CUSTOMERS)), "nobody"]
    assert len(users) == CUSTOMERS + 1


@given(size=st.integers(1, CUSTOMERS + 5))
def test_of_some_users_the_same_is_known_as_of_all(features: Path, dataset: Dataset, size: int) -> None:
    users = KnownUsers.of(features)
    seen = 0
    for names, requests in users.chunks(size):
        whole = told(dataset, names)
        assert texts(requests) == texts(whole)
        assert [sorted(requests.held[row]) for row in range(len(names))] == [
            sorted(whole.held[row]) for row in range(len(names))
        ]
        assert lasts(requests, len(users.catalogue)) == lasts(whole, len(users.catalogue))
        seen += len(names)
    assert seen == len(users)


def test_the_bank_is_worth_asking_about(dataset: Dataset) -> None:
    whole = told(dataset, dataset.users.ids)
    assert 0 < np.isnan(whole.facts.column("age")).sum() < len(whole)
    assert whole.held.lengths.max() > 1
    assert {"refuse", "decline"} <= set(whole.occurrences)
    assert all(len(whole.occurrences[kind]) for kind in ("refuse", "decline"))
