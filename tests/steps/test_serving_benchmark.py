import copy
import sqlite3
import sys
from itertools import count
from pathlib import Path

import numpy as np
import pytest

from ml.domains import DOMAINS
from ml.errors import BadInput, RunFailed
from ml.serving.load.traffic import People, Traffic
from ml.settings import settings
from ml.steps.serving_aims import aims
from ml.steps.serving_benchmark import across
from ml.steps.serving_benchmark_page import number, write_serving
from ml.steps.serving_home import measured_home
from ml.steps.serving_phases import Freshness, overload, swap
from ml.steps.serving_process import ask, cores, serving, wait_for
from ml.steps.serving_soak import Soak, judged, run_minutes
from ml.steps.serving_soak_page import write_soak
from ml.steps.serving_trials import Trials, held, invocations, mixed, recovery

LITTLE_SERVER = Path(__file__).parents[1] / "serving" / "load" / "little_server.py"
PEOPLE = People(["u1", "u2"], np.array([0.5, 0.5]), ["a", "b"], np.array([0.5, 0.5]))
TRAFFIC = Traffic(DOMAINS["retail"], PEOPLE)
PATH = "/v1/retail/slates"


@pytest.fixture
def server(tmp_path, request):
    capacity = getattr(request, "param", 0)
    command = [sys.executable, str(LITTLE_SERVER), "0", "0", str(capacity)]
    with serving(command, cores(), tmp_path / "log", {}) as started:
        wait_for(started, tmp_path / "log", "POST", PATH, {})
        yield started


def trials(server, seconds: float = 0.5) -> Trials:
    return Trials((server.address,), mixed(TRAFFIC), seconds, count(1))


@pytest.mark.parametrize("server", [200], indirect=True)
def test_saturation_and_overload_of_a_server_that_sheds(server, monkeypatch):
    for name in ("MOST_MS", "QUIET_MS"):  # on a busy machine it is sheds that say what is too much
        monkeypatch.setattr(f"ml.steps.serving_trials.{name}", 5_000.0)
    load = trials(server)
    rate = load.saturation(first=100)
    assert 80 <= rate <= 400, "it can do 200 slates a second, and holds back a fifth of that"
    found = overload(load, server, 2_000, 0.5, TRAFFIC.bodies[0], PATH)
    assert found["shed"] > 500
    assert found["failed"] == 0
    assert found["recovery_seconds"] is not None
    assert found["after"]["rss_mb"] > 1


def test_a_move_of_the_champion_is_seen_in_the_answers(server, monkeypatch):
    monkeypatch.setattr("ml.steps.serving_phases.BEFORE", 0.2)
    monkeypatch.setattr("ml.steps.serving_phases.AFTER", 0.3)
    found = swap(trials(server), 100, lambda: None, 3)  # which is what it answers with anyway
    assert found["seconds"] is not None
    assert found["failed"] == found["shed"] == 0
    assert found["before_ms"]["p50"] > 0
    assert swap(trials(server), 100, lambda: None, 4)["seconds"] is None


def test_a_server_that_tells_nothing_of_its_features_is_not_fresh(server, monkeypatch):
    monkeypatch.setattr("ml.steps.serving_phases.LONGEST", 0.02)
    monkeypatch.setattr("ml.steps.serving_phases.EVENTS", 3)
    found = Freshness(server, TRAFFIC).measure()
    assert found["told"] is None
    assert found["declined"]["missed"] == 3, "the item that was declined is still there"
    assert found["declined"]["first"] == 0


def test_users_are_asked_for_as_mlflow_wants_them():
    request, slates = invocations(["u1", "ü2"])(3, 1)
    assert slates.all()
    assert request(0) == request(2) != request(1)
    assert b'{"dataframe_records": [{"user_id": "u1"}]}' in request(0)


def test_a_server_that_ends_or_tells_no_port_is_a_failed_run(tmp_path):
    command = [sys.executable, "-c", "import sys; sys.exit('no champion')"]
    with pytest.raises(RunFailed, match="no champion"), serving(command, cores(), tmp_path / "log", {}):
        pass
    with pytest.raises(RunFailed, match="the end of"), serving(command, cores(), tmp_path / "log", {}, port=9) as ended:
        wait_for(ended, tmp_path / "log", "GET", "/readyz")
    assert ask(("127.0.0.1", 9), "GET", "/readyz") == (0, b"")


def test_recovery_is_when_answers_come_at_once_again_in_a_row():
    answers = iter([(503, 1.0), (200, 400.0), *[(200, 1.0)] * 5, (200, 90.0), *[(200, 1.0)] * 50])
    clock = count()
    assert recovery(lambda: next(answers), lambda: float(next(clock))) == 9
    assert recovery(lambda: (503, 1.0), lambda: float(next(clock)), most=10) is None


