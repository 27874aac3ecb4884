"""Session models on the sessions of two files: fitted on the one, asked for every next click of the other."""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from ml.evaluation.next_item import DEPTH, coverage, mean_popularity, metric_intervals, target_ranks
from ml.evaluation.significance import Interval
from ml.logs import get_logger, progress
from ml.retrieval.contract import Ranking
from ml.sessions.configuration import MODELS, SessionsConfiguration, load_configuration
from ml.sessions.contract import SessionModel
from ml.sessions.loading import SessionData, load_sessions
from ml.sessions.popularity import Popularity, PopularityParameters, filled
from ml.settings import settings

log = get_logger(__name__)
WARM_UP = 8  # queries asked before the clock runs: compiled code is loaded by then
SAMPLING_SECONDS = 0.05


@dataclass
class Cost:
    """What a stretch of work took."""

    seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_memory_mb: float = 0.0


@dataclass
class Answered:
    """One model's answers and what they cost."""

    name: str
    ranking: Ranking
    train: Cost = field(default_factory=Cost)
    predict: Cost = field(default_factory=Cost)


def bench_sessions(train: Path, test: Path, config: str = "default", *, seed: int = 7) -> dict[str, Any]:
    """Fit every model of a parameter file and measure it on the test file.

    Args:
        train: Parquet file of past sessions.
        test: Parquet file of later sessions, or of cases.
        config: Name of a parameter file in `configs/`, or the path of one.
        seed: Of everything drawn at random.

    Returns:
        `rows`, one a model: `model`, `metrics` (mean, low, high of each), `train_seconds`, `train_cpu_seconds`,
        `predictions_per_second`, `peak_memory_mb`.

    Raises:
        BadInput: names the file, the row, the field and the remedy.
    """
    configuration = load_configuration(config, settings().project / "configs")
    data = load_sessions(train, test, longest=configuration.longest)
    rows = [_row(answered, data, seed) for answered in _answers(configuration, data, seed)]
    return {"rows": rows}


def _answers(configuration: SessionsConfiguration, data: SessionData, seed: int) -> Iterator[Answered]:
    threads = settings().threads
    popular = Popularity.fit(data.train, PopularityParameters(), seed=seed, threads=threads)
    choices = configuration.models.items()
    for name, choice in progress(choices, "session models", len(choices)):
        with measured() as train:
            model = MODELS[choice.model].fit(data.train, choice.typed(), seed=seed, threads=threads)
        yield _asked(name, model, data, popular, train)


def _asked(name: str, model: SessionModel, data: SessionData, popular: Popularity, train: Cost) -> Answered:
    queries = data.cases.queries
    model.rank(queries.take(data.cases.target[:WARM_UP] * 0), DEPTH)
    with measured() as predict:
        ranking = filled(model.rank(queries, DEPTH), popular.order, DEPTH)
    log.info("%s: fitted in %.1f s, %.0f predictions a second", name, train.seconds, len(queries) / predict.seconds)
    return Answered(name, ranking, train, predict)


def _row(answered: Answered, data: SessionData, seed: int) -> dict[str, Any]:
    cases, ranking = data.cases, answered.ranking
    found = metric_intervals(target_ranks(ranking, cases.target), cases.session, seed=seed)
    unknown = float("nan")
    found["coverage@20"] = Interval(coverage(ranking, data.train.items), unknown, unknown)
    found["popularity@20"] = Interval(mean_popularity(ranking, data.train.counts), unknown, unknown)
    return {
        "model": answered.name,
        "metrics": {name: interval.as_dict() for name, interval in found.items()},
        "train_seconds": round(answered.train.seconds, 2),
        "train_cpu_seconds": round(answered.train.cpu_seconds, 2),
        "predictions_per_second": round(len(cases) / answered.predict.seconds, 1),
        "peak_memory_mb": round(max(answered.train.peak_memory_mb, answered.predict.peak_memory_mb)),
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
