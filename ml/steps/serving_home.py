"""A home of its own for a server under measurement: the champion of the real one, and nothing written there."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from ml.domains import get_domain
from ml.errors import BadInput
from ml.settings import changed_settings, settings
from ml.tracking import registry
from ml.tracking.registry import Version
from ml.tracking.store import client

READ = ("artifacts", "current")  # rooms that a server only reads: linked
DATABASE = Path("mlflow") / "mlflow.db"


@contextmanager
def measured_home(name: str) -> Iterator[Path]:
    """`SLATE_HOME` is a copy without data, in `bench/` of the real one, until the end; then it is removed.

    Events that a benchmark makes up, and champions that it moves, stay there.

    Raises:
        BadInput: The registry is not a file of this home: moving its champion would be felt elsewhere.
    """
    if settings().tracking_uri is not None:
        raise BadInput("SLATE_TRACKING_URI names a registry that others may use: unset it to measure serving here")
    real = settings().home
    home = real / "bench" / name
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    try:
        _fill(home, real)
        with changed_settings(home=home):
            yield home
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _fill(home: Path, real: Path) -> None:
    for room in READ:
        if (real / room).exists():
            (home / room).symlink_to(real / room)
    if (real / "registry").exists():
        shutil.copytree(real / "registry", home / "registry")
    if (real / DATABASE).exists():
        (home / DATABASE).parent.mkdir()
        there = f"file:{real / DATABASE}?mode=ro"
        with closing(sqlite3.connect(there, uri=True)) as source, closing(sqlite3.connect(home / DATABASE)) as target:
            source.backup(target)


def twin_of(domain: str, version: Version) -> int:
    """Another version of the same bundle, so that there is one to move the champion to; returns its number."""
    name, tracker = get_domain(domain).registered_model, client()
    entry = tracker.get_model_version(name, str(version.number))
    return int(tracker.create_model_version(name, entry.source, run_id=entry.run_id, tags=dict(entry.tags)).version)


def move(domain: str, version: int) -> None:
    """Point the champion at a version."""
    registry.move_champion(domain, version, "a measurement", "slate bench", at=datetime.now(UTC), overrule=True)