def test_the_registry_is_copied_and_what_happens_to_it_does_not_reach_the_real_one(tmp_path, monkeypatch):
    monkeypatch.setenv("SLATE_HOME", str(tmp_path))
    (tmp_path / "mlflow").mkdir()
    (tmp_path / "artifacts").mkdir()
    with sqlite3.connect(tmp_path / "mlflow" / "mlflow.db") as database:
        database.execute("CREATE TABLE aliases (version INTEGER)")
    with measured_home("serving") as home:
        assert settings().home == home
        assert (home / "artifacts").is_symlink()
        with sqlite3.connect(home / "mlflow" / "mlflow.db") as copied:
            copied.execute("INSERT INTO aliases VALUES (2)")
        copied.close()
    assert database.execute("SELECT count(*) FROM aliases").fetchone() == (0,)
    database.close()
    assert (tmp_path / "artifacts").is_dir()
    assert [*(tmp_path / "bench").iterdir()] == []
    monkeypatch.setenv("SLATE_TRACKING_URI", "http://elsewhere")
    with pytest.raises(BadInput, match="SLATE_TRACKING_URI"), measured_home("serving"):
        pass


def test_a_soak_counts_events_items_and_moves(server, tmp_path, monkeypatch):
    monkeypatch.setattr("ml.steps.serving_soak.SWAP_MINUTES", 2)
    moved = []
    minutes = run_minutes(server, trials(server, 0.3), 200, Soak("retail", 3), lambda: moved.append(1))
    assert len(moved) == 1
    assert [row["swapped"] for row in minutes] == [False, True, False]
    assert all(row["events"] > 0 and row["items"] == 1 and row["open_files"] > 3 for row in minutes)
    verdicts = judged(minutes)
    document = {
        "minutes": minutes,
        "verdicts": verdicts,
        "rate": 200.0,
        "minute_seconds": 0.3,
        "machine": {"cores": 2, "memory_mb": 1, "python": "Python 3.11"},
    }
    write_soak(document, tmp_path / "soak.md")
    page = (tmp_path / "soak.md").read_text()
    assert "| events acknowledged |" in page
    assert page.count("champion moved") == 1


def minute(rss: float = 100.0, p99: float | None = 5.0, events: int = 1, failed: int = 0) -> dict:
    return {"rss_mb": rss, "p99_ms": p99, "events": events, "failed": failed, "items": 1}


@pytest.mark.parametrize(("minutes", "missed"), [
    ([minute() for _ in range(60)], []),
    # It grows while caches fill, and no more.
    ([minute(50), minute(60), minute(80), *[minute(104)] * 30], []),
    ([minute(100 + at) for at in range(60)], ["memory"]),
    ([minute(p99=5.0 + at / 10) for at in range(60)], ["p99"]),
    ([minute(p99=None) for _ in range(3)], ["p99"]),
    ([minute(events=0)], ["events"]),
    ([minute(failed=1)] * 2, ["answers"]),
])  # fmt: skip
def test_drift_is_seen_in_the_last_third(minutes, missed):
    assert [each["name"].split()[0].rstrip(",") for each in judged(minutes) if not each["met"]] == missed


def round_of(p99: float, rank: float = 1.0) -> dict:
    quantiles = {"p50": 1.0, "p99": p99, "p99.9": None}
    return {"slates_per_second": 250.0, "latency_ms": quantiles, "lag_ms": quantiles, "shed": 1, "failed": 0, "degraded": 0.0,
            "rate": 280.0, "given_up": 0, "pace_ms": p99 / 2, "stages_ms": {"rank": {"p50": rank, "p99": 2.0, "p99.9": 3.0}, "retrieve": quantiles, "total": quantiles}}  # fmt: skip


def test_rounds_are_told_by_their_median_and_range():
    found = across([round_of(4.0), round_of(9.0, 3.0), round_of(5.0, 2.0)])
    assert found["latency_ms"]["p99"] == 5.0
    assert found["p99_range_ms"] == [4.0, 9.0]
    assert found["pace_range_ms"] == [2.0, 4.5]
    assert found["latency_ms"]["p99.9"] is None
    assert found["stages_ms"]["rank"]["p50"] == 2.0
    assert found["shed"] == 3


