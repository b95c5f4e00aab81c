"""A loss on logits, summed over rows, as the solver sees it: along lines in the coefficients."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from sklearn_ldl._solver.design import Design
from sklearn_ldl._solver.losses import Loss

# Logits are updated step by step; they are computed afresh before rounding errors can add up.
_REFRESH = 50


class RowSum(Protocol):
    """What the solver calls: values, and gradients in coefficients and intercept."""

    #: Relative size of the rounding errors of a value.
    resolution: float
    #: A step is accepted once the slope has fallen to this share of the slope at its start: the
    #: less a trial costs, the smaller.
    curvature: float
    #: How often `X` and its transpose were multiplied with one matrix each.
    n_evaluations: int

    def start(self, coef: NDArray, intercept: NDArray) -> tuple[float, NDArray, NDArray]:
        """Value and gradient at a point, from where the first line starts."""

    def aim(self, move: NDArray, shift: NDArray) -> None:
        """Set the direction of the line."""

    def at(self, t: float) -> tuple[float, float]:
        """Value and slope at `t` on the line."""

    def go(self, t: float, coef: NDArray, intercept: NDArray) -> tuple[NDArray, NDArray]:
        """Gradient at the `t` that was asked for last, which is this point: the next start."""

    def gradient_norm(self, G: NDArray, total: NDArray) -> float:
        """Largest entry of a gradient in the coefficients of the uncentred features."""


class RowsInMemory:
    """Rows that are held as one design.

    Since logits are linear in the coefficients, a direction is multiplied with the features once,
    and every trial step along it then costs no product.
    """

    curvature = 0.3

    def __init__(self, design: Design, D: NDArray, loss: Loss):
        self.design, self.D, self.loss = design, D, loss
        self.weight = design.weight.astype(D.dtype)
        self.resolution = 10 * float(np.finfo(D.dtype).eps)
        self.n_evaluations = 0
        self.gradient_norm = design.gradient_norm

    def start(self, coef: NDArray, intercept: NDArray) -> tuple[float, NDArray, NDArray]:
        """Value and gradient at a point, from where the first line starts."""
        self.Z = self.design.logits(coef, intercept)
        value, self.E = self.loss(self.Z, self.D, self.weight)
        self.n_steps = 0
        return value, *self._gradient()

    def aim(self, move: NDArray, shift: NDArray) -> None:
        """Multiply the direction with the features."""
        self.dZ = self.design.logits(move, shift)

    def at(self, t: float) -> tuple[float, float]:
        """Value and slope at `t` on the line."""
        np.multiply(self.dZ, self.dZ.dtype.type(t), out=self.E)
        self.E += self.Z
        value, self.E = self.loss(self.E, self.D, self.weight, out=self.E)
        return value, float(np.vdot(self.E.T, self.dZ.T))

    def go(self, t: float, coef: NDArray, intercept: NDArray) -> tuple[NDArray, NDArray]:
        """Move the logits, and pull their gradient back to the coefficients."""
        self.n_steps += 1
        if self.n_steps % _REFRESH:
            self.dZ *= self.dZ.dtype.type(t)
            self.Z += self.dZ
        else:
            self.Z = self.design.logits(coef, intercept)
        return self._gradient()

    def _gradient(self) -> tuple[NDArray, NDArray]:
        self.n_evaluations += 1
        return self.design.gradient(self.E)
