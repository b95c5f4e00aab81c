"""Conjugate gradients for many right-hand sides."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from sklearn_ldl._core.convergence import warn_not_converged


def conjugate_gradients(
    product: Callable[[NDArray], NDArray], B: NDArray[np.float64], max_iter: int, tol: float
) -> tuple[NDArray[np.float64], int]:
    """Solve a positive definite system for all columns of `B` at once.

    Parameters
    ----------
    product : callable
        Product of the matrix with an array of the shape of `B`.
    B : ndarray of shape (n_rows, n_columns)
        Right-hand sides.
    max_iter : int
        Most steps.
    tol : float
        Norm of the residual of a column, relative to that of the column of `B`.

    Returns
    -------
    solution : ndarray of shape (n_rows, n_columns)
    n_iter : int
        Steps taken.

    Warns
    -----
    ConvergenceWarning
        When the steps do not suffice.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_ldl.enhancement.conjugate_gradients import conjugate_gradients
    >>> A, B = np.array([[2.0, 1.0], [1.0, 3.0]]), np.array([[1.0], [2.0]])
    >>> conjugate_gradients(lambda V: A @ V, B, max_iter=10, tol=1e-8)
    (array([[0.2], [0.6]]), 2)
    """
    solution = np.zeros_like(B)
    residual = B.copy()
    step = residual
    size = start = (residual**2).sum(axis=0)
    enough = tol**2 * start
    for n_iter in range(max_iter):
        active = size > enough
        if not active.any():
            return solution, n_iter
        image = product(step)
        curvature = (step * image).sum(axis=0)
        length = np.divide(size, curvature, out=np.zeros_like(size), where=active)
        solution += length * step
        residual = residual - length * image
        previous, size = size, (residual**2).sum(axis=0)
        step = residual + np.divide(size, previous, out=np.zeros_like(size), where=active) * step
    if (size > enough).any():
        worst = np.sqrt((size[start > 0] / start[start > 0]).max())
        warn_not_converged(
            "The search for scores",
            f"{max_iter} steps",
            f"a relative residual of {worst:.2g}",
            tol,
            "decrease alpha, or increase tol",
        )
    return solution, max_iter
