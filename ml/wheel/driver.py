"""The one driver of a `SLATE_HOME`: holds its lock, ends what a killed one left, and stops its own services."""

import fcntl
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from ml.errors import BadInput
from ml.logs import get_logger
from ml.wheel.processes import Services

log = get_logger(__name__)


@contextmanager
def sole_driver(folder: Path) -> Iterator[Services]:
    """Services that stop at the end of the block, however it ends; the lock dies with this process.

    Args:
        folder: Where the services keep their record and logs.

    Raises:
        BadInput: Another driver of this folder is alive.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "driver.lock").open("w") as lock, _terminable():
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BadInput(f"`slate demo` or `slate ui` already runs on {folder.parent}: stop it first") from None
        services = Services(folder)
        if left := services.end_left_over():
            log.warning("Ended %d processes that an interrupted run had left", left)
        try:
            yield services
        finally:
            log.info("Stopping %s", ", ".join(each.name for each in services.started) or "nothing")
            services.stop()


@contextmanager
def _terminable() -> Iterator[None]:
    """Turn a polite request to end into an exception, so that `finally` blocks run."""

    def leave(number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
