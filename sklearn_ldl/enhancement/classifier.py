"""A classifier that learns from enhanced labels."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.utils import Bunch, get_tags
from sklearn.utils.metadata_routing import (
    UNUSED,
    MetadataRouter,
    MethodMapping,
    process_routing,
)
from sklearn.utils.validation import check_is_fitted

from sklearn_ldl._core.dask_rows import refuse_dask
from sklearn_ldl._core.label_names import columns_in_order, describe_labels, fitted_names
from sklearn_ldl._core.simplex import above_uniform, check_prediction, safe_log
from sklearn_ldl._core.sklearn_compat import HasMethods, Interval, fit_context, routing_enabled
from sklearn_ldl._core.weighted_fits import with_weight
from sklearn_ldl.base import require_y
from sklearn_ldl.decoding import threshold_sets
from sklearn_ldl.enhancement.base import encode_labels
from sklearn_ldl.enhancement.glle import GLLEEnhancer
from sklearn_ldl.wrappers.base import (
    LearnerFeatures,
    check_learner,
    given_or_default,
    in_order_of_labels,
)


class LabelEnhancementClassifier(
    LearnerFeatures, ClassifierMixin, MetaEstimatorMixin, BaseEstimator
):
    """Classifier that learns the distributions behind class labels or label sets.

    The enhancer recovers a label distribution for every training sample from its features and
    labels, and the estimator learns to predict these. What it predicts is decoded to a class
    label, or to a set of labels, whatever it was fitted to.

    Parameters
    ----------
    estimator : estimator, default=None
        Any regressor of distributions, which may be a pipeline; None means
        :class:`~sklearn_ldl.BFGSLDL`.
    enhancer : estimator, default=None
        Any enhancer, or a pipeline that ends in one: its `fit_transform` takes samples and logical
        labels and returns distributions. None means :class:`~sklearn_ldl.GLLEEnhancer`, with
        uniform distributions for samples without labels.
    threshold : float, default=None
        Degree in [0, 1] that a label must exceed to belong to a predicted set. None means
        ``1 / n_labels``, the degree of every label in the uniform distribution. Not used for class
        labels, of which the one with the largest degree is predicted.

    Attributes
    ----------
    classes_ : ndarray of shape (n_labels,)
        Class labels, in the order of the columns of `predict_proba`; ``0, 1, ...`` for sets.
    n_labels_ : int
        Number of labels.
    label_names_ : ndarray of shape (n_labels,)
        Column names of label sets, when they were a data frame.
    label_distributions_ : ndarray of shape (n_samples, n_labels)
        Distributions of the training samples, as the enhancer recovered them.
    enhancer_ : estimator
        The fitted enhancer.
    estimator_ : estimator
        The fitted estimator of distributions.
    n_features_in_, feature_names_in_
        Those of `estimator_`, where it has them.

    See Also
    --------
    LDLClassifier : Distributions from class labels alone, without the features.
    MultiLabelLDLClassifier : Distributions from label sets alone, without the features.

    Notes
    -----
    Enhancer and estimator see the same features, and enhancers compare samples by distances: put
    a scaler before the classifier. Weights of the samples reach the estimator only; the enhancer
    takes every sample once.

    The gain is distributions that follow the features. Class labels themselves are seldom
    predicted better than by :class:`~sklearn_ldl.LDLClassifier`.

    References
    ----------
    N. Xu, Y.-P. Liu, X. Geng, "Label enhancement for label distribution learning", IEEE
    Transactions on Knowledge and Data Engineering, 2021.

    Examples
    --------
    >>> from sklearn.datasets import make_multilabel_classification
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sklearn_ldl import LabelEnhancementClassifier, LPEnhancer
    >>> X, L = make_multilabel_classification(
    ...     n_classes=3, n_labels=1, allow_unlabeled=False, random_state=0
    ... )
    >>> classifier = LabelEnhancementClassifier(enhancer=LPEnhancer(normalization="sum"))
    >>> model = make_pipeline(StandardScaler(), classifier).fit(X, L)
    >>> model.predict_proba(X[:2]).round(2)
    array([[0.63, 0.17, 0.2 ],
           [0.22, 0.54, 0.23]])
    >>> model.predict(X[:2])
    array([[1, 0, 0],
           [0, 1, 0]])
    """

    _parameter_constraints: dict = {
        "estimator": [HasMethods(["fit", "predict"]), None],
        "enhancer": [HasMethods(["fit_transform"]), None],
        "threshold": [Interval(Real, 0, 1, closed="both"), None],
    }

    __metadata_request__fit = {"sample_weight": UNUSED}

    def __init__(
        self,
        estimator: BaseEstimator | None = None,
        enhancer: BaseEstimator | None = None,
        *,
        threshold: float | None = None,
    ):
        self.estimator = estimator
        self.enhancer = enhancer
        self.threshold = threshold

    def _get_enhancer(self) -> BaseEstimator:
        if self.enhancer is not None:
            return self.enhancer
        return GLLEEnhancer(allow_empty=True)

    @fit_context(prefer_skip_nested_validation=False)
    def fit(
        self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None, **fit_params: Any
    ) -> LabelEnhancementClassifier:
        """Enhance the labels, and fit the estimator to the distributions.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples, handed to the enhancer and the estimator as they are.
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            Class labels of at least two classes, or label sets: 1 where a label describes the
            sample and 0 elsewhere.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows in the fit of the estimator, where in a pipeline the last step gets
            them. The enhancer takes every row once.
        **fit_params : dict
            Passed to `fit` of the estimator; routed when metadata routing is enabled.

        Returns
        -------
        self : LabelEnhancementClassifier
            The fitted classifier.

        Raises
        ------
        ValueError
            If `y` is neither, if a sample has no label and the enhancer does not allow it, or if
            `estimator` takes no weights and there are some.
        """
        require_y(self, y)
        check_learner(self.estimator, self)
        L, classes = encode_labels(y)
        fit_params = with_weight(given_or_default(self.estimator), sample_weight, fit_params)
        if routing_enabled():
            routed = process_routing(self, "fit", **fit_params)
        else:
            routed = Bunch(estimator=Bunch(fit=fit_params))
        self.enhancer_ = clone(self._get_enhancer())
        self.label_distributions_ = self.enhancer_.fit_transform(X, L)
        self._predicts_sets = classes is None
        self.classes_ = np.arange(L.shape[1]) if classes is None else classes
        # Only the columns of label sets have names.
        describe_labels(self, y if classes is None else None, L.shape[1])
        self.estimator_ = clone(given_or_default(self.estimator))  # of use also after Ctrl-C
        self.estimator_.fit(X, self.label_distributions_, **routed.estimator.fit)
        return self

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Predict label distributions.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        D : ndarray of shape (n_samples, n_labels)
            Rows on the simplex, over `classes_`.
        """
        check_is_fitted(self)
        refuse_dask(self, X)
        D = check_prediction(self.estimator_.predict(X), len(self.classes_))
        return in_order_of_labels(self.estimator_, D, fitted_names(self))

    def predict_log_proba(self, X: Any) -> NDArray[np.float64]:
        """Logarithms of the predicted degrees, at least -708.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        L : ndarray of shape (n_samples, n_labels)
            Logarithms.
        """
        return safe_log(self.predict_proba(X))

    def predict(self, X: Any) -> NDArray:
        """Predict class labels or label sets, whatever `fit` was given.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_labels)
            Class labels, the first one on ties; or sets as zeros and ones.
        """
        D = self.predict_proba(X)
        if not self._predicts_sets:
            return self.classes_[D.argmax(axis=1)]
        threshold = self.threshold
        if threshold is None:
            threshold = above_uniform(D.shape[1])
        return threshold_sets(D, threshold).astype(int)

    def score(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Share of the samples whose label, or whole set of labels, is predicted.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples.
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            Class labels or label sets, as in `fit`. Columns of a data frame are matched by name.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.

        Returns
        -------
        score : float
            Between 0 and 1.
        """
        check_is_fitted(self)
        y = columns_in_order(y, fitted_names(self), of_y="y", of_names=type(self).__name__)
        return super().score(X, y, sample_weight=sample_weight)

    def get_metadata_routing(self) -> MetadataRouter:
        """Route metadata of `fit` to the estimator.

        Returns
        -------
        routing : MetadataRouter
            ``estimator.fit`` receives what it requests; enhancers take no metadata.
        """
        return (
            MetadataRouter(owner=self)
            .add_self_request(self)
            .add(
                estimator=given_or_default(self.estimator),
                method_mapping=MethodMapping().add(caller="fit", callee="fit"),
            )
        )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        parts = self._get_enhancer(), given_or_default(self.estimator)
        tags.input_tags.sparse = all(get_tags(part).input_tags.sparse for part in parts)
        tags.classifier_tags.multi_label = True
        return tags
