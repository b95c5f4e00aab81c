"""The first layer of a perceptron for tables: features on one scale, and none far outside of it."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils import gen_batches
from torch import Tensor, nn

# Standard deviations from the mean beyond which a feature does not get.
_LIMIT = 5.0
# Interquartile range of a standard normal distribution, and how many deviations by it from the
# median a value may lie to count as it is for mean and deviation.
_QUARTILES, _OUTLYING = 1.349, 10.0
# Deviations between zero and the mean beyond which float32 is too coarse to tell values apart.
_FAR = 2.0**10
# Numbers that are looked at together.
_NUMBERS = 2**18


class StandardizedInputs(nn.Module):
    r"""Standardise features by the training rows, and bring outlying values near.

    A feature becomes :math:`(x - c) / s`, clipped to [-5, 5], with its mean :math:`c` and its
    standard deviation :math:`s`. Values far beyond the quartiles, more than 10 deviations of a
    normal distribution with these from the median, count for them as if they lay there: however
    large one is, the others stay apart. A constant feature is only centred.

    Features far from zero are centred in double precision where they come in it.

    Parameters
    ----------
    n_features : int
        Number of features.

    Examples
    --------
    >>> import numpy as np
    >>> import torch
    >>> from sklearn_ldl.deep.networks.inputs import StandardizedInputs
    >>> layer = StandardizedInputs(1)
    >>> layer.adapt(np.array([[-1.0], [-1.0], [1.0], [1.0]]))
    >>> layer(torch.tensor([[0.5], [1e6]]))
    tensor([[0.5000],
            [5.0000]])
    """

    center: Tensor
    #: What float32 leaves of the centres of features far from zero.
    rest: Tensor
    scale: Tensor

    def __init__(self, n_features: int):
        super().__init__()
        self.register_buffer("center", torch.zeros(n_features))
        self.register_buffer("rest", torch.zeros(n_features))
        self.register_buffer("scale", torch.ones(n_features))

    def adapt(self, X: NDArray[np.floating]) -> None:
        """Take means and deviations of rows (n_rows, n_features)."""
        for columns in gen_batches(X.shape[1], max(1, _NUMBERS // len(X))):
            part = X[:, columns]
            center, scale = _statistics(part.astype(np.float32).astype(np.float64))
            far = np.abs(center) > _FAR * scale
            if far.any():
                center[far], scale[far] = _statistics(part[:, far].astype(np.float64))
            coarse = np.where(far, center.astype(np.float32), center)
            self.center[columns] = torch.from_numpy(coarse)
            self.rest[columns] = torch.from_numpy(center - coarse)
            self.scale[columns] = torch.from_numpy(scale)

    def is_far(self) -> bool:
        """Whether some features are so far from zero that float32 is too coarse for them."""
        return bool((self.center.abs() > _FAR * self.scale).any())

    def forward(self, X: Tensor) -> Tensor:
        """Standardise rows."""
        centred = (X - self.center - self.rest).to(self.scale.dtype)
        return (centred / self.scale).clamp(-_LIMIT, _LIMIT)


def _statistics(X: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Means and deviations of columns, in which outlying values are moved in."""
    low, median, high = np.percentile(X, [25, 50, 75], axis=0)
    # Where half of the values are equal, the quartiles say nothing about the others.
    far = np.where(high > low, _OUTLYING / _QUARTILES * (high - low), np.inf)
    X = np.clip(X, median - far, median + far)
    scale = np.where(np.ptp(X, axis=0) > 0, X.std(axis=0), 1.0)
    # What float32 makes zero is no scale.
    return X.mean(axis=0), np.maximum(scale, np.finfo(np.float32).tiny)
