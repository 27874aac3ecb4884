"""What holds for every ranker, whatever it is made of."""

import json

import numpy as np
import pytest

from ml.domains.frozen import Frozen
from ml.errors import BadInput
from ml.ranking import RANKERS, LabelledFrame, Ranker, get_ranker, load_ranker
from ml.ranking.contract import dcg, ndcg
from ml.ranking.dcn import DcnParameters
from ml.ranking.frame import Frame
from ml.ranking.lambdamart import LambdaMartParameters

WIDTH = 20
SMALL: dict[str, Frozen] = {
    "lambdamart": LambdaMartParameters(rounds=30),
    "dcn": DcnParameters(epochs=8, learning_rate=0.01, batch_size=16, hidden_sizes=(16,), cross_layers=1, device="cpu"),
}


def drawn(seed: int, requests: int = 200, width: int = WIDTH) -> LabelledFrame:
    """Whatever has a high `signal` is taken; `noise` says nothing, and `gaps` is mostly unknown."""
    generator = np.random.default_rng(seed)
    values = generator.random((requests * width, 3), np.float32)
    label = (values[:, 0] > 0.9).astype(np.float32)
    values[generator.random(len(values)) < 0.8, 2] = np.nan
    return LabelledFrame(Frame(("signal", "noise", "gaps"), values, np.arange(0, len(values) + 1, width)), label)


def fit(name: str, train: LabelledFrame, validation: LabelledFrame, seed: int = 1) -> Ranker:
    return get_ranker(name).fit(train, validation, SMALL[name], seed=seed, threads=1)


@pytest.fixture(scope="module", params=list(RANKERS))
def fitted(request) -> Ranker:
    return fit(request.param, drawn(0), drawn(1))


def test_planted_structure_is_learnt(fitted):
    unseen = drawn(5)
    assert ndcg(unseen, fitted.predict(unseen.frame)) > 0.97


def test_the_curve_says_what_was_reached_on_validation(fitted):
    """One request in seven has no label: it has no nDCG."""
    validation = drawn(1)
    reached = ndcg(validation, fitted.predict(validation.frame))
    assert (dcg(validation.label, validation.label, validation.frame.offsets) == 0).any()
    assert max(fitted.curves["validation_ndcg@10"]) == pytest.approx(reached, abs=2e-3)


def test_importance_names_what_decides_or_says_that_it_does_not_know(fitted):
    importance = fitted.importance()
    assert (importance is None) if fitted.neural else (next(iter(importance)) == "signal")


def test_saved_and_loaded_rankers_agree_to_the_last_digit(fitted, tmp_path):
    unseen = drawn(6).frame
    fitted.save(tmp_path)
    loaded = load_ranker(tmp_path)
    np.testing.assert_array_equal(loaded.predict(unseen), fitted.predict(unseen))
    assert (type(loaded), loaded.features, loaded.curves) == (type(fitted), fitted.features, fitted.curves)
    assert loaded.parameters == fitted.parameters
    assert not [path for path in tmp_path.iterdir() if path.suffix not in (".json", ".ubj", ".safetensors")]


def test_the_seed_alone_decides_what_is_drawn(fitted):
    unseen = drawn(7).frame
    again, other = (fit(fitted.name, drawn(0), drawn(1), seed) for seed in (1, 2))
    np.testing.assert_array_equal(again.predict(unseen), fitted.predict(unseen))
    assert not np.array_equal(other.predict(unseen), fitted.predict(unseen))


def test_features_are_matched_by_name_not_by_place(fitted):
    unseen = drawn(8).frame
    turned = Frame(unseen.names[::-1], unseen.values[:, ::-1], unseen.offsets)
    np.testing.assert_array_equal(fitted.predict(turned), fitted.predict(unseen))


def test_nothing_to_predict_is_no_error(fitted):
    assert fitted.predict(Frame(fitted.features, np.zeros((0, 3), np.float32), np.array([0]))).shape == (0,)


def test_a_score_needs_no_other_candidate_of_its_request(fitted):
    unseen = drawn(9, requests=3).frame
    alone = [fitted.predict(Frame(unseen.names, unseen.values[[row]], np.array([0, 1]))) for row in range(5)]
    np.testing.assert_allclose(np.concatenate(alone), fitted.predict(unseen)[:5], rtol=1e-5, atol=1e-6)


def test_what_is_unknown_or_beyond_all_bounds_gets_a_finite_score(fitted):
    values = np.array([[np.nan] * 3, [np.inf] * 3, [-np.inf] * 3, [1e30] * 3, [0.5] * 3], np.float32)
    assert np.isfinite(fitted.predict(Frame(fitted.features, values, np.array([0, 5])))).all()


