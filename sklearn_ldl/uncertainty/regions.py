"""Regions of distributions: balls around a prediction, and how far a degree may go in them."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import rel_entr

from sklearn_ldl._core.underflow import underflow_is_zero
from sklearn_ldl.metrics import kl_divergence, sorensen_distance, wasserstein_distance
from sklearn_ldl.metrics.divergences import FLOOR
from sklearn_ldl.metrics.rows import RowMetric

# Halvings of an interval of length one, down to the precision of floats.
_HALVINGS = 60


class Region(NamedTuple):
    """The distributions within some distance of a prediction, one region per row.

    Parameters
    ----------
    centre : ndarray of shape (n_samples, n_labels)
        Predictions.
    radius : ndarray of shape (n_samples,)
        Largest distances.
    low, high : ndarray of shape (n_samples, n_labels)
        Smallest and largest degree of every label in the region.

    See Also
    --------
    sklearn_ldl.ConformalLDL : Predicts some.

    Examples
    --------
    >>> from sklearn_ldl.uncertainty import Region
    >>> Region._fields
    ('centre', 'radius', 'low', 'high')
    """

    centre: NDArray[np.float64]
    radius: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


def bounds_of_total_variation(P: NDArray, radius: NDArray) -> tuple[NDArray, NDArray]:
    """Move as much mass as the radius allows, to a label or away from it.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_ldl.uncertainty.regions import bounds_of_total_variation
    >>> low, high = bounds_of_total_variation(np.array([[0.75, 0.25]]), np.array([0.5]))
    >>> low, high
    (array([[0.25, 0.  ]]), array([[1.  , 0.75]]))
    """
    moved = radius[:, np.newaxis]
    return np.maximum(P - moved, 0), np.minimum(P + moved, 1)


@underflow_is_zero
def bounds_of_kl(P: NDArray, radius: NDArray) -> tuple[NDArray, NDArray]:
    """Search for the degree where the divergence is the radius, the other labels in proportion.

    No other distribution with the same degree of a label is nearer.
    """
    P = np.maximum(P, FLOOR)  # as in the divergence itself
    others = P @ (1 - np.eye(P.shape[1]))
    most = radius[:, np.newaxis]
    found = []
    for outside in (np.zeros_like(P), np.ones_like(P)):
        inside = np.minimum(P, 1)
        for _ in range(_HALVINGS):
            middle = (inside + outside) / 2
            near = rel_entr(middle, P) + rel_entr(1 - middle, others) <= most
            inside, outside = np.where(near, middle, inside), np.where(near, outside, middle)
        found.append(outside)  # which errs on the side of the larger region
    return found[0], found[1]


def bounds_of_wasserstein(P: NDArray, radius: NDArray) -> tuple[NDArray, NDArray]:
    """Move mass away to a neighbour, or to a label from where it is nearest.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_ldl.uncertainty.regions import bounds_of_wasserstein
    >>> low, high = bounds_of_wasserstein(np.array([[0.5, 0.25, 0.25]]), np.array([0.5]))
    >>> low, high  # label 1 gives 0.25 to label 0, label 2 half of its mass
    (array([[0., 0., 0.]]), array([[0.875, 0.75 , 0.625]]))
    """
    labels = np.arange(P.shape[1])
    high = P.copy()
    for j in labels:
        nearest = np.argsort(np.abs(labels - j), kind="stable")[1:]
        way = np.abs(nearest - j)
        work = P[:, nearest] * way
        left = radius[:, np.newaxis] - (work.cumsum(axis=1) - work)
        high[:, j] += np.clip(left / way, 0, P[:, nearest]).sum(axis=1)
    return np.maximum(P - radius[:, np.newaxis], 0), np.minimum(high, 1)


class Distance(NamedTuple):
    """What a region is measured by."""

    metric: RowMetric
    bounds: Callable[[NDArray, NDArray], tuple[NDArray, NDArray]]


#: Method -> distance of truths from predictions.
DISTANCES = {
    "total_variation": Distance(sorensen_distance, bounds_of_total_variation),
    "kl": Distance(kl_divergence, bounds_of_kl),
    "wasserstein": Distance(wasserstein_distance, bounds_of_wasserstein),
}
