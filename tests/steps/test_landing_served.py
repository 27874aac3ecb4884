"""Served events and impressions in the landing zone: each once, beside what the loader landed."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zlib import crc32

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ml.artifacts import read_json
from ml.data.landing import data_end, latest_as_of, partitions, read_source, table_glob
from ml.data.landing_writer import LandingWriter, Part, open_landing
from ml.data.windows import to_micros
from ml.domains import Protocol, Source
from ml.errors import RunFailed
from ml.serving.contract import ServedItem, ServedSlate
from ml.serving.events import LiveEvent
from ml.serving.impression_parts import impressions_folder, line_of
from ml.steps.landing_served import land_events, land_impressions, land_served
from ml.steps.served_segments import closed_segments

SOURCE = Source(name="shop")
NOW = datetime(2025, 1, 20, tzinfo=UTC)
PROTOCOL = Protocol()  # a cadence of seven days
LAST = datetime(2025, 1, 3, 12, tzinfo=UTC)  # the loader's last event


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SLATE_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def zone(home: Path) -> Path:
    """A zone with one event of its loader."""
    land("day", "e0", LAST)
    return home


def land(slice_name: str, name: str, at: datetime) -> None:
    with open_landing("retail", "shop", NOW) as writer:
        moment = at.replace(tzinfo=None)
        rows = f"SELECT '{name}' AS event_id, 'u' AS user_id, 'i' AS item_id, TIMESTAMP '{moment}' AS occurred_at"
        writer.stage(Part("interactions", slice_name, {"rows": rows}), rows)
        writer.commit(SOURCE)


def event(name: str, at: datetime = LAST, **more: object) -> LiveEvent:
    return LiveEvent(**{
        "event_id": name, "session_id": "v", "item_id": "クッキー", "event_type": "view", "occurred_at": to_micros(at),
        **more,
    })  # fmt: skip


def landed(table: str = "interactions") -> list[tuple]:
    with duckdb.connect() as connection:
        return connection.execute(f"FROM read_parquet('{table_glob('retail', table)}')").fetchall()


def ids() -> list[str]:
    return sorted(row[0] for row in landed())


def test_nothing_served_is_nothing_done_even_without_a_zone(home: Path) -> None:
    assert land_served("retail") == {"domain": "retail", "events": 0, "impressions": 0}
    assert land_events("retail", [])["landed"] == land_events("retail", [[], []])["landed"] == 0
    assert not (home / "landing").exists()


def test_events_need_a_zone_that_a_loader_made(home: Path) -> None:
    with pytest.raises(RunFailed, match="slate land"):
        land_events("retail", [[event("e1")]])


def test_an_event_lands_once_with_all_that_it_tells(zone: Path) -> None:
    full = event("e1", user_id="李雷", value=2.5, quantity=2.0, device="phone", slate_id="s")
    segments = [[full, event("e2"), full], [event("e2"), event("e0")]]
    assert land_events("retail", segments, now=NOW) == {"domain": "retail", "landed": 2, "known": 3, "waiting": 0}
    assert land_events("retail", segments, now=NOW) == {"domain": "retail", "landed": 0, "known": 5, "waiting": 0}
    assert ids() == ["e0", "e1", "e2"]
    (row,) = [row for row in landed() if row[0] == "e1"]
    assert row == ("e1", "李雷", "v", "クッキー", "view", LAST.replace(tzinfo=None), 2.5, 2.0, None, None, None, "phone", None, "s")  # fmt: skip
    assert {part.source for part in partitions("retail")} == {"shop"}
    assert read_source("retail") == SOURCE


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(st.integers(1, 6), max_size=4), max_size=4), st.integers(0, 4))
def test_however_events_are_cut_into_segments_each_lands_once(
    tmp_path_factory: pytest.TempPathFactory, numbers: list[list[int]], split: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLATE_HOME", str(tmp_path_factory.mktemp("zone")))
        land("day", "e0", LAST)
        segments = [[event(f"e{number}") for number in segment] for segment in numbers]
        land_events("retail", segments[:split], now=NOW)
        land_events("retail", segments, now=NOW)
        assert ids() == sorted({"e0"} | {f"e{number}" for segment in numbers for number in segment})


def test_an_event_of_the_future_waits_until_it_has_happened(zone: Path) -> None:
    ahead = [[event("early", NOW + timedelta(minutes=5)), event("e1")]]
    assert land_events("retail", ahead, now=NOW) == {"domain": "retail", "landed": 1, "known": 0, "waiting": 1}
    assert land_events("retail", ahead, now=NOW + timedelta(hours=1))["landed"] == 1
    assert ids() == ["e0", "e1", "early"]


def test_loader_and_serving_supersede_nothing_of_each_other(zone: Path) -> None:
    land_events("retail", [[event("e1")]], now=NOW)
    land_events("retail", [[event("e2")]], now=NOW)
    land("day", "e9", LAST)
    assert ids() == ["e1", "e2", "e9"]


def test_a_landing_that_is_killed_midway_leaves_the_zone_as_it_was(zone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(LandingWriter, "commit", killed)
        with pytest.raises(KeyboardInterrupt):
            land_events("retail", [[event("e1")]], now=NOW)
    assert ids() == ["e0"]
    assert land_events("retail", [[event("e1")]], now=NOW)["landed"] == 1


def write_segment(folder: Path, *lines: bytes) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{1:020d}-{len(lines):020d}.log"
    path.write_bytes(b"".join(b"%08x %b\n" % (crc32(line), line) for line in lines))
    return path


def test_closed_segments_are_read_without_their_notes(zone: Path) -> None:
    folder = zone / "serving" / "retail" / "events"
    write_segment(folder, event("e1").line(), b'{"note":"erase","user_key":"u"}', event("e2").line())
    (folder / f"{4:020d}.open").write_bytes(b"half a li")
    assert [[each.event_id for each in segment] for segment in closed_segments("retail")] == [["e1", "e2"]]
    assert land_served("retail") == {"domain": "retail", "events": 2, "impressions": 0}


def test_a_corrupt_segment_is_named_and_lands_nothing(zone: Path) -> None:
    path = write_segment(zone / "serving" / "retail" / "events", event("e1").line(), event("e2").line())
    path.write_bytes(path.read_bytes().replace(b"e2", b"e3"))
    with pytest.raises(RunFailed, match=r"line 2 is corrupt"):
        land_events("retail")
    assert ids() == ["e0"]


@pytest.mark.parametrize(
    ("served", "as_of"),
    [
        ([], "2025-01-04"),  # the end of the loader's last day
        ([LAST - timedelta(days=9)], "2025-01-04"),  # late
        ([LAST + timedelta(hours=14)], "2025-01-04"),  # of a day that is still being served
        ([LAST + timedelta(days=3)], "2025-01-06"),
        ([LAST + timedelta(days=6), LAST + timedelta(days=12)], "2025-01-15"),  # from one to the next
        ([LAST + timedelta(days=2900)], "2025-01-04"),  # a shop of years ago, served today
    ],
)
def test_served_events_prolong_the_data_by_whole_days_where_no_gap_is(
    zone: Path, served: list[datetime], as_of: str
) -> None:
    for number, at in enumerate(served):
        land_events("retail", [[event(f"e{number + 1}", at)]], now=at)
    assert latest_as_of("retail", PROTOCOL) == datetime.fromisoformat(as_of).replace(tzinfo=UTC)
    assert data_end("retail") == LAST


def journal(name: str, *slates: str) -> None:
    shown = (ServedItem("milk", 1, 0.5, 0.25, ("als",), (), explored=True), ServedItem("soap", 2, None, 1.0, (), ()))
    lines = [line_of(ServedSlate(each, "retail", "home", "李雷", 1, None, shown, to_micros(LAST))) for each in slates]
    impressions_folder("retail").mkdir(parents=True, exist_ok=True)
    (impressions_folder("retail") / f"{name}.jsonl").write_bytes(b"".join(lines))


@pytest.fixture
def shown(zone: Path) -> None:
    """The journal of a killed process: two slates of two items."""
    journal("a", "s1", "s2")


def test_a_part_lands_once(shown: None) -> None:
    assert land_impressions("retail", now=NOW) == {"domain": "retail", "landed": 4, "parts": 1}
    assert land_impressions("retail", now=NOW) == {"domain": "retail", "landed": 0, "parts": 0}
    journal("b", "s3")
    assert land_impressions("retail", now=NOW) == {"domain": "retail", "landed": 2, "parts": 1}
    first, second = (part for part in partitions("retail", "impressions") if part.served)
    assert [read_json(part.folder / "notes.json")["parts"] for part in (first, second)] == [
        ["a.parquet"],
        ["b.parquet"],
    ]
    assert (first.rows, first.min_occurred_at) == (4, LAST)
    assert len(landed("impressions")) == 6


def test_impressions_move_no_clock(shown: None) -> None:
    land_impressions("retail", now=NOW)
    assert data_end("retail") == LAST
    assert latest_as_of("retail", PROTOCOL).date().isoformat() == "2025-01-04"
