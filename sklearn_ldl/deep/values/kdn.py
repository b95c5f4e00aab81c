"""Kernel density networks: regression that predicts a density of any shape."""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Real
from typing import Any, Literal, Unpack, overload

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from scipy.special import log_softmax, softmax
from sklearn.metrics import r2_score
from sklearn.utils import check_random_state
from torch import Tensor

from sklearn_ldl._core.callbacks import with_callbacks
from sklearn_ldl._core.sklearn_compat import Interval, StrOptions, fit_context
from sklearn_ldl.deep.estimator import DeepEstimator, Training
from sklearn_ldl.deep.losses.density import kernel_density_nll
from sklearn_ldl.deep.options import Module, ModuleOptions
from sklearn_ldl.deep.parameters import net_estimator
from sklearn_ldl.deep.training.device import resolve_device
from sklearn_ldl.deep.values.base import (
    ValuesMixin,
    check_levels,
    check_targets,
    check_values,
    counted,
)
from sklearn_ldl.deep.values.kernel_grid import kernel_grid
from sklearn_ldl.deep.values.landmarks import check_heatmaps
from sklearn_ldl.deep.values.mixtures import VARIANCE, Kernel, KernelMixture

# In units of the kernel. A target further outside of the grid is moved to this distance: the
# nearest centres take all responsibility for it just the same, in numbers that float32 resolves.
_FAR = 1e4


