"""What the built marts hold, beyond single features: point in time, idempotence, late data, missing columns."""

import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest
import small_shop

from ml.artifacts import manifest, read_json
from ml.data.schema import absent_columns
from ml.domains import Protocol, Source
from ml.errors import BadInput, RunFailed
from ml.features.marts import run_dbt
from ml.features.warehouse import completed, repair_warehouse
from ml.settings import settings
from ml.steps.features import build_features, plan, publish_features

SNAPSHOT_MARTS = ("user_features", "item_features", "user_item_features", "user_category_features", "item_placements")
WEEK = timedelta(days=7)

Read = Callable[[str], pd.DataFrame]


build = partial(build_features, document=False)


def snapshots(read: Read, before: str) -> dict[str, pd.DataFrame]:
    """Every snapshot mart up to a moment, in a fixed order; the fingerprint apart, for it may change."""
    found = {}
    for mart in SNAPSHOT_MARTS:
        frame = read(f"SELECT * EXCLUDE fingerprint FROM {mart} WHERE as_of <= '{before}'")
        found[mart] = frame.sort_values(["as_of", *frame.columns[:2]], ignore_index=True)
    return found


@pytest.fixture
def rebuilt(built: dict[str, Any], home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the built shop that a test may change."""
    shutil.copytree(home, tmp_path / "home", ignore=shutil.ignore_patterns("dbt"))
    monkeypatch.setenv("SLATE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_a_second_run_has_nothing_to_do(built: dict[str, Any]) -> None:
    assert plan("retail", small_shop.AS_OF) == built
    assert build_features(built)["built"] is False
    first = publish_features(built)
    written = (Path(first) / "events.parquet").stat().st_mtime_ns
    assert publish_features(built) == first
    assert (Path(first) / "events.parquet").stat().st_mtime_ns == written


def test_the_artifact_describes_itself(built: dict[str, Any]) -> None:
    path = Path(publish_features(built))
    described = manifest(path)
    assert (described["domain"], described["as_of"], described["moments"]) == (
        "retail", "2024-04-08T05:00:00Z", built["snapshots"],
    )  # fmt: skip
    assert described["source"]["name"] == "small_shop"
    assert described["counts"]["user_item_features"] > 0
    assert "last_place_id" not in described["features"]["user_features"]  # text: for the request, not for a model
    assert {"views", "purchases_per_view"} <= set(described["features"]["item_features"])
    assert read_json(settings().home / "current" / "retail" / "features.json") == {"path": str(path)}
    columns = duckdb.execute("DESCRIBE SELECT * FROM read_parquet(?)", [str(path / "item_features.parquet")]).df()
    assert set(described["features"]["item_features"]) <= set(columns["column_name"])
    assert (settings().home / "reports" / "retail" / "dbt" / "index.html").stat().st_size > 100_000


def test_dbts_own_unit_tests_pass_and_the_landing_is_fresh(
    built: dict[str, Any], capfd: pytest.CaptureFixture[str]
) -> None:
    assert len(run_dbt(["test", "--select", "test_type:unit"], built["vars"])) >= 6
    assert {str(result.status) for result in run_dbt(["source", "freshness"], built["vars"])} == {"pass"}
    assert [path.name for path in (settings().home / "dbt").iterdir()] == ["retail"], "domains share no file of dbt's"
    assert capfd.readouterr().out == "", "standard output belongs to the command's own JSON"


def test_the_marts_know_unknown_items_and_absent_users(built: dict[str, Any], read: Read) -> None:
    items = read("SELECT * FROM items").set_index("item_id")
    assert items.loc["ghost", "name"] == "Item ghost"
    assert items.loc["Brötchen", "category_path"].tolist() == ["shop", "bakery"]
    users = read("SELECT * FROM users").set_index("user_id")["attributes"]
    assert set(users.index) == {*small_shop.USERS, "absent"}
    assert (users["anna"], users["e"]) == ('{"age": "25-34"}', "{}")
    first = read("SELECT * FROM sessions ORDER BY started_at LIMIT 1").iloc[0]
    events = read("SELECT * FROM events").query("session_id == @first.session_id").sort_values("session_position")
    assert first["item_ids"].tolist() == events["item_id"].tolist()


def test_the_future_moves_no_feature_of_an_earlier_snapshot(rebuilt: Path, built: dict[str, Any], read: Read) -> None:
    """Plants events, prices, stock, attributes and promotions of the week before the last snapshot, and later."""
    before = "2024-04-01 05:00:00"
    expected = snapshots(read, before)
    changed = [
        {**item, "category": "planted", "brand": "Private", "price": 99.0, "stock": 0.0}
        for item in small_shop.catalogue()
    ]
    last = small_shop.START + 13 * WEEK  # 2024-04-01 05:00, the last but one snapshot
    small_shop.land(
        "planted",
        interactions=[
            small_shop.event(90_000 + n, last + n * timedelta(hours=9), user, item, value=1000.0)
            for n, (user, item) in enumerate(zip(small_shop.USERS, small_shop.ITEMS, strict=False))
        ],
        items=changed,
        users=[{"user_id": user, "attributes": '{"age": "99"}'} for user in small_shop.USERS],
        placements=[
            {"item_id": item, "place_id": place, "valid_from": last + timedelta(microseconds=1),
             "valid_to": last + 2 * WEEK, "on_display": True, "in_mailer": True}
            for item in small_shop.ITEMS for place in ("north", "süd", "new")
        ],
    )  # fmt: skip
    fingerprints = read("SELECT as_of, fingerprint FROM int_snapshots ORDER BY as_of")
    build(plan("retail", small_shop.AS_OF))
    found = snapshots(read, before)
    for mart in SNAPSHOT_MARTS:
        pd.testing.assert_frame_equal(found[mart], expected[mart], obj=mart)
    moved = (
        read("SELECT as_of, fingerprint FROM int_snapshots ORDER BY as_of")["fingerprint"]
        != fingerprints["fingerprint"]
    )
    assert moved.tolist() == [False, False, False, True]
    after = read("SELECT max(spend) AS spend FROM user_features")["spend"][0]
    assert after > 1000, "the last snapshot does see the planted events"
    assert (read("SELECT price FROM items WHERE item_id = 'milk'")["price"] == 99).all()


def test_late_events_recompute_the_snapshots_that_they_touch_and_no_other(rebuilt: Path, read: Read) -> None:
    before = read("SELECT as_of, fingerprint FROM int_snapshots ORDER BY as_of")
    read("UPDATE user_features SET spend = 12345")  # a mark that recomputing wipes out
    late = small_shop.START + 12 * WEEK - timedelta(hours=1)  # 2024-03-25 04:00: just before the second snapshot
    small_shop.land("late", interactions=[small_shop.event(80_000, late, "anna", "milk", value=64.0)])
    build(plan("retail", small_shop.AS_OF))
    after = read("SELECT as_of, fingerprint FROM int_snapshots ORDER BY as_of")
    assert (before["fingerprint"] != after["fingerprint"]).tolist() == [False, True, True, True]
    marked = read("SELECT bool_and(spend = 12345) AS marked FROM user_features GROUP BY as_of ORDER BY as_of")
    assert marked["marked"].tolist() == [True, False, False, False]


def test_moving_the_as_of_gives_what_a_build_from_nothing_gives(rebuilt: Path, read: Read) -> None:
    build(plan("retail", "2024-04-01"))
    assert read("SELECT max(occurred_at) < '2024-04-01 05:00' AS past FROM events")["past"][0]
    incremental = snapshots(read, "2030-01-01")
    assert incremental["user_features"]["as_of"].astype(str).unique().tolist() == [
        f"2024-{day} 05:00:00" for day in ("03-11", "03-18", "03-25", "04-01")
    ]
    settings().warehouse("retail").unlink()
    build(plan("retail", "2024-04-01"))
    for mart, frame in snapshots(read, "2030-01-01").items():
        pd.testing.assert_frame_equal(frame, incremental[mart], obj=mart)


def test_a_failing_test_stops_the_run_and_keeps_what_was_published(rebuilt: Path) -> None:
    published = publish_features(plan("retail", small_shop.AS_OF))
    start = small_shop.START + WEEK
    small_shop.land("bad", interactions=[small_shop.event(70_000 + n, start, "anna", None) for n in range(3)])
    broken = plan("retail", small_shop.AS_OF)
    with pytest.raises(RunFailed, match=r"test not_null_events_item_id \(3 rows\) in models/marts/_marts__core.yml"):
        build(broken)
    with pytest.raises(RunFailed, match="does not hold a finished build of this plan"):
        publish_features(broken)
    assert read_json(rebuilt / "current" / "retail" / "features.json") == {"path": published}


def test_a_warehouse_that_cannot_be_opened_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLATE_HOME", str(tmp_path))
    path = settings().warehouse("retail")
    path.parent.mkdir()
    path.write_bytes(b"half a file")
    repair_warehouse("retail")
    assert not path.exists()
    repair_warehouse("retail")
    assert completed("retail") == []


def test_a_build_cut_off_in_its_middle_is_taken_up_again(rebuilt: Path, read: Read) -> None:
    made = plan("retail", small_shop.AS_OF)
    expected = snapshots(read, "2030-01-01")
    with duckdb.connect(str(settings().warehouse("retail"))) as connection:
        connection.execute("DELETE FROM user_features WHERE as_of = '2024-04-01 05:00'").fetchall()
        connection.execute("DROP TABLE item_features").fetchall()
        connection.execute("DROP TABLE completed_snapshots").fetchall()
    with pytest.raises(RunFailed, match="finished build"):
        publish_features(made)
    build(made)
    for mart, frame in snapshots(read, "2030-01-01").items():
        pd.testing.assert_frame_equal(frame, expected[mart], obj=mart)


def test_an_as_of_before_all_data_is_refused(built: dict[str, Any]) -> None:
    with pytest.raises(BadInput, match="not after the first event; retail has 2024-01-01T"):
        plan("retail", "2023-12-31")
    with pytest.raises(BadInput, match="neither a date"):
        plan("retail", "yesterday")


def test_anonymous_clicks_without_prices_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read: Read) -> None:
    monkeypatch.setenv("SLATE_HOME", str(tmp_path))
    supplied = {"interactions": ("event_id", "session_id", "item_id", "event_type", "occurred_at")}
    protocol = Protocol(unit="session", cadence_days=1, ranker_cadences=1, validation_cadences=1, test_cadences=1)
    source = Source(name="clicks", absent=absent_columns(supplied), protocol=protocol, target_events=("view",))
    rows = [
        {"event_id": f"c{n}", "session_id": f"s{n // 4}", "item_id": f"i{n % 7}", "event_type": "view",
         "occurred_at": small_shop.START + n * timedelta(minutes=17)}
        for n in range(600)
    ]  # fmt: skip
    small_shop.land("clicks.csv", source, interactions=rows)
    made = plan("retail")
    build(made)
    path = Path(publish_features(made))
    features = manifest(path)["features"]
    assert features["user_features"] == features["user_item_features"] == features["item_placements"] == []
    assert features["item_features"] == [
        "views", "views_7d", "views_28d", "views_decayed_7d", "viewed_days", "view_age_days", "view_trend",
    ]  # fmt: skip
    assert read("SELECT DISTINCT known_user FROM events")["known_user"].tolist() == [False]
    assert read("SELECT user_id FROM events WHERE event_id = 'c0'")["user_id"][0] == "session:s0"
    assert read("SELECT count(*) AS n FROM users")["n"][0] == 0


@pytest.mark.slow
def test_a_build_that_is_killed_leaves_what_the_next_one_repairs(
    built: dict[str, Any], rebuilt: Path, read: Read
) -> None:
    """Kills builds at later and later moments: the published artifact stands, and the next build finishes the work."""
    published = Path(publish_features(built))
    expected = snapshots(read, "2030-01-01")
    before = {path.name: path.stat().st_mtime_ns for path in published.iterdir()}
    settings().warehouse("retail").unlink()
    for seconds in (0.3, 1.0, 1.7, 2.4):
        code = f"from ml.steps.features import build_features; build_features({built!r}, document=False)"
        process = subprocess.Popen([sys.executable, "-c", code])
        while not settings().warehouse("retail").exists() and process.poll() is None:
            time.sleep(0.05)
        time.sleep(seconds)
        process.kill()
        process.wait()
        if not completed("retail"):
            with pytest.raises(RunFailed, match="finished build"):
                publish_features(built)
    build(built)
    for mart, frame in snapshots(read, "2030-01-01").items():
        pd.testing.assert_frame_equal(frame, expected[mart], obj=mart)
    assert {path.name: path.stat().st_mtime_ns for path in published.iterdir()} == before
