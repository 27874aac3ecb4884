import io
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from rich.console import Console

from ml.errors import RunFailed
from ml.wheel import follow
from ml.wheel.api import TaskState
from ml.wheel.follow import Follower

START = datetime(2018, 1, 1, tzinfo=UTC)


class PlannedAirflow:
    """Plays one task a run, which is seen running once and then ends; `refused` updates no champion."""

    address = "http://127.0.0.1:8080"

    def __init__(self, *, failing: str | None = None, refused: bool = False) -> None:
        self.failing, self.refused = failing, refused
        self.triggered: list[str] = []
        self.looks: dict[str, int] = {}

    def trigger(self, dag, conf):
        self.triggered.append(dag)
        return f"run of {dag}"

    def run_state(self, dag, run):
        self.looks[dag] = self.looks.get(dag, 0) + 1
        if self.looks[dag] < 3:
            return "running"
        return "failed" if dag == self.failing else "success"

    def tasks(self, dag, run):
        ended = TaskState(dag, run, "work", "success", START, START + timedelta(seconds=2), 1)
        if self.looks[dag] < 3:
            return [replace(ended, state="running", ended=None)]
        return [replace(ended, state="failed" if dag == self.failing else "success")]

    def runs_caused_by(self, dag, run):
        following = {"shop__features": "shop__train", "shop__train": "shop__promote", "shop__promote": "shop__monitor"}
        if self.refused and dag == "shop__promote":
            return None
        return [(following[dag], f"run of {following[dag]}")]

    def running(self, dag):
        return []

    def task_log(self, task):
        return ["reading", "RunFailed: row 3: a negative price"]


class Healthy:
    def check(self):
        pass


@pytest.fixture
def console():
    return Console(file=io.StringIO(), width=200)


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    monkeypatch.setattr(follow, "POLL_SECONDS", 0.0)


def follower(airflow, console):
    return Follower(airflow, Healthy(), console)


def test_a_turn_follows_the_assets_from_features_to_monitor(console):
    airflow = PlannedAirflow()
    turn = follower(airflow, console).turn("shop", {})
    assert [dag for dag, _ in turn.runs] == ["shop__features", "shop__train", "shop__promote", "shop__monitor"]
    assert [task.seconds for task in turn.tasks] == [2.0] * 4
    assert airflow.triggered == ["shop__features"]
    assert console.file.getvalue().count("success") == 4


def test_a_refused_challenger_is_monitored_all_the_same(console):
    airflow = PlannedAirflow(refused=True)
    turn = follower(airflow, console).turn("shop", {})
    assert [dag for dag, _ in turn.runs][-1] == "shop__monitor"
    assert airflow.triggered == ["shop__features", "shop__monitor"]
    assert "updated no asset" in console.file.getvalue()


def test_a_failure_ends_the_turn_with_the_end_of_the_log(console):
    airflow = PlannedAirflow(failing="shop__train")
    with pytest.raises(RunFailed, match=r"shop__train failed in work(.|\n)*a negative price"):
        follower(airflow, console).turn("shop", {})
    assert "shop__promote" not in airflow.looks


def test_a_run_that_never_comes_is_reported(console, monkeypatch):
    monkeypatch.setattr(follow, "HANDOVER_SECONDS", 0.01)
    airflow = PlannedAirflow()
    airflow.runs_caused_by = lambda dag, run: []
    with pytest.raises(RunFailed, match="shop__train did not start"):
        follower(airflow, console).turn("shop", {})


def test_somebody_elses_run_is_waited_for_as_long_as_it_takes(console, monkeypatch):
    monkeypatch.setattr(follow, "HANDOVER_SECONDS", 0.05)
    airflow, ends = PlannedAirflow(), time.monotonic() + 0.2
    caused = airflow.runs_caused_by
    airflow.runs_caused_by = lambda dag, run: [] if time.monotonic() < ends else caused(dag, run)
    airflow.running = lambda dag: ["manual__by_hand"] if time.monotonic() < ends else []
    turn = follower(airflow, console).turn("shop", {})
    assert turn.runs[1][0] == "shop__train"
    assert console.file.getvalue().count("waiting for another run to end: manual__by_hand") == 1
