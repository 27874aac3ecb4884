"""How likely each position is to be examined, from clicks on items that were shown at several positions.

In the position-based model a click is examination times relevance: P(click | item, position k) = p_k · r_item. Clicks
that were logged by one fixed ranker cannot tell the two apart: each item has one position. Where the logging policy
could have shown the same item at k and at k', any difference between its clicks there is p_k against p_k'
("intervention harvesting": Agarwal, Zaitsev, Wang, Li, Najork and Joachims, WSDM 2019). That needs what a policy that
explores logs anyway: how likely it was to show each item at each position.

Shapes: N shown candidates, K positions, from 0.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.data.arrays import Floats, Indices

Doubles = NDArray[np.float64]
CLIP = 20.0  # most that one click may count, in clicks on the first position


@dataclass(frozen=True)
class ClickLog:
    """What was shown where, what else could have been, and what was clicked."""

    position: Indices  # (N,)
    click: Floats  # (N,) 0 or 1
    placement: Floats  # (N, K) P(this candidate at this position | request) under the logging policy


def examination_curve(log: ClickLog) -> Doubles:
    """(K,) how likely each position is to be examined, relative to the first, which is 1.

    The AllPairs estimator: one likelihood over all pairs of positions at which the same items could have been shown,
    P(click at k) = p_k · r_kk', with r_kk' the mean relevance of those items. Items count within a pair by overlap
    weights (Li, Morgan and Zaslavsky, JASA 2018) instead of inverse propensities: both leave p_k / p_k' as it is,
    but overlap weights never exceed one, so that a rare swap does not outweigh a thousand ordinary clicks.

    Raises:
        ValueError: where the log cannot identify the curve: some positions are never shared with the first.
    """
    clicks, shows = _harvested(log)
    _refuse_unidentified(clicks, shows)
    return _maximum_likelihood(clicks, shows - clicks)


def inverse_propensities(curve: Doubles, position: Indices, clip: float = CLIP) -> Floats:
    """(N,) how much a click at each position counts: 1 / p, at most `clip`.

    Clipping trades a little bias for much variance: without it one click at the bottom could outweigh a whole log
    (Joachims, Swaminathan and Schnabel, WSDM 2017).

    Args:
        curve: (K,) examination relative to the first position.
        position: (N,)
        clip: Most that one click may count; at least 1.

    Raises:
        ValueError: where a position is beyond the curve, or nobody looks at it.
    """
    if len(position) and int(position.max()) >= len(curve):
        raise ValueError(f"the examination curve ends before position {int(position.max())}")
    if not (curve > 0).all():
        raise ValueError("no click can be expected where the examination is zero: leave such positions out")
    return np.minimum(1 / curve[position], clip).astype(np.float32)


def _harvested(log: ClickLog) -> tuple[Doubles, Doubles]:
    """(K, K) weighted clicks and shows at position k (row) of the items that could as well have been at k' (column)."""
    positions = log.placement.shape[1]
    own = log.placement[np.arange(len(log.position)), log.position][:, None]  # (N, 1)
    weight = log.placement / (own + log.placement)  # (N, K)
    clicks, shows = np.zeros((positions, positions)), np.zeros((positions, positions))
    for k in range(positions):
        here = log.position == k
        shows[k] = weight[here].sum(axis=0, dtype=np.float64)
        clicks[k] = log.click[here].astype(np.float64) @ weight[here]
    for pairs in (clicks, shows):
        np.fill_diagonal(pairs, 0.0)
    return clicks, shows


def _refuse_unidentified(clicks: Doubles, shows: Doubles) -> None:
    """A curve hangs together where each position is linked to the first by pairs with clicks at both ends."""
    from scipy.sparse.csgraph import connected_components

    linked = (shows > 0) & (shows.T > 0) & (clicks > 0) & (clicks.T > 0)
    _, part = connected_components(linked, directed=False)
    apart = np.flatnonzero(part != part[0])
    if len(apart):
        raise ValueError(
            f"positions {apart.tolist()} share no clicked items with the first: one fixed ranker cannot identify the "
            "examination curve. Log with several rankers, or swap positions at random."
        )


def _maximum_likelihood(clicks: Doubles, misses: Doubles) -> Doubles:
    """(K,) the curve p under which Σ clicks · log(p_k r_kk') + misses · log(1 − p_k r_kk') is largest."""
    from scipy.optimize import minimize

    positions = len(clicks)
    upper = np.triu_indices(positions, 1)
    pair = np.zeros((positions, positions), np.int64)  # r_kk' = r_k'k: the same items
    pair[upper] = np.arange(len(upper[0]))
    pair += pair.T
    total = (clicks + misses).sum()
    off = ~np.eye(positions, dtype=bool)

    def loss(free: Doubles) -> tuple[float, Doubles]:
        examined, relevant = _sigmoid(free[:positions]), _sigmoid(free[positions:])[pair]
        rate = np.clip(examined[:, None] * relevant, 1e-12, 1 - 1e-9)  # (K, K)
        value = -(clicks * np.log(rate) + misses * np.log1p(-rate))[off].sum()
        slope = np.where(off, -(clicks - misses * rate / (1 - rate)), 0.0)  # by log rate
        by_pair = np.bincount(pair[off], weights=(slope * (1 - relevant))[off], minlength=len(upper[0]))
        gradient = np.r_[(slope * (1 - examined[:, None])).sum(axis=1), by_pair]
        return value / total, gradient / total

    start = np.zeros(positions + len(upper[0]))
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 2000, "ftol": 1e-13, "gtol": 1e-9})
    curve = _sigmoid(found.x[:positions])
    relative: Doubles = curve / curve[0]
    return relative


def _sigmoid(free: Doubles) -> Doubles:
    value: Doubles = 1 / (1 + np.exp(-free))
    return value
