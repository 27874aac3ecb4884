"""Ranking without learning: the fusion of the retrievers' own ranks, which a learned ranker has to beat."""

import numpy as np

from ml.data.arrays import Floats
from ml.ranking.candidates import Candidates

K = 60  # the constant of Cormack et al. 2009: how much the first ranks lead


def reciprocal_rank_fusion(candidates: Candidates) -> Floats:
    """(N,) the sum of 1 / (60 + rank) over the retrievers that found the candidate, ranks counted from 1.

    Reciprocal rank fusion (Cormack, Clarke & Büttcher, SIGIR 2009).
    """
    scores: Floats = np.nan_to_num(1 / (K + 1 + candidates.rank)).sum(axis=1, dtype=np.float32)
    return scores
