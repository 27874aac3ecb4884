"""The one line of help that Great Expectations 1.24 needs to work on DuckDB.

`SqlAlchemyExecutionEngine.execute_query` closes its connection before the rows are fetched, except for the dialects
in `_PERSISTED_CONNECTION_DIALECTS`. A DuckDB result dies with its connection, so that every metric then fails with
`IndexError: list index out of range`. `tests/validation/test_duckdb_dialect.py` fails on the day this is not needed.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from great_expectations.datasource.fluent import SQLDatasource


class Dialect(str):
    """A dialect's name that answers to `.value`, as the members of Great Expectations' own enumeration do."""

    __slots__ = ()

    @property
    def value(self) -> str:
        """The plain name."""
        return str(self)


DUCKDB = Dialect("duckdb")


def keep_connections_open() -> None:
    """Have Great Expectations keep its DuckDB connections open until their rows are read; safe to call again."""
    from great_expectations.execution_engine import sqlalchemy_execution_engine as engine

    dialects: tuple[object, ...] = engine._PERSISTED_CONNECTION_DIALECTS
    if DUCKDB not in dialects:
        engine._PERSISTED_CONNECTION_DIALECTS = (*dialects, DUCKDB)


def close_connections(source: "SQLDatasource") -> None:
    """Close what `keep_connections_open` kept open: Great Expectations closes only connections that it knows to keep."""
    engine = source.get_execution_engine()
    with engine.get_connection() as connection:
        connection.close()
    engine.close()
    source.get_engine().dispose()
