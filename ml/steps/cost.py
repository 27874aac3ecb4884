"""What a stretch of work costs: time and memory, measured while it runs."""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psutil

SAMPLING_SECONDS = 0.05


@dataclass
class Cost:
    """What a stretch of work took."""

    seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_memory_mb: float = 0.0

    def plus(self, other: "Cost") -> "Cost":
        """Both stretches, one after the other."""
        peak = max(self.peak_memory_mb, other.peak_memory_mb)
        return Cost(self.seconds + other.seconds, self.cpu_seconds + other.cpu_seconds, peak)


def cost_fields(train: Cost, predict: Cost, answers: int) -> dict[str, float]:
    """What a benchmark's row says of costs: fitting, and how fast this many answers came."""
    return {
        "train_seconds": round(train.seconds, 2),
        "train_cpu_seconds": round(train.cpu_seconds, 2),
        "predictions_per_second": round(answers / predict.seconds, 1),
        "peak_memory_mb": round(max(train.peak_memory_mb, predict.peak_memory_mb)),
    }


@contextmanager
def measured() -> Iterator[Cost]:
    """Wall-clock time, processor time of all threads, and the most memory that the process held meanwhile."""
    cost, process, done = Cost(), psutil.Process(os.getpid()), threading.Event()

    def watch() -> None:
        while True:
            cost.peak_memory_mb = max(cost.peak_memory_mb, process.memory_info().rss / 1e6)
            if done.wait(SAMPLING_SECONDS):
                return

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    wall, cpu = time.perf_counter(), time.process_time()
    try:
        yield cost
    finally:
        cost.seconds, cost.cpu_seconds = max(time.perf_counter() - wall, 1e-9), time.process_time() - cpu
        done.set()
        watcher.join()
