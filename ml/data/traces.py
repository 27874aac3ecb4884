"""Where a user is found in the files of a home: tables by their columns, all other files by their bytes.

An identifier counts where it stands by itself, not within a longer word. Short or purely numeric identifiers (`900`)
are words of many other things too: they count where a column, or the word before them, says that it is a user.
"""

import json
import mmap
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import duckdb
import numpy as np

from ml.data.sql import identifier, literal
from ml.domains import DOMAINS

# What columns and texts call users, the domains' own words among it.
USERS = "|".join(sorted({"user", "visitor", "person", "ncodpers", *(each.user_noun for each in DOMAINS.values())}))
USER_COLUMN = re.compile(USERS, re.IGNORECASE)
SHORTEST = 4  # characters of an identifier that is looked for wherever it stands
SQLITE = b"SQLite format 3\0"


@dataclass(frozen=True)
class Identifier:
    """Whom to look for."""

    text: str

    @cached_property
    def telling(self) -> bool:
        """Whether it is hardly anything but this identifier, wherever it stands."""
        return len(self.text) >= SHORTEST and not self.text.isdecimal()

    @cached_property
    def _forms(self) -> list[str]:
        """As it is, and as JSON escapes it."""
        return list(
            dict.fromkeys([self.text, json.dumps(self.text, ensure_ascii=False)[1:-1], json.dumps(self.text)[1:-1]])
        )

    @cached_property
    def needles(self) -> list[bytes]:
        """Bytes without which it is nowhere."""
        return [form.encode() for form in self._forms]

    @cached_property
    def word(self) -> re.Pattern[str]:
        """Finds it in text."""
        before = r"(?<!\w)" if self.telling else rf"(?i:(?<=\W)|\b)(?:{USERS})\w*[\"']?[\s=:,\[(]*[\"']?"
        return re.compile(f"{before}(?P<id>{'|'.join(map(re.escape, self._forms))})(?!\\w)")

    def stands_in(self, text: str) -> bool:
        """Whether a text holds it by itself."""
        return any(form in text for form in self._forms) and self.word.search(text) is not None

    def without(self, text: str) -> str:
        """The text with `erased` wherever it stood."""

        def cut(found: re.Match[str]) -> str:
            return found[0][: found.start("id") - found.start()] + "erased"

        return self.word.sub(cut, text)


def scan(home: Path, user: Identifier) -> list[Path]:
    """Every file below a folder that holds the user, sorted; nothing is left out."""
    files = sorted(path for path in home.rglob("*") if path.is_file() and not path.is_symlink())
    return [path for path in files if holds(path, user)]


def holds(path: Path, user: Identifier) -> bool:
    """Whether a file holds the user."""
    try:
        return user.stands_in(path.name) or _reader(path)(path, user)
    except FileNotFoundError:  # gone meanwhile
        return False


def _reader(path: Path) -> Callable[[Path, Identifier], bool]:
    if path.suffix == ".parquet":
        return in_parquet
    if path.suffix == ".duckdb":
        return in_duckdb
    if path.suffix == ".npy":
        return in_array
    with path.open("rb") as stream:
        return in_sqlite if stream.read(len(SQLITE)) == SQLITE else in_bytes


def in_parquet(path: Path, user: Identifier) -> bool:
    """Whether a column of a Parquet file holds the user."""
    with duckdb.connect() as connection:
        connection.execute("SET threads = 2")
        return _in_relation(connection, f"read_parquet({literal(path)})", user)


def in_duckdb(path: Path, user: Identifier) -> bool:
    """Whether a table of a DuckDB file holds the user; a file that another process writes is read by its bytes."""
    try:
        with duckdb.connect(str(path), read_only=True) as connection:
            tables = connection.execute(
                "SELECT schema_name, table_name FROM duckdb_tables() WHERE NOT internal"
            ).fetchall()
            return any(_in_relation(connection, f"{identifier(s)}.{identifier(t)}", user) for s, t in tables)
    except duckdb.IOException:
        return in_bytes(path, user)


def _in_relation(connection: duckdb.DuckDBPyConnection, relation: str, user: Identifier) -> bool:
    condition = rows_of(connection, relation, user)
    if condition is None:
        return False
    return connection.execute(f"SELECT 1 FROM {relation} WHERE {condition} LIMIT 1").fetchone() is not None


def rows_of(connection: duckdb.DuckDBPyConnection, relation: str, user: Identifier) -> str | None:
    """SQL of a table's rows that are the user's; None where no column could say so.

    Where a column names users, a row also counts if any other text of it holds the identifier; elsewhere, where a text
    is the identifier.
    """
    kinds = {row[0]: row[1] for row in connection.execute(f"DESCRIBE SELECT * FROM {relation}").fetchall()}
    named = [name for name in kinds if USER_COLUMN.search(name)]
    texts = [name for name, kind in kinds.items() if "VARCHAR" in kind]
    own = literal(user.text)
    conditions = [f"CAST({identifier(name)} AS VARCHAR) = {own}" for name in named]
    if user.telling:
        pattern = literal(rf"(^|[^\pL\pN_]){re.escape(user.text)}($|[^\pL\pN_])")
        wide = texts if named else []
        conditions += [f"CAST({identifier(name)} AS VARCHAR) = {own}" for name in texts if name not in named]
        conditions += [
            f"(contains(CAST({identifier(name)} AS VARCHAR), {own}) AND "
            f"regexp_matches(CAST({identifier(name)} AS VARCHAR), {pattern}))"
            for name in wide
        ]
    found = " OR ".join(f"coalesce({condition}, false)" for condition in conditions)
    return f"({found})" if conditions else None


def in_sqlite(path: Path, user: Identifier) -> bool:
    """Whether a table of an SQLite file holds the user."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        return any(True for _ in sqlite_values(connection, user))


def sqlite_values(connection: sqlite3.Connection, user: Identifier) -> Iterator[tuple[str, str]]:
    """The tables and columns of an SQLite database that hold the user."""
    connection.create_function("holds_user", 1, lambda value: int(_stands_in_cell(value, user)))
    tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    for table in tables:
        for column in [row[1] for row in connection.execute(f"PRAGMA table_info({identifier(table)})")]:
            cell = identifier(column)
            exact = f"OR CAST({cell} AS TEXT) = ?" if USER_COLUMN.search(column) else "AND ? IS NOT NULL"
            query = f"SELECT 1 FROM {identifier(table)} WHERE holds_user({cell}) {exact} LIMIT 1"
            if connection.execute(query, [user.text]).fetchone():
                yield table, column


def _stands_in_cell(value: object, user: Identifier) -> bool:
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
    return isinstance(text, str) and user.stands_in(text)


def in_array(path: Path, user: Identifier) -> bool:
    """Whether an array of texts holds the user; numbers hold nobody."""
    if np.load(path, mmap_mode="r", allow_pickle=False).dtype.kind not in "US":
        return False
    return bool((np.load(path, allow_pickle=False).astype(str) == user.text).any())


def in_bytes(path: Path, user: Identifier) -> bool:
    """Whether any bytes of a file are the user."""
    with path.open("rb") as stream:
        if not path.stat().st_size:
            return False
        with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return any(_in_mapped(content, needle, user) for needle in user.needles)


def _in_mapped(content: mmap.mmap, needle: bytes, user: Identifier) -> bool:
    at = content.find(needle)
    while at >= 0:
        around = content[max(at - 60, 0) : at + len(needle) + 4].decode("utf-8", "replace")
        if user.word.search(around):
            return True
        at = content.find(needle, at + 1)
    return False
