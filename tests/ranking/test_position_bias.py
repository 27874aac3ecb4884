import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.ranking.clicks import LOGGERS, ClickModel, log_clicks, planted
from ml.ranking.position_bias import ClickLog, examination_curve, inverse_propensities


def logged(model: ClickModel, requests: int, seed: int = 0, **options) -> ClickLog:
    generator = np.random.default_rng(seed)
    return log_clicks(planted(requests, len(model.examination), generator), model, generator, **options)


@pytest.mark.parametrize("exponent", [0.0, 0.5, 1.0])
def test_several_rankers_and_swaps_give_the_curve_away(exponent):
    model = ClickModel.power(5, exponent)
    found = examination_curve(logged(model, 60_000))
    np.testing.assert_allclose(found, model.examination, rtol=0.1)


def test_swaps_alone_identify_the_curve():
    model = ClickModel.power(4)
    found = examination_curve(logged(model, 60_000, rankers=LOGGERS[:1], swaps=0.5))
    np.testing.assert_allclose(found, model.examination, rtol=0.1)


def test_clicks_as_they_are_do_not_show_the_curve():
    """Rankers put what is relevant on top: the share of clicks falls faster than the examination."""
    model = ClickModel.power(5)
    log = logged(model, 60_000)
    share = np.bincount(log.position, weights=log.click) / np.bincount(log.position)
    assert np.abs(share / share[0] / model.examination - 1).max() > 0.12


def test_one_fixed_ranker_is_refused_with_a_remedy():
    with pytest.raises(ValueError, match=r"one fixed ranker cannot identify .* swap positions"):
        examination_curve(logged(ClickModel.power(4), 2000, rankers=LOGGERS[:1], swaps=0.0))


def test_without_clicks_there_is_no_curve():
    log = logged(ClickModel.power(3), 500)
    with pytest.raises(ValueError, match="share no clicked items"):
        examination_curve(ClickLog(log.position, np.zeros_like(log.click), log.placement))


def test_inverse_propensities_by_hand():
    weights = inverse_propensities(np.array([1, 0.5, 0.01]), np.array([2, 0, 1], np.int32), clip=20)
    assert weights.tolist() == [20, 1, 2]


@pytest.mark.parametrize(
    ("curve", "said"), [([1, 0.5], "ends before position 2"), ([1, 0.5, 0], "examination is zero")]
)
def test_a_curve_that_cannot_answer_is_refused(curve, said):
    with pytest.raises(ValueError, match=said):
        inverse_propensities(np.array(curve), np.array([2], np.int32))


@settings(max_examples=20, deadline=None)
@given(st.integers(2, 6), st.integers(0, 1000), st.floats(0, 1), st.floats(0, 2))
def test_the_curve_is_relative_to_the_first_position_whatever_the_log(positions, seed, swaps, exponent):
    log = logged(ClickModel.power(positions, exponent), 3000, seed, swaps=swaps)
    found = examination_curve(log)
    assert found.shape == (positions,)
    assert found[0] == 1
    assert (np.isfinite(found) & (found > 0)).all()
