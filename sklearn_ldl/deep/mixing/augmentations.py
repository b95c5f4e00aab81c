"""Augmentations that mix the samples of a batch: mixup, CutMix and RICAP.

An augmentation is called with a batch and a generator. It returns the mixed batch together with
what was mixed, from which :func:`mix_targets` makes the targets that belong to it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import sqrt
from numbers import Real
from typing import ClassVar, NamedTuple

import numpy as np
import torch

from sklearn_ldl._core.sklearn_compat import Interval, validate_parameter_constraints


class Mixed(NamedTuple):
    """A mixed batch and its recipe: row `b` is made of the rows ``indices[:, b]`` of the input.

    Attributes
    ----------
    X : torch.Tensor of shape (B, ...)
        The mixed batch, a new tensor with the shape, dtype and device of the input.
    weights : torch.Tensor of shape (P,), dtype float64
        Share of each of the `P` parts, the same for every row; they sum to one. They stay on the
        CPU, where a single weight can multiply tensors of any device and dtype.
    indices : torch.Tensor of shape (P, B), dtype int64
        Which row of the input every part of every row comes from, on the device of `X`.
    """

    X: torch.Tensor
    weights: torch.Tensor
    indices: torch.Tensor


#: A callable that mixes a batch, drawing all random numbers from the given generator.
Augmentation = Callable[[torch.Tensor, np.random.Generator], Mixed]


def _mixed(X: torch.Tensor, weights: list[float], indices: torch.Tensor) -> Mixed:
    return Mixed(X, torch.tensor(weights, dtype=torch.float64), indices)


def _indices(rows: list[np.ndarray], device: torch.device) -> torch.Tensor:
    # Not blocking: a training step need not wait for the device.
    return torch.as_tensor(np.stack(rows), dtype=torch.int64).to(device, non_blocking=True)


def _permuted_partners(X: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """Pair every row with a random one, every row once: the indices of the two parts."""
    return _indices([np.arange(len(X)), rng.permutation(len(X))], X.device)


class _BatchMixing:
    """What the augmentations share: the checks and the batches that stay as they are."""

    prob: float

    _parameter_constraints: ClassVar[dict] = {
        "beta": [Interval(Real, 0, None, closed="neither")],
        "prob": [Interval(Real, 0, 1, closed="both")],
    }

    def __post_init__(self) -> None:
        name = type(self).__name__
        validate_parameter_constraints(self._parameter_constraints, vars(self), caller_name=name)

    def __call__(self, X: torch.Tensor, rng: np.random.Generator) -> Mixed:
        """Mix a batch.

        Parameters
        ----------
        X : torch.Tensor of shape (B, ...)
            The batch; it is not modified.
        rng : numpy.random.Generator
            Source of all random numbers.

        Returns
        -------
        mixed : Mixed
            The new batch, the weights and the indices. A batch of one row, or one that is left
            alone because of `prob`, comes back as a copy with the weight 1.

        Raises
        ------
        TypeError
            If `X` is not a floating-point tensor or `rng` is not a generator.
        ValueError
            If the shape of `X` does not suit the augmentation.
        """
        if not isinstance(X, torch.Tensor) or not X.is_floating_point():
            found = getattr(X, "dtype", type(X).__name__)
            raise TypeError(f"X must be a floating-point torch tensor, got {found}.")
        if not isinstance(rng, np.random.Generator):
            # A seed would give every batch the same draws.
            found = type(rng).__name__
            raise TypeError(f"rng must be a numpy.random.Generator, got {found}.")
        self._check_shape(X.shape)
        n_samples = len(X)
        if n_samples < 2 or rng.random() >= self.prob:
            return _mixed(X.clone(), [1.0], _indices([np.arange(n_samples)], X.device))
        return self._mix(X, rng)

    def _mix(self, X: torch.Tensor, rng: np.random.Generator) -> Mixed:
        raise NotImplementedError

    def _check_shape(self, shape: torch.Size) -> None:
        if len(shape) != 4:
            raise ValueError(
                f"{type(self).__name__} needs images of shape (B, channels, height, width), "
                f"got {tuple(shape)}. Pass input_shape=(channels, height, width) to an estimator "
                "that takes flat rows, or use MixUp, which mixes rows of any shape."
            )


@dataclass(frozen=True)
class MixUp(_BatchMixing):
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
        indices = _permuted_partners(X, rng)
        return _mixed(torch.lerp(X[indices[1]], X, lam), [lam, 1 - lam], indices)


@dataclass(frozen=True)
class CutMix(_BatchMixing):
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
        indices = _permuted_partners(X, rng)

        out = X.clone()
        box = X[..., rows, columns]
        out[..., rows, columns] = box[indices[1]]
        pasted = box.shape[-2] * box.shape[-1] / (height * width)
        return _mixed(out, [1 - pasted, pasted], indices)


def _centred_span(size: int, length: int, rng: np.random.Generator) -> slice:
    """About `size` pixels around a random centre, as far as they lie within ``[0, length)``."""
    centre = int(rng.integers(length))
    return slice(max(centre - size // 2, 0), min(centre + size // 2, length))


@dataclass(frozen=True)
class RICAP(_BatchMixing):
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
        indices = _indices([rng.permutation(len(X)) for _ in spans], X.device)

        out = torch.empty_like(X)
        weights = []
        for source, ((top, bottom), (left, right)) in zip(indices, spans, strict=True):
            rows = _random_span(bottom - top, height, rng)
            columns = _random_span(right - left, width, rng)
            out[..., top:bottom, left:right] = X[..., rows, columns][source]
            weights.append((bottom - top) * (right - left) / (height * width))
        return _mixed(out, weights, indices)


def _random_span(size: int, length: int, rng: np.random.Generator) -> slice:
    """`size` consecutive pixels at a random place of ``[0, length)``."""
    start = int(rng.integers(length - size + 1))
    return slice(start, start + size)


def mix_targets(D: torch.Tensor, mixed: Mixed) -> torch.Tensor:
    """Mix the targets of a batch the way its inputs were mixed: ``sum_p w_p D[indices_p]``.

    Parameters
    ----------
    D : torch.Tensor of shape (B, n_labels) or (B, ...)
        Targets of the batch before mixing, such as label distributions. Class codes have to be
        turned into distributions first.
    mixed : Mixed
        What the augmentation returned for the batch.

    Returns
    -------
    D : torch.Tensor of shape (B, n_labels) or (B, ...)
        New targets; distributions stay distributions.

    Raises
    ------
    TypeError
        If `D` is not a floating-point tensor.
    ValueError
        If `D` has another number of rows than the batch.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ldl.deep.mixing.augmentations import Mixed, mix_targets
    >>> mixed = Mixed(
    ...     X=torch.zeros(2, 3),
    ...     weights=torch.tensor([0.75, 0.25]),
    ...     indices=torch.tensor([[0, 1], [1, 0]]),
    ... )
    >>> mix_targets(torch.eye(2), mixed)
    tensor([[0.7500, 0.2500],
            [0.2500, 0.7500]])
    """
    if not isinstance(D, torch.Tensor) or not D.is_floating_point():
        found = getattr(D, "dtype", type(D).__name__)
        raise TypeError(f"D must be a floating-point torch tensor, got {found}.")
    if len(D) != mixed.indices.shape[1]:
        raise ValueError(f"D has {len(D)} rows, the mixed batch {mixed.indices.shape[1]}.")
    return sum(w * D[rows] for w, rows in zip(mixed.weights.tolist(), mixed.indices, strict=True))


#: The augmentations by name.
AUGMENTATIONS: dict[str, type[_BatchMixing]] = {"mixup": MixUp, "cutmix": CutMix, "ricap": RICAP}


def get_augmentation(augment: str | Augmentation | None) -> Augmentation | None:
    """Find an augmentation.

    Parameters
    ----------
    augment : {"mixup", "cutmix", "ricap"}, callable or None
        A name stands for the augmentation with its default parameters. A callable, for instance
        ``CutMix(prob=0.5)``, takes ``(X, rng)`` and returns a :class:`Mixed`.

    Returns
    -------
    augmentation : callable or None
        None if `augment` is None.

    Raises
    ------
    ValueError
        If there is no such augmentation.

    Examples
    --------
    >>> from sklearn_ldl.deep.mixing.augmentations import get_augmentation
    >>> get_augmentation("ricap")
    RICAP(beta=0.3, prob=1.0)
    """
    if isinstance(augment, str) and augment in AUGMENTATIONS:
        return AUGMENTATIONS[augment]()
    # A class is callable, too, but what it returns is not a mixed batch.
    if augment is None or (callable(augment) and not isinstance(augment, type)):
        return augment
    raise ValueError(
        f"augment must be None, one of {sorted(AUGMENTATIONS)}, or a callable such as "
        f"MixUp(beta=0.2); got {augment!r}."
    )
