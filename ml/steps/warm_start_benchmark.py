"""What new days cost: the recurrent model brought up to date from its weights, beside one that learns all anew."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ml.data.arrays import Bools, Ints, Ragged
from ml.evaluation.arrays import Doubles
from ml.evaluation.next_item import DEPTH, metric_differences, metric_intervals, target_ranks
from ml.logs import get_logger
from ml.sessions.configuration import SessionsConfiguration
from ml.sessions.hrnn import Hrnn, HrnnParameters
from ml.sessions.loading import load_past
from ml.sessions.recommender import RecommenderParameters
from ml.sessions.sessions import UNKNOWN, Cases, Sessions
from ml.settings import settings
from ml.steps.cost import Cost, measured
from ml.steps.session_trials import validation_cases

NEW = 0.1  # share of the sessions, the latest, that the champion has not seen
REPLAYED = 0.2  # share of the sessions, those before them, that are learned again so that none is forgotten
RATE = 0.3  # learning rate of the warm start, of the full training's
CASES = 20_000  # at most, drawn at random
REPORTED = ("p@20", "mrr@20")
CHAMPION, WARM, FULL = "champion", "warm start", "from nothing"
log = get_logger(__name__)


def bench_warm_start(train: Path, config: str = "default", *, seed: int = 7) -> dict[str, Any]:
    """Bring a champion up to date by a warm start and by a full training; no test file is read.

    The latest sessions of the file, those that the second stage would learn from, are the cases. Of the sessions
    before them the champion has learned all but the latest `NEW`; its catalogue holds the items of those alone.

    Args:
        train: Parquet file of past sessions.
        config: Name of a parameter file in `configs/sessions/` with a model hrnn, or the path of one.
        seed: Of everything drawn at random.

    Returns:
        `items` and `new_items` of the catalogue, and `rows`, one a model: `model`, `p@20` and `mrr@20` (mean, low,
        high), `less_full` (of each the difference to the model from nothing, paired by session), `new_items_p@20`
        (of cases whose target the champion did not know), `train_cpu_seconds`.

    Raises:
        BadInput: names the file, the field and the remedy.
    """
    configuration = SessionsConfiguration.load(config, settings().project / "configs" / "sessions")
    parameters = configuration.recurrent(config)
    split, longest = configuration.recommender or RecommenderParameters(), configuration.longest
    past, cases = validation_cases(load_past(train, longest=longest), split, longest=longest, seed=seed, most=CASES)
    before, _ = past.split(NEW)
    number, kept = _numbered(before)
    with measured() as champion_cost:
        champion = _fit(kept, parameters, seed)
    grown = champion.over(number, seed=seed)
    with measured() as warm_cost:
        warm = _fit(past.split(NEW + REPLAYED)[1], _gentler(parameters), seed, start=grown)
    with measured() as full_cost:
        full = _fit(past, parameters, seed)
    models = {CHAMPION: (grown, champion_cost), WARM: (warm, warm_cost), FULL: (full, full_cost)}
    return {
        "items": past.items, "new_items": int((number == UNKNOWN).sum()),
        "rows": _rows(models, cases, number[cases.target] == UNKNOWN, seed),
    }  # fmt: skip


def _fit(sessions: Sessions, parameters: HrnnParameters, seed: int, start: Hrnn | None = None) -> Hrnn:
    return Hrnn.fit(sessions, parameters, seed=seed, threads=settings().threads, start=start)


def _gentler(parameters: HrnnParameters) -> HrnnParameters:
    """A training that starts near to where it ends."""
    return parameters.model_copy(update={"least_steps": 0, "learning_rate": parameters.learning_rate * RATE})


def _numbered(sessions: Sessions) -> tuple[Ints, Sessions]:
    """(I,) each item's number in the catalogue of these sessions alone, UNKNOWN where they lack it; and they in it."""
    number = np.full(sessions.items, UNKNOWN, np.int64)
    seen = np.unique(sessions.clicks.values)
    number[seen] = np.arange(len(seen))
    clicks = Ragged(sessions.clicks.offsets, number[sessions.clicks.values].astype(np.int32))
    return number, replace(sessions, clicks=clicks, items=len(seen))


def _rows(models: dict[str, tuple[Hrnn, Cost]], cases: Cases, new: Bools, seed: int) -> list[dict[str, Any]]:
    ranks = {name: target_ranks(model.rank(cases.queries, DEPTH), cases.target) for name, (model, _) in models.items()}
    return [
        {
            "model": name, **_reported(ranks[name], ranks[FULL], cases.session, seed),
            "new_items_p@20": float((ranks[name][new] <= 20).mean()) if new.any() else None,
            "train_cpu_seconds": round(cost.cpu_seconds, 2),
        }
        for name, (_, cost) in models.items()
    ]  # fmt: skip


def _reported(rank: Doubles, full: Doubles, session: Ints, seed: int) -> dict[str, Any]:
    found, less = metric_intervals(rank, session, seed=seed), metric_differences(rank, full, session, seed=seed)
    differences = {name: less[name].as_dict("difference") for name in REPORTED}
    return {**{name: found[name].as_dict() for name in REPORTED}, "less_full": differences}
