"""The streaming fold replays the event log and must agree with dbt, feature by feature, at every snapshot."""

import random
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest
import small_shop

from ml.data.windows import to_micros
from ml.features.declarations import LastValue, load_declarations
from ml.features.fold import Event
from ml.features.streaming import Placement, StreamingFeatures

DECLARED = load_declarations()
FEATURES = [(entity, name) for entity, declared in DECLARED.items() for name in declared.published]
EVENT_COLUMNS = list(Event.__dataclass_fields__)


def micros(moment: pd.Timestamp) -> int:
    return to_micros(moment.to_pydatetime().replace(tzinfo=UTC))


def replay(log: pd.DataFrame, moment: pd.Timestamp, seed: int) -> StreamingFeatures:
    """All events before the moment, in a random order of arrival."""
    features = StreamingFeatures(DECLARED, small_shop.PROTOCOL.day_starts_at_hour)
    rows = log[log["occurred_at"] < moment][EVENT_COLUMNS].to_dict("records")
    random.Random(seed).shuffle(rows)
    for row in rows:
        known = {
            name: None if value is None or value is pd.NaT or value != value else value for name, value in row.items()
        }
        features.add(Event(**known | {"occurred_at": micros(row["occurred_at"])}))
    for row in small_shop.placements():
        times = {name: to_micros(row[name].replace(tzinfo=UTC)) for name in ("valid_from", "valid_to")}
        features.placements.add(Placement(**row | times))
    return features


@pytest.fixture(scope="module")
def replayed(built: dict[str, Any]) -> dict[str, pd.DataFrame]:
    """By entity: (as_of, keys, features) from the fold, at every snapshot of the plan."""
    import duckdb

    from ml.settings import settings

    with duckdb.connect(str(settings().warehouse("retail"))) as connection:
        log = connection.execute("SELECT * FROM int_event_log").df()
    found: dict[str, list[dict[str, Any]]] = {entity: [] for entity in DECLARED}
    for seed, text in enumerate(built["snapshots"]):
        moment = pd.Timestamp(datetime.fromisoformat(text).replace(tzinfo=None))
        features = replay(log, moment, seed)
        for entity, declared in DECLARED.items():
            for key in features.keys(entity):
                values = features.values(entity, key, micros(moment))
                found[entity].append(dict(zip(declared.keys, key, strict=True)) | values | {"as_of": moment})
    return {entity: pd.DataFrame(rows) for entity, rows in found.items()}


def sorted_by(frame: pd.DataFrame, keys: tuple[str, ...]) -> pd.DataFrame:
    return frame.sort_values(["as_of", *keys], ignore_index=True)


@pytest.mark.parametrize("entity", DECLARED)
def test_fold_and_dbt_have_the_same_rows(
    entity: str, replayed: dict[str, pd.DataFrame], read: Callable[[str], pd.DataFrame]
) -> None:
    keys = ["as_of", *DECLARED[entity].keys]
    expected = sorted_by(read(f"SELECT * FROM {DECLARED[entity].mart}"), DECLARED[entity].keys)[keys]
    found = sorted_by(replayed[entity], DECLARED[entity].keys)[keys]
    assert len(expected) > 0
    assert found.to_dict("list") == expected.to_dict("list")


@pytest.mark.parametrize(("entity", "name"), FEATURES)
def test_fold_and_dbt_agree_on_every_declared_feature(
    entity: str, name: str, replayed: dict[str, pd.DataFrame], read: Callable[[str], pd.DataFrame]
) -> None:
    declared = DECLARED[entity]
    mart = read(f"SELECT * FROM {declared.mart}")
    expected = sorted_by(mart, declared.keys)[name]
    found = sorted_by(replayed[entity], declared.keys)[name]
    assert expected.notna().any(), "the small shop must exercise every feature"
    if isinstance(declared.features[name], LastValue):
        assert found.fillna("").tolist() == expected.fillna("").tolist()
    else:
        # The marts are single precision.
        np.testing.assert_allclose(found.astype(float), expected.astype(float), rtol=2e-6, atol=1e-6)
