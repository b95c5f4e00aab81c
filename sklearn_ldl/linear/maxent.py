"""The maximum-entropy model of label distributions."""

from __future__ import annotations

from numbers import Real
from typing import Any, Literal

from numpy.typing import ArrayLike

from sklearn_ldl._core.callbacks import with_callbacks
from sklearn_ldl._core.sklearn_compat import Interval, StrOptions, fit_context
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
    features.

    Parameters
    ----------
    alpha : float or "auto", default="auto"
        Strength of the penalty on the mean KL divergence; ``alpha >= 0``. "auto" chooses it from
        the data, without a fit, by generalised cross-validation of the first Newton step on at
        most 2,000 rows (see Notes): a common scale of the features changes nothing. A number is
        absolute, and depends on their scale. The published algorithm has no penalty (``alpha=0``)
        and overfits.
    standardize : bool or "auto", default="auto"
        Whether the penalty is on coefficients of features with unit variance; `coef_` belongs to
        the features as they are all the same. "auto" takes what has the smaller score where the
        penalty is chosen too, and False where it is a number.
    fit_intercept : bool, default=True
        Whether to add an intercept, which is not penalised. Without it, centred features force
        the mean prediction to the uniform distribution.
    max_iter : int, default=1000
        Most iterations.
    tol : float, default=1e-6
        The search stops when no entry of the gradient is larger (or when rounding permits no
        further progress). With ``alpha="auto"`` features count in units of the root of their mean
        variance.
    warm_start : bool, default=False
        Start from the coefficients of the previous fit instead of the mean distribution.
    verbose : int, default=0
        Print the objective every `verbose` iterations; 0 prints nothing.

    Attributes
    ----------
    alpha_ : float
        The penalty that was used.
    standardized_ : bool
        Whether features were standardised.
    coef_ : ndarray of shape (n_labels, n_features)
        Coefficients :math:`W`, in the dtype of `X`, or in double precision where the means of
        features in single are too large for it. Their columns sum to zero for ``alpha > 0``.
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
    SmoothBFGSLDL : For labels in an order, such as ratings or ages.

    Notes
    -----
    The automatic penalty. The first Newton step from the mean distribution :math:`\pi` is a ridge
    regression of :math:`\Gamma^{-1/2} (d - \pi)` with
    :math:`\Gamma = \mathrm{diag}(\pi) - \pi \pi^T`. With eigenvalues :math:`\lambda_j` of the
    covariance of the features, :math:`g_c` of :math:`\Gamma`, and
    :math:`h_{cj} = \lambda_j / (\lambda_j + \alpha / g_c)`, its generalised cross-validation is

    .. math::
        V(\alpha) = \sum_c \frac{\mathrm{RSS}_c(\alpha) / n}{(1 - 1.05 (1 + \sum_j h_{cj}) / n)^2} .

    Degrees of freedom count a little more than once, lest noise is followed where there are as many
    features as rows. The penalty is its minimiser times :math:`\sqrt{\kappa}`, with the share
    :math:`\kappa` of variance that the step leaves: the nearer the fit, the less the objective
    bends. Where the step explains more than half, as for class labels that are easily told apart,
    four folds of the rows that were looked at correct the penalty by a power of four. For `n`
    stands the effective number of rows, :math:`(\sum_i s_i)^2 / \sum_i s_i^2`, so that a common
    scale of the weights changes nothing; weights are not counts of repeated rows here. On the
    eleven files of :doc:`Defaults </results/defaults>` the divergence of held-out rows is within
    a few hundredths of that of :class:`BFGSLDLCV`.

    References
    ----------
    G. Golub, M. Heath, G. Wahba, "Generalized cross-validation as a method for choosing a good
    ridge parameter", Technometrics, 1979 (the automatic penalty).

    Y.-J. Kim, C. Gu, "Smoothing spline Gaussian regression: more scalable computation via efficient
    approximation", Journal of the Royal Statistical Society B, 2004 (degrees of freedom that count
    more than once).

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
        **MaximumEntropyModel._parameter_constraints,
        "alpha": [StrOptions({"auto"}), Interval(Real, 0, None, closed="left")],
    }

    def __init__(
        self,
        alpha: float | Literal["auto"] = "auto",
        *,
        standardize: bool | Literal["auto"] = "auto",
        fit_intercept: bool = True,
        max_iter: int = 1000,
        tol: float = 1e-6,
        warm_start: bool = False,
        verbose: int = 0,
    ):
        self.alpha = alpha
        self.standardize = standardize
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
        self._fit_chosen(X, D, sample_weight, self.alpha)
        return self
