"""The contract: what every estimator of label distributions shares."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_consistent_length

from sklearn_ldl._core.dask_rows import lazily, refuse_dask, takes_dask
from sklearn_ldl._core.label_names import (
    as_before,
    columns_in_order,
    describe_labels,
    fitted_names,
    names_of,
    points_in_order,
)
from sklearn_ldl._core.plain_state import PlainState
from sklearn_ldl._core.samples import validate_samples
from sklearn_ldl._core.simplex import check_distribution, log_softmax, safe_log, softmax
from sklearn_ldl._core.sklearn_compat import available_if
from sklearn_ldl.metrics import d2_kl_score


class LabelDistributionMixin(PlainState, RegressorMixin):
    """Mixin for estimators that are fitted to distributions and predict distributions.

    It adds `predict_proba` (the same array as `predict`), `predict_log_proba`, `score` (the D2 of
    the Kullback-Leibler divergence), the tags of a multi-output regressor, and the validation that
    every such estimator needs.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.base import BaseEstimator
    >>> from sklearn_ldl import LabelDistributionMixin
    >>> class MeanDistribution(LabelDistributionMixin, BaseEstimator):
    ...     def fit(self, X, y):
    ...         X, D = self._validate_fit(X, y)
    ...         self.mean_ = D.mean(axis=0)
    ...         return self
    ...
    ...     def predict(self, X):
    ...         return np.tile(self.mean_, (len(X), 1))
    >>> X, D = np.zeros((2, 1)), np.array([[1, 0], [0.5, 0.5]])
    >>> MeanDistribution().fit(X, D).predict_proba(X)
    array([[0.75, 0.25],
           [0.75, 0.25]])
    >>> MeanDistribution().fit(X, D).score(X, D)
    0.0
    """

    if TYPE_CHECKING:

        def predict(self, X: Any) -> NDArray:
            """Predict label distributions, which is left to the estimator."""

    def predict_proba(self, X: Any) -> NDArray:
        """Predict label distributions; the same array as `predict`.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        D : ndarray of shape (n_samples, n_labels)
            Rows on the simplex.
        """
        return self.predict(X)

    @lazily
    def predict_log_proba(self, X: Any) -> NDArray:
        """Logarithms of the predicted degrees, at least -708 (-87 in single precision).

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        L : ndarray of shape (n_samples, n_labels)
            Logarithms.
        """
        return safe_log(self.predict(X))

    def score(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        r"""D2 of the KL divergence, :math:`1 - \sum_i KL(d_i \| p_i) / \sum_i KL(d_i \| \bar d)`.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples.
        y : array-like of shape (n_samples, n_labels)
            True distributions. Columns of a data frame are matched by name with those of `fit`.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows in both sums and in the mean distribution.

        Returns
        -------
        score : float
            1 is perfect, 0 no better than the mean distribution of the scored rows, which is the
            best constant; negative is worse than that.
        """
        predicted = self.predict(X)
        y = columns_in_order(y, fitted_names(self), of_y="y", of_names=type(self).__name__)
        return float(d2_kl_score(y, predicted, sample_weight=sample_weight))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.target_tags.multi_output = True
        tags.target_tags.single_output = False
        return tags

    def _validate_fit(self, X: Any, y: Any, **check_params: Any) -> tuple[Any, NDArray[np.float64]]:
        """Validate `X` and the distributions `y`; set the attributes that describe them."""
        require_y(self, y)
        y = as_before(self, y)
        X = validate_samples(self, X, **check_params)
        D = check_distribution(y)
        check_consistent_length(X, D)
        describe_labels(self, y, D.shape[1])
        return X, D


class PointsMixin(RegressorMixin):
    """Mixin for regressors of values or points, whose coordinates have names in a data frame."""

    def _name_coordinates(self, y: Any, *, goes_on: bool = False) -> Any:
        """Keep the names of the columns of `y`, or bring them into the order of the last fit."""
        if goes_on:
            return points_in_order(self, y)
        self._coordinates = names_of(y)
        return y

    def score(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Coefficient of determination, the mean over all coordinates.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples.
        y : array-like of shape (n_samples,) or (n_samples, n_dims)
            True values or points. Columns of a data frame are matched by name with those of `fit`.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.

        Returns
        -------
        r2 : float
            1 is perfect, 0 no better than the mean of `y`.
        """
        return super().score(X, points_in_order(self, y), sample_weight=sample_weight)

    @available_if(lambda self: hasattr(self, "quantile"))
    def interval(self, X: Any, coverage: float = 0.9) -> NDArray[np.float64]:
        """Central prediction intervals, with the same probability left out on both sides.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples.
        coverage : float in (0, 1), default=0.9
            Predicted probability of an interval.

        Returns
        -------
        bounds : ndarray of shape (n_samples, 2)
            Lower and upper ends, in the units of `y`.

        Raises
        ------
        ValueError
            If `coverage` is out of range, or the model was fitted to points.
        """
        if not 0 < coverage < 1:
            raise ValueError(f"coverage must lie in (0, 1), got {coverage!r}.")
        return self.quantile(X, [(1 - coverage) / 2, (1 + coverage) / 2])


class SoftmaxPredictionMixin(LabelDistributionMixin):
    """Mixin for estimators whose predictions are the softmax of their `decision_function`.

    Those of a Dask collection are a Dask array, computed when it is.
    """

    @lazily
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
        return softmax(self.decision_function(X), axis=1)

    @lazily
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
        return log_softmax(self.decision_function(X), axis=1)


def require_y(estimator: BaseEstimator, y: Any) -> None:
    """Raise errors for a `y` that is None, or of Dask where it would be loaded into memory."""
    if y is None:
        raise ValueError(
            f"This {type(estimator).__name__} estimator requires y to be passed, but the target y "
            "is None."
        )
    if not takes_dask(estimator):
        refuse_dask(estimator, y)
