"""What an item is made of, as tokens: all that a new item has on its first day."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from ml.data.arrays import Ragged, distinct

PRICE_BUCKETS = 10


def content_of(catalogue: pd.DataFrame) -> Ragged:
    """(items) rows of token numbers; a token that only one item has says nothing and is left out.

    Args:
        catalogue: One row an item; columns that are absent or null give no tokens.
    """
    columns = list(_columns(catalogue.reset_index(drop=True)))
    item = np.concatenate([np.zeros(0, np.int64), *(rows for rows, _ in columns)])
    token, names = pd.factorize(np.concatenate([np.zeros(0, object), *(texts for _, texts in columns)]), sort=True)
    pairs = distinct(item * len(names) + token)
    item, token = np.divmod(pairs, max(len(names), 1))
    shared = np.bincount(token, minlength=len(names)) > 1
    keep = shared[token]
    return Ragged.from_pairs(item[keep], (np.cumsum(shared) - 1)[token[keep]], len(catalogue))


def _columns(catalogue: pd.DataFrame) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """(item rows, token texts) of each readable column."""
    if "category_path" in catalogue:
        yield _exploded(catalogue["category_path"].map(_prefixes))
    for name in ("category", "brand", "manufacturer_id", "package_size"):
        if name in catalogue:
            known = catalogue[name].dropna()
            yield known.index.to_numpy(np.int64), (f"{name}:" + known.astype(str)).to_numpy(object)
    if "text" in catalogue:
        words = catalogue["text"].fillna("").str.lower().str.findall(r"[a-z0-9.]+")
        yield _exploded(words.map(lambda found: [f"word:{word}" for word in found]))
    if "price" in catalogue and catalogue["price"].notna().any():
        known = catalogue["price"].dropna()
        bucket = pd.qcut(known.rank(method="first"), min(PRICE_BUCKETS, len(known)), labels=False)
        yield known.index.to_numpy(np.int64), ("price:" + bucket.astype(str)).to_numpy(object)


def _prefixes(path: object) -> list[str]:
    levels = [str(level) for level in path] if isinstance(path, list | tuple | np.ndarray) else []
    return ["path:" + "/".join(levels[: depth + 1]) for depth in range(len(levels))]


def _exploded(lists: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    flat = lists.reset_index(drop=True).explode().dropna()
    return flat.index.to_numpy(np.int64), flat.to_numpy(object)
