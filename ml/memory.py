"""Memory that processes hold together, sampled while they run."""

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType

import psutil

SAMPLE_SECONDS = 4.0
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
        seconds: Between two samples.
    """

    def __init__(self, processes: Callable[[], Sequence[psutil.Process]], seconds: float = SAMPLE_SECONDS) -> None:
        self.samples: list[Sample] = []
        self._processes = processes
        self._seconds = seconds
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="memory sampler", daemon=True)

    def __enter__(self) -> "MemorySampler":
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.wait(self._seconds):
            self.samples.append(Sample(time.time(), memory_of(self._processes())))

    def peak(self, start: float = 0.0, end: float = float("inf")) -> int:
        """Most bytes held at a sample within these moments; of the nearest sample where none lies within."""
        if not self.samples:
            return 0
        within = [sample.memory for sample in self.samples if start <= sample.moment <= end]
        return max(within) if within else min(self.samples, key=lambda sample: abs(sample.moment - start)).memory
