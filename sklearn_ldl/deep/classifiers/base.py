"""What the deep classifiers share: labels or distributions in, labels out."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import log_softmax, softmax
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.metrics import accuracy_score
from sklearn.utils.validation import check_consistent_length, column_or_1d

from sklearn_ldl._core.simplex import check_distribution
from sklearn_ldl.deep.dataset_targets import dataset_targets
from sklearn_ldl.deep.estimator import DeepEstimator
from sklearn_ldl.distributors import LabelSmoother, smooth_labels


class DeepClassifier(ClassifierMixin, DeepEstimator):
    """Base of the classifiers, whose net returns logits over `classes_`.

    A subclass calls :meth:`_validate_fit` and :meth:`_fit_net` in its `fit`.
    """

    classes_: NDArray
    n_labels_: int

    def _validate_fit(
        self, X: Any, y: ArrayLike | None, distributor: BaseEstimator | None = None
    ) -> tuple[Any, NDArray[np.float64] | None]:
        """Validate features and targets; return features and distributions over `classes_`.

        The distributions are None for a Dataset that brings its own targets.
        """
        X, own_targets = self._validate_samples(X, y)
        D = self._distribute(dataset_targets(X) if own_targets else y, distributor)
        if own_targets:
            return X, None
        check_consistent_length(X, D)
        return X, D

    def _distribute(self, y: Any, distributor: BaseEstimator | None) -> NDArray[np.float64]:
        """Set what describes the labels, and return the distributions of `y`."""
        y = y if hasattr(y, "ndim") else np.asarray(y)
        if y.ndim == 2 and y.shape[1] > 1:
            if distributor is not None:
                raise ValueError("y holds distributions already: leave out the distributor.")
            D = check_distribution(y)
            self._set_classes(np.arange(D.shape[1]))
            self.__dict__.pop("distributor_", None)
        else:
            y = column_or_1d(y, warn=True)
            distributor = LabelSmoother(smoothing=0) if distributor is None else clone(distributor)
            D = distributor.fit(y).transform(y)
            if not hasattr(distributor, "classes_"):
                raise ValueError(
                    f"{type(distributor).__name__} has no classes_: give a distributor of labels, "
                    "such as LabelSmoother. For values use LDLRegressor."
                )
            self._set_classes(distributor.classes_)
            self.distributor_ = distributor
        return self._smooth(D)

    def _set_classes(self, classes: NDArray) -> None:
        go_on = self.warm_start and hasattr(self, "net_")
        if go_on and not np.array_equal(classes, self.classes_):
            raise ValueError(
                f"warm_start goes on with the same classes only: {self.classes_} became {classes}."
            )
        self.classes_ = classes
        self.n_labels_ = len(classes)

    def _smooth(self, D: NDArray[np.float64]) -> NDArray[np.float64]:
        return smooth_labels(D, self.label_smoothing) if self.label_smoothing else D

    def _encode(self, y: NDArray) -> NDArray[np.float32]:
        """Distributions of the targets that come with the items of a Dataset."""
        D = check_distribution(y) if y.ndim == 2 else self.distributor_.transform(y)
        return self._smooth(D).astype(np.float32)

    def decision_function(self, X: Any) -> NDArray[np.float64]:
        """Logits of the network.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features), array of images or Dataset
            Samples.

        Returns
        -------
        Z : ndarray of shape (n_samples, n_classes), or (n_samples,) with two classes
            Logits; with two classes the margin of the second.
        """
        Z = self._outputs(X)
        return Z[:, 1] - Z[:, 0] if Z.shape[1] == 2 else Z

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Predict label distributions.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features), array of images or Dataset
            Samples.

        Returns
        -------
        D : ndarray of shape (n_samples, n_classes)
            Rows on the simplex, over `classes_`.
        """
        return softmax(self._outputs(X), axis=1)

    def predict_log_proba(self, X: Any) -> NDArray[np.float64]:
        """Logarithms of the predicted degrees.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features), array of images or Dataset
            Samples.

        Returns
        -------
        L : ndarray of shape (n_samples, n_classes)
            Logarithms, finite also where a degree underflows.
        """
        return log_softmax(self._outputs(X), axis=1)

    def predict(self, X: Any) -> NDArray:
        """Predict the class with the largest degree; the first one on ties.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features), array of images or Dataset
            Samples.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            Class labels.
        """
        best = self._outputs(X).argmax(axis=1)
        return self.classes_[best]

    def score(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Accuracy; of the label with the largest degree where `y` holds distributions.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features), array of images or Dataset
            Samples.
        y : array-like of shape (n_samples,) or (n_samples, n_classes)
            True labels, or true distributions.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.

        Returns
        -------
        accuracy : float
            Between 0 and 1.
        """
        predicted = self.predict(X)
        shape = np.shape(y)
        if len(shape) == 2 and shape[1] > 1:
            y = self.classes_[check_distribution(y).argmax(axis=1)]
        return accuracy_score(y, predicted, sample_weight=sample_weight)


def as_float32(D: NDArray | None) -> NDArray[np.float32] | None:
    """Targets for the net; None stays None."""
    return None if D is None else D.astype(np.float32)
