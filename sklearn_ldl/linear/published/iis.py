"""Improved iterative scaling of the maximum-entropy model."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklearn_ldl._core.convergence import warn_not_converged
from sklearn_ldl._core.simplex import centred_logits
from sklearn_ldl._core.sklearn_compat import Interval, fit_context
from sklearn_ldl._solver.design import Design
from sklearn_ldl._solver.losses import cross_entropy, entropy, probabilities
from sklearn_ldl._solver.penalties import l2
from sklearn_ldl.linear.base import SoftmaxLinearModel

# Most that a sweep changes the exponents of a bound (see _Scaling).
_LIMIT = 2.0
# Factor on the last term of the Taylor polynomial that keeps it above the exponential up to there.
_KAPPA = 24 * (np.exp(_LIMIT) - 1 - _LIMIT - _LIMIT**2 / 2 - _LIMIT**3 / 6) / _LIMIT**4


class IISLDL(SoftmaxLinearModel):
    r"""Maximum-entropy label distribution learning by improved iterative scaling (SA-IIS, IIS-LLD).

    The model :math:`p(x) = \mathrm{softmax}(W x + b)` and the objective are those of
    :class:`~sklearn_ldl.BFGSLDL`,

    .. math::
        F(W, b) = \sum_i s_i\, KL(d_i \| p(x_i)) + \frac{\alpha}{2} \|W\|_F^2

    with weights :math:`s_i` that sum to one; only the way there is the classical one. A sweep
    bounds the objective by a sum of functions of one coefficient each and moves every coefficient
    by the root :math:`\delta_{jk}` of its derivative,

    .. math::
        \sum_i s_i\, d_{ij}\, x_{ik}
        - \sum_i s_i\, p_{ij}\, x_{ik}\, e^{\delta_{jk} \operatorname{sign}(x_{ik})\, x^\#_i}
        - \alpha\, (W_{jk} + \delta_{jk}) = 0, \qquad x^\#_i = \sum_k |x_{ik}| .

    The objective never rises. Steps shrink with the number and the scale of the features and do not
    know of their correlations, so many sweeps may be needed where :class:`~sklearn_ldl.BFGSLDL`
    takes few iterations to the same optimum: this is the method of the literature, that one the
    method to use. Standardise features, or scale rows to a common sum.

    Parameters
    ----------
    alpha : float, default=1e-2
        Strength of the penalty on the mean KL divergence, at least 0. The published algorithm has
        no penalty (``alpha=0``) and relies on stopping early.
    fit_intercept : bool, default=True
        Whether to add an intercept, which is not penalised. It is scaled on its own, before the
        coefficients, where the root has a closed form: it makes no step smaller.
    max_iter : int, default=1000
        Most sweeps.
    tol : float, default=1e-6
        Stop when no entry of the gradient is larger.
    verbose : int, default=0
        Print the objective every `verbose` sweeps; 0 prints nothing.

    Attributes
    ----------
    coef_ : ndarray of shape (n_labels, n_features)
        Coefficients :math:`W`, in the dtype of `X`. Their columns sum to zero.
    intercept_ : ndarray of shape (n_labels,)
        Intercept :math:`b`. That of a label without any mass in `y`, whose optimum is minus
        infinity, stays finite at a degree of about 1e-8.
    objective_curve_ : ndarray of shape (n_iter + 1,)
        Objective :math:`F` at the start and after every sweep; it never rises.
    gradient_norm_ : float
        Largest absolute entry of the final gradient.
    n_iter_ : int
        Number of sweeps.
    n_labels_, label_names_, n_features_in_, feature_names_in_
        As in :class:`BFGSLDL`.

    Warns
    -----
    ConvergenceWarning
        When the gradient is above `tol` after `max_iter` sweeps.

    See Also
    --------
    BFGSLDL : The same objective, solved faster.

    Notes
    -----
    A root need not be exact: whatever lowers the bound lowers the objective. Here the exponential
    gives way to a polynomial of degree four that is nowhere below it, and the root has a closed
    form. The coefficients of the polynomial are sums over rows, so a sweep takes four products with
    `X` besides the prediction and its gradient, with neither an inner loop nor an array of samples
    x features x labels. A step agrees with the exact root to a few per cent where
    :math:`|\delta_{jk}| \max_i x^\#_i \le 1/2`, ever better as steps shrink, and ends at 2 in that
    unit. Between sweeps the mean over labels is taken off, which changes no prediction and lowers
    the penalty.

    The work is in double precision, on copies of `X` and of its absolute values.

    References
    ----------
    A. L. Berger, "The improved iterative scaling algorithm: a gentle introduction", Carnegie Mellon
    University, 1997.

    S. Della Pietra, V. Della Pietra, J. Lafferty, "Inducing features of random fields", IEEE
    Transactions on Pattern Analysis and Machine Intelligence, 1997.

    X. Geng, "Label distribution learning", IEEE Transactions on Knowledge and Data Engineering,
    2016 (algorithm SA-IIS).

    Examples
    --------
    >>> from sklearn_ldl import IISLDL
    >>> from sklearn_ldl.datasets import make_ldl
    >>> X, D = make_ldl(n_samples=200, random_state=0)
    >>> model = IISLDL().fit(X, D)
    >>> model.predict(X[:2]).shape
    (2, 3)
    >>> model.score(X, D) > 0.8
    True
    """

    #: Steps are ratios of sums, in which no feature is squared.
    _any_scale = True

    _parameter_constraints: dict = {
        "alpha": [Interval(Real, 0, None, closed="left")],
        "fit_intercept": ["boolean"],
        "max_iter": [Interval(Integral, 0, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        alpha: float = 1e-2,
        *,
        fit_intercept: bool = True,
        max_iter: int = 1000,
        tol: float = 1e-6,
        verbose: int = 0,
    ):
        self.alpha = alpha
        self.fit_intercept = fit_intercept
        self.max_iter = max_iter
        self.tol = tol
        self.verbose = verbose

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> IISLDL:
        """Fit the model.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples; sparse input stays sparse (CSR).
        y : array-like of shape (n_samples, n_labels)
            Label distributions; rows sum to one.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights of the rows, not all zero.

        Returns
        -------
        self : IISLDL
            The fitted estimator.

        Raises
        ------
        ValueError
            If `y` does not hold distributions (see :func:`sklearn_ldl.check_distribution`), or for
            data that scikit-learn rejects.
        """
        X, D, sample_weight = self._validate_data(X, y, sample_weight)
        scaling = _Scaling(X, D, sample_weight, self.alpha, self.fit_intercept)
        value, gradient_norm = scaling.evaluate()
        curve = [value]
        try:
            self._report(len(curve) - 1, value, gradient_norm, unit="sweep")
            while gradient_norm > self.tol and len(curve) <= self.max_iter:
                scaling.sweep()
                value, gradient_norm = scaling.evaluate()
                curve.append(value)
                self._report(len(curve) - 1, value, gradient_norm, unit="sweep")
        finally:
            # Also after Ctrl-C: what was reached is kept.
            self.coef_ = scaling.coef.astype(X.dtype)
            self.intercept_ = scaling.intercept.astype(X.dtype)
            self.objective_curve_ = np.array(curve)
            self.gradient_norm_ = gradient_norm
            self.n_iter_ = len(curve) - 1
        if gradient_norm > self.tol:
            warn_not_converged(
                "Iterative scaling",
                f"{self.n_iter_} sweeps",
                f"a gradient of {gradient_norm:.2g}",
                self.tol,
                "standardise the features, increase alpha, or use BFGSLDL",
            )
        return self


class _Scaling:
    r"""Sweeps over all coefficients.

    A change :math:`\delta` adds to the bound of its coefficient, with
    :math:`t = \delta \operatorname{sign}(x_{ik}) x^\#_i`, the terms
    :math:`s_i p_{ij} (|x_{ik}| / x^\#_i) (e^t - 1)`. As :math:`(e^t - 1 - t - t^2/2 - t^3/6) / t^4`
    increases in t, its value at the limit of t makes a polynomial that is nowhere lower.
    """

    def __init__(self, X, D, sample_weight, alpha: float, fit_intercept: bool):
        counts = sample_weight > 0  # rows without weight must not make steps smaller
        X, D, weight = X[counts].astype(np.float64), D[counts], sample_weight[counts]
        self.weight = weight / weight.sum()
        self.D = np.asfortranarray(D)
        self.alpha, self.fit_intercept = alpha, fit_intercept
        self.penalty = l2(alpha)
        self.entropy = entropy(self.D, self.weight)
        self.signed = Design(X, self.weight, center=False)
        self.absolute = Design(abs(X), self.weight, center=False)
        sums = np.asarray(self.absolute.X.sum(axis=1), dtype=np.float64).reshape(-1)
        self.largest_sum = sums.max() or 1.0
        self.share = (sums / self.largest_sum)[:, None]

        self.mean = self.weight @ D
        self.coef = np.zeros((D.shape[1], X.shape[1]))
        self.intercept = np.zeros(D.shape[1])
        if fit_intercept:
            self.intercept = centred_logits(self.mean)

    def evaluate(self) -> tuple[float, float]:
        """Objective, and the largest entry of its gradient."""
        self.Z = self.signed.logits(self.coef, self.intercept)
        value, E = cross_entropy(self.Z, self.D, self.weight)
        penalty_value, penalty_grad = self.penalty(self.coef)
        G, total = self.signed.gradient(E)
        G += penalty_grad
        if not self.fit_intercept:
            total[:] = 0
        return value - self.entropy + penalty_value, self.signed.gradient_norm(G, total)

    def sweep(self) -> None:
        """Scale the intercept, then all coefficients at once."""
        P = probabilities(self.Z)
        if self.fit_intercept:
            ratio = np.divide(
                self.mean, self.weight @ P, out=np.ones_like(self.mean), where=self.mean > 0
            )
            self.intercept += np.log(ratio)
            P *= ratio
            P /= P.sum(axis=1)[:, None]
        self.coef += self._roots(P) / self.largest_sum
        # One number added to all labels changes no prediction; without it the penalty is lowest.
        self.coef -= self.coef.mean(axis=0)
        self.intercept -= self.intercept.mean()

    def _roots(self, P: NDArray) -> NDArray:
        """Zeros of the derivatives of the bounds, in units of one over the largest row sum."""
        P = P * self.weight[:, None]
        G = self._products(self.signed, P - self.weight[:, None] * self.D)
        G += self.alpha * self.coef
        P *= self.share
        slope = self._products(self.absolute, P) + self.alpha / self.largest_sum
        P *= self.share
        bend = self._products(self.signed, P)
        P *= self.share
        twist = _KAPPA * self._products(self.absolute, P)
        return _root_of_cubic(G, slope, bend, twist)

    @staticmethod
    def _products(design: Design, A: NDArray) -> NDArray:
        return design.gradient(A)[0]


def _root_of_cubic(g: NDArray, slope: NDArray, bend: NDArray, twist: NDArray) -> NDArray:
    """Root of ``g + slope u + bend u^2 / 2 + twist u^3 / 6``, or the limit before it.

    That is Cardano's formula with hyperbolic functions, for cubics with
    ``bend^2 < 2 slope twist``, which increase in u.
    """
    # A larger twist only raises the bound. This one leaves roots within the limit as they are,
    # and no division by zero where a feature is zero or a degree underflows.
    slope = np.maximum(slope, 1e-290)
    twist = np.maximum(twist, 1e-6 * slope)
    shift = bend / twist
    with np.errstate(over="ignore"):  # an infinite root ends at the limit
        p = 2 * slope / twist - shift**2
        q = shift**3 + 3 * (g - slope * shift) / twist
        u = -2 * np.sqrt(p) * np.sinh(np.arcsinh(q / p**1.5) / 3) - shift
    # Small roots are differences of large numbers above: a step of Newton restores their digits.
    u = np.clip(u, -_LIMIT, _LIMIT)
    value = g + u * (slope + u * (bend / 2 + u * twist / 6))
    return np.clip(u - value / (slope + u * (bend + u * twist / 2)), -_LIMIT, _LIMIT)
