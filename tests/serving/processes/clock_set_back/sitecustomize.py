"""A process whose system clock is off by the seconds that the file named by `CLOCK_OFFSET` holds: on its PYTHONPATH.

The monotonic clock goes on as it is, as it does where somebody sets a machine's clock.
"""

import ctypes
import gc
import os
import time
from datetime import datetime
from pathlib import Path

FILE = Path(os.environ["CLOCK_OFFSET"])
LOOK = 0.005  # seconds between two looks at the file
real_time_ns, monotonic, now = time.time_ns, time.monotonic, datetime.now
looked, offset = float("-inf"), 0


def time_ns():
    global looked, offset
    if monotonic() - looked > LOOK:
        looked, offset = monotonic(), int(FILE.read_text()) * 10**9
    return real_time_ns() + offset


def datetime_now(_, tz=None):
    return datetime.fromtimestamp(time_ns() / 1e9, tz)


time.time_ns, time.time = time_ns, lambda: time_ns() / 1e9
# A type of C takes no attribute, and a class of our own in its place would be another type to whoever reads JSON.
gc.get_referents(datetime.__dict__)[0]["now"] = classmethod(datetime_now)
ctypes.pythonapi.PyType_Modified(ctypes.py_object(datetime))
