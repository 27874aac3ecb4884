"""The log of served slates: nothing waits, nothing whole is lost, parts appear at once."""

import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from ml.data.impressions import IMPRESSION, SERVED_IMPRESSION
from ml.serving import impressions
from ml.serving.contract import ServedItem, ServedSlate
from ml.serving.impression_parts import line_of, parts, seal_abandoned
from ml.serving.impressions import ImpressionLog


def slate(name: str = "s1", items: int = 2, propensity: float = 1.0, **changed: object) -> ServedSlate:
    shown = tuple(
        ServedItem(f"i{place}", place, 0.5, propensity, ("als", "popularity"), (), explored=propensity < 1)
        for place in range(1, items + 1)
    )
    given = {
        "slate_id": name, "domain": "retail", "placement": "home", "user_id": "李雷", "model_version": 3, "degraded": None,
        "items": shown, "shown_at": 1_700_000_000_123_456, "rules": ("adult@1",), "session_id": "v1",
        "context": {"device": "phone"},
    }  # fmt: skip
    return ServedSlate(**(given | changed))


def rows(folder: Path) -> list[dict]:
    return [row for part in parts(folder) for row in pq.read_table(part).to_pylist()]


def test_parts_are_named_in_their_order_where_the_clock_was_set_back(tmp_path):
    for name in ("first", "second", "third"):
        log = ImpressionLog(tmp_path)
        assert log.shown(slate(name, 1))
        log.close()
        latest = parts(tmp_path)[-1]  # as if it were a day later than it is
        stamp, _, rest = latest.name.partition("-")
        latest.rename(tmp_path / f"{int(stamp) + 86_400 * 10**9:020d}-{rest}")
    assert [row["slate_id"] for row in rows(tmp_path)] == ["first", "second", "third"]


def test_what_was_shown_is_a_row_an_item_in_the_columns_of_impressions(tmp_path):
    log = ImpressionLog(tmp_path)
    assert log.shown(slate())
    assert log.shown(slate("anonymous", 1, 0.05, user_id=None, session_id=None, degraded="cached_slate", context={}))
    assert log.shown(slate("empty", 0))
    log.close()
    (part,) = parts(tmp_path)
    assert pq.read_schema(part).names == SERVED_IMPRESSION.names
    assert [str(kind).replace("element", "item") for kind in pq.read_schema(part).types] == [
        str(kind) for kind in SERVED_IMPRESSION.types
    ]
    first, _, anonymous = rows(tmp_path)
    assert first == {
        "slate_id": "s1", "user_id": "李雷", "item_id": "i1", "position": 1, "score": 0.5, "sources": ["als", "popularity"],
        "propensity": 1.0, "explored": False, "rules": ["adult@1"], "model_version": 3, "clicked": None,
        "shown_at": first["shown_at"], "placement": "home", "session_id": "v1", "device": "phone", "channel": None,
        "degraded": None,
    }  # fmt: skip
    assert first["shown_at"].isoformat() == "2023-11-14T22:13:20.123456"
    assert (anonymous["user_id"], anonymous["degraded"], anonymous["explored"]) == (None, "cached_slate", True)
    assert (log.logged, log.dropped) == (3, 0)
    assert {path.suffix for path in tmp_path.iterdir()} == {".parquet"}


def test_slates_of_everybody_keep_their_columns():
    assert SERVED_IMPRESSION.names[: len(IMPRESSION.names)] == IMPRESSION.names


@pytest.mark.parametrize("score", [None, float("nan"), float("-inf")])
def test_a_score_that_is_none_is_null(tmp_path, score):
    log = ImpressionLog(tmp_path)
    log.shown(slate(items=1))
    log.shown(replace(slate("other"), items=(ServedItem("i1", 1, score, 1.0, (), ()),)))
    log.close()
    assert [row["score"] for row in rows(tmp_path)] == [0.5, None]


def test_a_journal_that_is_sealed_before_it_is_locked_begins_anew(tmp_path, monkeypatch):
    lock, early = fcntl.flock, []

    def lock_late(opened, operation: int) -> None:
        if not early:
            early.append(seal_abandoned(tmp_path / "log"))  # another process's, or that of this one's start
        lock(opened, operation)

    with monkeypatch.context() as patched:
        patched.setattr(impressions, "seal_abandoned", lambda folder: 0)  # nobody else does at that moment
        patched.setattr(impressions, "fcntl", SimpleNamespace(**(vars(fcntl) | {"flock": lock_late})))
        log = ImpressionLog(tmp_path / "log")
        log.shown(slate())
        _until(lambda: log.logged == 1)
    log.close()
    assert early == [1], "nothing was sealed too early: this tests nothing"
    assert [row["item_id"] for row in rows(tmp_path / "log")] == ["i1", "i2"]


def test_a_copy_of_its_descriptor_does_not_keep_a_journal_from_being_sealed(tmp_path, monkeypatch):
    real, copies = impressions._write_all, []

    def write(opened: int, content: bytes) -> None:
        copies.append(os.dup(opened))  # as a process has that is just being started
        real(opened, content)

    monkeypatch.setattr(impressions, "_write_all", write)
    log = ImpressionLog(tmp_path)
    log.shown(slate())
    log.close()
    assert len(rows(tmp_path)) == 2
    for copy in copies:
        os.close(copy)


