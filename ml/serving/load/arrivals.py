"""When requests come: independently of one another and of how the server does."""

import numpy as np

from ml.data.arrays import Reals
from ml.errors import BadInput


def poisson(rate: float, seconds: float, seed: int) -> Reals:
    """(N,) seconds from the start at which requests are meant to be sent, ascending.

    Args:
        rate: Requests a second, on average.
        seconds: For how long.
        seed: The same seed gives the same moments.

    Raises:
        BadInput: The rate or the time is not positive.
    """
    if not (rate > 0 and seconds > 0):
        raise BadInput(f"load needs a positive rate and time; {rate:g} a second for {seconds:g} seconds was asked for")
    expected = rate * seconds
    enough = int(expected + 6 * np.sqrt(expected) + 10)
    moments = np.cumsum(np.random.default_rng(seed).exponential(1 / rate, enough))
    return moments[moments < seconds]
