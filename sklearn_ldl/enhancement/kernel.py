"""Widths of Gaussian kernels."""

from __future__ import annotations

from numbers import Real
from typing import Any, Literal

import numpy as np
from scipy.sparse import issparse
from sklearn.metrics import pairwise_distances

from sklearn_ldl._core.sklearn_compat import Interval, StrOptions

Gamma = Literal["median", "scale"] | float

#: What a parameter `gamma` may be.
GAMMA_CONSTRAINT = [StrOptions({"median", "scale"}), Interval(Real, 0, None, closed="neither")]

# Rows whose pairwise distances tell the median: half a million pairs.
_MEDIAN_ROWS = 1000
# Distances below this share of the largest may be the rounding of zero.
_ROUNDING = 1e-6


def kernel_width(X: Any, gamma: Gamma) -> float:
    r"""Return the factor :math:`\gamma` of :math:`\exp(-\gamma \|x - x'\|^2)`.

    Parameters
    ----------
    X : {ndarray, csr_array} of shape (n_samples, n_features)
        Samples.
    gamma : {"median", "scale"} or float
        "median" makes the median distance between samples that differ the standard deviation of
        the Gaussian, :math:`\gamma = 1 / (2 \mathrm{median}^2)`; of more than 1,000 samples as many
        are taken, evenly spaced. "scale" is ``1 / (n_features * X.var())``. A number is returned
        as it is.

    Returns
    -------
    gamma : float
        Positive; 1 where all samples are equal.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_ldl.enhancement.kernel import kernel_width
    >>> kernel_width(np.array([[0.0], [0.0], [2.0]]), "median")
    0.125
    """
    if not isinstance(gamma, str):
        return float(gamma)
    if gamma == "scale":
        mean = float(X.mean())
        variance = float(X.multiply(X).mean()) - mean**2 if issparse(X) else float(X.var())
        # That of equal entries may miss zero by rounding.
        width = X.shape[1] * variance if variance > 1e-15 * mean**2 else 0.0
    else:
        n_samples = X.shape[0]
        rows = np.linspace(0, n_samples - 1, min(n_samples, _MEDIAN_ROWS)).astype(int)
        distances = pairwise_distances(X[rows])[np.triu_indices(len(rows), k=1)]
        distances = distances[distances > _ROUNDING * distances.max(initial=0)]
        width = 2 * float(np.median(distances)) ** 2 if len(distances) else 0.0
    return 1 / max(width, np.finfo(np.float64).tiny) if width > 0 else 1.0
