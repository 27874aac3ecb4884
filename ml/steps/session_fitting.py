"""Fitting session models at a known cost, once: those that take long are kept as artifacts."""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

from ml.artifacts import MANIFEST, build, code_digest, digest, read_json
from ml.sessions.configuration import MODELS, ModelChoice
from ml.sessions.contract import SessionModel
from ml.sessions.sessions import Sessions
from ml.settings import settings

SAMPLING_SECONDS = 0.05
COST = "cost"


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


def fitted(choice: ModelChoice, sessions: Sessions, seed: int) -> tuple[SessionModel, Cost]:
    """A model fitted on these sessions, and what that took.

    A model that can be saved is kept by all that it depends on; found again, it brings the cost of its fitting. Killed
    midway, it goes on from its last epoch.
    """
    model, threads = MODELS[choice.model], settings().threads
    stored: Any = model
    if not hasattr(model, "load"):
        with measured() as cost:
            return model.fit(sessions, choice.typed(), seed=seed, threads=threads), cost

    def make(folder: Path) -> dict[str, Any]:
        with measured() as taken:
            made = stored.fit(sessions, choice.typed(), seed=seed, threads=threads, checkpoint=checkpoint)
        made.save(folder)
        checkpoint.unlink(missing_ok=True)
        return {COST: asdict(taken)}

    inputs = {
        "model": choice.model, "parameters": choice.typed().model_dump(mode="json"), "seed": seed,
        "sessions": sessions.digest(), "code": code_digest(f"sessions/{choice.model}"),
    }  # fmt: skip
    checkpoint = settings().home / "checkpoints" / f"{digest(inputs)}.safetensors"
    path = build("session_model", inputs, make)
    return stored.load(path), Cost(**read_json(path / MANIFEST)[COST])


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
