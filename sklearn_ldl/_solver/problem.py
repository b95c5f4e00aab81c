"""Training data of a softmax-linear model, prepared once for any number of solves."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_ldl._core.convergence import warn_not_converged
from sklearn_ldl._core.simplex import centred_logits, safe_log
from sklearn_ldl._solver.auto_alpha import FirstStep, softmax_first_step
from sklearn_ldl._solver.design import Design, scaled, without_zeros
from sklearn_ldl._solver.lbfgs import State, minimize
from sklearn_ldl._solver.losses import Loss, cross_entropy, entropy, probabilities
from sklearn_ldl._solver.penalties import Penalty, l2, l2_in_basis
from sklearn_ldl._solver.rows import RowsInMemory, RowSum
from sklearn_ldl._solver.whitening import (
    Metric,
    RowSpaceDesign,
    choose_metric,
    label_curvature,
    label_moments,
)


class PreparedProblem:
    """Training data prepared once, to be solved for any number of penalties.

    Parameters
    ----------
    design : Design
        The features as the solver sees them.
    wide : Design
        The features as they are; the same object, unless the solver sees them rotated.
    metric : Metric
        What whitens the search.
    label_mean : ndarray of shape (n_labels,)
        Mean distribution.
    entropy : float
        Mean entropy of the distributions.
    dtype : dtype
        That of the coefficients.
    fit_intercept : bool
        Whether there is an intercept.
    basis : ndarray of shape (n_labels, n_labels), default=None
        Basis of the logits in which coefficients are penalised; None is the identity.
    feature_scale : ndarray of shape (n_features,), default=None
        What the features of the design were divided by; None are ones.

    Attributes
    ----------
    unit : float
        Unit of the features in which the gradient is measured that ends a search.
    """

    unit = 1.0
    #: What the first Newton step of a search is made of.
    first_step: FirstStep = staticmethod(softmax_first_step)

    def __init__(
        self,
        design: Any,
        wide: Any,
        metric: Metric,
        *,
        label_mean: NDArray,
        entropy: float,
        dtype: np.dtype,
        fit_intercept: bool,
        basis: NDArray | None = None,
        feature_scale: NDArray | None = None,
    ):
        self.design = design
        self.wide = wide
        self.metric = metric
        self.label_mean = label_mean
        self.entropy = entropy
        self.dtype = dtype
        self.fit_intercept = fit_intercept
        self.feature_scale = feature_scale
        self._precision = None if basis is None else np.linalg.inv(basis @ basis.T)
        # The penalty that the metric is set to.
        self._alpha: float | None = None

    def rows(self, loss: Loss) -> RowSum:
        """Sum of a loss over the training rows."""
        raise NotImplementedError

    def start(self, coef: NDArray | None = None, intercept: NDArray | None = None) -> State:
        """Start at the mean distribution, or at given coefficients of the raw features."""
        if coef is None:
            n_labels = len(self.label_mean)
            b = centred_logits(self.label_mean) if self.fit_intercept else np.zeros(n_labels)
            return State(np.zeros((n_labels, self.design.shape[1])), b)
        coef = coef.astype(np.float64)
        if self.feature_scale is not None:
            coef = coef * self.feature_scale
        intercept = intercept + coef @ self.wide.mean
        if self.design is not self.wide:
            coef = self.design.restrict(coef)
        return State(coef, intercept)

    def solve(
        self, alpha: float, state: State, *, loss: Loss = cross_entropy, **options: Any
    ) -> State:
        """Move `state` to the minimiser of the loss and the penalty."""
        state.status, state.n_iter, state.n_evaluations = "running", 0, 0
        self.design.unit = self.unit
        if alpha != self._alpha:  # setting the penalty of a metric may cost a factorisation
            self.metric.with_alpha(alpha)
            self._alpha = alpha
        return minimize(
            self.rows(loss),
            self._penalty(alpha),
            self.metric,
            state,
            fit_intercept=self.fit_intercept,
            **options,
        )

    def _penalty(self, alpha: float) -> Penalty:
        return l2(alpha) if self._precision is None else l2_in_basis(alpha, self._precision)

    def predictions(self, state: State) -> NDArray[np.float64]:
        """Distributions predicted for the training rows, in column-major order."""
        return probabilities(self.design.logits(state.coef, state.intercept).astype(np.float64))

    def coefficients(self, state: State) -> tuple[NDArray, NDArray]:
        """Coefficients and intercept of the raw features, in the dtype of `X`."""
        coef, intercept = self._in_double(state)
        return coef.astype(self.dtype), intercept.astype(self.dtype)

    def _in_double(self, state: State) -> tuple[NDArray, NDArray]:
        coef = state.coef
        if self.design is not self.wide:
            coef = self.design.expand(coef)
        intercept = state.intercept - coef @ self.wide.mean
        if self.feature_scale is not None:
            coef = coef / self.feature_scale
        return coef, intercept

    @staticmethod
    def log_degrees(X: Any, coef: NDArray, intercept: NDArray) -> NDArray:
        """Logarithms of the degrees that coefficients of the raw features predict."""
        return safe_log(probabilities(X @ coef.T + intercept))


class SoftmaxLinearProblem(PreparedProblem):
    """A problem whose rows are in memory.

    Parameters
    ----------
    X : ndarray or CSR matrix of shape (n_samples, n_features)
        Features.
    D : ndarray of shape (n_samples, n_labels)
        Distributions.
    sample_weight : ndarray of shape (n_samples,)
        Weights of the rows.
    fit_intercept : bool
        Whether there is an intercept.
    alphas : sequence of float
        The penalties that will be solved for; they decide which set-up pays.
    basis : ndarray of shape (n_labels, n_labels), default=None
        Basis of the logits in which coefficients are penalised; None is the identity.
    feature_scale : ndarray of shape (n_features,), default=None
        What features are divided by, before coefficients are penalised; None are ones.
    """

    def __init__(
        self,
        X,
        D,
        sample_weight,
        *,
        fit_intercept,
        alphas,
        basis=None,
        feature_scale=None,
    ):
        weight = np.asarray(sample_weight, dtype=np.float64)
        weight = weight / weight.sum()
        features = without_zeros(scaled(X, feature_scale))
        wide = Design(features, weight, center=fit_intercept)
        design = RowSpaceDesign(wide) if RowSpaceDesign.suits(wide, D.shape[1]) else wide
        super().__init__(
            design,
            wide,
            choose_metric(
                design,
                D.shape[1],
                lambda: label_curvature(*label_moments(D, weight)),
                alphas,
                basis,
            ),
            label_mean=weight @ D,
            entropy=entropy(D, weight),
            dtype=X.dtype,
            fit_intercept=fit_intercept,
            basis=basis,
            feature_scale=feature_scale,
        )
        self.D = np.asfortranarray(D, dtype=design.X.dtype)

    def rows(self, loss: Loss) -> RowSum:
        """Sum of a loss over the training rows."""
        return RowsInMemory(self.design, self.D, loss)


def warn_if_not_converged(state: Any, tol: float) -> None:
    """Issue a `ConvergenceWarning` if a search stopped before its gradient was small enough."""
    if not state.converged:
        warn_not_converged(
            "The solver",
            f"{state.n_iter} iterations ({state.status})",
            f"a gradient of {state.gradient_norm:.2g}",
            tol,
            "standardise the features, or increase alpha",
        )
