"""The ranking that every retriever's scores go through."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.data.arrays import Ragged
from ml.retrieval.contract import Ranking, top_k


def one_by_one(scores: np.ndarray, k: int, exclude: Ragged | None, only: Ragged | None) -> list[list[int]]:
    """What `top_k` promises, said plainly."""
    answer = []
    for row, values in enumerate(scores):
        allowed = set(range(len(values))) if only is None else set(only[row].tolist())
        allowed -= set() if exclude is None else set(exclude[row].tolist())
        allowed = {item for item in allowed if values[item] > -np.inf}
        answer.append(sorted(allowed, key=lambda item: (-values[item], item))[:k])
    return answer


def as_lists(ranking: Ranking) -> list[list[int]]:
    return [[int(item) for item in row if item >= 0] for row in ranking.item]


def random_sets(rng: np.random.Generator, rows: int, items: int) -> Ragged:
    count = rng.integers(0, 3 * rows)
    return Ragged.from_pairs(rng.integers(0, rows, count), rng.integers(0, items, count), rows)


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    rows=st.integers(1, 6),
    items=st.integers(1, 400),
    k=st.integers(1, 30),
    levels=st.sampled_from([1, 2, 5, 1000]),
    holes=st.sampled_from([0.0, 0.5, 0.99]),
)
def test_it_is_a_sort_by_score_then_item(seed: int, rows: int, items: int, k: int, levels: int, holes: float) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, levels, (rows, items)).astype(np.float32)
    scores[rng.random((rows, items)) < holes] = -np.inf
    untouched = scores.copy()
    for exclude in (None, random_sets(rng, rows, items)):
        for only in (None, random_sets(rng, rows, items)):
            ranking = top_k(scores, k, exclude=exclude, only=only)
            assert as_lists(ranking) == one_by_one(scores, k, exclude, only)
            found = ranking.item >= 0
            assert (ranking.score[found] == np.take_along_axis(scores, np.maximum(ranking.item, 0), 1)[found]).all()
            assert (ranking.score[~found] == -np.inf).all()
    assert (scores == untouched).all()


@settings(max_examples=150, deadline=None)
@given(
    scores=st.lists(st.floats(width=32, allow_nan=False), min_size=30, max_size=200),
    k=st.integers(1, 5),
)
def test_scores_of_any_size_are_sorted(scores: list[float], k: int) -> None:
    """Next to nothing beside the largest there are, infinity too: what is parted by value must not go wrong."""
    row = np.array([scores], np.float32)
    assert as_lists(top_k(row, k)) == one_by_one(row, k, None, None)


def test_candidates_in_few_blocks_are_all_found() -> None:
    scores = np.full((2, 5000), -np.inf, np.float32)
    scores[0, 100:400] = np.arange(300)
    scores[1, 4990:] = np.arange(10)
    assert as_lists(top_k(scores, 20)) == one_by_one(scores, 20, None, None)


def test_everything_tied_gives_the_first_items() -> None:
    assert as_lists(top_k(np.zeros((2, 3000), np.float32), 5)) == [[0, 1, 2, 3, 4]] * 2


def test_fewer_items_than_asked_for() -> None:
    ranking = top_k(np.array([[1, -np.inf, 3]], np.float32), 10)
    assert ranking.item.tolist() == [[2, 0, -1]]


@pytest.mark.parametrize("shape", [(0, 5), (3, 0)])
def test_nothing_to_rank(shape: tuple[int, int]) -> None:
    assert top_k(np.zeros(shape, np.float32), 4).item.shape == (shape[0], min(4, shape[1]))


@pytest.mark.parametrize("at", [0, 2999])
def test_a_score_that_is_not_a_number_is_refused(at: int) -> None:
    scores = np.zeros((1, 3000), np.float32)
    scores[0, at] = np.nan
    only = Ragged(np.array([0, 1]), np.array([at], np.int32))
    for kept in (None, only):
        with pytest.raises(ValueError, match="NaN"):
            top_k(scores, 4, only=kept)
