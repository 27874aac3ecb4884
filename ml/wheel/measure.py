"""Time and memory of a turn of the wheel, stage by stage: `slate bench` reads what the demo measured."""

import os
import platform
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ml.artifacts import read_json, write_json
from ml.errors import RunFailed
from ml.memory import MEGABYTE, MemorySampler
from ml.settings import settings
from ml.wheel.api import TaskState

KEPT_TURNS = 20


def stages_of(tasks: Sequence[TaskState], sampler: MemorySampler) -> list[dict[str, Any]]:
    """Each task that ran: DAG, task, seconds, and the peak of all processes together while it ran."""
    return [
        {
            "dag": task.dag,
            "task": task.task,
            "seconds": round(task.seconds, 1),
            "peak_memory_mb": sampler.peak(task.started.timestamp(), task.ended.timestamp()) // MEGABYTE,
        }
        for task in sorted(tasks, key=lambda task: task.started.timestamp() if task.started else 0.0)
        if task.state == "success" and task.started and task.ended
    ]


def measurements_path() -> Path:
    """Where the demo's turns are recorded, newest last."""
    return settings().home / "bench" / "demo.json"


def measured_turns() -> list[dict[str, Any]]:
    """The recorded turns, oldest first; raises `RunFailed` where there is none."""
    if not measurements_path().exists():
        raise RunFailed(f"{measurements_path()} is not there yet: run `make demo` first")
    found: list[dict[str, Any]] = read_json(measurements_path())
    return found


def record_turn(domain: str, tasks: Sequence[TaskState], sampler: MemorySampler, started: float) -> dict[str, Any]:
    """Append one turn's measurements.

    Args:
        domain: Whose wheel turned.
        tasks: All its tasks.
        sampler: What sampled its memory.
        started: When it began (seconds since the epoch), Airflow's start included.

    Returns:
        What was appended.
    """
    turn = {
        "domain": domain,
        "started_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(started)),
        "wall_seconds": round(time.time() - started, 1),
        "peak_memory_mb": sampler.peak() // MEGABYTE,
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "stages": stages_of(tasks, sampler),
    }
    before = measured_turns() if measurements_path().exists() else []
    write_json(measurements_path(), [*before, turn][-KEPT_TURNS:])
    return turn
