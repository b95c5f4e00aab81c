"""How soon each label enters a set: the lower its score, the sooner.

A set holds the labels whose score does not exceed a threshold, so that sets grow with it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray


def threshold_scores(P: NDArray[np.float64], u: NDArray[np.float64]) -> NDArray[np.float64]:
    """Labels with a degree above some bound, the same in all rows; nothing is random."""
    return 1 - P


def adaptive_scores(P: NDArray[np.float64], u: NDArray[np.float64]) -> NDArray[np.float64]:
    """Labels by falling degree, until there is enough mass; `u` as in :func:`mass_before`.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_ldl.uncertainty.set_scores import adaptive_scores
    >>> adaptive_scores(np.array([[0.2, 0.5, 0.3]]), np.zeros(1))
    array([[0.8, 0. , 0.5]])
    """
    return mass_before(P, np.argsort(-P, axis=1, kind="stable"), u)


def ordinal_scores(P: NDArray[np.float64], u: NDArray[np.float64]) -> NDArray[np.float64]:
    """Intervals of labels that grow from the mode to the side of the larger degree.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_ldl.uncertainty.set_scores import ordinal_scores
    >>> ordinal_scores(np.array([[0.4, 0.1, 0.5]]), np.zeros(1))  # there is no way around label 1
    array([[0.6, 0.5, 0. ]])
    """
    n_samples, n_labels = P.shape
    rows = np.arange(n_samples)
    # No side is chosen beyond the last label.
    walled = np.full((n_samples, n_labels + 2), -1.0)
    walled[:, 1:-1] = P
    order = np.empty((n_samples, n_labels), dtype=np.intp)
    order[:, 0] = low = high = P.argmax(axis=1)
    for place in range(1, n_labels):
        down = walled[rows, low] > walled[rows, high + 2]
        low, high = low - down, high + ~down
        order[:, place] = np.where(down, low, high)
    return mass_before(P, order, u)


def mass_before(
    P: NDArray[np.float64], order: NDArray[np.intp], u: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Mass of the labels that come before each, and a share `u` of its own.

    Parameters
    ----------
    P : ndarray of shape (n_samples, n_labels)
        Rows on the simplex.
    order : ndarray of shape (n_samples, n_labels)
        The labels of each row in the order in which they enter.
    u : ndarray of shape (n_samples,)
        Shares in [0, 1): zeros, or uniform random numbers that break ties.

    Returns
    -------
    scores : ndarray of shape (n_samples, n_labels)
        In the order of the labels.
    """
    ordered = np.take_along_axis(P, order, axis=1)
    before = np.zeros_like(ordered)
    ordered[:, :-1].cumsum(axis=1, out=before[:, 1:])
    scores = np.empty_like(ordered)
    np.put_along_axis(scores, order, before + u[:, np.newaxis] * ordered, axis=1)
    return scores


#: Method -> scores of shape (n_samples, n_labels), given distributions and numbers in [0, 1).
SET_SCORES: dict[str, Callable[[NDArray, NDArray], NDArray[np.float64]]] = {
    "threshold": threshold_scores,
    "adaptive": adaptive_scores,
    "ordinal": ordinal_scores,
}
