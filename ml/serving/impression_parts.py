"""Impressions on disk: an append-only journal, a line of JSON a served slate, sealed into a Parquet part a rotation.

    SLATE_HOME/serving/<domain>/impressions/<name>.jsonl     being written; its writer holds a lock on it
    SLATE_HOME/serving/<domain>/impressions/<name>.parquet   sealed, in the columns of `SERVED_IMPRESSION`; never changes

A journal whose writer was killed is sealed by whoever comes next: its lock is free. A line that was cut off is no JSON
and is left out; every whole one is kept. The part appears by one rename before its journal goes, so that a kill in
between leaves both, and the next sealing only removes the journal.
"""

import fcntl
import json
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import msgspec

from ml.data.sql import literal
from ml.logs import get_logger
from ml.serving.contract import ServedItem, ServedSlate
from ml.settings import settings

JOURNAL, PART = ".jsonl", ".parquet"
_LINE = (
    "{slate_id: 'VARCHAR', user_id: 'VARCHAR', rules: 'VARCHAR[]', model_version: 'INTEGER', shown_at: 'BIGINT', "
    "placement: 'VARCHAR', session_id: 'VARCHAR', device: 'VARCHAR', channel: 'VARCHAR', degraded: 'VARCHAR', "
    'items: \'STRUCT(item_id VARCHAR, "position" INTEGER, score FLOAT, sources VARCHAR[], propensity DOUBLE, '
    "explored BOOLEAN)[]'}"
)
_ROWS = """
    SELECT slate_id, user_id, item.item_id, item."position", item.score, item.sources, item.propensity, item.explored,
           rules, model_version, make_timestamp(shown_at) AS shown_at, CAST(NULL AS BOOLEAN) AS clicked,
           placement, session_id, device, channel, degraded
    FROM (
        SELECT *, unnest(items) AS item
        FROM read_json({journal}, format = 'newline_delimited', ignore_errors = true, columns = {columns})
        WHERE slate_id IS NOT NULL
    )
"""
log = get_logger(__name__)


def impressions_folder(domain: str) -> Path:
    """Where a domain's served slates are kept until they land."""
    return settings().domain_path("serving", domain) / "impressions"


def line_of(slate: ServedSlate) -> bytes:
    """One served slate as a line of a journal; what is not known is null."""
    told = {
        "slate_id": slate.slate_id, "user_id": slate.user_id, "rules": slate.rules, "shown_at": slate.shown_at,
        "model_version": slate.model_version, "placement": slate.placement, "session_id": slate.session_id,
        "device": slate.context.get("device"), "channel": slate.context.get("channel"), "degraded": slate.degraded,
        "items": [_item(item) for item in slate.items],
    }  # fmt: skip
    try:
        return msgspec.json.encode(told) + b"\n"
    except UnicodeEncodeError:  # half of a surrogate pair, which a client may send, is not UTF-8
        return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace") + b"\n"


def _item(item: ServedItem) -> dict[str, object]:
    score = item.score if item.score is not None and math.isfinite(item.score) else None
    return {
        "item_id": item.item_id, "position": item.position, "score": score, "sources": item.sources,
        "propensity": item.propensity, "explored": item.explored,
    }  # fmt: skip


def parts(folder: Path) -> list[Path]:
    """The sealed parts, in the order of their names."""
    return sorted(path for path in folder.glob(f"*{PART}") if not path.name.startswith("."))


def seal_abandoned(folder: Path) -> int:
    """Seal every journal that nobody writes any more; returns how many went.

    Raises:
        OSError: A part cannot be written (a full disk): its journal stays.
    """
    sealed = 0
    for path in sorted(folder.glob(f"*{JOURNAL}")):
        with _claimed(path) as ours:
            if ours:
                _seal(path)
                sealed += 1
    return sealed


@contextmanager
def _claimed(path: Path) -> Iterator[bool]:
    """Whether the journal is nobody else's; if so, nobody else seals it meanwhile."""
    try:
        stream: BinaryIO = path.open("rb")
    except FileNotFoundError:  # another process has sealed it
        yield False
        return
    with stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield path.exists()


def _seal(journal: Path) -> None:
    """Make the journal's part, then remove the journal; one that holds no whole line leaves no part."""
    part = journal.with_suffix(PART)
    if not part.exists():
        beside = part.with_name(f".{part.name}")
        rows = _convert(journal, beside)
        if rows:
            os.replace(beside, part)
        else:
            beside.unlink()
    journal.unlink()


def _convert(journal: Path, target: Path) -> int:
    """Write the journal's rows as Parquet and on to the disk; returns how many there are.

    DuckDB reads and writes without Python's lock, so that requests are answered meanwhile.
    """
    import duckdb

    with duckdb.connect(config={"threads": 1, "memory_limit": "256MB"}) as connection:
        rows = _ROWS.format(journal=literal(journal), columns=_LINE)
        copied = connection.execute(f"COPY ({rows}) TO {literal(target)} (FORMAT parquet, COMPRESSION zstd)").fetchone()
    with target.open("rb") as written:
        os.fsync(written.fileno())
    return int(copied[0])
