"""A `slate` command run to its end in a process of its own, and what that takes."""

import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic, perf_counter
from typing import Any

import numpy as np
import psutil

from ml.errors import RunFailed
from ml.memory import MEGABYTE, MemorySampler

PACED, PACE_TIMES = 1_000_000, 5  # numbers sorted to see how fast a core is just now, and how often
SAMPLE_SECONDS = 1.0  # a look at a process of some gigabytes costs it some milliseconds
# The kernel's mark of a process goes back to before its `exec`: a child that we start begins with all that we hold.
# A small process between starts it with next to nothing, and notes its mark (kibibytes on Linux) in a file.
BETWEEN = """
import os, subprocess, sys
process = subprocess.Popen(sys.argv[2:])
_, status, usage = os.wait4(process.pid, 0)
process.returncode = os.waitstatus_to_exitcode(status)
with open(sys.argv[1], "w") as mark:
    mark.write(str(usage.ru_maxrss))
sys.exit(1 if process.returncode < 0 else process.returncode)
"""


@dataclass(frozen=True)
class Cost:
    """What a command took: seconds on the clock and on processors, and the most memory (MB) that it held.

    The memory is the larger of two figures: the kernel's own mark of the largest single process, which misses
    nothing, and the highest sampled sum over the command and all that it started.
    """

    wall_seconds: float
    cpu_seconds: float
    peak_memory_mb: int


def run_measured(command: Sequence[str], home: Path) -> tuple[dict[str, Any], Cost]:
    """Run a command with a `SLATE_HOME` of its own; returns its JSON document and what it took.

    Raises:
        RunFailed: The command failed; its messages stand above.
    """
    started = monotonic()
    with TemporaryDirectory() as folder, Path(folder, "printed").open("w+") as printed:
        mark = Path(folder, "mark")
        process = subprocess.Popen(  # noqa: S603  (our own command)
            [sys.executable, "-I", "-c", BETWEEN, str(mark), sys.executable, "-m", "ml.cli", *command, "--json"],
            env=os.environ | {"SLATE_HOME": str(home)},
            stdout=printed,
        )
        with MemorySampler(lambda: _family(process.pid), SAMPLE_SECONDS) as sampler:
            _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)  # it is waited for: the handle must not do so again
        if process.returncode:
            raise RunFailed(f"slate {' '.join(command)} ended with {process.returncode}; its messages stand above")
        printed.seek(0)
        document: dict[str, Any] = json.load(printed)
        peak = max(int(mark.read_text()) * 1_024, sampler.peak())
    cost = Cost(round(monotonic() - started, 1), round(usage.ru_utime + usage.ru_stime, 1), round(peak / MEGABYTE))
    return document, cost


def _family(process: int) -> list[psutil.Process]:
    """A process and all that it started, as long as it runs."""
    with suppress(psutil.NoSuchProcess):
        parent = psutil.Process(process)
        return [parent, *parent.children(recursive=True)]
    return []


def machine() -> Mapping[str, Any]:
    """What it was measured on: `cores` that may be used, `memory_mb`, and the `python`."""
    return {
        "python": f"Python {platform.python_version()} ({platform.python_compiler()})",
        "cores": len(psutil.Process().cpu_affinity()) if psutil.LINUX else psutil.cpu_count(),
        "memory_mb": psutil.virtual_memory().total // MEGABYTE,
    }


def pace_ms() -> float:
    """Milliseconds that a core takes for always the same work: machines that others share are not equally fast always."""
    numbers = np.random.default_rng(0).random(PACED)
    took = []
    for _ in range(PACE_TIMES):
        begun = perf_counter()
        np.sort(numbers)
        took.append(perf_counter() - begun)
    return 1_000 * min(took)
