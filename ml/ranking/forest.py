"""Boosted trees as flat arrays, for scoring few thousand rows at once: what XGBoost fits, some times as fast.

Every tree is padded to a perfect one of the same depth, so that all rows of a block go down together, a level at a
time and without a branch (after Asadi, Lin and de Vries, "Runtime optimizations for tree-based machine learning
models", TKDE 2014). Missing values need no branch either: the block holds each feature twice, a missing one as +∞
in the first copy and -∞ in the second, and each node reads the copy that sends it to its default side.
Measured beside the alternatives in docs/decisions/ranker-inference.md.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ml.data.arrays import Floats, Indices

if TYPE_CHECKING:
    import xgboost

DEEPEST = 10  # levels: a perfect tree doubles with each


@dataclass(frozen=True)
class Forest:
    """T trees of depth D over F features."""

    column: Indices  # (T, 2^D - 1) feature of each node, plus F where a missing value goes left
    threshold: Floats  # (T, 2^D - 1) values below go left
    leaf: Floats  # (T, 2^D)
    depth: int
    features: int
    base: float  # what all scores begin with

    @classmethod
    def of(cls, booster: "xgboost.Booster") -> "Forest | None":
        """The trees of a fitted booster of one output; None where they are too deep for this layout."""
        trees, features, base = trees_of(booster)
        depth = max((_depth(tree, 0) for tree in trees), default=0)
        if depth > DEEPEST or any(tree["categories_nodes"] for tree in trees):
            return None
        nodes = (1 << depth) - 1
        column = np.zeros((len(trees), nodes), np.int32)
        threshold = np.full((len(trees), nodes), np.nan, np.float32)  # nothing is at or above it: all goes left
        leaf = np.zeros((len(trees), nodes + 1), np.float32)
        for number, tree in enumerate(trees):
            _lay_out(tree, features, column[number], threshold[number], leaf[number])
        return cls(column, threshold, leaf, depth, features, base)

    def predict(self, values: Floats) -> Floats:
        """(N,) scores of rows (N, F); NaN: not known."""
        from ml.ranking.forest_kernel import predict

        scores = np.full(len(values), self.base, np.float32)
        rows = np.ascontiguousarray(values, np.float32)
        predict(rows, self.column, self.threshold, self.leaf, self.depth, scores)
        return scores


def trees_of(booster: "xgboost.Booster") -> tuple[list[Mapping[str, Any]], int, float]:
    """What XGBoost's JSON says of a booster of one output: its trees, its number of features, what scores begin with."""
    model = json.loads(booster.save_raw("json"))["learner"]
    parameters = model["learner_model_param"]
    base = np.ravel(json.loads(parameters["base_score"]))[0]
    return model["gradient_booster"]["model"]["trees"], int(parameters["num_feature"]), float(base)


def _depth(tree: Mapping[str, Any], node: int) -> int:
    left, right = tree["left_children"][node], tree["right_children"][node]
    return 0 if left < 0 else 1 + max(_depth(tree, left), _depth(tree, right))


def _lay_out(tree: Mapping[str, Any], features: int, column: Indices, threshold: Floats, leaf: Floats) -> None:
    """Write one tree; below a leaf that comes early, all goes left, to a leaf of the same value."""
    todo = [(0, 0)]  # node of the tree, place in the perfect one
    while todo:
        node, place = todo.pop()
        left = tree["left_children"][node]
        if left >= 0:
            missing_left = tree["default_left"][node]
            column[place] = tree["split_indices"][node] + (features if missing_left else 0)
            threshold[place] = tree["split_conditions"][node]
            todo += [(left, 2 * place + 1), (tree["right_children"][node], 2 * place + 2)]
            continue
        while place < len(column):
            place = 2 * place + 1
        leaf[place - len(column)] = tree["split_conditions"][node]
