import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.data.arrays import Ragged
from ml.ranking.candidates import Candidates
from ml.ranking.contract import LabelledFrame
from ml.ranking.frame import Frame
from ml.ranking.training import concatenate, label_candidates, ordered, sample_rows


def candidates(*rows: list[int]) -> Candidates:
    offsets = np.r_[0, np.cumsum([len(row) for row in rows])].astype(np.int64)
    item = np.array([item for row in rows for item in row], np.int32)
    rank = np.concatenate([np.arange(len(row)) for row in rows]).astype(np.float32)[:, None]
    return Candidates(("a",), offsets, item, -rank, rank)


def ragged(*rows: list[int]) -> Ragged:
    return Ragged.from_pairs(
        np.repeat(np.arange(len(rows)), [len(row) for row in rows]),
        np.array([item for row in rows for item in row], np.int32), len(rows),
    )  # fmt: skip


def test_labels_are_matched_within_their_own_request():
    label = label_candidates(candidates([1, 2], [1, 3]), ragged([2, 9], [1]))
    assert label.tolist() == [0, 1, 1, 0]


def test_sampling_keeps_all_positives_and_drops_requests_without_one():
    found = candidates(list(range(20)), list(range(20)))
    label = np.zeros(40, np.float32)
    label[[3, 19]] = 1
    keep = sample_rows(found, label, 6, np.random.default_rng(0))
    assert keep[[3, 19]].all()
    assert keep[:20].sum() == 8
    assert not keep[20:].any()


def test_negatives_are_drawn_uniformly_whatever_their_rank():
    found = candidates(list(range(20)))
    label = np.zeros(20, np.float32)
    label[0] = 1
    generator = np.random.default_rng(0)
    drawn = np.mean([sample_rows(found, label, 5, generator) for _ in range(4000)], axis=0)
    np.testing.assert_allclose(drawn[1:], 5 / 19, atol=0.04)


def test_ordering_breaks_ties_by_item_and_pads():
    item, score, sources = ordered(candidates([7, 5, 9], []), np.array([1.0, 1.0, 2.0], np.float32), 4)
    assert item.tolist() == [[9, 5, 7, -1], [-1] * 4]
    assert score[0, :3].tolist() == [2, 1, 1]
    assert sources.tolist() == [[1, 1, 1, 0], [0] * 4]


@given(
    st.lists(
        st.lists(st.tuples(st.integers(0, 20), st.sampled_from([-1.0, 0.0, 2.5])), max_size=9), min_size=1, max_size=4
    ),
    st.integers(1, 6),
)
def test_ordering_is_by_score_then_item_within_each_request(requests, k):
    told = [dict(request) for request in requests]
    found = candidates(*([*request] for request in told))
    score = np.array([value for request in told for value in request.values()], np.float32)
    item, values, _ = ordered(found, score, k)
    for row, request in enumerate(told):
        expected = sorted(request.items(), key=lambda pair: (-pair[1], pair[0]))[:k]
        filler = [(-1, -np.inf)] * (k - len(expected))
        assert [*zip(item[row].tolist(), values[row].tolist(), strict=True)] == expected + filler


def test_concatenation_leaves_empty_groups_out():
    part = LabelledFrame(Frame(("x",), np.ones((3, 1), np.float32), np.array([0, 0, 3])), np.ones(3, np.float32))
    assert concatenate([part, part]).frame.offsets.tolist() == [0, 3, 6]


def test_concatenation_keeps_weights_and_positions_and_refuses_a_mixture():
    frame, label = Frame(("x",), np.ones((3, 1), np.float32), np.array([0, 3])), np.ones(3, np.float32)
    weighted = LabelledFrame(frame, label, weight=np.array([1, 2, 3], np.float32))
    placed = LabelledFrame(frame, label, position=np.array([2, 0, 1], np.int32))
    assert concatenate([weighted, weighted]).weight.tolist() == [1, 2, 3, 1, 2, 3]
    assert concatenate([placed, placed]).position.tolist() == [2, 0, 1, 2, 0, 1]
    with pytest.raises(ValueError, match="others do not"):
        concatenate([weighted, LabelledFrame(frame, label)])
