"""What losses share: their type, and the checks of their arguments."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor
from torch.nn import functional as F

Loss = Callable[[Tensor, Tensor], Tensor]


def log_softmax(Z: Tensor, D: Tensor) -> Tensor:
    """Logarithms of the predicted degrees, for targets of the same shape."""
    check_shapes(Z, D)
    return F.log_softmax(Z, dim=1)


def check_shapes(output: Tensor, target: Tensor) -> None:
    """Refuse what would broadcast in silence."""
    if output.shape != target.shape:
        raise ValueError(
            f"Outputs and targets have different shapes: {tuple(output.shape)} and"
            f" {tuple(target.shape)}."
        )


def at_least_zero(values: Tensor) -> Tensor:
    """Raise to zero, in place, what rounding has brought below; gradients stay as they are."""
    values.detach().clamp_(min=0)
    return values


class Constants:
    """Numbers that go once to the device and the precision of the tensors they meet.

    Parameters
    ----------
    values : array-like
        The numbers, kept in double precision.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ldl.deep.losses.base import Constants
    >>> Constants([0.5, 2.0]).like(torch.zeros(3))
    tensor([0.5000, 2.0000])
    """

    def __init__(self, values: ArrayLike):
        self._values = torch.from_numpy(np.array(values, dtype=np.float64))
        self._copies: dict[tuple[torch.device, torch.dtype], Tensor] = {}

    def like(self, X: Tensor) -> Tensor:
        """Return the numbers for a tensor."""
        key = X.device, X.dtype
        if key not in self._copies:
            self._copies[key] = self._values.to(X)
        return self._copies[key]
