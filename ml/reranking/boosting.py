"""Relevance on one scale, moved by declared boosts within one bound."""

import numpy as np

from ml.data.arrays import Bools, Floats, Indices, Ints, Reals
from ml.domains.reranking import Reranking
from ml.reranking.catalogue import Catalogue


def normalised(score: Floats, kept: Bools) -> Reals:
    """(R, C) scores of what is kept, from 0 (a request's least) to 1 (its best); -inf for all else.

    Where all are the same, 0. The order of a request's candidates stays.
    """
    from ml.reranking.value_kernels import normalise

    value = np.full(score.shape, -np.inf)
    normalise(score, kept, value)
    return value


def boosts(policy: Reranking, catalogue: Catalogue, item: Indices, moment: Ints) -> Reals:
    """(R, C) what is added to each candidate's normalised score: at most `policy.maximum_boost` either way."""
    from ml.reranking.value_kernels import boost

    total = np.zeros(item.shape)
    for each in policy.boosts.values():
        within = np.nan if each.within_days is None else each.within_days
        boost(catalogue.number(each.reads), item, moment, within, each.full_at, each.strength, total)
    return np.clip(total, -policy.maximum_boost, policy.maximum_boost, out=total)
