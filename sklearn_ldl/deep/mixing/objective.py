"""Training on mixed batches, with random numbers that come from the seeded block of the fit."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from sklearn_ldl.deep.generators import own_generator
from sklearn_ldl.deep.mixing.augmentations import get_augmentation
from sklearn_ldl.deep.mixing.mixed import Augmentation, Mixed, mix_targets, mix_weighted_targets
from sklearn_ldl.deep.training.batches import Batch
from sklearn_ldl.deep.training.net import Forward, Objective, WeightedRows


def mix(augment: Augmentation, X: Tensor) -> Mixed:
    """Mix a batch; the generator is seeded by that of the fit, which a warm start carries on."""
    seed = int(torch.randint(torch.iinfo(torch.int64).max, (), generator=own_generator()))
    return augment(X, np.random.default_rng(seed))


def mixing_objective(
    row_loss: Callable[[Tensor, Tensor], Tensor], augment: str | Augmentation | None
) -> Objective | None:
    """Loss of mixed samples to the targets, and with the weights, mixed in the same way.

    Parameters
    ----------
    row_loss : callable
        ``(output, target) -> (n_rows,)``.
    augment : str, callable or None
        See :func:`~sklearn_ldl.deep.mixing.augmentations.get_augmentation`.

    Returns
    -------
    objective : callable or None
        Losses of the rows of a batch; None where nothing is mixed.
    """
    augmentation = get_augmentation(augment)
    if augmentation is None:
        return None

    def objective(forward: Forward, batch: Batch) -> Tensor | WeightedRows:
        mixed = mix(augmentation, batch.X)
        if batch.weight is None:
            return row_loss(forward(mixed.X), mix_targets(batch.target, mixed))
        target, weight = mix_weighted_targets(batch.target, batch.weight, mixed)
        return WeightedRows(row_loss(forward(mixed.X), target), weight)

    return objective
