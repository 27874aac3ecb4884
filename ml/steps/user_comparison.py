"""What a user's earlier sessions add to the recurrent retriever: it without users beside it with them, on one shop."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ml.evaluation.arrays import Doubles
from ml.evaluation.metrics import ACCURACY_NAMES
from ml.evaluation.replay import rank_batches
from ml.evaluation.segments import Batch
from ml.evaluation.significance import mean_interval, paired_difference
from ml.retrieval import get_retriever
from ml.steps.cost import measured
from ml.steps.parameters import parse_parameters
from ml.steps.training import describe_training
from ml.steps.workbench import Workbench, open_workbench, side_by_side

MODEL = "hrnn"
USERS = ("none", "init", "all")  # what earlier sessions do; the first is what the others are compared with
SEGMENTS = ("all", "discoveries", "repeats", "basket_completion")
METRIC, DEPTH = "ndcg@10", 100


def bench_users(domain: str, *, seed: int = 7) -> dict[str, Any]:
    """Fit the recurrent retriever without users and with them, and measure each on the validation window.

    The test window takes no part, so running this adds nothing to the configurations that saw it.

    Args:
        domain: Whose current features are learned from.
        seed: Of everything drawn at random, the same for each.

    Returns:
        `rows`, one a value of `user` and segment: `user`, `segment`, `cases`, `ndcg@10`, `less_none` (the paired
        difference to the model without users) and `train_cpu_seconds`.
    """
    training = describe_training(domain, parse_parameters({"models": [MODEL], "seed": seed}))
    bench = open_workbench(training["features"], training["seed"])
    batches = [batch for batch in bench.batches["validation"] if any(part.name in SEGMENTS for part in batch.segments)]
    found = {
        user: _measured(bench, batches, training["retriever_parameters"][MODEL] | {"user": user}) for user in USERS
    }
    return {"rows": [row for segment in SEGMENTS for row in _rows(segment, batches, found, seed)]}


def _measured(
    bench: Workbench, batches: Sequence[Batch], parameters: dict[str, Any]
) -> tuple[dict[str, Doubles], float]:
    """The metric of each case of each segment, and the processor seconds of the training."""
    kind = get_retriever(MODEL)
    with side_by_side():
        with measured() as cost:
            model = kind.fit(bench.training_data, kind.Parameters.model_validate(parameters))
        rankings = rank_batches(model, batches, bench.known, DEPTH)
    cases = bench.validation_cases(rankings, SEGMENTS)
    return {name: found[:, ACCURACY_NAMES.index(METRIC)] for name, found in cases.items()}, cost.cpu_seconds


def _rows(
    name: str, batches: Sequence[Batch], found: dict[str, tuple[dict[str, Doubles], float]], seed: int
) -> list[dict[str, Any]]:
    """One row a value of `user` for a segment; none where it has no case."""
    unit = np.concatenate(
        [np.zeros(0, np.int64)]
        + [batch.unit[part.labels.lengths > 0] for batch in batches for part in batch.segments if part.name == name]
    )
    if not len(unit):
        return []
    without = found[USERS[0]][0][name]
    return [
        {
            "user": user, "segment": name, "cases": len(unit),
            METRIC: mean_interval(values[name], unit, seed=seed).as_dict(),
            "less_none": paired_difference(values[name], without, unit, seed=seed).as_dict(),
            "train_cpu_seconds": round(seconds, 3),
        }
        for user, (values, seconds) in found.items()
    ]  # fmt: skip
