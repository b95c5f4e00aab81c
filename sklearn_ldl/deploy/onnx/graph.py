"""Nodes of an ONNX graph, written one after the other while skl2onnx converts a model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from onnx import ModelProto, TensorProto
from onnx.helper import get_attribute_value
from onnx.numpy_helper import to_array
from skl2onnx._parse import _parse_sklearn
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType
from sklearn.base import is_classifier

#: A tensor of the graph, by its name.
Tensor: TypeAlias = str

_INTEGERS, _DOUBLES, _STRINGS = TensorProto.INT64, TensorProto.DOUBLE, TensorProto.STRING
# Operators whose axes were an attribute up to this version of the operators.
_LAST_AXES = {"ReduceSum": 12, "ReduceMax": 17, "ReduceMin": 17, "ReduceMean": 17}
# The first versions in which operators take what were attributes before as inputs.
_LEAST_OPSET = {"Pad": 11, "TopK": 11, "Squeeze": 13, "Unsqueeze": 13}


def float_type(inputs: Sequence[Any]) -> Any:
    """Return the type of predictions: single precision for such features, else double.

    As `predict` does, a model of integers, or of text alone, answers in double precision.
    """
    types = [type(variable.type) for variable in inputs]
    single = FloatTensorType in types and DoubleTensorType not in types
    return FloatTensorType if single else DoubleTensorType


class Graph:
    """The graph that a converter of skl2onnx adds to, in one precision.

    Parameters
    ----------
    scope, container : Scope, ModelComponentContainer
        Names and nodes of skl2onnx.
    dtype : int
        Element type of floating-point numbers, ``TensorProto.FLOAT`` or ``TensorProto.DOUBLE``.
    owner : str
        How error messages call the estimator.
    """

    def __init__(self, scope: Any, container: Any, dtype: int, owner: str):
        self._scope, self._container, self._owner = scope, container, owner
        self.dtype = dtype

    @property
    def in_double(self) -> Graph:
        """The same graph, for numbers that want double precision whatever comes in."""
        return Graph(self._scope, self._container, _DOUBLES, self._owner)

    def node(self, kind: str, *inputs: Tensor | ArrayLike, **attributes: Any) -> Tensor:
        """Add a node with one output; inputs that are no names are constants."""
        return self.nodes(kind, *inputs, n_outputs=1, **attributes)[0]

    def nodes(
        self,
        kind: str,
        *inputs: Tensor | ArrayLike,
        n_outputs: int,
        domain: str = "",
        **attributes: Any,
    ) -> list[Tensor]:
        """Add a node with several outputs."""
        least = _LEAST_OPSET.get(kind, 0)
        if self.opset < least:
            raise ValueError(
                f"{self._owner} needs target_opset={least} at least, not {self.opset}."
            )
        names = [x if isinstance(x, str) else self.constant(x) for x in inputs]
        outputs = [self._name(kind.lower()) for _ in range(n_outputs)]
        node_name = self._scope.get_unique_operator_name(kind)
        self._container.add_node(
            kind, names, outputs, name=node_name, op_domain=domain, **attributes
        )
        return outputs

    def constant(self, value: ArrayLike) -> Tensor:
        """Add a constant: floating-point numbers in the precision of the graph, integers, text."""
        array = np.asarray(value)
        kinds: dict[str, int] = {"f": self.dtype, "i": _INTEGERS, "u": _INTEGERS, "b": 9}
        kind = kinds.get(array.dtype.kind, _STRINGS)
        entries = array.ravel().tolist()
        if kind == _STRINGS:
            entries = [str(entry).encode() for entry in entries]
        name = self._name("constant")
        self._container.add_initializer(name, kind, list(array.shape), entries)
        return name

    def cast(self, x: Tensor, dtype: int | None = None) -> Tensor:
        """Convert numbers, to those of the graph if no type is given."""
        return self.node("Cast", x, to=self.dtype if dtype is None else dtype)

    def integers(self, x: Tensor) -> Tensor:
        """Convert numbers or truths to integers."""
        return self.cast(x, _INTEGERS)

    def over_labels(self, kind: str, x: Tensor) -> Tensor:
        """Reduce the last of two dimensions to one entry: ReduceSum, ReduceMax, ReduceMin."""
        if self._container.target_opset <= _LAST_AXES[kind]:
            return self.node(kind, x, axes=[1], keepdims=1)
        return self.node(kind, x, [1], keepdims=1)

    def linear(self, x: Tensor, coef: NDArray, intercept: ArrayLike) -> Tensor:
        """Return ``x @ coef.T + intercept``."""
        return self.node("Add", self.node("MatMul", x, _floats(coef.T)), _floats(intercept))

    def features(self, inputs: Sequence[Any]) -> Tensor:
        """Return one table of features in the precision of the graph."""
        columns = [self.cast(variable.full_name) for variable in inputs]
        return columns[0] if len(columns) == 1 else self.node("Concat", *columns, axis=1)

    def convert(self, estimator: Any, inputs: Sequence[Any]) -> list[Any]:
        """Let skl2onnx convert an estimator; return its outputs, with which it goes on."""
        if is_classifier(estimator):
            for owner in (self._scope, self._container):
                owner.add_options(id(estimator), {"zipmap": False})
        return _parse_sklearn(self._scope, estimator, list(inputs))

    def insert(self, model: ModelProto, *inputs: Tensor) -> list[Tensor]:
        """Add the nodes of a model with these inputs; return its outputs."""
        graph = model.graph
        names = dict(zip((value.name for value in graph.input), inputs, strict=True))
        names[""] = ""
        for tensor in graph.initializer:
            array = to_array(tensor)
            names[tensor.name] = self._name("weight")
            self._container.add_initializer(
                names[tensor.name], tensor.data_type, list(array.shape), array.ravel()
            )
        for node in graph.node:
            for output in node.output:
                names.setdefault(output, self._name("network"))
            self._container.add_node(
                node.op_type,
                [names[name] for name in node.input],
                [names[name] for name in node.output],
                name=self._scope.get_unique_operator_name(node.op_type),
                op_domain=node.domain,
                **{part.name: get_attribute_value(part) for part in node.attribute},
            )
        return [names[value.name] for value in graph.output]

    def output(self, x: Tensor, variable: Any) -> None:
        """Let a tensor be an output that skl2onnx has declared."""
        name = self._scope.get_unique_operator_name("Output")
        self._container.add_node("Identity", [x], [variable.full_name], name=name)

    @property
    def opset(self) -> int:
        """Version of the operators."""
        return self._container.target_opset

    def _name(self, stem: str) -> str:
        return self._scope.get_unique_variable_name(f"ldl_{stem}")


def _floats(value: ArrayLike) -> NDArray[np.float64]:
    return np.asarray(value, dtype=np.float64)