@pytest.mark.parametrize("name", RANKERS)
def test_a_feature_that_is_never_known_is_no_obstacle(name):
    train = drawn(0)
    train.frame.values[:, 2] = np.nan
    unseen = drawn(5)
    assert ndcg(unseen, fit(name, train, drawn(1)).predict(unseen.frame)) > 0.97


@pytest.mark.parametrize("name", RANKERS)
def test_requests_of_one_candidate_teach_nothing_and_break_nothing(name):
    ranker = fit(name, drawn(0, requests=40, width=1), drawn(1, requests=40, width=1))
    assert np.isfinite(ranker.predict(drawn(2).frame)).all()


@pytest.mark.parametrize("name", RANKERS)
def test_without_any_click_there_is_a_ranker_all_the_same(name):
    def unclicked(seed: int) -> LabelledFrame:
        found = drawn(seed, requests=20)
        return LabelledFrame(found.frame, np.zeros_like(found.label))

    assert np.isfinite(fit(name, unclicked(0), unclicked(1)).predict(drawn(2).frame)).all()


@pytest.mark.parametrize("name", RANKERS)
def test_weights_say_which_labels_count(name):
    """What is high in `signal` is clicked as often as what is high in `noise`, but only one of them has weight."""

    def clicked(seed: int, weight_of_noise: float) -> LabelledFrame:
        found = drawn(seed)
        noisy = found.frame.values[:, 1] > 0.9
        label = np.maximum(found.label, noisy).astype(np.float32)
        return LabelledFrame(found.frame, label, np.where(noisy, weight_of_noise, 1).astype(np.float32))

    unseen = drawn(5)
    without, alone = (
        ndcg(unseen, fit(name, clicked(0, weight), clicked(1, weight)).predict(unseen.frame)) for weight in (0.01, 20)
    )
    assert without > 0.9 > alone + 0.2


def test_an_unknown_ranker_is_named_with_the_choices():
    with pytest.raises(BadInput, match="no ranker 'oracle'; there are: lambdamart, dcn"):
        get_ranker("oracle")


def test_a_ranker_from_when_there_was_one_only_is_read(tmp_path):
    ranker = fit("lambdamart", drawn(0, requests=30), drawn(1, requests=30))
    ranker.save(tmp_path)
    path = tmp_path / "ranker.json"
    described = json.loads(path.read_text())
    del described["ranker"]
    path.write_text(json.dumps(described))
    assert type(load_ranker(tmp_path)) is type(ranker)


def test_bias_is_never_treated_twice_and_lengths_agree():
    frame, label = drawn(0, requests=1).frame, np.zeros(WIDTH, np.float32)
    with pytest.raises(ValueError, match="twice"):
        LabelledFrame(frame, label, weight=label, position=label.astype(np.int32))
    with pytest.raises(ValueError, match="differ in length"):
        LabelledFrame(frame, label[1:])


def test_ndcg_by_hand():
    """Labels 0, 1, 1 in the order of the scores: (1/log2 3 + 1/log2 4) over (1 + 1/log2 3); one request has none."""
    frame = Frame(("x",), np.zeros((5, 1), np.float32), np.array([0, 3, 5]))
    label, scores = np.array([1, 0, 1, 0, 0], np.float32), np.array([0.5, 0.9, 0.1, 1, 0], np.float32)
    second, third = 1 / np.log2(3), 1 / np.log2(4)
    labelled = LabelledFrame(frame, label)
    assert ndcg(labelled, scores) == pytest.approx((second + third) / (1 + second))
    assert ndcg(labelled, scores, k=1) == 0
    assert dcg(label, scores, frame.offsets).tolist() == pytest.approx([second + third, 0])
    assert np.isnan(ndcg(LabelledFrame(frame, np.zeros(5, np.float32)), scores))


def test_weighted_ndcg_is_the_ratio_of_sums():
    frame = Frame(("x",), np.zeros((4, 1), np.float32), np.array([0, 2, 4]))
    labelled = LabelledFrame(frame, np.array([1, 0, 0, 1], np.float32), weight=np.array([1, 1, 1, 3], np.float32))
    scores = np.array([1, 0, 1, 0], np.float32)  # the first request is right, the second, of weight 3, is not
    assert ndcg(labelled, scores) == pytest.approx((1 + 3 / np.log2(3)) / (1 + 3))
