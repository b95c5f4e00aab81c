"""Plain regression by a network: the baselines of the learners of distributions."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from numbers import Real
from typing import Any, Literal, Unpack, overload

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri
from torch import Tensor

from sklearn_ldl._core.quantiles import check_levels
from sklearn_ldl._core.sklearn_compat import Interval, StrOptions, available_if
from sklearn_ldl.deep.losses.base import Loss
from sklearn_ldl.deep.losses.registry import REGRESSION_LOSSES, get_loss
from sklearn_ldl.deep.networks.members import mean_normal, mean_tanh
from sklearn_ldl.deep.parameters import Module, ModuleOptions
from sklearn_ldl.deep.presets import PRESETS
from sklearn_ldl.deep.training.data import TrainingData
from sklearn_ldl.deep.values.base import DeepValueRegressor, check_targets

# Variances, as a part of that of the targets: a smaller one counts as the first in training, and
# the second keeps predictions far from the data finite.
_VARIANCES = (1e-6, 1e40)


def _is_gaussian(estimator: DeepRegressor) -> bool:
    if estimator.loss != "gaussian":
        raise AttributeError(
            f'loss="gaussian" predicts a distribution, "{estimator.loss}" a value.'
        )
    return True


class DeepRegressor(DeepValueRegressor, defaults=PRESETS["tabular"]):
    r"""Network that predicts values or points directly, or normal distributions of them.

    These are the baselines that label distributions are compared with. For ``loss="l2"``, ``"l1"``
    and ``"epsilon_insensitive"`` the network returns one number :math:`z_k` per dimension of the
    target, and predicts

    .. math:: \hat y_k = c_k + r_k \tanh z_k

    with the middle :math:`c_k` and half the length :math:`r_k` of the range of the training
    targets; the loss compares :math:`\tanh z_k` with the targets scaled to [-1, 1]. For
    ``loss="gaussian"`` the network returns a mean and a log-variance per dimension, of standardised
    targets. Landmarks, targets of shape (n_samples, n_landmarks, 2), have a number per coordinate.

    Parameters
    ----------
    loss : {"l2", "l1", "epsilon_insensitive", "gaussian"}, default="l2"
        What is minimised: half the squared error, the absolute error, the absolute error beyond
        `epsilon`, or the negative log-likelihood of a normal distribution.
    epsilon : float, default=2/180
        Tolerance of ``loss="epsilon_insensitive"`` on the scale of [-1, 1], that is in units of
        half the range of the targets: one degree for angles from -90 to 90.
    <net parameters>

    Attributes
    ----------
    center_, scale_ : ndarray of shape (n_dims,)
        Middle and half the length of the range of the training targets; for "gaussian" their mean
        and standard deviation (1 for a constant dimension).
    net_ : skorch.NeuralNet
        The fitted net; its module is ``net_.module_`` and returns n_dims numbers per sample (for
        "gaussian" the means, then the log-variances).
    history_ : dict of ndarrays of shape (n_epochs,)
        "train_loss", and "valid_loss" with early stopping.
    n_iter_ : int
        Epochs that were trained.
    input_shape_ : tuple of int
        Shape of one sample.
    n_features_in_ : int
        Number of features (of channels, for images).

    See Also
    --------
    KernelDensityRegressor : Learns distributions of any shape.
    sklearn_ldl.LDLRegressor : Learns Gaussian label distributions.

    Notes
    -----
    With the hyperbolic tangent, predictions stay inside the range of the training targets and
    reach its ends in the limit only; after `partial_fit` that is the range of its first call.

    The defaults are a recipe for tables, ``PRESETS["tabular"]``: an ensemble of small perceptrons
    that standardise the features and stop early. `predict` gives the mean of the members' values;
    for ``loss="gaussian"`` mean and deviation are those of the mixture of the members' normal
    distributions, and quantiles and densities those of the normal distribution that has them.

    A `module` gets `n_labels`, the number of its outputs.

    References
    ----------
    B.-B. Gao, C. Xing, C.-W. Xie, J. Wu, X. Geng, "Deep label distribution learning with label
    ambiguity", IEEE Transactions on Image Processing, 2017 (R-ConvNet).

    L. Chen, H. Su, Q. Ji, "Face alignment with kernel density deep neural network", ICCV 2019 (the
    normal distribution).

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_ldl.deep.values.deep_regressor import DeepRegressor
    >>> rng = np.random.default_rng(0)
    >>> X = rng.uniform(-1, 1, (500, 1))
    >>> y = 100 * X[:, 0] + 20 * rng.standard_normal(500)
    >>> DeepRegressor(random_state=0).fit(X, y).score(X, y) > 0.8
    True
    >>> model = DeepRegressor(loss="gaussian", random_state=0).fit(X, y)
    >>> mean, std = model.predict([[0.0]], return_std=True)
    >>> bool(abs(mean[0]) < 10), bool(15 < std[0] < 25)
    (True, True)
    >>> model.interval(X, coverage=0.9).shape
    (500, 2)
    """

    _parameter_constraints: dict = {
        "loss": [StrOptions(set(REGRESSION_LOSSES))],
        "epsilon": [Interval(Real, 0, None, closed="left")],
    }

    def __init__(
        self,
        module: Module | None = None,
        *,
        loss: str = "l2",
        epsilon: float = 2 / 180,
        **net: Unpack[ModuleOptions],
    ):
        super().__init__(module, **net)
        self.loss = loss
        self.epsilon = epsilon

    def _choose_targets(
        self, y: NDArray[np.float64], sample_weight: NDArray[np.floating] | None
    ) -> tuple[int, ...]:
        (n_dims,) = super()._choose_targets(y, sample_weight)
        return (2 * n_dims if self.loss == "gaussian" else n_dims,)

    def _units(
        self, values: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        if self.loss == "gaussian":
            return super()._units(values)
        scale = np.ptp(values, axis=0) / 2
        return values.min(axis=0) + scale, scale

    def _losses(self, data: TrainingData) -> Loss:
        loss: Any = get_loss(self.loss, REGRESSION_LOSSES)
        if self.loss == "gaussian":
            return partial(loss, min_variance=_VARIANCES[0])
        if self.loss == "epsilon_insensitive":
            loss = partial(loss, epsilon=self.epsilon)
        return lambda T, Y: loss(torch.tanh(T), Y)

    def _combine_members(self) -> Callable[[Tensor], Tensor]:
        return mean_normal if self.loss == "gaussian" else mean_tanh

    @overload
    def predict(self, X: Any, return_std: Literal[False] = False) -> NDArray[np.float64]: ...
    @overload
    def predict(
        self, X: Any, return_std: Literal[True]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]: ...
    def predict(
        self, X: Any, return_std: bool = False
    ) -> NDArray[np.float64] | tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Predict values or points; for ``loss="gaussian"`` their means.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features), array of images or Dataset
            Samples.
        return_std : bool, default=False
            Whether to return standard deviations too, which needs ``loss="gaussian"``.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_dims)
            Predictions.
        std : ndarray of the same shape
            Standard deviations; only with `return_std`.

        Raises
        ------
        ValueError
            If standard deviations are asked for, but were not learned.
        """
        if return_std and self.loss != "gaussian":
            raise ValueError(f'return_std=True needs loss="gaussian", not "{self.loss}".')
        if self.loss == "gaussian":
            mean, std = self._normal(X)
            return (mean, std) if return_std else mean
        return self._values(self._outputs(X))

    def _values(self, outputs: NDArray[np.float64]) -> NDArray[np.float64]:
        if self.loss == "gaussian":
            return self._decode(np.split(outputs, 2, axis=1)[0])
        return self._decode(np.tanh(outputs))

    def _normal(self, X: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Means and standard deviations, in the shape and the units of the targets."""
        mean, log_variance = np.split(self._outputs(X), 2, axis=1)
        std = np.exp(np.clip(log_variance, *np.log(_VARIANCES)) / 2)
        return self._decode(mean), self._restore(self.scale_ * std)

    @available_if(_is_gaussian)
    def quantile(self, X: Any, q: ArrayLike) -> NDArray[np.float64]:
        """Quantiles of the predicted normal distributions; only for ``loss="gaussian"``.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features), array of images or Dataset
            Samples.
        q : float or array-like of shape (n_quantiles,)
            Levels in (0, 1).

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_quantiles)
            In the units of the targets.

        Raises
        ------
        ValueError
            If `q` is out of range, or the model was fitted to points.
        """
        q = check_levels(q)
        mean, std = self._normal(X)
        if mean.ndim > 1:
            raise ValueError("Quantiles are those of values, but the model was fitted to points.")
        return mean + std * ndtri(q) if q.ndim == 0 else mean[:, None] + np.outer(std, ndtri(q))

    @available_if(_is_gaussian)
    def log_density(self, X: Any, y: ArrayLike) -> NDArray[np.float64]:
        """Logarithm of the predicted density at `y`; only for ``loss="gaussian"``.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features), array of images or Dataset
            Samples.
        y : array-like of shape (n_samples,) or (n_samples, n_dims)
            Values or points.

        Returns
        -------
        log_density : ndarray of shape (n_samples,)
            In nats; the density is per unit of `y` (of every dimension).

        Raises
        ------
        ValueError
            If `y` is not finite or does not have the shape of the predictions.
        """
        mean, std = self._normal(X)
        y = check_targets(y, mean.shape)
        log_density = -0.5 * np.square((y - mean) / std) - np.log(std) - 0.5 * np.log(2 * np.pi)
        return log_density.reshape(len(y), -1).sum(axis=1)
