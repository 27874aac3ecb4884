"""Random numbers that a request decides: the same request is always answered by the same draws."""

import numpy as np

from ml.data.arrays import Indices, Ints, Reals


def uniforms(seed: int, user: Indices, moment: Ints, count: int) -> Reals:
    """(R, count) numbers in [0, 1) from a hash of (seed, user, moment): SplitMix64 (Steele et al., OOPSLA 2014)."""
    from ml.reranking.value_kernels import draw

    found = np.empty((len(user), count))
    draw(seed, user, moment, found)
    return found
