"""Raw files as DuckDB scans: every value of a CSV as text, nothing guessed, nothing skipped."""

import csv
import gzip
import io
import re
from dataclasses import dataclass
from pathlib import Path

import duckdb

from ml.data.loaders.mapping import TableMapping, nearest
from ml.data.sql import identifier, literal, literals
from ml.errors import BadInput

SHOWN = 3  # rows that a message names
ROW = identifier("number of the row")  # a name that no file is likely to use for a column
TEXT_SUFFIXES = {".csv", ".tsv", ".txt", ".gz"}


@dataclass(frozen=True)
class RawFile:
    """One raw file, opened.

    Attributes:
        name: Its path below the data folder.
        scan: A FROM clause that yields its rows.
        columns: DuckDB type of each of its columns (text throughout for a CSV).
    """

    path: Path
    name: str
    scan: str
    columns: dict[str, str]

    def require(self, column: str, field: str) -> None:
        """Raise `BadInput` unless the file has this column, which the mapping names under `field`."""
        if column not in self.columns:
            raise BadInput(f"{self.path}: {field}: no such column {column!r}{nearest(column, self.columns)}")


def raw_files(connection: duckdb.DuckDBPyConnection, folder: Path, table: TableMapping) -> list[RawFile]:
    """Open the files of a table, in the order of the mapping, sorted within a pattern.

    Raises:
        BadInput: A file is missing, empty, or no CSV or Parquet; or a pattern finds none.
    """
    found = [path for pattern in table.files for path in _matching(folder, pattern)]
    return [_open(connection, path, folder, table) for path in dict.fromkeys(found)]


def _matching(folder: Path, pattern: str) -> list[Path]:
    path = folder / pattern
    if path.is_file():
        return [path]
    found = sorted(each for each in folder.glob(pattern) if each.is_file()) if not Path(pattern).is_absolute() else []
    if not found:
        raise BadInput(f"{path}: there is no such file. Check `files` and `data_folder` (or give --data-folder)")
    return found


def _open(connection: duckdb.DuckDBPyConnection, path: Path, folder: Path, table: TableMapping) -> RawFile:
    name = path.relative_to(folder).as_posix() if path.is_relative_to(folder) else path.as_posix()
    if path.suffix == ".parquet":
        return RawFile(path, name, *_parquet(connection, path))
    if path.suffix not in TEXT_SUFFIXES:
        raise BadInput(f"{path}: is neither Parquet (.parquet) nor text (.csv, .tsv, .txt, or these with .gz)")
    header = _header(path, table)
    return RawFile(path, name, _csv_scan(path, header, table), dict.fromkeys(header, "VARCHAR"))


def _parquet(connection: duckdb.DuckDBPyConnection, path: Path) -> tuple[str, dict[str, str]]:
    scan = f"read_parquet({literal(path)})"
    try:
        described = connection.execute(f"DESCRIBE SELECT * FROM {scan}").fetchall()
    except duckdb.Error as error:
        raise BadInput(f"{path}: cannot be read as Parquet: {first_line(error)}") from None
    return scan, {row[0]: row[1] for row in described}


def _header(path: Path, table: TableMapping) -> list[str]:
    encoding = "utf-8-sig" if table.encoding == "utf-8" else table.encoding
    try:
        with (
            gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as stored,
            io.TextIOWrapper(stored, encoding=encoding, newline="") as text,
        ):
            header = next(csv.reader(text, delimiter=table.delimiter, strict=True), [])
    except (UnicodeError, OSError, EOFError, csv.Error) as error:
        raise BadInput(f"{path}: its first lines cannot be read: {error}. {how_it_is_read(table)}") from None
    if not header:
        raise BadInput(f"{path}: is empty; it needs a line of column names first")
    header = [column or f"column {place}" for place, column in enumerate(header, start=1)]  # an index has no name
    lower = [column.lower() for column in header]  # DuckDB does not tell capitals from small letters
    if twice := [column for column in header if lower.count(column.lower()) > 1]:
        raise BadInput(f"{path}: has columns of the same name: {', '.join(map(repr, twice))}; rename them")
    return header


def _csv_scan(path: Path, header: list[str], table: TableMapping) -> str:
    """Sniffing is off: DuckDB's skips leading rows that look unlike the others."""
    columns = ", ".join(f"{literal(column)}: 'VARCHAR'" for column in header)
    return (
        f"read_csv({literal(path)}, auto_detect = false, header = true, columns = {{{columns}}}, "
        f"delim = {literal(table.delimiter)}, quote = '\"', escape = '\"', encoding = {literal(table.encoding)}, "
        f"nullstr = {literals(table.missing)}, compression = {literal('gzip' if path.suffix == '.gz' else 'none')})"
    )


def named_rows(connection: duckdb.DuckDBPyConnection, file: RawFile, value: str, condition: str) -> str:
    """The first rows of a file that meet a condition, for a message: `row 7 'x', row 9 'y'`.

    Args:
        value: SQL of what to show of each row.
        condition: SQL; both name raw columns by `column_expression`.
    """
    rows = connection.execute(
        f"""
        SELECT {ROW}, {value} FROM (SELECT row_number() OVER () AS {ROW}, * FROM {file.scan}) AS raw
        WHERE {condition} ORDER BY {ROW} LIMIT {SHOWN}
        """
    ).fetchall()
    return ", ".join(f"row {number:,} {shown!r}" for number, shown in rows)


def how_it_is_read(table: TableMapping) -> str:
    """The remedy for a file that cannot be read: what the mapping says about it."""
    return f"Check `encoding` ({table.encoding}), `delimiter` ({table.delimiter!r}) and the quotes of the file"


def first_line(error: Exception) -> str:
    """The telling part of a DuckDB message, without its hints about DuckDB's own options."""
    message = re.sub(r"^[A-Za-z ]+ Error: ", "", str(error))
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    kept = [line for line in lines[:4] if not line.startswith(("Possible", "*", "file =", "delimiter"))]
    return " ".join(kept)


def column_expression(column: str) -> str:
    """A raw column in SQL."""
    return f"raw.{identifier(column)}"
