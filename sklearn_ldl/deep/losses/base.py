"""What losses share: their type, and the checks of their arguments."""

from __future__ import annotations

from collections.abc import Callable

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
