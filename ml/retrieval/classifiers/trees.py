"""Binary gradient-boosted trees (Chen and Guestrin, "XGBoost", KDD 2016) whose scores are log odds."""

from typing import TYPE_CHECKING, Any

import numpy as np

from ml.data.arrays import Bools, Floats
from ml.retrieval.classifiers.parameters import ClassifiersParameters, Trees

if TYPE_CHECKING:
    import xgboost

BINS = 64  # inputs are counts and recencies: few distinct values


def grow(
    values: Floats, taken: Bools, trees: Trees, *,
    parameters: ClassifiersParameters, seed: int, threads: int, start: Floats | None = None,
) -> "xgboost.Booster":  # fmt: skip
    """Grow trees on (N, F) values, NaN where not known; where `start` (N,) is given, on top of these log odds."""
    import xgboost

    data = xgboost.QuantileDMatrix(values, taken.astype(np.float32), base_margin=start, max_bin=BINS)
    return xgboost.train(_native(trees, parameters, seed, threads), data, trees.rounds, verbose_eval=False)


def log_odds(booster: "xgboost.Booster", values: Floats, start: Floats | None = None) -> Floats:
    """(N,) log odds of (N, F) values."""
    if not len(values):
        return np.zeros(0, np.float32)
    found: Floats = booster.inplace_predict(
        np.ascontiguousarray(values), predict_type="margin", base_margin=start, validate_features=False
    )
    return found.astype(np.float32)


def _native(trees: Trees, parameters: ClassifiersParameters, seed: int, threads: int) -> dict[str, Any]:
    return {
        "objective": "binary:logistic", "tree_method": "hist", "max_bin": BINS, "seed": seed, "nthread": threads,
        "eta": parameters.learning_rate, "max_depth": trees.maximum_depth, "lambda": parameters.regularisation,
        "min_child_weight": parameters.minimum_child_weight, "subsample": parameters.subsample,
        "colsample_bytree": parameters.column_sample,
    }  # fmt: skip
