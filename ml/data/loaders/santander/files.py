"""Santander's files, opened: which there are, how they are encoded, and whether their columns are the source's."""

import codecs
import gzip
import zlib
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

import duckdb

from ml.data.loaders.files import RawFile, raw_files
from ml.data.loaders.mapping import Column, TableMapping
from ml.data.loaders.santander.columns import CUSTOMER, FACTS, PRODUCTS, SNAPSHOT
from ml.errors import BadInput

TRAIN, TEST = "train_ver2.csv", "test_ver2.csv"
WHERE_FROM = "https://www.kaggle.com/competitions/santander-product-recommendation/data"
CHUNK = 1 << 24  # bytes


@dataclass(frozen=True)
class SnapshotFile:
    """One file of snapshots, opened.

    Attributes:
        raw: Every column of it as text.
        latin: Whether it is in Latin-1 rather than UTF-8.
        has_products: Whether it tells what customers own; the competition's test month does not.
    """

    raw: RawFile
    latin: bool
    has_products: bool

    @property
    def columns(self) -> tuple[str, ...]:
        """The source's columns that the file has; the row numbers of an excerpt are none."""
        return (SNAPSHOT, CUSTOMER, *FACTS, *(PRODUCTS if self.has_products else ()))


def snapshot_files(connection: duckdb.DuckDBPyConnection, folder: Path) -> list[SnapshotFile]:
    """Open the snapshots with products, and those of the competition's test month if they lie beside them.

    Raises:
        BadInput: There are none, or one cannot be read, or has other columns than the source.
    """
    train = _found(folder, TRAIN)
    if train is None:
        zipped = f" Unzip {TRAIN}.zip." if (folder / f"{TRAIN}.zip").exists() else ""
        raise BadInput(f"{folder / TRAIN}: there is no such file.{zipped} It comes from {WHERE_FROM}")
    test = _found(folder, TEST)
    opened = [_open(connection, train, has_products=True)]
    return opened + ([_open(connection, test, has_products=False)] if test else [])


def _found(folder: Path, name: str) -> Path | None:
    candidates = [folder / name, folder / f"{name}.gz"]
    return next((path for path in candidates if path.is_file()), None)


def _open(connection: duckdb.DuckDBPyConnection, path: Path, has_products: bool) -> SnapshotFile:
    latin = not _is_utf_8(path)
    table = TableMapping(
        files=(path.name,), columns={"user_id": Column(column=CUSTOMER)}, encoding="latin-1" if latin else "utf-8"
    )
    (raw,) = raw_files(connection, path.parent, table)
    found = SnapshotFile(raw, latin, has_products)
    _refuse_other_columns(found)
    return found


def _is_utf_8(path: Path) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as stored:
            while chunk := stored.read(CHUNK):
                decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    except (OSError, EOFError, zlib.error) as error:
        raise BadInput(f"{path}: cannot be read: {error}. Download it again from {WHERE_FROM}") from None
    return True


def _refuse_other_columns(file: SnapshotFile) -> None:
    """An excerpt may begin with a column of row numbers; nothing else may be missing or more."""
    present = list(file.raw.columns)
    missing = [column for column in file.columns if column not in present]
    if len(missing) > len(file.columns) / 2:
        raise BadInput(f"{file.raw.path}: is none of Santander's files: it lacks {', '.join(missing[:3])} and others")
    unknown = [column for column in present if column not in file.columns]
    if unknown and unknown[0] == present[0] and len(present) == len(file.columns) + 1:
        unknown = []
    problems = [f"column {column!r} is missing" for column in missing]
    for column in unknown:
        close = get_close_matches(column, missing or file.columns, n=1)
        problems.append(f"column {column!r} is unknown" + (f" (did you mean {close[0]!r}?)" if close else ""))
    if problems:
        raise BadInput(
            f"{file.raw.path}: all rows: {'; '.join(problems)}. Name the {len(file.columns)} columns as the "
            f"competition does: {WHERE_FROM}"
        )
