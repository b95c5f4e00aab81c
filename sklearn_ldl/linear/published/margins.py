"""Losses of models whose highest degree is what counts: absolute errors and margins.

Both have kinks, at which no gradient would tell the search that it has arrived; within `smoothing`
of a kink they are quadratic.
"""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklearn_ldl._core.sklearn_compat import Interval, fit_context
from sklearn_ldl._solver.lbfgs import State
from sklearn_ldl._solver.losses import Term, of_terms
from sklearn_ldl._solver.problem import SoftmaxLinearProblem, warn_if_not_converged
from sklearn_ldl.linear.base import SoftmaxLinearModel

# Degrees closer than this are equal: normalising rows leaves such differences.
_TIE = 1e-9


def highest(D: NDArray) -> NDArray[np.float64]:
    """Mark the highest degree of every row; labels that tie share the one."""
    best = D.max(axis=1, keepdims=True) - D <= _TIE
    return best / best.sum(axis=1, keepdims=True)


def runner_up(D: NDArray) -> NDArray[np.float64]:
    """Mark the highest degree below that of `highest`; zeros where all labels tie."""
    rest = np.where(highest(D) > 0, -1.0, D)
    return np.where(rest.max(axis=1, keepdims=True) >= 0, highest(rest), 0.0)


def absolute_error(target: NDArray, weight: NDArray | float, smoothing: float) -> Term:
    r"""Term :math:`\sum_i s_i \sum_j w_{ij} |P_{ij} - T_{ij}|`; `weight` may be broadcast."""

    def term(P, sample_weight):
        R = P - target
        slope = np.clip(R / smoothing, -1, 1)
        size = np.abs(R)
        size = np.where(size < smoothing, 0.5 * slope * R, size - smoothing / 2)
        s = weight * sample_weight[:, None]
        return float((s * size).sum(dtype=np.float64)), s * slope

    return term


def margins(
    ahead: NDArray, behind: NDArray, margin: float, weight: float, smoothing: float
) -> Term:
    r"""Term :math:`w \sum_i s_i \max(0, 1 - (A_i - B_i)^T P_i / \rho)`.

    Parameters
    ----------
    ahead : ndarray of shape (n_samples, n_labels)
        The label that is to be ahead, :math:`A_i`; several share the one.
    behind : ndarray of shape (n_samples, n_labels)
        The label that is to be behind, :math:`B_i`. Rows of zeros have no margin.
    margin : float
        By how much: :math:`\rho`.
    weight : float
        :math:`w`.
    smoothing : float
        Width of the quadratic part, as a difference of degrees.
    """
    direction = ahead - behind
    applies = behind.any(axis=1)

    def term(P, sample_weight):
        lack = margin - np.einsum("ij,ij->i", direction, P)
        value, slope = _ramp(lack, smoothing)
        s = weight / margin * applies * sample_weight
        return float(s @ value), -(s * slope)[:, None] * direction

    return term


def margins_of_all(best: NDArray, margin: float, weight: float, smoothing: float) -> Term:
    r"""Term :math:`w \sum_i s_i \sum_{k: A_{ik} = 0} \max(0, 1 - (A_i^T P_i - P_{ik}) / \rho)`."""
    rest = best == 0

    def term(P, sample_weight):
        lack = margin - np.einsum("ij,ij->i", best, P)[:, None] + P
        value, slope = _ramp(lack, smoothing)
        s = (weight / margin * sample_weight)[:, None] * rest
        G = s * slope
        return float((s * value).sum(dtype=np.float64)), G - G.sum(axis=1, keepdims=True) * best

    return term


def _ramp(lack: NDArray, smoothing: float) -> tuple[NDArray, NDArray]:
    """Positive part, quadratic up to `smoothing`, and its slope."""
    slope = np.clip(lack / smoothing, 0, 1)
    return np.where(lack < smoothing, 0.5 * slope * lack, lack - smoothing / 2), slope


class LargeMarginModel(SoftmaxLinearModel):
    """Base of the models that minimise absolute errors and margins."""

    _parameter_constraints: dict = {
        "alpha": [Interval(Real, 0, None, closed="left")],
        "margin": [Interval(Real, 0, 1, closed="neither")],
        "margin_weight": [Interval(Real, 0, None, closed="left")],
        "smoothing": [Interval(Real, 0, None, closed="neither")],
        "fit_intercept": ["boolean"],
        "max_iter": [Interval(Integral, 0, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "verbose": ["verbose"],
    }

    def _terms(self, D: NDArray) -> list[Term]:
        """Return what the model minimises besides the penalty."""
        raise NotImplementedError

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Fit the model.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples; float32 stays float32, and sparse input stays sparse (CSR).
        y : array-like of shape (n_samples, n_labels)
            Label distributions; rows sum to one.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights of the rows, not all zero.

        Returns
        -------
        self : estimator
            The fitted estimator.

        Raises
        ------
        ValueError
            If `y` does not hold distributions (see :func:`sklearn_ldl.check_distribution`), or for
            data that scikit-learn rejects.
        """
        X, D, sample_weight = self._validate_data(X, y, sample_weight)
        problem = SoftmaxLinearProblem(
            X, D, sample_weight, fit_intercept=self.fit_intercept, alphas=[self.alpha]
        )
        loss = of_terms(*self._terms(np.asfortranarray(D)))
        state = problem.start()
        curve: list[float] = []

        def on_iteration(state: State) -> None:
            curve.append(float(state.value))
            self._report(state.n_iter, curve[-1], state.gradient_norm)

        options: dict[str, Any] = {"max_iter": self.max_iter, "tol": self.tol}
        try:
            # Not convex: the search begins where the KL divergence is least.
            problem.solve(self.alpha, state, **options)
            problem.solve(self.alpha, state, loss=loss, callback=on_iteration, **options)
        finally:
            # Also after Ctrl-C: what was reached is kept.
            self.coef_, self.intercept_ = problem.coefficients(state)
            self.objective_curve_ = np.array(curve)
            self.gradient_norm_ = float(state.gradient_norm)
            self.n_iter_ = state.n_iter
        warn_if_not_converged(state, self.tol)
        return self
