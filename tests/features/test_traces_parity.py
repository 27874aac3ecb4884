"""Features computed from traces agree with dbt: every feature, every key, every snapshot, and after a replay."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from ml.artifacts import write_json
from ml.cli import app
from ml.data.dataset import Dataset, load_dataset
from ml.data.windows import to_micros
from ml.errors import BadInput, RunFailed
from ml.features.declarations import LastValue, load_declarations
from ml.features.evaluator import ITEM, USER, USER_CATEGORY, USER_ITEM, Evaluator, UserFeatures
from ml.features.item_evaluation import item_features
from ml.features.store import FeatureStore, Table
from ml.features.trace_log import TraceLog
from ml.features.trace_reading import placement_shares, read_traces
from ml.settings import settings
from ml.steps.feature_parity import parity
from ml.steps.features import publish_features
from ml.steps.trace_benchmark import bench_traces

CLOSE: dict[str, float] = {"rtol": 2e-6, "atol": 1e-6}  # the marts are single precision
MARTS = (USER, USER_ITEM, USER_CATEGORY, ITEM)


@pytest.fixture(scope="module")
def published(built: dict[str, Any]) -> Path:
    return Path(publish_features(built))


@pytest.fixture(scope="module")
def dataset(published: Path) -> Dataset:
    return load_dataset(published)


@pytest.fixture(scope="module")
def store(dataset: Dataset) -> FeatureStore:
    return FeatureStore.of(dataset)


@pytest.fixture(scope="module")
def log(dataset: Dataset, store: FeatureStore) -> TraceLog:
    return read_traces(dataset, store)


@pytest.fixture(scope="module")
def evaluator(dataset: Dataset, store: FeatureStore, log: TraceLog) -> Evaluator:
    hour = dataset.windows.protocol.day_starts_at_hour
    return Evaluator.of(load_declarations(), log.trace.kinds, hour, store.features)


@pytest.fixture(scope="module")
def moments(dataset: Dataset) -> list[int]:
    return [to_micros(at) for at in dataset.windows.snapshots]


def of_users(evaluator: Evaluator, log: TraceLog, moment: int) -> UserFeatures:
    return evaluator.users(log.of(np.arange(log.users)), np.full(log.users, moment))


@pytest.mark.parametrize("mart", MARTS)
def test_every_published_number_is_compared(mart: str, evaluator: Evaluator) -> None:
    (entity,) = (each for each in load_declarations().values() if each.mart == mart)
    assert evaluator.names[mart] == tuple(
        name for name, each in entity.published.items() if not isinstance(each, LastValue)
    )


def test_users_are_as_in_the_mart_at_every_snapshot(
    evaluator: Evaluator, log: TraceLog, store: FeatureStore, moments: list[int]
) -> None:
    for moment in moments:
        expected = store.at(moment).user
        assert np.isfinite(expected).any(axis=1).sum() == 5
        np.testing.assert_allclose(of_users(evaluator, log, moment).user, expected, **CLOSE)


def test_pairs_are_as_in_the_mart_at_every_snapshot(
    evaluator: Evaluator, log: TraceLog, store: FeatureStore, moments: list[int]
) -> None:
    for moment in moments:
        found = of_users(evaluator, log, moment)
        assert_same(store.at(moment).user_item, found.pair_offsets, found.pair_item, found.pair_values)


def test_categories_are_as_in_the_mart_at_every_snapshot(
    evaluator: Evaluator, log: TraceLog, store: FeatureStore, moments: list[int]
) -> None:
    for moment in moments:
        found = of_users(evaluator, log, moment)
        assert_same(store.at(moment).user_category, found.category_offsets, found.category, found.category_values)


def assert_same(expected: Table, offsets: np.ndarray, keys: np.ndarray, values: np.ndarray) -> None:
    row = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    assert len(keys) > 0
    np.testing.assert_array_equal(row * expected.width + keys, expected.keys)
    np.testing.assert_allclose(values, expected.values, **CLOSE)


def test_items_are_as_in_the_mart_at_every_snapshot(
    evaluator: Evaluator, log: TraceLog, store: FeatureStore, dataset: Dataset, moments: list[int]
) -> None:
    from dataclasses import replace

    for moment in moments:
        then = replace(log, placed=placement_shares(dataset.path, dataset.items, moment))
        expected = store.at(moment).item[:, : len(evaluator.names[ITEM])]
        np.testing.assert_allclose(item_features(evaluator, then, moment), expected, **CLOSE)
        some = np.array([4, 0], np.int32)
        np.testing.assert_allclose(item_features(evaluator, then, moment, only=some), expected[some], **CLOSE)


def test_the_last_days_replayed_event_by_event_end_at_the_marts(published: Path, evaluator: Evaluator) -> None:
    found = parity("retail", days=30)
    assert found["arriving_events"] > 80
    assert found["sealed_events"] > 200
    assert [(row["mart"], row["feature"]) for row in found["features"]] == [
        (mart, name) for mart in MARTS for name in evaluator.names[mart]
    ]
    assert max(row["largest_error"] for row in found["features"]) < 2e-6
    assert min(row["known"] for row in found["features"]) > 0


def test_the_whole_log_may_arrive_late(published: Path) -> None:
    assert parity("retail", days=200, seed=3)["sealed_events"] == 0


def test_no_days_are_refused(published: Path) -> None:
    with pytest.raises(BadInput, match="days: 0"):
        parity("retail", days=0)


def test_the_command_prints_what_was_compared(published: Path) -> None:
    done = CliRunner().invoke(app, ["parity", "--days", "14", "--json"])
    assert done.exit_code == 0, done.output
    assert {row["mart"] for row in json.loads(done.stdout)["features"]} == set(MARTS)
    assert "largest error" in CliRunner().invoke(app, ["parity", "--days", "14"]).stdout


def test_what_serving_computes_can_be_timed(published: Path) -> None:
    rows = bench_traces("retail")
    assert {"features of one user", "features of 5 users", "features of all items"} <= {row["what"] for row in rows}
    assert all(row["milliseconds"] >= 0 and row["rows"] > 0 for row in rows)


@pytest.fixture
def tampered(published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the artifact, to be changed, in a home of its own."""
    folder = tmp_path / "artifacts" / "features" / published.name
    shutil.copytree(published, folder)
    monkeypatch.setenv("SLATE_HOME", str(tmp_path))
    write_json(settings().domain_path("current", "retail") / "features.json", {"path": str(folder)})
    return folder


