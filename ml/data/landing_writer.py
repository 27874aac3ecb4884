"""Writing the landing zone: all tables of one landing are staged first, then appear by renames.

A landing that fails or is killed while staging leaves the zone as it was; its staging folder is cleared by the
next one. A landing killed between two renames is completed by landing the same data again.
"""

import fcntl
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from ml.artifacts import MANIFEST, digest, write_json
from ml.data.landing import DATA, NOTES, Partition, landing_folder, partitions, supersede
from ml.data.schema import INTERACTIONS, TABLES
from ml.data.sql import identifier, literal
from ml.domains import Source
from ml.errors import BadInput
from ml.logs import get_logger
from ml.settings import settings

log = get_logger(__name__)


@dataclass(frozen=True)
class Part:
    """What a partition is made from, before it is made.

    Attributes:
        table: Landing table.
        slice: Which part of the source this is; a later landing of the same slice supersedes it, or is its next
            version.
        inputs: Everything that the content depends on: file digests, mapping, the loader's own digest.
    """

    table: str
    slice: str
    inputs: Mapping[str, Any]

    @property
    def hash(self) -> str:
        """Identifies the content; the slice's name is no part of it, so that a renamed file of events lands once."""
        columns = dict(TABLES[self.table].columns)
        return digest({"table": self.table, "columns": columns, "inputs": dict(self.inputs)})


@dataclass(frozen=True)
class Landed:
    """What one landing did: the partitions it wrote and those it found already there."""

    new: list[Partition]
    reused: list[Partition]


class LandingWriter:
    """Stages and commits the partitions of one landing; made by `open_landing`."""

    def __init__(self, domain: str, source: str, now: datetime, staging: Path) -> None:
        self.domain, self.source, self.now = domain, source, now
        self._staging = staging
        self._before = partitions(domain)
        self._staged: dict[str, Partition] = {}
        self._reused: dict[str, Partition] = {}
        self.connection = _connect(staging)

    def holds(self, part: Part) -> bool:
        """Whether this content has landed already, or is staged; if so it takes part in the commit as it is."""
        landed = self._landed(part)
        if landed:
            self._reused[landed.hash] = landed
        return landed is not None or self._name(part) in self._staged

    def keep_events(self) -> None:
        """Let all events that have landed take part in the commit as they are, for a landing that brings none."""
        self._reused |= {part.hash: part for part in self._before if part.table == INTERACTIONS.name}

    def _landed(self, part: Part) -> Partition | None:
        if not TABLES[part.table].versioned:
            same = [known for known in self._before if (known.table, known.identity) == (part.table, part.hash)]
            return same[0] if same else None
        versions = self._versions(part)
        is_current = bool(versions) and versions[-1].identity == _version_hash(part, versions[:-1])
        return versions[-1] if is_current else None

    def _versions(self, part: Part) -> list[Partition]:
        return [known for known in self._before if (known.table, known.slice) == (part.table, part.slice)]

    def _name(self, part: Part) -> str:
        return _version_hash(part, self._versions(part)) if TABLES[part.table].versioned else part.hash

    @property
    def scratch(self) -> Path:
        """A folder for what a loader needs meanwhile; it goes with the landing."""
        path = self._staging / "scratch"
        path.mkdir(exist_ok=True)
        return path

    def stage(self, part: Part, query: str, notes: Mapping[str, object] | None = None) -> None:
        """Write the result of a query as a partition, unless its content has landed already.

        The query streams through DuckDB, which spills to the staging folder beyond its memory limit.

        Args:
            query: Yields any of the table's columns, by name; the others land as typed nulls.
            notes: What else is to be known about the partition, such as what was repaired; kept beside its
                manifest as `notes.json`.
        """
        if self.holds(part):
            return
        name = self._name(part)
        folder = self._staging / part.table / name
        folder.mkdir(parents=True)
        self.connection.execute(
            f"COPY ({self._typed(part.table, query)}) TO {literal(folder / DATA)} (FORMAT parquet, COMPRESSION zstd)"
        )
        if notes is not None:
            write_json(folder / NOTES, dict(notes))
        self._staged[name] = self._describe(part, folder)
        log.info("%s %s: %s rows", part.table, part.slice, f"{self._staged[name].rows:,}")

    def _typed(self, name: str, query: str) -> str:
        table = TABLES[name]
        found = {row[0] for row in self.connection.execute(f"DESCRIBE {query}").fetchall()}
        if unknown := found - set(table.columns):
            raise ValueError(f"{name} has no columns {sorted(unknown)}")
        columns = ", ".join(
            f"CAST({identifier(column) if column in found else 'NULL'} AS {kind}) AS {identifier(column)}"
            for column, kind in table.columns.items()
        )
        return f"SELECT {columns} FROM ({query}) ORDER BY {', '.join(table.order)}"

    def _describe(self, part: Part, folder: Path) -> Partition:
        time = TABLES[part.table].time or "NULL::TIMESTAMP"
        rows, first, last = self.connection.execute(
            f"SELECT count(*), min({time}), max({time}) FROM read_parquet(?)", [str(folder / DATA)]
        ).fetchone()
        first, last = (moment.replace(tzinfo=UTC) if moment else None for moment in (first, last))
        return Partition(folder, part.table, self.source, part.slice, folder.name, rows, None, first, last, self.now)

    def commit(self, source: Source) -> Landed:
        """Make everything that was staged visible, supersede what it replaces, and write `source.json`.

        Raises:
            BadInput: The landing holds no event at all.
        """
        self._add_empty_tables()
        taking_part = [*self._staged.values(), *self._reused.values()]
        ends = [part.max_occurred_at for part in taking_part if part.max_occurred_at]
        if not ends:
            raise BadInput(f"{self.source} holds no interaction with a time; nothing was landed")
        new = [self._publish(replace(part, as_of=max(ends))) for part in self._in_order()]
        self._supersede([*new, *self._reused.values()])
        write_json(landing_folder(self.domain) / "source.json", source.model_dump(mode="json"))
        return Landed(new, list(self._reused.values()))

    def _in_order(self) -> list[Partition]:
        """Interactions last: what they refer to is there before them."""
        return sorted(self._staged.values(), key=lambda part: part.table == INTERACTIONS.name)

    def _add_empty_tables(self) -> None:
        """A table that the source lacks lands as one empty partition, so that readers always find a file."""
        present = {part.table for part in [*self._before, *self._staged.values()]}
        for name, table in TABLES.items():
            if name not in present:
                nothing = ", ".join(f"NULL AS {identifier(column)}" for column in table.columns)
                self.stage(Part(name, "", {}), f"SELECT {nothing} WHERE false")

    def _publish(self, staged: Partition) -> Partition:
        write_json(staged.folder / MANIFEST, _manifest(staged))
        final = landing_folder(self.domain) / staged.table / staged.hash
        final.parent.mkdir(parents=True, exist_ok=True)
        os.rename(staged.folder, final)
        return replace(staged, folder=final)

    def _supersede(self, current: list[Partition]) -> None:
        slices = {(part.table, part.slice): part.hash for part in current if not TABLES[part.table].versioned}
        for partition in self._before:
            if slices.get((partition.table, partition.slice), partition.hash) != partition.hash:
                log.info("%s %s: superseded by its new content", partition.table, partition.slice)
                supersede(partition)


