import numpy as np
import pytest

from ml.data.arrays import Ragged
from ml.ranking.candidates import Candidates
from ml.ranking.frame import Frame
from ml.ranking.lambdamart import LabelledFrame, LambdaMart, LambdaMartParameters
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


def frame_of(generator: np.random.Generator, requests: int = 200, width: int = 20) -> LabelledFrame:
    """Whatever has a high `signal` is taken; `noise` says nothing."""
    values = generator.random((requests * width, 2), np.float32)
    label = (values[:, 0] > 0.9).astype(np.float32)
    return LabelledFrame(Frame(("signal", "noise"), values, np.arange(0, len(values) + 1, width)), label)


@pytest.fixture(scope="module")
def fitted() -> LambdaMart:
    generator = np.random.default_rng(0)
    parameters = LambdaMartParameters(rounds=30)
    return LambdaMart.fit(frame_of(generator), frame_of(generator), parameters, seed=1, threads=1)


def test_the_ranker_learns_planted_structure(fitted):
    unseen = frame_of(np.random.default_rng(5))
    scores = fitted.predict(unseen.frame).reshape(-1, 20)
    best = np.argmax(scores, axis=1)
    has_label = unseen.label.reshape(-1, 20).any(axis=1)
    taken = unseen.label.reshape(-1, 20)[np.arange(len(best)), best]
    assert taken[has_label].mean() > 0.95
    assert next(iter(fitted.importance())) == "signal"


def test_saved_and_loaded_rankers_agree_to_the_last_digit(fitted, tmp_path):
    unseen = frame_of(np.random.default_rng(6)).frame
    fitted.save(tmp_path)
    loaded = LambdaMart.load(tmp_path)
    np.testing.assert_array_equal(loaded.predict(unseen), fitted.predict(unseen))
    assert loaded.parameters == fitted.parameters
    assert loaded.curves == fitted.curves


def test_the_same_seed_gives_the_same_ranker(fitted):
    generator = np.random.default_rng(0)
    again = LambdaMart.fit(frame_of(generator), frame_of(generator), fitted.parameters, seed=1, threads=1)
    unseen = frame_of(np.random.default_rng(7)).frame
    np.testing.assert_array_equal(again.predict(unseen), fitted.predict(unseen))


def test_features_are_matched_by_name_not_by_place(fitted):
    unseen = frame_of(np.random.default_rng(8)).frame
    swapped = Frame(("noise", "signal"), unseen.values[:, ::-1], unseen.offsets)
    np.testing.assert_array_equal(fitted.predict(swapped), fitted.predict(unseen))


def test_concatenation_leaves_empty_groups_out():
    part = LabelledFrame(Frame(("x",), np.ones((3, 1), np.float32), np.array([0, 0, 3])), np.ones(3, np.float32))
    assert concatenate([part, part]).frame.offsets.tolist() == [0, 3, 6]


def test_nothing_to_predict_is_no_error(fitted):
    assert fitted.predict(Frame(fitted.features, np.zeros((0, 2), np.float32), np.array([0]))).shape == (0,)
