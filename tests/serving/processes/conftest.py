"""One home with champions for all tests; the servers of each file begin with an empty log."""

from collections.abc import Iterator
from pathlib import Path

import little_home
import pytest


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The environment points at it for as long as the tests run."""
    folder = tmp_path_factory.mktemp("served")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLATE_HOME", str(folder))
        little_home.make_home(folder)
        yield folder
