"""The deep learner of label distributions."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import softmax
from sklearn.base import _fit_context
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.validation import check_consistent_length

from sklearn_ldl._callbacks import with_callbacks
from sklearn_ldl._simplex import check_distribution
from sklearn_ldl.base import LabelDistributionMixin
from sklearn_ldl.deep._augmented import mixing_objective
from sklearn_ldl.deep._base import DeepEstimator, Training
from sklearn_ldl.deep._parameters import net_estimator
from sklearn_ldl.deep._targets import dataset_targets
from sklearn_ldl.deep.augment import AUGMENTATIONS, Augmentation
from sklearn_ldl.deep.losses import get_loss
from sklearn_ldl.distributors import smooth_labels


@net_estimator()
class DeepLDLRegressor(LabelDistributionMixin, DeepEstimator):
    r"""Network that learns label distributions and predicts label distributions.

    The network returns logits :math:`z(x)` over the labels; training minimises the mean divergence
    between the given distributions :math:`d` and the softmax of the logits,

    .. math:: \min_\theta \frac{1}{n} \sum_i KL\big(d_i \,\|\, \mathrm{softmax}(z_\theta(x_i))\big)

    or another `loss`. With ``loss="mse"`` this is AA-BP.

    Parameters
    ----------
    augment : {"mixup", "cutmix", "ricap"} or callable, default=None
        How batches are mixed, and their targets with them; see :mod:`sklearn_ldl.deep.augment`.
        Only mixup does without images. None leaves them as they are.
    <net parameters>

    Attributes
    ----------
    n_labels_ : int
        Number of labels.
    label_names_ : ndarray of shape (n_labels,)
        Names of the columns, where `y` was a data frame.
    net_ : skorch.NeuralNet
        The fitted net; its module is ``net_.module_``.
    history_ : dict of ndarrays of shape (n_iter_,)
        "train_loss", and "valid_loss" with early stopping.
    n_iter_ : int
        Epochs that were trained.
    input_shape_ : tuple of int
        Shape of one sample.
    n_features_in_ : int
        Number of features (of channels, for images).

    See Also
    --------
    DeepLDLClassifier : The same with class labels out.
    sklearn_ldl.LDLRegressor : Real values and points, for this and any other learner.

    Notes
    -----
    Wrapped, this is deep label distribution learning for other targets, and its baselines:

    * values, such as ages: ``LDLRegressor(DeepLDLRegressor(), GaussianLabelDistributor(sigma=2))``,
      with one standard deviation per sample by ``fit(X, y, distributor__sigma=s)``;
    * points, such as head poses: the same with a `grid` of points;
    * a net trained by cross entropy on the nearest label (C-Net): ``sigma=0`` and a `grid`; with
      smoothed labels: ``label_smoothing=0.1`` besides; with the alpha-divergence: ``loss="alpha"``;
    * label sets with difficult labels: ``TransformedTargetRegressor(DeepLDLRegressor(),
      transformer=MultiLabelDistributor(), check_inverse=False)``.

    Networks want features of order one: put a ``StandardScaler`` in front. With batches drawn at
    random, weights of samples are equivalent to repetition in expectation only.

    Ctrl-C ends training early and keeps what was reached.

    References
    ----------
    B.-B. Gao, C. Xing, C.-W. Xie, J. Wu, X. Geng, "Deep label distribution learning with label
    ambiguity", IEEE Transactions on Image Processing, 2017.

    X. Geng, "Label distribution learning", IEEE Transactions on Knowledge and Data Engineering,
    2016 (AA-BP).

    Examples
    --------
    >>> from sklearn_ldl import DeepLDLRegressor
    >>> from sklearn_ldl.datasets import make_ldl
    >>> X, D = make_ldl(200, random_state=0)
    >>> model = DeepLDLRegressor(random_state=0).fit(X, D)
    >>> model.score(X, D) > 0.9
    True
    >>> model.predict(X[:2]).shape
    (2, 3)
    """

    _parameter_constraints: dict = {"augment": [StrOptions(set(AUGMENTATIONS)), callable, None]}

    def __init__(self, *, augment: str | Augmentation | None = None):
        self.augment = augment

    @with_callbacks
    @_fit_context(prefer_skip_nested_validation=False)
    def fit(
        self, X: Any, y: ArrayLike | None = None, sample_weight: ArrayLike | None = None
    ) -> DeepLDLRegressor:
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
        self : DeepLDLRegressor
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
        self._describe_labels(y, D.shape[1])
        row_loss = get_loss(self.loss)
        training = Training(
            X,
            None if own_targets else D,
            row_loss,
            (self.n_labels_,),
            objective=mixing_objective(row_loss, self.augment),
            sample_weight=sample_weight,
            encode=self._encode,
        )
        self._fit_net(training, check_random_state(self.random_state))
        return self

    def _encode(self, y: ArrayLike) -> NDArray[np.float32]:
        D = check_distribution(y)
        if self.label_smoothing:
            D = smooth_labels(D, self.label_smoothing)
        return D.astype(np.float32)

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
