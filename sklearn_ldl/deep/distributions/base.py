"""What the deep regressors of distributions share: distributions in, distributions out."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from scipy.special import log_softmax, softmax
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_consistent_length

from sklearn_ldl._core.callbacks import with_callbacks
from sklearn_ldl._core.label_names import describe_labels
from sklearn_ldl._core.simplex import check_distribution
from sklearn_ldl._core.sklearn_compat import fit_context, num_samples
from sklearn_ldl.base import LabelDistributionMixin
from sklearn_ldl.deep.dataset_targets import dataset_targets
from sklearn_ldl.deep.estimator import DeepEstimator, Training, weigh
from sklearn_ldl.deep.losses.base import Loss
from sklearn_ldl.deep.training.net import Objective
from sklearn_ldl.deep.training.seeds import seeded
from sklearn_ldl.distributors import smooth_labels

#: Returns the sum of the training distributions, of shape (n_labels,). Validation rows are not in
#: it; weights, with a mean of one, are: it adds up to the number of training rows.
LabelSums = Callable[[], NDArray[np.float64]]


class DeepDistributionRegressor(LabelDistributionMixin, DeepEstimator):
    """Base of the regressors, whose net returns logits over the labels.

    A subclass says what is minimised, in :meth:`_losses`.
    """

    def _losses(self, label_sums: LabelSums) -> tuple[Loss, Objective | None]:
        """Loss of the rows of validation batches, and objective of training batches.

        An objective of None is the loss. A Dataset without `y` is read once if, and only if,
        `label_sums` is called.
        """
        raise NotImplementedError

    @with_callbacks
    @fit_context(prefer_skip_nested_validation=False)
    def fit(
        self, X: Any, y: ArrayLike | None = None, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Train the network.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features), array of shape \
                (n_samples, channels, height, width), or torch Dataset
            Samples. A Dataset gives pairs ``(x, d)``, or features only if `y` is given.
        y : array-like of shape (n_samples, n_labels)
            Label distributions; None takes those of a Dataset.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights, not all zero.

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
        X, own_targets = self._validate_samples(X, y)
        D = self._encode(dataset_targets(X) if own_targets else y)
        if not own_targets:
            check_consistent_length(X, D)
        describe_labels(self, y, D.shape[1])
        if own_targets:
            D = None
        random_state = check_random_state(self.random_state)
        split = self._split(num_samples(X), random_state)
        label_sums = partial(self._label_sums, X, D, sample_weight, split)
        row_loss, objective = self._losses(label_sums)
        training = Training(
            X,
            D,
            row_loss,
            (self.n_labels_,),
            objective=objective,
            sample_weight=sample_weight,
            encode=self._encode,
        )
        self._fit_net(training, random_state, split)
        return self

    def _encode(self, y: Any) -> NDArray[np.float32]:
        D = check_distribution(y)
        if self.label_smoothing:
            D = smooth_labels(D, self.label_smoothing)
        return D.astype(np.float32)

    def _label_sums(
        self,
        X: Any,
        D: NDArray[np.float32] | None,
        sample_weight: ArrayLike | None,
        split: tuple[NDArray, NDArray],
    ) -> NDArray[np.float64]:
        rows, _, weight = weigh(sample_weight, X, split)
        if D is not None:
            D = D[rows]
        else:
            # Items may draw random numbers, which are not the caller's.
            with seeded(0, torch.device("cpu")):
                D = self._encode(np.stack([np.asarray(X[int(row)][1]) for row in rows]))
        weight = np.ones(len(rows)) if weight is None else weight[rows]
        return weight @ D.astype(np.float64)

    def decision_function(self, X: Any) -> NDArray[np.float64]:
        """Logits of the network.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features), array of images or Dataset
            Samples.

        Returns
        -------
        Z : ndarray of shape (n_samples, n_labels)
            Logits.
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
