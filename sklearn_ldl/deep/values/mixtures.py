"""Mixtures of one kernel at fixed centres: decoding, moments, densities and quantiles."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from scipy.special import ndtr, ndtri
from sklearn.utils import gen_batches

from sklearn_ldl import decoding
from sklearn_ldl._core.plain_state import PlainState
from sklearn_ldl._core.quantiles import cell_quantiles, first_cells
from sklearn_ldl._core.underflow import underflow_is_zero
from sklearn_ldl.deep.losses.density import kernel_density_nll

Kernel = Literal["gaussian", "uniform"]

#: Variance of a kernel in every dimension, in units of the kernel.
VARIANCE: dict[Kernel, float] = {"gaussian": 1.0, "uniform": 1 / 12}

# Most entries of a temporary array.
_CHUNK = 2**20
# A point on the border of a cell may miss it by this part of a side.
_ROUNDING = 1e-9


class KernelMixture(PlainState):
    """Densities that differ in the weights of their kernels only.

    Computations are done in units of the kernel, from the middle of the grid, so that neither the
    scale nor the offset of the data costs digits.

    Parameters
    ----------
    grid : ndarray of shape (n_labels,) or (n_labels, n_dims)
        Centres of the kernels.
    unit : ndarray of shape (n_dims,)
        Standard deviation of a Gaussian kernel, or side of the cell of a uniform one.
    kernel : {"gaussian", "uniform"}
        The kernel; uniform ones need an evenly spaced grid, whose steps are the sides.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_ldl.deep.values.mixtures import KernelMixture
    >>> mixture = KernelMixture(np.array([10.0, 12.0]), np.array([1.0]), "gaussian")
    >>> P = np.array([[0.5, 0.5]])
    >>> mixture.decode(P, "expectation"), mixture.covariance(P)
    (array([[11.]]), array([[[2.]]]))
    >>> mixture.quantile(P, np.array([0.5, 0.9]))
    array([[11.       , 12.8494683]])
    """

    def __init__(
        self, grid: NDArray[np.float64], unit: NDArray[np.float64], kernel: Kernel = "gaussian"
    ):
        self.grid, self.unit, self.kernel = grid, unit, kernel
        points = grid.reshape(len(grid), -1)
        self.origin = points.min(axis=0) / 2 + points.max(axis=0) / 2
        self.centres = (points - self.origin) / unit

    @property
    def bandwidth(self) -> NDArray[np.float64]:
        """Standard deviation of the kernel in every dimension."""
        return self.unit * np.sqrt(VARIANCE[self.kernel])

    def to_units(self, points: NDArray) -> NDArray[np.float64]:
        """Convert points of shape (..., n_dims) to the coordinates of `centres`."""
        with np.errstate(over="ignore"):
            # A bound whose square is finite.
            return np.clip((points - self.origin) / self.unit, -1e150, 1e150)

    def from_units(self, points: NDArray) -> NDArray[np.float64]:
        """Invert :meth:`to_units`."""
        return self.origin + self.unit * points

    @underflow_is_zero
    def decode(self, P: NDArray[np.float64], rule: decoding.Rule) -> NDArray[np.float64]:
        """Return the mean, the median, the highest peak or the centre with the largest weight.

        Parameters
        ----------
        P : ndarray of shape (n_samples, n_labels)
            Weights.
        rule : {"expectation", "median", "mode", "argmax"}
            What to return; the median is that of the weights.

        Returns
        -------
        points : ndarray of shape (n_samples, n_dims)
            In the units of the grid.
        """
        if rule == "expectation":
            return self.from_units(P @ self.centres)
        if rule == "mode" and self.kernel == "gaussian":
            peaks = decoding.mode(P, self.centres, bandwidth=1.0)
            return self.from_units(peaks.reshape(len(P), -1))
        if rule == "median":
            return decoding.median(P, self.grid).reshape(len(P), -1)
        # Uniform kernels are highest on the whole cell of the largest weight.
        return self.grid[P.argmax(axis=1)].reshape(len(P), -1)

    @underflow_is_zero
    def covariance(self, P: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return covariance matrices: that of the centres plus that of the kernel.

        Parameters
        ----------
        P : ndarray of shape (n_samples, n_labels)
            Weights.

        Returns
        -------
        covariance : ndarray of shape (n_samples, n_dims, n_dims)
            Symmetric and positive definite, in the units of the grid.
        """
        n_dims = len(self.unit)
        mean = P @ self.centres
        products = self.centres[:, :, None] * self.centres[:, None, :]
        second = (P @ products.reshape(len(products), -1)).reshape(-1, n_dims, n_dims)
        scatter = second - mean[:, :, None] * mean[:, None, :]
        # A matrix product may round the two sides of the diagonal differently.
        scatter = (scatter + scatter.transpose(0, 2, 1)) / 2
        return (scatter + VARIANCE[self.kernel] * np.eye(n_dims)) * np.outer(self.unit, self.unit)

    @underflow_is_zero
    def log_density(self, Z: NDArray[np.float64], points: NDArray) -> NDArray[np.float64]:
        """Return the logarithms of densities.

        Parameters
        ----------
        Z : ndarray of shape (n_samples, n_labels)
            Logits of the weights.
        points : ndarray of shape (n_samples, n_dims)
            Where to take the densities, in the units of the grid.

        Returns
        -------
        log_density : ndarray of shape (n_samples,)
            Minus infinity outside of all cells of uniform kernels.
        """
        points = self.to_units(points)
        logits, places, centres = map(torch.from_numpy, (Z, points, self.centres))
        log_density = -kernel_density_nll(logits, places, centres, kernel=self.kernel).numpy()
        if self.kernel == "uniform":
            distance, _ = cKDTree(self.centres).query(points, p=np.inf)
            log_density[distance > 0.5 + _ROUNDING] = -np.inf
        return log_density - np.log(self.unit).sum()

    @underflow_is_zero
    def quantile(self, P: NDArray[np.float64], q: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return quantiles of mixtures on the line.

        Parameters
        ----------
        P : ndarray of shape (n_samples, n_labels)
            Weights.
        q : ndarray of shape (n_quantiles,)
            Levels in (0, 1).

        Returns
        -------
        y : ndarray of shape (n_samples, n_quantiles)
            In the units of the grid.
        """
        solve = _gaussian_quantiles if self.kernel == "gaussian" else _uniform_quantiles
        order = np.argsort(self.centres[:, 0])
        centres = self.centres[order, 0]
        y = np.empty((len(P), len(q)))
        for rows in gen_batches(len(P), max(1, _CHUNK // max(1, len(q) * len(centres)))):
            y[rows] = solve(P[rows][:, order], centres, q)
        return self.from_units(y)


def _uniform_quantiles(P: NDArray, centres: NDArray, q: NDArray) -> NDArray[np.float64]:
    """Solve on sorted centres, exactly."""
    return cell_quantiles(P, centres - 0.5, centres + 0.5, q)


def _gaussian_quantiles(
    P: NDArray, centres: NDArray, q: NDArray, tol: float = 1e-12, max_iter: int = 200
) -> NDArray[np.float64]:
    """Solve on sorted centres, by Newton's method kept inside a shrinking bracket."""
    # The quantile of a mixture lies between those of its components.
    low, high = (np.tile(end + ndtri(q), len(P)) for end in (centres[0], centres[-1]))
    y = np.clip(centres[first_cells(P, q)[1].ravel()], low, high)
    step = high - low
    left = np.arange(len(y))
    for _ in range(max_iter):
        at, weight = y[left], P[left // len(q)]
        distance = at[:, None] - centres
        excess = np.einsum("ij,ij->i", weight, ndtr(distance)) - q[left % len(q)]
        density = np.einsum("ij,ij->i", weight, np.exp(-0.5 * distance**2)) / np.sqrt(2 * np.pi)
        low[left] = np.where(excess < 0, at, low[left])
        high[left] = np.where(excess > 0, at, high[left])
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            newton = at - excess / density
        # Every iteration halves the step or, where Newton's method does not, the bracket.
        inside = (low[left] <= newton) & (newton <= high[left])
        trusted = inside & (np.abs(newton - at) <= step[left] / 2)
        y[left] = np.where(trusted, newton, low[left] / 2 + high[left] / 2)
        step[left] = np.abs(y[left] - at)
        left = left[step[left] > tol * np.maximum(1.0, np.abs(y[left]))]
        if not len(left):
            break
    return y.reshape(len(P), len(q))
