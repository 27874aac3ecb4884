"""Time and memory of a turn of the wheel, stage by stage: `slate bench` reads what the demo measured."""

import os
import platform
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import psutil

from ml.artifacts import read_json, write_json
from ml.errors import RunFailed
from ml.settings import settings
from ml.wheel.api import TaskState

SAMPLE_SECONDS = 4.0
KEPT_TURNS = 20
MEGABYTE = 1_000_000


def memory_of(processes: Sequence[psutil.Process]) -> int:
    """Bytes that these processes hold together.

    On Linux the proportional set size, which counts a page shared by n processes as 1/n in each; elsewhere the
    resident set size, which counts it n times and so errs upwards.
    """
    total = 0
    for process in processes:
        with suppress(psutil.Error):  # it may end while we look
            total += process.memory_full_info().pss if psutil.LINUX else process.memory_info().rss
    return total


@dataclass(frozen=True)
class Sample:
    """Memory (bytes) held at one moment (seconds since the epoch)."""

    moment: float
    memory: int


class MemorySampler:
    """Samples the memory of a changing set of processes on a thread, between `with` and its end.

    Args:
        processes: Gives the processes that exist now.
    """

    def __init__(self, processes: Callable[[], Sequence[psutil.Process]]) -> None:
        self.samples: list[Sample] = []
        self._processes = processes
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="memory sampler", daemon=True)

    def __enter__(self) -> "MemorySampler":
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.wait(SAMPLE_SECONDS):
            self.samples.append(Sample(time.time(), memory_of(self._processes())))

    def peak(self, start: float = 0.0, end: float = float("inf")) -> int:
        """Most bytes held at a sample within these moments; of the nearest sample where none lies within."""
        if not self.samples:
            return 0
        within = [sample.memory for sample in self.samples if start <= sample.moment <= end]
        return max(within) if within else min(self.samples, key=lambda sample: abs(sample.moment - start)).memory


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
