"""The table of all models: every metric with its interval, and the differences from the baselines.

The strongest baseline is chosen for each segment and metric apart, as the one with the highest mean on the very
cases that are judged. That favours the baselines: a model is compared with whichever happened to do best.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ml.data.windows import Windows
from ml.evaluation.arrays import Doubles
from ml.evaluation.beyond_accuracy import SEGMENT_NAMES
from ml.evaluation.evaluation import COLUMN, METRIC_NAMES, Evaluation, Results
from ml.evaluation.metrics import ACCURACY_NAMES
from ml.evaluation.segments import SEGMENTS
from ml.evaluation.significance import DRAWS, LEVEL, Interval, intervals, means, resampled_means

HEADLINE = "ndcg@10"
COMPARED = tuple(name for name in ACCURACY_NAMES if name.endswith("@10"))  # against every single baseline

Row = dict[str, Any]
Document = dict[str, Any]


def split_of(windows: Windows, *, seed: int, held_out_share: float) -> dict[str, Any]:
    """What the judged cases are, for the document's `split`.

    Args:
        windows: The cut-off instants.
        seed: Of the held-out users and the hidden halves of baskets.
        held_out_share: Of the users, judged as new ones.
    """
    instants = {name: getattr(windows, name).isoformat().replace("+00:00", "Z") for name in ("t1", "t2", "t3", "as_of")}
    return {
        "windows": {
            "retrievers_learn_before": instants["t1"],
            "ranker_labels": [instants["t1"], instants["t2"]],
            "validation": [instants["t2"], instants["t3"]],
            "test": [instants["t3"], instants["as_of"]],
        },
        "cadence_days": windows.cadence.days,
        "seed": seed,
        "held_out_share": held_out_share,
    }


def leaderboard(evaluation: Evaluation, split: Mapping[str, Any], *, seed: int, draws: int = DRAWS) -> Document:
    """The document of `slate leaderboard --json`.

    Args:
        evaluation: Every model and baseline on the same cases.
        split: What the cases are, such as `split_of` says it.
        seed: Of the resampling.
        draws: Resamples of the units.

    Returns:
        `split`, with the cases and units of each segment and how intervals were made; `rows`, one a segment and
        model, best nDCG@10 first within a segment. Numbers that are not defined are null.
    """
    rows: list[Row] = []
    for segment in evaluation.segments:
        rows += sorted(_segment_rows(evaluation, segment, seed, draws), key=_headline, reverse=True)
    segments = {
        name: {"meaning": SEGMENTS[name], "cases": len(results), "units": len(np.unique(results.unit))}
        for name, results in evaluation.segments.items()
    }
    bootstrap = {"draws": draws, "seed": seed, "level": LEVEL, "resampled": "units"}
    described = {**split, "catalogue": evaluation.catalogue, "segments": segments, "bootstrap": bootstrap}
    return {"split": described, "rows": rows}


@dataclass(frozen=True)
class _Sampled:
    """One model on one segment."""

    mean: Doubles  # (M,)
    drawn: Doubles  # (draws, M) means of the resamples; the same units are drawn for every model

    def less(self, other: "_Sampled", metrics: Sequence[str]) -> dict[str, dict[str, float | None]]:
        """How much higher the means of some metrics are, with paired intervals."""
        columns = [COLUMN[metric] for metric in metrics]
        found = intervals((self.mean - other.mean)[columns], (self.drawn - other.drawn)[:, columns])
        return {metric: value.as_dict("difference") for metric, value in zip(metrics, found, strict=True)}


def _segment_rows(evaluation: Evaluation, segment: str, seed: int, draws: int) -> list[Row]:
    sampled = _sampled(evaluation.segments[segment], seed, draws)
    baselines = {model: sampled[model] for model, kind in evaluation.kinds.items() if kind == "baseline"}
    return [
        {
            "segment": segment,
            "model": model,
            "kind": kind,
            "metrics": _metrics(evaluation, segment, model, sampled[model]),
            "versus_best_baseline": _versus_best(sampled[model], baselines),
            "versus": {
                name: sampled[model].less(other, COMPARED) for name, other in baselines.items() if name != model
            },
        }
        for model, kind in evaluation.kinds.items()
    ]


def _sampled(results: Results, seed: int, draws: int) -> dict[str, _Sampled]:
    stacked = np.concatenate([scores.metrics for scores in results.models.values()], axis=1).astype(np.float64)
    drawn = np.split(resampled_means(stacked, results.unit, seed=seed, draws=draws), len(results.models), axis=1)
    mean = np.split(means(stacked), len(results.models))
    return {model: _Sampled(*both) for model, both in zip(results.models, zip(mean, drawn, strict=True), strict=True)}


def _metrics(evaluation: Evaluation, segment: str, model: str, sampled: _Sampled) -> dict[str, Any]:
    found = dict(zip(METRIC_NAMES, intervals(sampled.mean, sampled.drawn), strict=True))
    # Coverage and inequality are of the whole segment: a resample holds fewer distinct cases, which moves both.
    found |= {name: Interval(evaluation.value(model, name, segment), np.nan, np.nan) for name in SEGMENT_NAMES}
    return {name: value.as_dict() for name, value in found.items()}


def _versus_best(sampled: _Sampled, baselines: Mapping[str, _Sampled]) -> dict[str, Any]:
    """Metric by metric, the difference from the baseline with the highest mean; nothing where there are none."""
    best: dict[str, list[str]] = defaultdict(list)
    for metric in ACCURACY_NAMES if baselines else ():
        best[max(baselines, key=lambda name: baselines[name].mean[COLUMN[metric]])].append(metric)
    found = {
        metric: {**difference, "baseline": name}
        for name, metrics in best.items()
        for metric, difference in sampled.less(baselines[name], metrics).items()
    }
    return {metric: found[metric] for metric in ACCURACY_NAMES if metric in found}


def _headline(row: Row) -> float:
    return float(row["metrics"][HEADLINE]["mean"])
