"""Boosted trees as an ONNX model of one node, which any ONNX runtime scores.

Written from XGBoost's own JSON: the usual converter takes a booster of a ranking objective for a classifier.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ml.ranking.forest import trees_of

if TYPE_CHECKING:
    import onnx
    import xgboost

VALUES, SCORES = "values", "scores"
OPERATORS = 3  # version of ai.onnx.ml: the last of TreeEnsembleRegressor before it was renamed


def tree_ensemble(booster: "xgboost.Booster") -> "onnx.ModelProto":
    """A model that takes `values` (N, F), NaN where not known, and gives `scores` (N, 1)."""
    from onnx import TensorProto, helper

    trees, features, base = trees_of(booster)
    node = helper.make_node(
        "TreeEnsembleRegressor", [VALUES], [SCORES], domain="ai.onnx.ml", n_targets=1, aggregate_function="SUM",
        post_transform="NONE", base_values=[base], **_nodes(trees), **_leaves(trees),
    )  # fmt: skip
    taken = helper.make_tensor_value_info(VALUES, TensorProto.FLOAT, [None, features])
    given = helper.make_tensor_value_info(SCORES, TensorProto.FLOAT, [None, 1])
    graph = helper.make_graph([node], "trees", [taken], [given])
    sets = [helper.make_opsetid("ai.onnx.ml", OPERATORS)]
    return helper.make_model(graph, opset_imports=sets, ir_version=helper.find_min_ir_version_for(sets))


def _nodes(trees: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Every node of every tree, one after the other: what is true goes left."""
    nodes = [
        (number, node, left < 0, tree["split_indices"][node], tree["split_conditions"][node], max(left, 0),
         max(tree["right_children"][node], 0), tree["default_left"][node])
        for number, tree in enumerate(trees)
        for node, left in enumerate(tree["left_children"])
    ]  # fmt: skip
    tree, place, leaf, feature, threshold, left, right, missing_left = (list(each) for each in zip(*nodes, strict=True))
    return {
        "nodes_treeids": tree, "nodes_nodeids": place, "nodes_featureids": feature, "nodes_values": threshold,
        "nodes_modes": ["LEAF" if each else "BRANCH_LT" for each in leaf], "nodes_truenodeids": left,
        "nodes_falsenodeids": right, "nodes_missing_value_tracks_true": missing_left,
    }  # fmt: skip


def _leaves(trees: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    leaves = [
        (number, node, tree["split_conditions"][node])
        for number, tree in enumerate(trees)
        for node, left in enumerate(tree["left_children"])
        if left < 0
    ]
    tree, place, value = (list(each) for each in zip(*leaves, strict=True))
    return {
        "target_treeids": tree, "target_nodeids": place, "target_ids": [0] * len(value), "target_weights": value,
    }  # fmt: skip
