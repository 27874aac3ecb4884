"""Memory in large pages: a request touches some megabytes all over the heap, and each small page is looked up anew."""

import ctypes
import sys
from collections.abc import Iterator
from pathlib import Path

LARGE = 1 << 21  # bytes
MADV_COLLAPSE, PR_SET_THP_DISABLE = 25, 41  # linux/mman.h and linux/prctl.h


def use_large_pages() -> int:
    """Gather what this process holds by now in large pages (Linux 6.1 and later), and ask for none from now on.

    What is looked up for every request was made by now. What comes later is mostly for a moment, in large arrays that
    are computed beside requests: numpy asks for large pages for those, and clearing one takes the core from whoever
    has it for up to some milliseconds. What is mapped from files stays as it is, and is shared with other processes.

    Returns:
        How many large pages it became; 0 where the system does not know them.
    """
    if sys.platform != "linux":
        return 0
    system = ctypes.CDLL(None)
    system.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    gathered = 0
    for start, stop in list(_anonymous()):
        first, last = -(-start // LARGE) * LARGE, stop // LARGE * LARGE
        gathered += sum(system.madvise(page, LARGE, MADV_COLLAPSE) == 0 for page in range(first, last, LARGE))
    system.prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0)
    return gathered


def _anonymous() -> Iterator[tuple[int, int]]:
    """Where memory of this process begins and ends that is of no file: the heap, and what was asked for beside it."""
    for line in Path("/proc/self/maps").read_text().splitlines():
        place, rights, _, _, _, *of = line.split(maxsplit=5)  # of what, where it is of anything
        if rights.startswith("rw") and of in ([], ["[heap]"]):
            start, _, stop = place.partition("-")
            yield int(start, 16), int(stop, 16)
