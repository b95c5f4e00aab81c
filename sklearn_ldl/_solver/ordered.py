r"""Proportional odds on distributions: one linear output, and a threshold between two labels each.

With the logits :math:`u_{ik} = x_i^\top w + b_k` of a degree above label `k`, which fall with `k`,
the degree of label `k` is :math:`\sigma(u_{i,k-1}) - \sigma(u_{ik}) = \sigma(u_{i,k-1})
\sigma(-u_{ik}) (1 - e^{u_{ik} - u_{i,k-1}})`. The last factor is the same in every row, so that
the cross entropy is a sum of logistic regressions and a barrier that keeps thresholds in order:

.. math::
    \sum_{ik} s_i \big((d_{ik} + d_{i,k+1}) \log(1 + e^{u_{ik}}) - d_{i,k+1} u_{ik}\big)
    - \sum_k \log(1 - e^{b_k - b_{k-1}}) \sum_i s_i d_{ik} .

It is convex, and the solver of softmax-linear models minimises it as it is: coefficients have a
single row, and the intercept has one entry for each threshold. Nothing here cancels.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cholesky, solve_triangular
from scipy.special import log_expit

from sklearn_ldl._core.simplex import safe_log
from sklearn_ldl._core.underflow import underflow_is_zero
from sklearn_ldl._solver.design import Design, scaled, without_zeros
from sklearn_ldl._solver.lbfgs import State
from sklearn_ldl._solver.losses import Loss, entropy
from sklearn_ldl._solver.problem import PreparedProblem
from sklearn_ldl._solver.rows import RowSum
from sklearn_ldl._solver.whitening import Metric, RowSpaceDesign, choose_metric

# Labels with a smaller mean degree have no optimum, or one far away, and get about this degree.
_ABSENT = 1e-8
# Linear outputs are updated step by step; they are computed afresh before errors can add up.
_REFRESH = 50


class OrderedRows:
    """The cross entropy of proportional odds, along lines; see `RowSum`.

    Parameters
    ----------
    design : Design
        Features.
    D : ndarray of shape (n_samples, n_labels)
        Degrees, of labels that all have some mass.
    """

    curvature = 0.3

    def __init__(self, design: Design, D: NDArray):
        self.design = design
        weighted = D * design.weight[:, None]
        self.above = np.asfortranarray(weighted[:, 1:])
        self.both = self.above + weighted[:, :-1]
        self.mass = weighted.sum(axis=0)[1:-1]
        self.resolution = 10 * float(np.finfo(design.X.dtype).eps)
        self.n_evaluations = 0

    def start(self, coef: NDArray, intercept: NDArray) -> tuple[float, NDArray, NDArray]:
        """Value and gradient at a point, from where the first line starts."""
        self.eta, self.b = self._outputs(coef), intercept
        self.n_steps = 0
        value = self._value(self.eta, self.b)
        return value, *self._gradient()

    def aim(self, move: NDArray, shift: NDArray) -> None:
        """Multiply the direction with the features."""
        self.d_eta, self.d_b = self._outputs(move), shift

    def at(self, t: float) -> tuple[float, float]:
        """Value and slope at `t` on the line; both are infinite where thresholds change places."""
        value = self._value(self.eta + t * self.d_eta, self.b + t * self.d_b)
        if not np.isfinite(value):
            return np.inf, np.inf
        return value, float(self.E @ self.d_eta + self.total @ self.d_b)

    def go(self, t: float, coef: NDArray, intercept: NDArray) -> tuple[NDArray, NDArray]:
        """Move the linear outputs, and pull their gradient back to the coefficients."""
        self.n_steps += 1
        self.b = intercept
        if self.n_steps % _REFRESH:
            self.eta = self.eta + t * self.d_eta
        else:
            self.eta = self._outputs(coef)
        return self._gradient()

    def gradient_norm(self, G: NDArray, total: NDArray) -> float:
        """Largest entry of a gradient in the coefficients of the uncentred features."""
        largest = float(np.abs(total).max(initial=0))
        return max(self.design.gradient_norm(G, total.sum(keepdims=True)), largest)

    def _outputs(self, coef: NDArray) -> NDArray[np.float64]:
        return self.design.logits(coef, np.zeros(1))[:, 0].astype(np.float64)

    def _value(self, eta: NDArray, b: NDArray) -> float:
        """Value at a point; keeps the gradients in linear outputs and thresholds."""
        gaps = -np.diff(b)
        if not (gaps > 0).all():
            return np.inf
        U = np.add.outer(b, eta).T
        small = np.exp(-np.abs(U))
        value = float(np.vdot(self.both.T, (np.maximum(U, 0) + np.log1p(small)).T))
        value -= float(np.vdot(self.above.T, U.T))
        value -= float(self.mass @ np.log(-np.expm1(-gaps)))
        E = self.both * (np.where(U >= 0, 1, small) / (1 + small)) - self.above
        self.E, self.total = E.sum(axis=1), E.sum(axis=0)
        pull = self.mass * np.exp(-gaps) / -np.expm1(-gaps)
        self.total[:-1] -= pull
        self.total[1:] += pull
        return value

    def _gradient(self) -> tuple[NDArray, NDArray]:
        self.n_evaluations += 1
        E = self.E.astype(self.design.X.dtype)[:, None]
        return self.design.gradient(E)[0], self.total.copy()


class OrderedMetric:
    """Whitens coefficients by a metric of one output, thresholds by a triangular factor."""

    def __init__(self, features: Metric, curvature: NDArray):
        self.features = features
        self.factor = cholesky(curvature, lower=True) if len(curvature) else curvature

    def with_alpha(self, alpha: float) -> OrderedMetric:
        """Set the penalty."""
        self.features = self.features.with_alpha(alpha)
        return self

    def pull(self, G: NDArray, total: NDArray) -> tuple[NDArray, NDArray]:
        """Gradient in the whitened variables."""
        return self.features.pull(G, np.zeros(1))[0], self._solve(total, 0)

    def push(self, V: NDArray, v: NDArray) -> tuple[NDArray, NDArray]:
        """Step in coefficients and thresholds."""
        return self.features.push(V, np.zeros(1))[0], self._solve(v, 1)

    def _solve(self, v: NDArray, trans: int) -> NDArray:
        return solve_triangular(self.factor, v, lower=True, trans=trans) if len(v) else v


def ordered_first_step(
    D: NDArray, weight: NDArray, fit_intercept: bool = True
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Residuals (n_samples, 1) at the mean distribution, and curvature of the linear output."""
    mean = weight @ D
    above = np.clip(1 - np.cumsum(mean)[:-1], 0, 1)
    residuals = D[:, 1:].sum(axis=1) - (D[:, 1:] + D[:, :-1]) @ above
    curvature = (mean[1:] + mean[:-1]) @ (above * (1 - above))
    return residuals[:, None], np.array([[max(curvature, 1e-12)]])


