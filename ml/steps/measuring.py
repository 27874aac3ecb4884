"""A `slate` command run to its end in a process of its own, and what that takes."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from time import monotonic
from typing import Any

import psutil

from ml.errors import RunFailed
from ml.memory import MEGABYTE, MemorySampler

SAMPLE_SECONDS = 1.0  # a look at a process of some gigabytes costs it some milliseconds


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
    with TemporaryFile("w+") as printed:
        process = subprocess.Popen(  # noqa: S603  (our own command)
            [sys.executable, "-m", "ml.cli", *command, "--json"],
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
    peak = max(usage.ru_maxrss * 1_024, sampler.peak())  # the kernel's mark is in kibibytes on Linux
    cost = Cost(round(monotonic() - started, 1), round(usage.ru_utime + usage.ru_stime, 1), round(peak / MEGABYTE))
    return document, cost


def _family(process: int) -> list[psutil.Process]:
    """A process and all that it started, as long as it runs."""
    with suppress(psutil.NoSuchProcess):
        parent = psutil.Process(process)
        return [parent, *parent.children(recursive=True)]
    return []


def machine() -> Mapping[str, Any]:
    """What it was measured on: `cores` that may be used, and `memory_mb`."""
    return {
        "cores": len(psutil.Process().cpu_affinity()) if psutil.LINUX else psutil.cpu_count(),
        "memory_mb": psutil.virtual_memory().total // MEGABYTE,
    }
