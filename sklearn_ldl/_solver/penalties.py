"""Penalties on coefficients: pure functions ``(coef) -> (value, grad)``.

``coef`` has shape (n_labels, n_features); the intercept is never penalised.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Penalty = Callable[[NDArray], tuple[float, NDArray]]


def l2(alpha: float) -> Penalty:
    r"""Squared norm :math:`\tfrac{\alpha}{2} \|W\|_F^2`, gradient :math:`\alpha W`."""

    def penalty(coef: NDArray) -> tuple[float, NDArray]:
        flat = coef.ravel()
        return 0.5 * alpha * float(flat @ flat), alpha * coef

    return penalty


def l2_in_basis(alpha: float, precision: NDArray) -> Penalty:
    r"""Squared norm in a basis `B`, :math:`\tfrac{\alpha}{2} \|B^{-1} W\|_F^2`.

    `precision` is :math:`(B B^T)^{-1}`, and the gradient :math:`\alpha (B B^T)^{-1} W`.
    """

    def penalty(coef: NDArray) -> tuple[float, NDArray]:
        grad = alpha * (precision @ coef)
        return 0.5 * float(np.vdot(grad, coef)), grad

    return penalty
