r"""Choosing the penalty of a softmax-linear model without fitting it.

One Newton step from the mean distribution :math:`\pi` is a ridge regression of the whitened
residuals :math:`\Gamma^{-1/2} (d - \pi)`, with :math:`\Gamma = \mathrm{diag}(\pi) - \pi \pi^T`.
With eigenvalues :math:`\lambda_j` of the covariance of the features and :math:`g_c` of `Gamma`, it
shrinks the coefficient of the pair by :math:`h_{cj} = \lambda_j / (\lambda_j + \alpha / g_c)`. The
penalty minimises its generalised cross-validation

.. math:: \sum_c \frac{\mathrm{RSS}_c(\alpha) / n}{(1 - 1.05 (1 + \sum_j h_{cj}) / n)^2} ,

which one eigendecomposition gives for all penalties. What the step explains bends the objective
less: at the fit, a share :math:`\kappa` of the curvature is left, the one of the variance that is
not explained. The search stands between the two, so the penalty is multiplied by
:math:`\sqrt\kappa`, their geometric mean. The scores of features as they are and of standardised
ones, or of several bases of the logits, may be compared.

Reference: G. Golub, M. Heath, G. Wahba, "Generalized cross-validation as a method for choosing a
good ridge parameter", Technometrics 1979; for such a factor, Y.-J. Kim, C. Gu, "Smoothing spline
Gaussian regression: more scalable computation via efficient approximation", Journal of the Royal
Statistical Society B 2004.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.linalg import eigh
from scipy.optimize import minimize_scalar

# Rows that the choice looks at: more change it little, and would cost as much as the fit.
_MAX_ROWS = 2000
# Largest eigendecomposition: with more rows and more features than this, there are fewer rows.
_MAX_SIZE = 500
# A degree of freedom counts as this many: plain generalised cross-validation may follow the noise
# to the end where there are about as many features as rows, and larger factors cost accuracy.
_INFLATION = 1.05
# Penalties that are tried, as multiples of the mean variance of the features.
_MULTIPLES = np.logspace(-8, 4, 73)
# Deviations below this share of the mean, eigenvalues below this share of the largest, and
# unexplained variances below this share of all are rounding errors.
_ROUNDING = 1e-10


class Choice(NamedTuple):
    """What was chosen."""

    #: The penalty.
    alpha: float
    #: Whether features are standardised.
    standardize: bool
    #: Position of the basis among those that were offered.
    basis: int
    #: Root of the mean variance of the features: their common scale.
    scale: float
    #: Share of the variance that the first step leaves unexplained.
    unexplained: float


#: ``(D, weight, fit_intercept) -> (residuals, curvature)`` where a search starts: the negative
#: gradient in the linear outputs of every row, and the mean Hessian in them. A new array each.
FirstStep = Callable[[NDArray, NDArray, bool], tuple[NDArray, NDArray]]


class Sample(NamedTuple):
    """Rows that the choice looks at."""

    #: Features (n_rows, n_features), dense or CSR.
    X: Any
    #: Distributions (n_rows, n_labels).
    D: NDArray
    #: Positive weights (n_rows,).
    sample_weight: NDArray
    #: The effective size of all rows that will be fitted to; penalties go with its inverse.
    n_effective: float


def sampled_rows(sample_weight: NDArray, n_features: int) -> NDArray:
    """Rows that the choice looks at, in ascending order; those without weight are no candidates."""
    rows = np.flatnonzero(sample_weight)
    most = _MAX_ROWS if min(len(rows), n_features) <= _MAX_SIZE else _MAX_SIZE
    if len(rows) > most:
        rows = np.sort(np.random.RandomState(0).choice(rows, most, replace=False))
    return rows


def effective_size(sample_weight: NDArray) -> float:
    """Kish's number of rows of equal weight that tell as much."""
    w = sample_weight / sample_weight.max()
    return float(w.sum() ** 2 / (w @ w))


def sample_of_rows(X: Any, D: NDArray, sample_weight: NDArray) -> Sample:
    """Take the rows that the choice looks at."""
    rows = sampled_rows(sample_weight, X.shape[1])
    return Sample(X[rows], D[rows], sample_weight[rows], effective_size(sample_weight))


