"""Which function writes the predictions of an estimator, and how the parts of one are found."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from inspect import getattr_static
from typing import Any, TypeAlias, TypeVar

from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline

from sklearn_ldl._core.label_names import frozen_names, label_order
from sklearn_ldl.deploy.onnx.errors import NotConvertibleError
from sklearn_ldl.deploy.onnx.graph import Graph, Tensor
from sklearn_ldl.deploy.onnx.refusals import refuse
from sklearn_ldl.deploy.onnx.simplex import nearest_distribution
from sklearn_ldl.metrics.divergences import FLOOR

#: Writes tensors of shape (n_rows, n_labels) for an estimator and its inputs.
Writer: TypeAlias = Callable[[Graph, Any, Sequence[Any]], Tensor]
Decorated = TypeVar("Decorated", bound=Writer)

#: Classes with logits whose softmax is the prediction.
LOGITS: dict[type, Writer] = {}
#: Classes that predict distributions otherwise.
DISTRIBUTIONS: dict[type, Writer] = {}

# A subclass with all of these unchanged predicts as its base.
_METHODS = "predict", "predict_proba", "decision_function", "_correct"


def logits_of(*classes: type) -> Callable[[Decorated], Decorated]:
    """Register a function for classes that predict the softmax of what it writes."""
    return _register(LOGITS, classes)


def distribution_of(*classes: type) -> Callable[[Decorated], Decorated]:
    """Register a function for classes that predict what it writes."""
    return _register(DISTRIBUTIONS, classes)


def _register(
    table: dict[type, Writer], classes: Sequence[type]
) -> Callable[[Decorated], Decorated]:
    def decorate(writer: Decorated) -> Decorated:
        table.update(dict.fromkeys(classes, writer))
        return writer

    return decorate


def known(table: dict[type, Any], cls: type) -> Any:
    """Return the entry of a class, or of the one that it predicts as; None without one."""
    for base in cls.__mro__:
        if base in table and all(
            getattr_static(cls, method, None) is getattr_static(base, method, None)
            for method in _METHODS
        ):
            return table[base]
    return None


def part(graph: Graph, estimator: Any, inputs: Sequence[Any]) -> tuple[Any, Sequence[Any]]:
    """Look through pipelines, fitted searches and frozen estimators at what predicts."""
    while True:
        if isinstance(estimator, Pipeline):
            for _, step in estimator.steps[:-1]:
                if step is not None and step != "passthrough":
                    inputs = graph.convert(step, inputs)
            estimator = estimator.steps[-1][1]
        elif isinstance(estimator, FrozenEstimator):
            estimator = estimator.estimator
        elif hasattr(estimator, "best_estimator_"):
            estimator = estimator.best_estimator_
        else:
            return estimator, inputs


def distribution(graph: Graph, estimator: Any, inputs: Sequence[Any], n_labels: int) -> Tensor:
    """Write the distributions that a fitted estimator predicts, whatever it is."""
    estimator, inputs = part(graph, estimator, inputs)
    writer = known(DISTRIBUTIONS, type(estimator))
    if writer is not None:
        return writer(graph, estimator, inputs)
    writer = known(LOGITS, type(estimator))
    if writer is not None:
        return graph.node("Softmax", writer(graph, estimator, inputs), axis=1)
    return _foreign(graph, estimator, inputs, n_labels)


def logits(graph: Graph, estimator: Any, inputs: Sequence[Any], n_labels: int) -> Tensor:
    """Write logits of what a fitted estimator predicts, as corrections of them take them."""
    estimator, inputs = part(graph, estimator, inputs)
    writer = known(LOGITS, type(estimator))
    if writer is not None:
        return writer(graph, estimator, inputs)
    writer = known(DISTRIBUTIONS, type(estimator))
    if writer is not None:
        D = writer(graph, estimator, inputs)
    else:
        D = _foreign(graph, estimator, inputs, n_labels)
    return graph.node("Log", graph.node("Max", D, FLOOR))


def _foreign(graph: Graph, estimator: Any, inputs: Sequence[Any], n_labels: int) -> Tensor:
    """Write what scikit-learn's regressor, or anybody's that skl2onnx knows, predicts."""
    _refuse_unknown(estimator)
    predicted, *_ = graph.convert(estimator, inputs)
    # MLPRegressor's converter puts all outputs of all rows into one column.
    D = graph.node("Reshape", graph.cast(predicted.full_name), [-1, n_labels])
    return nearest_distribution(graph, D, n_labels)


def _refuse_unknown(estimator: Any) -> None:
    """Raise a NotConvertibleError for an estimator that predicts as no class here does."""
    refuse(estimator)
    for cls in type(estimator).__mro__:
        if cls.__module__.startswith("sklearn_ldl."):
            raise NotConvertibleError(
                type(estimator).__name__, f"it predicts in its own way, other than {cls.__name__}"
            )


def in_order(graph: Graph, learner: Any, D: Tensor, names: Any) -> Tensor:
    """Bring the labels that a frozen learner predicts into the order of what wraps it."""
    order = label_order(frozen_names(learner), names, of_have="estimator", of_want="y")
    return D if order is None else graph.node("Gather", D, order, axis=1)
