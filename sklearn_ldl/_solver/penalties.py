"""Penalties on coefficients: pure functions ``(coef) -> (value, grad)``.

``coef`` has shape (n_labels, n_features); the intercept is never penalised.
"""

from __future__ import annotations

from collections.abc import Callable

from numpy.typing import NDArray

Penalty = Callable[[NDArray], tuple[float, NDArray]]


def l2(alpha: float) -> Penalty:
    r"""Squared norm :math:`\tfrac{\alpha}{2} \|W\|_F^2`, gradient :math:`\alpha W`."""

    def penalty(coef: NDArray) -> tuple[float, NDArray]:
        flat = coef.ravel()
        return 0.5 * alpha * float(flat @ flat), alpha * coef

    return penalty
