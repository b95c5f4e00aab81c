"""CutMix and RICAP: images that are composed of patches of several."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np
import torch

from sklearn_ldl.deep.mixing.base import BatchMixing, permuted_partners
from sklearn_ldl.deep.mixing.mixed import Mixed, as_indices, as_mixed


@dataclass(frozen=True)
class CutMix(BatchMixing):
    r"""Paste a box of another image of the batch into every image (CutMix).

    The box has the area :math:`(1 - \lambda) H W` and the proportions of the image, with
    :math:`\lambda \sim \mathrm{Beta}(\beta, \beta)`, and its centre is uniform over the pixels.
    What sticks out of the image is cut off, and the weights are the shares of the pixels that
    remain: with the default `beta` an image keeps 0.70 of its pixels on average, not one half.
    Box and permutation are the same for the whole batch.

    Parameters
    ----------
    beta : float, default=1.0
        Parameter of the Beta distribution, positive.
    prob : float, default=1.0
        Probability in [0, 1] that a batch is mixed.

    Raises
    ------
    ValueError
        If a parameter is out of range.

    References
    ----------
    S. Yun, D. Han, S. J. Oh, S. Chun, J. Choe, Y. Yoo, "CutMix: regularization strategy to train
    strong classifiers with localizable features", ICCV 2019.

    Examples
    --------
    >>> import numpy as np
    >>> import torch
    >>> from sklearn_ldl.deep import CutMix
    >>> X = torch.tensor([1.0, 2.0]).reshape(2, 1, 1, 1).repeat(1, 1, 4, 4)
    >>> mixed = CutMix()(X, np.random.default_rng(7))
    >>> mixed.X[0, 0]
    tensor([[1., 1., 2., 2.],
            [1., 1., 2., 2.],
            [1., 1., 1., 1.],
            [1., 1., 1., 1.]])
    >>> mixed.weights
    tensor([0.7500, 0.2500], dtype=torch.float64)
    """

    beta: float = 1.0
    prob: float = 1.0

    def _mix(self, X: torch.Tensor, rng: np.random.Generator) -> Mixed:
        height, width = X.shape[2:]
        side = sqrt(1 - rng.beta(self.beta, self.beta))
        rows = _centred_span(int(height * side), height, rng)
        columns = _centred_span(int(width * side), width, rng)
        indices = permuted_partners(X, rng)

        out = X.clone()
        box = X[..., rows, columns]
        out[..., rows, columns] = box[indices[1]]
        pasted = box.shape[-2] * box.shape[-1] / (height * width)
        return as_mixed(out, [1 - pasted, pasted], indices)


def _centred_span(size: int, length: int, rng: np.random.Generator) -> slice:
    """About `size` pixels around a random centre, as far as they lie within ``[0, length)``."""
    centre = int(rng.integers(length))
    return slice(max(centre - size // 2, 0), min(centre + size // 2, length))


@dataclass(frozen=True)
class RICAP(BatchMixing):
    r"""Compose every image of four random crops (random image cropping and patching).

    A point with coordinates :math:`w / W, h / H \sim \mathrm{Beta}(\beta, \beta)` divides the image
    into four patches: upper left, upper right, lower left and lower right. Each is cropped at a
    random place from another permutation of the batch and weighs as much as its share of the
    pixels. Point, places and permutations are the same for the whole batch. With the default
    `beta` one or more patches are often empty.

    Parameters
    ----------
    beta : float, default=0.3
        Parameter of the Beta distribution, positive.
    prob : float, default=1.0
        Probability in [0, 1] that a batch is mixed.

    Raises
    ------
    ValueError
        If a parameter is out of range.

    References
    ----------
    R. Takahashi, T. Matsubara, K. Uehara, "Data augmentation using random image cropping and
    patching for deep CNNs", IEEE Transactions on Circuits and Systems for Video Technology 30,
    2020.

    Examples
    --------
    >>> import numpy as np
    >>> import torch
    >>> from sklearn_ldl.deep import RICAP
    >>> X = torch.arange(5.0).reshape(5, 1, 1, 1).repeat(1, 1, 4, 4)
    >>> mixed = RICAP(beta=1.0)(X, np.random.default_rng(8))
    >>> mixed.X[0, 0]
    tensor([[2., 2., 4., 4.],
            [2., 2., 4., 4.],
            [2., 2., 4., 4.],
            [0., 0., 1., 1.]])
    >>> mixed.weights
    tensor([0.3750, 0.3750, 0.1250, 0.1250], dtype=torch.float64)
    >>> mixed.indices[:, 0]
    tensor([2, 4, 0, 1])
    """

    beta: float = 0.3
    prob: float = 1.0

    def _mix(self, X: torch.Tensor, rng: np.random.Generator) -> Mixed:
        height, width = X.shape[2:]
        w = round(width * rng.beta(self.beta, self.beta))
        h = round(height * rng.beta(self.beta, self.beta))
        spans = [(i, j) for i in ((0, h), (h, height)) for j in ((0, w), (w, width))]
        indices = as_indices([rng.permutation(len(X)) for _ in spans], X.device)

        out = torch.empty_like(X)
        weights = []
        for source, ((top, bottom), (left, right)) in zip(indices, spans, strict=True):
            rows = _random_span(bottom - top, height, rng)
            columns = _random_span(right - left, width, rng)
            out[..., top:bottom, left:right] = X[..., rows, columns][source]
            weights.append((bottom - top) * (right - left) / (height * width))
        return as_mixed(out, weights, indices)


def _random_span(size: int, length: int, rng: np.random.Generator) -> slice:
    """`size` consecutive pixels at a random place of ``[0, length)``."""
    start = int(rng.integers(length - size + 1))
    return slice(start, start + size)
