"""The ceiling's probabilities are the true ones."""

import numpy as np
import pytest

from ml.data.generators.santander import branches, ceiling, sessions
from ml.data.generators.santander.adoption import PURSUED
from ml.data.generators.santander.catalogue import COUNT, INDEX
from ml.data.generators.santander.population import draw_population
from ml.data.generators.santander.randomness import BLOCK, Streams
from ml.data.generators.santander.simulation import Simulation
from ml.data.generators.santander.stages import TRANSITION


@pytest.fixture(scope="module")
def outcomes():
    """Probabilities and what happened, of the same customers, months and products: (R, 24) both."""
    predicted, happened = [], []
    for block in range(3):
        streams = Streams.of_block(5, block)
        last = None
        for month in Simulation(draw_population(streams.population, block, BLOCK), streams).run(17):
            if last is not None:
                both = month.present & last.present
                predicted.append(last.chances[both])
                happened.append((month.held & ~last.held)[both])
            last = month
    return np.concatenate(predicted), np.concatenate(happened)


@pytest.mark.parametrize(("low", "high"), [(0, 0.001), (0.001, 0.01), (0.01, 0.05), (0.05, 0.2), (0.2, 0.5), (0.5, 1)])
def test_what_is_said_to_happen_so_often_does(outcomes, low, high):
    predicted, happened = outcomes
    within = (predicted > low) & (predicted <= high)
    chance = predicted[within]
    error = np.sqrt((chance * (1 - chance)).sum())
    assert within.sum() > 50
    assert abs(happened[within].sum() - chance.sum()) < 4 * error + 1


def test_what_has_no_chance_never_happens(outcomes):
    predicted, happened = outcomes
    assert not happened[predicted == 0].any()


@pytest.mark.parametrize("product", ["tjcr", "hip"])
def test_signs_weigh_what_they_are_worth(product):
    """With even odds of a need beforehand, the mean probability afterwards is one half, and it tells needs apart."""
    random, size = np.random.default_rng(3), 20_000
    held, k = np.zeros((size, COUNT), bool), INDEX[product]
    need = np.where(random.random(size) < 0.5, k, COUNT)
    expected = np.full(size, 0.6)
    views = sessions.visit(random, 3, need, held, expected)
    visits = branches.come(random, need, expected)
    signs = sessions.log_likelihood(views, held, expected) + branches.log_likelihood(visits, expected)
    believed = 1 / (1 + np.exp(-signs[:, k]))
    assert believed.mean() == pytest.approx(0.5, abs=0.01)
    assert believed[need == k].mean() == pytest.approx((believed**2).mean() / believed.mean(), abs=0.02)
    assert believed[need == k].mean() > believed[need == COUNT].mean() + 0.3


def test_bayes_by_hand():
    """Two stages equally likely, need 0 with chance 0.4 in the first and 0.1 in the second, signs twice as likely."""
    belief = np.array([[0.5, 0.5, 0, 0, 0]])
    need = np.zeros((1, 5, COUNT + 1))
    need[0, :2, 0], need[0, :2, COUNT] = (0.4, 0.1), (0.6, 0.9)
    signs = np.full((1, COUNT), -np.inf)
    signs[0, 0] = np.log(2)
    together = ceiling.joint(belief, need, signs)
    # Weights: 0.5·0.4·2 = 0.40, 0.5·0.1·2 = 0.10, 0.5·0.6 = 0.30, 0.5·0.9 = 0.45; they sum to 1.25.
    assert together[0, 0, 0] == pytest.approx(0.40 / 1.25)
    assert together[0, :, 0].sum() == pytest.approx(0.50 / 1.25)
    applied = ceiling.learn(together, np.array([0]), np.array([False]))
    assert applied[0, :2] == pytest.approx([0.8, 0.2])
    quiet = np.array([0.3 + 0.4 * (1 - PURSUED[0]), 0.45 + 0.1 * (1 - PURSUED[0])])
    unapplied = ceiling.learn(together, np.array([-1]), np.array([True]))
    assert unapplied[0] == pytest.approx(np.append(quiet / quiet.sum(), [0, 0, 0]) @ TRANSITION)
