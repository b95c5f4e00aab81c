"""Groups of similar rows, found once before the optimisation starts."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning


def cluster_rows(A, n_clusters: int, sample_weight: NDArray, random_state) -> NDArray[np.intp]:
    """Cluster the rows of `A` (dense or CSR) by k-means.

    Returns
    -------
    labels : ndarray of shape (n_samples,)
        From 0 without gaps; fewer clusters than asked for when there are fewer distinct rows.
    """
    n_clusters = min(n_clusters, A.shape[0])
    with warnings.catch_warnings():
        # It says that there are fewer distinct rows than clusters, which is handled below.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = KMeans(n_clusters, random_state=random_state)
        labels = model.fit_predict(A, sample_weight=sample_weight)
    return np.unique(labels, return_inverse=True)[1].reshape(-1)


def members(labels: NDArray[np.intp]) -> list[NDArray[np.intp]]:
    """Row indices of every cluster."""
    order = np.argsort(labels, kind="stable")
    return np.split(order, np.cumsum(np.bincount(labels))[:-1])
