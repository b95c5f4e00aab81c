"""What an estimate of the target prior rests on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.random import RandomState
from numpy.typing import NDArray

from sklearn_ldl._core.simplex import softmax
from sklearn_ldl.wrappers.posthoc import HeldOut, logits_of


class Evidence(NamedTuple):
    """Predictions for training rows held out, and by the same learners for target rows.

    Learners that were trained on other rows err in other ways. With the same learners on both
    sides, their errors cancel instead of looking like a shift.
    """

    #: Logits for training rows; shape (n_samples, n_labels).
    Z: NDArray[np.float64]
    #: Distributions of training rows; shape (n_samples, n_labels).
    D: NDArray[np.float64]
    #: Weights of training rows, with a sum of one; shape (n_samples,).
    weight: NDArray[np.float64]
    #: Number of the learner that did not see the row; shape (n_samples,).
    fold: NDArray[np.intp]
    #: Logits of all learners for target rows; shape (n_folds, n_target_samples, n_labels).
    Z_target: NDArray[np.float64]

    @classmethod
    def collect(cls, held_out: HeldOut, X_target: Any) -> Evidence:
        """Let the learners predict the target."""
        Z_target = np.stack([logits_of(learner, X_target) for learner in held_out.learners])
        weight = held_out.weight / held_out.weight.sum()
        return cls(held_out.Z, held_out.D, weight, held_out.fold, Z_target)

    def seen(self, labels: NDArray[np.bool_]) -> Evidence:
        """Restrict logits and distributions to some labels, which have all of the mass."""
        return self._replace(
            Z=self.Z[:, labels], D=self.D[:, labels], Z_target=self.Z_target[..., labels]
        )

    @property
    def P(self) -> NDArray[np.float64]:
        """Predictions for training rows."""
        return softmax(self.Z, axis=1)

    @property
    def P_target(self) -> NDArray[np.float64]:
        """Predictions of all learners for target rows."""
        return softmax(self.Z_target, axis=-1)

    def average(
        self, of_learners: NDArray[np.float64], weight: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Average over learners, each with the total weight of the rows that it did not see."""
        share = np.bincount(self.fold, weight, minlength=len(self.Z_target))
        return np.tensordot(share, of_learners, axes=1)

    def bootstrap(
        self, n_bootstrap: int, random_state: RandomState, *, learners: bool
    ) -> Iterator[NDArray[np.float64]]:
        """Draw weights of training rows, with a sum of one, from a Bayesian bootstrap.

        With `learners`, these are drawn as well as the rows: rows that share one are not
        independent. Unlike resampling, random weights never lose a label.
        """
        of_learner = np.ones(len(self.Z_target))
        for _ in range(n_bootstrap):
            if learners:
                of_learner = random_state.standard_exponential(len(self.Z_target))
            of_row = random_state.standard_exponential(len(self.weight))
            weight = self.weight * of_learner[self.fold] * of_row
            yield weight / weight.sum()
