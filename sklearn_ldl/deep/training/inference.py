"""Outputs of a trained network, batch by batch."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn


@torch.no_grad()
def forward_batches(
    module: nn.Module,
    batches: Iterable[Tensor],
    n_rows: int,
    device: torch.device,
    dtype: torch.dtype,
) -> NDArray[np.floating]:
    """Run a module over batches of features, `n_rows` in all, in the precision of `dtype`."""
    outputs: Any = None
    start = 0
    for X in batches:
        # A copy, since a module may work in place and the features may be the caller's.
        part = module(X.to(device=device, dtype=dtype, copy=True)).cpu().numpy()
        # One array from the start: many small ones would lie in the memory that batches have left,
        # which then is too short for the next.
        if outputs is None:
            outputs = np.empty((n_rows, *part.shape[1:]), dtype=part.dtype)
        outputs[start : start + len(part)] = part
        start += len(part)
    return outputs
