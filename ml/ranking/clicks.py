"""Clicks that were never made: a position-based click model with a known examination curve, for checks of corrections.

Relevance is given (planted, or real), and so is the curve; several rankers order the candidates, random pairs swap
places, and clicks follow. What a correction recovers can then be held against what is true.

Shapes: R requests with K candidates each, N = R · K rows, F features, M rankers.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.data.arrays import Indices, Ints
from ml.ranking.contract import LabelledFrame
from ml.ranking.frame import Frame
from ml.ranking.position_bias import ClickLog

FEATURES = 8


@dataclass(frozen=True)
class ClickModel:
    """How people click: they look at position k with probability `examination[k]`, and click what they find relevant."""

    examination: NDArray[np.float64]  # (K,)
    relevant: float = 0.9  # P(click | examined, relevant)
    irrelevant: float = 0.1  # P(click | examined, not relevant): clicks are noisy

    @classmethod
    def power(cls, positions: int, exponent: float = 1.0) -> "ClickModel":
        """Examination 1 / k^exponent for positions k counted from 1."""
        return cls(np.arange(1, positions + 1, dtype=np.float64) ** -exponent)


def planted(requests: int, candidates: int, generator: np.random.Generator) -> LabelledFrame:
    """Requests with candidates whose true relevance depends on products of features; label: relevant or not.

    Two features are noise, and some values are unknown, as in real data.
    """
    values = generator.normal(size=(requests * candidates, FEATURES)).astype(np.float32)
    x = values.T
    logit = 1.2 * x[0] * x[1] + x[2] + 1.2 * np.abs(x[3]) + 0.6 * x[4] * (x[5] > 0) - 2.6
    label = generator.random(len(values)) < 1 / (1 + np.exp(-2 * logit))
    values[generator.random(len(values)) < 0.05, 4] = np.nan
    names = tuple(f"x{number}" for number in range(FEATURES))
    frame = Frame(names, values, np.arange(requests + 1, dtype=np.int64) * candidates)
    return LabelledFrame(frame, label.astype(np.float32))


# What the logging rankers look at: each has a grain of truth, and a habit of its own.
LOGGERS: tuple[tuple[float, ...], ...] = (
    (0.0, 0.0, 0.5, 0.0, 0.0, 0.0, 1.5, 0.0),
    (0.0, 0.0, 0.3, 0.3, 0.0, 0.0, 1.5, 0.5),
    (0.0, 0.0, 0.8, 0.0, 0.3, 0.0, 1.0, -0.5),
)


def log_clicks(
    truth: LabelledFrame,
    model: ClickModel,
    generator: np.random.Generator,
    *,
    rankers: tuple[tuple[float, ...], ...] = LOGGERS,
    swaps: float = 0.1,
) -> ClickLog:
    """Show each request in the order of one ranker drawn at random, swap two places now and then, and click.

    Args:
        truth: Requests of exactly K candidates, labelled with true relevance.
        model: How people click; its curve has K positions.
        generator: Of the ranker, the swaps and the clicks.
        rankers: Weights of the features, one row a ranker.
        swaps: Probability that a random pair of positions swaps its items in a request.
    """
    positions = len(model.examination)
    requests = len(truth.frame.offsets) - 1
    ranks = np.stack([_ranks(truth.frame, weights, positions) for weights in rankers])  # (M, R, K)
    chosen = generator.integers(0, len(rankers), requests)
    position = _swapped(ranks[chosen, np.arange(requests)], swaps, generator).ravel()  # (N,)
    stay_or_go = np.full((positions, positions), swaps * 2 / (positions * (positions - 1)))
    np.fill_diagonal(stay_or_go, 1 - swaps * 2 / positions)
    placement = stay_or_go[ranks].mean(axis=0).reshape(-1, positions)  # (N, K)
    attraction = np.where(truth.label > 0, model.relevant, model.irrelevant)
    click = generator.random(len(position)) < model.examination[position] * attraction
    return ClickLog(position.astype(np.int32), click.astype(np.float32), placement.astype(np.float32))


def _ranks(frame: Frame, weights: tuple[float, ...], positions: int) -> Ints:
    """(R, K) the position at which a ranker puts each candidate."""
    score = (np.nan_to_num(frame.values) @ np.array(weights, np.float32)).reshape(-1, positions)
    return np.argsort(np.argsort(-score, axis=1, kind="stable"), axis=1, kind="stable")


def _swapped(position: Ints, share: float, generator: np.random.Generator) -> Indices:
    """(R, K) the positions, with two of them exchanged in a share of the requests."""
    requests, positions = position.shape
    first = generator.integers(0, positions, (requests, 1))
    second = (first + generator.integers(1, positions, (requests, 1))) % positions
    swapped = generator.random((requests, 1)) < share
    at_first, at_second = position == first, position == second  # (R, K)
    moved = position.astype(np.int32)
    np.copyto(moved, second, where=at_first & swapped)
    np.copyto(moved, first, where=at_second & swapped)
    return moved
