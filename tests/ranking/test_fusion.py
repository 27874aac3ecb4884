"""Reciprocal rank fusion against the arithmetic by hand."""

import numpy as np
import pytest

from ml.ranking.candidates import Candidates
from ml.ranking.fusion import reciprocal_rank_fusion


def test_ranks_count_from_one_and_a_retriever_that_found_nothing_adds_nothing() -> None:
    rank = np.array([[0, np.nan], [1, 0], [np.nan, np.nan]], np.float32)
    candidates = Candidates(("a", "b"), np.array([0, 3]), np.arange(3, dtype=np.int32), -rank, rank)
    assert reciprocal_rank_fusion(candidates) == pytest.approx([1 / 61, 1 / 62 + 1 / 61, 0])
