"""Kernel density networks: regression that predicts a density of any shape."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from numbers import Real
from typing import Literal, Unpack

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from sklearn_ldl._core.sklearn_compat import Interval, StrOptions
from sklearn_ldl.deep.losses.base import Loss
from sklearn_ldl.deep.losses.density import KERNEL_LOSSES
from sklearn_ldl.deep.networks.members import mean_distribution, mean_output
from sklearn_ldl.deep.parameters import Module, ModuleOptions
from sklearn_ldl.deep.training.data import TrainingData
from sklearn_ldl.deep.training.device import resolve_device
from sklearn_ldl.deep.values.base import DeepValueRegressor, check_values, counted
from sklearn_ldl.deep.values.density_predictions import KernelDensityPredictionMixin
from sklearn_ldl.deep.values.kernel_grid import kernel_grid
from sklearn_ldl.deep.values.landmarks import check_heatmaps
from sklearn_ldl.deep.values.mixtures import VARIANCE, Kernel, KernelMixture

# In units of the kernel. A target further outside of the grid is moved to this distance: the
# nearest centres take all responsibility for it just the same, in numbers that float32 resolves.
_FAR = 1e4


class KernelDensityRegressor(KernelDensityPredictionMixin, DeepValueRegressor):
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
    loss : {"nll", "kl", "l2"}, default="nll"
        What is minimised. "nll" is the negative log-likelihood above. The others are the rivals of
        kernel densities: "kl" learns Gaussian label distributions around the targets, by the
        Kullback-Leibler divergence; "l2" regresses plain outputs on heat maps with a peak of 1, by
        half the squared error, and their positive parts are the weights.
    decode : {"expectation", "median", "mode", "argmax"}, default="expectation"
        What `predict` returns: the mean of the density, the median of the weights in every
        coordinate (a centre's), the highest peak of the density, or the centre with the largest
        weight.
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
    Three limits follow from the objective:

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
    * One kernel with all the weight is a stationary point, too, since then :math:`r = p`. Where the
      bandwidth is not small against the scatter of the targets, as on coarse heat maps, training
      may end there whatever the features say; a smaller `bandwidth` or `lr` helps.

    With ``loss="kl"`` or ``"l2"`` the predicted density is that of targets which the kernel has
    smoothed twice, and ``"l2"`` knows no probabilities: maps decode best by their peak, ``"mode"``,
    and what outputs leave everywhere widens `uncertainty`.

    Training behaves like cross entropy with targets that the model estimates itself: the gradient
    in the logits is :math:`p - r` with the posterior weights :math:`r_j \propto p_j \mathcal N_j`.
    Equation 4 of the publication lacks the logarithm in its second line, and writes :math:`\sigma`
    for what is used as a variance.

    With a `warm_start`, and by `partial_fit`, the grid built from the first data is kept.

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
        "loss": [StrOptions(set(KERNEL_LOSSES))],
        "decode": [StrOptions({"expectation", "median", "mode", "argmax"})],
        "heatmap_shape": ["array-like", None],
    }

    def __init__(
        self,
        grid: ArrayLike | None = None,
        *,
        bandwidth: float | ArrayLike | None = None,
        kernel: Kernel = "gaussian",
        loss: Literal["nll", "kl", "l2"] = "nll",
        decode: Literal["expectation", "median", "mode", "argmax"] = "expectation",
        heatmap_shape: Sequence[int] | None = None,
        module: Module | None = None,
        **net: Unpack[ModuleOptions],
    ):
        super().__init__(module, **net)
        self.grid = grid
        self.bandwidth = bandwidth
        self.kernel = kernel
        self.loss = loss
        self.decode = decode
        self.heatmap_shape = heatmap_shape

    def _needs_all_targets(self) -> bool:
        return self.grid is None and self.heatmap_shape is None

    def _choose_targets(
        self, y: NDArray[np.float64], sample_weight: NDArray[np.floating] | None
    ) -> tuple[int, ...]:
        grid, bandwidth = self.grid, self.bandwidth
        self._maps = ()
        n_dims = y[0].size
        if self.heatmap_shape is not None:
            if self.module is None:
                raise ValueError(
                    "heatmap_shape needs a module that returns heat maps, which the built-in "
                    "perceptron does not."
                )
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
            raise ValueError(f"{self._way_on()} goes on with the same grid only.")
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

    def _combine_members(self) -> Callable[[Tensor], Tensor]:
        if self.loss == "l2":
            return mean_output
        return partial(mean_distribution, n_dims=2) if self._maps else mean_distribution

    def _losses(self, data: TrainingData) -> Loss:
        kernel, row_loss = self.kernel, KERNEL_LOSSES[self.loss]
        log_unit = float(np.log(self._mixture.unit).sum()) if self.loss == "nll" else 0.0
        centres = torch.as_tensor(
            self._mixture.centres, dtype=torch.float32, device=resolve_device(self.device)
        )

        def loss(Z: Tensor, points: Tensor) -> Tensor:
            Z = Z.reshape(-1, len(centres))
            points_of_rows = points.flatten(0, 1)
            losses = row_loss(Z, points_of_rows, centres.to(points.dtype), kernel=kernel)
            return losses.reshape(points.shape[:2]).mean(dim=1) + log_unit

        return loss
