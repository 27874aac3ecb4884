"""The landing zone: typed, append-only, atomic partitions."""

import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from ml.artifacts import read_json
from ml.data.landing import data_end, partitions, read_source, row_counts, table_glob
from ml.data.landing_writer import Landed, Part, open_landing
from ml.data.schema import TABLES, absent_columns
from ml.domains import Source
from ml.errors import BadInput, RunFailed

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SOURCE = Source(name="shop")
EVENTS = """
    SELECT 'e' || i AS event_id, 'u' AS user_id, 's' AS session_id, 'i' || i AS item_id, 'view' AS event_type,
        TIMESTAMP '2025-01-01 12:00:00' + to_days(i::INTEGER) AS occurred_at
    FROM range({rows}) AS series(i)
"""


def land_events(slice_name: str = "day", rows: int = 3, hour: int = 0, items: str | None = None) -> Landed:
    with open_landing("retail", "shop", NOW + timedelta(hours=hour)) as writer:
        writer.stage(Part("interactions", slice_name, {"rows": rows}), EVENTS.format(rows=rows))
        if items:
            writer.stage(Part("items", "catalogue", {"name": items}), f"SELECT 'i' AS item_id, '{items}' AS name")
        return writer.commit(SOURCE)


def read(table: str) -> list[tuple[object, ...]]:
    with duckdb.connect() as connection:
        return connection.execute(f"SELECT * FROM read_parquet('{table_glob('retail', table)}')").fetchall()


def test_every_table_lands_typed_even_when_the_source_lacks_it(home: Path) -> None:
    land_events()
    for name, table in TABLES.items():
        with duckdb.connect() as connection:
            described = connection.execute(f"DESCRIBE FROM read_parquet('{table_glob('retail', name)}')").fetchall()
        assert {row[0]: row[1] for row in described} == dict(table.columns)
    assert row_counts("retail") == {
        "interactions": 3,
        "items": 0,
        "users": 0,
        "placements": 0,
        "user_states": 0,
        "impressions": 0,
    }
    assert data_end("retail") == datetime(2025, 1, 3, 12, tzinfo=UTC)
    assert read_source("retail") == SOURCE


def test_a_manifest_says_what_a_partition_holds(home: Path) -> None:
    land_events()
    (partition,) = partitions("retail", "interactions")
    assert read_json(partition.folder / "manifest.json") == {
        "table": "interactions",
        "source": "shop",
        "slice": "day",
        "hash": partition.folder.name,
        "rows": 3,
        "as_of": "2025-01-03T12:00:00Z",
        "min_occurred_at": "2025-01-01T12:00:00Z",
        "max_occurred_at": "2025-01-03T12:00:00Z",
        "landed_at": "2026-01-01T00:00:00Z",
    }


def test_the_same_content_lands_once(home: Path) -> None:
    first, second = land_events(), land_events(hour=1)
    assert [part.table for part in first.new][-1] == "interactions"
    assert (second.new, [part.table for part in second.reused]) == ([], ["interactions"])
    assert row_counts("retail")["interactions"] == 3


def test_the_same_content_under_another_name_lands_once(home: Path) -> None:
    land_events("monday.csv")
    assert land_events("copy of monday.csv", hour=1).new == []


def test_a_corrected_slice_supersedes_and_keeps_the_old_one(home: Path) -> None:
    land_events("monday", rows=3)
    land_events("tuesday", rows=2, hour=1)
    land_events("monday", rows=4, hour=2)
    assert {part.slice: part.rows for part in partitions("retail", "interactions")} == {"monday": 4, "tuesday": 2}
    assert len(list((home / "landing/retail/superseded/interactions").iterdir())) == 1
    land_events("monday", rows=3, hour=3)  # corrected back
    assert {part.slice: part.rows for part in partitions("retail", "interactions")} == {"monday": 3, "tuesday": 2}


def test_every_version_of_a_catalogue_stays(home: Path) -> None:
    for hour, name in enumerate(["Tea", "Green tea", "Green tea", "Tea", "Tea"]):
        land_events(items=name, hour=hour)
    assert [row[1] for row in read("items")].count("Tea") == 2
    versions = partitions("retail", "items")
    assert [part.landed_at for part in versions] == [NOW, NOW + timedelta(hours=1), NOW + timedelta(hours=3)]


