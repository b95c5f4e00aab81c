"""Training data of a softmax-linear model, prepared once for any number of solves."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

from sklearn_ldl._core.simplex import centred_logits
from sklearn_ldl._solver.design import Design
from sklearn_ldl._solver.lbfgs import State, minimize
from sklearn_ldl._solver.losses import Loss, cross_entropy, entropy, probabilities
from sklearn_ldl._solver.penalties import l2
from sklearn_ldl._solver.rows import RowsInMemory, RowSum
from sklearn_ldl._solver.whitening import RowSpaceDesign, choose_metric, label_moments


class SoftmaxLinearProblem:
    """Training data prepared once, to be solved for any number of penalties.

    Parameters
    ----------
    X : ndarray or CSR matrix of shape (n_samples, n_features)
    D : ndarray of shape (n_samples, n_labels)
    sample_weight : ndarray of shape (n_samples,)
    fit_intercept : bool
    alphas : sequence of float
        The penalties that will be solved for; they decide which set-up pays.
    """

    # The penalty that the metric is set to.
    _alpha: float | None = None

    def __init__(self, X, D, sample_weight, *, fit_intercept, alphas):
        weight = np.asarray(sample_weight, dtype=np.float64)
        weight = weight / weight.sum()
        self.entropy = entropy(D, weight)
        self.fit_intercept = fit_intercept
        self.wide = Design(X, weight, center=fit_intercept)
        narrow = RowSpaceDesign.suits(self.wide, D.shape[1])
        self.design = RowSpaceDesign(self.wide) if narrow else self.wide
        self.metric = choose_metric(
            self.design, D.shape[1], lambda: label_moments(D, weight), alphas
        )
        self._mean = weight @ D
        self.dtype, self.n_labels = self.wide.X.dtype, D.shape[1]
        self.D = np.asfortranarray(D, dtype=self.design.X.dtype)

    def start(self, coef: NDArray | None = None, intercept: NDArray | None = None) -> State:
        """Start at the mean distribution, or at given coefficients of the raw features."""
        if coef is None:
            shape = (self.n_labels, self.design.shape[1])
            b = np.zeros(self.n_labels)
            if self.fit_intercept:
                b = centred_logits(self._mean)
            return State(np.zeros(shape), b)
        coef = coef.astype(np.float64)
        intercept = intercept + coef @ self.wide.mean
        if self.design is not self.wide:
            coef = self.design.restrict(coef)
        return State(coef, intercept)

    def solve(
        self, alpha: float, state: State, *, loss: Loss = cross_entropy, **options: Any
    ) -> State:
        """Move `state` to the minimiser of the loss and the penalty."""
        state.status, state.n_iter, state.n_evaluations = "running", 0, 0
        if alpha != self._alpha:  # setting the penalty of a metric may cost a factorisation
            self.metric.with_alpha(alpha)
            self._alpha = alpha
        return minimize(
            self._rows(loss),
            l2(alpha),
            self.metric,
            state,
            fit_intercept=self.fit_intercept,
            **options,
        )

    def predictions(self, state: State) -> NDArray[np.float64]:
        """Distributions predicted for the training rows, in column-major order."""
        return probabilities(self.design.logits(state.coef, state.intercept).astype(np.float64))

    def coefficients(self, state: State) -> tuple[NDArray, NDArray]:
        """Coefficients and intercept of the raw features, in the dtype of `X`."""
        coef = state.coef
        if self.design is not self.wide:
            coef = self.design.expand(coef)
        intercept = state.intercept - coef @ self.wide.mean
        return coef.astype(self.dtype), intercept.astype(self.dtype)

    def _rows(self, loss: Loss) -> RowSum:
        return RowsInMemory(self.design, self.D, loss)


def warn_if_not_converged(state: Any, tol: float) -> None:
    """Issue a `ConvergenceWarning` that says what to try."""
    if not state.converged:
        warnings.warn(
            f"The solver stopped after {state.n_iter} iterations ({state.status}) with a gradient "
            f"of {state.gradient_norm:.2g} > tol={tol:g}. Increase max_iter, standardise the "
            "features, or increase alpha.",
            ConvergenceWarning,
            stacklevel=3,
        )
