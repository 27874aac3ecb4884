"""The files of one generated bank: the snapshots as CSV, all else as Parquet, a block of customers at a time."""

import shutil
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ml.data.generators.santander.facts import CUSTOMER_COLUMNS, FLAGS

SNAPSHOTS, TEST = "train_ver2.csv", "test_ver2.csv"
ROW_GROUP = 100_000  # rows of a Parquet file that are written together
CEILING = "ceiling/rankings"  # only the benchmark reads it


class Files:
    """Takes tables as they are made; memory holds one block at most.

    The snapshots are ordered by month, as the competition's are, though blocks of customers arrive one after another:
    each month has a part of its own until all are there. The month after the last has no flags, and a file to itself.
    """

    def __init__(self, folder: Path, months: int) -> None:
        self._folder = folder
        self._stack = ExitStack()
        self._parts: list[BinaryIO] = []
        self._months = months
        self._parquet: dict[str, pq.ParquetWriter] = {}
        self._waiting: dict[str, list[pa.Table]] = {}
        self.rows: dict[str, int] = {SNAPSHOTS: 0, TEST: 0}

    def __enter__(self) -> "Files":
        paths = [self._part(month) for month in range(self._months + 1)]
        self._parts = [self._stack.enter_context(path.open("wb")) for path in paths]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def add_snapshot(self, month: int, table: pa.Table) -> None:
        """Append rows of a month, all text; of the one after the last, its flags are left out."""
        is_test = month == self._months
        table = table.select(CUSTOMER_COLUMNS) if is_test else table
        lines = pc.binary_join_element_wise(*(_quoted(column) for column in table.columns), ",")
        self._parts[month].writelines(f"{line}\n".encode() for line in lines.to_pylist())
        self.rows[TEST if is_test else SNAPSHOTS] += len(table)

    def add(self, name: str, table: pa.Table) -> None:
        """Append rows to a Parquet file."""
        if name not in self._parquet:
            path = self._folder / f"{name}.parquet"
            path.parent.mkdir(exist_ok=True)
            self._parquet[name] = self._stack.enter_context(pq.ParquetWriter(path, table.schema, compression="zstd"))
        waiting = self._waiting.setdefault(name, [])
        waiting.append(table)
        if sum(map(len, waiting)) >= ROW_GROUP:
            self._write_group(name)
        self.rows[f"{name}.parquet"] = self.rows.get(f"{name}.parquet", 0) + len(table)

    def finish(self) -> None:
        """Write what has not been written yet; without it, files are incomplete."""
        for name in self._parquet:
            self._write_group(name)
        self._join_snapshots(SNAPSHOTS, (*CUSTOMER_COLUMNS, *FLAGS), range(self._months))
        self._join_snapshots(TEST, CUSTOMER_COLUMNS, [self._months])

    def _write_group(self, name: str) -> None:
        if waiting := self._waiting.pop(name, []):
            self._parquet[name].write_table(pa.concat_tables(waiting))

    def _join_snapshots(self, name: str, columns: Iterable[str], months: Iterable[int]) -> None:
        """The months' parts become one CSV and go as they are taken in."""
        header = ",".join(f'"{column}"' for column in columns)
        with (self._folder / name).open("wb") as whole:
            whole.write(f"{header}\n".encode())
            for month in months:
                self._parts[month].close()
                with self._part(month).open("rb") as rows:
                    shutil.copyfileobj(rows, whole)
                self._part(month).unlink()

    def _part(self, month: int) -> Path:
        return self._folder / f".snapshots-{month:02d}"


def _quoted(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Values with a comma stand in quotes, as `CORUÑA, A` does."""
    structural = pc.match_substring(column, ",")
    if not pc.any(structural).as_py():
        return column
    return pc.if_else(structural, pc.binary_join_element_wise('"', column, '"', ""), column)