def land_half() -> None:
    with open_landing("retail", "shop", NOW) as writer:
        writer.stage(Part("interactions", "other", {"rows": 9}), EVENTS.format(rows=9))
        writer.stage(Part("interactions", "day", {"rows": "bad"}), "SELECT unnest(['1', 'x'])::INTEGER AS event_id")


def test_catalogues_of_equal_content_in_two_files_both_land(home: Path) -> None:
    for hour in (0, 1):
        with open_landing("retail", "shop", NOW + timedelta(hours=hour)) as writer:
            writer.stage(Part("interactions", "day", {}), EVENTS.format(rows=1))
            for name in ("a.csv", "b.csv"):
                writer.stage(Part("items", name, {"file": "same"}), "SELECT 'i' AS item_id")
            writer.commit(SOURCE)
        assert [part.slice for part in partitions("retail", "items")] == ["a.csv", "b.csv"]


def test_a_failed_landing_leaves_the_zone_as_it_was(home: Path) -> None:
    land_events(rows=3)
    before = sorted(home.rglob("*"))
    with pytest.raises(duckdb.ConversionException):
        land_half()
    assert sorted(home.rglob("*")) == before


def test_a_landing_without_events_is_refused(home: Path) -> None:
    with pytest.raises(BadInput, match="shop holds no interaction"):
        land_events(rows=0)
    assert partitions("retail") == []


def test_a_zone_holds_one_source(home: Path) -> None:
    land_events()
    with pytest.raises(BadInput, match=r"already holds data of shop.*SLATE_HOME"), open_landing("retail", "other", NOW):
        pass


def test_a_column_outside_the_contract_is_a_programming_error(home: Path) -> None:
    with pytest.raises(ValueError, match="colour"), open_landing("retail", "shop", NOW) as writer:
        writer.stage(Part("items", "all", {}), "SELECT 'i' AS item_id, 'red' AS colour")


def test_reading_an_empty_zone_says_what_to_do(home: Path) -> None:
    for read_it in (data_end, read_source):
        with pytest.raises(RunFailed, match="slate land"):
            read_it("retail")


def test_absent_columns_count_by_the_table_that_features_read() -> None:
    absent = absent_columns({"interactions": {"item_id"}, "users": {"user_id"}, "placements": {"place_id"}})
    assert {"user_id", "known_user", "place_id", "attributes", "on_display"} <= set(absent)
    assert "item_id" not in absent
    assert "known_user" not in absent_columns({"interactions": {"user_id"}})


KILLED = """
import sys, time
from ml.data import landing_writer
sys.path.insert(0, {tests!r})
from test_landing import land_events

def stop(*_):
    print("here", flush=True)
    time.sleep(60)

{where}
land_events(rows=5, items="Tea")
"""
WHERE = {
    "while staging": "landing_writer.LandingWriter.commit = stop",
    "between two renames": "landing_writer.write_json = lambda *given, keep=landing_writer.write_json: "
    "stop() if 'interactions' in str(given[0]) else keep(*given)",
    "before the source is declared": "landing_writer.LandingWriter._supersede = stop",
}


@pytest.mark.parametrize("where", WHERE)
def test_a_killed_landing_is_completed_by_the_next(home: Path, where: str) -> None:
    land_events(rows=3)
    script = KILLED.format(tests=str(Path(__file__).parent), where=WHERE[where])
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"here\n"
        process.send_signal(signal.SIGKILL)
    assert {part.rows for part in partitions("retail", "interactions")} >= {3}  # what had landed still stands
    land_events(rows=5, hour=1, items="Tea")
    assert row_counts("retail") == {
        "interactions": 5,
        "items": 1,
        "users": 0,
        "placements": 0,
        "user_states": 0,
        "impressions": 0,
    }
    assert list((home / "landing/retail").glob(".staging-*")) == []


def test_two_landings_at_once_take_turns(home: Path) -> None:
    failed: list[BaseException] = []

    def run(rows: int) -> None:
        try:
            land_events(f"slice {rows}", rows)
        except BaseException as error:  # noqa: BLE001 - handed to the test below
            failed.append(error)

    threads = [threading.Thread(target=run, args=[rows]) for rows in (1, 2, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert row_counts("retail")["interactions"] == 6
