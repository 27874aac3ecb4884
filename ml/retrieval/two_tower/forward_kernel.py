"""The request tower, compiled: what `window_of`, `with_session`, pooling and the layers behind it make of requests.

Shapes: B requests, N events, H history length, D embedding size, K pooling heads, E event features, F request features.
"""

from math import erf, sqrt

import numba
import numpy as np

from ml.data.arrays import Floats, Indices, Ints
from ml.retrieval.two_tower.inputs import DAY, RECENT_DAYS


def _goes_on(item: Indices, session: Indices, length: int) -> bool:
    """Whether a history ends with the latest `length` events of the current session."""
    return len(item) >= length and np.array_equal(item[len(item) - length :], session[len(session) - length :])


def _window(
    item: Indices, at: Ints, visit: Indices, weight: Floats, session: Indices, moment: int, far: Floats,
    read: Indices, event: Floats, features: Floats,
) -> int:  # fmt: skip
    """Write the latest events of one request, newest first, to `read` (H,) and `event` (H, E); returns how many."""
    length, total = len(read), len(item)
    ahead = min(len(session), length)
    if goes_on(item, session, ahead):
        ahead = 0
    for back in range(ahead):
        read[back] = session[len(session) - 1 - back]
        event[back, 0], event[back, 1] = 0.0, far[back]
        event[back, 2], event[back, 3] = 0.0, np.log(1.001)
    count, recent = min(ahead + total, length), ahead
    for back in range(ahead, count):
        place = total - 1 - (back - ahead)
        age = np.float32((moment - at[place]) / DAY)
        latest = ahead == 0 and visit[place] == visit[total - 1]
        read[back] = item[place]
        event[back, 0], event[back, 1] = np.log1p(max(age, np.float32(0))), far[back]
        event[back, 2], event[back, 3] = 0.0 if latest else 1.0, np.log(weight[place] + np.float32(1e-3))
        recent += int(age < RECENT_DAYS)
    events, known = total + ahead, total > 0
    visits = int(ahead > 0) + int(known)
    for place in range(1, total):
        visits += visit[place] != visit[place - 1]
    features[0], features[1], features[2] = events, visits, events / max(visits, 1)
    features[3] = np.float32((moment - at[total - 1]) / DAY) if known and ahead == 0 else 0.0
    features[4] = np.float32((moment - at[0]) / DAY) if known else 0.0
    features[5] = recent
    features[:] = np.log1p(features)
    return count


def _pool(
    embedded: Floats, weighed: Floats, read: Indices, event: Floats, of_event: Floats, share: Floats, pooled: Floats
) -> None:
    """Write the means of the read items' vectors, weighted by each head, to `pooled` (K, D)."""
    count, (heads, size) = len(read), pooled.shape
    for back in range(count):
        for head in range(heads):
            logit = weighed[read[back], head]
            for at in range(event.shape[1]):
                logit += event[back, at] * of_event[at, head]
            share[head, back] = logit
    for head in range(heads):
        own = share[head, :count]
        own[:] = np.exp(own - own.max())
        own /= own.sum()
    for back in range(count):
        vector = embedded[read[back]]
        for head in range(heads):
            part = share[head, back]
            for at in range(size):
                pooled[head, at] += part * vector[at]


def _affine(values: Floats, weight: Floats, bias: Floats, mapped: Floats) -> None:
    """Write what a layer (inputs, outputs) makes of one line of values to `mapped` (outputs,)."""
    mapped[:] = bias
    for at in range(len(values)):
        value = values[at]
        for column in range(len(mapped)):
            mapped[column] += value * weight[at, column]


def _mix(
    values: Floats, first: Floats, first_bias: Floats, second: Floats, second_bias: Floats, hidden: Floats,
    vector: Floats,
) -> None:  # fmt: skip
    """Write the unit vector (D,) of one line of inputs: two layers with a GELU between them."""
    affine(values, first, first_bias, hidden)
    for at in range(len(hidden)):
        hidden[at] *= np.float32(0.5 * (1 + erf(hidden[at] * sqrt(0.5))))
    affine(hidden, second, second_bias, vector)
    vector /= max(np.float32(np.sqrt((vector * vector).sum())), np.float32(1e-12))


def _forward(
    offsets: Ints, item: Indices, at: Ints, visit: Indices, weight: Floats, session_offsets: Ints, session: Indices,
    moment: Ints, place: Indices, embedded: Floats, weighed: Floats, of_event: Floats, far: Floats, mean: Floats,
    deviation: Floats, of_place: Floats, first: Floats, first_bias: Floats, second: Floats,
    second_bias: Floats, vector: Floats,
) -> None:  # fmt: skip
    """Write the vectors of B requests.

    Args:
        offsets: (B + 1,) of the histories; item, at (microseconds), visit (session) and weight are of their N events.
        session_offsets: (B + 1,) of the current sessions, whose items are `session`.
        moment: (B,) microseconds.
        place: (B,) -1: unknown.
        embedded: (items, D) how the tower reads each item.
        weighed: (items, K) what each head makes of each item.
        of_event: (E, K) what each head makes of an event.
        far: (H,) what is told of how far back an event is.
        mean: (F,) with deviation (F,) the scaling of what is told of a request as a whole.
        of_place: (places + 1, P); the first row is of the unknown.
        first: (K * D + F + P, hidden) with first_bias (hidden,), the layer that reads all of it.
        second: (hidden, D) with second_bias (D,).
        vector: (B, D) written.
    """
    length, (features_of_event, heads) = len(far), of_event.shape
    read, event = np.zeros(length, np.int32), np.zeros((length, features_of_event), np.float32)
    share, pooled = np.empty((heads, length), np.float32), np.empty((heads, embedded.shape[1]), np.float32)
    values, hidden = np.empty(len(first), np.float32), np.empty(len(first_bias), np.float32)
    features = values[pooled.size : pooled.size + len(mean)]
    for row in range(len(moment)):
        own = slice(offsets[row], offsets[row + 1])
        told = session[session_offsets[row] : session_offsets[row + 1]]
        count = window(item[own], at[own], visit[own], weight[own], told, moment[row], far, read, event, features)
        pooled[:] = 0  # of an empty history
        if count:
            pool(embedded, weighed, read[:count], event, of_event, share, pooled)
        values[: pooled.size] = pooled.ravel()
        features[:] = (features - mean) / deviation
        # A place that opened since the training says as little as an unknown one.
        values[pooled.size + len(mean) :] = of_place[place[row] + 1 if place[row] < len(of_place) - 1 else 0]
        mix(values, first, first_bias, second, second_bias, hidden, vector[row])


goes_on = numba.njit(cache=True)(_goes_on)
window = numba.njit(cache=True)(_window)
# Sums in any order, so that they are compiled to vector instructions.
pool = numba.njit(cache=True, fastmath={"reassoc", "contract", "nsz"})(_pool)
affine = numba.njit(cache=True, fastmath={"contract"})(_affine)
mix = numba.njit(cache=True)(_mix)
forward = numba.njit(cache=True, nogil=True)(_forward)
