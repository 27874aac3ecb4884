"""Quoting for the places where DuckDB takes no parameters: names, COPY targets, view definitions."""

from collections.abc import Iterable


def identifier(name: str) -> str:
    """A column or table name, quoted."""
    return '"' + name.replace('"', '""') + '"'


def literal(value: object) -> str:
    """A value as a SQL literal: text is quoted (DuckDB knows no backslash escapes), None is NULL."""
    if value is None:
        return "NULL"
    if isinstance(value, bool | int | float):
        return str(value)
    return "'" + str(value).replace("'", "''") + "'"


def literals(values: Iterable[object]) -> str:
    """A list literal, such as `['a', 'b']`."""
    return "[" + ", ".join(literal(value) for value in values) + "]"
