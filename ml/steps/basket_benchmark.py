"""Next-basket models on the baskets of two files: fitted on the past, asked for every customer's next basket."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from ml.baskets.baskets import Baskets
from ml.baskets.configuration import BasketsConfiguration, ModelChoice
from ml.baskets.features import ItemFacts
from ml.baskets.loading import BasketData, load_baskets
from ml.baskets.recommender import BasketRecommender, Found, chunks, fit_ranker
from ml.benchmark_file import RECOMMENDER
from ml.data.arrays import Floats
from ml.data.requests import Requests
from ml.evaluation.arrays import Doubles
from ml.evaluation.next_basket import NAMES, basket_intervals, ranked, split_metrics
from ml.evaluation.significance import means
from ml.logs import get_logger, progress
from ml.retrieval.contract import Retriever
from ml.settings import settings
from ml.steps.cost import Cost, cost_fields, measured

log = get_logger(__name__)
FOLDER = Path("configs", "baskets")
WARM_UP = 8  # customers asked before the clock runs: compiled code is loaded by then


class Scores(Protocol):
    """Whatever answers requests."""

    def score(self, requests: Requests) -> Floats:
        """(R, items) higher is better; `-inf` is no candidate."""


@dataclass
class Answered:
    """How well one model answered, and what that cost."""

    name: str
    values: Doubles  # (C, 3M) as `split_metrics` gives them
    train: Cost
    predict: Cost


def bench_baskets(history: Path, following: Path, config: str = "default", *, seed: int = 7) -> dict[str, Any]:
    """Fit every model of a parameter file on the past and measure it on the next baskets.

    Args:
        history: Parquet file of past baskets.
        following: Parquet file of each customer's next basket.
        config: Name of a parameter file in `configs/baskets/`, or the path of one.
        seed: Of everything drawn at random.

    Returns:
        `rows`, one a model: `model`; `metrics`, `repeats` and `discoveries` (mean, low, high of each metric);
        `train_seconds`, `train_cpu_seconds`, `predictions_per_second`, `peak_memory_mb`.

    Raises:
        BadInput: names the file, the row, the field and the remedy.
    """
    configuration = BasketsConfiguration.load(config, settings().project / FOLDER)
    data = load_baskets(history, following)
    return {"rows": [_row(answered, seed) for answered in _answers(configuration, data, seed)]}


def _answers(configuration: BasketsConfiguration, data: BasketData, seed: int) -> Iterator[Answered]:
    models, trained = {}, {}
    for name, choice in progress(configuration.models.items(), "basket models", len(configuration.models)):
        models[name], trained[name] = _fitted(choice, data.history, seed)
        yield _asked(name, models[name], data, trained[name])
    if configuration.recommender is not None:
        sources = {name: models[name] for name in configuration.recommender.sources or models}
        found = Found(sources, ItemFacts.of(data.history), configuration.recommender)
        recommender, train = _recommender(configuration, found, data.history, seed)
        yield _asked(RECOMMENDER, recommender, data, reduce(Cost.plus, (trained[name] for name in sources), train))


def _fitted(choice: ModelChoice, baskets: Baskets, seed: int) -> tuple[Retriever, Cost]:
    with measured() as cost:
        model = choice.kind.fit(baskets.training(seed=seed, threads=settings().threads), choice.typed())
    return model, cost


def _recommender(
    configuration: BasketsConfiguration, found: Found, history: Baskets, seed: int
) -> tuple[BasketRecommender, Cost]:
    """The ranker, learned from each customer's latest basket, over the models of all; and what that took."""
    past, latest = history.split_last()
    earlier, total = {}, Cost()
    for name in found.models:
        earlier[name], cost = _fitted(configuration.models[name], past, seed)
        total = total.plus(cost)
    with measured() as cost:
        before = Found(earlier, ItemFacts.of(past), found.parameters)
        ranker = fit_ranker(before, past, latest, seed=seed, threads=settings().threads)
    return BasketRecommender(found, ranker), total.plus(cost)


def _asked(name: str, model: Scores, data: BasketData, train: Cost) -> Answered:
    model.score(data.history.requests(data.users[:WARM_UP]))
    values, predict = [], Cost()
    for rows in progress(chunks(len(data.users)), name, len(chunks(len(data.users)))):
        requests, taken = data.history.requests(data.users[rows]), data.taken.take(rows)
        with measured() as cost:
            scores = model.score(requests)
            item = ranked(scores, taken)
        predict = predict.plus(cost)
        values.append(split_metrics(item, scores, taken, requests.history.items))
    answered = Answered(name, np.concatenate(values), train, predict)
    recall, ndcg = (means(answered.values)[NAMES.index(metric)] for metric in ("recall@10", "ndcg@10"))
    log.info("%s: recall@10 %.4f, nDCG@10 %.4f, fitted in %.1f s", name, recall, ndcg, train.seconds)
    return answered


def _row(answered: Answered, seed: int) -> dict[str, Any]:
    found = basket_intervals(answered.values, seed=seed)
    return {
        "model": answered.name,
        **{part: {name: at.as_dict() for name, at in metrics.items()} for part, metrics in found.items()},
        **cost_fields(answered.train, answered.predict, len(answered.values)),
    }
