import sys
import time
from datetime import UTC, datetime

import pytest

from ml.errors import RunFailed
from ml.memory import MemorySampler, Sample
from ml.wheel import measure
from ml.wheel.api import TaskState
from ml.wheel.measure import measured_turns, record_turn, stages_of


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("SLATE_HOME", str(tmp_path))


@pytest.fixture
def sampler():
    found = MemorySampler(list)
    found.samples = [Sample(10.0, 1_000_000), Sample(20.0, 5_000_000), Sample(30.0, 2_000_000)]
    return found


def task(name, start, end, state="success"):
    moments = [datetime.fromtimestamp(moment, UTC) for moment in (start, end)]
    return TaskState("shop__train", "r1", name, state, *moments, 1)


def test_stages_are_the_tasks_that_ran_in_their_order(sampler):
    tasks = [task("late", 25, 31), task("skipped", 0, 0, "skipped"), task("early", 15, 22.5)]
    assert stages_of(tasks, sampler) == [
        {"dag": "shop__train", "task": "early", "seconds": 7.5, "peak_memory_mb": 5},
        {"dag": "shop__train", "task": "late", "seconds": 6.0, "peak_memory_mb": 2},
    ]


def test_turns_are_kept_newest_last(sampler):
    for number in range(measure.KEPT_TURNS + 1):
        record_turn("shop", [task("only", 1, number + 2)], sampler, started=time.time())
    kept = measured_turns()
    assert len(kept) == measure.KEPT_TURNS
    assert kept[-1]["stages"][0]["seconds"] == measure.KEPT_TURNS + 1
    assert kept[-1]["python"] == sys.version.split()[0]


def test_without_a_turn_it_says_what_to_do():
    with pytest.raises(RunFailed, match="make demo"):
        measured_turns()
