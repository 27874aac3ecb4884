"""What was served comes back as data: items, events and impressions into the landing zone, beside what its loader landed."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import chain, islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ml.artifacts import digest, read_json
from ml.data.landing import NOTES, SERVED, partitions, read_source, table_glob
from ml.data.landing_writer import LandingWriter, Part, open_landing
from ml.data.schema import DOUBLE, IMPRESSIONS, INTERACTIONS
from ml.data.sql import identifier, literal, literals
from ml.logs import get_logger
from ml.serving.events import LiveEvent
from ml.serving.impression_parts import impressions_folder, parts, seal_abandoned
from ml.steps.landing_items import land_items
from ml.steps.record import recorded
from ml.steps.served_segments import closed_segments

_CHUNK = 50_000  # events held at once
_NAMES = LiveEvent.__struct_fields__
log = get_logger(__name__)


def land_served(domain: str) -> dict[str, Any]:
    """Land what was told of items, then events, then impressions; nothing happens where nothing was served."""
    return {
        "domain": domain,
        "items": land_items(domain)["items"],
        "events": land_events(domain)["landed"],
        "impressions": land_impressions(domain)["landed"],
    }


@recorded("land events")
def land_events(
    domain: str, segments: Iterable[Iterable[LiveEvent]] | None = None, now: datetime | None = None
) -> dict[str, Any]:
    """Land the events that serving has accepted as one more partition of the zone's own source.

    An event lands once, whatever segment it stands in: one whose `event_id` the zone holds is left out, also where a
    loader brought it. One that says to have happened after `now` waits for a later landing.

    Args:
        domain: Whose zone; its loader has landed before.
        segments: Of the event log; default: its closed ones.
        now: When this landing takes place (aware, UTC).

    Returns:
        `domain`, `landed`, `known` (events that the zone held) and `waiting`.

    Raises:
        RunFailed: There are events, but no loader has landed anything yet; or a segment is corrupt.
    """
    events = chain.from_iterable(closed_segments(domain) if segments is None else segments)
    first = next(events, None)
    if first is None:
        return {"domain": domain, "landed": 0, "known": 0, "waiting": 0}
    source, moment = read_source(domain), now or datetime.now(UTC)
    with open_landing(domain, source.name, moment) as writer:
        path = writer.scratch / "events.parquet"
        read = _write_events(path, chain([first], events))
        query = _new_events(domain, path, moment)
        landed, waiting = _counted(writer, query), _later(writer, path, moment)
        if landed:
            _stage(writer, INTERACTIONS.name, query, _identity(writer, query))
            writer.commit(source)
    log.info("%s: %d served events have landed", domain, landed)
    return {"domain": domain, "landed": landed, "known": read - landed - waiting, "waiting": waiting}


@recorded("land impressions")
def land_impressions(domain: str, now: datetime | None = None) -> dict[str, Any]:
    """Land the sealed parts of the log of impressions that have not landed yet, as one partition.

    What a killed process left in its journal is sealed first; what a living one still writes waits for its part.

    Returns:
        `domain`, `landed` (rows: items of slates) and `parts` (how many were new).

    Raises:
        RunFailed: There are impressions, but no loader has landed anything yet.
    """
    folder = impressions_folder(domain)
    if folder.is_dir():
        seal_abandoned(folder)
    held = _landed_parts(domain)
    new = [part for part in parts(folder) if part.name not in held]
    if not new:
        return {"domain": domain, "landed": 0, "parts": 0}
    source, names = read_source(domain), [part.name for part in new]
    with open_landing(domain, source.name, now or datetime.now(UTC)) as writer:
        columns = ", ".join(identifier(name) for name in IMPRESSIONS.columns)
        query = f"SELECT {columns} FROM read_parquet({literals(new)})"
        landed = _counted(writer, query)
        _stage(writer, IMPRESSIONS.name, query, digest(names), {"parts": names})
        writer.commit(source)
    log.info("%s: %d impressions have landed", domain, landed)
    return {"domain": domain, "landed": landed, "parts": len(new)}


def _landed_parts(domain: str) -> set[str]:
    """Names of the parts that some landing took."""
    notes = [part.folder / NOTES for part in partitions(domain, IMPRESSIONS.name) if part.served]
    return {name for path in notes for name in read_json(path)["parts"]}


def _stage(writer: LandingWriter, table: str, query: str, content: str, notes: dict[str, object] | None = None) -> None:
    """One partition of its own: no other slice is superseded by it, nor it by any."""
    writer.stage(Part(table, f"{SERVED}{content}", {"served": content}), query, notes)


def _write_events(path: Path, events: Iterator[LiveEvent]) -> int:
    """Write events as Parquet, a chunk at a time; returns how many."""
    kinds = {**dict.fromkeys(_NAMES, pa.string()), "occurred_at": pa.timestamp("us")}
    kinds |= {name: pa.float64() for name in _NAMES if INTERACTIONS.columns[name] == DOUBLE}
    schema, rows = pa.schema([(name, kinds[name]) for name in _NAMES]), 0
    with pq.ParquetWriter(path, schema) as target:
        while chunk := list(islice(events, _CHUNK)):
            target.write_table(_table(chunk, schema))
            rows += len(chunk)
    return rows


def _table(events: Sequence[LiveEvent], schema: pa.Schema) -> pa.Table:
    columns = [pa.array([getattr(event, field.name) for event in events], field.type) for field in schema]
    return pa.Table.from_arrays(columns, schema=schema)


def _new_events(domain: str, path: Path, now: datetime) -> str:
    """SQL of the events that have happened and that the zone does not hold, once each."""
    return f"""
        SELECT served.* FROM read_parquet({literal(path)}) AS served
        ANTI JOIN read_parquet({literal(table_glob(domain, INTERACTIONS.name))}) AS landed
            ON served.event_id = landed.event_id
        WHERE served.occurred_at <= {_moment(now)}
        QUALIFY row_number() OVER (PARTITION BY served.event_id ORDER BY served.occurred_at) = 1
    """


def _later(writer: LandingWriter, path: Path, now: datetime) -> int:
    return _counted(writer, f"SELECT 1 FROM read_parquet({literal(path)}) WHERE occurred_at > {_moment(now)}")


def _moment(now: datetime) -> str:
    return f"{literal(now.astimezone(UTC).replace(tzinfo=None))}::TIMESTAMP"


def _counted(writer: LandingWriter, query: str) -> int:
    return int(writer.connection.execute(f"SELECT count(*) FROM ({query})").fetchone()[0])


def _identity(writer: LandingWriter, query: str) -> str:
    """Identifies a set of events by their ids."""
    found = writer.connection.execute(f"SELECT count(*), bit_xor(hash(event_id)) FROM ({query})").fetchone()
    return digest([str(value) for value in found])
