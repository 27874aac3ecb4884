"""A command is measured with all that it started."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import psutil
import pytest

from ml.errors import RunFailed
from ml.memory import MEGABYTE, memory_of
from ml.steps.measuring import _family, machine, pace_ms, run_measured

HELD = 60_000_000  # bytes that a child of the measured process holds
PARENT = f"""
import subprocess, sys
child = "held = bytearray({HELD}); held[::4096] = b'1' * len(held[::4096]); print('ready', flush=True); input()"
subprocess.run([sys.executable, "-c", child])
"""


def test_a_command_tells_its_document_and_what_it_took(tmp_path: Path) -> None:
    document, cost = run_measured(["status"], home=tmp_path)
    assert document["counts"] == {}
    assert cost.wall_seconds > 0 < cost.cpu_seconds
    assert 20 < cost.peak_memory_mb < 1_000


def test_what_the_measuring_process_holds_is_not_counted(tmp_path: Path) -> None:
    held = np.ones(1_500_000_000, dtype=np.uint8)
    _, cost = run_measured(["status"], home=tmp_path)
    assert held.nbytes / MEGABYTE > cost.peak_memory_mb


def test_a_command_that_fails_is_no_measurement(tmp_path: Path) -> None:
    with pytest.raises(RunFailed, match="slate leaderboard ended with 1"):
        run_measured(["leaderboard"], home=tmp_path)


def test_what_a_process_started_counts_as_its_own() -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "ready\n"
        alone = memory_of([psutil.Process(parent.pid)])
        assert len(_family(parent.pid)) == 2
        assert memory_of(_family(parent.pid)) > alone + HELD
    finally:
        parent.communicate("\n")
    assert _family(parent.pid) == []


def test_the_machine_is_that_of_this_process() -> None:
    found = machine()
    assert 1 <= found["cores"] <= (os.cpu_count() or 1)
    assert found["memory_mb"] > 500
    assert found["python"].startswith(f"Python {sys.version_info.major}.{sys.version_info.minor}")


def test_the_pace_is_of_the_same_work_each_time() -> None:
    first, second = pace_ms(), pace_ms()
    assert 0.1 < first < 10 * second
