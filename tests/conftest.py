"""For all tests: how hypothesis runs, and what pinned libraries print on the way out."""

import atexit
import os

import pytest
from hypothesis import HealthCheck, settings

from ml.logs import silence_exit

# How long an example takes says something about the machine, not about the code.
# In continuous integration the examples are always the same ones; anywhere else each run looks at new ones.
settings.register_profile(
    "slate", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize="CI" in os.environ
)
settings.load_profile("slate")
# What a test computes is small: on a busy machine several threads mostly wait for each other.
os.environ.setdefault("SLATE_THREADS", "1")
atexit.register(silence_exit)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with the long ones where several processes share the tests, so that all end at about the same time."""
    if config.getoption("numprocesses", None):
        items.sort(key=lambda item: item.get_closest_marker("slow") is None)
