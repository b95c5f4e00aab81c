"""The highest peaks of mixtures of one Gaussian kernel at fixed centres.

Coordinates are in units of the kernel's standard deviation. In these, the logarithm of a density
falls off from a peak no faster than half of the squared distance, whatever the weights. So, where a
lattice has a point within `r` of any place, one of its points reaches ``exp(-r**2 / 2)`` of the
highest peak, and points below this part of the best of them need not be climbed from.
"""

from __future__ import annotations

import math
from itertools import product
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist
from sklearn.utils import gen_batches

from sklearn_ldl._core.underflow import underflow_is_zero

#: Spacing of a lattice. Ripples too narrow for it are below 1e-8 of the density.
STEP = 0.5
#: Peaks of a row that are climbed; a flat row has one at every centre, all of a height.
MAX_CLIMBS = 32
#: Two peaks may lie between neighbours on a top that is flat up to this part: climb from both.
FLAT = 3e-3
#: Points of a row that come so close on the climb, after a few steps, have one peak.
CLOSE = 0.01
#: Densities that differ by this part are equal.
ROUNDING = 1e-12
#: Most entries of a temporary array.
CHUNK = 2**21
#: A kernel this far away is below the rounding of its peak; on a longer axis it is left out.
REACH, LONG_AXIS = 9.0, 512


class Kernels(Protocol):
    """Kernels at fixed centres, and the points of a lattice around them."""

    n_points: int
    #: Distance from the lattice within which peaks lie.
    radius: float

    def density(self, D: NDArray) -> NDArray[np.float64]:
        """Densities of all rows at the lattice, of shape (n_samples, n_points)."""

    def locate(self, points: NDArray) -> NDArray[np.float64]:
        """Coordinates of points of the lattice, by index."""

    def around(self, points: NDArray) -> NDArray[np.intp]:
        """Neighbours in the lattice, of shape (n, n_neighbors)."""

    def moments(self, D: NDArray, y: NDArray) -> tuple[NDArray, NDArray, NDArray]:
        """Density of each row at its own point `y`, and mean and mean square of the centres.

        Centres are relative to `y` and weigh what they contribute to the density there.
        """