class OrderedProblem(PreparedProblem):
    """A problem of proportional odds, whose rows are in memory.

    Parameters
    ----------
    X : ndarray or CSR matrix of shape (n_samples, n_features)
        Features.
    D : ndarray of shape (n_samples, n_labels)
        Distributions.
    sample_weight : ndarray of shape (n_samples,)
        Weights of the rows.
    fit_intercept : bool, default=True
        Thresholds there are in any case.
    alphas : sequence of float
        The penalties that will be solved for; they decide which set-up pays.
    basis : None
        Logits have no basis here.
    feature_scale : ndarray of shape (n_features,), default=None
        What features are divided by, before coefficients are penalised; None are ones.
    """

    first_step = staticmethod(ordered_first_step)

    def __init__(
        self,
        X,
        D,
        sample_weight,
        *,
        fit_intercept=True,
        alphas,
        basis=None,
        feature_scale=None,
    ):
        weight = np.asarray(sample_weight, dtype=np.float64)
        weight = weight / weight.sum()
        wide = Design(without_zeros(scaled(X, feature_scale)), weight, center=True)
        design = RowSpaceDesign(wide) if RowSpaceDesign.suits(wide, 1) else wide
        mean = weight @ D
        self.n_labels = len(mean)
        self.present = np.flatnonzero(mean > _ABSENT)
        self.D = D[:, self.present]
        mean = mean[self.present] / mean[self.present].sum()
        # The curvature of one output stands for that of two softmax logits.
        features = choose_metric(design, 2, lambda: ordered_first_step(D, weight)[1], alphas)
        super().__init__(
            design,
            wide,
            OrderedMetric(features, _threshold_curvature(mean)),
            label_mean=mean,
            entropy=entropy(self.D, weight),
            dtype=X.dtype,
            fit_intercept=True,
            feature_scale=feature_scale,
        )

    def rows(self, loss: Loss) -> RowSum:
        """Sum of the cross entropy over the training rows; there is no other loss."""
        return OrderedRows(self.design, self.D)

    def start(self, coef: NDArray | None = None, intercept: NDArray | None = None) -> State:
        """Start at the mean distribution, or at given coefficients of the raw features."""
        if coef is not None and intercept is not None:
            return super().start(coef, intercept[self.present[:-1]])
        below, above = _below_and_above(self.label_mean)
        return State(np.zeros((1, self.design.shape[1])), np.log(above / below))

    def coefficients(self, state: State) -> tuple[NDArray, NDArray]:
        """Coefficients in the dtype of `X`, and the logits `b` of all labels in double."""
        coef, intercept = self._in_double(state)
        return coef.astype(self.dtype), _of_all_labels(intercept, self.present, self.n_labels)

    @staticmethod
    @underflow_is_zero
    def log_degrees(X: Any, coef: NDArray, intercept: NDArray) -> NDArray[np.float64]:
        """Logarithms of the degrees that coefficients of the raw features predict."""
        U = (X @ coef.T).astype(np.float64) + intercept
        gaps = safe_log(-np.expm1(np.diff(intercept)))
        L = np.zeros((len(U), len(intercept) + 1))
        L[:, :-1] += log_expit(-U)
        L[:, 1:] += log_expit(U)
        L[:, 1:-1] += gaps
        return L


