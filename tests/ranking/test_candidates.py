import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ml.ranking.candidates import merge
from ml.retrieval.contract import Ranking


def ranking(*rows: list[int], width: int = 4) -> Ranking:
    item = np.full((len(rows), width), -1, np.int32)
    score = np.full((len(rows), width), -np.inf, np.float32)
    for row, items in enumerate(rows):
        item[row, : len(items)] = items
        score[row, : len(items)] = np.arange(len(items), 0, -1)
    return Ranking(item, score)


def test_an_item_found_twice_is_one_candidate_with_both_sources():
    merged = merge({"a": ranking([5, 7]), "b": ranking([7])}, {"a": 4, "b": 4}, 10)
    assert merged.item.tolist() == [5, 7]
    assert merged.sources.tolist() == [0b01, 0b11]
    np.testing.assert_array_equal(merged.rank, [[0, np.nan], [1, 0]])
    np.testing.assert_array_equal(merged.score, [[2, np.nan], [1, 1]])


def test_quotas_cut_each_retriever_and_the_maximum_keeps_the_best_ranked():
    rankings = {"a": ranking([1, 2, 3, 4]), "b": ranking([9, 8, 7, 6])}
    assert merge(rankings, {"a": 1, "b": 2}, 10).item.tolist() == [1, 8, 9]
    assert merge(rankings, {"a": 4, "b": 4}, 3).item.tolist() == [1, 2, 9]  # ranks 0, 0, then 1 by item number


def test_requests_without_candidates_stay_empty():
    merged = merge({"a": ranking([], [3], [])}, {"a": 4}, 10)
    assert merged.offsets.tolist() == [0, 0, 1, 1]
    assert merge({"a": ranking([], [])}, {"a": 4}, 10).offsets.tolist() == [0, 0, 0]


NUMBERS = st.lists(st.integers(0, 30) | st.integers(0, 2**31 - 1), unique=True, max_size=6)


@given(
    rows=st.lists(
        st.tuples(NUMBERS, NUMBERS),
        min_size=1, max_size=5,
    ),
    maximum=st.integers(1, 12),
)  # fmt: skip
def test_merging_keeps_every_request_apart_and_within_the_maximum(rows, maximum):
    rankings = {"a": ranking(*(a for a, _ in rows), width=6), "b": ranking(*(b for _, b in rows), width=6)}
    merged = merge(rankings, {"a": 6, "b": 6}, maximum)
    for row, (a, b) in enumerate(rows):
        found = merged.item[merged.offsets[row] : merged.offsets[row + 1]].tolist()
        assert set(found) <= set(a) | set(b)
        assert found == sorted(found)
        assert len(found) == len(set(found)) == min(maximum, len(set(a) | set(b)))
