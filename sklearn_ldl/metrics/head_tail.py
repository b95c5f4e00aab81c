"""Errors on frequent (head) and rare (tail) labels, for imbalanced label distributions."""

from __future__ import annotations

from numbers import Real

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_array

from sklearn_ldl._core.simplex import check_distribution
from sklearn_ldl.metrics.rows import row_metric


def head_labels(D_train: ArrayLike, ratio: float = 10.0) -> NDArray[np.bool_]:
    r"""Find the head labels: those with far more training mass than the rarest label.

    Label :math:`j` belongs to the head if :math:`s_j > \text{ratio} \cdot \min_k s_k`, where
    :math:`s_j` sums the degrees of the label over the training rows. The others form the tail.

    Parameters
    ----------
    D_train : array-like of shape (n_samples, n_labels)
        Distributions of the training rows.
    ratio : float, default=10
        At least 1. The default is that of the imbalanced-LDL protocol.

    Returns
    -------
    head : ndarray of shape (n_labels,), dtype bool
        True for head labels: the argument `head` of :func:`head_euclidean_distance` and
        :func:`tail_euclidean_distance`. All False if the labels are balanced.

    Raises
    ------
    ValueError
        If `D_train` does not hold distributions or `ratio` is below 1.

    References
    ----------
    X. Zhao, Y. An, N. Xu, J. Wang, X. Geng, "Imbalanced label distribution learning", AAAI 2023.

    Examples
    --------
    >>> from sklearn_ldl.metrics import head_labels
    >>> head_labels([[0.9, 0.08, 0.02], [0.7, 0.28, 0.02]])
    array([ True, False, False])
    """
    if not (isinstance(ratio, Real) and 1 <= ratio < np.inf):
        raise ValueError(f"ratio must be a finite number >= 1, got {ratio!r}.")
    mass = check_distribution(D_train, input_name="D_train").sum(axis=0)
    return mass > ratio * mass.min()


@row_metric
def head_euclidean_distance(D, P, *, head: ArrayLike):
    r"""Euclidean distance over the head labels only.

    .. math:: \sqrt{\textstyle\sum_{j \in \text{head}} (d_j - p_j)^2}

    Parameters
    ----------
    D_true, D_pred : array-like of shape (n_samples, n_labels)
        True and predicted distributions: rows on the simplex, exact zeros allowed.
    sample_weight : array-like of shape (n_samples,), default=None
        Non-negative weights of the rows in the mean; None weighs them equally.
    per_row : bool, default=False
        Return the value of every row instead of their mean; excludes `sample_weight`.
    head : array-like of shape (n_labels,), dtype bool
        True for head labels, usually :func:`head_labels` of the training distributions.

    Returns
    -------
    distance : float, or ndarray of shape (n_samples,)
        Between 0 (equal on the head) and :math:`\sqrt 2`.

    Raises
    ------
    ValueError
        If `D_true` or `D_pred` does not hold distributions, if their shapes differ, or if another
        argument is out of its range.

    References
    ----------
    X. Zhao, Y. An, N. Xu, J. Wang, X. Geng, "Imbalanced label distribution learning", AAAI 2023.

    Examples
    --------
    >>> from sklearn_ldl.metrics import head_euclidean_distance
    >>> head_euclidean_distance([[0.8, 0.1, 0.1]], [[0.5, 0.1, 0.4]], head=[True, False, False])
    0.3...
    """
    head = _check_head(head, D.shape[1])
    return np.linalg.norm((D - P)[:, head], axis=1)


@row_metric
def tail_euclidean_distance(D, P, *, head: ArrayLike):
    r"""Euclidean distance over the tail labels only: those that are not in the head.

    .. math:: \sqrt{\textstyle\sum_{j \notin \text{head}} (d_j - p_j)^2}

    Parameters
    ----------
    D_true, D_pred : array-like of shape (n_samples, n_labels)
        True and predicted distributions: rows on the simplex, exact zeros allowed.
    sample_weight : array-like of shape (n_samples,), default=None
        Non-negative weights of the rows in the mean; None weighs them equally.
    per_row : bool, default=False
        Return the value of every row instead of their mean; excludes `sample_weight`.
    head : array-like of shape (n_labels,), dtype bool
        True for head labels, usually :func:`head_labels` of the training distributions.

    Returns
    -------
    distance : float, or ndarray of shape (n_samples,)
        Between 0 (equal on the tail) and :math:`\sqrt 2`.

    Raises
    ------
    ValueError
        If `D_true` or `D_pred` does not hold distributions, if their shapes differ, or if another
        argument is out of its range.

    References
    ----------
    X. Zhao, Y. An, N. Xu, J. Wang, X. Geng, "Imbalanced label distribution learning", AAAI 2023.

    Examples
    --------
    >>> from sklearn_ldl.metrics import tail_euclidean_distance
    >>> tail_euclidean_distance([[0.8, 0.1, 0.1]], [[0.5, 0.1, 0.4]], head=[True, False, False])
    0.3...
    """
    head = _check_head(head, D.shape[1])
    return np.linalg.norm((D - P)[:, ~head], axis=1)


def _check_head(head: ArrayLike, n_labels: int) -> NDArray[np.bool_]:
    head = check_array(head, dtype=None, ensure_2d=False, allow_nd=True, input_name="head")
    if head.dtype != bool or head.shape != (n_labels,):
        raise ValueError(
            f"head must hold one bool per label, shape ({n_labels},), "
            f"got dtype {head.dtype} and shape {head.shape}."
        )
    if head.all() or not head.any():
        which = "tail" if head.all() else "head"
        raise ValueError(f"There is no {which} label: head is {head.all()} for every label.")
    return head
