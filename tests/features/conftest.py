"""The small shop, landed and built once for all tests that only read it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest
import small_shop

from ml.settings import settings
from ml.steps.features import build_features, plan


@pytest.fixture(scope="package")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A SLATE_HOME of its own for the tests of this folder."""
    path = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLATE_HOME", str(path))
        yield path


@pytest.fixture(scope="package")
def built(home: Path) -> dict[str, Any]:
    """The plan of the small shop, whose marts are built."""
    small_shop.land_all()
    made = plan("retail", small_shop.AS_OF)
    build_features(made)
    return made


@pytest.fixture
def read() -> Callable[[str], pd.DataFrame]:
    """Runs a query on the warehouse."""

    def run(query: str) -> pd.DataFrame:
        with duckdb.connect(str(settings().warehouse("retail"))) as connection:
            return connection.execute(query).df()

    return run
