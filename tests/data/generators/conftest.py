from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from ml.data.generators.santander import generate
from ml.data.generators.santander.panel import Panel, read_panel

CUSTOMERS = 9_000


@pytest.fixture(scope="session")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a generated bank, whole period."""
    folder = tmp_path_factory.mktemp("generated") / "bank"
    generate(folder, customers=CUSTOMERS, seed=11)
    return folder


@pytest.fixture(scope="session")
def panel(bank: Path) -> Panel:
    return read_panel(bank)


@pytest.fixture(scope="session")
def query(bank: Path) -> Callable[[str], list[tuple[object, ...]]]:
    """Runs SQL in which the file names stand for the bank's files: `FROM snapshots`, `FROM finances`, …"""
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    snapshots = f"read_csv('{bank / 'train_ver2.csv'}', all_varchar = true, header = true)"
    connection.execute(f"CREATE VIEW snapshots AS SELECT * FROM {snapshots}")
    for path in bank.glob("*.parquet"):
        connection.execute(f"CREATE VIEW {path.stem} AS SELECT * FROM '{path}'")
    return lambda sql: connection.execute(sql).fetchall()