def test_a_feature_that_differs_is_named_with_its_user(tampered: Path) -> None:
    mart = pd.read_parquet(tampered / "user_features.parquet")
    mart.loc[mart["user_id"] == "Łukasz", "spend_28d"] += np.float32(0.5)
    mart.to_parquet(tampered / "user_features.parquet")
    with pytest.raises(RunFailed, match=r"user_features\.spend_28d of user Łukasz is"):
        parity("retail")


def test_a_row_that_is_missing_is_named(tampered: Path) -> None:
    mart = pd.read_parquet(tampered / "user_item_features.parquet")
    mart[(mart["user_id"] != "anna") | (mart["item_id"] != "クッキー")].to_parquet(
        tampered / "user_item_features.parquet"
    )
    with pytest.raises(RunFailed, match="user anna, item クッキー is in traces only"):
        parity("retail")


def test_an_artifact_that_does_not_tell_categories_must_be_published_again(tampered: Path) -> None:
    events = pd.read_parquet(tampered / "events.parquet").drop(columns=["category", "private_brand"])
    events.to_parquet(tampered / "events.parquet")
    with pytest.raises(RunFailed, match="does not tell category, private_brand: build and publish the features again"):
        parity("retail")


def test_without_features_parity_says_what_to_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLATE_HOME", str(tmp_path))
    with pytest.raises(RunFailed, match="slate features --domain retail"):
        parity("retail")
