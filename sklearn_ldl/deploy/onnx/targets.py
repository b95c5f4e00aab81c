"""What estimators of labels and values answer besides distributions, in an ONNX graph."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto

from sklearn_ldl._core.simplex import above_uniform
from sklearn_ldl.decoding import ROUNDING
from sklearn_ldl.deploy.onnx.errors import NotConvertibleError
from sklearn_ldl.deploy.onnx.graph import Graph, Tensor
from sklearn_ldl.distributors import GaussianLabelDistributor


def most_likely(graph: Graph, D: Tensor, classes: NDArray) -> Tensor:
    """Class of the largest degree of every row, the first one on ties."""
    best = graph.node("ArgMax", D, axis=1, keepdims=0)
    return graph.node("Gather", classes, best, axis=0)


def label_set(graph: Graph, D: Tensor, threshold: float | None, n_labels: int) -> Tensor:
    """Zeros and ones: whether the degree of a label exceeds the threshold, or a uniform one."""
    if threshold is None:
        threshold = above_uniform(n_labels)
    return graph.integers(graph.node("Greater", D, float(threshold)))


def decoded(graph: Graph, D: Tensor, grid: NDArray[np.float64], rule: str, name: str) -> Tensor:
    """Values (n_rows, n_dims) of distributions over a grid, as :mod:`sklearn_ldl.decoding`."""
    points = grid.reshape(len(grid), -1)
    if rule == "expectation":
        return graph.node("MatMul", D, points)
    if rule == "argmax":
        return most_likely(graph, D, points)
    if rule == "median":
        axes = [_median(graph, D, values) for values in points.T]
        return axes[0] if len(axes) == 1 else graph.node("Concat", *axes, axis=1)
    raise NotConvertibleError(
        name,
        f'decode="{rule}" climbs peaks step by step; "expectation", "median" and "argmax" convert',
    )


def _median(graph: Graph, D: Tensor, values: NDArray[np.float64]) -> Tensor:
    order = np.argsort(values, kind="stable")
    mass = graph.node("CumSum", graph.node("Gather", D, order, axis=1), 1)
    # In single precision rounding is larger, and so is what counts as one half.
    rounding = ROUNDING if graph.dtype == TensorProto.DOUBLE else float(np.finfo(np.float32).eps)
    short = graph.node("Less", mass, 0.5 - rounding)
    first = graph.over_labels("ReduceSum", graph.integers(short))
    return graph.node("Gather", values[order], first, axis=0)


def value(graph: Graph, model: Any, D: Tensor) -> Tensor:
    """Values that a regressor around a distributor decodes, in the shape of its targets."""
    distributor, name = model.distributor_, type(model).__name__
    if type(distributor) is not GaussianLabelDistributor:
        raise NotConvertibleError(
            name,
            f"what {type(distributor).__name__} decodes is not known here; "
            "GaussianLabelDistributor is, and estimator_ may convert alone",
        )
    rule = distributor.decode if model.decode is None else model.decode
    y = decoded(graph, D, distributor.grid_, rule, name)
    low, high = (np.atleast_1d(end).astype(np.float64) for end in distributor.range_)
    y = graph.node("Min", graph.node("Max", y, low), high)
    return graph.node("Reshape", y, [-1, *distributor._sample_shape])