@net_estimator(omit=("loss", "label_smoothing"))
class KernelDensityRegressor(ValuesMixin, DeepEstimator):
    r"""Network that learns the density of real values or points, as a mixture of fixed kernels.

    The softmax :math:`p(x)` of the network's logits weighs kernels at the points :math:`\mu_j` of a
    grid, for instance normal distributions of standard deviation :math:`b`; training minimises the
    negative log-likelihood of the targets,

    .. math::

        f(y \mid x) = \sum_j p_j(x)\, \mathcal N(y; \mu_j, b^2 I), \qquad
        \min_\theta -\frac{1}{n} \sum_i \ln f_\theta(y_i \mid x_i).

    So targets are not rounded, and nothing is assumed about the shape of the density: it may be
    skewed, have two peaks, or widen with :math:`x`.

    Parameters
    ----------
    grid : array-like of shape (n_labels,) or (n_labels, n_dims), default=None
        Centres of the kernels, in the units of `y`, in any order. None builds a regular grid over
        the range of the training targets, in steps of one bandwidth.
    bandwidth : float or array-like of shape (n_dims,), default=None
        Standard deviation of the Gaussian kernel (not its variance), in the units of `y`. None
        means the median distance between neighbours of the given `grid`; with neither of them,
        1/50 of the range of the training targets in every dimension (a larger part beyond two
        dimensions, so that there are about 2,500 kernels at most).
    kernel : {"gaussian", "uniform"}, default="gaussian"
        "uniform" spreads a weight evenly over the cell around its centre, whose sides are the
        steps of a grid that must be evenly spaced; `bandwidth` then matters for the steps of a
        grid built from the data only. Training is classification of rounded targets.
    decode : {"expectation", "mode", "argmax"}, default="expectation"
        What `predict` returns: the mean of the density, its highest peak, or the centre with the
        largest weight.
    heatmap_shape : (height, width), default=None
        For landmarks in images: the network returns one heat map of this shape for each of them,
        logits of shape (n_samples, n_landmarks, height, width), and `y` has shape (n_samples,
        n_landmarks, 2) or (n_samples, 2 * n_landmarks), with the **(row, column)** of every
        landmark in cells of the heat map; see
        :func:`~sklearn_ldl.deep.to_heatmap_coordinates`. The loss is the mean over the
        landmarks, the grid that of the cells, the default bandwidth 1 cell.
    <net parameters>

    Attributes
    ----------
    grid_ : ndarray of shape (n_labels,) or (n_labels, n_dims)
        Centres of the kernels.
    bandwidth_ : ndarray of shape (n_dims,)
        Standard deviation of the kernel in every dimension; :math:`1/\sqrt{12}` of a side of the
        cells for the uniform kernel.
    n_labels_ : int
        Number of kernels.
    net_ : skorch.NeuralNet
        The fitted net; its module is ``net_.module_``.
    history_ : dict of ndarrays of shape (n_epochs,)
        "train_loss", and "valid_loss" with early stopping: in nats, for the density per unit of
        `y`, so that values for different grids, bandwidths and kernels compare.
    n_iter_ : int
        Epochs that were trained.
    input_shape_ : tuple of int
        Shape of one sample.
    n_features_in_ : int
        Number of features (of channels, for images).

    See Also
    --------
    DeepRegressor : One normal distribution per sample, or values alone.
    sklearn_ldl.LDLRegressor : Learns Gaussian label distributions, by any learner.

    Notes
    -----
    Two limits follow from the objective:

    * For a *single deterministic* target it is linear in the weights inside the logarithm, so that
      all mass goes to the nearest centre whatever the bandwidth: 4.49 on a grid of integers becomes
      4. Values between the centres appear only as far as the targets are noisy (which makes the
      mixture consistent: targets from :math:`\mathcal N(4.3, 1.5^2)` give a mean of 4.3 and a
      variance of 2.25). Where exact targets lie off a coarse grid, learn Gaussian label
      distributions instead.
    * The predicted variance never falls below that of the kernel. A bandwidth larger than the noise
      makes intervals too wide; choose it by the log-density of held-out data, ``GridSearchCV(...,
      scoring=lambda model, X, y: model.log_density(X, y).mean())``, or from the noise that is
      known. A range that outliers stretch calls for a `grid` or `bandwidth` of your own.

    Training behaves like cross entropy with targets that the model estimates itself: the gradient
    in the logits is :math:`p - r` with the posterior weights :math:`r_j \propto p_j \mathcal N_j`.
    Equation 4 of the publication lacks the logarithm in its second line, and writes :math:`\sigma`
    for what is used as a variance.

    With a `warm_start` the grid built from the first data is kept.

    References
    ----------
    L. Chen, H. Su, Q. Ji, "Face alignment with kernel density deep neural network", ICCV 2019.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_ldl.deep.values.kdn import KernelDensityRegressor
    >>> rng = np.random.default_rng(0)
    >>> X = rng.uniform(-1, 1, (500, 1))
    >>> y = rng.choice([-10, 10], 500) * X[:, 0] + rng.standard_normal(500)  # two branches
    >>> model = KernelDensityRegressor(bandwidth=0.5, random_state=0).fit(X, y)
    >>> abs(model.predict([[0.9]])) < 3  # the mean lies between the branches
    array([ True])
    >>> abs(model.set_params(decode="mode").predict([[0.9]])) > 7  # a peak does not
    array([ True])
    >>> model.interval([[0.0], [0.9]], coverage=0.9).shape
    (2, 2)
    """

    _parameter_constraints: dict = {
        "grid": ["array-like", None],
        "bandwidth": [Interval(Real, 0, None, closed="neither"), "array-like", None],
        "kernel": [StrOptions(set(VARIANCE))],
        "decode": [StrOptions({"expectation", "mode", "argmax"})],
        "heatmap_shape": ["array-like", None],
    }

    grid_: NDArray[np.float64]
    _mixture: KernelMixture

    def __init__(
        self,
        grid: ArrayLike | None = None,
        *,
        bandwidth: float | ArrayLike | None = None,
        kernel: Kernel = "gaussian",
        decode: Literal["expectation", "mode", "argmax"] = "expectation",
        heatmap_shape: Sequence[int] | None = None,
        module: Module | None = None,
        **net: Unpack[ModuleOptions],
    ):
        self.grid = grid
        self.bandwidth = bandwidth
        self.kernel = kernel
        self.decode = decode
        self.heatmap_shape = heatmap_shape

    @with_callbacks
    @fit_context(prefer_skip_nested_validation=False)
    def fit(
        self, X: Any, y: ArrayLike | None = None, sample_weight: ArrayLike | None = None
    ) -> KernelDensityRegressor:
        """Train the network.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features), array of shape \
                (n_samples, channels, height, width), or torch Dataset
            Samples. A Dataset gives pairs ``(x, y)``, or features only if `y` is given.
        y : array-like of shape (n_samples,) or (n_samples, n_dims)
            Values or points, also outside of the grid; None takes those of a Dataset. With
            `heatmap_shape`, (n_samples, n_landmarks, 2) or (n_samples, 2 * n_landmarks).
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights, not all zero.

        Returns
        -------
        self : KernelDensityRegressor
            The fitted model.

        Raises
        ------
        ValueError
            If features or targets are not valid, if `grid`, `bandwidth` or `heatmap_shape` is not
            valid or does not fit the targets, if the module does not fit their shapes, if a pattern
            of `param_groups` matches nothing, if the device is absent, or if training diverges.
        """
        given = self.grid is not None or self.heatmap_shape is not None
        X, y, own_targets = self._validate_fit(X, y, first_is_enough=given)
        output_shape = self._choose_kernels(y, sample_weight)
        training = Training(
            X,
            None if own_targets else self._encode(y),
            self._row_loss(),
            output_shape,
            sample_weight=sample_weight,
            encode=self._encode,
        )
        self._fit_net(training, check_random_state(self.random_state))
        return self

    def _choose_kernels(self, y: NDArray, sample_weight: ArrayLike | None) -> tuple[int, ...]:
        """Set what describes the densities; return the shape of the output for one row."""
        grid, bandwidth = self.grid, self.bandwidth
        self._maps: tuple[int, ...] = ()
        n_dims = y[0].size
        if self.heatmap_shape is not None:
            self._maps, grid = check_heatmaps(y, grid, self.heatmap_shape)
            n_dims = 2
        elif y.ndim > 2:
            raise ValueError(
                f"y has shape {y.shape}, expected (n_samples,) or (n_samples, n_dims): landmarks"
                " need a heatmap_shape."
            )
        elif grid is None and self._goes_on():
            grid = self.grid_
            bandwidth = self._mixture.unit if bandwidth is None else bandwidth
        values = counted(y, sample_weight) if grid is None else y
        grid, unit = kernel_grid(values.reshape(-1, n_dims), grid, bandwidth, self.kernel)
        if self._goes_on() and not np.array_equal(grid, self.grid_):
            raise ValueError("warm_start goes on with the same grid only.")
        self.grid_ = grid
        self.n_labels_ = len(self.grid_)
        self._mixture = KernelMixture(self.grid_, unit, self.kernel)
        self.bandwidth_ = self._mixture.bandwidth
        return self._maps or (self.n_labels_,)

    def _encode(self, y: NDArray) -> NDArray[np.float32]:
        """Points (n_samples, n_maps, n_dims) in units of the kernel."""
        y = check_values(y).reshape(len(y), -1, len(self.bandwidth_))
        points = self._mixture.to_units(y)
        limit = _FAR + np.linalg.norm(self._mixture.centres, axis=1).max()
        distance = np.linalg.norm(points, axis=2, keepdims=True)
        return (points * (limit / np.maximum(distance, limit))).astype(np.float32)

    def _row_loss(self) -> Any:
        kernel, log_unit = self.kernel, float(np.log(self._mixture.unit).sum())
        centres = torch.as_tensor(
            self._mixture.centres, dtype=torch.float32, device=resolve_device(self.device)
        )

        def loss(Z: Tensor, points: Tensor) -> Tensor:
            Z = Z.reshape(-1, len(centres))
            nll = kernel_density_nll(Z, points.flatten(0, 1), centres, kernel=kernel)
            return nll.reshape(points.shape[:2]).mean(dim=1) + log_unit

        return loss

    def _logits(self, X: Any) -> NDArray[np.float64]:
        """Logits of all densities, one per row and landmark."""
        return self._outputs(X).reshape(-1, self.n_labels_)

    def _weights(self, X: Any) -> NDArray[np.float64]:
        return softmax(self._logits(X), axis=1)

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Predict the weights of the kernels.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features), array of images or Dataset
            Samples.

        Returns
        -------
        P : ndarray of shape (n_samples, n_labels)
            Rows on the simplex, over `grid_`; (n_samples, n_landmarks, height, width) with
            `heatmap_shape`.
        """
        return self._weights(X).reshape(-1, *(self._maps or [self.n_labels_]))

    def predict_log_proba(self, X: Any) -> NDArray[np.float64]:
        """Logarithms of the weights of the kernels.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features), array of images or Dataset
            Samples.

        Returns
        -------
        L : ndarray of the shape of `predict_proba`
            Logarithms, finite also where a weight underflows.
        """
        log_P = log_softmax(self._logits(X), axis=1)
        return log_P.reshape(-1, *(self._maps or [self.n_labels_]))

    @overload
    def predict(
        self, X: Any, return_std: Literal[False] = False, return_cov: Literal[False] = False
    ) -> NDArray[np.float64]: ...
    @overload
    def predict(
        self, X: Any, return_std: Literal[True], return_cov: Literal[False] = False
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]: ...
    @overload
    def predict(
        self, X: Any, return_std: Literal[False] = False, *, return_cov: Literal[True]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]: ...
    def predict(
        self, X: Any, return_std: bool = False, return_cov: bool = False
    ) -> NDArray[np.float64] | tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Predict values or points, by the rule `decode`.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features), array of images or Dataset
            Samples.
        return_std : bool, default=False
            Whether to return standard deviations too.
        return_cov : bool, default=False
            Whether to return covariance matrices too, those of :meth:`covariance`.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_dims)
            Predictions, in the shape of the targets that the model was fitted to.
        std : ndarray of the same shape
            Standard deviations of the density around its mean, whatever `decode` is; only with
            `return_std`.
        cov : ndarray of shape (n_samples, n_dims, n_dims)
            Covariance matrices; only with `return_cov`.

        Raises
        ------
        ValueError
            If both `return_std` and `return_cov` are set.
        """
        if return_std and return_cov:
            raise ValueError("Ask for one of return_std and return_cov: one follows from the other")
        P = self._weights(X)
        y = self._mixture.decode(P, self.decode).reshape(-1, *self._sample_shape)
        if not (return_std or return_cov):
            return y
        covariance = self._covariance(P)
        if return_cov:
            return y, covariance
        variance = np.diagonal(covariance, axis1=-2, axis2=-1)
        return y, np.sqrt(variance).reshape(y.shape)

    def covariance(self, X: Any) -> NDArray[np.float64]:
        r"""Covariance matrices of the predicted densities.

        That of the centres plus that of the kernel,

        .. math:: \sum_j p_j (\mu_j - m)(\mu_j - m)^\top + \mathrm{diag}(b^2), \qquad
                  m = \sum_j p_j \mu_j

        with :math:`b` the `bandwidth_`.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features), array of images or Dataset
            Samples.

        Returns
        -------
        covariance : ndarray of shape (n_samples, n_dims, n_dims)
            Symmetric and positive definite; (n_samples, n_landmarks, 2, 2) with `heatmap_shape`.
        """
        return self._covariance(self._weights(X))

    def _covariance(self, P: NDArray) -> NDArray[np.float64]:
        n_dims = len(self.bandwidth_)
        return self._mixture.covariance(P).reshape(-1, *self._maps[:1], n_dims, n_dims)

    def uncertainty(self, X: Any) -> NDArray[np.float64]:
        """Square root of the determinant of the covariance: of values, the standard deviation.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features), array of images or Dataset
            Samples.

        Returns
        -------
        uncertainty : ndarray of shape (n_samples,)
            In the units of `y`, to the power of n_dims; (n_samples, n_landmarks) with
            `heatmap_shape`.
        """
        return np.sqrt(np.linalg.det(self.covariance(X)))

    def log_density(self, X: Any, y: ArrayLike) -> NDArray[np.float64]:
        """Logarithm of the predicted density at `y`; of landmarks, summed over them.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features), array of images or Dataset
            Samples.
        y : array-like of shape (n_samples,) or (n_samples, n_dims)
            Values or points, in the shape of the targets that the model was fitted to.

        Returns
        -------
        log_density : ndarray of shape (n_samples,)
            In nats; the density is per unit of `y` (of every dimension). Minus infinity outside of
            the cells of the uniform kernel.

        Raises
        ------
        ValueError
            If `y` is not finite or does not have the shape of the predictions.
        """
        Z = self._logits(X)
        n_rows = len(Z) // math.prod(self._maps[:1])
        y = check_targets(y, (n_rows, *self._sample_shape))
        log_density = self._mixture.log_density(Z, y.reshape(len(Z), -1))
        return log_density.reshape(n_rows, -1).sum(axis=1)

    def quantile(self, X: Any, q: ArrayLike) -> NDArray[np.float64]:
        """Quantiles of the predicted densities of values.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features), array of images or Dataset
            Samples.
        q : float or array-like of shape (n_quantiles,)
            Levels in (0, 1).

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_quantiles)
            In the units of the targets; not confined to the range of the grid.

        Raises
        ------
        ValueError
            If `q` is out of range, or the model was fitted to points.
        """
        q = check_levels(q)
        P = self._weights(X)
        if len(self.bandwidth_) > 1:
            raise ValueError("Quantiles are those of values, but the model was fitted to points.")
        return self._mixture.quantile(P, np.atleast_1d(q)).reshape(len(P), *q.shape)

    def score(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Coefficient of determination, the mean over all coordinates.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features), array of images or Dataset
            Samples.
        y : array-like of shape (n_samples,) or (n_samples, n_dims)
            True values or points, in the shape of the targets that the model was fitted to.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.

        Returns
        -------
        r2 : float
            1 is perfect, 0 no better than the mean of `y`.
        """
        y, predicted = np.asarray(y), self.predict(X)
        pair = (array.reshape(len(array), -1) for array in (y, predicted))
        return r2_score(*pair, sample_weight=sample_weight)
