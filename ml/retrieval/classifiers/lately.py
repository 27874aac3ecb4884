"""What happened lately between users and items.

Shapes: R requests, K event types.
"""

from dataclasses import dataclass

import numpy as np

from ml.data.arrays import Floats
from ml.data.holdings import FOREVER
from ml.data.requests import Requests
from ml.retrieval.classifiers.clock import Clock

LONG_AGO = 13  # cadences, from which on it does not matter how many
FEW = 3  # cadences


@dataclass(frozen=True)
class Lately:
    """Events of R requests' users with each item before their moments."""

    last: Floats  # (R, items, K) events by type, of the last cadence
    few: Floats  # (R, items, K) of the last few cadences
    largest: Floats  # (R, items) the largest value of an event of the last cadence; 0: none
    liking: Floats  # (R, items) the weights of the last cadence's events, summed


def lately(requests: Requests, clock: Clock, items: int, kinds: int) -> Lately:
    """Count the histories' events; those that do not tell their type count for the first one."""
    history = requests.history
    rows = history.rows
    age = clock.passed(history.at, requests.moment[rows], FEW)
    cell = rows * items + history.item
    kind = cell * kinds + (np.int64(0) if history.kind is None else history.kind)
    last, few = age < 1, age < FEW

    def counted(keys: np.ndarray, shape: tuple[int, ...], weights: Floats | None = None) -> Floats:
        found: Floats = np.bincount(keys, weights, int(np.prod(shape))).reshape(shape).astype(np.float32)
        return found

    wide, narrow = (len(requests), items, kinds), (len(requests), items)
    largest = np.zeros(narrow, np.float32)
    if history.value is not None:
        np.maximum.at(largest, (rows[last], history.item[last]), history.value[last])
    liking = counted(cell[last], narrow, history.weight[last])
    return Lately(counted(kind[last], wide), counted(kind[few], wide), largest, liking)


def changes(requests: Requests, clock: Clock, items: int) -> tuple[Floats, Floats]:
    """(R, items) twice: 1 / (1 + cadences since the user last began to have the item, gave it up); 0: never did."""
    begun, ended = np.zeros((len(requests), items), np.float32), np.zeros((len(requests), items), np.float32)
    if (spans := requests.spans) is None:
        return begun, ended
    rows = spans.rows
    over = spans.until < FOREVER
    for found, at, chosen in ((begun, spans.since, np.ones_like(over)), (ended, spans.until, over)):
        cadences = clock.passed(at[chosen], requests.moment[rows[chosen]], LONG_AGO)
        np.maximum.at(found, (rows[chosen], spans.item[chosen]), (1 / (1 + cadences)).astype(np.float32))
    return begun, ended
