"""Estimators around others, fitted to distributions, in an ONNX graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sklearn_ldl._core.label_names import fitted_names
from sklearn_ldl.auto import AutoLDL
from sklearn_ldl.auto.members import _MeanOfFolds
from sklearn_ldl.deploy.onnx.errors import NotConvertibleError
from sklearn_ldl.deploy.onnx.graph import Graph, Tensor
from sklearn_ldl.deploy.onnx.simplex import normalized, pooled
from sklearn_ldl.deploy.onnx.table import distribution, distribution_of, in_order, logits, logits_of
from sklearn_ldl.ensemble import StackingLDL
from sklearn_ldl.ensemble.pooling import Pool
from sklearn_ldl.problem_transformation import PTSVMLDL
from sklearn_ldl.shift import LabelShiftCorrector
from sklearn_ldl.uncertainty import ConformalLDL
from sklearn_ldl.wrappers import TemperatureCalibrator


@logits_of(ConformalLDL)
def _uncorrected(graph: Graph, model: Any, inputs: Sequence[Any]) -> Tensor:
    return logits(graph, model.estimator_, inputs, model.n_labels_)


@logits_of(TemperatureCalibrator)
def _tempered(graph: Graph, model: Any, inputs: Sequence[Any]) -> Tensor:
    return graph.node("Div", _uncorrected(graph, model, inputs), float(model.temperature_))


@logits_of(LabelShiftCorrector)
def _shifted(graph: Graph, model: Any, inputs: Sequence[Any]) -> Tensor:
    scale, bias = model._calibration
    Z = graph.node("Mul", _uncorrected(graph, model, inputs), float(scale))
    return graph.node("Add", Z, np.asarray(bias + model.tau * model._log_ratio, dtype=np.float64))


@distribution_of(StackingLDL, AutoLDL)
def _mixture(graph: Graph, model: Any, inputs: Sequence[Any]) -> Tensor:
    asked = np.flatnonzero(model.weights_)
    members = [
        _member(graph, model, model.estimators_[k], inputs, fitted_names(model)) for k in asked
    ]
    pool = Pool(model.weights_[asked], model.intercept_)
    return pooled(graph, members, pool, model.n_labels_)


@distribution_of(_MeanOfFolds)
def _mean(graph: Graph, model: Any, inputs: Sequence[Any]) -> Tensor:
    members = [_member(graph, model, learner, inputs, None) for learner in model.estimators_]
    weights = np.full(len(members), 1 / len(members))
    return pooled(graph, members, Pool(weights), model.n_labels_)


def _member(graph: Graph, model: Any, learner: Any, inputs: Sequence[Any], names: Any) -> Tensor:
    P = distribution(graph, learner, inputs, model.n_labels_)
    return in_order(graph, learner, P, names)


@distribution_of(PTSVMLDL)
def _calibrated(graph: Graph, model: Any, inputs: Sequence[Any]) -> Tensor:
    if model.estimator_ is None:
        raise NotConvertibleError(type(model).__name__, "a single label with any mass needs none")
    _, P = graph.convert(model.estimator_, inputs)
    places = np.eye(model.n_labels_)[model.classes_seen_]
    return normalized(graph, graph.node("MatMul", graph.cast(P.full_name), places))
