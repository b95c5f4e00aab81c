"""Similarities of neighbours from their distances."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
from scipy.sparse import csr_array


def similarity(distances: csr_array, sigma: float) -> csr_array:
    """Turn distances into similarities; those that are zero are no edges."""
    d = distances.data
    # A sigma of zero is the limit of small ones: similarity 1 at distance 0, else 0.
    with np.errstate(divide="ignore", over="ignore", under="ignore"):
        scaled = np.divide(d, sigma, out=np.zeros_like(d), where=d > 0)
        weights = np.exp(-0.5 * scaled**2)
    graph = distances.copy()
    graph.data = weights
    graph.eliminate_zeros()
    return graph


def check_sigma(sigma: Any, n_tasks: int) -> list[Any]:
    """Return one scale, a number or "median", per task."""
    if isinstance(sigma, (str, Real)):
        return [sigma] * n_tasks
    scales = list(sigma)
    if len(scales) != n_tasks:
        raise ValueError(f"sigma has {len(scales)} entries for {n_tasks} tasks.")
    for scale in scales:
        positive = isinstance(scale, Real) and 0 < float(scale) < np.inf
        if not positive and not (isinstance(scale, str) and scale == "median"):
            raise ValueError(f"sigma must be positive numbers or 'median', got {scale!r}.")
    return scales
