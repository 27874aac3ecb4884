"""SYNTHETIC: margin, stock, launches and declines for a shop whose data have none, so that re-ranking can be shown.

Nothing here is true of any shop. Every value is a hash of the seed and of the identifiers alone, so that the same
items always have the same ones and new items change nothing about the old. Models never read it: docs/reranking.md.
"""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from ml.data.arrays import Reals

ITEMS, DECLINES = "feed_items.parquet", "feed_declines.parquet"
OUT_OF_STOCK = 0.03  # share of items
MOST_STOCK = 200  # units
MOST_MARGIN = 0.4  # of the price
LAUNCHED_LATELY = 0.05  # share of items launched in the quarter before the as-of instant, the others long ago
DAYS_LATELY, DAYS_EVER = 90, 1_000
DECLINING = 0.2  # share of users who declined one item
DAYS_OF_DECLINES = 60


def make_shop_feed(folder: Path, items: Sequence[str], users: Sequence[str], as_of: datetime, seed: int) -> None:
    """Write `feed_items.parquet` and `feed_declines.parquet`.

    Args:
        folder: Where to; made if need be.
        items: Identifiers of the catalogue.
        users: Identifiers of those who may have declined something.
        as_of: Launches and declines lie before it (aware, UTC).
        seed: Of all that is drawn.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, frame in ((ITEMS, _items(items, as_of, seed)), (DECLINES, _declines(users, items, as_of, seed))):
        beside = folder / f".{name}.tmp"
        frame.to_parquet(beside, index=False)
        beside.replace(folder / name)


def _items(items: Sequence[str], as_of: datetime, seed: int) -> pd.DataFrame:
    """item_id, margin (share of the price), stock (units) and launched_at (UTC)."""
    margin, stock, lately, age = (_shares(seed, what, items) for what in ("margin", "stock", "lately", "age"))
    days = np.where(lately < LAUNCHED_LATELY, age * DAYS_LATELY, DAYS_LATELY + age * DAYS_EVER)
    return pd.DataFrame(
        {
            "item_id": np.asarray(items, object),
            "margin": np.round(margin * MOST_MARGIN, 3),
            "stock": np.where(stock < OUT_OF_STOCK, 0, np.ceil(stock * MOST_STOCK)),
            "launched_at": _before(as_of, days),
        }
    )


def _declines(users: Sequence[str], items: Sequence[str], as_of: datetime, seed: int) -> pd.DataFrame:
    """user_id, item_id, event_type and occurred_at (UTC): one each of those who declined something."""
    declines = _shares(seed, "declines", users) < DECLINING if len(items) else np.zeros(len(users), bool)
    who = np.asarray(users, object)[declines]
    which = (_shares(seed, "declined", who) * len(items)).astype(np.int64)
    at = _before(as_of, _shares(seed, "when", who) * DAYS_OF_DECLINES)
    item = np.asarray(items, object)[which]
    return pd.DataFrame({"user_id": who, "item_id": item, "event_type": "decline", "occurred_at": at})


def _before(as_of: datetime, days: Reals) -> pd.Series:
    moments = [as_of - timedelta(days=float(each), seconds=1) for each in days]
    return pd.Series(pd.to_datetime(moments, utc=True)).astype("datetime64[us, UTC]")


def _shares(seed: int, what: str, ids: Iterable[str]) -> Reals:
    """A number in [0, 1) of each identifier."""
    digests = (hashlib.blake2b(f"{seed}/{what}/{each}".encode(), digest_size=8).digest() for each in ids)
    return np.array([int.from_bytes(digest) for digest in digests], np.float64) / 2**64
