"""What a published artifact tells of users beside their events: facts, holdings, and the events that rules read."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ml.artifacts import write_json
from ml.data.dataset import Dataset, load_dataset, requests_for
from ml.data.windows import to_micros

AS_OF = datetime(2016, 5, 29, tzinfo=UTC)
CARD, LOAN = "ind_tjcr_fin_ult1", "ind_pres_fin_ult1"
EVENTS = [  # user, item, type, days before the instant
    ("ann", CARD, "purchase", 100),
    ("ann", LOAN, "refuse", 40),
    ("ann", LOAN, "refuse", 20),
    ("ann", LOAN, "contact", 10),
    ("bob", CARD, "decline", 5),
    ("bob", "withdrawn from sale", "decline", 4),
]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """A published artifact of a bank with two customers and two products."""
    path: Path = tmp_path_factory.mktemp("features")
    events = pd.DataFrame(EVENTS, columns=["user_id", "item_id", "event_type", "ago"])
    at = [(AS_OF - timedelta(days=days)).replace(tzinfo=None) for days in events.pop("ago")]
    events.assign(
        event_id=[str(n) for n in range(len(events))], occurred_at=at, session_id=None, session_position=0,
        place_id=None, value=None,
    ).astype({"session_id": "string", "place_id": "string", "value": "float64"}).to_parquet(path / "events.parquet")  # fmt: skip
    pd.DataFrame({"item_id": [LOAN, CARD], "category": "credit", "attributes": '{"minimum_age": 18}'}).to_parquet(
        path / "items.parquet"
    )
    states = {"user_id": ["ann"], "valid_from": [datetime(2016, 1, 28)], "attributes": ['{"age": 40}']}
    pd.DataFrame(states).to_parquet(path / "user_states.parquet")
    source = {"name": "little"}
    described = {"kind": "features", "key": "k", "domain": "banking", "as_of": AS_OF.isoformat(), "source": source}
    write_json(path / "manifest.json", described)
    return load_dataset(path)


def last(dataset: Dataset, kind: str, days: int) -> list[list[int]]:
    """Days from each customer's last event of a type with each product to the instant, as known so long before it."""
    moment = np.full(2, to_micros(AS_OF - timedelta(days=days)))
    asked = dataset.told(requests_for(dataset.log, np.array([0, 1], np.int32), moment))
    found = asked.occurrences[kind].last(asked.user, np.array([[0, 1]], np.int32), asked.moment)
    return [[-1 if at < 0 else (to_micros(AS_OF) - at) // 86_400_000_000 for at in row] for row in found.tolist()]


def test_the_events_that_rules_read_are_known_though_they_say_nothing_about_liking(dataset: Dataset) -> None:
    assert dataset.items.ids.tolist() == [LOAN, CARD]
    assert last(dataset, "refuse", 0) == [[20, -1], [-1, -1]]
    assert last(dataset, "refuse", 20) == [[40, -1], [-1, -1]]
    assert last(dataset, "decline", 0) == [[-1, -1], [-1, 5]]
    assert len(dataset.log) == 1  # the purchase


def test_an_earlier_data_set_knows_only_what_had_happened(dataset: Dataset) -> None:
    earlier = dataset.before(to_micros(AS_OF - timedelta(days=30)))
    assert last(earlier, "refuse", 0) == [[40, -1], [-1, -1]]
    assert last(earlier, "decline", 0) == [[-1, -1], [-1, -1]]
