"""Boosted trees in an ONNX graph."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto
from onnx.helper import make_tensor

from sklearn_ldl.deploy.onnx.errors import NotConvertibleError
from sklearn_ldl.deploy.onnx.graph import Graph, Tensor
from sklearn_ldl.deploy.onnx.table import logits_of
from sklearn_ldl.ensemble import GradientBoostingLDL

_FLOAT, _DOUBLE = TensorProto.FLOAT, TensorProto.DOUBLE


class _Tree(NamedTuple):
    """Nodes of a tree, of which leaves have no children (-1), and its steps."""

    feature: NDArray
    threshold: NDArray
    left: NDArray
    right: NDArray
    #: Whether a missing value goes left.
    missing_left: NDArray
    #: Labels that the tree moves.
    labels: NDArray
    #: Steps of these labels in every node (n_nodes, n_labels).
    steps: NDArray


@logits_of(GradientBoostingLDL)
def _boosted(graph: Graph, model: Any, inputs: Sequence[Any]) -> Tensor:
    if model.is_categorical_ is not None:
        raise NotConvertibleError(
            type(model).__name__, "columns with categories do not: encode them before it"
        )
    X, start = graph.features(inputs), model.intercept_[None]
    trees = list(_trees(model))
    if not trees:
        n_rows = graph.node("Slice", graph.node("Shape", X), [0], [1])
        return graph.node("Tile", start, graph.node("Concat", n_rows, [1], axis=0))
    # Trees see features in single precision, whatever the precision of their steps.
    X = graph.cast(graph.cast(X, _FLOAT))
    steps = graph.nodes(
        "TreeEnsembleRegressor",
        X,
        n_outputs=1,
        domain="ai.onnx.ml",
        op_version=3,  # the first that knows double precision
        n_targets=model.n_labels_,
        **_attributes(trees, graph.dtype),
    )[0]
    return graph.node("Add", graph.cast(steps), start)


def _trees(model: GradientBoostingLDL) -> Iterator[_Tree]:
    if model.engine_ == "sklearn":
        every = np.arange(model.n_labels_)
        for estimator in model.estimators_:
            tree = estimator.tree_
            yield _Tree(
                tree.feature,
                tree.threshold,
                tree.children_left,
                tree.children_right,
                tree.missing_go_to_left,
                every,
                tree.value[:, :, 0],
            )
    elif model.booster_ is not None:
        for number, tree in enumerate(model.booster_.dump_model()["tree_info"]):
            yield _of_lightgbm(tree["tree_structure"], np.array([number % model.n_labels_]))


def _of_lightgbm(root: dict[str, Any], labels: NDArray) -> _Tree:
    """Nodes of a tree of LightGBM, which come inside of each other."""
    rows: list[list[float]] = []

    def add(node: dict[str, Any]) -> int:
        place = len(rows)
        rows.append([0, 0.0, -1, -1, 0, node.get("leaf_value", 0.0)])
        if "split_feature" in node:
            threshold = node["threshold"]
            # Where training saw no missing value, one counts as zero.
            left = node["default_left"] if node["missing_type"] == "NaN" else threshold >= 0
            children = add(node["left_child"]), add(node["right_child"])
            rows[place] = [node["split_feature"], threshold, *children, left, 0.0]
        return place

    add(root)
    feature, threshold, left, right, missing, steps = map(np.array, zip(*rows, strict=True))
    return _Tree(feature, threshold, left, right, missing, labels, steps[:, None])


def _attributes(trees: list[_Tree], dtype: int) -> dict[str, Any]:
    """Nodes and leaves of trees, one below the other."""
    parts = []
    for number, tree in enumerate(trees):
        leaf = tree.left < 0
        leaves, n_nodes = np.flatnonzero(leaf), len(leaf)
        parts.append(
            {
                "nodes_treeids": np.full(n_nodes, number),
                "nodes_nodeids": np.arange(n_nodes),
                "nodes_featureids": np.where(leaf, 0, tree.feature),
                "nodes_modes": np.where(leaf, "LEAF", "BRANCH_LEQ"),
                "nodes_values": np.where(leaf, 0.0, tree.threshold),
                "nodes_truenodeids": np.where(leaf, 0, tree.left),
                "nodes_falsenodeids": np.where(leaf, 0, tree.right),
                "nodes_missing_value_tracks_true": np.where(leaf, 0, tree.missing_left),
                "target_treeids": np.full(len(tree.labels) * len(leaves), number),
                "target_nodeids": np.repeat(leaves, len(tree.labels)),
                "target_ids": np.tile(tree.labels, len(leaves)),
                "target_weights": tree.steps[leaves].ravel(),
            }
        )
    joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    values, weights = joined.pop("nodes_values"), joined.pop("target_weights")
    modes = joined.pop("nodes_modes")
    attributes: dict[str, Any] = {n: array.astype(int).tolist() for n, array in joined.items()}
    attributes["nodes_modes"] = modes.tolist()
    if dtype == _DOUBLE:
        for name, array in (("nodes_values", values), ("target_weights", weights)):
            key = f"{name}_as_tensor"
            attributes[key] = make_tensor(key, _DOUBLE, [len(array)], array.tolist())
    else:
        attributes |= {"nodes_values": _below(values), "target_weights": weights.tolist()}
    return attributes


def _below(thresholds: NDArray[np.float64]) -> list[float]:
    """Round down to single precision: no feature in it lies between the two."""
    rounded = thresholds.astype(np.float32)
    lower = np.nextafter(rounded, np.float32(-np.inf))
    return np.where(rounded > thresholds, lower, rounded).tolist()
