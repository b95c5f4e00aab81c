"""Label distribution learning for classification."""

from __future__ import annotations

from numpy.typing import NDArray
from scipy.special import xlogy

from sklearn_ldl._solver.losses import Term
from sklearn_ldl.linear.published.margins import (
    LargeMarginModel,
    absolute_error,
    highest,
    margins,
    runner_up,
)


class LDL4C(LargeMarginModel):
    r"""Label distribution learning for classification, by absolute errors and margins (LDL4C).

    For those who want the label with the highest degree, and the distribution only on the way to
    it. The model :math:`p(x) = \mathrm{softmax}(W x + b)` minimises

    .. math::
        F(W, b) = \sum_i s_i \Bigl( H(d_i) \, \|d_i - p_i\|_1
                  + \lambda \max\bigl(0,\, 1 - (p_{i a(i)} - p_{i b(i)}) / \rho \bigr) \Bigr)
                  + \frac{\alpha}{2} \|W\|_F^2

    with :math:`p_i = p(x_i)`, weights :math:`s_i` that sum to one, and the labels :math:`a(i)` and
    :math:`b(i)` of the highest and second highest degree of row i. The absolute error bounds the
    error of the classifier, the entropy :math:`H(d_i)` puts rows first that are hard to tell, and
    the margin asks the right label to be ahead by :math:`\rho`.

    Parameters
    ----------
    alpha : float, default=1e-2
        Strength of the penalty, at least 0. The published objective is a sum over rows: divide
        twice its strength by the number of rows.
    margin : float, default=0.1
        :math:`\rho`, a difference of two degrees, between 0 and 1; 0.01 in the published code.
    margin_weight : float, default=0.1
        :math:`\lambda`, at least 0.
    smoothing : float, default=0.1
        Both terms have kinks; closer than this to one, as a difference of degrees, they are
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
    LDLHR : Another objective for the same purpose.
    BFGSLDL : The same model for the whole distribution.

    Notes
    -----
    The objective is not convex. The search begins at the coefficients of :class:`BFGSLDL` with the
    same penalty (no random start), and ends at a stationary point.

    Labels that share the highest or the second highest degree of a row count by share:
    :math:`p_{i a(i)}` is the mean of theirs. A row of equal degrees has no margin, and one that is
    certain of a label, whose entropy is zero, has only the margin.

    Degrees that are predicted are no estimates of the true ones: absolute errors are least at a
    median, not at the mean. For divergences and distances use :class:`BFGSLDL`. Whether the
    arg-max gains depends on the data; compare both by cross-validation.

    References
    ----------
    J. Wang, X. Geng, "Classification with label distribution learning", International Joint
    Conference on Artificial Intelligence, 2019.

    Examples
    --------
    >>> from sklearn_ldl import LDL4C
    >>> from sklearn_ldl.datasets import make_ldl
    >>> X, D = make_ldl(n_samples=200, random_state=0)
    >>> model = LDL4C().fit(X, D)
    >>> hits = model.predict(X).argmax(axis=1) == D.argmax(axis=1)
    >>> bool(hits.mean() > 0.8)
    True
    """

    def __init__(
        self,
        alpha: float = 1e-2,
        *,
        margin: float = 0.1,
        margin_weight: float = 0.1,
        smoothing: float = 0.1,
        fit_intercept: bool = True,
        max_iter: int = 1000,
        tol: float = 1e-6,
        verbose: int = 0,
    ):
        self.alpha = alpha
        self.margin = margin
        self.margin_weight = margin_weight
        self.smoothing = smoothing
        self.fit_intercept = fit_intercept
        self.max_iter = max_iter
        self.tol = tol
        self.verbose = verbose

    def _terms(self, D: NDArray) -> list[Term]:
        entropies = -xlogy(D, D).sum(axis=1, keepdims=True)
        ahead, behind = highest(D), runner_up(D)
        return [
            absolute_error(D, entropies, self.smoothing),
            margins(ahead, behind, self.margin, self.margin_weight, self.smoothing),
        ]
