"""What share of a reference's metric each model reaches, on the same cases."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ml.data.arrays import Bools
from ml.evaluation.arrays import Doubles
from ml.evaluation.evaluation import Results, Scores
from ml.evaluation.protocol import Kind
from ml.evaluation.significance import intervals, means, resampled_means


def together(found: Sequence[Results], models: Sequence[str]) -> Results:
    """The cases of several data sets as one: a user of another data set is another user."""
    offset = np.cumsum([0, *(int(each.unit.max(initial=0)) + 1 for each in found)])
    return Results(
        np.concatenate([each.unit + start for each, start in zip(found, offset, strict=False)]),
        np.concatenate([each.moment for each in found]),
        np.concatenate([each.labels for each in found]),
        {
            model: Scores(
                np.concatenate([each.models[model].metrics for each in found]),
                np.concatenate([each.models[model].slate for each in found]),
            )
            for model in models
        },
    )


def by_moment(results: Results) -> Iterator[tuple[int, Results]]:
    """The cases of each moment (microseconds since 1970 UTC), in the order of time."""
    for moment in np.unique(results.moment):
        yield int(moment), _some(results, results.moment == moment)


def share_rows(
    results: Results, kinds: Mapping[str, Kind], reference: str, metric: str, *, seed: int
) -> list[dict[str, Any]]:
    """A row a model: `model`, `kind`, `cases`, the metric's mean, and `share`, its ratio to the reference's mean.

    Both with intervals of 95 % that resample users, the two means of a ratio together.
    """
    whole = results.metric(reference, metric)
    return [
        {"model": model, "kind": kind, "cases": len(results)}
        | _share(np.stack([results.metric(model, metric), whole], axis=1), results, metric, seed)
        for model, kind in kinds.items()
    ]


def _some(results: Results, mask: Bools) -> Results:
    models = {name: Scores(found.metrics[mask], found.slate[mask]) for name, found in results.models.items()}
    return replace(
        results, unit=results.unit[mask], moment=results.moment[mask], labels=results.labels[mask], models=models
    )


def _share(both: Doubles, results: Results, metric: str, seed: int) -> dict[str, Any]:
    mean, drawn = means(both), resampled_means(both, results.unit, seed=seed)
    with_share = np.append(mean, mean[0] / mean[1])
    drawn_share = np.column_stack([drawn, drawn[:, 0] / drawn[:, 1]])
    own, _, share = intervals(with_share, drawn_share)
    return {metric: own.as_dict(), "share": share.as_dict()}