def choose_alpha(
    X: Any,
    D: NDArray,
    sample_weight: NDArray,
    n_effective: float,
    *,
    fit_intercept: bool = True,
    scalings: Sequence[bool] = (False,),
    bases: Sequence[NDArray | None] = (None,),
    first_step: FirstStep | None = None,
) -> Choice:
    """Choose the penalty, whether to standardise, and one of some bases, from some rows.

    Parameters
    ----------
    X : ndarray or CSR matrix of shape (n_samples, n_features)
        Features of the rows of a `Sample`.
    D : ndarray of shape (n_samples, n_labels)
        Their distributions.
    sample_weight : ndarray of shape (n_samples,)
        Their positive weights.
    n_effective : float
        The `effective_size` of all rows that will be fitted to.
    fit_intercept : bool, default=True
        Whether there is an intercept.
    scalings : sequence of bool
        Whether features are standardised; what may be chosen.
    bases : sequence of {ndarray of shape (n_labels, n_labels), None}
        For each a matrix `B`: the coefficients are ``B A``, and `A` is penalised. None is the
        identity.
    first_step : callable, default=None
        What the first Newton step is made of; None stands for :func:`softmax_first_step`.

    Returns
    -------
    choice : Choice
        What minimises the generalised cross-validation.
    """
    n = effective_size(sample_weight)
    weight = sample_weight / sample_weight.max()
    weight = weight / weight.sum()
    root = np.sqrt(weight)[:, None]
    X = X.toarray() if sp.issparse(X) else X
    X = X.astype(np.float64)
    mean = weight @ X if fit_intercept else np.zeros(X.shape[1])
    X -= mean
    R, gamma = (first_step or softmax_first_step)(D, weight, fit_intercept)
    R *= root
    X *= root
    variances = np.einsum("ij,ij->j", X, X)
    X[:, ~_varies(variances, mean)] = 0
    total = float(_whitened(R, gamma, None)[1].sum())
    n_free = int(fit_intercept)

    best: tuple[float, Choice] = (np.inf, Choice(1.0, bool(scalings[0]), 0, 1.0, 1.0))
    for standardize in scalings:
        Z = X / deviations(variances, mean) if standardize else X
        lam, ZR = _spectrum(Z, R)
        variance = float(lam.sum()) / Z.shape[1]
        if not variance > 0:
            continue
        for position, basis in enumerate(bases):
            value, multiple = _minimum(
                _score(lam / variance, ZR, R, gamma, basis, total, n, n_free)
            )
            if value < best[0]:
                alpha, scale = float(multiple * variance), float(np.sqrt(variance))
                best = value, Choice(alpha, standardize, position, scale, 1.0)
    value, choice = best
    if not np.isfinite(value):  # no feature varies
        return choice
    unexplained = min(value * _left_of_mean(n, n_free) ** 2 / total, 1) if total > 0 else 1.0
    unexplained = max(unexplained, _ROUNDING)
    alpha = float(choice.alpha * np.sqrt(unexplained) * n / n_effective)
    return choice._replace(alpha=alpha, unexplained=unexplained)


def softmax_first_step(
    D: NDArray, weight: NDArray, fit_intercept: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Residuals (n_samples, n_labels) at the mean distribution, and curvature of the logits."""
    if fit_intercept:
        pi = np.maximum(weight @ D, 1e-12)
    else:
        pi = np.full(D.shape[1], 1 / D.shape[1])
    return D - pi, np.diag(pi) - np.outer(pi, pi)


def deviations(variance: NDArray, mean: NDArray) -> NDArray:
    """Return what standardises features: roots of variances, and one where they do not vary."""
    return np.sqrt(np.where(_varies(variance, mean), variance, 1.0))


def _varies(variance: NDArray, mean: NDArray) -> NDArray[np.bool_]:
    return variance > (_ROUNDING * mean) ** 2


def _spectrum(X: NDArray, R: NDArray) -> tuple[NDArray, NDArray]:
    """Eigenvalues of ``X^T X``, and `R` in the left singular vectors of `X`."""
    if X.shape[1] < X.shape[0]:
        lam, V = eigh(X.T @ X, check_finite=False)
        keep = lam > _ROUNDING * lam[-1]
        return lam[keep], (X @ V[:, keep]).T @ R / np.sqrt(lam[keep])[:, None]
    lam, U = eigh(X @ X.T, check_finite=False)
    keep = lam > _ROUNDING * lam[-1]
    return lam[keep], U[:, keep].T @ R


def _whitened(
    R: NDArray, gamma: NDArray, basis: NDArray | None
) -> tuple[NDArray, NDArray, NDArray]:
    """Curvatures, total variances and directions of the labels, in which the curvature is one."""
    curvature = gamma if basis is None else basis.T @ gamma @ basis
    g, Q = eigh(curvature, check_finite=False)
    keep = g > _ROUNDING * g[-1]
    g, Q = g[keep], Q[:, keep] / np.sqrt(g[keep])
    Q = Q if basis is None else basis @ Q
    Y = R @ Q
    return g, np.einsum("ij,ij->j", Y, Y), Q


def _left_of_mean(n: float, n_free: int) -> float:
    """Share of the degrees of freedom that the mean distribution leaves."""
    return max(1 - _INFLATION * n_free / n, 1e-3)


def _score(lam, XR, R, gamma, basis, total, n, n_free):
    """Generalised cross-validation as a function of the logarithm of the penalty."""
    g, variances, Q = _whitened(R, gamma, basis)
    power = (XR @ Q) ** 2
    # What no penalty explains; where features can explain everything, this is rounding.
    beyond = variances - power.sum(axis=0)
    beyond[beyond < _ROUNDING * variances] = 0
    # Rounding in a basis that smooths may drop directions, which then stay as they are.
    rest = max(total - variances.sum(), 0) / _left_of_mean(n, n_free) ** 2

    def score(log_alpha: float) -> float:
        penalty = np.exp(log_alpha) / g
        left = penalty / (lam[:, None] + penalty)  # 1 - h
        residual = beyond + (left**2 * power).sum(axis=0)
        freedom = n - _INFLATION * (n_free + (1 - left).sum(axis=0))
        if freedom.min() <= 0:
            return np.inf
        return float((residual / (freedom / n) ** 2).sum() + rest)

    return score


def _minimum(score) -> tuple[float, float]:
    """Smallest score on the grid, refined between its neighbours, and where it is.

    Of equal scores, as two rows give to all penalties, that of the strongest one.
    """
    logs = np.log(_MULTIPLES)
    values = np.array([score(log_alpha) for log_alpha in logs])
    best = int(np.flatnonzero(values <= (1 + _ROUNDING) * values.min())[-1])
    bounds = logs[max(best - 1, 0)], logs[min(best + 1, len(logs) - 1)]
    found = minimize_scalar(score, bounds=bounds, method="bounded", options={"xatol": 1e-3})
    return float(found.fun), float(np.exp(found.x))
