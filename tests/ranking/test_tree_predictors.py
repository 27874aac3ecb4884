"""Every way to score trees says what XGBoost says, from the file that it wrote."""

import numpy as np
import pytest
import xgboost

from ml.errors import BadInput
from ml.ranking.forest import DEEPEST
from ml.ranking.tree_predictors import FLAT, TREE_PREDICTORS, TreePredictor

FEATURES = 4
ODD = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 3e38, -3e38, 1e-30], np.float32)


@pytest.fixture(scope="module")
def booster() -> xgboost.Booster:
    """Trees with splits on either default side, and some of a single leaf."""
    rng = np.random.default_rng(3)
    values = rng.normal(size=(400, FEATURES)).astype(np.float32)
    values[rng.random(values.shape) < 0.2] = np.nan
    label = np.nan_to_num(values).sum(axis=1) - 2 * np.isnan(values[:, 0])
    groups = np.repeat(np.arange(20), 20)
    data = xgboost.DMatrix(values, np.digitize(label, [-1, 0, 1]), qid=groups)
    return xgboost.train({"objective": "rank:ndcg", "max_depth": 3, "nthread": 1, "gamma": 0.2}, data, 8)


@pytest.fixture(params=TREE_PREDICTORS, ids=lambda predictor: predictor.name)
def predictor(request: pytest.FixtureRequest) -> TreePredictor:
    for package in request.param.packages:
        pytest.importorskip(package)
    if missing := request.param.missing():
        pytest.skip(missing)
    return request.param


def thresholds(booster: xgboost.Booster) -> np.ndarray:
    splits = booster.trees_to_dataframe().dropna(subset="Split")["Split"]
    return np.unique(splits.to_numpy(np.float32))


def test_it_scores_as_xgboost_does_whatever_the_rows_hold(predictor, booster, tmp_path):
    rng = np.random.default_rng(5)
    edges = thresholds(booster)
    assert len(edges)
    values = rng.normal(size=(300, FEATURES)).astype(np.float32)
    values[:100] = rng.choice(ODD, (100, FEATURES))
    values[100:200] = rng.choice(edges, (100, FEATURES))
    predictor.write(booster, tmp_path / predictor.file)
    predict = predictor.open(tmp_path / predictor.file)
    expected = booster.inplace_predict(values, validate_features=False)
    assert np.ptp(expected) > 0
    assert predict(values).shape == (300,)
    assert np.allclose(predict(values), expected, rtol=1e-5, atol=1e-5)
    assert np.allclose(predict(values[:1]), expected[:1], rtol=1e-5, atol=1e-5)


def test_what_is_not_installed_says_how_to_install_it():
    absent = TreePredictor("x", "x", FLAT.write, FLAT.open, ("numpy", "no_such_package", "nor_this_one"))
    assert absent.missing() == "not installed: pip install no_such_package nor_this_one"
    assert TreePredictor("x", "x", FLAT.write, FLAT.open, ("numpy",), "no-such-compiler").missing() == (
        "not installed: no-such-compiler"
    )
    assert FLAT.missing() is None


def test_trees_that_are_too_deep_to_lie_flat_are_refused_by_name(tmp_path):
    rng = np.random.default_rng(0)
    data = xgboost.DMatrix(rng.normal(size=(4_000, 1)), rng.normal(size=4_000))
    deep = xgboost.train({"max_depth": DEEPEST + 4, "min_child_weight": 0, "nthread": 1, "lambda": 0}, data, 1)
    FLAT.write(deep, tmp_path / FLAT.file)
    with pytest.raises(BadInput, match="too deep"):
        FLAT.open(tmp_path / FLAT.file)
