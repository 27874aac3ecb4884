"""One retriever under several parameters: each fitted before t1 and measured on the validation window.

The test window takes no part, so a comparison adds nothing to the configurations that saw it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import ValidationError

from ml.data.arrays import Ints
from ml.domains.frozen import Frozen
from ml.errors import BadInput
from ml.evaluation.arrays import Doubles
from ml.evaluation.metrics import ACCURACY_NAMES
from ml.evaluation.replay import rank_batches
from ml.evaluation.segments import Batch
from ml.evaluation.significance import Interval
from ml.retrieval import get_retriever
from ml.steps.cost import measured
from ml.steps.paired import less_first
from ml.steps.parameters import describe
from ml.steps.training import DEPTH, Training
from ml.steps.workbench import Workbench, side_by_side, workbench_of


@dataclass(frozen=True)
class Compared:
    """One variant on one segment of the validation window."""

    variant: str
    segment: str
    cases: int
    metrics: Mapping[str, Interval]
    less_first: Mapping[str, Interval]  # how much higher each metric is than the first variant's, paired
    train_cpu_seconds: float


@dataclass(frozen=True)
class _Measured:
    cases: Mapping[str, Doubles]  # segment → (C, M) the accuracy of each of its cases
    cpu_seconds: float  # of the training, all threads


def compare_parameters(
    training: Training,
    model: str,
    variants: Mapping[str, Mapping[str, Any]],
    segments: Sequence[str],
    metrics: Sequence[str],
) -> list[Compared]:
    """Fit a retriever once a variant, and measure each on the same validation cases.

    Args:
        training: What is learned from, and the retriever's usual parameters.
        model: A retriever of the training.
        variants: Name of each → the parameters that differ from the usual ones. The first is what the others are
            compared with.
        segments: The segments to measure; one without a case is left out.
        metrics: Names of `ACCURACY_NAMES`.

    Returns:
        One row a segment and variant, in the order of both.

    Raises:
        BadInput: The retriever has no such parameters; nothing is fitted then.
    """
    usual = training["retriever_parameters"][model]
    parameters = {name: _validated(model, name, {**usual, **changed}) for name, changed in variants.items()}
    bench = workbench_of(training)
    batches = [batch for batch in bench.batches["validation"] if any(part.name in segments for part in batch.segments)]
    found = {name: _measured(bench, batches, segments, model, each) for name, each in parameters.items()}
    return [
        row
        for segment in segments
        if len(unit := _units(segment, batches))
        for row in _rows(segment, unit, metrics, found, training["seed"])
    ]


def _validated(model: str, variant: str, parameters: Mapping[str, Any]) -> Frozen:
    try:
        return get_retriever(model).Parameters.model_validate(parameters)
    except ValidationError as error:
        raise BadInput(f"parameters of {model}, variant {variant}: {describe(error)}") from None


def _measured(
    bench: Workbench, batches: Sequence[Batch], segments: Sequence[str], model: str, parameters: Frozen
) -> _Measured:
    with side_by_side():
        with measured() as cost:
            fitted = get_retriever(model).fit(bench.training_data, parameters)
        rankings = rank_batches(fitted, batches, bench.known, DEPTH)
    return _Measured(bench.validation_cases(rankings, segments), cost.cpu_seconds)


def _units(segment: str, batches: Sequence[Batch]) -> Ints:
    """(C,) whom to resample, a segment's cases in the order of `Workbench.validation_cases`."""
    parts = [
        batch.unit[part.labels.lengths > 0] for batch in batches for part in batch.segments if part.name == segment
    ]
    return np.concatenate([np.zeros(0, np.int64), *parts])


def _rows(
    segment: str, unit: Ints, metrics: Sequence[str], found: Mapping[str, _Measured], seed: int
) -> Iterator[Compared]:
    columns = {metric: ACCURACY_NAMES.index(metric) for metric in metrics}
    compared = {
        metric: less_first([each.cases[segment][:, column] for each in found.values()], unit, seed=seed)
        for metric, column in columns.items()
    }
    for at, (name, each) in enumerate(found.items()):
        means, differences = ({metric: pairs[at][which] for metric, pairs in compared.items()} for which in (0, 1))
        yield Compared(name, segment, len(unit), means, differences, round(each.cpu_seconds, 3))
