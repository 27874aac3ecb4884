"""The LMDB file under the embedded store: opened only where it is whole, grown where it is full.

Writes are not synced: the event log is the truth, and the store can be made again from it. A killed process leaves a
consistent file, since the operating system keeps its pages; a machine that went down may not, so that a file which was
not closed is taken for good only during the same boot. A file cut short would end the process that reads it (SIGBUS),
so it is looked at first, by a process of its own.
"""

import os
import shutil
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import lmdb

from ml.artifacts import read_json, write_json
from ml.logs import get_logger
from ml.serving.online import lmdb_check
from ml.serving.online.errors import StoreGone
from ml.serving.online.lmdb_check import TABLES

MEBIBYTE = 1 << 20
MAGIC, META_BYTES = 0xBEEFC0DE, 152
DATA, STATE = "data.mdb", "state.json"
BOOT = Path("/proc/sys/kernel/random/boot_id")
logger = get_logger(__name__)


class LmdbFile:
    """One LMDB environment and its tables, for reads and writes of many threads.

    Args:
        folder: Made where it is not there.
        reader: Another process writes.
        map_size: Bytes to begin with; grows.

    Raises:
        StoreGone: As a reader, where nobody has made it yet.
    """

    def __init__(self, folder: Path, reader: bool = False, map_size: int = 64 * MEBIBYTE) -> None:
        self.folder, self.reader = folder, reader
        self._gate = threading.Condition()
        self._inside = 0  # transactions that run
        if not reader:
            _make_room(folder)
        elif not _size(folder) or not is_long_enough(folder):
            raise StoreGone(f"{folder} holds no online store yet: start the process that writes it")
        try:
            self._environment = lmdb.open(
                str(folder), map_size=0 if reader else max(map_size, _size(folder)), max_dbs=len(TABLES),
                max_readers=1024, readonly=reader, sync=False, metasync=False,
            )  # fmt: skip
            self.tables: dict[str, Any] = {
                name: self._environment.open_db(name.encode(), create=not reader) for name in TABLES
            }
        except lmdb.Error as error:
            raise StoreGone(f"the online store {folder} cannot be opened: {error}") from None
        self._inode = (folder / DATA).stat().st_ino
        if not reader:
            self._environment.reader_check()
            self._reserve()
            write_json(folder / STATE, {"boot": _boot()})

    def is_replaced(self) -> bool:
        """Whether the writer has put another file in this one's place."""
        try:
            return (self.folder / DATA).stat().st_ino != self._inode
        except FileNotFoundError:
            return True

    @contextmanager
    def reading(self) -> Iterator[Any]:
        """A transaction that sees one state. Raises `StoreGone` for a file that cannot be read."""
        yield from self._transaction(write=False)

    @contextmanager
    def writing(self) -> Iterator[Any]:
        """A transaction whose changes all happen or none. Raises `lmdb.MapFullError`: `grow` and do it again."""
        yield from self._transaction(write=True)

    def grow(self) -> None:
        """Twice the room."""
        with self._alone():
            size = 2 * self._environment.info()["map_size"]
            self._environment.set_mapsize(size)
            self._reserve()
        logger.info("the online store %s may now hold %d MB", self.folder, size // MEBIBYTE)

    def close(self) -> None:
        """Sync, so that the file may be believed after a power cut too."""
        with self._alone():
            if not self.reader:
                self._environment.sync(True)
                write_json(self.folder / STATE, {"boot": None})
            self._environment.close()

    def _reserve(self) -> None:
        """Make the file (sparsely) as long as the map: LMDB may end it before its last page, as if it were cut."""
        size = self._environment.info()["map_size"]
        if _size(self.folder) < size:
            os.truncate(self.folder / DATA, size)

    def _transaction(self, write: bool) -> Iterator[Any]:
        with self._gate:
            self._inside += 1
        try:
            with self._begun(write) as transaction:
                yield transaction
        except (lmdb.MapFullError, lmdb.MapResizedError):
            raise
        except lmdb.Error as error:
            raise StoreGone(f"the online store {self.folder} cannot be read: {error}") from None
        finally:
            with self._gate:
                self._inside -= 1
                self._gate.notify_all()

    def _begun(self, write: bool) -> Any:
        try:
            return self._environment.begin(write=write, buffers=False)
        except lmdb.MapResizedError:
            with self._gate:
                self._inside -= 1
            with self._alone():
                self._environment.set_mapsize(0)  # as large as the writer made it
            with self._gate:
                self._inside += 1
            return self._environment.begin(write=write, buffers=False)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with self._gate:
            self._gate.wait_for(lambda: not self._inside)
            yield


def is_long_enough(folder: Path) -> bool:
    """Whether a file holds all pages that it says it has: one cut short ends the process that reads it.

    LMDB's file begins with two pages that say so in turn, as `lmdb.h` of 0.9 lays them out; the later one counts.
    """
    with (folder / DATA).open("rb") as stream:
        page = _meta_page(stream.read(META_BYTES))
        if page is None:
            return False
        stream.seek(page[0])
        other = _meta_page(stream.read(META_BYTES))
    if other is None:
        return False
    size, last_page, _ = max(page, other, key=lambda meta: meta[2])
    return (last_page + 1) * size <= _size(folder)


def _meta_page(page: bytes) -> tuple[int, int, int] | None:
    """(bytes of a page, last page in use, transaction) of a page that describes the file; None: it is none."""
    if len(page) < META_BYTES or struct.unpack_from("=I", page, 16)[0] != MAGIC:
        return None
    return struct.unpack_from("=I", page, 40)[0], *struct.unpack_from("=QQ", page, 136)


def _make_room(folder: Path) -> None:
    """Leave a file that may be believed, or none."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / DATA).exists() or (reason := _distrusted(folder)) is None:
        return
    logger.warning("the online store %s %s: it is made again from the event log", folder, reason)
    kept = folder / "distrusted"
    shutil.rmtree(kept, ignore_errors=True)
    kept.mkdir()
    for path in (folder / DATA, folder / "lock.mdb", folder / STATE):
        with suppress(FileNotFoundError):
            path.replace(kept / path.name)


def _distrusted(folder: Path) -> str | None:
    """Why a file is not to be believed; None: it is."""
    try:
        boot = read_json(folder / STATE)["boot"]
    except (OSError, ValueError, KeyError, TypeError):
        return "says nothing of how it was left"
    if boot is not None and boot != _boot():
        return "was not closed before the machine went down"
    if not is_long_enough(folder):
        return "is cut short or no store at all"
    checked = subprocess.run(  # noqa: S603  (our own module)
        [sys.executable, lmdb_check.__file__, str(folder)], capture_output=True, text=True, check=False
    )
    if checked.returncode:
        return f"is corrupt ({checked.stderr.strip().splitlines()[-1] if checked.stderr.strip() else 'unreadable'})"
    return None


def _size(folder: Path) -> int:
    try:
        return (folder / DATA).stat().st_size
    except FileNotFoundError:
        return 0


def _boot() -> str:
    """Which run of the machine it is; one of its own where the system does not tell."""
    try:
        return BOOT.read_text().strip()
    except OSError:
        return "unknown to this process"
