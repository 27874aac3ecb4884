"""One mapped column as SQL: its typed value, and what makes a raw value unreadable."""

from dataclasses import dataclass

from ml.data.loaders.files import RawFile, column_expression
from ml.data.loaders.mapping import Column
from ml.data.schema import BOOLEAN, DOUBLE, TIMESTAMP, VARCHAR
from ml.data.sql import literal

MICROSECONDS = {"s": 1_000_000, "ms": 1_000, "us": 1}
# Types, by how their names start, that DuckDB casts to a number and to a time.
WHOLE_NUMBERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT")
NUMBERS = ("VARCHAR", "DECIMAL", "DOUBLE", "FLOAT", *WHOLE_NUMBERS, *(f"U{kind}" for kind in WHOLE_NUMBERS))
TIMES = ("VARCHAR", "TIMESTAMP", "DATE")
LARGEST_EXACT = 2**53  # beyond it a floating-point number no longer tells whole numbers apart


@dataclass(frozen=True)
class Conversion:
    """How one contract column is made of one raw column.

    Attributes:
        target: The contract column.
        origin: The raw column's name, or None for a constant.
        typed: SQL that yields the typed value, null where the raw value is null or unreadable.
        remedy: What to do about unreadable values.
    """

    target: str
    origin: str | None
    typed: str
    remedy: str

    @property
    def raw(self) -> str:
        """The raw value as text."""
        return "NULL" if self.origin is None else f"CAST({column_expression(self.origin)} AS VARCHAR)"

    @property
    def unreadable(self) -> str:
        """True where there is a raw value that has no typed one."""
        return (
            "false" if self.origin is None else f"{column_expression(self.origin)} IS NOT NULL AND {self.typed} IS NULL"
        )


def conversion(target: str, kind: str, origin: Column, raw: RawFile) -> Conversion:
    """The conversion of one column.

    Args:
        kind: DuckDB type of the contract column.
        raw: The file; it must have the column (`RawFile.require`).
    """
    if origin.column is None:
        return Conversion(target, None, *_typed(f"CAST({literal(origin.constant)} AS VARCHAR)", VARCHAR, kind, origin))
    value, raw_kind = column_expression(origin.column), raw.columns[origin.column]
    if origin.values is not None:
        mapped = _mapped(value, origin.values)
        return Conversion(target, origin.column, _typed(mapped, VARCHAR, kind, origin)[0], "add it to `values`")
    return Conversion(target, origin.column, *_typed(value, raw_kind, kind, origin))


def _typed(value: str, raw_kind: str, kind: str, origin: Column) -> tuple[str, str]:
    if kind == TIMESTAMP:
        return _time(value, raw_kind, origin)
    if kind == DOUBLE:
        value = _unless(value, raw_kind, NUMBERS)
        number = f"TRY_CAST({value} AS DOUBLE)"
        return f"CASE WHEN isfinite({number}) THEN {number} END", "write a number with a decimal point, or nothing"
    if kind == BOOLEAN:
        return f"TRY_CAST(CAST({value} AS VARCHAR) AS BOOLEAN)", "write true or false, or map them with `values`"
    return _text(value, raw_kind, origin.whole_number)


def _unless(value: str, raw_kind: str, readable: tuple[str, ...]) -> str:
    """The value, as text unless its type is one that can be read: DuckDB refuses some casts outright."""
    return value if raw_kind.startswith(readable) else f"CAST({value} AS VARCHAR)"


def _time(value: str, raw_kind: str, origin: Column) -> tuple[str, str]:
    if origin.unit:
        value = _unless(value, raw_kind, NUMBERS)
        # Exact: a decimal keeps what a floating-point number of seconds would round.
        ticks = f"TRY_CAST({value} AS DECIMAL(28, 6)) * {MICROSECONDS[origin.unit]}"
        time = f"TRY(make_timestamp(TRY_CAST({ticks} AS BIGINT)))"
        remedy = f"write the time in {origin.unit} since 1970, or change `unit`"
    else:
        # The session's time zone, which the loader sets, is that of times that say none.
        time = f"TRY(timezone('UTC', TRY_CAST({_unless(value, raw_kind, TIMES)} AS TIMESTAMPTZ)))"
        remedy = "write it as 2026-01-31 23:59:59, or give `unit` if it counts from 1970"
    return f"CASE WHEN year({time}) BETWEEN 1 AND 9999 THEN {time} END", remedy


def _text(value: str, raw_kind: str, whole_number: bool) -> tuple[str, str]:
    if raw_kind == "BLOB":
        return f"TRY(decode({value}))", "write the column as text"
    is_fraction = raw_kind in {"FLOAT", "DOUBLE"} or raw_kind.startswith("DECIMAL")
    if is_fraction or whole_number:
        number = f"TRY_CAST({value} AS {'DOUBLE' if is_fraction else 'DECIMAL(38, 6)'})"
        exact = f"{number} = trunc({number})" + (f" AND abs({number}) <= {LARGEST_EXACT}" if is_fraction else "")
        return f"CASE WHEN {exact} THEN CAST(CAST({number} AS HUGEINT) AS VARCHAR) END", "write ids as text"
    return f"CAST({value} AS VARCHAR)", "write the column as text"


def _mapped(value: str, values: dict[str, str]) -> str:
    arms = " ".join(f"WHEN {literal(given)} THEN {literal(meant)}" for given, meant in values.items())
    return f"CASE CAST({value} AS VARCHAR) {arms} END"
