import numpy as np
import pytest
from planted_baskets import RING, planted

from ml.baskets.basket_regression import BasketRegression, BasketRegressionParameters
from ml.baskets.baskets import Baskets
from ml.baskets.personal import PersonalBlend, PersonalBlendParameters
from ml.retrieval.contract import State

MODELS = [
    (BasketRegression, BasketRegressionParameters(half_life_days=0.5, regularisation=0.1)),
    (PersonalBlend, PersonalBlendParameters()),
]


@pytest.fixture(scope="module")
def baskets() -> Baskets:
    history, _ = planted()
    user, order, item = (history[column].to_numpy() for column in ("user_id", "basket", "item_id"))
    return Baskets.of(user, order, item, users=41, items=RING + 6)  # nobody is customer 40, nobody takes the last item


def fitted(kind, parameters, baskets):
    return kind.fit(baskets.training(seed=1, threads=1), parameters)


@pytest.mark.parametrize(("kind", "parameters"), MODELS)
def test_what_is_saved_scores_alike_and_a_new_customer_gets_what_is_usual(kind, parameters, baskets, tmp_path):
    model = fitted(kind, parameters, baskets)
    model.save(tmp_path)
    requests = baskets.requests(np.array([3, 40]))
    scores = model.score(requests)
    np.testing.assert_allclose(kind.load(tmp_path).score(requests), scores)
    assert np.isfinite(scores[:, :-1]).all()
    assert np.isneginf(scores[:, -1]).all()
    assert scores[1].argmax() >= RING  # a favourite is in every basket of a fifth of the customers


def test_the_regression_finds_the_step_around_the_ring(baskets):
    model = fitted(*MODELS[0], baskets)
    users = np.arange(40)
    first = model.score(baskets.requests(users)).argsort(axis=1)[:, -2:]
    wanted = np.sort(np.stack([(users + 5) % RING, RING + users % 5], axis=1), axis=1)
    assert np.mean(np.sort(first, axis=1) == wanted) > 0.95


def test_the_regression_is_the_ridge_solution(baskets):
    """Against a dense solution by hand, the constant's penalty being one."""
    parameters = BasketRegressionParameters(half_life_days=1, regularisation=3, length_share=0)
    model = fitted(BasketRegression, parameters, baskets)
    history, target = [], []
    for user in range(40):
        lines = [baskets.item[(baskets.user == user) & (baskets.back == back)] for back in range(5, 0, -1)]
        for at in range(1, 5):
            row = np.zeros(RING + 6)
            for age, taken in enumerate(reversed(lines[:at]), 1):
                row[taken] += 0.5**age
            history.append(np.r_[row[model.inputs], 1])
            target.append(np.bincount(lines[at], minlength=RING + 6))
    left, right = np.array(history), np.array(target)
    penalty = np.diag(np.r_[np.full(len(model.inputs), 3.0), 1.0])
    expected = np.linalg.solve(left.T @ left + penalty, left.T @ right)
    np.testing.assert_allclose(model.weights, expected, atol=1e-4)


def test_without_two_baskets_of_anybody_the_regression_knows_nothing_and_says_so_with_equal_scores():
    baskets = Baskets.of(np.array([0, 1]), np.array([0, 0]), np.array([0, 1]), users=2, items=2)
    scores = fitted(BasketRegression, BasketRegressionParameters(), baskets).score(baskets.requests(np.array([0])))
    assert scores.tolist() == [[0.0, 0.0]]


def test_own_counts_lead_and_everybody_s_order_the_rest():
    user, order, item = np.array([[0, 0, 0], [0, 1, 0], [0, 1, 1], [1, 0, 2], [1, 0, 3], [2, 0, 3]]).T
    baskets = Baskets.of(user, order, item, users=3, items=4)
    model = fitted(*MODELS[1], baskets)
    assert np.argsort(-model.score(baskets.requests(np.array([0])))[0]).tolist() == [0, 1, 3, 2]


def test_everybody_s_share_is_counted_anew_as_of_another_instant(baskets):
    model = fitted(*MODELS[1], baskets)
    past, _ = baskets.split_last()
    data = past.training(seed=1, threads=1)
    refreshed = model.refresh(State(data.dataset, data.as_of))
    np.testing.assert_allclose(refreshed.popular, fitted(*MODELS[1], past).popular)
