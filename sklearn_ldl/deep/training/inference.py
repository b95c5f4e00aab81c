"""Outputs of a trained network, batch by batch."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import Dataset

from sklearn_ldl.deep.networks.outputs import first_output
from sklearn_ldl.deep.training.batches import as_tensor, read_only_features
from sklearn_ldl.deep.training.stored_rows import Rows, is_stored

# Most rows, and most numbers, in a batch of a prediction that exceeds `batch_size`.
_ROWS, _NUMBERS = 2**12, 2**18


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
        returned = module(X.to(device=device, dtype=dtype, copy=True))
        part = first_output(returned).cpu().numpy()
        # One array from the start: many small ones would lie in the memory that batches have left,
        # which then is too short for the next.
        if outputs is None:
            outputs = np.empty((n_rows, *part.shape[1:]), dtype=part.dtype)
        outputs[start : start + len(part)] = part
        start += len(part)
    return outputs


def prediction_batches(
    X: Any, input_shape: tuple[int, ...], batch_size: int | str, num_workers: int
) -> Iterator[Tensor]:
    """Batches of validated features, which may be larger than the `batch_size` of training."""
    size = 1 if batch_size == "all" else int(batch_size)
    size = max(size, min(_ROWS, _NUMBERS // math.prod(input_shape)))
    if isinstance(X, Dataset):
        yield from read_only_features(X, size, num_workers)
        return
    stored = Rows(X) if is_stored(X) else None
    for start in range(0, X.shape[0], size):
        rows = slice(start, start + size)
        yield as_tensor(X[rows]) if stored is None else torch.from_numpy(stored(rows))
