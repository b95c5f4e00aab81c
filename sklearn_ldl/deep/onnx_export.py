"""The network of a fitted estimator as an ONNX model, by torch's exporter."""

from __future__ import annotations

import copy
import logging
import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from sklearn_ldl._core.extras import MissingExtraError
from sklearn_ldl.deep.networks.outputs import first_output
from sklearn_ldl.deep.training.conversion import Conversion, Inputs, call, map_inputs, shapes


class _Predicting(nn.Module):
    """A module behind the conversion of features that predictions make.

    Parameters
    ----------
    module : torch.nn.Module
        The module, in the precision of its predictions.
    conversion : Conversion
        What features become first.
    dtype : torch.dtype
        That precision.
    input_shape : tuple of int or None
        Shape of a sample that comes as a row of features.
    names : list of str or None
        Names of several inputs, in the order in which they come.
    """

    def __init__(
        self,
        module: nn.Module,
        conversion: Conversion,
        dtype: torch.dtype,
        input_shape: tuple[int, ...] | None,
        names: list[str] | None,
    ):
        super().__init__()
        self.module, self._conversion, self._dtype = module, conversion, dtype
        self._input_shape, self._names = input_shape, names

    def forward(self, *inputs: Tensor) -> Tensor:
        """Return the outputs of the module."""
        X: Inputs = inputs[0]
        if self._names is not None:
            X = dict(zip(self._names, inputs, strict=True))
        elif self._input_shape is not None:
            X = inputs[0].reshape(-1, *self._input_shape)
        X = self._conversion(X, torch.device("cpu"))
        kept = torch.float64 if self._conversion.keeps_doubles else self._dtype
        X = map_inputs(
            lambda t: t.to(self._dtype) if t.is_floating_point() and t.dtype != kept else t, X
        )
        return first_output(call(self.module, X))


def export_network(estimator: Any, dtypes: list[str], dtype: str, opset: int) -> Any:
    """Export what a fitted estimator computes before it makes predictions of outputs.

    Parameters
    ----------
    estimator : DeepEstimator
        The estimator.
    dtypes : list of str
        Types of the features, such as "float32", of each input.
    dtype : {"float32", "float64"}
        Precision that outputs are wanted in. In single precision the network computes in it, too,
        whatever `inference_dtype` is.
    opset : int
        Version of the operators of ONNX, at least 18.

    Returns
    -------
    model : onnx.ModelProto
        With one output, of shape (n_rows, ...) for any number of rows.

    Raises
    ------
    ImportError
        If onnxscript is missing, or torch older than 2.7.
    """
    _check_exporter()
    shape, net = estimator.input_shape_, estimator.net_
    names = list(shape) if isinstance(shape, dict) else None
    # Where the parameter says what the shape is, samples may come as rows of features.
    flat = tuple(shape) if names is None and estimator.input_shape is not None else None
    sizes = [(math.prod(flat),)] if flat else shapes(shape)
    precision = torch.float32 if dtype == "float32" else getattr(torch, estimator.inference_dtype)
    module = copy.deepcopy(net.module_).eval().cpu().to(precision)
    wrapped = _Predicting(module, net.conversion, precision, flat, names).eval()
    rows = tuple(
        torch.zeros((2, *size), dtype=getattr(torch, kind))
        for size, kind in zip(sizes, dtypes, strict=True)
    )
    any_number = torch.export.Dim("rows")
    with _quietly():
        program = torch.onnx.export(
            wrapped,
            rows,
            dynamo=True,
            input_names=[f"input{k}" for k in range(len(rows))],
            output_names=["outputs"],
            dynamic_shapes=(tuple({0: any_number} for _ in rows),),
            opset_version=opset,
            verbose=False,
        )
    return program.model_proto


def _check_exporter() -> None:
    what = "The export of a network"
    try:
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise MissingExtraError(what, "onnxscript", "onnx") from error
    if not hasattr(torch.compiler, "is_exporting"):
        raise MissingExtraError(what, "torch 2.7", "deep", f"This is {torch.__version__}.")


@contextmanager
def _quietly() -> Iterator[None]:
    """Keep to itself what the exporter says of its own work."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
