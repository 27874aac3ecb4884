"""The landing zone as its readers see it: immutable typed partitions, and a word about their source.

    SLATE_HOME/landing/<domain>/source.json
    SLATE_HOME/landing/<domain>/<table>/<hash>/{data.parquet,manifest.json}   and notes.json, where a loader has any
    SLATE_HOME/landing/<domain>/superseded/<table>/<hash>/…

A partition holds one slice of a table (a month, a file). It is written once, appears by one rename and never
changes; landing the same content again changes nothing (only `ml.data.erasing_landing` takes rows out of it). When a slice of events or placements lands anew with other
content, the older partition moves to `superseded/`, out of the readers' sight but not lost; of items and users every
version stays, since what was known last month must not change today. `ml.data.landing_writer` writes all this.
"""

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from ml.artifacts import MANIFEST, read_json
from ml.data.schema import INTERACTIONS, TABLES
from ml.data.windows import default_as_of, later
from ml.domains import Protocol, Source
from ml.errors import RunFailed
from ml.settings import settings

DATA = "data.parquet"
NOTES = "notes.json"
SUPERSEDED = "superseded"
SERVED = "served:"  # begins the name of a slice that serving gave back; what follows identifies its content


@dataclass(frozen=True)
class Partition:
    """One landed slice of a table; instants are aware, UTC.

    Attributes:
        hash: Sixteen hexadecimal digits that identify the content; the name of the folder.
        slice: Which part of the source it is, such as `2017-03` or `events.csv`.
        as_of: The latest event of the whole source when this was landed.
        min_occurred_at: The partition's first event (None where the table has no time or no rows).
        max_occurred_at: The partition's last event.
        landed_as: The hash that it landed with, where rows were erased since; the folder's name is another then.
        rows_erased: How many rows were erased, by requests of the people whom they were about.
        content: SHA-256 of the data after an erasure; empty before any.
    """

    folder: Path
    table: str
    source: str
    slice: str
    hash: str
    rows: int
    as_of: datetime | None
    min_occurred_at: datetime | None
    max_occurred_at: datetime | None
    landed_at: datetime
    landed_as: str | None = None
    rows_erased: int = 0
    content: str = ""

    @property
    def identity(self) -> str:
        """The hash that it landed with: what landing the same content again compares."""
        return self.landed_as or self.hash

    @property
    def served(self) -> bool:
        """Whether it came back from serving; a loader landed all the others."""
        return self.slice.startswith(SERVED)

    @property
    def data(self) -> Path:
        """The Parquet file."""
        return self.folder / DATA


def landing_folder(domain: str) -> Path:
    """Where a domain's data lands."""
    return settings().domain_path("landing", domain)


def table_glob(domain: str, table: str) -> str:
    """A glob over every Parquet file of a table."""
    return str(landing_folder(domain) / table / "*" / DATA)


def partitions(domain: str, table: str | None = None) -> list[Partition]:
    """The partitions of one table, or of all tables, in the order in which they landed."""
    tables = [table] if table else list(TABLES)
    folders = [path.parent for name in tables for path in (landing_folder(domain) / name).glob(f"*/{MANIFEST}")]
    return sorted((_read_partition(folder) for folder in folders), key=lambda part: (part.landed_at, part.slice))


def _read_partition(folder: Path) -> Partition:
    found: dict[str, Any] = read_json(folder / MANIFEST)
    for name in ("as_of", "min_occurred_at", "max_occurred_at", "landed_at"):
        found[name] = datetime.fromisoformat(found[name]) if found[name] else None
    return Partition(folder=folder, **found)


def row_counts(domain: str) -> dict[str, int]:
    """Landed rows by table."""
    counts = dict.fromkeys(TABLES, 0)
    for partition in partitions(domain):
        counts[partition.table] += partition.rows
    return counts


def data_end(domain: str) -> datetime:
    """The latest event that a loader landed (aware, UTC); raises `RunFailed` where none has landed."""
    ends = [part.max_occurred_at for part in _own(partitions(domain)) if part.max_occurred_at]
    if not ends:
        raise RunFailed(f"nothing has landed for {domain} in {landing_folder(domain)}. Run: slate land")
    return max(ends)


def latest_as_of(domain: str, protocol: Protocol, landed: Sequence[Partition] | None = None) -> datetime:
    """Where a run stands that was told no as-of: the end of the last day of which all is known.

    A loader lands whole days. Served events prolong them up to the start of the day that is still being served, and
    only where no more than a cadence lies between: a shop's data of years ago, served today, stay years old.

    Args:
        protocol: As the source needs it.
        landed: Partitions, where they are at hand.

    Raises:
        RunFailed: No loader has landed any event.
    """
    landed = partitions(domain) if landed is None else landed
    ends = [part.max_occurred_at for part in _own(landed) if part.max_occurred_at]
    end = default_as_of(max(ends) if ends else data_end(domain), protocol)
    served = [part for part in landed if part.served and part.table == INTERACTIONS.name]
    spans = [(part.min_occurred_at, part.max_occurred_at) for part in served]
    for first, last in sorted((first, last) for first, last in spans if first and last):
        if first <= later(end, 1, protocol):
            end = max(end, default_as_of(last, protocol) - timedelta(days=1))
    return end


def _own(landed: Sequence[Partition]) -> list[Partition]:
    """The loader's events among partitions."""
    return [part for part in landed if part.table == INTERACTIONS.name and not part.served]


def read_source(domain: str) -> Source:
    """What the landed data lacks or changes about its domain; raises `RunFailed` where nothing has landed."""
    path = landing_folder(domain) / "source.json"
    if not path.exists():
        raise RunFailed(f"nothing has landed for {domain} in {path.parent}. Run: slate land")
    return Source.model_validate(read_json(path))


def supersede(partition: Partition) -> Path:
    """Take a partition out of its readers' sight, keeping it under `superseded/`; returns where it is now."""
    kept = partition.folder.parents[1] / SUPERSEDED / partition.table / partition.hash
    kept.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(kept, ignore_errors=True)  # the same content, superseded once before
    os.rename(partition.folder, kept)
    return kept
