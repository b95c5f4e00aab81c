"""Distances between distributions over ordered labels: a near miss costs less than a far one."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_array

from sklearn_ldl.metrics.rows import row_metric


@row_metric
def emd(D, P, *, grid: ArrayLike | None = None):
    r"""Earth mover's distance (Wasserstein-1) between distributions over ordered labels.

    .. math:: \sum_{k=1}^{C-1} (g_{k+1} - g_k) \left| \sum_{j \le k} (d_j - p_j) \right|

    The least work that turns one distribution into the other: mass times the way it moves.

    Parameters
    ----------
    grid : array-like of shape (n_labels,), default=None
        Values :math:`g` of the labels, strictly increasing. None stands for neighbours one apart;
        the distance then counts label steps.

    Returns
    -------
    distance : float, or ndarray of shape (n_samples,)
        Between 0 (equal) and ``grid[-1] - grid[0]``, in the unit of `grid`.

    References
    ----------
    Y. Rubner, C. Tomasi, L. J. Guibas, "The earth mover's distance as a metric for image
    retrieval", International Journal of Computer Vision 40(2), 2000.

    Examples
    --------
    >>> from sklearn_ldl.metrics import emd
    >>> emd([[1.0, 0.0, 0.0]], [[0.0, 0.5, 0.5]])
    1.5
    >>> emd([[1.0, 0.0, 0.0]], [[0.0, 0.5, 0.5]], grid=[20, 30, 50])
    20.0
    """
    return _work(D, P, _steps(grid, D.shape[1]))


@row_metric
def cad(D, P):
    r"""Cumulative absolute distance: the name of the EMD with unit steps in ordinal LDL.

    .. math:: \sum_{k=1}^{C} \left| \sum_{j \le k} (d_j - p_j) \right|

    The last term is zero because both distributions sum to one. :func:`emd` takes steps of any
    length.

    Returns
    -------
    distance : float, or ndarray of shape (n_samples,)
        Between 0 (equal) and ``n_labels - 1``.

    References
    ----------
    C. Wen, X. Zhang, X. Yao, J. Yang, "Ordinal label distribution learning", ICCV 2023.

    Examples
    --------
    >>> from sklearn_ldl.metrics import cad
    >>> cad([[1.0, 0.0, 0.0]], [[0.0, 0.5, 0.5]])
    1.5
    """
    return _work(D, P, np.ones(D.shape[1] - 1))


@row_metric
def quadratic_form(D, P, *, grid: ArrayLike | None = None):
    r"""Quadratic form distance: labels that lie close to each other are similar.

    .. math::

        \sqrt{(d - p)^\top A (d - p)}, \qquad
        A_{ij} = 1 - \frac{|g_i - g_j|}{g_C - g_1}

    Without a grid, :math:`A_{ij} = 1 - |i - j| / (C - 1)`. The matrix is never formed: summation by
    parts gives

    .. math::

        (d - p)^\top A (d - p) = \frac{2}{g_C - g_1} \sum_{k=1}^{C-1} (g_{k+1} - g_k)
        \Big( \sum_{j \le k} (d_j - p_j) \Big)^2,

    which is non-negative and proportional to the ranked probability score.

    Parameters
    ----------
    grid : array-like of shape (n_labels,), default=None
        Values :math:`g` of the labels, strictly increasing. None stands for equal steps.

    Returns
    -------
    distance : float, or ndarray of shape (n_samples,)
        Between 0 (equal) and :math:`\sqrt 2` (all mass at opposite ends).

    References
    ----------
    J. Hafner, H. S. Sawhney, W. Equitz, M. Flickner, W. Niblack, "Efficient color histogram
    indexing for quadratic form distance functions", IEEE TPAMI 17(7), 1995.

    C. Wen, X. Zhang, X. Yao, J. Yang, "Ordinal label distribution learning", ICCV 2023.

    Examples
    --------
    >>> from sklearn_ldl.metrics import quadratic_form
    >>> quadratic_form([[1.0, 0.0, 0.0]], [[0.0, 1.0, 0.0]])
    1.0
    >>> quadratic_form([[1.0, 0.0, 0.0]], [[0.0, 0.0, 1.0]])
    1.414...
    """
    steps = _steps(grid, D.shape[1])
    return np.sqrt(_cumulative_error(D, P) ** 2 @ (2 * steps / steps.sum()))


def _work(D: NDArray, P: NDArray, steps: NDArray) -> NDArray:
    return np.abs(_cumulative_error(D, P)) @ steps


def _cumulative_error(D: NDArray, P: NDArray) -> NDArray:
    return np.cumsum(D - P, axis=1)[:, :-1]


def _steps(grid: ArrayLike | None, n_labels: int) -> NDArray:
    """Return the way from each label to the next, of shape (n_labels - 1,)."""
    if grid is None:
        return np.ones(n_labels - 1)
    grid = check_array(grid, dtype=np.float64, ensure_2d=False, allow_nd=True, input_name="grid")
    if grid.shape != (n_labels,):
        raise ValueError(
            f"grid has shape {grid.shape}, expected ({n_labels},): one value per label."
        )
    steps = np.diff(grid)
    if steps.min() <= 0:
        raise ValueError("grid must be strictly increasing: sort the labels and their columns.")
    return steps
