"""What the augmentations share: their checks, and the batches that stay as they are."""

from __future__ import annotations

from numbers import Real
from typing import ClassVar

import numpy as np
import torch

from sklearn_ldl._core.plain_state import PlainState
from sklearn_ldl._core.sklearn_compat import Interval, validate_parameter_constraints
from sklearn_ldl.deep.mixing.mixed import Mixed, as_indices, as_mixed


class BatchMixing(PlainState):
    """Base of the augmentations, which are dataclasses with the field `prob`."""

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
            return as_mixed(X.clone(), [1.0], as_indices([np.arange(n_samples)], X.device))
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


def permuted_partners(X: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """Pair every row with a random one, every row once: the indices of the two parts."""
    return as_indices([np.arange(len(X)), rng.permutation(len(X))], X.device)
