"""Models that compare rows with stored ones, or with the means of labels, in an ONNX graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.kernel_approximation import Nystroem

from sklearn_ldl.deploy.onnx.errors import NotConvertibleError
from sklearn_ldl.deploy.onnx.graph import Graph, Tensor
from sklearn_ldl.deploy.onnx.table import distribution_of, logits_of
from sklearn_ldl.neighbors import KNeighborsLDL
from sklearn_ldl.problem_transformation import PTBayesLDL
from sklearn_ldl.svm import LDSVR

# Differences of large numbers lose what single precision holds: all of this is in double.


@distribution_of(KNeighborsLDL)
def _neighbours(graph: Graph, model: Any, inputs: Sequence[Any]) -> Tensor:
    if model.effective_metric_ != "euclidean" or model.weights not in ("uniform", "distance"):
        raise NotConvertibleError(
            type(model).__name__,
            "only the Euclidean distance converts, and weights that are uniform or by distance; "
            f"got metric={model.effective_metric_!r} and weights={model.weights!r}",
        )
    wide, rows = graph.in_double, np.asarray(model._fit_X, dtype=np.float64)
    X = wide.features(inputs)
    distances = _squared_distances(wide, X, rows)
    _, nearest = wide.nodes(
        "TopK", distances, [model.n_neighbors], axis=1, largest=0, sorted=0, n_outputs=2
    )
    D = wide.node("Gather", model._y.astype(np.float64), nearest, axis=0)
    if model.weights == "uniform":
        weights = wide.constant(np.full((1, model.n_neighbors), 1.0))
    else:
        weights = _inverse_distances(wide, X, wide.node("Gather", rows, nearest, axis=0))
    weights = wide.node("Div", weights, wide.over_labels("ReduceSum", weights))
    mean = wide.node("MatMul", wide.node("Unsqueeze", weights, [1]), D)
    return graph.cast(wide.node("Squeeze", mean, [1]))


def _inverse_distances(graph: Graph, X: Tensor, near: Tensor) -> Tensor:
    """Weights (n_rows, n_neighbors); rows that equal a stored one go by it alone."""
    difference = graph.node("Sub", near, graph.node("Unsqueeze", X, [1]))
    squares = graph.node("Mul", difference, difference)
    distance = graph.node("Sqrt", graph.node("ReduceSum", squares, [2], keepdims=0))
    zero = graph.node("Equal", distance, 0.0)
    found = graph.over_labels("ReduceMax", graph.cast(zero))
    inverse = graph.node("Div", 1.0, graph.node("Where", zero, 1.0, distance))
    return graph.node("Where", graph.node("Greater", found, 0.0), graph.cast(zero), inverse)


def _squared_distances(graph: Graph, X: Tensor, rows: NDArray[np.float64]) -> Tensor:
    """Squares of Euclidean distances (n_rows, n_stored)."""
    # Around their mean, which keeps the squares small.
    center = rows.mean(axis=0)
    rows = rows - center
    X = graph.node("Sub", X, center)
    own = graph.over_labels("ReduceSum", graph.node("Mul", X, X))
    products = graph.linear(X, -2 * rows, (rows**2).sum(axis=1))
    return graph.node("Max", graph.node("Add", products, own), 0.0)


def _city_block_distances(graph: Graph, X: Tensor, rows: NDArray[np.float64]) -> Tensor:
    """Return sums of absolute differences (n_rows, n_stored)."""
    differences = graph.node("Sub", graph.node("Unsqueeze", X, [1]), rows)
    return graph.node("ReduceSum", graph.node("Abs", differences), [2], keepdims=0)


@logits_of(LDSVR)
def _kernels(graph: Graph, model: Any, inputs: Sequence[Any]) -> Tensor:
    wide = graph.in_double
    settings = {"gamma": model.gamma_, "degree": model.degree, "coef0": model.coef0}
    K = kernel(wide, model, wide.features(inputs), model.landmarks_, settings)
    return graph.cast(wide.linear(K, model.dual_coef_, model.intercept_))


def kernel(
    graph: Graph, model: Any, X: Tensor, landmarks: Any, settings: dict[str, float]
) -> Tensor:
    """Kernel (n_rows, n_landmarks) of a model, by the settings that it has."""
    if hasattr(landmarks, "toarray"):
        landmarks = landmarks.toarray()
    landmarks = np.asarray(landmarks, dtype=np.float64)
    distances = {"rbf": _squared_distances, "laplacian": _city_block_distances}
    if model.kernel in distances:
        distance = distances[model.kernel](graph, X, landmarks)
        return graph.node("Exp", graph.node("Mul", distance, -float(settings["gamma"])))
    K = graph.node("MatMul", X, landmarks.T)
    if model.kernel == "linear":
        return K
    if model.kernel not in ("poly", "polynomial", "sigmoid"):
        raise NotConvertibleError(
            type(model).__name__,
            f"kernel={model.kernel!r} does not; laplacian, rbf, linear, poly and sigmoid do",
        )
    scaled = graph.node("Mul", K, float(settings["gamma"]))
    shifted = graph.node("Add", scaled, float(settings["coef0"]))
    if model.kernel == "sigmoid":
        return graph.node("Tanh", shifted)
    return graph.node("Pow", shifted, float(settings["degree"]))


def nystroem(graph: Graph, model: Nystroem, inputs: Sequence[Any]) -> list[Tensor]:
    """Features of scikit-learn's approximation of kernels, which skl2onnx does not know."""
    wide = graph.in_double
    if callable(model.kernel):
        raise NotConvertibleError(type(model).__name__, "a kernel that is a function does not")
    defaults = {"gamma": 1 / model.n_features_in_, "coef0": 1, "degree": 3}
    settings = {
        name: default if getattr(model, name) is None else getattr(model, name)
        for name, default in defaults.items()
    }
    K = kernel(wide, model, wide.features(inputs), model.components_, settings)
    return [graph.cast(wide.node("MatMul", K, model.normalization_.T.astype(np.float64)))]


@logits_of(PTBayesLDL)
def _normal(graph: Graph, model: Any, inputs: Sequence[Any]) -> Tensor:
    wide, center = graph.in_double, model.prior_ @ model.theta_
    theta, precision = model.theta_ - center, 1 / model.var_
    X = wide.node("Sub", wide.features(inputs), center)
    squares = wide.node("MatMul", wide.node("Mul", X, X), -0.5 * precision.T)
    constant = (theta**2 * precision + np.log(2 * np.pi * model.var_)).sum(axis=1)
    with np.errstate(divide="ignore"):
        intercept = np.log(model.prior_) - 0.5 * constant
    Z = wide.node("Add", squares, wide.linear(X, theta * precision, intercept))
    # Logits of any size are near enough to their largest, or nothing, in single precision.
    return graph.cast(wide.node("Sub", Z, wide.over_labels("ReduceMax", Z)))
