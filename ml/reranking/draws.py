"""Random numbers that a request decides: the same request is always answered by the same draws."""

import numpy as np
from numpy.typing import NDArray

from ml.data.arrays import Indices, Ints, Reals

Words = NDArray[np.uint64]
GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def uniforms(seed: int, user: Indices, moment: Ints, count: int) -> Reals:
    """(R, count) numbers in [0, 1) from a hash of (seed, user, moment): SplitMix64 (Steele et al., OOPSLA 2014)."""
    with np.errstate(over="ignore"):  # the words wrap around by design
        state = _mixed(np.full(len(user), seed, np.int64).view(np.uint64) + GOLDEN)
        state = _mixed(state ^ np.asarray(user, np.int64).view(np.uint64))
        state = _mixed(state ^ np.ascontiguousarray(moment, np.int64).view(np.uint64))
        words = _mixed(state[:, None] + GOLDEN * np.arange(1, count + 1, dtype=np.uint64))
    return (words >> np.uint64(11)) * 2.0**-53


def _mixed(word: Words) -> Words:
    word = (word ^ (word >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    word = (word ^ (word >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return word ^ (word >> np.uint64(31))
