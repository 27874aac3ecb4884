"""A scratch DuckDB file in which a gate lays out what it judges: views on the data, and the run's parameters."""

import shutil
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ml.settings import settings

if TYPE_CHECKING:
    from sqlalchemy import Connection


@dataclass(frozen=True)
class Scratch:
    """An open scratch database; every connection of this process to `url` with `options` shares its views."""

    url: str
    options: dict[str, Any]
    connection: "Connection"

    def execute(self, sql: str, parameters: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        """Run one statement and return its rows."""
        cursor = self.connection.exec_driver_sql(sql, parameters)
        rows = [tuple(row) for row in cursor.fetchall()] if cursor.returns_rows else []
        self.connection.commit()
        return rows

    def lay_out_list(self, table: str, column: str, kind: str, values: Iterable[Any]) -> None:
        """Make a table of one column, from which the suites' SQL reads a list."""
        self.execute(f"create table {table} ({column} {kind})")
        for value in values:
            self.execute(f"insert into {table} values (?)", (value,))

    def lay_out_run(self, facts: Mapping[str, Any]) -> None:
        """Make the one-row table `run`, from which the suites' SQL reads the parameters of this run."""
        columns = ", ".join(f"? as {name}" for name in facts)
        self.execute(f"create table run as select {columns}", tuple(facts.values()))


@contextmanager
def scratch_database(folder: Path) -> Iterator[Scratch]:
    """A fresh scratch database under `folder`, gone afterwards."""
    from sqlalchemy import create_engine

    place = folder / f".scratch.{uuid.uuid4().hex}"
    place.mkdir(parents=True)
    current = settings()
    config = {"threads": current.threads, "memory_limit": current.memory_limit, "temp_directory": str(place)}
    options = {"connect_args": {"config": config}}
    url = f"duckdb:///{place / 'scratch.duckdb'}"
    engine = create_engine(url, **options)
    try:
        with engine.connect() as connection:
            yield Scratch(url, options, connection)
    finally:
        engine.dispose()
        shutil.rmtree(place, ignore_errors=True)
