"""What the deep regressors share: values or points in, values or points out."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import r2_score
from sklearn.utils import check_array
from sklearn.utils.validation import check_consistent_length, column_or_1d

from sklearn_ldl._core.label_names import points_in_order
from sklearn_ldl.base import PointsMixin
from sklearn_ldl.deep.dataset_targets import collect_targets
from sklearn_ldl.deep.estimator import DeepEstimator


class DeepValueRegressor(PointsMixin, DeepEstimator, omit=("loss", "label_smoothing")):
    """Base of networks that take real values or points and predict them.

    The net returns a number per dimension of the target; where that is several points, such as
    landmarks of shape (n_samples, n_landmarks, 2), all coordinates in a row. Targets are
    standardised for it, and `predict` takes its outputs back to their units and shape. A subclass
    says in `_losses` what is minimised, and has all the rest from here: its constructor passes
    ``**net`` on, and `_losses` returns a function of outputs and standardised targets, tensors of
    shape (n_rows, n_dims), that gives one loss per row.

    Parameters
    ----------
    <net parameters>

    Attributes
    ----------
    center_, scale_ : ndarray of shape (n_dims,)
        Mean and standard deviation of the training targets (1 for a constant dimension).
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
    sklearn_ldl.DeepRegressor : Usual losses, and normal distributions.
    sklearn_ldl.KernelDensityRegressor : Learns distributions of any shape.

    Examples
    --------
    >>> import numpy as np
    >>> from torch.nn.functional import huber_loss
    >>> from sklearn_ldl.deep import DeepValueRegressor
    >>> class HuberRegressor(DeepValueRegressor):
    ...     def __init__(self, module=None, *, delta=1.0, **net):
    ...         super().__init__(module, **net)
    ...         self.delta = delta
    ...
    ...     def _losses(self, data):
    ...         return lambda T, Y: huber_loss(T, Y, reduction="none", delta=self.delta).sum(1)
    >>> X = np.linspace(-1, 1, 200)[:, None]
    >>> y = 100 + 50 * X[:, 0] ** 2
    >>> HuberRegressor(random_state=0).fit(X, y).score(X, y) > 0.9
    True
    """

    center_: NDArray[np.float64]
    scale_: NDArray[np.float64]
    _sample_shape: tuple[int, ...]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

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
        y : array-like of shape (n_samples,), (n_samples, n_dims) or (n_samples, n_points, n_dims)
            Values, points, or several points such as landmarks; None takes those of a Dataset.
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
            If features or targets are not valid or the range of the targets overflows, if the
            module does not fit their shapes, if a pattern of `param_groups` matches nothing, if the
            device is absent, or if training diverges.
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
        own_targets = y is None
        if own_targets:
            y = collect_targets(features, len(features) if self._needs_all_targets() else 1)
        y = check_values(self._name_coordinates(y, goes_on=self._goes_on()))
        y = column_or_1d(y, warn=True) if y.shape[1:] == (1,) else y
        if not own_targets:
            check_consistent_length(features, y)
        if self._goes_on() and y.shape[1:] != self._sample_shape:
            raise ValueError(
                f"{self._way_on()} goes on with the same shape of targets only: "
                f"{self._sample_shape} became {y.shape[1:]}."
            )
        self._sample_shape = y.shape[1:]
        output_shape = self._choose_targets(y, sample_weight)
        return None if own_targets else self._encode(y), output_shape

    def _needs_all_targets(self) -> bool:
        """Whether :meth:`_choose_targets` looks at more than the first target of a Dataset."""
        return True

    def _choose_targets(
        self, y: NDArray[np.float64], sample_weight: NDArray[np.floating] | None
    ) -> tuple[int, ...]:
        """Set what targets are encoded by; return the shape of the output for one row."""
        if y.ndim > 3:
            raise ValueError(
                f"y has shape {y.shape}, expected (n_samples,), (n_samples, n_dims) or"
                " (n_samples, n_points, n_dims)."
            )
        if not self._goes_on():
            values = counted(y, sample_weight).reshape(-1, y[0].size)
            with np.errstate(over="ignore", invalid="ignore"):
                centre, scale = self._units(values)
            if not np.isfinite([centre, scale]).all():
                raise ValueError("The range of y overflows: scale the targets.")
            self.center_, self.scale_ = centre, scale
        return (y[0].size,)

    def _units(
        self, values: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Centre and scale of every dimension of the training targets."""
        centre, scale = values.mean(axis=0), values.std(axis=0)
        # Beyond rounding, the deviation of equal numbers is zero.
        scale[np.ptp(values, axis=0) == 0] = 1.0
        return centre, scale

    def _encode(self, y: NDArray) -> NDArray[np.float32]:
        values = check_values(y).reshape(len(y), -1)
        # A constant dimension has no extent, and its scaled target is zero.
        units = np.where(self.scale_ > 0, self.scale_, 1.0)
        return ((values - self.center_) / units).astype(np.float32)

    def _encode_validation(self, y: Any) -> NDArray[np.float32]:
        y = check_values(points_in_order(self, y))
        y = column_or_1d(y, warn=True) if y.shape[1:] == (1,) else y
        if y.shape[1:] != self._sample_shape:
            raise ValueError(
                f"y_val has targets of shape {y.shape[1:]}, y has some of {self._sample_shape}."
            )
        return self._encode(y)

    def _decode(self, outputs: NDArray[np.float64]) -> NDArray[np.float64]:
        """Scaled values, in the shape and the units of the targets."""
        return self._restore(self.center_ + self.scale_ * outputs)

    def _restore(self, values: NDArray) -> NDArray:
        return values.reshape(len(values), *self._sample_shape)

    def predict(self, X: Any) -> NDArray[np.float64]:
        """Predict values or points.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features), array of images or Dataset
            Samples.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_dims)
            Predictions, in the shape of the targets that the model was fitted to.
        """
        return self._values(self._outputs(X))

    def predict_members(
        self, X: Any, *, mc_samples: int | None = None, random_state: Any = None
    ) -> NDArray[np.float64]:
        """Predict values or points by every member, whose mean is that of `predict`.

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
        y : ndarray of shape (n_members, n_samples) or (n_members, n_samples, n_dims)
            Predictions. Without an ensemble and passes there is one member.
        """
        return np.stack(
            [self._values(outputs) for outputs in self._member_outputs(X, mc_samples, random_state)]
        )

    def _values(self, outputs: NDArray[np.float64]) -> NDArray[np.float64]:
        """Values or points that outputs of the network stand for."""
        return self._decode(outputs)

    def score(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Coefficient of determination, the mean over all coordinates.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features), array of images or Dataset
            Samples.
        y : array-like of shape (n_samples,) or (n_samples, n_dims)
            True values or points, in the shape of the targets that the model was fitted to. Columns
            of a data frame are matched by name with those of `fit`.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.

        Returns
        -------
        r2 : float
            1 is perfect, 0 no better than the mean of `y`.
        """
        y, predicted = np.asarray(points_in_order(self, y)), self.predict(X)
        pair = (array.reshape(len(array), -1) for array in (y, predicted))
        return r2_score(*pair, sample_weight=sample_weight)


def check_values(y: Any) -> NDArray[np.float64]:
    """Validate values (n_samples,) or points (n_samples, ...)."""
    return check_array(y, dtype=np.float64, ensure_2d=False, allow_nd=True, input_name="y")


def check_targets(y: ArrayLike, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Validate values or points that predictions of a given shape are compared with."""
    y = check_values(y)
    if y.shape != shape:
        raise ValueError(f"y has shape {y.shape}, expected {shape}.")
    return y


def counted(y: NDArray, sample_weight: NDArray | None) -> NDArray:
    """Targets of the rows that are trained on: a row of weight zero is as good as absent."""
    return y if sample_weight is None else y[sample_weight > 0]
