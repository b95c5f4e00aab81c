"""The maximum-entropy model of label distributions."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

from numpy.typing import ArrayLike

from sklearn_ldl._core.callbacks import with_callbacks
from sklearn_ldl._core.sklearn_compat import Interval, fit_context
from sklearn_ldl.linear.fitting import MaximumEntropyModel


class BFGSLDL(MaximumEntropyModel):
    r"""Maximum-entropy label distribution learning (SA-BFGS) with an L2 penalty.

    The model is :math:`p(x) = \mathrm{softmax}(W x + b)`. It minimises

    .. math::
        F(W, b) = \frac{\sum_i s_i\, KL(d_i \| p(x_i))}{\sum_i s_i}
                  + \frac{\alpha}{2} \|W\|_F^2 ,

    which is convex, with a unique minimiser in `W` for :math:`\alpha > 0`: neither a start nor a
    seed has any influence. One-hot rows make it multinomial logistic regression with
    ``C = 1 / (alpha * n_samples)`` (for two labels twice that). The search is a limited-memory
    BFGS in whitened variables, whose number of iterations hardly depends on the scale of the
    features; the penalty does depend on it, so standardise features (or choose `alpha` with
    :class:`BFGSLDLCV`).

    Parameters
    ----------
    alpha : float, default=1e-2
        Strength of the penalty on the mean KL divergence; ``alpha >= 0``. The published algorithm
        has no penalty (``alpha=0``) and overfits.
    fit_intercept : bool, default=True
        Whether to add an intercept, which is not penalised. Without it, centred features force
        the mean prediction to the uniform distribution.
    max_iter : int, default=1000
        Most iterations.
    tol : float, default=1e-6
        The search stops when no entry of the gradient is larger (or when rounding permits no
        further progress).
    warm_start : bool, default=False
        Start from the coefficients of the previous fit instead of the mean distribution.
    verbose : int, default=0
        Print the objective every `verbose` iterations; 0 prints nothing.

    Attributes
    ----------
    coef_ : ndarray of shape (n_labels, n_features)
        Coefficients :math:`W`, in the dtype of `X`. Their columns sum to zero for ``alpha > 0``.
    intercept_ : ndarray of shape (n_labels,)
        Intercept :math:`b`. That of a label without any mass in `y`, whose optimum is minus
        infinity, stays finite at a degree of about 1e-8.
    loss_ : float
        Final objective :math:`F`.
    gradient_norm_ : float
        Largest absolute entry of the final gradient (an upper bound with more features than rows).
    n_iter_ : int
        Number of iterations.
    n_evaluations_ : int
        Number of gradients: products of `X` and its transpose with one matrix each.
    n_labels_ : int
        Number of labels.
    label_names_ : ndarray of shape (n_labels,)
        Column names of `y`, when it was a data frame: strings, numbers or both.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features,)
        Column names of `X`, when they are all strings.

    Warns
    -----
    ConvergenceWarning
        When the gradient is above `tol` after `max_iter` iterations, or when ``alpha=0`` with no
        more rows than features (there may be no finite minimiser).

    See Also
    --------
    BFGSLDLCV : Chooses `alpha` by cross-validation.

    References
    ----------
    X. Geng, "Label distribution learning", IEEE Transactions on Knowledge and Data Engineering,
    2016 (algorithm SA-BFGS).

    Examples
    --------
    >>> from sklearn_ldl import BFGSLDL
    >>> from sklearn_ldl.datasets import make_ldl
    >>> X, D = make_ldl(n_samples=200, random_state=0)
    >>> model = BFGSLDL(alpha=1e-3).fit(X, D)
    >>> model.predict(X[:2]).round(2).shape
    (2, 3)
    >>> model.score(X, D) > 0.8
    True
    """

    _parameter_constraints: dict = {
        "alpha": [Interval(Real, 0, None, closed="left")],
        "fit_intercept": ["boolean"],
        "max_iter": [Interval(Integral, 0, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "warm_start": ["boolean"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        alpha: float = 1e-2,
        *,
        fit_intercept: bool = True,
        max_iter: int = 1000,
        tol: float = 1e-6,
        warm_start: bool = False,
        verbose: int = 0,
    ):
        self.alpha = alpha
        self.fit_intercept = fit_intercept
        self.max_iter = max_iter
        self.tol = tol
        self.warm_start = warm_start
        self.verbose = verbose

    @with_callbacks
    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> BFGSLDL:
        """Fit the model.

        Parameters
        ----------
        X : {array-like, sparse matrix, Dask array or frame} of shape (n_samples, n_features)
            Samples; float32 stays float32, and sparse input stays sparse (CSR). With a Dask
            collection, the sums over rows are computed where its blocks are, and memory is bounded
            by their size.
        y : {array-like, Dask array or frame} of shape (n_samples, n_labels)
            Label distributions; rows sum to one. A Dask collection only if `X` is one.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights of the rows, not all zero.

        Returns
        -------
        self : BFGSLDL
            The fitted estimator.

        Raises
        ------
        ValueError
            If `y` does not hold distributions (see :func:`sklearn_ldl.check_distribution`), or for
            data that scikit-learn rejects.
        TypeError
            If `y` is a Dask collection and `X` is not.
        """
        X, D, sample_weight = self._validate_data(X, y, sample_weight)
        return self._fit_validated(X, D, sample_weight, self.alpha)
