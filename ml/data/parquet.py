"""Parquet files that people hand in."""

from pathlib import Path

import numpy as np
import pandas as pd

from ml.errors import BadInput


def read_table(path: Path, needed: tuple[str, ...], rows: str) -> pd.DataFrame:
    """A table whose needed columns are there and filled.

    Args:
        path: Of the file.
        needed: Columns that it must have, without a missing value.
        rows: What a table without a row lacks, for the error: `at least one basket`.

    Raises:
        BadInput: names the file, the row, the field and the remedy.
    """
    if not path.exists():
        raise BadInput(f"{path}: there is no such file: hand in a Parquet file")
    try:
        frame = pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise BadInput(f"{path}: cannot be read as Parquet ({error}): write it with pyarrow or duckdb") from error
    for column in needed:
        if column not in frame:
            has = ", ".join(map(str, frame.columns))
            raise BadInput(f"{path}: column {column} is missing: rename or add it; the file has {has}")
        empty = np.flatnonzero(frame[column].isna())
        if len(empty):
            raise BadInput(f"{path}, row {empty[0]}: {column} is empty: fill it in or leave the row out")
    if not len(frame):
        raise BadInput(f"{path}: the file has no rows: hand in {rows}")
    return frame.reset_index(drop=True)
