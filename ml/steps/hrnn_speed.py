"""How fast the recurrent model learns and answers on this machine, beside a plain loop of the same network."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ml.sessions.configuration import SessionsConfiguration
from ml.sessions.hrnn import Hrnn, HrnnParameters
from ml.sessions.loading import load_past
from ml.sessions.sessions import Sessions, next_click_cases
from ml.settings import settings

SESSIONS = 20_000  # the latest, learned from once by each loop
WARM_UP = 256  # sessions that each loop learns from before the clock runs
QUERIES = 500  # answered one by one
SHOWN = 20


def bench_hrnn(train: Path, config: str = "default", *, seed: int = 7) -> dict[str, Any]:
    """One epoch over the latest sessions of a file by our loop and by two plain ones, and single answers.

    Returns:
        `rows`, one a loop: `loop`, `events_per_second` (clicks predicted), `times_slower_than_ours`; and
        `latency_ms` of one query at a time: `p50`, `p95`.

    Raises:
        BadInput: names the file, the field and the remedy.
    """
    configuration = SessionsConfiguration.load(config, settings().project / "configs" / "sessions")
    once = {"epochs": 1, "least_steps": 0, "user": "none"}
    parameters = configuration.recurrent(config).model_copy(update=once)
    past = load_past(train, longest=configuration.longest)
    past = past.take(np.flatnonzero(past.clicks.lengths > 1)[-SESSIONS:])
    speed = {name: _events_per_second(learn, past) for name, learn in _loops(parameters, seed).items()}
    rows = [
        {"loop": name, "events_per_second": round(value, 1), "times_slower_than_ours": round(speed["ours"] / value, 2)}
        for name, value in speed.items()
    ]
    return {"rows": rows, "latency_ms": _latency(past, parameters, seed)}


def _loops(parameters: HrnnParameters, seed: int) -> dict[str, Callable[[Sessions], object]]:
    from ml.sessions.hrnn.plain_loop import train_plainly

    threads = settings().threads
    return {
        "ours": lambda past: Hrnn.fit(past, parameters, seed=seed, threads=threads),
        "plain, sampled softmax": lambda past: train_plainly(
            past, parameters, "sampled_softmax", seed=seed, threads=threads
        ),
        "plain, full softmax": lambda past: train_plainly(past, parameters, "softmax", seed=seed, threads=threads),
    }


def _events_per_second(learn: Callable[[Sessions], object], past: Sessions) -> float:
    learn(past.take(np.arange(min(WARM_UP, len(past)))))
    began = time.perf_counter()
    learn(past)
    return float((past.clicks.lengths - 1).sum() / (time.perf_counter() - began))


def _latency(past: Sessions, parameters: HrnnParameters, seed: int) -> dict[str, float]:
    """Milliseconds from one prefix to its list."""
    model = Hrnn.fit(past.take(np.arange(min(WARM_UP, len(past)))), parameters, seed=seed, threads=settings().threads)
    queries = next_click_cases(past, past.clicks.lengths.max()).queries
    taken = []
    for row in range(min(QUERIES, len(queries))):
        query = queries.take(np.array([row]))
        began = time.perf_counter()
        model.rank(query, SHOWN)
        taken.append(1000 * (time.perf_counter() - began))
    return {"p50": round(float(np.median(taken)), 3), "p95": round(float(np.quantile(taken, 0.95)), 3)}
