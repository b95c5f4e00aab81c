"""skl2onnx is told of the estimators of this package."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from importlib import import_module
from typing import Any

from skl2onnx import update_registered_converter
from skl2onnx._supported_operators import sklearn_operator_name_map
from skl2onnx.common.data_types import guess_proto_type

import sklearn_ldl
from sklearn_ldl.deploy.onnx import kernels, linear, mixtures, trees  # noqa: F401, which register
from sklearn_ldl.deploy.onnx.graph import Graph, float_type
from sklearn_ldl.deploy.onnx.outputs import DISTRIBUTION, OUTPUTS, Outputs
from sklearn_ldl.deploy.onnx.refusals import DOES_NOT_CONVERT, refuse
from sklearn_ldl.deploy.onnx.table import DISTRIBUTIONS, LOGITS, known

# Options of skl2onnx's classifiers, which pipelines set: degrees always come as a matrix.
_OPTIONS = {"zipmap": [True, False, "columns"]}


def register() -> None:
    """Register all converters; those of networks once networks are loaded."""
    # Without this there is no network to convert, and torch need not be loaded for the others.
    if "sklearn_ldl.deep" in sys.modules:
        import_module("sklearn_ldl.deploy.onnx.networks")
    for cls in set(_with_subclasses([*OUTPUTS, *DISTRIBUTIONS, *LOGITS])):
        outputs = outputs_of(cls)
        if outputs is not None:
            _register(cls, _parser(outputs), outputs)
    for name in DOES_NOT_CONVERT:
        _register(getattr(sklearn_ldl, name), _refuse, DISTRIBUTION)


def outputs_of(cls: type) -> Outputs | None:
    """Return the outputs of a class that converts, else None."""
    converts = known(DISTRIBUTIONS, cls) or known(LOGITS, cls)
    return known(OUTPUTS, cls) or (DISTRIBUTION if converts else None)


def _with_subclasses(classes: Sequence[type]) -> Iterator[type]:
    for cls in classes:
        yield cls
        yield from _with_subclasses(cls.__subclasses__())


def _register(cls: type, parser: Callable[..., Any], outputs: Outputs) -> None:
    alias = _alias(cls)
    if sklearn_operator_name_map.get(cls, alias) != alias:
        # Somebody's own converter, or one of a newer skl2onnx.
        return
    update_registered_converter(
        cls,
        alias,
        partial(_set_shapes, outputs),
        partial(_convert, outputs),
        parser=parser,
        options=_OPTIONS,
    )


def _alias(cls: type) -> str:
    return f"Ldl{cls.__qualname__}"


def _parser(outputs: Outputs) -> Callable[..., Any]:
    def parse(scope: Any, model: Any, inputs: list[Any], custom_parsers: Any = None) -> Any:
        operator = scope.declare_local_operator(_alias(type(model)), model)
        operator.inputs = inputs
        for name, kind, shape in outputs.declare(model, float_type(inputs)):
            operator.outputs.append(scope.declare_local_variable(name, kind(shape)))
        return operator.outputs

    return parse


def _refuse(scope: Any, model: Any, inputs: list[Any], custom_parsers: Any = None) -> Any:
    refuse(model)


def _set_shapes(outputs: Outputs, operator: Any) -> None:
    declared = outputs.declare(operator.raw_operator, float_type(operator.inputs))
    for variable, (_, kind, shape) in zip(operator.outputs, declared, strict=True):
        variable.type = kind(shape)


def _convert(outputs: Outputs, scope: Any, operator: Any, container: Any) -> None:
    model, dtype = operator.raw_operator, guess_proto_type(float_type(operator.inputs)())
    graph = Graph(scope, container, dtype, type(model).__name__)
    tensors = outputs.write(graph, model, operator.inputs)
    for tensor, variable in zip(tensors, operator.outputs, strict=True):
        graph.output(tensor, variable)
