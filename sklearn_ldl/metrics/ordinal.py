"""Distances between distributions over ordered labels: a near miss costs less than a far one."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_array

from sklearn_ldl.metrics.rows import row_metric


@row_metric
def wasserstein_distance(D, P, *, grid: ArrayLike | None = None):
    r"""Wasserstein distance (earth mover's distance) between distributions over ordered labels.

    .. math:: \sum_{k=1}^{C-1} (g_{k+1} - g_k) \left| \sum_{j \le k} (d_j - p_j) \right|

    The least work that turns one distribution into the other: mass times the way it moves.

    Parameters
    ----------
    D_true, D_pred : array-like of shape (n_samples, n_labels)
        True and predicted distributions: rows on the simplex, exact zeros allowed.
    sample_weight : array-like of shape (n_samples,), default=None
        Non-negative weights of the rows in the mean; None weighs them equally.
    per_row : bool, default=False
        Return the value of every row instead of their mean; excludes `sample_weight`.
    grid : array-like of shape (n_labels,), default=None
        Values :math:`g` of the labels, strictly increasing. None stands for neighbours one apart;
        the distance then counts label steps. Columns of two data frames that have these values as
        names are matched by name.

    Returns
    -------
    distance : float, or ndarray of shape (n_samples,)
        Between 0 (equal) and ``grid[-1] - grid[0]``, in the unit of `grid`.

    Raises
    ------
    ValueError
        If `D_true` or `D_pred` does not hold distributions, if their shapes differ, or if another
        argument is out of its range.

    References
    ----------
    Y. Rubner, C. Tomasi, L. J. Guibas, "The earth mover's distance as a metric for image
    retrieval", International Journal of Computer Vision 40(2), 2000.

    Examples
    --------
    >>> from sklearn_ldl.metrics import wasserstein_distance
    >>> wasserstein_distance([[1.0, 0.0, 0.0]], [[0.0, 0.5, 0.5]])
    1.5
    >>> wasserstein_distance([[1.0, 0.0, 0.0]], [[0.0, 0.5, 0.5]], grid=[20, 30, 50])
    20.0
    """
    return _work(D, P, _steps(grid, D.shape[1]))


@row_metric
def cumulative_absolute_distance(D, P):
    r"""Cumulative absolute distance: what ordinal LDL calls the Wasserstein distance at unit steps.

    .. math:: \sum_{k=1}^{C} \left| \sum_{j \le k} (d_j - p_j) \right|

    The last term is zero because both distributions sum to one. :func:`wasserstein_distance` takes
    steps of any length.

    Parameters
    ----------
    D_true, D_pred : array-like of shape (n_samples, n_labels)
        True and predicted distributions: rows on the simplex, exact zeros allowed.
    sample_weight : array-like of shape (n_samples,), default=None
        Non-negative weights of the rows in the mean; None weighs them equally.
    per_row : bool, default=False
        Return the value of every row instead of their mean; excludes `sample_weight`.

    Returns
    -------
    distance : float, or ndarray of shape (n_samples,)
        Between 0 (equal) and ``n_labels - 1``.

    Raises
    ------
    ValueError
        If `D_true` or `D_pred` does not hold distributions, if their shapes differ, or if another
        argument is out of its range.

    References
    ----------
    C. Wen, X. Zhang, X. Yao, J. Yang, "Ordinal label distribution learning", ICCV 2023.

    Examples
    --------
    >>> from sklearn_ldl.metrics import cumulative_absolute_distance
    >>> cumulative_absolute_distance([[1.0, 0.0, 0.0]], [[0.0, 0.5, 0.5]])
    1.5
    """
    return _work(D, P, np.ones(D.shape[1] - 1))


@row_metric
def quadratic_form_distance(D, P, *, grid: ArrayLike | None = None):
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
    D_true, D_pred : array-like of shape (n_samples, n_labels)
        True and predicted distributions: rows on the simplex, exact zeros allowed.
    sample_weight : array-like of shape (n_samples,), default=None
        Non-negative weights of the rows in the mean; None weighs them equally.
    per_row : bool, default=False
        Return the value of every row instead of their mean; excludes `sample_weight`.
    grid : array-like of shape (n_labels,), default=None
        Values :math:`g` of the labels, strictly increasing. None stands for equal steps.
        Columns of two data frames that have these values as names are matched by name.

    Returns
    -------
    distance : float, or ndarray of shape (n_samples,)
        Between 0 (equal) and :math:`\sqrt 2` (all mass at opposite ends).

    Raises
    ------
    ValueError
        If `D_true` or `D_pred` does not hold distributions, if their shapes differ, or if another
        argument is out of its range.

    References
    ----------
    J. Hafner, H. S. Sawhney, W. Equitz, M. Flickner, W. Niblack, "Efficient color histogram
    indexing for quadratic form distance functions", IEEE TPAMI 17(7), 1995.

    C. Wen, X. Zhang, X. Yao, J. Yang, "Ordinal label distribution learning", ICCV 2023.

    Examples
    --------
    >>> from sklearn_ldl.metrics import quadratic_form_distance
    >>> quadratic_form_distance([[1.0, 0.0, 0.0]], [[0.0, 1.0, 0.0]])
    1.0
    >>> quadratic_form_distance([[1.0, 0.0, 0.0]], [[0.0, 0.0, 1.0]])
    1.414...
    """
    steps = _steps(grid, D.shape[1])
    return np.sqrt(_cumulative_error(D, P) ** 2 @ (2 * steps / steps.sum()))


@row_metric
def ranked_probability_score_loss(D, P, *, grid: ArrayLike | None = None):
    r"""Ranked probability score: squared errors of the probabilities of "up to this label".

    .. math:: \sum_{k=1}^{C-1} (g_{k+1} - g_k) \Big( \sum_{j \le k} (d_j - p_j) \Big)^2

    It is proper: nothing scores better on average than the true distribution, be the rows of
    `D_true` distributions, votes or single labels drawn from it. Of labels in an order it is what
    the Brier score is of others; with a grid it is the continuous ranked probability score of
    distributions over that grid. :func:`quadratic_form_distance` is the root of it in each row, on
    a scale of its own, and not proper for that reason.

    Parameters
    ----------
    D_true, D_pred : array-like of shape (n_samples, n_labels)
        True and predicted distributions: rows on the simplex, exact zeros allowed.
    sample_weight : array-like of shape (n_samples,), default=None
        Non-negative weights of the rows in the mean; None weighs them equally.
    per_row : bool, default=False
        Return the value of every row instead of their mean; excludes `sample_weight`.
    grid : array-like of shape (n_labels,), default=None
        Values :math:`g` of the labels, strictly increasing. None stands for neighbours one apart.
        Columns of two data frames that have these values as names are matched by name.

    Returns
    -------
    loss : float, or ndarray of shape (n_samples,)
        Between 0 (equal) and ``grid[-1] - grid[0]``, or ``n_labels - 1`` without a grid, by which
        some authors divide.

    Raises
    ------
    ValueError
        If `D_true` or `D_pred` does not hold distributions, if their shapes differ, or if another
        argument is out of its range.

    References
    ----------
    E. S. Epstein, "A scoring system for probability forecasts of ranked categories", Journal of
    Applied Meteorology 8(6), 1969.

    T. Gneiting, A. E. Raftery, "Strictly proper scoring rules, prediction, and estimation",
    Journal of the American Statistical Association 102(477), 2007.

    Examples
    --------
    >>> from sklearn_ldl.metrics import ranked_probability_score_loss
    >>> ranked_probability_score_loss([[1.0, 0.0, 0.0]], [[0.0, 0.5, 0.5]])
    1.25
    >>> ranked_probability_score_loss([[1.0, 0.0, 0.0]], [[0.0, 0.5, 0.5]], grid=[1, 3, 5])
    2.5
    """
    return _cumulative_error(D, P) ** 2 @ _steps(grid, D.shape[1])


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
