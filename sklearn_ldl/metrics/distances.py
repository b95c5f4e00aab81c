"""Distances and similarities between two distributions, label by label."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sklearn_ldl.metrics.rows import row_metric


@row_metric
def chebyshev(D, P):
    r"""Chebyshev distance: the largest error over the labels.

    .. math:: \max_j |d_j - p_j|

    Returns
    -------
    distance : float, or ndarray of shape (n_samples,)
        Between 0 (equal) and 1.

    References
    ----------
    X. Geng, "Label distribution learning", IEEE TKDE 28(7), 2016.

    Examples
    --------
    >>> from sklearn_ldl.metrics import chebyshev
    >>> chebyshev([[0.5, 0.5], [1.0, 0.0]], [[0.75, 0.25], [0.5, 0.5]])
    0.375
    >>> chebyshev([[0.5, 0.5], [1.0, 0.0]], [[0.75, 0.25], [0.5, 0.5]], per_row=True)
    array([0.25, 0.5 ])
    """
    return np.abs(D - P).max(axis=1)


@row_metric
def euclidean(D, P):
    r"""Euclidean distance.

    .. math:: \sqrt{\textstyle\sum_j (d_j - p_j)^2}

    Returns
    -------
    distance : float, or ndarray of shape (n_samples,)
        Between 0 (equal) and :math:`\sqrt 2`.

    References
    ----------
    S.-H. Cha, "Comprehensive survey on distance/similarity measures between probability density
    functions", International Journal of Mathematical Models and Methods in Applied Sciences 1(4),
    2007.

    Examples
    --------
    >>> from sklearn_ldl.metrics import euclidean
    >>> euclidean([[0.5, 0.5, 0.0]], [[0.2, 0.1, 0.7]])
    0.860...
    """
    return np.linalg.norm(D - P, axis=1)


@row_metric
def sorensen(D, P):
    r"""Sørensen distance: half the sum of the absolute errors (the total variation distance).

    .. math:: \frac{\sum_j |d_j - p_j|}{\sum_j (d_j + p_j)} = \tfrac12 \sum_j |d_j - p_j|

    Returns
    -------
    distance : float, or ndarray of shape (n_samples,)
        Between 0 (equal) and 1 (no label in common); one minus :func:`intersection`.

    References
    ----------
    S.-H. Cha, "Comprehensive survey on distance/similarity measures between probability density
    functions", International Journal of Mathematical Models and Methods in Applied Sciences 1(4),
    2007.

    Examples
    --------
    >>> from sklearn_ldl.metrics import sorensen
    >>> sorensen([[0.5, 0.5, 0.0]], [[0.25, 0.25, 0.5]])
    0.5
    """
    return np.minimum(np.abs(D - P).sum(axis=1) / 2, 1)


@row_metric
def squared_chi2(D, P):
    r"""Squared chi-squared distance (symmetric); a label without mass in both adds 0.

    .. math:: \sum_j \frac{(d_j - p_j)^2}{d_j + p_j}

    Returns
    -------
    distance : float, or ndarray of shape (n_samples,)
        Between 0 (equal) and 2 (no label in common).

    References
    ----------
    S.-H. Cha, "Comprehensive survey on distance/similarity measures between probability density
    functions", International Journal of Mathematical Models and Methods in Applied Sciences 1(4),
    2007.

    Examples
    --------
    >>> from sklearn_ldl.metrics import squared_chi2
    >>> squared_chi2([[1.0, 0.0, 0.0]], [[0.5, 0.5, 0.0]])
    0.666...
    """
    return (np.abs(D - P) * _relative_error(D, P)).sum(axis=1)


@row_metric
def clark(D, P):
    r"""Clark distance; a label without mass in both distributions adds 0.

    .. math:: \sqrt{\sum_j \frac{(d_j - p_j)^2}{(d_j + p_j)^2}}

    A label that has no mass in one of the distributions adds 1 under the root however little mass
    it has in the other, so many rare labels dominate the distance.

    Returns
    -------
    distance : float, or ndarray of shape (n_samples,)
        Between 0 (equal) and :math:`\sqrt{n_{labels}}`.

    References
    ----------
    X. Geng, "Label distribution learning", IEEE TKDE 28(7), 2016.

    Examples
    --------
    >>> from sklearn_ldl.metrics import clark
    >>> clark([[0.75, 0.25, 0.0]], [[0.25, 0.75, 0.0]])
    0.707...
    """
    return np.linalg.norm(_relative_error(D, P), axis=1)


@row_metric
def canberra(D, P):
    r"""Canberra distance; a label without mass in both distributions adds 0.

    .. math:: \sum_j \frac{|d_j - p_j|}{d_j + p_j}

    Returns
    -------
    distance : float, or ndarray of shape (n_samples,)
        Between 0 (equal) and `n_labels`.

    References
    ----------
    X. Geng, "Label distribution learning", IEEE TKDE 28(7), 2016.

    Examples
    --------
    >>> from sklearn_ldl.metrics import canberra
    >>> canberra([[0.75, 0.25, 0.0]], [[0.25, 0.75, 0.0]])
    1.0
    """
    return _relative_error(D, P).sum(axis=1)


@row_metric
def cosine(D, P):
    r"""Cosine similarity.

    .. math:: \frac{\sum_j d_j p_j}{\|d\|_2 \, \|p\|_2}

    Returns
    -------
    similarity : float, or ndarray of shape (n_samples,)
        Between 0 (no label in common) and 1 (equal).

    References
    ----------
    X. Geng, "Label distribution learning", IEEE TKDE 28(7), 2016.

    Examples
    --------
    >>> from sklearn_ldl.metrics import cosine
    >>> cosine([[0.5, 0.5]], [[1.0, 0.0]])
    0.707...
    """
    norms = np.linalg.norm(D, axis=1) * np.linalg.norm(P, axis=1)
    return np.minimum((D * P).sum(axis=1) / norms, 1)


@row_metric
def intersection(D, P):
    r"""Intersection similarity: the mass that both distributions share.

    .. math:: \sum_j \min(d_j, p_j)

    Returns
    -------
    similarity : float, or ndarray of shape (n_samples,)
        Between 0 (no label in common) and 1 (equal).

    References
    ----------
    X. Geng, "Label distribution learning", IEEE TKDE 28(7), 2016.

    Examples
    --------
    >>> from sklearn_ldl.metrics import intersection
    >>> intersection([[0.5, 0.5, 0.0]], [[0.25, 0.25, 0.5]])
    0.5
    """
    return np.minimum(np.minimum(D, P).sum(axis=1), 1)


@row_metric
def fidelity(D, P):
    r"""Fidelity similarity (the Bhattacharyya coefficient).

    .. math:: \sum_j \sqrt{d_j p_j}

    Returns
    -------
    similarity : float, or ndarray of shape (n_samples,)
        Between 0 (no label in common) and 1 (equal).

    References
    ----------
    S.-H. Cha, "Comprehensive survey on distance/similarity measures between probability density
    functions", International Journal of Mathematical Models and Methods in Applied Sciences 1(4),
    2007.

    Examples
    --------
    >>> from sklearn_ldl.metrics import fidelity
    >>> fidelity([[0.5, 0.5]], [[1.0, 0.0]])
    0.707...
    """
    return np.minimum((np.sqrt(D) * np.sqrt(P)).sum(axis=1), 1)


@row_metric
def zero_one(D, P):
    r"""Zero-one loss: how often the labels of largest degree disagree.

    .. math:: [\arg\max_j d_j \ne \arg\max_j p_j]

    On ties the first label counts.

    Returns
    -------
    loss : float, or ndarray of shape (n_samples,)
        The fraction of rows that disagree; per row 0 or 1.

    References
    ----------
    J. Wang, X. Geng, "Classification with label distribution learning", IJCAI 2019.

    Examples
    --------
    >>> from sklearn_ldl.metrics import zero_one
    >>> zero_one([[0.6, 0.4], [0.6, 0.4]], [[0.9, 0.1], [0.1, 0.9]])
    0.5
    """
    return (D.argmax(axis=1) != P.argmax(axis=1)).astype(np.float64)


def _relative_error(D: NDArray, P: NDArray) -> NDArray:
    """Return ``|d - p| / (d + p)``, with 0 / 0 = 0."""
    total = D + P
    return np.divide(np.abs(D - P), total, out=np.zeros_like(total), where=total > 0)
