"""What every iterative method says when it stops before it has converged."""

from __future__ import annotations

import warnings

from sklearn.exceptions import ConvergenceWarning


def warn_not_converged(name: str, steps: str, left: str, tol: float, remedy: str) -> None:
    """Issue a `ConvergenceWarning` on behalf of the caller of the function that calls this.

    Parameters
    ----------
    name : str
        The method.
    steps : str
        What it did, such as "20 iterations".
    left : str
        What is above `tol`, such as "a gradient of 0.1".
    tol : float
        What was to be reached.
    remedy : str
        What to try, as the rest of "Increase max_iter, ...".
    """
    warnings.warn(
        f"{name} stopped after {steps} with {left} > tol={tol:g}. Increase max_iter, {remedy}.",
        ConvergenceWarning,
        stacklevel=3,
    )
