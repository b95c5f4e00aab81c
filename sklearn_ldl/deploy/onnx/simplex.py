"""Distributions in an ONNX graph: the nearest ones, and pools of several."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sklearn_ldl._core.simplex import PREDICTION_TOLERANCE
from sklearn_ldl.deploy.onnx.graph import Graph, Tensor
from sklearn_ldl.ensemble.pooling import UNSURE, Pool


def normalized(graph: Graph, A: Tensor) -> Tensor:
    """Divide rows by their sums."""
    return graph.node("Div", A, graph.over_labels("ReduceSum", A))


def projected(graph: Graph, V: Tensor, n_labels: int) -> Tensor:
    """Project rows onto the simplex, as :func:`sklearn_ldl.project_simplex` does."""
    V = graph.node("Sub", V, graph.over_labels("ReduceMax", V))
    ordered = graph.nodes("TopK", V, [n_labels], axis=1, n_outputs=2)[0]
    above = graph.node("Sub", graph.node("CumSum", ordered, 1), 1.0)
    thresholds = graph.node("Div", above, np.arange(1.0, n_labels + 1))
    active = graph.integers(graph.node("Greater", ordered, thresholds))
    last = graph.node("Sub", graph.over_labels("ReduceSum", active), 1)
    theta = graph.node("GatherElements", thresholds, last, axis=1)
    return normalized(graph, graph.node("Max", graph.node("Sub", V, theta), 0.0))


def nearest_distribution(graph: Graph, D: Tensor, n_labels: int) -> Tensor:
    """Replace rows that are no distributions by the nearest ones, as every wrapper does."""
    total = graph.over_labels("ReduceSum", D)
    off_one = graph.node("Abs", graph.node("Sub", total, 1.0))
    off = graph.node(
        "Or",
        graph.node("Less", graph.over_labels("ReduceMin", D), 0.0),
        graph.node("Greater", off_one, PREDICTION_TOLERANCE),
    )
    return normalized(graph, graph.node("Where", off, projected(graph, D, n_labels), D))


def pooled(graph: Graph, members: Sequence[Tensor], pool: Pool, n_labels: int) -> Tensor:
    """Pool distributions, as a :class:`~sklearn_ldl.ensemble.pooling.Pool` does."""
    logarithmic = pool.intercept is not None
    parts = [_logarithms(graph, P, n_labels) for P in members] if logarithmic else members
    weighted = [
        graph.node("Mul", P, float(weight)) for P, weight in zip(parts, pool.weights, strict=True)
    ]
    total = weighted[0] if len(weighted) == 1 else graph.node("Sum", *weighted)
    if pool.intercept is None:
        return normalized(graph, total)
    return graph.node("Softmax", graph.node("Add", total, pool.intercept), axis=1)


def _logarithms(graph: Graph, P: Tensor, n_labels: int) -> Tensor:
    L = graph.node("Log", graph.node("Add", P, UNSURE / n_labels))
    # What divides the degrees falls out here, too.
    return graph.node("Sub", L, graph.over_labels("ReduceMean", L))
