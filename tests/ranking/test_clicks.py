import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.ranking import LabelledFrame
from ml.ranking.clicks import LOGGERS, ClickModel, log_clicks, planted
from ml.ranking.frame import Frame


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 40), st.integers(2, 8), st.floats(0, 1), st.integers(0, 100))
def test_each_request_shows_each_candidate_once_and_placements_are_probabilities(requests, positions, swaps, seed):
    generator = np.random.default_rng(seed)
    truth = planted(requests, positions, generator)
    log = log_clicks(truth, ClickModel.power(positions), generator, swaps=swaps)
    assert (np.sort(log.position.reshape(requests, positions), axis=1) == np.arange(positions)).all()
    np.testing.assert_allclose(log.placement.sum(axis=1), 1, rtol=1e-5)
    by_place = log.placement.reshape(requests, positions, positions).sum(axis=1)
    np.testing.assert_allclose(by_place, 1, rtol=1e-5)  # each position holds one candidate
    assert (log.placement[np.arange(len(log.position)), log.position] > 0).all()


def test_placements_say_how_often_a_candidate_stands_where():
    """The same request, shown 20,000 times."""
    times, one = 20_000, planted(1, 4, np.random.default_rng(3))
    frame = Frame(one.frame.names, np.tile(one.frame.values, (times, 1)), np.arange(times + 1) * 4)
    truth = LabelledFrame(frame, np.tile(one.label, times))
    log = log_clicks(truth, ClickModel.power(4), np.random.default_rng(0), swaps=0.4)
    shown = [np.bincount(log.position[candidate::4], minlength=4) / times for candidate in range(4)]
    np.testing.assert_allclose(shown, log.placement[:4], atol=0.015)


def test_clicks_come_at_the_rate_of_the_model():
    generator = np.random.default_rng(0)
    model = ClickModel(np.array([1.0, 0.4]), relevant=0.9, irrelevant=0.1)
    truth = planted(40_000, 2, generator)
    log = log_clicks(truth, model, generator, rankers=LOGGERS[:1])
    for position, examined in enumerate(model.examination):
        for label, attraction in ((1, 0.9), (0, 0.1)):
            rate = log.click[(log.position == position) & (truth.label == label)].mean()
            np.testing.assert_allclose(rate, examined * attraction, atol=0.015)


def test_the_same_generator_gives_the_same_log():
    first, second = (
        log_clicks(planted(50, 5, generator), ClickModel.power(5), generator)
        for generator in (np.random.default_rng(4), np.random.default_rng(4))
    )
    np.testing.assert_array_equal(first.position, second.position)
    np.testing.assert_array_equal(first.click, second.click)
