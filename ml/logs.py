"""Logging and progress for people: always on standard error, so that standard output stays one JSON document."""

import logging
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeVar

from rich.console import Console
from rich.logging import RichHandler
from rich.progress import track

T = TypeVar("T")
console = Console(stderr=True)


def get_logger(name: str) -> logging.Logger:
    """The logger of a module, below `slate`."""
    return logging.getLogger(f"slate.{name.removeprefix('ml.')}")


def set_up_logging(level: int = logging.INFO) -> None:
    """Send Slate's own messages to standard error and quieten the libraries."""
    handler = RichHandler(console=console, show_path=False, log_time_format="%H:%M:%S")
    handler.setFormatter(logging.Formatter("%(message)s"))
    logger = logging.getLogger("slate")
    logger.handlers[:] = [handler]
    logger.setLevel(level)
    logger.propagate = False
    logging.getLogger().setLevel(logging.WARNING)


def progress(items: Iterable[T], description: str, total: float | None = None) -> Iterator[T]:
    """Iterate with a progress bar on a terminal, silently elsewhere (a log file is no place for bars)."""
    yield from track(items, description=description, total=total, console=console, disable=not console.is_terminal)


def silence_exit() -> None:
    """Call last in a process: from here on nothing reaches standard error.

    While the interpreter shuts down, duckdb's binding reports each type that SQLAlchemy's dialect still holds as
    leaked: dozens of lines that mean nothing to anybody.
    """
    sys.stderr.flush()
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
