"""Run every model over every batch and keep the metrics of each case."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import groupby

import numpy as np

from ml.data.arrays import Bools
from ml.data.dataset import Dataset
from ml.evaluation.beyond_accuracy import SLATE, Expectation, beyond_accuracy
from ml.evaluation.evaluation import Evaluation, Results, Scores
from ml.evaluation.metrics import DEPTH, accuracy
from ml.evaluation.protocol import Mode, Rankable
from ml.evaluation.segments import SEGMENTS, Batch, Segment, without_users
from ml.features.store import FeatureStore, Snapshot
from ml.logs import progress
from ml.retrieval.contract import Ranking, State


def evaluate(
    models: Sequence[Rankable],
    batches: Sequence[Batch],
    dataset: Dataset,
    features: FeatureStore,
    *,
    held_out: Bools | None = None,
) -> Evaluation:
    """Every model on every case: at the start of each cadence it is refreshed, then asked.

    Args:
        models: With names of their own, fitted on data before the batches' moments.
        batches: See `ml.evaluation.segments.batches_in`.
        dataset: The whole data set; each model sees of it what lies before a batch's moment.
        features: With a snapshot at every batch's moment.
        held_out: (users,) users whose events no model may see at all.
    """
    names = [model.name for model in models]
    if len(set(names)) < len(names):
        raise ValueError(f"two models share a name: {', '.join(names)}")
    known = dataset if held_out is None else without_users(dataset, held_out)
    ordered = sorted(batches, key=lambda batch: batch.moment)
    scores: dict[tuple[str, str], list[Scores]] = defaultdict(list)
    for moment, group in groupby(progress(ordered, "judging"), key=lambda batch: batch.moment):
        state, snapshot = State(known.before(moment), moment), features.at(moment)
        expectation = Expectation.of(state.dataset.log, snapshot.category)
        together = list(group)
        for model in models:
            refreshed = model.refresh(state)
            for batch in together:
                for segment, found in _judge(refreshed, batch, snapshot, expectation).items():
                    scores[segment, model.name].append(found)
    return Evaluation({model.name: model.kind for model in models}, _results(ordered, names, scores), dataset.log.items)


def _judge(model: Rankable, batch: Batch, snapshot: Snapshot, known: Expectation) -> dict[str, Scores]:
    """One model's scores on each segment of a batch."""
    rankings: Mapping[Mode, Ranking] = model.rank(batch.requests, snapshot, DEPTH, batch.modes)
    return {segment.name: _measure(rankings[segment.mode], segment, batch, known) for segment in batch.segments}


def _measure(ranking: Ranking, segment: Segment, batch: Batch, known: Expectation) -> Scores:
    rows = np.flatnonzero(segment.labels.lengths)
    labels, item = segment.labels.take(rows), ranking.item[rows]
    metrics = np.concatenate(
        [
            accuracy(Ranking(item, ranking.score[rows]), labels),
            beyond_accuracy(item, labels, batch.requests.take(rows), known),
        ],
        axis=1,
    )
    return Scores(metrics.astype(np.float32), _slate(item))


def _slate(item: np.ndarray) -> np.ndarray:
    """(C, SLATE) the first items, filled up with -1."""
    slate = np.full((len(item), SLATE), -1, np.int32)
    slate[:, : item.shape[1]] = item[:, :SLATE]
    return slate


def _results(
    batches: Sequence[Batch], names: Sequence[str], scores: Mapping[tuple[str, str], Sequence[Scores]]
) -> dict[str, Results]:
    """The parts of each segment one after the other; segments without a case are left out."""
    found = {}
    for name in SEGMENTS:
        parts = [(batch, part) for batch in batches for part in batch.segments if part.name == name]
        rows = [np.flatnonzero(part.labels.lengths) for _, part in parts]
        if not sum(map(len, rows)):
            continue
        found[name] = Results(
            np.concatenate([batch.unit[at] for (batch, _), at in zip(parts, rows, strict=True)]),
            np.concatenate([batch.requests.moment[at] for (batch, _), at in zip(parts, rows, strict=True)]),
            np.concatenate([part.labels.lengths[at] for (_, part), at in zip(parts, rows, strict=True)]),
            {model: _together(scores[name, model]) for model in names},
        )
    return found


def _together(parts: Sequence[Scores]) -> Scores:
    return Scores(np.concatenate([part.metrics for part in parts]), np.concatenate([part.slate for part in parts]))
