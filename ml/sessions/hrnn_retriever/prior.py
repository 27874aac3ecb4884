"""What everybody takes, as logits: with it the network need not spend its vectors on telling popular items from others.

Shapes: V items that have a vector.
"""

import numpy as np

from ml.data.arrays import Floats, Indices, Ints, Reals
from ml.data.dataset import Log
from ml.retrieval.history import decay


def log_shares(counts: Reals | Ints) -> Floats:
    """(V,) log of each item's share of the counts (V,); each counts one more, so that none is ruled out."""
    smoothed = counts + 1.0
    shares: Floats = np.log(smoothed / max(smoothed.sum(), 1.0)).astype(np.float32)
    return shares


def recent_prior(log: Log, known: Indices, as_of: int, half_life_days: float) -> Floats:
    """(V,) log shares of the target events before an instant, decayed to it: of what is taken, not of what is looked at."""
    weight = decay(as_of - log.at, half_life_days) * log.target
    return log_shares(np.bincount(log.item, weight, minlength=log.items)[known])
