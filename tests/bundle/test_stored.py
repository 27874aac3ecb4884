"""What a bundle's files say when they are read."""

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from ml.bundle.stored import ROWS, load_vocabulary, read_rows, save_vocabulary
from ml.data.vocabulary import Vocabulary


def items(count: int) -> pd.DataFrame:
    """As a catalogue has them: some of each column is not known, and of one nothing is until late."""
    known = pd.Series(range(count)) % 3 > 0
    return pd.DataFrame(
        {
            "item_id": [f"ä{item}" for item in range(count)],
            "brand": pd.Series([f"b{item % 7}" for item in range(count)], dtype=object).where(known, None),
            "price": pd.Series([item / 4 for item in range(count)], dtype=float).where(known),
            "stock": pd.Series([None if item < ROWS + 5 else 1.0 for item in range(count)], dtype=float),
            "launched_at": pd.Series([datetime(2017, 1, 1, tzinfo=UTC)] * count, dtype="datetime64[us, UTC]"),
            "attributes": pd.Series(
                [[("organic", "yes")] if item % 2 else None for item in range(count)], dtype=object
            ),
        }
    )


@pytest.mark.parametrize("count", [0, 1, ROWS, ROWS + 1, 2 * ROWS + 7])
def test_rows_read_in_parts_are_those_read_at_once(tmp_path, count):
    items(count).to_parquet(tmp_path / "items.parquet", index=False)
    called = []
    found = read_rows(tmp_path / "items.parquet", lambda: called.append(None))
    pd.testing.assert_frame_equal(found, pd.read_parquet(tmp_path / "items.parquet"))
    assert len(called) == -(-count // ROWS)


@pytest.mark.parametrize("ids", [[], ["a"], [f"ü{number}" for number in range(ROWS + 3)]])
def test_a_vocabulary_is_read_as_it_was_written(tmp_path, ids):
    save_vocabulary(tmp_path / "v" / "items.parquet", Vocabulary(np.array(ids, object)))
    assert load_vocabulary(tmp_path / "v" / "items.parquet").ids.tolist() == ids
