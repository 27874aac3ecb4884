"""Training rows for the ranker: candidates of past requests with what was then taken."""

from collections.abc import Sequence

import numpy as np

from ml.data.arrays import Bools, Floats, Indices, Ints, Ragged, is_among
from ml.data.requests import Requests
from ml.features.store import Snapshot
from ml.ranking.candidates import Candidates
from ml.ranking.contract import LabelledFrame
from ml.ranking.frame import Frame, build_frame


def label_candidates(candidates: Candidates, labels: Ragged) -> Floats:
    """(N,) 1 where the candidate is among its request's labels, else 0."""
    width = max(int(candidates.item.max(initial=0)), int(labels.values.max(initial=0))) + 1
    taken = is_among(candidates.rows * width + candidates.item, labels.rows * width + labels.values)
    return taken.astype(np.float32)


def sample_rows(candidates: Candidates, label: Floats, negatives: int, generator: np.random.Generator) -> Bools:
    """Which candidates to train on: every positive, and up to `negatives` others of each request that has one.

    The others are drawn uniformly: preferring those that retrievers rank high would teach the ranker that a high
    rank speaks against an item.
    """
    rows = candidates.rows
    drawn = np.where(label > 0, np.inf, generator.random(len(rows)))
    order = np.lexsort((drawn, rows))
    place = np.empty(len(rows), np.int64)
    place[order] = np.arange(len(rows)) - candidates.offsets[rows[order]]
    has_label = np.bincount(rows, weights=label, minlength=len(candidates.offsets) - 1) > 0
    return ((place < negatives) | (label > 0)) & has_label[rows]


def labelled_frame(
    requests: Requests, labels: Ragged, candidates: Candidates, snapshot: Snapshot,
    negatives: int | None, generator: np.random.Generator,
) -> LabelledFrame:  # fmt: skip
    """Features and labels of these requests' candidates, sampled unless `negatives` is None."""
    label = label_candidates(candidates, labels)
    if negatives is not None:
        keep = sample_rows(candidates, label, negatives, generator)
        candidates, label = candidates.where(keep), label[keep]
    return LabelledFrame(build_frame(requests, candidates, snapshot), label)


def concatenate(frames: Sequence[LabelledFrame]) -> LabelledFrame:
    """One frame of many; a request stays a group of its own, an empty group is left out."""
    lengths = np.concatenate([np.diff(part.frame.offsets) for part in frames])
    offsets = np.r_[0, np.cumsum(lengths[lengths > 0])].astype(np.int64)
    values = np.concatenate([part.frame.values for part in frames])
    frame = Frame(frames[0].frame.names, values, offsets)
    label = np.concatenate([part.label for part in frames])
    weights = [part.weight for part in frames if part.weight is not None]
    positions = [part.position for part in frames if part.position is not None]
    if {len(weights), len(positions)} - {0, len(frames)}:
        raise ValueError("some frames say where candidates were shown, or what labels weigh, and others do not")
    return LabelledFrame(
        frame, label, np.concatenate(weights) if weights else None, np.concatenate(positions) if positions else None
    )


def ordered(candidates: Candidates, score: Floats, k: int) -> tuple[Indices, Floats, Ints]:
    """(R, K) items, scores and sources of the K best-scored candidates of each request, ties by item number."""
    from ml.ranking.order_kernel import order

    shape = (len(candidates.offsets) - 1, k)
    item, values = np.full(shape, -1, np.int32), np.full(shape, -np.inf, np.float32)
    sources = np.zeros(shape, np.int64)
    order(candidates.offsets, candidates.item, score, candidates.rank, item, values, sources)
    return item, values, sources
