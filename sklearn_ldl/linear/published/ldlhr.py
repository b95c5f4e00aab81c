"""Learning the highest label, and the degrees of the rest."""

from __future__ import annotations

from numbers import Real

from numpy.typing import NDArray

from sklearn_ldl._core.sklearn_compat import Interval
from sklearn_ldl._solver.losses import Term
from sklearn_ldl.linear.published.margins import (
    LargeMarginModel,
    absolute_error,
    highest,
    margins_of_all,
)


class LDLHR(LargeMarginModel):
    r"""Learning the highest label and the degrees of the rest (LDL-HR).

    For those who want the label with the highest degree: it is learned as a class, with a margin
    to each other label, and the degrees of the others as what helps. The model :math:`p(x) =
    \mathrm{softmax}(W x + b)` minimises

    .. math::
        F(W, b) = \sum_i s_i \Bigl( \|t_i - p_i\|_1
                  + \lambda \sum_{k \ne a(i)} \max\bigl(0,\, 1 - (p_{i a(i)} - p_{ik}) / \rho \bigr)
                  + \mu \sum_{k \ne a(i)} |d_{ik} - p_{ik}| \Bigr) + \frac{\alpha}{2} \|W\|_F^2

    with :math:`p_i = p(x_i)`, weights :math:`s_i` that sum to one, the label :math:`a(i)` of the
    highest degree of row i, and :math:`t_i` one there and zero elsewhere.

    Parameters
    ----------
    alpha : float, default=1e-2
        Strength of the penalty, at least 0. The published objective is a sum over rows: divide its
        strength by the number of rows.
    margin : float, default=0.1
        :math:`\rho`, a difference of two degrees, between 0 and 1; 0.01 in the published code.
    margin_weight : float, default=0.1
        :math:`\lambda`, at least 0.
    rest_weight : float, default=0.1
        :math:`\mu`, at least 0.
    smoothing : float, default=0.1
        All terms have kinks; closer than this to one, as a difference of degrees, they are
        quadratic (and smaller by half of this everywhere else), so that a search can converge. The
        published objective is the limit of zero; the smaller, the more iterations.
    fit_intercept : bool, default=True
        Whether to add an intercept, which is not penalised (the published one is).
    max_iter : int, default=1000
        Most iterations, of each of the two searches.
    tol : float, default=1e-6
        The search stops when no entry of the gradient is larger (or when rounding permits no
        further progress).
    verbose : int, default=0
        Print the objective every `verbose` iterations; 0 prints nothing.

    Attributes
    ----------
    coef_ : ndarray of shape (n_labels, n_features)
        Coefficients :math:`W`, in the dtype of `X`.
    intercept_ : ndarray of shape (n_labels,)
        Intercept :math:`b`.
    objective_curve_ : ndarray of shape (n_iter + 1,)
        Objective :math:`F` at the start and after every iteration; but for rounding, it never
        rises.
    gradient_norm_ : float
        Largest absolute entry of the final gradient (an upper bound with more features than rows).
    n_iter_ : int
        Number of iterations.
    n_labels_, label_names_, n_features_in_, feature_names_in_
        As in :class:`BFGSLDL`.

    Warns
    -----
    ConvergenceWarning
        When the gradient is above `tol` after `max_iter` iterations.

    See Also
    --------
    LDL4C : Another objective for the same purpose.
    BFGSLDL : The same model for the whole distribution.

    Notes
    -----
    The objective is not convex. The search begins at the coefficients of :class:`BFGSLDL` with the
    same penalty (no random start), and ends at a stationary point.

    Labels that share the highest degree of a row count by share: :math:`t_i` divides the one among
    them, :math:`p_{i a(i)}` is the mean of theirs, and none of them is among the rest.

    Predictions are drawn to certainty: they rank labels, and are no estimates of the degrees. For
    divergences and distances use :class:`BFGSLDL`.

    References
    ----------
    J. Wang, X. Geng, "Learn the highest label and rest label description degrees", International
    Joint Conference on Artificial Intelligence, 2021.

    Examples
    --------
    >>> from sklearn_ldl import LDLHR
    >>> from sklearn_ldl.datasets import make_ldl
    >>> X, D = make_ldl(n_samples=200, random_state=0)
    >>> model = LDLHR().fit(X, D)
    >>> hits = model.predict(X).argmax(axis=1) == D.argmax(axis=1)
    >>> bool(hits.mean() > 0.8)
    True
    """

    _parameter_constraints: dict = {
        **LargeMarginModel._parameter_constraints,
        "rest_weight": [Interval(Real, 0, None, closed="left")],
    }

    def __init__(
        self,
        alpha: float = 1e-2,
        *,
        margin: float = 0.1,
        margin_weight: float = 0.1,
        rest_weight: float = 0.1,
        smoothing: float = 0.1,
        fit_intercept: bool = True,
        max_iter: int = 1000,
        tol: float = 1e-6,
        verbose: int = 0,
    ):
        self.alpha = alpha
        self.margin = margin
        self.margin_weight = margin_weight
        self.rest_weight = rest_weight
        self.smoothing = smoothing
        self.fit_intercept = fit_intercept
        self.max_iter = max_iter
        self.tol = tol
        self.verbose = verbose

    def _terms(self, D: NDArray) -> list[Term]:
        best = highest(D)
        return [
            absolute_error(best, 1.0, self.smoothing),
            margins_of_all(best, self.margin, self.margin_weight, self.smoothing),
            absolute_error(D, self.rest_weight * (best == 0), self.smoothing),
        ]
