"""Wrappers that learn distributions made from class labels or from real values."""

from __future__ import annotations

from functools import partial
from inspect import signature
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted, column_or_1d

from sklearn_ldl import decoding
from sklearn_ldl._core.fitted import forget
from sklearn_ldl._core.quantiles import check_levels
from sklearn_ldl._core.sklearn_compat import StrOptions, available_if, fit_context
from sklearn_ldl.base import PointsMixin, require_y
from sklearn_ldl.distributors import LabelSmoother
from sklearn_ldl.distributors.encoding import check_labels
from sklearn_ldl.distributors.roles import check_announced, check_classes, check_role
from sklearn_ldl.linear import SmoothBFGSLDL
from sklearn_ldl.wrappers.base import (
    TargetWrapper,
    given_or_default,
    in_order_of_labels,
    learns_in_batches,
    own_targets,
)
from sklearn_ldl.wrappers.grids import default_distributor, hand_over

# Tolerance of the default learner of points.
_TOL_OF_POINTS = 1e-5


class LDLClassifier(ClassifierMixin, TargetWrapper):
    """Classifier that learns label distributions made from class labels.

    Parameters
    ----------
    estimator : estimator, default=None
        Any regressor of distributions, which may be a pipeline; None means
        :class:`~sklearn_ldl.BFGSLDL`, which chooses its penalty, and whether to standardise. To
        search over a parameter of it, such as ``estimator__alpha``, give it.
    distributor : transformer of targets, default=None
        Turns labels into distributions over `classes_`; None means one-hot rows. Give a
        :class:`~sklearn_ldl.LabelSmoother` to move some mass to the other classes.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels, in the order of the columns of `predict_proba`.
    estimator_ : estimator
        The fitted estimator of distributions.
    distributor_ : transformer
        The fitted distributor.
    n_features_in_, feature_names_in_
        Those of `estimator_`, where it has them.

    See Also
    --------
    LDLRegressor : The same for real values.

    Notes
    -----
    With one-hot rows and the default estimator this is multinomial logistic regression, penalised
    by what the data say. ``BFGSLDL(alpha)`` has the penalty of scikit-learn's
    ``LogisticRegression(C=1 / (alpha * n_samples))``; with two classes of twice that `C`, since
    that class then has one vector of coefficients, not two.

    References
    ----------
    B.-B. Gao, C. Xing, C.-W. Xie, J. Wu, X. Geng, "Deep label distribution learning with label
    ambiguity", IEEE Transactions on Image Processing, 2017.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_ldl import BFGSLDL, LabelSmoother, LDLClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> model = LDLClassifier(BFGSLDL(alpha=1e-3), LabelSmoother(smoothing=0.1)).fit(X, y)
    >>> model.predict(X[:2])
    array([0, 0])
    >>> model.score(X, y) > 0.95
    True
    """

    _example = "LabelSmoother"

    def __init__(
        self, estimator: BaseEstimator | None = None, distributor: BaseEstimator | None = None
    ):
        self.estimator = estimator
        self.distributor = distributor

    @fit_context(prefer_skip_nested_validation=False)
    def fit(
        self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None, **fit_params: Any
    ) -> LDLClassifier:
        """Fit the estimator to the distributions of the labels.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples, handed to the estimator as they are.
        y : array-like of shape (n_samples,)
            Class labels of at least two classes.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows in the fit of the estimator; in a pipeline the last step gets them.
        **fit_params : dict
            Passed to `fit` of the estimator, or to `transform` of the distributor by the prefix
            ``distributor__``; routed without prefixes when metadata routing is enabled. Targets for
            validation, `y_val`, become distributions as `y` does.

        Returns
        -------
        self : LDLClassifier
            The fitted classifier.

        Raises
        ------
        ValueError
            If `y` holds continuous values, missing labels or a single class, if `distributor` is
            one of other targets, or if `estimator` takes no weights and there are some.
        """
        y = self._check_labels(y)
        fit_params = self._weigh(sample_weight, fit_params)
        self._fit_wrapped(X, y, self._new_distributor(), fit_params)
        return self

    @available_if(learns_in_batches)
    @fit_context(prefer_skip_nested_validation=False)
    def partial_fit(
        self,
        X: Any,
        y: ArrayLike,
        classes: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> LDLClassifier:
        """Pass a batch of rows on to `partial_fit` of the estimator; only where it has one.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples, handed to the estimator as they are.
        y : array-like of shape (n_samples,)
            Class labels.
        classes : array-like of shape (n_classes,), default=None
            All classes that will ever come, to which the distributor is fitted. The first call
            needs them; later they may be left out.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows, for an estimator that takes them.

        Returns
        -------
        self : LDLClassifier
            The classifier, trained further.

        Raises
        ------
        ValueError
            If the first call has no classes, a later one has others, or `y` holds one that is not
            among them.
        """
        y = self._check_labels(y)
        check_announced(classes, self.classes_ if hasattr(self, "estimator_") else None)
        self._fit_part(X, y, self._new_distributor(), classes, sample_weight)
        return self

    def _new_distributor(self) -> BaseEstimator:
        return LabelSmoother(smoothing=0) if self.distributor is None else self.distributor

    def _check_labels(self, y: Any) -> NDArray:
        if self.distributor is not None:
            check_role(self.distributor, "class labels", self)
        require_y(self, y)
        try:
            y = column_or_1d(y, warn=True)
        except ValueError as exc:
            raise ValueError(
                f"{exc} Fit the estimator itself, such as BFGSLDL, to distributions, and "
                "MultiLabelLDLClassifier to sets of labels."
            ) from exc
        if y.dtype.kind == "f":
            check_labels(y)
        return y

    def _take_labels(self) -> None:
        check_classes(self.distributor_, self)
        self.classes_ = self.distributor_.classes_

    def predict(self, X: Any) -> NDArray:
        """Predict the class with the largest degree; the first one on ties.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            Class labels.
        """
        best = self.predict_proba(X).argmax(axis=1)
        return self.classes_[best]

    @available_if(lambda self: hasattr(given_or_default(self.estimator), "decision_function"))
    def decision_function(self, X: Any) -> NDArray:
        """Logits of the wrapped estimator; only where it has them.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        Z : ndarray of shape (n_samples, n_classes), or (n_samples,) with two classes
            Logits; with two classes the margin of the second.
        """
        check_is_fitted(self)
        Z = self.estimator_.decision_function(X)
        Z = in_order_of_labels(self.estimator_, Z, self.classes_)
        return Z[:, 1] - Z[:, 0] if len(self.classes_) == 2 else Z


class LDLRegressor(PointsMixin, TargetWrapper):
    r"""Regressor that learns distributions around real values, and decodes what it predicts.

    Parameters
    ----------
    estimator : estimator, default=None
        Any regressor of distributions, which may be a pipeline; None means
        :class:`~sklearn_ldl.SmoothBFGSLDL` on the grid of the distributor (without a grid,
        :class:`~sklearn_ldl.BFGSLDL`), which chooses its penalty, and whether to standardise; with
        ``tol=1e-5`` for points. To search over a parameter of it, such as ``estimator__alpha``,
        give it.
    distributor : transformer of targets, default=None
        Turns values into distributions over a grid, as
        :class:`~sklearn_ldl.GaussianLabelDistributor` does, and back by its `inverse_transform`.
        None means that one with a standard deviation of 1/25 of the range of `y`; of 1/12 in each
        of two dimensions (289 labels) and 1/6 in each of three (216).
    decode : {"expectation", "argmax", "median", "mode"}, default=None
        How a predicted distribution becomes a value; see :mod:`sklearn_ldl.decoding`. None leaves
        it to the distributor; other rules need one whose `inverse_transform` takes `decode`.

    Attributes
    ----------
    grid_ : ndarray of shape (n_labels,) or (n_labels, n_dims)
        The values that the columns of `predict_proba` stand for, where the distributor says so by
        an attribute of this name.
    estimator_ : estimator
        The fitted estimator of distributions.
    distributor_ : transformer
        The fitted distributor.
    n_features_in_, feature_names_in_
        Those of `estimator_`, where it has them.

    See Also
    --------
    LDLClassifier : The same for class labels.

    Notes
    -----
    Predictions lie inside of the grid, which ends a little beyond the largest value of `y`: unlike
    ``Ridge``, this regressor does not extrapolate. Where it should, give a distributor with a
    wider grid, or stay with a linear regression. The range of `y` sets the width of the default
    distributor as well: one far outlier puts all other values into a single step of the grid. Clip
    it, or give a distributor with a `sigma`.

    Quantiles and intervals are those of the predicted distributions, whose variance is about that
    of the values given the features plus :math:`\sigma^2` of the distributor: they are too wide
    by this much, and lie inside of the grid. For a guarantee, see
    :ref:`sphx_glr_auto_examples_uncertainty_plot_conformal_ages.py`.

    One standard deviation per sample, such as the disagreement of annotators, reaches the
    distributor by ``fit(X, y, distributor__sigma=s)``; searches slice it along with the samples.

    References
    ----------
    B.-B. Gao, C. Xing, C.-W. Xie, J. Wu, X. Geng, "Deep label distribution learning with label
    ambiguity", IEEE Transactions on Image Processing, 2017.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sklearn_ldl import BFGSLDL, GaussianLabelDistributor, LDLRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> learner = make_pipeline(StandardScaler(), BFGSLDL(alpha=0.01))
    >>> model = LDLRegressor(learner, GaussianLabelDistributor(sigma=20)).fit(X, y)
    >>> model.score(X, y) > 0.4
    True
    >>> model.predict_proba(X[:2]).shape == (2, len(model.grid_))
    True
    >>> model.interval(X[:2], coverage=0.8).shape
    (2, 2)
    """

    _parameter_constraints: dict = {
        **TargetWrapper._parameter_constraints,
        "decode": [StrOptions(set(decoding.RULES)), None],
    }
    _example = "GaussianLabelDistributor"

    def __init__(
        self,
        estimator: BaseEstimator | None = None,
        distributor: BaseEstimator | None = None,
        *,
        decode: decoding.Rule | None = None,
    ):
        self.estimator = estimator
        self.distributor = distributor
        self.decode = decode

    @fit_context(prefer_skip_nested_validation=False)
    def fit(
        self,
        X: Any,
        y: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        **fit_params: Any,
    ) -> LDLRegressor:
        """Fit the estimator to the distributions of the values.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples, handed to the estimator as they are.
        y : array-like of shape (n_samples,) or (n_samples, n_dims)
            Values or points. None takes those of a torch Dataset of pairs, around a network.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows in the fit of the estimator; in a pipeline the last step gets them.
        **fit_params : dict
            Passed to `fit` of the estimator, or to `transform` of the distributor by the prefix
            ``distributor__``; routed without prefixes when metadata routing is enabled. Targets for
            validation, `y_val`, become distributions as `y` does.

        Returns
        -------
        self : LDLRegressor
            The fitted regressor.

        Raises
        ------
        ValueError
            If `y` is not finite or does not fit the distributor, if there is none for points of
            more than three dimensions, if it is one of other targets, if it does not know
            `decode`, or if `estimator` takes no weights and there are some.

        Warns
        -----
        UserWarning
            If the default distributor can hardly tell half of the values apart, because a few
            others stretch the range of `y`.
        """
        y = self._check_values(X, y)
        fit_params = self._weigh(sample_weight, fit_params)
        distributor = default_distributor(y) if self.distributor is None else self.distributor
        self._fit_wrapped(X, y, distributor, fit_params)
        return self

    @available_if(learns_in_batches)
    @fit_context(prefer_skip_nested_validation=False)
    def partial_fit(
        self, X: Any, y: ArrayLike | None = None, sample_weight: ArrayLike | None = None
    ) -> LDLRegressor:
        """Pass a batch of rows on to `partial_fit` of the estimator; only where it has one.

        The distributor is fitted to the first batch: unless it has a grid of its own, no value
        beyond those of that batch is ever predicted.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples, handed to the estimator as they are.
        y : array-like of shape (n_samples,) or (n_samples, n_dims)
            Values or points. None takes those of a torch Dataset of pairs, around a network.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows, for an estimator that takes them.

        Returns
        -------
        self : LDLRegressor
            The regressor, trained further.

        Raises
        ------
        ValueError
            If `y` is not finite or does not fit the distributor.
        """
        y = self._check_values(X, y, goes_on=hasattr(self, "estimator_"))
        distributor = self.distributor
        if distributor is None and not hasattr(self, "estimator_"):
            distributor = default_distributor(y)
        self._fit_part(X, y, distributor, y, sample_weight)
        return self

    def _check_values(self, X: Any, y: Any, *, goes_on: bool = False) -> NDArray[np.float64]:
        if self.distributor is not None:
            self._check_distributor(self.distributor)
        if y is None:
            y = own_targets(given_or_default(self.estimator), X)
        require_y(self, y)
        y = self._name_coordinates(y, goes_on=goes_on)
        y = check_array(y, dtype=np.float64, ensure_2d=False, input_name="y")
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        return y

    def _check_distributor(self, distributor: Any) -> None:
        check_role(distributor, "values", self)
        name = type(distributor).__name__
        inverse = getattr(distributor, "inverse_transform", None)
        if inverse is None:
            raise ValueError(f"{name} has no inverse_transform, which decodes distributions.")
        if self.decode is not None and "decode" not in signature(inverse).parameters:
            raise ValueError(
                f"inverse_transform of {name} has no parameter decode: leave decode={self.decode!r}"
                " out, or give a distributor that knows it, such as GaussianLabelDistributor."
            )

    def _take_labels(self) -> None:
        check_role(self.distributor_, "values", self)
        if hasattr(self.distributor_, "grid_"):
            self.grid_ = self.distributor_.grid_
        else:
            forget(self, "grid_")

    def _new_learner(self, y: NDArray) -> Any:
        grid = getattr(self.distributor_, "grid_", None)
        if grid is None:
            return super()._new_learner(y)
        # Most labels of a grid of points are hardly ever seen. Below this, predictions move by less
        # than a hundredth of what targets vary by, and the search takes ten times as long.
        default = partial(SmoothBFGSLDL, tol=_TOL_OF_POINTS) if grid.ndim == 2 else SmoothBFGSLDL
        learner = clone(given_or_default(self.estimator, default))
        hand_over(grid, learner)
        return learner

    def predict(self, X: Any) -> NDArray[np.float64]:
        """Predict values, decoded from the predicted distributions.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_dims)
            Values inside the range of the distributor.
        """
        D = self.predict_proba(X)
        rule = {} if self.decode is None else {"decode": self.decode}
        return self.distributor_.inverse_transform(D, **rule)

    def quantile(self, X: Any, q: ArrayLike) -> NDArray[np.float64]:
        """Quantiles of the predicted distributions, see :func:`sklearn_ldl.decoding.quantile`.

        The learner saw targets as wide as the distributor makes them, and its predictions are that
        much wider than the values scatter: see Notes.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples.
        q : float or array-like of shape (n_quantiles,)
            Levels in (0, 1).

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_quantiles)
            Values inside the range of the distributor.

        Raises
        ------
        ValueError
            If `q` is out of range, if the model was fitted to points, or if the distributor has no
            `grid_`.
        """
        check_levels(q)
        D = self.predict_proba(X)
        if not hasattr(self, "grid_"):
            name = type(self.distributor_).__name__
            raise ValueError(f"Quantiles are those of values on a grid, but {name} has no grid_.")
        if self.grid_.ndim > 1:
            raise ValueError("Quantiles are those of values, but the model was fitted to points.")
        y = decoding.quantile(D, self.grid_, q)
        # As predictions are, to where the grid ends without its padding.
        return np.clip(y, *getattr(self.distributor_, "range_", (-np.inf, np.inf)))