def _below_and_above(mean: NDArray) -> tuple[NDArray, NDArray]:
    """Mass up to every threshold, and beyond it."""
    return np.cumsum(mean)[:-1], np.cumsum(mean[::-1])[-2::-1]


def _threshold_curvature(mean: NDArray) -> NDArray[np.float64]:
    """Hessian in the thresholds at the mean distribution."""
    below, above = _below_and_above(mean)
    slope = below * above
    H = np.diag(slope**2 * (1 / mean[:-1] + 1 / mean[1:]))
    beside = -slope[:-1] * slope[1:] / mean[1:-1]
    return H + np.diag(beside, 1) + np.diag(beside, -1)


def _of_all_labels(b: NDArray, present: NDArray, n_labels: int) -> NDArray[np.float64]:
    """Add thresholds around labels without mass, whose degrees are about 1e-8 or less."""
    thresholds = np.arange(n_labels - 1)
    # The present label at or below every threshold; -1 where there is none.
    position = np.searchsorted(present, thresholds, side="right") - 1
    inside = np.clip(position, 0, max(len(b) - 1, 0))
    beyond = np.log(_ABSENT)
    full = (b if len(b) else np.zeros(1))[inside]
    full -= 4 * _ABSENT * (thresholds - present[inside])
    first, last = present[0], present[-1]
    low, high = thresholds[:first], thresholds[last:]
    ends = (b[0], b[-1]) if len(b) else (0.0, 0.0)
    full[:first] = ends[0] - beyond - np.log((low + 1) / max(first, 1))
    full[last:] = ends[1] + beyond + np.log((n_labels - 1 - high) / max(n_labels - 1 - last, 1))
    return full
