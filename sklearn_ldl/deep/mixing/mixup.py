"""Mixup: means of two samples, of any shape."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from sklearn_ldl.deep.mixing.base import BatchMixing, permuted_partners
from sklearn_ldl.deep.mixing.mixed import Mixed, as_mixed


@dataclass(frozen=True)
class MixUp(BatchMixing):
    r"""Average every sample with another one of the batch (mixup).

    .. math:: x'_i = \lambda x_i + (1 - \lambda) x_{\pi(i)}, \quad
              \lambda \sim \mathrm{Beta}(\beta, \beta),

    with one :math:`\lambda` and one permutation :math:`\pi` per batch. It takes rows of any shape
    and is the only one of the three augmentations for tabular data.

    Parameters
    ----------
    beta : float, default=1.0
        Parameter of the Beta distribution, positive; the smaller, the weaker the mixing.
    prob : float, default=1.0
        Probability in [0, 1] that a batch is mixed.

    Raises
    ------
    ValueError
        If a parameter is out of range.

    References
    ----------
    H. Zhang, M. Cisse, Y. N. Dauphin, D. Lopez-Paz, "mixup: beyond empirical risk minimization",
    ICLR 2018.

    Examples
    --------
    >>> import numpy as np
    >>> import torch
    >>> from sklearn_ldl.deep import MixUp
    >>> X = torch.tensor([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]])
    >>> mixed = MixUp()(X, np.random.default_rng(0))
    >>> mixed.X
    tensor([[0.5274, 1.5274],
            [1.7363, 2.7363],
            [3.7363, 4.7363]])
    >>> mixed.weights
    tensor([0.8682, 0.1318], dtype=torch.float64)
    >>> mixed.indices
    tensor([[0, 1, 2],
            [2, 0, 1]])
    """

    beta: float = 1.0
    prob: float = 1.0

    def _check_shape(self, shape: torch.Size) -> None:
        if not shape:
            raise ValueError("MixUp needs a batch of rows, got a tensor without dimensions.")

    def _mix(self, X: torch.Tensor, rng: np.random.Generator) -> Mixed:
        lam = rng.beta(self.beta, self.beta)
        indices = permuted_partners(X, rng)
        return as_mixed(torch.lerp(X[indices[1]], X, lam), [lam, 1 - lam], indices)
