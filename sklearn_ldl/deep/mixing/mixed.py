"""What an augmentation returns: a mixed batch, and the recipe that mixes its targets."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch


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


def as_mixed(X: torch.Tensor, weights: list[float], indices: torch.Tensor) -> Mixed:
    """Make the result of an augmentation from the shares of the parts as numbers."""
    return Mixed(X, torch.tensor(weights, dtype=torch.float64), indices)


def as_indices(rows: list[np.ndarray], device: torch.device) -> torch.Tensor:
    """Rows that the parts come from, on the device of the batch."""
    # Not blocking: a training step need not wait for the device.
    return torch.as_tensor(np.stack(rows), dtype=torch.int64).to(device, non_blocking=True)


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
    >>> from sklearn_ldl.deep.mixing.mixed import Mixed, mix_targets
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


def mix_weighted_targets(
    D: torch.Tensor, weight: torch.Tensor, mixed: Mixed
) -> tuple[torch.Tensor, torch.Tensor]:
    r"""Mix targets whose rows have weights: every part of a row counts by its own.

    A mixed row has the weight :math:`\sum_p w_p s_p` and the target
    :math:`\sum_p w_p s_p d_p / \sum_p w_p s_p` of its parts: a loss that is linear in the target
    is then that of the parts.

    Parameters
    ----------
    D : torch.Tensor of shape (B, n_labels) or (B, ...)
        Targets of the batch before mixing.
    weight : torch.Tensor of shape (B,)
        Weights of its rows.
    mixed : Mixed
        What the augmentation returned for the batch.

    Returns
    -------
    D : torch.Tensor of shape (B, n_labels) or (B, ...)
        New targets.
    weight : torch.Tensor of shape (B,)
        Weights of the mixed rows.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ldl.deep.mixing.mixed import Mixed, mix_weighted_targets
    >>> mixed = Mixed(
    ...     X=torch.zeros(2, 3),
    ...     weights=torch.tensor([0.5, 0.5]),
    ...     indices=torch.tensor([[0, 1], [1, 0]]),
    ... )
    >>> mix_weighted_targets(torch.eye(2), torch.tensor([9.0, 1.0]), mixed)
    (tensor([[0.9000, 0.1000],
            [0.9000, 0.1000]]), tensor([5., 5.]))
    """
    shape = (-1, *[1] * (D.ndim - 1))
    total = mix_targets(weight, mixed)
    # In single precision all weights of a row may be zero, beside much larger ones.
    divisor = total.clamp_min(torch.finfo(total.dtype).tiny).reshape(shape)
    return mix_targets(weight.reshape(shape) * D, mixed) / divisor, total
