"""Reading files of baskets: `user_id`, `basket`, `item_id` of the past, and `user_id`, `item_id` of what came next.

Baskets are numbered from the oldest, for each customer anew; gaps do not matter, nor does the order of the lines.
Identifiers may be numbers or text.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from ml.baskets.baskets import Baskets
from ml.data.arrays import Ints, Ragged
from ml.data.parquet import read_table
from ml.errors import BadInput
from ml.logs import get_logger

log = get_logger(__name__)


@dataclass(frozen=True)
class BasketData:
    """What a benchmark needs: the past, who is asked, what they took, and what the numbers stand for."""

    history: Baskets
    users: Ints  # (C,) customers that have a next basket
    taken: Ragged  # C rows: its distinct items; numbers from `history.items` on are items that the past never saw
    user_ids: pd.Index  # (U,) the identifier of each customer number
    item_ids: pd.Index  # the identifier of each item number, those of the past first


def load_baskets(history: Path, following: Path) -> BasketData:
    """Read both files.

    A line that is there twice counts once. Customers and items of the next baskets that the past never saw are kept:
    the one is asked for without a history, the other is never found.

    Args:
        history: Parquet file of past baskets.
        following: Parquet file of each customer's next basket.

    Raises:
        BadInput: names the file, the row, the field and the remedy.
    """
    past, then = (
        read_table(history, ("user_id", "basket", "item_id"), "at least one basket"),
        read_table(following, ("user_id", "item_id"), "at least one basket"),
    )
    order = _numbers(past["basket"], history)
    user_ids, (user, next_user) = _numbered(past["user_id"], then["user_id"], "user_id", following)
    item_ids, (item, next_item) = _numbered(past["item_id"], then["item_id"], "item_id", following)
    baskets = Baskets.of(user, order, item, users=len(user_ids), items=int(item.max()) + 1)
    pairs = np.unique(np.stack([next_user, next_item]), axis=1)
    users, row = np.unique(pairs[0], return_inverse=True)
    taken = Ragged.from_pairs(row, pairs[1].astype(np.int32), len(users))
    _report(baskets, users, taken)
    return BasketData(baskets, users, taken, user_ids, item_ids)


def load_history(history: Path) -> Baskets:
    """Read a file of past baskets alone; raises as `load_baskets` does."""
    past = read_table(history, ("user_id", "basket", "item_id"), "at least one basket")
    order = _numbers(past["basket"], history)
    (user, user_ids), (item, item_ids) = (pd.factorize(past[column], sort=True) for column in ("user_id", "item_id"))
    return Baskets.of(user, order, item, users=len(user_ids), items=len(item_ids))


def _numbers(column: pd.Series, path: Path) -> pd.Series:
    """The numbers of the baskets, which say their order."""
    numbers = pd.to_numeric(column, errors="coerce")
    bad = np.flatnonzero(~np.isfinite(numbers))
    if len(bad):
        raise BadInput(
            f"{path}, row {bad[0]}: basket is {column.iloc[bad[0]]!r}: write a number, each customer's oldest the lowest"
        )
    return numbers


def _numbered(past: pd.Series, then: pd.Series, column: str, path: Path) -> tuple[pd.Index, tuple[Ints, Ints]]:
    """Identifiers in order, those of the past first, and the number of each line's."""
    if pd.api.types.is_numeric_dtype(past) != pd.api.types.is_numeric_dtype(then):
        raise BadInput(
            f"{path}: {column} is {then.dtype} here and {past.dtype} in the history: write it as the same type in both"
        )
    codes, known = pd.factorize(past, sort=True)
    known = pd.Index(known)
    ids = known.append(pd.Index(then.unique()).difference(known))
    return ids, (codes.astype(np.int64), ids.get_indexer(then).astype(np.int64))


def _report(baskets: Baskets, users: Ints, taken: Ragged) -> None:
    unknown = np.count_nonzero(taken.values >= baskets.items)
    if unknown:
        log.warning("%d of %d items taken next are new: nobody can find them", unknown, len(taken.values))
    strangers = np.count_nonzero(baskets.visits[users] == 0)
    if strangers:
        log.warning("%d of %d customers have no past basket", strangers, len(users))
    log.info("%d lines of the past, %d items, %d customers asked", len(baskets), baskets.items, len(users))
