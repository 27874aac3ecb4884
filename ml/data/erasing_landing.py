"""Erasure in the landing zone, the one exception to its being append-only.

A partition that holds a user is written anew beside without those rows, under a name of its own, and takes the old
one's place by a rename. It remembers what it landed as: the same raw files, landed again, bring nobody back.
"""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from ml.artifacts import MANIFEST, built_beside, digest, file_digest, read_json, write_json
from ml.data.landing import DATA, landing_folder
from ml.data.schema import TABLES
from ml.data.sql import literal
from ml.data.traces import Identifier, rows_of
from ml.logs import get_logger

log = get_logger(__name__)


def erase_landed(domain: str, users: list[Identifier]) -> int:
    """Rewrite every partition, superseded ones too, that holds one of the users; returns how many rows went.

    Killed midway, each partition is either the old or the new one: run again, the rest follows.
    """
    return sum(_erase_partition(folder, users) for folder in list(_folders(domain)))


def _folders(domain: str) -> Iterator[Path]:
    for table in TABLES:
        for room in (landing_folder(domain), landing_folder(domain) / "superseded"):
            yield from sorted(path.parent for path in (room / table).glob(f"*/{MANIFEST}"))


def _erase_partition(folder: Path, users: list[Identifier]) -> int:
    described = read_json(folder / MANIFEST)
    if _successor(folder).exists():  # killed between the rename and the removal
        shutil.rmtree(folder)
        return 0
    with duckdb.connect() as connection:
        connection.execute("SET threads = 2; SET TimeZone = 'UTC'")
        relation = f"read_parquet({literal(folder / DATA)})"
        found = [condition for user in users if (condition := rows_of(connection, relation, user))]
        if not found:
            return 0
        gone = " OR ".join(found)
        count = connection.execute(f"SELECT count(*) FROM {relation} WHERE {gone}").fetchone()
        if not count or not count[0]:
            return 0
        final = _successor(folder)
        with built_beside(final) as beside:
            connection.execute(
                f"COPY (SELECT * FROM {relation} WHERE NOT ({gone})) TO {literal(beside / DATA)} "
                "(FORMAT parquet, COMPRESSION zstd)"
            )
            for other in folder.iterdir():
                if other.name not in (DATA, MANIFEST):
                    shutil.copy2(other, beside / other.name)
            write_json(beside / MANIFEST, _described(connection, beside, described, folder.name, final.name, count[0]))
    shutil.rmtree(folder)
    log.info("%s/%s: %d rows erased", folder.parent.name, folder.name, count[0])
    return int(count[0])


def _successor(folder: Path) -> Path:
    return folder.with_name(digest(["erased", folder.name]))


def _described(
    connection: duckdb.DuckDBPyConnection, beside: Path, before: dict[str, Any], old: str, new: str, gone: int
) -> dict[str, Any]:
    """The manifest of what is left. That rows went is said, not whose."""
    time = TABLES[before["table"]].time or "NULL::TIMESTAMP"
    row = connection.execute(
        f"SELECT count(*), min({time}), max({time}) FROM read_parquet({literal(beside / DATA)})"
    ).fetchone()
    rows, first, last = row or (0, None, None)
    return {
        **before, "hash": new, "rows": rows, "min_occurred_at": _iso(first), "max_occurred_at": _iso(last),
        "landed_as": before.get("landed_as") or old, "rows_erased": before.get("rows_erased", 0) + gone,
        "content": file_digest(beside / DATA),
    }  # fmt: skip


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.replace(tzinfo=UTC).isoformat().replace("+00:00", "Z")
