"""Networks in an ONNX graph: torch exports what they compute, the rest is added here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from onnx import TensorProto
from skl2onnx.common.data_types import guess_numpy_type

from sklearn_ldl.deep import (
    DeepClassifier,
    DeepDistributionRegressor,
    DeepRegressor,
    DeepValueRegressor,
    KernelDensityRegressor,
)
from sklearn_ldl.deep.training.conversion import shapes
from sklearn_ldl.deploy.onnx.errors import NotConvertibleError
from sklearn_ldl.deploy.onnx.graph import Graph, Tensor
from sklearn_ldl.deploy.onnx.outputs import OUTPUTS, Declared, Outputs, declare_label, write_label
from sklearn_ldl.deploy.onnx.table import logits_of
from sklearn_ldl.deploy.onnx.targets import decoded

# That of torch's exporter.
_LEAST_OPSET = 18


@logits_of(DeepDistributionRegressor)
def network(graph: Graph, model: Any, inputs: Sequence[Any]) -> Tensor:
    """Write what the network of an estimator returns, of an ensemble for all members together."""
    name = type(model).__name__
    if model.predict_mc_samples:
        raise NotConvertibleError(name, "passes with dropout are random: set predict_mc_samples=0")
    if model.collate_fn is not None:
        raise NotConvertibleError(name, "collate_fn makes its batches, which are Python objects")
    if graph.opset < _LEAST_OPSET:
        raise ValueError(f"Networks need target_opset={_LEAST_OPSET} at least, not {graph.opset}.")
    shape = model.input_shape_
    if isinstance(shape, dict):
        tensors, dtypes = _several(model, inputs)
    elif len(shapes(shape)) > 1:
        raise NotConvertibleError(name, "several inputs need names, by a dictionary of them")
    else:
        tensors, dtypes = _single(graph, inputs)
    exported = model._export_network(dtypes, _name_of(graph), graph.opset)
    (outputs,) = graph.insert(exported, *tensors)
    return graph.cast(outputs)


def _single(graph: Graph, inputs: Sequence[Any]) -> tuple[list[Tensor], list[str]]:
    """Bring one input into the precision of the graph, unless it holds integers."""
    kind = np.dtype(guess_numpy_type(inputs[0].type))
    if kind.kind != "f" and len(inputs) == 1:
        return [inputs[0].full_name], [kind.name]
    return [graph.features(inputs)], [_name_of(graph)]


def _several(model: Any, inputs: Sequence[Any]) -> tuple[list[Tensor], list[str]]:
    """Bring inputs into the order in which the network knows their names."""
    by_name = {variable.raw_name: variable for variable in inputs}
    chosen = [by_name[name] for name in model.input_shape_]
    types = [np.dtype(guess_numpy_type(variable.type)).name for variable in chosen]
    return [variable.full_name for variable in chosen], types


def _name_of(graph: Graph) -> str:
    return "float64" if graph.dtype == TensorProto.DOUBLE else "float32"


def _write_classes(graph: Graph, model: Any, inputs: Sequence[Any]) -> list[Tensor]:
    D = graph.node("Softmax", network(graph, model, inputs), axis=1)
    return write_label(graph, model, D)


def _declare_values(model: Any, float_type: Any) -> Declared:
    return [("value", float_type, [None, *model._sample_shape])]


def _write_values(graph: Graph, model: Any, inputs: Sequence[Any]) -> list[Tensor]:
    cls, outputs = type(model), network(graph, model, inputs)
    if isinstance(model, DeepRegressor):
        if model.loss == "gaussian":
            outputs = graph.node("Slice", outputs, [0], [len(model.center_)], [1])
        else:
            outputs = graph.node("Tanh", outputs)
    elif cls._values is not DeepValueRegressor._values:
        raise NotConvertibleError(cls.__name__, "it makes values of outputs in its own way")
    if cls._decode is not DeepValueRegressor._decode:
        raise NotConvertibleError(cls.__name__, "it decodes outputs in its own way")
    scaled = graph.node("Add", graph.node("Mul", outputs, model.scale_), model.center_)
    return [graph.node("Reshape", scaled, [-1, *model._sample_shape])]


def _declare_density(model: Any, float_type: Any) -> Declared:
    shape = [None, model.n_labels_]
    return [*_declare_values(model, float_type), ("distribution", float_type, shape)]


def _write_density(graph: Graph, model: Any, inputs: Sequence[Any]) -> list[Tensor]:
    name = type(model).__name__
    if model._maps or model.loss == "l2":
        raise NotConvertibleError(
            name, 'neither heat maps nor loss="l2" do, densities of values and points do'
        )
    P = graph.node("Softmax", network(graph, model, inputs), axis=1)
    y = decoded(graph, P, model.grid_, model.decode, name)
    return [graph.node("Reshape", y, [-1, *model._sample_shape]), P]


OUTPUTS |= {
    DeepClassifier: Outputs(declare_label, _write_classes),
    DeepRegressor: Outputs(_declare_values, _write_values),
    DeepValueRegressor: Outputs(_declare_values, _write_values),
    KernelDensityRegressor: Outputs(_declare_density, _write_density),
}