class PointKernels:
    """Kernels at any list of centres, of shape (n_centres, n_dims)."""

    def __init__(self, centres: NDArray[np.float64]) -> None:
        self.centres = centres
        n_dims = centres.shape[1]
        if n_dims <= 2:
            self.lattice, self.radius = _lattice_around(centres), np.sqrt(n_dims) * STEP / 2
        else:
            # A lattice would be much larger than the list.
            self.lattice, self.radius = centres, _distance_of_centres(n_dims)
        self.n_points = len(self.lattice)
        k, tree = min(2 * n_dims + 1, self.n_points), cKDTree(self.lattice)
        _, near = tree.query(self.lattice, k=k, distance_upper_bound=(1 + 1e-9) * STEP)
        # Missing ones are the point itself.
        self._around = np.where(near < self.n_points, near, np.arange(self.n_points)[:, None])

    def locate(self, points: NDArray) -> NDArray[np.float64]:
        return self.lattice[points]

    def around(self, points: NDArray) -> NDArray[np.intp]:
        return self._around[points]

    def density(self, D: NDArray) -> NDArray[np.float64]:
        density = np.empty((len(D), len(self.lattice)))
        for batch in gen_batches(len(self.lattice), max(1, CHUNK // len(self.centres))):
            squares = cdist(self.centres, self.lattice[batch], "sqeuclidean")
            density[:, batch] = D @ np.exp(-0.5 * squares)
        return density

    def moments(self, D: NDArray, y: NDArray) -> tuple[NDArray, NDArray, NDArray]:
        offset = self.centres - y[:, None]
        weight = D * np.exp(-0.5 * (offset**2).sum(axis=2))
        mass = weight.sum(axis=1)
        weight /= mass[:, None]
        mean = np.einsum("nk,nki->ni", weight, offset)
        square = np.einsum("nki,nkj->nij", weight[:, :, None] * offset, offset)
        return mass, mean, square


class ProductKernels:
    """Kernels at all points of a product grid, where they separate.

    Parameters
    ----------
    axes : list of ndarray
        Ascending coordinates in every dimension.
    """

    def __init__(self, axes: list[NDArray[np.float64]]) -> None:
        self.axes = axes
        self.ticks = [_divide(axis, len(axes)) for axis in axes]
        self.counts = [len(ticks) for ticks in self.ticks]
        self.n_points = math.prod(self.counts)
        self.radius = np.sqrt(len(axes)) * STEP / 2
        self._kernels = [_kernel(ticks, axis) for ticks, axis in zip(self.ticks, axes, strict=True)]

    def locate(self, points: NDArray) -> NDArray[np.float64]:
        places = np.unravel_index(points, self.counts)
        return np.stack([t[i] for t, i in zip(self.ticks, places, strict=True)], axis=1)

    def around(self, points: NDArray) -> NDArray[np.intp]:
        places = np.stack(np.unravel_index(points, self.counts), axis=1)
        steps = np.vstack([np.eye(len(self.counts)), -np.eye(len(self.counts))]).astype(np.intp)
        near = np.clip(places[:, None] + steps, 0, np.array(self.counts) - 1)
        return np.ravel_multi_index(tuple(np.moveaxis(near, -1, 0)), self.counts)

    def density(self, D: NDArray) -> NDArray[np.float64]:
        T, n_after = D, 1
        for axis, kernel in zip(reversed(self.axes), reversed(self._kernels), strict=True):
            T = _apply(kernel, T.reshape(-1, len(axis), n_after))
            n_after *= T.shape[1]
        return T.reshape(len(D), -1)

    def moments(self, D: NDArray, y: NDArray) -> tuple[NDArray, NDArray, NDArray]:
        n_dims = len(self.axes)
        T = D.reshape(len(D), *map(len, self.axes), 1)
        # Sums over one dimension after the other, of the weights times powers of the offset.
        for place in reversed(range(n_dims)):
            offset = self.axes[place] - y[:, [place]]
            kernel = np.exp(-0.5 * offset**2)
            powers = np.stack([kernel, kernel * offset, kernel * offset**2], axis=1)
            rest = T.shape[1:-2]
            T = T.reshape(len(D), -1, *T.shape[-2:])
            T = np.matmul(powers[:, None], T).reshape(len(D), *rest, -1)
        T = T.reshape(len(D), *(3,) * n_dims)
        unit = np.eye(n_dims, dtype=int)
        T = np.moveaxis(T, 0, -1)
        mass = T[(0,) * n_dims]
        mean = np.stack([T[tuple(i)] for i in unit], axis=1) / mass[:, None]
        square = np.stack([T[tuple(i + j)] for i in unit for j in unit], axis=1) / mass[:, None]
        return mass, mean, square.reshape(-1, n_dims, n_dims)


def product_axes(points: NDArray[np.float64]) -> list[NDArray[np.float64]] | None:
    """Return the coordinates in every dimension if distinct points are all combinations of them.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_ldl._core.peaks import product_axes
    >>> product_axes(np.array([[0.0, 5.0], [1.0, 5.0]]))
    [array([0., 1.]), array([5.])]
    >>> product_axes(np.array([[0.0, 5.0], [1.0, 6.0]])) is None
    True
    """
    axes = [np.unique(coordinates) for coordinates in points.T]
    return axes if len(points) == math.prod(map(len, axes)) else None


@underflow_is_zero
def highest_peaks(D: NDArray[np.float64], centres: NDArray[np.float64]) -> NDArray[np.float64]:
    """Find the highest peak of every density.

    Parameters
    ----------
    D : ndarray of shape (n_samples, n_centres)
        Weights, rows on the simplex.
    centres : ndarray of shape (n_centres, n_dims)
        Distinct centres, in units of the kernel's standard deviation.

    Returns
    -------
    peaks : ndarray of shape (n_samples, n_dims)
        Of several that are equally high, the one whose nearest centre is first.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_ldl._core.peaks import highest_peaks
    >>> highest_peaks(np.array([[0.4, 0.3, 0.3]]), np.array([[0.0], [5.0], [6.5]])).round(2)
    array([[5.75]])
    """
    axes = product_axes(centres)
    kernels: Kernels
    if axes is None:
        kernels = PointKernels(centres)
    else:
        kernels = ProductKernels(axes)
        order = np.lexsort(centres.T[::-1])
        if (np.diff(order) != 1).any():
            D = D[:, order]
    peaks = np.empty((len(D), centres.shape[1]))
    for batch in gen_batches(len(D), max(1, CHUNK // kernels.n_points)):
        rows, starts = _starts(kernels, D[batch])
        y, height = np.empty((len(rows), centres.shape[1])), np.empty(len(rows))
        size = max(1, CHUNK // D.shape[1])
        for part in gen_batches(len(rows), size):
            y[part], height[part] = _climb(kernels, D[batch], rows[part], starts[part])
        best = np.zeros(len(D[batch]))
        np.maximum.at(best, rows, height)
        high = height >= (1 - ROUNDING) * best[rows]
        rows, y = rows[high], y[high]
        if len(rows) > len(best):
            _, label = cKDTree(centres).query(y)
            order = np.lexsort((label, rows))
            rows, y = rows[order], y[order]
        peaks[batch] = y[np.searchsorted(rows, np.arange(len(best)))]
    return peaks


def _starts(kernels: Kernels, D: NDArray) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Peaks on the lattice that may be below the highest one: their rows and points."""
    density = kernels.density(D)
    enough = density.max(axis=1, keepdims=True) * np.exp(-(kernels.radius**2) / 2)
    # Much faster than numpy.nonzero in two dimensions.
    rows, points = divmod(np.flatnonzero(density >= (1 - ROUNDING) * enough), kernels.n_points)
    height = density[rows, points]
    around = density[rows[:, None], kernels.around(points)]
    peak = height >= (1 - FLAT) * around.max(axis=1)
    rows, points, height = rows[peak], points[peak], height[peak]
    order = np.lexsort((-height, rows))
    rank = np.arange(len(rows)) - np.searchsorted(rows, rows)
    few = order[rank < MAX_CLIMBS]
    return rows[few], kernels.locate(points[few])


def _climb(
    kernels: Kernels, D: NDArray, rows: NDArray, y: NDArray, max_iter: int = 100
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Ascend the densities of `rows` from the points `y`; return peaks and their heights.

    By Newton's method, with steps that are shortened until they ascend. Of points that meet on the
    way one goes on, and gets higher than the others.
    """
    n_dims = y.shape[1]
    D = D[rows]
    y, trial = y.copy(), y.copy()
    height, step, shift = np.zeros(len(y)), np.zeros_like(y), np.zeros_like(y)
    left = np.arange(len(y))
    for n_steps in range(max_iter):
        mass, mean, square = kernels.moments(D, trial)
        up = mass >= (1 - ROUNDING) * height[left]
        # The gradient of the logarithm of the density is `mean`, its Hessian `-curvature`. Along
        # directions in which it is not concave, the size of the curvature still tells the scale.
        curvature = np.eye(n_dims) - (square - mean[:, :, None] * mean[:, None, :])
        sizes, directions = np.linalg.eigh(curvature)
        along = np.einsum("nij,ni->nj", directions, mean) / np.maximum(np.abs(sizes), 1e-6)
        newton = np.einsum("nij,nj->ni", directions, along)
        # A longer step would leave the region that the Hessian describes, and this peak.
        newton /= np.maximum(1.0, np.linalg.norm(newton, axis=1, keepdims=True) / STEP)
        now = left[up]
        y[now], height[now], step[now], shift[now] = trial[up], mass[up], newton[up], mean[up]
        step[left[~up]] /= 4
        go_on = np.abs(shift[left]).max(axis=1) >= 1e-10
        if n_steps == 3:
            cells = np.column_stack([rows[left], np.round(y[left] / CLOSE)])
            _, first = np.unique(cells, axis=0, return_index=True)
            go_on[np.setdiff1d(np.arange(len(left)), first)] = False
        if not go_on.any():
            break
        if go_on.mean() < 0.5:
            # Not at every step, since the weights are copied.
            left, D = left[go_on], D[go_on]
        trial = y[left] + step[left]
    return y, height


def _distance_of_centres(n_dims: int) -> float:
    """From a peak to the nearest centre, at most: their covariance there is below the kernel's."""
    return float(np.sqrt(n_dims))


def _divide(axis: NDArray, n_dims: int) -> NDArray[np.float64]:
    """Divide the gaps of an axis into steps; of wide ones, the ends where a peak may lie."""
    near = _distance_of_centres(n_dims)
    gap = np.diff(axis)
    wide = gap > 2 * near + STEP
    counts = np.where(wide, 1, np.ceil(gap / STEP)).astype(np.intp)
    inside = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    ticks = np.repeat(axis[:-1], counts) + inside * np.repeat(gap / counts, counts)
    aside = STEP * np.arange(1, int(np.ceil(near / STEP)) + 1)
    ends = np.concatenate([np.add.outer(axis[:-1][wide], aside), axis[1:][wide, None] - aside])
    return np.unique(np.concatenate([ticks, ends.ravel(), axis[-1:]]))


def _lattice_around(centres: NDArray) -> NDArray[np.float64]:
    """Points of a regular lattice wherever a peak may lie, and a cell beyond."""
    n_dims = centres.shape[1]
    near = _distance_of_centres(n_dims)
    reach = int(np.ceil(near / STEP)) + 1
    offsets = np.array(list(product(range(-reach, reach + 1), repeat=n_dims)))
    cells = np.round(centres / STEP)[:, None] + offsets
    lattice = STEP * np.unique(cells.reshape(-1, n_dims), axis=0)
    distance, _ = cKDTree(centres).query(lattice)
    return lattice[distance <= near + np.sqrt(n_dims) * STEP / 2 + 1e-9]


def _apply(kernel: NDArray | csr_array, T: NDArray) -> NDArray[np.float64]:
    """Multiply the middle dimension of three by a matrix."""
    if T.shape[2] == 1:
        return (T[:, :, 0] @ kernel.T)[:, :, None]
    if isinstance(kernel, np.ndarray):
        return np.matmul(kernel, T)
    return np.stack([kernel @ matrix for matrix in T])


def _kernel(points: NDArray, axis: NDArray) -> NDArray[np.float64] | csr_array:
    """Kernel of one dimension; sparse where most of it would vanish."""
    if len(axis) <= LONG_AXIS:
        return np.exp(-0.5 * np.square(points[:, None] - axis))
    low, high = np.searchsorted(axis, points - REACH), np.searchsorted(axis, points + REACH)
    counts = high - low
    ends = np.concatenate([[0], np.cumsum(counts)])
    columns = np.arange(ends[-1]) + np.repeat(low - ends[:-1], counts)
    values = np.exp(-0.5 * np.square(np.repeat(points, counts) - axis[columns]))
    return csr_array((values, columns, ends), shape=(len(points), len(axis)))
