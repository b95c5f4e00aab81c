"""Linear models in an ONNX graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sklearn_ldl.deploy.onnx.graph import Graph, Tensor
from sklearn_ldl.deploy.onnx.simplex import normalized, projected
from sklearn_ldl.deploy.onnx.table import distribution_of, logits_of
from sklearn_ldl.linear import BFGSLDL, BFGSLDLCV, ProportionalOddsLDL, SmoothBFGSLDL
from sklearn_ldl.linear.published import (
    EDLLRL,
    IISLDL,
    LDL4C,
    LDLHR,
    LDLLCLR,
    LDLLDM,
    LDLSCL,
    LDLSF,
)


@logits_of(BFGSLDL, BFGSLDLCV, SmoothBFGSLDL, EDLLRL, IISLDL, LDL4C, LDLHR, LDLLCLR, LDLLDM)
def _linear(graph: Graph, model: Any, inputs: Sequence[Any]) -> Tensor:
    return graph.linear(graph.features(inputs), model.coef_, model.intercept_)


@logits_of(LDLSCL)
def _with_codes(graph: Graph, model: Any, inputs: Sequence[Any]) -> Tensor:
    ridge, largest = model.code_model_, model.codes_.max(axis=0)
    coef = np.atleast_2d(ridge.coef_)
    codes = graph.linear(graph.features(inputs), coef, np.atleast_1d(ridge.intercept_))
    codes = graph.node("Min", graph.node("Max", codes, 0.0), largest.astype(np.float64))
    moved = graph.node("MatMul", codes, model.code_coef_.T.astype(np.float64))
    return graph.node("Add", _linear(graph, model, inputs), moved)


@distribution_of(LDLSF)
def _projected(graph: Graph, model: Any, inputs: Sequence[Any]) -> Tensor:
    P = projected(graph, _linear(graph, model, inputs), model.n_labels_)
    share = model.floor / model.n_labels_
    return graph.node("Add", graph.node("Mul", P, 1.0 - model.floor), share)


@distribution_of(ProportionalOddsLDL)
def _ordered(graph: Graph, model: Any, inputs: Sequence[Any]) -> Tensor:
    # The logits of a degree above each label, which fall: a degree is that of being above the
    # label before and not above its own, times a factor that all rows share.
    coef = np.tile(model.coef_, (len(model.thresholds_), 1))
    above = graph.linear(graph.features(inputs), coef, -model.thresholds_)
    gaps = np.concatenate([[1.0], -np.expm1(-np.diff(model.thresholds_)), [1.0]])
    not_above = graph.node("Sigmoid", graph.node("Neg", above))
    below = graph.node("Pad", not_above, [0, 0, 0, 1], 1.0)
    beyond = graph.node("Pad", graph.node("Sigmoid", above), [0, 1, 0, 0], 1.0)
    return normalized(graph, graph.node("Mul", graph.node("Mul", below, beyond), gaps))