def _version_hash(part: Part, earlier: list[Partition]) -> str:
    """A version is known by its content and what it follows: a catalogue may return to what it was before."""
    return digest([part.slice, part.hash, earlier[-1].identity if earlier else None])


def _manifest(partition: Partition) -> dict[str, Any]:
    found = asdict(partition)
    for name in ("folder", "landed_as", "rows_erased", "content"):  # nothing is erased of what lands now
        del found[name]
    return {
        name: value.isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else value
        for name, value in found.items()
    }


def _connect(staging: Path) -> duckdb.DuckDBPyConnection:
    known = settings()
    connection = duckdb.connect(
        config={"threads": known.threads, "memory_limit": known.memory_limit, "temp_directory": str(staging / "spill")}
    )
    connection.execute("SET TimeZone = 'UTC'")
    return connection


@contextmanager
def open_landing(domain: str, source: str, now: datetime) -> Iterator[LandingWriter]:
    """One landing at a time into a domain's zone; another process waits for its turn.

    Args:
        source: Name of the data's source; a zone holds the data of one source.
        now: When this landing takes place (aware, UTC).

    Raises:
        BadInput: The zone already holds the data of another source.
    """
    folder = landing_folder(domain)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the system releases it when the process ends, however it ends
        _refuse_another_source(domain, source)
        for abandoned in folder.glob(".staging-*"):
            shutil.rmtree(abandoned)
        staging = folder / f".staging-{uuid.uuid4().hex}"
        staging.mkdir()
        writer = LandingWriter(domain, source, now, staging)
        try:
            yield writer
        finally:
            writer.connection.close()
            shutil.rmtree(staging, ignore_errors=True)


def _refuse_another_source(domain: str, source: str) -> None:
    held = {partition.source for partition in partitions(domain)} - {source}
    if held:
        raise BadInput(
            f"{landing_folder(domain)} already holds data of {', '.join(sorted(held))}, which {source} must not mix "
            "with. Give it a SLATE_HOME of its own."
        )
