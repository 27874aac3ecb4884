"""Chance that stays the same: a number for each user that depends on a seed and the user's name alone."""

import hashlib
from collections.abc import Iterable

import numpy as np

from ml.data.arrays import Reals


def stable_draws(user_ids: Iterable[str], *parts: object) -> Reals:
    """(R,) numbers in [0, 1), the same on every machine and in every order; other parts give other numbers.

    Args:
        user_ids: For whom.
        parts: What it is drawn for, such as a seed and an item.
    """
    salt = "\x1f".join(map(str, parts))
    hashes = (hashlib.sha256(f"{salt}\x1e{user_id}".encode()).digest() for user_id in user_ids)
    return np.array([int.from_bytes(each[:8], "big") >> 11 for each in hashes], np.float64) / 2**53
