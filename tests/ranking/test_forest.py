"""Trees as flat arrays say what XGBoost says, whatever the rows hold."""

import numpy as np
import pytest
import xgboost
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ml.ranking.forest import DEEPEST, Forest

FEATURES = 5


def fitted(depth: int, rounds: int = 12, rows: int = 400, **changes: object) -> xgboost.Booster:
    rng = np.random.default_rng(depth)
    values = rng.normal(size=(rows, FEATURES)).astype(np.float32)
    values[rng.random(values.shape) < 0.2] = np.nan
    label = np.nan_to_num(values).sum(axis=1) + np.isnan(values[:, 0])
    parameters = {"max_depth": depth, "nthread": 1, "eta": 0.3, "base_score": 0.7} | changes
    return xgboost.train(parameters, xgboost.DMatrix(values, label), rounds)


@pytest.fixture(scope="module", params=[1, 3, 7])
def booster(request: pytest.FixtureRequest) -> xgboost.Booster:
    return fitted(request.param)


ODD = st.sampled_from([np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-30, 3e38, -3e38])
VALUES = arrays(
    np.float32, st.tuples(st.integers(0, 150), st.just(FEATURES)), elements=ODD | st.floats(-3, 3, width=32)
)


@settings(max_examples=60, deadline=None)
@given(values=VALUES)
def test_it_scores_as_xgboost_does(booster, values):
    expected = booster.inplace_predict(values, validate_features=False) if len(values) else np.zeros(0, np.float32)
    assert np.allclose(Forest.of(booster).predict(values), expected, rtol=1e-5, atol=1e-5)


def test_a_value_that_equals_a_threshold_goes_right_as_in_xgboost(booster):
    forest = Forest.of(booster)
    edges = np.unique(forest.threshold[np.isfinite(forest.threshold)])[:200]
    for feature in range(FEATURES):
        values = np.zeros((len(edges), FEATURES), np.float32)
        values[:, feature] = edges
        assert np.allclose(forest.predict(values), booster.inplace_predict(values, validate_features=False), atol=1e-5)


def test_trees_of_a_single_leaf_and_none_at_all_are_scored():
    alone = fitted(3, rounds=2, min_child_weight=1e9)
    values = np.zeros((3, FEATURES), np.float32)
    assert np.allclose(Forest.of(alone).predict(values), alone.inplace_predict(values, validate_features=False))


def test_trees_that_are_too_deep_are_left_to_xgboost():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(4_000, 1)).astype(np.float32)
    data = xgboost.DMatrix(values, rng.normal(size=4_000))
    deep = xgboost.train({"max_depth": DEEPEST + 4, "min_child_weight": 0, "nthread": 1, "lambda": 0}, data, 1)
    assert Forest.of(deep) is None
