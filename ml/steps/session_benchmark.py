"""Session models on the sessions of two files: fitted on the one, asked for every next click of the other."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from ml.benchmark_file import RECOMMENDER
from ml.evaluation.next_item import DEPTH, coverage, mean_popularity, metric_differences, metric_intervals, target_ranks
from ml.evaluation.significance import Interval
from ml.logs import get_logger, progress
from ml.retrieval.contract import Ranking
from ml.sessions.configuration import SessionsConfiguration
from ml.sessions.contract import SessionModel
from ml.sessions.loading import SessionData, load_sessions
from ml.sessions.popularity import Popularity, PopularityParameters, filled
from ml.sessions.recommender import Found, RecommenderParameters, SessionRecommender, fit_ranker
from ml.sessions.sessions import Queries
from ml.settings import settings
from ml.steps.cost import Cost, cost_fields, measured
from ml.steps.session_fitting import fitted

log = get_logger(__name__)
WARM_UP = 8  # queries asked before the clock runs: compiled code is loaded by then


class Ranks(Protocol):
    """Whatever answers queries."""

    def rank(self, queries: Queries, k: int) -> Ranking:
        """The best K items of each query."""


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
        config: Name of a parameter file in `configs/sessions/`, or the path of one.
        seed: Of everything drawn at random.

    Returns:
        `rows`, one a model: `model`, `metrics` (mean, low, high of each), `train_seconds`, `train_cpu_seconds`,
        `predictions_per_second`, `peak_memory_mb`; and where there is a second stage, `versus_recommender` (difference,
        low, high of each metric, paired on the same sessions).

    Raises:
        BadInput: names the file, the row, the field and the remedy.
    """
    configuration = SessionsConfiguration.load(config, settings().project / "configs" / "sessions")
    data = load_sessions(train, test, longest=configuration.longest)
    answers = list(_answers(configuration, data, seed))
    rows = [_row(answered, data, seed) for answered in answers]
    if answers[-1].name == RECOMMENDER:
        ranks = [target_ranks(answered.ranking, data.cases.target) for answered in answers]
        for row, rank in zip(rows[:-1], ranks[:-1], strict=True):
            found = metric_differences(rank, ranks[-1], data.cases.session, seed=seed)
            row["versus_recommender"] = {name: interval.as_dict("difference") for name, interval in found.items()}
    return {"rows": rows}


def _answers(configuration: SessionsConfiguration, data: SessionData, seed: int) -> Iterator[Answered]:
    popular = Popularity.fit(data.train, PopularityParameters(), seed=seed, threads=1)
    models, total = {}, Cost()
    for name, choice in progress(configuration.models.items(), "session models", len(configuration.models)):
        models[name], train = fitted(choice, data.train, seed)
        total = total.plus(train)
        yield _asked(name, models[name], data, popular, train)
    if configuration.recommender is not None:
        recommender, train = _recommender(configuration, configuration.recommender, models, data, seed)
        yield _asked(RECOMMENDER, recommender, data, popular, total.plus(train))


def _recommender(
    configuration: SessionsConfiguration, parameters: RecommenderParameters, models: dict[str, SessionModel],
    data: SessionData, seed: int,
) -> tuple[SessionRecommender, Cost]:  # fmt: skip
    """The ranker, learned from models of the head alone, over the models of all sessions; and what both took."""
    head, tail = parameters.split(data.train)
    earlier, total = {}, Cost()
    for name in models:
        earlier[name], cost = fitted(configuration.models[name], head, seed)
        total = total.plus(cost)
    with measured() as cost:
        found = Found.of(earlier, head, parameters)
        ranker = fit_ranker(found, tail, longest=configuration.longest, seed=seed, threads=settings().threads)
    return SessionRecommender(Found.of(models, data.train, parameters), ranker), total.plus(cost)


def _asked(name: str, model: Ranks, data: SessionData, popular: Popularity, train: Cost) -> Answered:
    queries = data.cases.queries
    model.rank(queries.take(np.arange(min(WARM_UP, len(queries)))), DEPTH)
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
        **cost_fields(answered.train, answered.predict, len(cases)),
    }
