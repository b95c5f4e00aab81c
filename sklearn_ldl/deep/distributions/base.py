"""What the deep regressors of distributions share: distributions in, distributions out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_consistent_length
from torch import Tensor

from sklearn_ldl._core.label_names import (
    as_before,
    columns_in_order,
    describe_labels,
    fitted_names,
)
from sklearn_ldl._core.simplex import check_distribution, log_softmax, softmax
from sklearn_ldl.base import LabelDistributionMixin
from sklearn_ldl.deep.dataset_targets import dataset_targets
from sklearn_ldl.deep.estimator import DeepEstimator
from sklearn_ldl.deep.losses.priors import label_prior
from sklearn_ldl.deep.networks.members import mean_distribution
from sklearn_ldl.deep.networks.outputs import distributions
from sklearn_ldl.deep.training.data import TrainingData
from sklearn_ldl.distributors import smooth_labels


class DeepDistributionRegressor(LabelDistributionMixin, DeepEstimator):
    """Base of networks that take distributions and predict distributions.

    A subclass says in `_losses` what is minimised, and has all the rest from here: its constructor
    passes ``**net`` on, and `_losses` returns a function of logits and distributions, tensors of
    shape (n_rows, n_labels), that gives one loss per row.

    Parameters
    ----------
    <net parameters>

    Attributes
    ----------
    n_labels_ : int
        Number of labels.
    label_names_ : ndarray of shape (n_labels,)
        Names of the columns, where `y` was a data frame.
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
    sklearn_ldl.DeepLDLRegressor : Minimises any loss that is given as a function.
    sklearn_ldl.LabelDistributionMixin : The base of estimators without a network.

    Examples
    --------
    >>> from sklearn_ldl.datasets import make_ldl
    >>> from sklearn_ldl.deep import DeepDistributionRegressor
    >>> class PowerLDL(DeepDistributionRegressor, omit=["loss"]):
    ...     def __init__(self, module=None, *, power=2.0, **net):
    ...         super().__init__(module, **net)
    ...         self.power = power
    ...
    ...     def _losses(self, data):
    ...         return lambda Z, D: (Z.softmax(1) - D).abs().pow(self.power).sum(1)
    >>> X, D = make_ldl(200, random_state=0)
    >>> PowerLDL(power=1.5, max_epochs=30, random_state=0).fit(X, D).score(X, D) > 0.5
    True
    """

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
            ``(x, d)``, or features only if `y` is given.
        y : array-like of shape (n_samples, n_labels)
            Label distributions; None takes those of a Dataset.
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
            The fitted model.

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

    def _prepare_targets(
        self, features: Any, y: Any, sample_weight: NDArray[np.floating] | None
    ) -> tuple[NDArray[np.float32] | None, tuple[int, ...]]:
        y = as_before(self, y)
        D = self._encode(dataset_targets(features) if y is None else y)
        if y is not None:
            check_consistent_length(features, D)
        if self._goes_on() and D.shape[1] != self.n_labels_:
            raise ValueError(
                f"{self._way_on()} goes on with the same shape of targets only: {self.n_labels_} "
                f"labels became {D.shape[1]}."
            )
        describe_labels(self, y, D.shape[1])
        return None if y is None else D, (self.n_labels_,)

    def _encode(self, y: Any) -> NDArray[np.float32]:
        D = check_distribution(y)
        if self.label_smoothing:
            D = smooth_labels(D, self.label_smoothing)
        return D.astype(np.float32)

    def _encode_validation(self, y: Any) -> NDArray[np.float32]:
        y = columns_in_order(y, fitted_names(self), of_y="y_val", of_names="y")
        D = self._encode(y)
        if D.shape[1] != self.n_labels_:
            raise ValueError(f"y_val has {D.shape[1]} labels, y has {self.n_labels_}.")
        return D

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
        Z : ndarray of shape (n_samples, n_labels)
            Logits; of an ensemble, logarithms of the mean of the distributions of its members.
        """
        return self._outputs(X)

    def predict(self, X: Any) -> NDArray[np.float64]:
        """Predict label distributions.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features), array of images or Dataset
            Samples.

        Returns
        -------
        D : ndarray of shape (n_samples, n_labels)
            Rows on the simplex.
        """
        return softmax(self._outputs(X), axis=1)

    def predict_members(
        self, X: Any, *, mc_samples: int | None = None, random_state: Any = None
    ) -> NDArray[np.float64]:
        """Predict a label distribution by every member, whose mean is that of `predict`.

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
        P : ndarray of shape (n_members, n_samples, n_labels)
            Rows on the simplex. Without an ensemble and passes there is one member.
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
        L : ndarray of shape (n_samples, n_labels)
            Logarithms, finite also where a degree underflows.
        """
        return log_softmax(self._outputs(X), axis=1)