def test_a_part_is_sealed_by_rows_and_by_time(tmp_path):
    log = ImpressionLog(tmp_path, rows_per_part=4, seconds_per_part=0.2)
    for name in ("a", "b", "c"):
        log.shown(slate(name))
        _until(lambda name=name: log.logged >= "abc".index(name) + 1)
    _until(lambda: len(rows(tmp_path)) == 6)  # the last by time: nothing closes the log
    assert len(parts(tmp_path)) >= 2
    log.close()


def _until(holds, seconds: float = 5.0) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_hung_disk_makes_nobody_wait_and_is_told(tmp_path, monkeypatch, caplog):
    hung, going = threading.Event(), threading.Event()

    def write(opened: int, content: bytes) -> None:
        hung.set()
        going.wait()
        os.write(opened, content)

    monkeypatch.setattr(impressions, "_write_all", write)
    monkeypatch.setattr(impressions.log, "propagate", True)
    log = ImpressionLog(tmp_path, capacity=3)
    assert log.shown(slate("first"))
    assert hung.wait(5)
    assert [log.shown(slate(str(n))) for n in range(3)] == [True] * 3
    started = time.monotonic()
    assert not log.shown(slate("too many", propensity=0.1))
    assert time.monotonic() - started < 0.1
    assert log.dropped == 1
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert "without a logged propensity" in caplog.text
    log.close(timeout=0.1)
    assert log.dropped == 4, "what a hung disk kept back is counted"
    assert not log.shown(slate("late"))
    going.set()


def test_a_full_disk_costs_the_slates_of_that_moment_only(tmp_path, monkeypatch):
    real, fails = impressions._write_all, [True]

    def write(opened: int, content: bytes) -> None:
        if fails:
            fails.clear()
            os.write(opened, content[: len(content) // 2])
            raise OSError(28, "No space left on device")
        real(opened, content)

    monkeypatch.setattr(impressions, "_write_all", write)
    log = ImpressionLog(tmp_path)
    log.shown(slate("lost"))
    _until(lambda: log.dropped == 1)
    log.shown(slate("kept"))
    log.close()
    assert {row["slate_id"] for row in rows(tmp_path)} == {"kept"}
    assert (log.logged, log.dropped) == (1, 1)


def test_a_slate_that_is_no_json_harms_no_other(tmp_path):
    log = ImpressionLog(tmp_path)
    log.shown(slate("bad", context={"device": object()}))
    _until(lambda: log.dropped == 1)
    log.shown(slate("half a character \ud800"))
    log.close()
    assert {row["slate_id"] for row in rows(tmp_path)} == {"half a character ?"}


KILLED = """
import sys, time
from pathlib import Path
sys.path.insert(0, {tests!r})
from test_impressions import slate
from ml.serving.impressions import ImpressionLog
log = ImpressionLog(Path({folder!r}))
for number in range(300):
    log.shown(slate(str(number)))
while log.logged < 300:
    time.sleep(0.01)
print("logged", flush=True)
time.sleep(60)
"""


def test_what_was_not_in_a_part_yet_survives_a_kill(tmp_path):
    script = KILLED.format(tests=str(Path(__file__).parent), folder=str(tmp_path))
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "logged\n"
        assert seal_abandoned(tmp_path) == 0, "a journal that is being written is left alone"
        process.send_signal(signal.SIGKILL)
    assert parts(tmp_path) == []
    ImpressionLog(tmp_path).close()  # the next process finds the journal
    assert {row["slate_id"] for row in rows(tmp_path)} == {str(number) for number in range(300)}
    assert seal_abandoned(tmp_path) == 0


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cut=st.integers(0, 600), name=st.text(st.characters(codec="utf-8"), min_size=1, max_size=8))
def test_a_journal_that_was_cut_anywhere_keeps_every_whole_line(tmp_path_factory, cut, name):
    folder = tmp_path_factory.mktemp("cut")
    whole, torn = line_of(slate(name)), line_of(slate("torn 李雷"))
    (folder / "j.jsonl").write_bytes(whole + torn[:cut])
    assert seal_abandoned(folder) == 1
    expected = {name} | ({"torn 李雷"} if cut >= len(torn) - 1 else set())
    assert {row["slate_id"] for row in rows(folder)} == expected
    assert not list(folder.glob("*.jsonl"))


def test_a_kill_between_part_and_journal_lands_nothing_twice(tmp_path):
    (tmp_path / "j.jsonl").write_bytes(line_of(slate()))
    seal_abandoned(tmp_path)
    (tmp_path / "j.jsonl").write_bytes(line_of(slate()))
    assert seal_abandoned(tmp_path) == 1
    assert len(rows(tmp_path)) == 2


def test_a_journal_without_any_line_leaves_no_part(tmp_path):
    (tmp_path / "j.jsonl").write_bytes(b"")
    assert seal_abandoned(tmp_path) == 1
    assert list(tmp_path.iterdir()) == []
