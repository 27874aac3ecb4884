"""Erasure in files of any kind: rows of tables, lines of logs and cells of databases go, in texts the name goes."""

import csv
import json
import os
import re
import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zlib import crc32

import duckdb

from ml.artifacts import MANIFEST, file_digest, read_json, write_json
from ml.data.sql import identifier, literal
from ml.data.traces import SQLITE, USER_COLUMN, Identifier, rows_of, sqlite_values

LINES = (".jsonl", ".log", ".ndjson", ".open", ".torn")
FRAMED = re.compile(rb"[0-9a-f]{8} \{")  # a line of the event log: its checksum before it
PURGED = b'{"note":"purged"}'
TEXTS = (".json", ".txt", ".md", ".yaml", ".yml", ".sql", ".cfg", ".html")
LARGEST = 1 << 28  # bytes of a text that is held in memory


def erase_from(path: Path, user: Identifier) -> bool:
    """Take a user out of one file, atomically; False where that kind of file cannot be rewritten.

    A manifest beside it that has the file's hash has the new one afterwards.
    """
    with path.open("rb") as stream:
        is_database = stream.read(len(SQLITE)) == SQLITE
    if is_database:
        _erase_cells(path, user)
    elif path.suffix == ".parquet":
        _erase_rows(path, user)
    elif path.suffix in (".csv", ".tsv"):
        _erase_csv(path, user)
    elif path.suffix in LINES and path.stat().st_size <= LARGEST:
        _erase_lines(path, user)
    elif path.suffix == ".mdb":
        _pack(path)
    elif path.suffix in TEXTS and path.stat().st_size <= LARGEST:
        _erase_words(path, user)
    else:
        return False
    _reseal(path)
    return True


@contextmanager
def _beside(path: Path) -> Iterator[Path]:
    """A file beside that takes the path's place when all has gone well."""
    made = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        yield made
        os.replace(made, path)
    finally:
        made.unlink(missing_ok=True)


def _erase_rows(path: Path, user: Identifier) -> None:
    relation = f"read_parquet({literal(path)})"
    with duckdb.connect() as connection, _beside(path) as made:
        connection.execute("SET threads = 2; SET TimeZone = 'UTC'")
        gone = rows_of(connection, relation, user) or "false"
        connection.execute(
            f"COPY (SELECT * FROM {relation} WHERE NOT {gone}) TO {literal(made)} (FORMAT parquet, COMPRESSION zstd)"
        )


def _erase_csv(path: Path, user: Identifier) -> None:
    with path.open(encoding="utf-8", newline="") as stream, _beside(path) as made:
        first = stream.readline()
        stream.seek(0)
        delimiter = max(",;\t|", key=first.count)
        with made.open("w", encoding="utf-8", newline="") as target:
            writer = csv.writer(target, delimiter=delimiter, lineterminator="\r\n" if first.endswith("\r\n") else "\n")
            named: list[int] = []
            for number, row in enumerate(csv.reader(stream, delimiter=delimiter)):
                if not number:
                    named = [place for place, name in enumerate(row) if USER_COLUMN.search(name)]
                if not number or not _is_row_of(row, named, user):
                    writer.writerow(row)


def _is_row_of(row: list[str], named: list[int], user: Identifier) -> bool:
    if any(place < len(row) and row[place].strip() == user.text for place in named):
        return True
    return user.telling and any(user.stands_in(cell) for cell in row)


def _erase_lines(path: Path, user: Identifier) -> None:
    """A line that is the user's goes whole: what it says is about nobody else. In the event log its place stays."""
    with _beside(path) as made:
        lines = path.read_bytes().splitlines(keepends=True)
        kept = [line if not _is_line_of(line, user) else _purged(line) for line in lines]
        made.write_bytes(b"".join(kept))


def _purged(line: bytes) -> bytes:
    """What stands for a line that went: nothing, but where lines are numbered by counting them, a note in its place."""
    return b"%08x %b\n" % (crc32(PURGED), PURGED) if FRAMED.match(line) else b""


def _is_line_of(line: bytes, user: Identifier) -> bool:
    text = line.decode("utf-8", "replace")
    told = _told(text)
    if isinstance(told, dict) and any(USER_COLUMN.search(name) and _names(value, user) for name, value in told.items()):
        return True
    return user.stands_in(text)


def _names(value: Any, user: Identifier) -> bool:
    return user.text in value if isinstance(value, list) else bool(value == user.text)


def _told(text: str) -> Any:
    """The JSON of a line, after a checksum where there is one."""
    try:
        return json.loads(text[text.find("{") :]) if "{" in text else None
    except json.JSONDecodeError:
        return None


def _erase_words(path: Path, user: Identifier) -> None:
    with _beside(path) as made:
        made.write_bytes(
            user.without(path.read_bytes().decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")
        )


def _erase_cells(path: Path, user: Identifier) -> None:
    """The name goes from every cell, and the file is packed, so that no freed page keeps it."""
    with closing(sqlite3.connect(path, timeout=60)) as connection:
        places = list(sqlite_values(connection, user))
        connection.create_function("without_user", 1, lambda value: _without(value, user))
        for table, column in places:
            name, cell = identifier(table), identifier(column)
            connection.execute(f"UPDATE {name} SET {cell} = without_user({cell}) WHERE holds_user({cell})")
            if USER_COLUMN.search(column):
                connection.execute(f"UPDATE {name} SET {cell} = 'erased' WHERE CAST({cell} AS TEXT) = ?", [user.text])
        connection.commit()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.execute("VACUUM")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _pack(path: Path) -> None:
    """Copy a store to which nobody writes without its freed pages, which still hold what was forgotten."""
    import lmdb

    with TemporaryDirectory(dir=path.parent) as folder:
        with lmdb.open(str(path), subdir=False, readonly=True, lock=False) as store:
            store.copy(str(Path(folder) / "data.mdb"), compact=True)
        os.replace(Path(folder) / "data.mdb", path)


def _without(value: Any, user: Identifier) -> Any:
    if isinstance(value, bytes):
        return user.without(value.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")
    return user.without(value) if isinstance(value, str) else value


def _reseal(path: Path) -> None:
    """Let the manifest of the file's folder say its new hash."""
    beside = path.parent / MANIFEST
    if not beside.exists() or beside == path:
        return
    described = read_json(beside)
    files = described.get("files") if isinstance(described, dict) else None
    if isinstance(files, dict) and path.name in files:
        write_json(beside, {**described, "files": {**files, path.name: file_digest(path)}})
