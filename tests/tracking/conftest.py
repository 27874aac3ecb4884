"""One SQLite store for the tests of a module: making its tables takes seconds."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="module", autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("home")
    logging.getLogger("mlflow").setLevel(logging.ERROR)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLATE_HOME", str(folder))
        yield folder
