"""The distributor of real values and points."""

from __future__ import annotations

from numbers import Real

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_array
from sklearn.utils.metadata_routing import UNUSED
from sklearn.utils.validation import check_is_fitted

from sklearn_ldl import decoding
from sklearn_ldl._core.dask_rows import refuse_dask
from sklearn_ldl._core.simplex import check_prediction
from sklearn_ldl._core.sklearn_compat import Interval, StrOptions, fit_context
from sklearn_ldl.distributors.base import TargetTransformer
from sklearn_ldl.distributors.gaussian import cholesky_root, gaussian_label_distribution
from sklearn_ldl.distributors.grids import default_layout, extend_grid, grid_around


class GaussianLabelDistributor(TargetTransformer):
    r"""Distribute real values over a grid of labels, and decode distributions to values.

    A value known to within :math:`\sigma`, such as an age, becomes the distribution
    :math:`d_j \propto \exp(-(l_j - y)^2 / 2 \sigma^2)` over the labels :math:`l_j`; a point, such
    as a head pose, likewise with a covariance matrix. This is a transformer of targets: use it as
    the `transformer` of :class:`~sklearn.compose.TransformedTargetRegressor`.

    Parameters
    ----------
    grid : array-like of shape (n_labels,) or (n_labels, n_dims), default=None
        Values or points of the labels, in the units of `y`, in any order. None builds a regular
        grid from the data: their range, widened by `pad`, in steps of `spacing`.
    sigma : float or array-like of shape (n_dims,), default=1.0
        Standard deviation, in the units of `y`; 0 is allowed with a given `grid` and puts all mass
        on the nearest label. A good start is the spacing of the labels; tune it by grid search.
        For one per sample see :meth:`transform`.
    covariance : array-like of shape (n_dims, n_dims), default=None
        Covariance of points; replaces `sigma`.
    spacing : float, default=None
        Steps of a grid built from the data, in standard deviations (conditional on the other
        dimensions if there is a `covariance`). None means 0.5, or as many more, up to 2, as it
        takes for at most 1,000 labels.
    pad : float, default=None
        By how many standard deviations, at least 0, the labels reach beyond the range of the data
        (or of the given scalar `grid`, which is continued at its own spacing). None means 0 for
        a given grid and 7 for one built from the data, or as many less, down to 2, as it takes
        for at most 1,000 labels at a spacing of 1 and more. Without padding, values near the ends
        are decoded too far inwards by expectation; see :func:`gaussian_label_distribution`.
    decode : {"expectation", "argmax", "median", "mode"}, default="expectation"
        How :meth:`inverse_transform` decodes; see :mod:`sklearn_ldl.decoding`.

    Attributes
    ----------
    grid_ : ndarray of shape (n_labels,) or (n_labels, n_dims)
        The labels, padding included.
    n_labels_ : int
        Number of labels.
    range_ : ndarray of shape (2,) or (2, n_dims)
        Smallest and largest value before padding, of the given grid or else of the data. Decoded
        values are clipped to it.
    n_features_in_ : int
        Number of dimensions of `y`.

    See Also
    --------
    gaussian_label_distribution : The same as a function.
    sklearn_ldl.decoding.decode : Decode without clipping.

    Notes
    -----
    ``TransformedTargetRegressor`` warns unless ``inverse_transform`` gives `y` back. It does with
    the default settings where 1,000 labels are enough for a spacing of 0.9 and a padding of 7: for
    values in a range of 885 standard deviations, for points of two dimensions in one of 13 in each.
    A given grid pulls values near its ends inwards (pass ``pad=7``, or a wider grid), and a `sigma`
    below half a spacing or a `decode` that picks labels rounds to the grid (pass
    ``check_inverse=False`` if that is wanted).

    References
    ----------
    B.-B. Gao, C. Xing, C.-W. Xie, J. Wu, X. Geng, "Deep label distribution learning with label
    ambiguity", IEEE Transactions on Image Processing, 2017.

    X. Geng, "Label distribution learning", IEEE Transactions on Knowledge and Data Engineering,
    2016.

    Examples
    --------
    >>> from sklearn_ldl.distributors import GaussianLabelDistributor
    >>> ages = GaussianLabelDistributor(grid=range(20, 25)).fit([20, 22.5])
    >>> ages.transform([22.5]).round(3)
    array([[0.018, 0.132, 0.359, 0.359, 0.132]])
    >>> ages.inverse_transform([[0, 0.1, 0.2, 0.7, 0]])
    array([22.6])

    Any regressor that predicts distributions becomes a regressor of values:

    >>> from sklearn.compose import TransformedTargetRegressor
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.neighbors import KNeighborsRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = TransformedTargetRegressor(
    ...     KNeighborsRegressor(20), transformer=GaussianLabelDistributor(sigma=20)
    ... )
    >>> model.fit(X, y).predict(X[:3]).round()
    array([194.,  97., 159.])
    """

    targets = "values"

    _parameter_constraints: dict = {
        "grid": ["array-like", None],
        "sigma": [Interval(Real, 0, None, closed="left"), "array-like"],
        "covariance": ["array-like", None],
        "spacing": [Interval(Real, 0, None, closed="neither"), None],
        "pad": [Interval(Real, 0, None, closed="left"), None],
        "decode": [StrOptions(set(decoding.RULES))],
    }
    __metadata_request__inverse_transform = {"D": UNUSED, "decode": UNUSED}

    def __init__(
        self,
        grid: ArrayLike | None = None,
        *,
        sigma: float | ArrayLike = 1.0,
        covariance: ArrayLike | None = None,
        spacing: float | None = None,
        pad: float | None = None,
        decode: decoding.Rule = "expectation",
    ):
        self.grid = grid
        self.sigma = sigma
        self.covariance = covariance
        self.spacing = spacing
        self.pad = pad
        self.decode = decode

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, y: ArrayLike, X: object = None) -> GaussianLabelDistributor:
        """Choose the labels.

        Parameters
        ----------
        y : array-like of shape (n_samples,) or (n_samples, n_dims)
            Values or points. :meth:`inverse_transform` returns the same number of dimensions.
        X : None
            Ignored.

        Returns
        -------
        self : GaussianLabelDistributor
            Fitted distributor.

        Raises
        ------
        ValueError
            If `y` is not finite, if it lies outside of a given `grid` by more than half of the
            widest spacing, if `grid`, `sigma` or `covariance` does not fit it, if no grid
            of 1,000 labels suits `sigma` (100,000 with a `spacing`), or if points of a given grid
            are to be padded.
        """
        refuse_dask(self, y)
        y = check_array(y, dtype=np.float64, ensure_2d=False, input_name="y")
        values = y.reshape(len(y), -1)
        n_dims = values.shape[1]
        sigma, unit = self._scales(n_dims)
        if self.grid is None:
            if not unit.all():
                raise ValueError("sigma must be positive to build a grid: give a grid for sigma=0.")
            spacing, pad = default_layout(values, sigma, unit, self.spacing, self.pad)
            grid = grid_around(values, sigma, spacing * unit, pad)
            inner = values if n_dims > 1 else values[:, 0]
        else:
            grid = inner = decoding.check_grid(self.grid)
            if grid[0].size != n_dims:
                raise ValueError(f"y has {n_dims} dimensions but grid has {grid[0].size}.")
            _check_inside(values, grid.reshape(len(grid), -1))
            if self.pad:
                if n_dims > 1:
                    raise ValueError("pad continues scalar grids only: give a larger grid.")
                grid = extend_grid(grid, self.pad * sigma[0])
        self.grid_ = grid
        self.n_labels_ = len(grid)
        self.range_ = np.stack([inner.min(axis=0), inner.max(axis=0)])
        self.n_features_in_ = n_dims
        self._sample_shape = y.shape[1:]
        return self

    def transform(self, y: ArrayLike, sigma: ArrayLike | None = None) -> NDArray[np.float64]:
        """Distribute values over the labels.

        Parameters
        ----------
        y : array-like of shape (n_samples,) or (n_samples, n_dims)
            Values or points. One beyond the grid leans on the nearest labels.
        sigma : float or array-like, default=None
            Standard deviations for these samples, instead of the parameters `sigma` and
            `covariance`: for values of shape (n_samples,), for points of any shape that broadcasts
            to that of `y`, such as (n_samples, 1). None uses the parameters.

        Returns
        -------
        D : ndarray of shape (n_samples, n_labels)
            Label distributions.

        Raises
        ------
        ValueError
            If `y` is not finite or does not fit the grid, or if `sigma` is invalid.
        """
        refuse_dask(self, y)
        check_is_fitted(self)
        if sigma is not None:
            return gaussian_label_distribution(y, self.grid_, sigma)
        return gaussian_label_distribution(y, self.grid_, self.sigma, covariance=self.covariance)

    def inverse_transform(
        self, D: ArrayLike, decode: decoding.Rule | None = None
    ) -> NDArray[np.float64]:
        """Decode distributions to values inside `range_`.

        Parameters
        ----------
        D : array-like of shape (n_samples, n_labels)
            Predicted distributions. Rows of other numbers, as ``MLPRegressor`` predicts them, are
            replaced by the nearest distribution. Columns of a data frame with the values of the
            grid as names are matched by name.
        decode : {"expectation", "argmax", "median", "mode"}, default=None
            Decoding rule; None uses the parameter `decode`.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_dims)
            Values; one column if :meth:`fit` was given a column.

        Raises
        ------
        ValueError
            If `D` is not finite or has another number of columns, or if `decode` is unknown.
        """
        check_is_fitted(self)
        D = check_prediction(decoding.in_order_of_grid(D, self.grid_), self.n_labels_)
        y = decoding.decode(D, self.grid_, self.decode if decode is None else decode)
        return np.clip(y, *self.range_).reshape(len(D), *self._sample_shape)

    def _scales(self, n_dims: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return standard deviations and units of the spacing, both of shape (n_dims,)."""
        if self.covariance is not None:
            root = cholesky_root(self.covariance, n_dims)
            # Along a narrow ridge the marginal deviation would be too coarse a spacing.
            conditional = 1 / np.linalg.norm(np.linalg.inv(root), axis=0)
            return np.linalg.norm(root, axis=1), conditional
        sigma = np.asarray(self.sigma, dtype=np.float64)
        if sigma.size not in (1, n_dims):
            raise ValueError(
                f"sigma has shape {sigma.shape} but y has {n_dims} dimensions. One standard"
                " deviation per sample is passed to transform(y, sigma=...)."
            )
        if not np.isfinite(sigma).all() or (sigma < 0).any():
            raise ValueError("sigma must be finite and at least 0.")
        sigma = np.broadcast_to(sigma.ravel(), n_dims)
        return sigma, sigma


def _check_inside(values: NDArray, points: NDArray) -> None:
    """Raise for a value that no prediction could ever reach: the wrong grid, or the wrong unit."""
    slack = decoding.label_spacing(points).max() / 2
    low, high = points.min(axis=0), points.max(axis=0)
    outside = ((values < low - slack) | (values > high + slack)).any(axis=1)
    if outside.any():
        row = int(np.argmax(outside))
        raise ValueError(
            f"Row {row} of y, {values[row].squeeze()}, lies outside of the grid from "
            f"{low.squeeze()} to {high.squeeze()}: give a grid that covers y."
        )
