"""The calendar of the snapshots: month 0 ends with the first one."""

import numpy as np
from numpy.typing import NDArray

from ml.data.generators.santander.facts import FIRST_MONTH, SNAPSHOT_DAY

Days = NDArray[np.datetime64]
SECONDS_A_DAY = 86_400


def snapshot_day(month: int) -> np.datetime64:
    """The day of a month's snapshot; -1 gives the day before the first month."""
    day: np.datetime64 = (np.datetime64(FIRST_MONTH, "M") + month).astype("datetime64[D]") + SNAPSHOT_DAY - 1
    return day


def calendar_month(month: int) -> int:
    """0 for January to 11 for December."""
    return int((np.datetime64(FIRST_MONTH, "M") + month).astype(int)) % 12


def moments(random: np.random.Generator, month: int, count: int) -> Days:
    """So many moments after the last snapshot and up to this one, in seconds."""
    begin = (snapshot_day(month - 1) + 1).astype("datetime64[s]")
    days = int((snapshot_day(month) - snapshot_day(month - 1)).astype(int))
    return np.asarray(begin + random.integers(0, days * SECONDS_A_DAY, count))
