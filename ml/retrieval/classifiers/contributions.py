"""What moved a score: how much each input added to the log odds (Lundberg and Lee, "SHAP", NeurIPS 2017; TreeSHAP)."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ml.data.arrays import Floats
from ml.data.requests import Requests
from ml.retrieval.classifiers.inputs import read
from ml.retrieval.classifiers.retriever import Classifiers

if TYPE_CHECKING:
    import xgboost

OWN = "own"  # before the names of what is said of the item itself


@dataclass(frozen=True)
class Contributions:
    """What each of N inputs added to R scores of one item."""

    names: tuple[str, ...]  # (N,) of `Inputs`; those of the item itself as `own …`
    values: Floats  # (R, N) the inputs; NaN is what is not known
    added: Floats  # (R, N) log odds


def contributions(model: Classifiers, requests: Requests, item: int) -> Contributions:
    """What moved the scores of one item for R users; nothing did where nothing was taken in training."""
    inputs = read(requests, model.schema, model.takes)
    columns = model.schema.readable(item, inputs.names)
    names = (*(inputs.names[at] for at in columns), *(f"{OWN} {name}" for name in inputs.own_names))
    values = inputs.of_item(slice(None), item, columns)
    added = np.zeros_like(values)
    if item in model.single:
        added += _added(model.single[item], values)
    if model.pooled is not None:
        added[:, len(columns) :] += _added(model.pooled, inputs.own[:, item])
    return Contributions(names, values, added)


def _added(booster: "xgboost.Booster", values: Floats) -> Floats:
    """(R, F) without the part that all rows share."""
    import xgboost

    found: Floats = booster.predict(xgboost.DMatrix(values), pred_contribs=True, validate_features=False)
    return found[:, :-1].astype(np.float32)
