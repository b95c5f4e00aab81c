"""What the deep classifiers share: labels or distributions in, labels out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.metrics import accuracy_score
from sklearn.utils.validation import check_consistent_length, column_or_1d
from torch import Tensor

from sklearn_ldl._core.fitted import forget
from sklearn_ldl._core.label_names import (
    as_before,
    columns_in_order,
    describe_labels,
    fitted_names,
    name_array,
    names_of,
)
from sklearn_ldl._core.simplex import check_distribution, log_softmax, softmax
from sklearn_ldl._core.sklearn_compat import available_if
from sklearn_ldl.deep.dataset_targets import dataset_targets
from sklearn_ldl.deep.estimator import DeepEstimator
from sklearn_ldl.deep.losses.priors import label_prior
from sklearn_ldl.deep.networks.members import mean_distribution
from sklearn_ldl.deep.networks.outputs import distributions
from sklearn_ldl.deep.streams import takes_batches
from sklearn_ldl.deep.training.data import TrainingData
from sklearn_ldl.distributors import LabelSmoother, smooth_labels
from sklearn_ldl.distributors.roles import check_announced, check_classes, check_role
from sklearn_ldl.metrics import zero_one_loss


class DeepClassifier(ClassifierMixin, DeepEstimator):
    """Base of networks that take labels, or distributions, and predict labels.

    A subclass says in `_losses` what is minimised, and has all the rest from here: its constructor
    passes ``**net`` on, and `_losses` returns a function of logits and distributions over
    `classes_`, tensors of shape (n_rows, n_classes), that gives one loss per row.

    Parameters
    ----------
    <net parameters>

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels, in the order of the columns of `predict_proba`. After a fit to distributions
        the names of their columns, in their order, or ``arange(n_classes)`` where they have none.
    n_labels_ : int
        Number of classes.
    distributor_ : transformer
        What made distributions of the labels, after a fit to labels.
    net_ : skorch.NeuralNet
        The fitted net; its module is ``net_.module_``.
    history_ : dict of ndarrays of shape (n_epochs,)
        "train_loss", and "valid_loss" with early stopping; several losses of an objective by their
        names.
    n_iter_ : int
        Epochs that were trained.
    input_shape_ : tuple of int
        Shape of one sample.
    n_features_in_ : int
        Number of features (of channels, for images).

    See Also
    --------
    sklearn_ldl.DeepLDLClassifier : Minimises any loss that is given as a function.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_ldl.deep import DeepClassifier
    >>> class FocalClassifier(DeepClassifier, omit=["loss"]):
    ...     def __init__(self, module=None, *, gamma=2.0, **net):
    ...         super().__init__(module, **net)
    ...         self.gamma = gamma
    ...
    ...     def _losses(self, data):
    ...         def focal_loss(Z, D):
    ...             log_P = Z.log_softmax(1)
    ...             return -(D * (1 - log_P.exp()) ** self.gamma * log_P).sum(1)
    ...
    ...         return focal_loss
    >>> X, y = load_iris(return_X_y=True)
    >>> FocalClassifier(gamma=1.0, random_state=0).fit(X, y).score(X, y) > 0.9
    True
    """

    classes_: NDArray
    n_labels_: int
    distributor_: BaseEstimator
    #: The classes that a call of `partial_fit` was given.
    _announced: Any = None
    #: What makes distributions of labels, for a subclass with this parameter.
    distributor: BaseEstimator | None = None
    _nonlinearity = staticmethod(distributions)

    def fit(
        self,
        X: Any,
        y: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        *,
        X_val: Any = None,
        y_val: ArrayLike | None = None,
        sample_weight_val: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> Self:
        """Train the network.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features), array of shape \
                (n_samples, channels, height, width), or torch Dataset
            Samples, or a dictionary of several inputs of the module by name. A Dataset gives pairs
            ``(x, y)``, or features only if `y` is given.
        y : array-like of shape (n_samples,) or (n_samples, n_classes)
            Class labels, or label distributions. None takes the targets of a Dataset: labels are
            read from its attribute `targets` if it has one, else by loading every item once.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights, not all zero.
        X_val : like X, default=None
            Samples for validation: instead of a part of `X` their loss ends training, with early
            stopping, and it is in `history_` without it, too. A Dataset may lack the random
            transforms of the one for training.
        y_val : like y, default=None
            Their targets.
        sample_weight_val : array-like of shape (n_val,), default=None
            Their weights.
        groups : array-like of shape (n_samples,), default=None
            Which rows belong together, such as photos of one person: early stopping sets whole
            groups aside.

        Returns
        -------
        self : estimator
            The fitted classifier.

        Raises
        ------
        ValueError
            If features or targets are not valid, if the module does not fit their shapes, if a
            pattern of `param_groups` matches nothing, if the device is absent, or if training
            diverges.
        """
        return self._fit(
            X,
            y,
            sample_weight,
            X_val=X_val,
            y_val=y_val,
            sample_weight_val=sample_weight_val,
            groups=groups,
        )

    @available_if(takes_batches)
    def partial_fit(  # type: ignore[override]
        self,
        X: Any,
        y: ArrayLike | None = None,
        classes: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Pass once over a batch of rows, from where the last call or the last fit ended.

        The first call builds the network, and from its rows takes what belongs to the scale of the
        data: what standardises features, the output from which an ensemble starts. They should be a
        few hundred typical ones. Later calls keep the state of the optimiser and of the random
        numbers. `max_epochs` and `early_stopping` are without effect: no row is set aside.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features), array of shape \
                (n_samples, channels, height, width), or torch Dataset
            Samples, with the features of the first call.
        y : array-like of shape (n_samples,) or (n_samples, n_classes)
            Class labels, or label distributions, as in the first call.
        classes : array-like of shape (n_classes,), default=None
            All classes that will ever come. The first call needs them, unless it is given
            distributions; the distributor is fitted to them. Later they may be left out.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights, not all zero, which tell the rows of this call apart: their mean
            is of no effect.

        Returns
        -------
        self : estimator
            The classifier, trained further. A later `fit` starts anew, unless there is a
            `warm_start`.

        Raises
        ------
        ValueError
            If the first call has no classes, if samples or targets are not valid, or not like those
            of the first call, which leaves the model as it was; or if training diverges.
        """
        self._announced = classes
        try:
            if hasattr(self, "net_"):
                check_announced(classes, self.classes_)
            return self._partial_fit(X, y, sample_weight)
        finally:
            del self._announced

    def _prepare_targets(
        self, features: Any, y: Any, sample_weight: NDArray[np.floating] | None
    ) -> tuple[NDArray[np.float32] | None, tuple[int, ...]]:
        D = self._distribute(dataset_targets(features) if y is None else y)
        if y is not None:
            check_consistent_length(features, D)
        return None if y is None else D.astype(np.float32), (self.n_labels_,)

    def _distribute(self, y: Any) -> NDArray[np.float64]:
        """Set what describes the labels, and return the distributions of `y`."""
        if self.distributor is not None:
            check_role(self.distributor, "class labels", self)
        y = y if hasattr(y, "shape") else np.asarray(y)
        are_labels = len(y.shape) < 2 or y.shape[1] == 1
        goes_on = self._streaming and self._goes_on()
        if goes_on and hasattr(self, "distributor_") != are_labels:
            raise ValueError(
                "y must hold labels in every call of partial_fit, or distributions in every one."
            )
        if not are_labels:
            if self.distributor is not None:
                raise ValueError("y holds distributions already: leave out the distributor.")
            y = as_before(self, y)
            D = check_distribution(y)
            names = names_of(y)
            if names is None and self._goes_on() and self.n_labels_ == D.shape[1]:
                names = getattr(self, "label_names_", None)
            classes = np.arange(D.shape[1]) if names is None else name_array(names)
            check_announced(self._announced, classes)
            self._set_classes(classes)
            describe_labels(self, y, D.shape[1])
            forget(self, "distributor_")
            return self._smooth(D)
        y = column_or_1d(y, warn=True)
        if goes_on:
            return self._smooth(self.distributor_.transform(y))
        no_smoothing = LabelSmoother(smoothing=0)
        distributor = no_smoothing if self.distributor is None else clone(self.distributor)
        if self._streaming:
            check_announced(self._announced, None)
        D = distributor.fit(self._announced if self._streaming else y).transform(y)
        check_classes(distributor, self)
        self._set_classes(distributor.classes_)
        forget(self, "label_names_")
        self.distributor_ = distributor
        return self._smooth(D)

    def _set_classes(self, classes: NDArray) -> None:
        if self._goes_on() and not np.array_equal(classes, self.classes_):
            raise ValueError(
                f"{self._way_on()} goes on with the same classes only: {self.classes_} became "
                f"{classes}."
            )
        self.classes_ = classes
        self.n_labels_ = len(classes)

    def _smooth(self, D: NDArray[np.float64]) -> NDArray[np.float64]:
        return smooth_labels(D, self.label_smoothing) if self.label_smoothing else D

    def _encode(self, y: NDArray) -> NDArray[np.float32]:
        """Distributions of the targets that come with the items of a Dataset."""
        D = check_distribution(y) if y.ndim == 2 else self.distributor_.transform(y)
        return self._smooth(D).astype(np.float32)

    def _encode_validation(self, y: Any) -> NDArray[np.float32]:
        y = columns_in_order(y, fitted_names(self), of_y="y_val", of_names="y")
        y = np.asarray(y)
        if y.ndim == 2 and y.shape[1] > 1:
            if y.shape[1] != self.n_labels_:
                raise ValueError(f"y_val has {y.shape[1]} labels, y has {self.n_labels_}.")
            return self._encode(y)
        if not hasattr(self, "distributor_"):
            raise ValueError("y_val must hold distributions, as y does.")
        return self._encode(column_or_1d(y, warn=True))

    def _first_output(self, data: TrainingData) -> NDArray[np.float64] | None:
        return np.log(label_prior(data.label_sums()))

    def _combine_members(self) -> Callable[[Tensor], Tensor]:
        return mean_distribution

    def decision_function(self, X: Any) -> NDArray[np.float64]:
        """Logits of the network.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features), array of images or Dataset
            Samples.

        Returns
        -------
        Z : ndarray of shape (n_samples, n_classes), or (n_samples,) with two classes
            Logits; with two classes the margin of the second. Those of an ensemble are logarithms
            of the mean of the distributions of its members.
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

    def predict_members(
        self, X: Any, *, mc_samples: int | None = None, random_state: Any = None
    ) -> NDArray[np.float64]:
        """Predict a label distribution by every member, whose mean is that of `predict_proba`.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features), array of images or Dataset
            Samples.
        mc_samples : int, default=None
            Passes with dropout, each of which is a member. None means `predict_mc_samples`.
        random_state : int or RandomState instance, default=None
            Seed of the dropout of such passes; None means that of `predict`.

        Returns
        -------
        P : ndarray of shape (n_members, n_samples, n_classes)
            Rows on the simplex, over `classes_`. Without an ensemble and passes there is one
            member.
        """
        return softmax(self._member_outputs(X, mc_samples, random_state), axis=-1)

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
        """Accuracy; where `y` holds distributions, the mean true degree of the predicted label.

        That is how often the label is right if the distributions are. It is one minus
        :func:`~sklearn_ldl.metrics.zero_one_loss`: labels that tie in a prediction share it.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features), array of images or Dataset
            Samples.
        y : array-like of shape (n_samples,) or (n_samples, n_classes)
            True labels, or true distributions; columns of a data frame are matched by name with
            `classes_`.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.

        Returns
        -------
        accuracy : float
            Between 0 and 1.
        """
        shape = np.shape(y)
        if len(shape) == 2 and shape[1] > 1:
            y = columns_in_order(y, fitted_names(self), of_y="y", of_names=type(self).__name__)
            D = check_distribution(y)
            return 1 - zero_one_loss(D, self.predict_proba(X), sample_weight=sample_weight)
        column = {label: k for k, label in enumerate(self.classes_.tolist())}
        truth = np.array([column.get(label, -1) for label in column_or_1d(y).tolist()])
        predicted = self._outputs(X).argmax(axis=1)
        return accuracy_score(truth, predicted, sample_weight=sample_weight)
