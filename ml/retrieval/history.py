"""Histories as weights: decay by time and by session."""

import numpy as np
from scipy.sparse import csr_array

from ml.data.arrays import Floats, Ints
from ml.data.requests import History, Requests
from ml.retrieval.sparse import summed

DAY = 86_400_000_000  # microseconds


def decay(age: Ints, half_life_days: float) -> Floats:
    """Weights of events this many microseconds old: halved every `half_life_days`."""
    return np.exp2(-age / (half_life_days * DAY)).astype(np.float32)


def history_matrix(requests: Requests, half_life_days: float, items: int) -> csr_array:
    """(R, items) the weights of each request's events, decayed to its moment and summed by item."""
    history = requests.history
    row = history.rows
    weight = history.weight * decay(requests.moment[row] - history.at, half_life_days)
    return summed(row, history.item, weight, (len(requests), items))


def sessions_since(history: History) -> Ints:
    """(N,) sessions of the same request that began after the event's own: 0 in the latest."""
    row = history.rows
    begins = np.ones(len(row), bool)
    begins[1:] = (np.diff(row) != 0) | (np.diff(history.session) != 0)
    number = np.cumsum(begins)
    last = number[np.maximum(history.offsets[1:] - 1, 0)] if len(row) else number
    since: Ints = last[row] - number
    return since
