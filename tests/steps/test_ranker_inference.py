"""The comparison of ways to score trees, on a few small ones."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
import xgboost

from ml.cli import output
from ml.errors import BadInput
from ml.steps import ranker_inference

ROWS = (3, 40)


@pytest.fixture(scope="module")
def booster() -> xgboost.Booster:
    rng = np.random.default_rng(1)
    values = rng.normal(size=(200, 5)).astype(np.float32)
    return xgboost.train({"max_depth": 2, "nthread": 1}, xgboost.DMatrix(values, values.sum(axis=1)), 3)


@pytest.fixture(scope="module")
def batches() -> list[np.ndarray]:
    rng = np.random.default_rng(2)
    return [rng.normal(size=(rows, 5)).astype(np.float32) for rows in ROWS]


@pytest.fixture(scope="module")
def found(booster, batches):
    return ranker_inference.compare_predictors(booster, batches)


def test_each_predictor_has_a_row_with_all_its_costs_or_what_it_lacks(found):
    assert [row["predictor"] for row in found] == [each.name for each in ranker_inference.TREE_PREDICTORS]
    for row in found:
        if row["missing"]:
            assert {value for name, value in row.items() if name not in ("predictor", "missing")} == {None}
            continue
        assert len(row["ms"]) == len(ROWS)
        assert min(row["ms"]) > 0
        assert row["file_kb"] > 0
        assert row["difference"] <= 1e-5


def test_xgboost_is_compared_with_itself_and_the_flat_forest_is_always_measured(found):
    assert found[0]["difference"] == 0
    assert [row["missing"] for row in found[:2]] == [None, None]


def test_a_predictor_that_is_not_installed_does_not_keep_the_others_from_being_measured(booster, batches, monkeypatch):
    first, *others = ranker_inference.TREE_PREDICTORS[:2]
    absent = dataclasses.replace(first, name="absent", packages=("no_such_package",))
    monkeypatch.setattr(ranker_inference, "TREE_PREDICTORS", (first, absent, *others))
    rows = ranker_inference.compare_predictors(booster, batches)
    assert [row["missing"] for row in rows] == [None, "not installed: pip install no_such_package", None]
    assert rows[1]["ms"] is None
    assert rows[2]["difference"] <= 1e-5


def test_the_table_shows_figures_and_what_to_install(found):
    absent = dict.fromkeys(found[0]) | {"predictor": "absent", "missing": "not installed: pip install it"}
    shape = {"trees": 3, "depth": 2, "features": 5}
    batches = [{"slates": 1, "rows": 3}, {"slates": 8, "rows": 40}]
    (table,) = output.tree_predictors(shape | {"batches": batches, "predictors": [found[0], absent]})
    cells = [list(column.cells) for column in table.columns]
    assert [column.header for column in table.columns][:3] == ["predictor", "3 of 1", "40 of 8"]
    assert cells[0] == ["XGBoost, in place", "absent"]
    assert cells[1] == [str(found[0]["ms"][0]), "not installed: pip install it"]
    assert "3 trees of depth 2, 5 features" in table.title


def test_a_champion_without_trees_is_refused_by_name(monkeypatch):
    bundle = SimpleNamespace(recommender=SimpleNamespace(ranker=SimpleNamespace()))
    monkeypatch.setattr(ranker_inference, "champion", lambda domain: (None, bundle))
    with pytest.raises(BadInput, match="shop's champion is no forest"):
        ranker_inference.bench_ranker("shop")
