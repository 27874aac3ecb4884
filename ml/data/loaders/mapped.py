"""The loader for data that a mapping file describes: any CSV or Parquet, one partition a file.

What cannot be typed (a time that is no time, a value that the mapping does not know) is refused here, naming the
rows, and then nothing lands at all. What is typed but implausible (nulls, duplicates, negative prices, times to
come) lands as it is: the validation suites judge it.
"""

from pathlib import Path

import duckdb

from ml.artifacts import digest, file_digest
from ml.data.landing_writer import LandingWriter, Part
from ml.data.loaders.conversion import Conversion, conversion
from ml.data.loaders.files import RawFile, column_expression, first_line, how_it_is_read, named_rows, raw_files
from ml.data.loaders.mapping import Mapping, ReadMapping, TableMapping
from ml.data.schema import TABLES
from ml.data.sql import identifier, literal
from ml.errors import BadInput
from ml.logs import progress

CODE = ("mapped.py", "conversion.py", "files.py")


def stage(writer: LandingWriter, read: ReadMapping) -> None:
    """Stage every file of a mapping.

    Raises:
        BadInput: A file, a column, or rows that are not as mapped.
    """
    _set_time_zone(writer.connection, read)
    tables = read.mapping.tables
    files = [
        (name, file) for name, table in tables.items() for file in raw_files(writer.connection, read.folder, table)
    ]
    for name, file in progress(files, f"landing {read.mapping.source}"):
        _stage_file(writer, read.mapping, name, file)


def _set_time_zone(connection: duckdb.DuckDBPyConnection, read: ReadMapping) -> None:
    try:
        connection.execute(f"SET TimeZone = {literal(read.mapping.timezone)}")
    except duckdb.Error:
        raise BadInput(
            f"{read.path}: timezone: {read.mapping.timezone!r} is no IANA time zone such as Europe/Berlin"
        ) from None


def _stage_file(writer: LandingWriter, mapping: Mapping, name: str, file: RawFile) -> None:
    table: TableMapping = mapping.tables[name]
    conversions = _conversions(name, table, file)
    part = Part(name, file.name, _inputs(mapping, name, file))
    if writer.holds(part):
        return
    try:
        _refuse_unreadable(writer.connection, file, conversions)
        writer.stage(part, _query(name, table, file, conversions))
    except duckdb.Error as error:
        raise BadInput(f"{file.path}: cannot be read: {first_line(error)} {how_it_is_read(table)}") from None


def _inputs(mapping: Mapping, name: str, file: RawFile) -> dict[str, str]:
    described = mapping.tables[name].model_dump(mode="json", exclude={"files"})
    here = Path(__file__).parent
    return {
        "file": file_digest(file.path),
        "mapping": digest([described, mapping.timezone]),
        "loader": digest([file_digest(here / module) for module in CODE]),
    }


def _conversions(name: str, table: TableMapping, file: RawFile) -> list[Conversion]:
    for column, origin in table.columns.items():
        if origin.column is not None:
            file.require(origin.column, f"{name}.columns.{column}")
    for attribute, origin_column in table.attributes.items():
        file.require(origin_column, f"{name}.attributes.{attribute}")
    contract = TABLES[name].columns
    return [conversion(column, contract[column], origin, file) for column, origin in table.columns.items()]


def _refuse_unreadable(connection: duckdb.DuckDBPyConnection, file: RawFile, conversions: list[Conversion]) -> None:
    checked = [found for found in conversions if found.origin is not None]
    counts = connection.execute(
        f"SELECT {', '.join(f'count_if({found.unreadable})' for found in checked)} FROM {file.scan} AS raw"
    ).fetchone()
    problems = [_problem(connection, file, found, count) for found, count in zip(checked, counts, strict=True) if count]
    if problems:
        raise BadInput(f"{file.path}: " + "; ".join(problems))


def _problem(connection: duckdb.DuckDBPyConnection, file: RawFile, found: Conversion, count: int) -> str:
    named = named_rows(connection, file, found.raw, found.unreadable)
    return f"column {found.origin!r} is no {found.target} in {count:,} rows ({named}): {found.remedy}"


def _query(name: str, table: TableMapping, file: RawFile, conversions: list[Conversion]) -> str:
    columns = [f"{found.typed} AS {identifier(found.target)}" for found in conversions]
    if table.attributes:
        columns.append(f"{_attributes(table.attributes)} AS attributes")
    query = f"SELECT {', '.join(columns)} FROM {file.scan} AS raw"
    if table.session:
        query = _with_sessions(query, table.session.gap_minutes)
    if name == "interactions" and "event_id" not in table.columns:
        query = _with_event_ids(query, table)
    return query


def _attributes(attributes: dict[str, str]) -> str:
    """A JSON object; merging a patch drops its nulls, so that an attribute that is not known stays absent."""
    pairs = ", ".join(f"{literal(name)}, {column_expression(column)}" for name, column in attributes.items())
    return f"CAST(json_merge_patch('{{}}', json_object({pairs})) AS VARCHAR)"


def _with_sessions(query: str, gap_minutes: float) -> str:
    """Name each session after its user and its first event, in milliseconds since 1970."""
    gap = f"to_microseconds({round(gap_minutes * 60_000_000)})"
    return f"""
        SELECT * EXCLUDE (opened_at),
            user_id || '-' || epoch_ms(
                max(opened_at) OVER (PARTITION BY user_id ORDER BY occurred_at ROWS UNBOUNDED PRECEDING)
            ) AS session_id
        FROM (
            SELECT *, CASE WHEN coalesce(
                occurred_at - lag(occurred_at) OVER (PARTITION BY user_id ORDER BY occurred_at) > {gap}, true
            ) THEN occurred_at END AS opened_at
            FROM ({query})
        )
    """


def _with_event_ids(query: str, table: TableMapping) -> str:
    """Name each event after its own values; equal rows of a file are numbered, since clicks do repeat."""
    values = ", ".join(f"CAST({identifier(column)} AS VARCHAR)" for column in sorted(table.columns))
    return f"""
        SELECT * EXCLUDE (fingerprint),
            fingerprint || '-' || row_number() OVER (PARTITION BY fingerprint) AS event_id
        FROM (SELECT *, md5(CAST(to_json([{values}]) AS VARCHAR)) AS fingerprint FROM ({query}))
    """
