"""Planted drift is found, and what does not move is left in peace."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from ml.features.store import Snapshot, Table
from ml.monitoring.feature_drift import ROWS, drift_of, feature_windows
from ml.monitoring.library import Window

AS_OF = datetime(2024, 3, 4, tzinfo=UTC)


def table(rows: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "still": rng.normal(size=rows),
            "moved ü李": rng.normal(size=rows) + seed,
            "constant": 1.0,
            "missing": np.nan,
            "vanished": rng.normal(size=rows) if seed == 0 else np.nan,
            "mostly_missing": np.where(rng.random(rows) < 0.8, np.nan, rng.normal(size=rows)),
        }
    )


@pytest.mark.parametrize("rows", [60, 1200])
def test_what_moved_or_vanished_has_drifted(rows, capfd):
    found = drift_of("user_features", Window(table(rows, 0), table(rows, 1)), as_of=AS_OF, maximum_share=0.5)
    assert found.drifted == ("moved ü李", "vanished")
    assert set(found.compared) == {"still", "moved ü李", "constant", "mostly_missing", "vanished"}
    assert "moved ü李" in {metric["config"].get("column") for metric in found.page.results["metrics"]}
    assert found.page.html.startswith("\n<!DOCTYPE html>") or "<html" in found.page.html
    assert capfd.readouterr().out == ""


def test_a_table_without_values_is_not_compared():
    empty = pd.DataFrame({"a": [np.nan] * 20})
    assert drift_of("item_features", Window(empty, empty), as_of=AS_OF, maximum_share=0.5) is None


class Store:
    """Two snapshots of many users, of three items, and of no pair."""

    def at(self, as_of: int) -> Snapshot:
        rng = np.random.default_rng(as_of)
        user = rng.normal(size=(3 * ROWS, 2)).astype(np.float32)
        user[::3] = np.nan
        user[1, 0] = np.inf
        nothing = Table(("bought",), np.zeros(0, np.int64), 3, np.zeros((0, 1), np.float32))
        return Snapshot(
            as_of, ("a", "b"), user, ("c",), np.ones((3, 1), np.float32), np.zeros(3, np.int32), nothing, nothing, nothing
        )  # fmt: skip


class Anonymous(Store):
    """Nobody has signed in yet."""

    def at(self, as_of: int) -> Snapshot:
        return replace(super().at(as_of), user=np.zeros((0, 2), np.float32))


def test_marts_are_sampled_the_same_way_each_time():
    first, again = (feature_windows(Store(), 1, 2, seed=0) for _ in range(2))
    assert set(first) == {"user_features"}
    pd.testing.assert_frame_equal(first["user_features"].current, again["user_features"].current)
    for frame in (first["user_features"].reference, first["user_features"].current):
        assert len(frame) == ROWS
        assert list(frame) == ["a", "b"]
        assert not np.isinf(frame.to_numpy()).any()
        assert frame.notna().any(axis=1).all()


def test_no_users_no_comparison():
    assert feature_windows(Anonymous(), 1, 2, seed=0) == {}
