"""The proportional odds model of label distributions."""

from __future__ import annotations

from numbers import Real
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from sklearn_ldl._core.callbacks import with_callbacks
from sklearn_ldl._core.samples import validate_samples
from sklearn_ldl._core.sklearn_compat import Interval, StrOptions, fit_context
from sklearn_ldl._core.underflow import underflow_is_zero
from sklearn_ldl._solver.ordered import OrderedProblem
from sklearn_ldl.linear.base import LinearLearner
from sklearn_ldl.linear.fitting import PenalizedFit


class ProportionalOddsLDL(PenalizedFit, LinearLearner):
    r"""Proportional odds (ordered logit) for distributions over labels in an order.

    One linear score moves the whole distribution up or down, past thresholds that all rows share:

    .. math::
        \sum_{j \le k} p_j(x) = \sigma(\theta_k - w^\top x) , \qquad
        \theta_1 < \theta_2 < \dots < \theta_{C-1} ,

    with the logistic function :math:`\sigma`. It minimises the objective of :class:`BFGSLDL`,

    .. math::
        F(w, \theta) = \frac{\sum_i s_i\, KL(d_i \| p(x_i))}{\sum_i s_i}
                       + \frac{\alpha}{2} \|w\|^2 ,

    which is convex here, too. One-hot rows make it the ordered logit model of statistics. With a
    coefficient for each feature instead of one for each feature and label, it is the baseline for
    ratings, stars and grades, and few rows suffice. What it cannot say: that a feature draws the
    answers to both ends, or to the middle.

    Parameters
    ----------
    alpha : float or "auto", default="auto"
        Strength of the penalty on the mean KL divergence; ``alpha >= 0``. "auto" chooses it from
        the data as :class:`BFGSLDL` does, by the first Newton step.
    standardize : bool or "auto", default="auto"
        Whether the penalty is on coefficients of features with unit variance; `coef_` belongs to
        the features as they are all the same. "auto" takes what has the smaller score where the
        penalty is chosen too, and False where it is a number.
    max_iter : int, default=1000
        Most iterations.
    tol : float, default=1e-6
        The search stops when no entry of the gradient is larger; with ``alpha="auto"`` features
        count in units of the root of their mean variance.
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
    coef_ : ndarray of shape (n_features,)
        Coefficients :math:`w`, in the dtype of `X`; a positive one moves mass to later labels.
    thresholds_ : ndarray of shape (n_labels - 1,)
        Thresholds :math:`\theta`, ascending, in double precision. Those around a label without any
        mass in `y` leave it a degree of about 1e-8.
    loss_ : float
        Final objective :math:`F`.
    gradient_norm_, n_iter_, n_evaluations_
        As in :class:`BFGSLDL`.
    n_labels_, label_names_, n_features_in_, feature_names_in_
        As in :class:`BFGSLDL`.

    Warns
    -----
    ConvergenceWarning
        As :class:`BFGSLDL`.

    See Also
    --------
    SmoothBFGSLDL : For labels on a scale, with coefficients for every label.
    BFGSLDL : For labels in no order.
    sklearn_ldl.metrics.ranked_probability_score_loss : A proper score for ordered labels.

    Notes
    -----
    The labels are in the order of the columns of `y`. Reversing it turns the sign of `coef_`.

    References
    ----------
    P. McCullagh, "Regression models for ordinal data", Journal of the Royal Statistical Society B,
    1980.

    J. Burridge, "A note on maximum likelihood estimation for regression models using grouped
    data", Journal of the Royal Statistical Society B, 1981 (convexity).

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_ldl import ProportionalOddsLDL
    >>> X = np.array([[-1.0], [0.0], [1.0]])
    >>> stars = np.array([[0.6, 0.3, 0.1], [0.3, 0.4, 0.3], [0.1, 0.3, 0.6]])
    >>> model = ProportionalOddsLDL(alpha=0).fit(X, stars)
    >>> model.coef_.round(2), model.thresholds_.round(2)
    (array([1.29]), array([-0.87,  0.87]))
    >>> model.predict([[2.0]]).round(2)
    array([[0.03, 0.12, 0.85]])
    """

    _parameter_constraints: dict = {
        **PenalizedFit._parameter_constraints,
        "alpha": [StrOptions({"auto"}), Interval(Real, 0, None, closed="left")],
    }

    _problem_class = OrderedProblem
    # Thresholds are intercepts, and always there.
    fit_intercept = True

    def __init__(
        self,
        alpha: float | Literal["auto"] = "auto",
        *,
        standardize: bool | Literal["auto"] = "auto",
        max_iter: int = 1000,
        tol: float = 1e-6,
        warm_start: bool = False,
        verbose: int = 0,
    ):
        self.alpha = alpha
        self.standardize = standardize
        self.max_iter = max_iter
        self.tol = tol
        self.warm_start = warm_start
        self.verbose = verbose

    @with_callbacks
    @fit_context(prefer_skip_nested_validation=True)
    def fit(
        self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> ProportionalOddsLDL:
        """Fit the model.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples; float32 stays float32, and sparse input stays sparse (CSR).
        y : array-like of shape (n_samples, n_labels)
            Label distributions over labels in the order of the columns; rows sum to one.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights of the rows, not all zero.

        Returns
        -------
        self : ProportionalOddsLDL
            The fitted estimator.

        Raises
        ------
        ValueError
            If `y` does not hold distributions (see :func:`sklearn_ldl.check_distribution`), or for
            data that scikit-learn rejects.
        TypeError
            For Dask collections.
        """
        X, D, sample_weight = self._validate_data(X, y, sample_weight)
        self._fit_chosen(X, D, sample_weight, self.alpha)
        return self

    @underflow_is_zero
    def predict(self, X: Any) -> NDArray:
        """Predict label distributions.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        D : ndarray of shape (n_samples, n_labels)
            Rows on the simplex.
        """
        X, L = self._log_degrees(X)
        P = np.exp(L)
        P /= P.sum(axis=1, keepdims=True)
        return P.astype(X.dtype, copy=False)

    def predict_log_proba(self, X: Any) -> NDArray:
        """Logarithms of the predicted degrees, exact also where they underflow.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        L : ndarray of shape (n_samples, n_labels)
            Logarithms.
        """
        X, L = self._log_degrees(X)
        return L.astype(X.dtype, copy=False)

    def _log_degrees(self, X: Any) -> tuple[Any, NDArray[np.float64]]:
        check_is_fitted(self)
        X = validate_samples(
            self, X, accept_sparse="csr", dtype=[np.float64, np.float32], reset=False
        )
        return X, OrderedProblem.log_degrees(X, self.coef_[None], -self.thresholds_)

    def _last_fit(self, n_labels: int, n_features: int) -> tuple[NDArray, NDArray]:
        last = len(self.thresholds_) + 1, len(self.coef_)
        if last != (n_labels, n_features):
            raise ValueError(
                f"warm_start needs data of the same shape: the last fit had {last[0]} labels and "
                f"{last[1]} features, these data have {n_labels} and {n_features}."
            )
        return self.coef_[None], -self.thresholds_

    def _attributes(self, coef: NDArray, intercept: NDArray) -> dict[str, NDArray]:
        return {"coef_": coef[0], "thresholds_": -intercept}