@pytest.mark.parametrize(("changed", "expected"), [
    ({}, True), ({"shed": 1}, False), ({"failed": 1}, False), ({"given_up": 2}, False),
    ({"latency_ms": {"p99": 100.0}}, False), ({"latency_ms": {"p99": None}}, False),
    ({"degraded": 0.01}, True), ({"degraded": 0.02}, False),
])  # fmt: skip
def test_a_rate_is_held_where_all_is_answered_soon(changed, expected):
    found = {"shed": 0, "failed": 0, "given_up": 0, "degraded": 0.0, "latency_ms": {"p99": 99.0}}
    assert held(found | changed) is expected


MEASURED = {
    "domain": "retail", "command": "slate bench serving --write p.md", "seconds": 10.0, "rounds": 3, "limit_ms": 100.0,
    "machine": {"cores": 2, "memory_mb": 25_000, "model": "Some CPU", "load": 0.1, "python": "Python 3.11"},
    "champion": {"model": "retail-slate", "version": 2, "seal": "0123abcd", "as_of": "2017-12-04", "users": 2, "items": 3},
    "mix": {"events": 0.1, "unknown": 0.1, "in_session": 0.3, "first_placement": 0.5},
    "cold_start": 4.2, "saturation": round_of(90.0) | {"slates_per_second": 600.0},
    "loads": [{"share": share, "rate": 660 * share, **across([round_of(8.0)])} for share in (0.25, 0.5, 0.75)],
    "memory": {"idle": {"rss_mb": 800.0, "pss_mb": 700.0}, "loaded": {"rss_mb": 900.0, "pss_mb": 800.0}},
    "freshness": {"told": None, "declined": {"events": 50, "milliseconds": {"p50": 3.0, "p99": 9.0}, "first": 1.0, "missed": 0}},
    "swap": {"seconds": 1.5, "rate": 300.0, "before_ms": {"p99": 5.0}, "after_ms": {"p99": 25.0}, "shed": 0, "failed": 0,
             "given_up": 0, "versions": {2: 100, 3: 900}},
    "overload": {**round_of(80.0), "rate": 6_600.0, "seconds": 60.0, "shed": 300_000, "statuses": {"200": 9, "503": 300_000},
                 "before": {"rss_mb": 900.0}, "after": {"rss_mb": 950.0}, "recovery_seconds": 0.4},
    "two": round_of(90.0) | {"slates_per_second": 900.0},
    "mlflow": {"held": 0.0, "least": 0.5, "limit_ms": 100.0, "start_seconds": 12.0, "one_by_one": 6.0,
               "milliseconds": {"p50": 160.0}, "memory": {"rss_mb": 1_200.0}},
    "limit": {"requests": 256, "candidates": {"least": 241, "median": 343.0, "most": 465},
              "batches": {size: {"search": 0.2, "features": 0.3, "rank": 0.5, "all": 1.0, "slates_per_second": 1_000.0} for size in ("1", "8", "32")}},
    "engine": {size: {"all": 2.5, "slates_per_second": 400.0} for size in ("1", "8", "32")},
}  # fmt: skip


def test_aims_are_held_against_what_was_measured(tmp_path):
    found = aims(MEASURED)
    assert [aim["met"] for aim in found] == [True, False, True, True, True, True, True, True, False, True, True, True]
    assert [aim["measured"] for aim in found] == [
        600,
        8.0,
        8.0,
        8.0,
        9.0,
        1_200,
        100.0,
        pytest.approx(1.667, rel=0.01),
        2.5,
        343,
        80.0,
        0,
    ]
    write_serving({**MEASURED, "aims": found}, tmp_path / "page.md")
    page = (tmp_path / "page.md").read_text()
    assert "| retrieval at half load, p99, ms | ≤ 1 | 8.00 | no |" in page
    assert "sealed as `0123abcd`" in page
    assert "1.50 times one process" in page
    assert "not even 0.5 a second" in page
    assert "| 32 | 0.20 | 0.30 | 0.50 | 1.00 | 1,000 | 2.50 | 400 | 2.50 |" in page


def test_what_was_not_measured_is_neither_met_nor_missed(tmp_path):
    bare = copy.deepcopy(MEASURED) | {"mlflow": None, "overload": None, "two": {"reason": "there is one core alone"}}
    bare["freshness"]["declined"] = None
    bare["swap"]["seconds"] = None
    found = aims(bare)
    assert [aim["met"] for aim in found].count(None) == 5
    write_serving({**bare, "aims": found}, tmp_path / "page.md")
    page = (tmp_path / "page.md").read_text()
    assert page.count("not measured |") == 5
    assert "no answer of it came" in page
    missed = copy.deepcopy(MEASURED)
    missed["freshness"]["declined"]["missed"] = 1
    assert [aim["met"] for aim in aims(missed)][4] is False
    assert number(aims(missed)[4]["measured"]) == "never"
