"""What it takes to keep the data of very many users where a serving process finds them."""

import gc
import os
import shutil
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from ml.errors import BadInput
from ml.logs import get_logger
from ml.memory import MEGABYTE
from ml.settings import settings
from ml.steps.measuring import machine
from ml.steps.online_users_found import UserFiles, by_bisection, by_key, forget_pages, timed
from ml.steps.online_users_made import (
    DIMENSIONS,
    EVENT,
    LAYOUTS,
    Layout,
    draw_lengths,
    user_ids,
    write_events,
    write_identifiers,
    write_key_values,
    write_vectors,
)

WARM, COLD = 20_000, 2_000  # look-ups that are timed
INDEXES = {"bisection": by_bisection, "key-value store": by_key}
SPARE = 1.3  # free space wanted, as a multiple of what the files take
log = get_logger(__name__)


def bench_online_users(users: int = 14_000_000, events_a_user: float = 12.0, seed: int = 7) -> dict[str, Any]:
    """Write made-up events and vectors of so many users, look some up, and remove it all.

    All happens in `SLATE_HOME/bench/online-users`, where an earlier run that was cut off is removed first.

    Args:
        users: How many.
        events_a_user: On average; at least 1.
        seed: Of what is drawn.

    Returns:
        `users`, `events`, `seed`, `event_bytes`, `dimensions`, `niceness` (of the process), `cores`, `memory_mb`; `files`: of each part the
        `seconds` it took to write, its `bytes` and its `bytes_a_user`; `look_ups`: one for each `layout`, `index` and
        `pages` (`cold` or `warm`) with `microseconds` by part and quantile, `pages_from_disk` a look-up, and after it
        `resident_mb` of the process and `own_mb`, the part of it that is no page of a file.

    Raises:
        BadInput: There are no users, or the disk has no room for them.
    """
    _check(users, events_a_user)
    folder = settings().home / "bench" / "online-users"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        events = int(draw_lengths(users, events_a_user, seed).sum())
        files = _written(folder, users, seed)
        looked: list[dict[str, Any]] = []
        for layout in LAYOUTS:
            part = folder / layout
            part.mkdir()
            files[f"events as {layout}"] = _measured(
                part, partial(_write_events, part, users, events_a_user, layout, seed)
            )
            looked += _look_ups(folder, layout, users, seed)
            shutil.rmtree(part)
    finally:
        shutil.rmtree(folder)
    told = {"users": users, "events": events, "seed": seed, "event_bytes": EVENT.itemsize}
    rows = [{"part": name, **row, "bytes_a_user": round(row["bytes"] / users, 1)} for name, row in files.items()]
    return {**told, "dimensions": DIMENSIONS, "niceness": os.nice(0), **machine(), "files": rows, "look_ups": looked}


def _check(users: int, events_a_user: float) -> None:
    if users < 1 or events_a_user < 1:
        raise BadInput(f"--users and --events must be at least 1; {users} and {events_a_user:g} were given")
    home = settings().home
    home.mkdir(parents=True, exist_ok=True)
    wanted = SPARE * users * (events_a_user * EVENT.itemsize + 2 * DIMENSIONS + 60)
    if (free := shutil.disk_usage(home).free) < wanted:
        raise BadInput(
            f"{users:,} users need {wanted / 1e9:.1f} GB in {home}, where {free / 1e9:.1f} GB are free: make room, set "
            "SLATE_HOME to a larger disk, or lower --users"
        )


def _written(folder: Path, users: int, seed: int) -> dict[str, dict[str, Any]]:
    parts = {
        "identifiers for bisection": partial(write_identifiers, folder, users),
        "identifiers in a key-value store": partial(write_key_values, folder, users),
        "vectors": partial(write_vectors, folder, users, seed),
    }
    return {name: _measured(folder, write) for name, write in parts.items()}


def _write_events(folder: Path, users: int, events_a_user: float, layout: Layout, seed: int) -> None:
    """Nothing of it stays in memory, which is looked at afterwards."""
    write_events(folder, draw_lengths(users, events_a_user, seed), layout, seed)


def _measured(folder: Path, write: Callable[[], None]) -> dict[str, Any]:
    before, started = _bytes(folder), time.perf_counter()
    write()
    taken = {"seconds": round(time.perf_counter() - started, 1), "bytes": _bytes(folder) - before}
    log.info("%s: %s", folder, taken)
    return taken


def _bytes(folder: Path) -> int:
    """What the disk holds: a file may be shorter there than it says."""
    return sum(path.stat().st_blocks * 512 for path in folder.rglob("*") if path.is_file())


def _look_ups(folder: Path, layout: Layout, users: int, seed: int) -> list[dict[str, Any]]:
    """Every index over one layout, first with no page in memory, then with those of the same users there."""
    rng = np.random.default_rng((seed, 3))
    rows = []
    for index in INDEXES:
        chosen = rng.integers(0, users, WARM)
        for pages in ("cold", "warm"):
            if pages == "cold":
                forget_pages(folder)
            row = _looked_up(folder, layout, index, chosen[:COLD] if pages == "cold" else chosen, pages)
            log.info("%s", row)
            rows.append(row)
    return rows


def _looked_up(folder: Path, layout: Layout, index: str, chosen: Any, pages: str) -> dict[str, Any]:
    wanted = [user_ids(row, row + 1)[0] for row in chosen.tolist()]
    find, files = INDEXES[index](folder), UserFiles.open(folder, layout)
    if pages == "warm":
        timed(find, files, wanted)
    times = timed(find, files, wanted)
    memory = psutil.Process().memory_info()
    del find, files
    gc.collect()
    held = {"resident_mb": memory.rss // MEGABYTE, "own_mb": (memory.rss - getattr(memory, "shared", 0)) // MEGABYTE}
    return {"layout": layout, "index": index, "pages": pages, **times.as_dict(), **held}
