"""For all tests: what pinned libraries print on the way out stays off the terminal."""

import atexit

from ml.logs import silence_exit

atexit.register(silence_exit)
