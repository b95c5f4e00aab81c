"""The outputs of a converted model, by the kind of the estimator."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from skl2onnx.common.data_types import BooleanTensorType, Int64TensorType, StringTensorType
from sklearn.kernel_approximation import Nystroem

from sklearn_ldl._core.label_names import fitted_names
from sklearn_ldl.deploy.onnx.errors import NotConvertibleError
from sklearn_ldl.deploy.onnx.graph import Graph, Tensor
from sklearn_ldl.deploy.onnx.kernels import nystroem
from sklearn_ldl.deploy.onnx.table import distribution, in_order
from sklearn_ldl.deploy.onnx.targets import label_set, most_likely, value
from sklearn_ldl.enhancement import LabelEnhancementClassifier
from sklearn_ldl.wrappers import LDLClassifier, LDLRegressor, MultiLabelLDLClassifier

#: Name, type of skl2onnx, and shape of an output for `n_rows` of None.
Declared = list[tuple[str, Any, list[Any]]]


class Outputs(NamedTuple):
    """What a kind of estimators answers."""

    #: ``(estimator, type of floating-point numbers) -> declared outputs``.
    declare: Callable[[Any, Any], Declared]
    #: ``(graph, estimator, inputs) -> tensors``, one for each.
    write: Callable[[Graph, Any, Sequence[Any]], list[Tensor]]


def n_labels_of(model: Any) -> int:
    """Count the labels of a fitted estimator."""
    for name in ("n_labels_", "_n_labels"):
        if hasattr(model, name):
            return int(getattr(model, name))
    return len(model.classes_)


def _declare_distribution(model: Any, float_type: Any) -> Declared:
    return [("distribution", float_type, [None, n_labels_of(model)])]


def _write_distribution(graph: Graph, model: Any, inputs: Sequence[Any]) -> list[Tensor]:
    return [distribution(graph, model, inputs, n_labels_of(model))]


def _wrapped(graph: Graph, model: Any, inputs: Sequence[Any]) -> Tensor:
    """Distributions of the learner of an estimator of labels or values."""
    D = distribution(graph, model.estimator_, inputs, n_labels_of(model))
    return in_order(graph, model.estimator_, D, fitted_names(model))


def declare_label(model: Any, float_type: Any) -> Declared:
    """Declare a class label and the degrees of all."""
    kinds: dict[str, Any] = {"i": Int64TensorType, "u": Int64TensorType, "b": BooleanTensorType}
    classes = model.classes_
    if classes.dtype.kind == "O" and not all(isinstance(label, str) for label in classes):
        name = type(model).__name__
        raise NotConvertibleError(name, "classes of several types do not fit into one tensor")
    kind = float_type if classes.dtype.kind == "f" else kinds.get(classes.dtype.kind)
    shape = [None, n_labels_of(model)]
    return [("label", kind or StringTensorType, [None]), ("probabilities", float_type, shape)]


def write_label(graph: Graph, model: Any, D: Tensor) -> list[Tensor]:
    """Write a class label and the degrees of all."""
    return [most_likely(graph, D, model.classes_), D]


def _predicts_sets(model: Any) -> bool:
    return getattr(model, "_predicts_sets", False)


def _declare_labels(model: Any, float_type: Any) -> Declared:
    if not _predicts_sets(model):
        return declare_label(model, float_type)
    shape = [None, n_labels_of(model)]
    return [("label", Int64TensorType, shape), ("probabilities", float_type, shape)]


def _write_labels(graph: Graph, model: Any, inputs: Sequence[Any]) -> list[Tensor]:
    D = _wrapped(graph, model, inputs)
    if not _predicts_sets(model):
        return write_label(graph, model, D)
    threshold = getattr(model, "threshold_", model.threshold)
    return [label_set(graph, D, threshold, n_labels_of(model)), D]


def _declare_value(model: Any, float_type: Any) -> Declared:
    shape = [None, *getattr(model.distributor_, "_sample_shape", ())]
    return [("value", float_type, shape), *_declare_distribution(model, float_type)]


def _write_value(graph: Graph, model: Any, inputs: Sequence[Any]) -> list[Tensor]:
    D = _wrapped(graph, model, inputs)
    return [value(graph, model, D), D]


def _declare_features(model: Any, float_type: Any) -> Declared:
    return [("variable", float_type, [None, len(model.components_)])]


DISTRIBUTION = Outputs(_declare_distribution, _write_distribution)
#: Classes with other outputs.
OUTPUTS: dict[type, Outputs] = {
    LDLClassifier: Outputs(declare_label, _write_labels),
    LDLRegressor: Outputs(_declare_value, _write_value),
    LabelEnhancementClassifier: Outputs(_declare_labels, _write_labels),
    MultiLabelLDLClassifier: Outputs(_declare_labels, _write_labels),
    Nystroem: Outputs(_declare_features, nystroem),
}
