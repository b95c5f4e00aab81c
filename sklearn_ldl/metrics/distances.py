"""Distances and similarities between two distributions, label by label."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sklearn_ldl.metrics.labels import Truth, choose_truth, true_degree
from sklearn_ldl.metrics.rows import row_metric


@row_metric
def chebyshev_distance(D, P):
    r"""Chebyshev distance: the largest error over the labels.

    .. math:: \max_j |d_j - p_j|

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
        Between 0 (equal) and 1.

    Raises
    ------
    ValueError
        If `D_true` or `D_pred` does not hold distributions, if their shapes differ, or if another
        argument is out of its range.

    References
    ----------
    X. Geng, "Label distribution learning", IEEE TKDE 28(7), 2016.

    Examples
    --------
    >>> from sklearn_ldl.metrics import chebyshev_distance
    >>> chebyshev_distance([[0.5, 0.5], [1.0, 0.0]], [[0.75, 0.25], [0.5, 0.5]])
    0.375
    >>> chebyshev_distance([[0.5, 0.5], [1.0, 0.0]], [[0.75, 0.25], [0.5, 0.5]], per_row=True)
    array([0.25, 0.5 ])
    """
    return np.abs(D - P).max(axis=1)


@row_metric
def euclidean_distance(D, P):
    r"""Euclidean distance.

    .. math:: \sqrt{\textstyle\sum_j (d_j - p_j)^2}

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
        Between 0 (equal) and :math:`\sqrt 2`.

    Raises
    ------
    ValueError
        If `D_true` or `D_pred` does not hold distributions, if their shapes differ, or if another
        argument is out of its range.

    References
    ----------
    S.-H. Cha, "Comprehensive survey on distance/similarity measures between probability density
    functions", International Journal of Mathematical Models and Methods in Applied Sciences 1(4),
    2007.

    Examples
    --------
    >>> from sklearn_ldl.metrics import euclidean_distance
    >>> euclidean_distance([[0.5, 0.5, 0.0]], [[0.2, 0.1, 0.7]])
    0.860...
    """
    return np.linalg.norm(D - P, axis=1)


@row_metric
def sorensen_distance(D, P):
    r"""Sørensen distance: half the sum of the absolute errors (the total variation distance).

    .. math:: \frac{\sum_j |d_j - p_j|}{\sum_j (d_j + p_j)} = \tfrac12 \sum_j |d_j - p_j|

    Where `D_true` are the votes of people, this is the calibration error DistCE of Baan et al.

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
        Between 0 (equal) and 1 (no label in common); one minus :func:`intersection_similarity`.

    Raises
    ------
    ValueError
        If `D_true` or `D_pred` does not hold distributions, if their shapes differ, or if another
        argument is out of its range.

    References
    ----------
    S.-H. Cha, "Comprehensive survey on distance/similarity measures between probability density
    functions", International Journal of Mathematical Models and Methods in Applied Sciences 1(4),
    2007.

    J. Baan, W. Aziz, B. Plank, R. Fernández, "Stop measuring calibration when humans disagree",
    EMNLP 2022 (DistCE).

    Examples
    --------
    >>> from sklearn_ldl.metrics import sorensen_distance
    >>> sorensen_distance([[0.5, 0.5, 0.0]], [[0.25, 0.25, 0.5]])
    0.5
    """
    return np.minimum(np.abs(D - P).sum(axis=1) / 2, 1)


@row_metric
def squared_chi2_distance(D, P):
    r"""Squared chi-squared distance (symmetric); a label without mass in both adds 0.

    .. math:: \sum_j \frac{(d_j - p_j)^2}{d_j + p_j}

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
        Between 0 (equal) and 2 (no label in common).

    Raises
    ------
    ValueError
        If `D_true` or `D_pred` does not hold distributions, if their shapes differ, or if another
        argument is out of its range.

    References
    ----------
    S.-H. Cha, "Comprehensive survey on distance/similarity measures between probability density
    functions", International Journal of Mathematical Models and Methods in Applied Sciences 1(4),
    2007.

    Examples
    --------
    >>> from sklearn_ldl.metrics import squared_chi2_distance
    >>> squared_chi2_distance([[1.0, 0.0, 0.0]], [[0.5, 0.5, 0.0]])
    0.666...
    """
    return (np.abs(D - P) * _relative_error(D, P)).sum(axis=1)


@row_metric
def clark_distance(D, P):
    r"""Clark distance; a label without mass in both distributions adds 0.

    .. math:: \sqrt{\sum_j \frac{(d_j - p_j)^2}{(d_j + p_j)^2}}

    A label that has no mass in one of the distributions adds 1 under the root however little mass
    it has in the other, so many rare labels dominate the distance.

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
        Between 0 (equal) and :math:`\sqrt{n_{labels}}`.

    Raises
    ------
    ValueError
        If `D_true` or `D_pred` does not hold distributions, if their shapes differ, or if another
        argument is out of its range.

    References
    ----------
    X. Geng, "Label distribution learning", IEEE TKDE 28(7), 2016.

    Examples
    --------
    >>> from sklearn_ldl.metrics import clark_distance
    >>> clark_distance([[0.75, 0.25, 0.0]], [[0.25, 0.75, 0.0]])
    0.707...
    """
    return np.linalg.norm(_relative_error(D, P), axis=1)


@row_metric
def canberra_distance(D, P):
    r"""Canberra distance; a label without mass in both distributions adds 0.

    .. math:: \sum_j \frac{|d_j - p_j|}{d_j + p_j}

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
        Between 0 (equal) and `n_labels`.

    Raises
    ------
    ValueError
        If `D_true` or `D_pred` does not hold distributions, if their shapes differ, or if another
        argument is out of its range.

    References
    ----------
    X. Geng, "Label distribution learning", IEEE TKDE 28(7), 2016.

    Examples
    --------
    >>> from sklearn_ldl.metrics import canberra_distance
    >>> canberra_distance([[0.75, 0.25, 0.0]], [[0.25, 0.75, 0.0]])
    1.0
    """
    return _relative_error(D, P).sum(axis=1)


@row_metric
def cosine_similarity(D, P):
    r"""Cosine similarity.

    .. math:: \frac{\sum_j d_j p_j}{\|d\|_2 \, \|p\|_2}

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
    similarity : float, or ndarray of shape (n_samples,)
        Between 0 (no label in common) and 1 (equal).

    Raises
    ------
    ValueError
        If `D_true` or `D_pred` does not hold distributions, if their shapes differ, or if another
        argument is out of its range.

    References
    ----------
    X. Geng, "Label distribution learning", IEEE TKDE 28(7), 2016.

    Examples
    --------
    >>> from sklearn_ldl.metrics import cosine_similarity
    >>> cosine_similarity([[0.5, 0.5]], [[1.0, 0.0]])
    0.707...
    """
    norms = np.linalg.norm(D, axis=1) * np.linalg.norm(P, axis=1)
    return np.minimum((D * P).sum(axis=1) / norms, 1)


@row_metric
def intersection_similarity(D, P):
    r"""Intersection similarity: the mass that both distributions share.

    .. math:: \sum_j \min(d_j, p_j)

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
    similarity : float, or ndarray of shape (n_samples,)
        Between 0 (no label in common) and 1 (equal).

    Raises
    ------
    ValueError
        If `D_true` or `D_pred` does not hold distributions, if their shapes differ, or if another
        argument is out of its range.

    References
    ----------
    X. Geng, "Label distribution learning", IEEE TKDE 28(7), 2016.

    Examples
    --------
    >>> from sklearn_ldl.metrics import intersection_similarity
    >>> intersection_similarity([[0.5, 0.5, 0.0]], [[0.25, 0.25, 0.5]])
    0.5
    """
    return np.minimum(np.minimum(D, P).sum(axis=1), 1)


@row_metric
def fidelity_similarity(D, P):
    r"""Fidelity similarity (the Bhattacharyya coefficient).

    .. math:: \sum_j \sqrt{d_j p_j}

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
    similarity : float, or ndarray of shape (n_samples,)
        Between 0 (no label in common) and 1 (equal).

    Raises
    ------
    ValueError
        If `D_true` or `D_pred` does not hold distributions, if their shapes differ, or if another
        argument is out of its range.

    References
    ----------
    S.-H. Cha, "Comprehensive survey on distance/similarity measures between probability density
    functions", International Journal of Mathematical Models and Methods in Applied Sciences 1(4),
    2007.

    Examples
    --------
    >>> from sklearn_ldl.metrics import fidelity_similarity
    >>> fidelity_similarity([[0.5, 0.5]], [[1.0, 0.0]])
    0.707...
    """
    return np.minimum((np.sqrt(D) * np.sqrt(P)).sum(axis=1), 1)


@row_metric
def zero_one_loss(D, P, *, truth: Truth = "degree"):
    r"""Zero-one loss: how often the predicted label, that of largest degree, is wrong.

    .. math:: 1 - d_{\arg\max_j p_j}

    The true degree of a label is how often it is right, so this is the probability of an error.
    Labels that tie in a prediction share it equally; the order of the labels does not matter. The
    least possible value is not 0, but one minus the mean largest true degree.

    Parameters
    ----------
    D_true, D_pred : array-like of shape (n_samples, n_labels)
        True and predicted distributions: rows on the simplex, exact zeros allowed.
    sample_weight : array-like of shape (n_samples,), default=None
        Non-negative weights of the rows in the mean; None weighs them equally.
    per_row : bool, default=False
        Return the value of every row instead of their mean; excludes `sample_weight`.
    truth : {"degree", "mode"}, default="degree"
        "mode" asks instead whether the predicted label is the true label of largest degree, as the
        zero-one loss of published tables does, with a credit of :math:`1/k` where :math:`k` labels
        tie. These tables call the default the error probability.

    Returns
    -------
    loss : float, or ndarray of shape (n_samples,)
        Between 0 and 1.

    Raises
    ------
    ValueError
        If `D_true` or `D_pred` does not hold distributions, if their shapes differ, or if another
        argument is out of its range.

    References
    ----------
    J. Wang, X. Geng, "Classification with label distribution learning", IJCAI 2019.

    Examples
    --------
    >>> from sklearn_ldl.metrics import zero_one_loss
    >>> zero_one_loss([[0.75, 0.25], [0.75, 0.25]], [[1.0, 0.0], [0.5, 0.5]])
    0.375
    >>> zero_one_loss([[0.75, 0.25], [0.75, 0.25]], [[1.0, 0.0], [0.5, 0.5]], truth="mode")
    0.25
    """
    return 1 - np.minimum(true_degree(choose_truth(D, truth), P), 1)


def _relative_error(D: NDArray, P: NDArray) -> NDArray:
    """Return ``|d - p| / (d + p)``, with 0 / 0 = 0."""
    total = D + P
    return np.divide(np.abs(D - P), total, out=np.zeros_like(total), where=total > 0)
