"""Relevance on one scale, moved by declared boosts within one bound."""

import numpy as np

from ml.data.arrays import Bools, Floats, Indices, Ints, Reals
from ml.data.facts import DAY_US
from ml.domains.reranking import Boost, Reranking
from ml.reranking.catalogue import Catalogue


def normalised(score: Floats, kept: Bools) -> Reals:
    """(R, C) scores of what is kept, from 0 (a request's least) to 1 (its best); -inf for all else.

    Where all are the same, 0. The order of a request's candidates stays.
    """
    usable = kept & np.isfinite(score)
    value = score.astype(np.float64)
    low = np.where(usable, value, np.inf).min(axis=1, initial=np.inf, keepdims=True)
    high = np.where(usable, value, -np.inf).max(axis=1, initial=-np.inf, keepdims=True)
    span = np.where(high > low, high - low, 1.0)
    return np.where(usable, (value - np.where(usable, low, 0)) / np.where(usable, span, 1), -np.inf)


def boosts(policy: Reranking, catalogue: Catalogue, item: Indices, moment: Ints) -> Reals:
    """(R, C) what is added to each candidate's normalised score: at most `policy.maximum_boost` either way."""
    total = np.zeros(item.shape)
    for boost in policy.boosts.values():
        total += boost.strength * _share(boost, catalogue.number(boost.reads)[item], moment)
    bounded: Reals = np.clip(total, -policy.maximum_boost, policy.maximum_boost)
    return bounded


def _share(boost: Boost, value: Floats, moment: Ints) -> Reals:
    """(R, C) how much of a boost each candidate has, 0 to 1."""
    if boost.within_days is not None:
        age = moment[:, None] / DAY_US - value.astype(np.float64)
        share = np.where(age >= 0, 1 - age / boost.within_days, 0)  # what is not launched yet is not new
    else:
        share = value.astype(np.float64) / boost.full_at
    known: Reals = np.clip(np.nan_to_num(share, nan=0.0, posinf=1.0, neginf=0.0), 0, 1)
    return known
