"""The first layer of a perceptron for tables: features on one scale, and none far outside of it."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

# Between about -1 and 1 nothing changes much; no feature gets further than this.
_LIMIT = 3.0
# Middle half of a standard normal distribution.
_QUARTILES = 1.349


class StandardizedInputs(nn.Module):
    r"""Standardise features by robust statistics, and bring outlying ones near.

    A feature becomes :math:`z / \sqrt{1 + (z/3)^2}` with :math:`z = (x - c) / s`, where :math:`c`
    is the median and :math:`s` the interquartile range of the training rows, in units of that of a
    standard normal distribution. One value, however large, thus changes neither what others become
    nor the scale of the input. Where half of the values are equal, the standard deviation takes the
    place of the range; a constant feature is only centred.

    Parameters
    ----------
    n_features : int
        Number of features.

    References
    ----------
    D. Holzmüller, L. Grinsztajn, I. Steinwart, "Better by default: strong pre-tuned MLPs and
    boosted trees on tabular data", NeurIPS 2024 (the squashing function).

    Examples
    --------
    >>> import numpy as np
    >>> import torch
    >>> from sklearn_ldl.deep.networks.inputs import StandardizedInputs
    >>> layer = StandardizedInputs(1)
    >>> layer.adapt(np.array([[9.0], [10.0], [10.0], [11.0], [1e6]]))
    >>> layer(torch.tensor([[10.0], [1e9]]))
    tensor([[0.],
            [3.]])
    """

    center: Tensor
    scale: Tensor

    def __init__(self, n_features: int):
        super().__init__()
        self.register_buffer("center", torch.zeros(n_features))
        self.register_buffer("scale", torch.ones(n_features))

    def adapt(self, X: NDArray[np.floating]) -> None:
        """Take centres and scales from rows (n_rows, n_features)."""
        X = np.asarray(X, dtype=np.float64)
        low, center, high = np.percentile(X, [25, 50, 75], axis=0)
        scale = (high - low) / _QUARTILES
        deviation = np.where(np.ptp(X, axis=0) > 0, X.std(axis=0), 1.0)
        scale = np.where(scale > 0, scale, deviation)
        # What float32 makes zero or infinite is no scale.
        scale = np.clip(scale, np.finfo(np.float32).tiny, np.finfo(np.float32).max)
        self.center.copy_(torch.from_numpy(center))
        self.scale.copy_(torch.from_numpy(scale))

    def forward(self, X: Tensor) -> Tensor:
        """Standardise rows."""
        Z = (X - self.center) / self.scale
        # The usual formula squares what may be too large for it.
        return Z / torch.hypot(torch.ones_like(Z), Z / _LIMIT)
