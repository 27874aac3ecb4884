"""The files beside the snapshots, opened and checked; their rows, month by month."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path

import duckdb

from ml.data.loaders.files import RawFile, first_line, named_rows, raw_files
from ml.data.loaders.mapping import Column, TableMapping
from ml.data.loaders.santander.snapshots import ROWS_HELD
from ml.data.loaders.santander.supplements import SUPPLEMENTS, Supplement, Type
from ml.data.loaders.santander.survey import Month
from ml.data.sql import identifier, literal
from ml.errors import BadInput
from ml.logs import get_logger

log = get_logger(__name__)


@dataclass(frozen=True)
class SupplementFile:
    """One file, opened.

    Attributes:
        content: By month, what identifies its rows in whichever order they stand; months without rows are left out.
    """

    raw: RawFile
    supplement: Supplement
    content: Mapping[str, str] = field(default_factory=dict)

    def covers(self, month: Month) -> bool:
        """Whether the file tells of this month, be it that nothing happened: it does from its first to its last."""
        return bool(self.content) and min(self.content) <= month.name <= max(self.content)

    def scratch(self, folder: Path, month: Month | None) -> str:
        """SQL of the rows of one month, of the file that `split` wrote below this folder; none for no month."""
        if month is None or month.name not in self.content:
            return f"SELECT {_typed(self.supplement)} FROM {self.raw.scan} WHERE false"
        files = literal(folder / self.supplement.name / f"of_month={month.name}" / "*.parquet")
        return f"SELECT * FROM read_parquet({files}, hive_partitioning = false)"


def supplement_files(
    connection: duckdb.DuckDBPyConnection, folder: Path, months: Sequence[Month]
) -> dict[str, SupplementFile]:
    """The files that there are, by name.

    Raises:
        BadInput: A column is missing, unknown or of another type, or a value is missing or means nothing.
    """
    present = [each for each in SUPPLEMENTS if (folder / each.file).is_file()]
    return {each.name: _survey(connection, _open(connection, folder, each), months) for each in present}


def _open(connection: duckdb.DuckDBPyConnection, folder: Path, supplement: Supplement) -> SupplementFile:
    table = TableMapping(files=(supplement.file,), columns={"user_id": Column(column=next(iter(supplement.columns)))})
    (raw,) = raw_files(connection, folder, table)
    problems = [*_other_columns(raw, supplement), *_other_types(raw, supplement)]
    if problems:
        raise BadInput(f"{raw.path}: all rows: {'; '.join(problems)}. Write it as docs/bank-data.md says, or remove it")
    return SupplementFile(raw, supplement)


def _other_columns(raw: RawFile, supplement: Supplement) -> list[str]:
    missing = [column for column in supplement.columns if column not in raw.columns]
    problems = [f"column {column!r} is missing" for column in missing]
    for column in raw.columns:
        if column not in supplement.columns:
            close = get_close_matches(column, missing, n=1)
            problems.append(f"column {column!r} is unknown" + (f" (did you mean {close[0]!r}?)" if close else ""))
    return problems


def _other_types(raw: RawFile, supplement: Supplement) -> list[str]:
    return [
        f"column {column!r} is {raw.columns[column]}, not {kind.value}"
        for column, kind in supplement.columns.items()
        if column in raw.columns and not kind.holds(raw.columns[column])
    ]


def _survey(connection: duckdb.DuckDBPyConnection, file: SupplementFile, months: Sequence[Month]) -> SupplementFile:
    supplement = file.supplement
    wrong = [(column, "missing", f"{identifier(column)} IS NULL") for column in supplement.needed]
    wrong += [(column, "unknown", condition) for column, condition in supplement.unknown.items()]
    columns = ", ".join(identifier(column) for column in supplement.columns)
    query = f"""
        SELECT {_month(supplement, months)} AS of_month, count(*), bit_xor(hash({columns}))::VARCHAR,
            [{", ".join(f"count_if({condition})" for _, _, condition in wrong)}]
        FROM {file.raw.scan} GROUP BY of_month ORDER BY of_month
    """
    try:
        rows = connection.execute(query).fetchall()
    except duckdb.Error as error:
        raise BadInput(f"{file.raw.path}: cannot be read: {first_line(error)} Write it again, or remove it") from None
    _refuse_wrong(connection, file.raw, wrong, [row[3] for row in rows])
    if supplement.time and (outside := sum(count for month, count, *_ in rows if month is None)):
        log.warning("%s: left out %s rows outside the months of the snapshots", file.raw.path, f"{outside:,}")
    content = {month: f"{count} {digest}" for month, count, digest, _ in rows if month}
    return SupplementFile(file.raw, supplement, content)


def _refuse_wrong(
    connection: duckdb.DuckDBPyConnection, raw: RawFile, wrong: Sequence[tuple[str, str, str]], counted: list[list[int]]
) -> None:
    totals = [sum(of_months) for of_months in zip(*counted, strict=True)]
    problems = [
        f"column {column!r} is {what} in {count:,} rows ({named_rows(connection, raw, identifier(column), condition)})"
        for (column, what, condition), count in zip(wrong, totals, strict=False)
        if count
    ]
    if problems:
        raise BadInput(f"{raw.path}: {'; '.join(problems)}. Correct these rows, or remove the file")


def _month(supplement: Supplement, months: Sequence[Month]) -> str:
    """A month runs from the day after a snapshot to the day of the next one, inclusive; null outside all of them."""
    if supplement.time is None:
        return "NULL::VARCHAR"
    day = f"CAST({_value(supplement.time, supplement.columns[supplement.time])} AS DATE)"
    arms = " ".join(f"WHEN {day} <= DATE {literal(month.day)} THEN {literal(month.name)}" for month in months)
    return f"CASE WHEN {day} <= DATE {literal(months[0].day)} - to_months(1) THEN NULL {arms} END"


def _typed(supplement: Supplement) -> str:
    return ", ".join(f"{_value(column, kind)} AS {identifier(column)}" for column, kind in supplement.columns.items())


def _value(column: str, kind: Type) -> str:
    name = identifier(column)
    if kind is Type.MOMENT:
        return f"CAST({name} AS TIMESTAMP)"  # the connection's time zone is UTC
    if kind is Type.NUMBER:
        return f"CASE WHEN isfinite(CAST({name} AS DOUBLE)) THEN CAST({name} AS DOUBLE) END"
    return name


def split(connection: duckdb.DuckDBPyConnection, file: SupplementFile, months: Sequence[Month], folder: Path) -> None:
    """Write the rows of each month below a folder, from where `SupplementFile.scratch` reads them."""
    month = _month(file.supplement, months)
    query = f"SELECT {_typed(file.supplement)}, {month} AS of_month FROM {file.raw.scan} WHERE {month} IS NOT NULL"
    folder.mkdir(exist_ok=True)
    connection.execute(f"SET partitioned_write_flush_threshold = {ROWS_HELD}")
    connection.execute(
        f"COPY ({query}) TO {literal(folder / file.supplement.name)} "
        "(FORMAT parquet, PARTITION_BY (of_month), OVERWRITE_OR_IGNORE)"
    )


def refuse_repeated_finances(connection: duckdb.DuckDBPyConnection, file: SupplementFile, rows: str) -> None:
    """Raise `BadInput` if a customer has two rows among those of a month."""
    found = connection.execute(
        f"SELECT customer, count(*) OVER (), any_value(month) FROM ({rows}) GROUP BY customer HAVING count(*) > 1 "
        "ORDER BY 1 LIMIT 1"
    ).fetchone()
    if found:
        customer, count, day = found
        named = named_rows(connection, file.raw, "month", f"customer = {customer} AND month = DATE {literal(day)}")
        raise BadInput(
            f"{file.raw.path}: column 'customer': {count:,} customer(s) stand more than once in the month of {day}, "
            f"such as {customer} ({named}). Keep one row a customer and month"
        )
