"""What the gate is shown: a challenger and its rival, judged side by side on cases that neither learnt from."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from ml.bundle.bundle import Bundle
from ml.bundle.translation import judged_on
from ml.data.arrays import Ints
from ml.data.dataset import Dataset, cases_in
from ml.data.windows import to_micros
from ml.errors import RunFailed
from ml.evaluation.evaluation import Evaluation
from ml.evaluation.judging import evaluate
from ml.evaluation.protocol import Rankable, RecommenderModel, RetrieverModel
from ml.evaluation.segments import Batch, Segment
from ml.features.store import FeatureStore
from ml.retrieval.contract import Retriever
from ml.tracking.gate import Contender

CHALLENGER, CHAMPION = "challenger", "champion"


@dataclass(frozen=True)
class Comparison:
    """Both sides, measured on the same cases."""

    challenger: Contender
    rival: Contender
    unit: Ints  # (C,) whom to resample
    begins: datetime  # of the period


def trained_until(bundle: Bundle) -> datetime:
    """The instant from which on nothing was learnt from."""
    return datetime.fromisoformat(bundle.manifest["lineage"]["trained_until"])


def judged_period(dataset: Dataset, bundles: Sequence[Bundle]) -> tuple[datetime, datetime]:
    """The last cadences of the data that begin when all bundles had stopped learning.

    Where there is none, the data's own test window: the gate then says what it overlaps with.
    """
    windows = dataset.windows
    free = max(trained_until(bundle) for bundle in bundles)
    starts = [at for at in windows.moments(windows.t1, windows.as_of) if at >= free]
    return (starts[0] if starts else windows.t3), windows.as_of


def compare_with_champion(dataset: Dataset, challenger: Bundle, champion: Bundle) -> Comparison:
    """Both sealed bundles on the same cases, each in its own vocabulary."""
    begins, ends = judged_period(dataset, [challenger, champion])
    sides = {CHALLENGER: challenger, CHAMPION: champion}
    models = [
        *judged_on(dataset, challenger, [RecommenderModel(challenger.recommender, CHALLENGER)]),
        *judged_on(dataset, champion, [RecommenderModel(champion.recommender, CHAMPION)]),
    ]
    found = _evaluated(models, dataset, begins, ends)
    measured = [_contender(found, name, dataset, bundle) for name, bundle in sides.items()]
    return Comparison(measured[0], measured[1], found.segments["all"].unit, begins)


def compare_with_baselines(dataset: Dataset, challenger: Bundle, baselines: dict[str, Retriever]) -> Comparison:
    """The challenger and the simple baseline that does best on the gate's metric, on the same cases."""
    if not baselines:
        raise RunFailed("a first champion is compared with simple baselines; none was trained beside the challenger")
    begins, ends = judged_period(dataset, [challenger])
    models: list[Rankable] = [
        RecommenderModel(challenger.recommender, CHALLENGER),
        *(RetrieverModel(model, "baseline", challenger.recommender.visible) for model in baselines.values()),
    ]
    found = _evaluated(judged_on(dataset, challenger, models), dataset, begins, ends)
    best = max(baselines, key=lambda name: found.value(name, dataset.domain.gate.metric))
    rival = _contender(found, best, dataset, challenger, f"the baseline {best}")
    own = _contender(found, CHALLENGER, dataset, challenger)
    return Comparison(own, rival, found.segments["all"].unit, begins)


def _evaluated(models: Sequence[Rankable], dataset: Dataset, begins: datetime, ends: datetime) -> Evaluation:
    moments = dataset.windows.moments(begins, ends)
    batches = [
        Batch(to_micros(at), cases.requests, cases.unit, (Segment("all", "all", cases.labels),))
        for at, cases in zip(moments, cases_in(dataset, begins, ends), strict=True)
        if len(cases)
    ]
    if not batches:
        raise RunFailed(f"nothing was taken from {begins:%Y-%m-%d} to {ends:%Y-%m-%d}: there is no case to judge by")
    return evaluate(models, batches, dataset, FeatureStore.of(dataset))


def _contender(found: Evaluation, name: str, dataset: Dataset, bundle: Bundle, title: str | None = None) -> Contender:
    lineage = bundle.manifest["lineage"]
    diversity = found.value(name, "diversity@10")
    return Contender(
        title or f"the {name}", lineage["configuration"], trained_until(bundle),
        found.segments["all"].metric(name, dataset.domain.gate.metric),
        coverage=found.value(name, "coverage@10"),
        # Without categories no slate is known to be diverse or not: both sides count as equally so.
        diversity=1.0 if np.isnan(diversity) else diversity,
        popularity=found.value(name, "popularity@10"),
    )  # fmt: skip
