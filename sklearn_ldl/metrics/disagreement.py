"""Calibration to people who disagree: how unsure they are, and what they would choose next.

Both compare row by row, without bins. A third measure of the same authors, the distance of the
distributions, is the Sørensen distance.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import entr

from sklearn_ldl.metrics.rows import row_metric


@row_metric
def entropy_calibration_error(D, P, *, signed: bool = False):
    r"""Entropy calibration error (EntCE): how far the predicted entropy is from the true one.

    .. math:: \left| H(p) - H(d) \right|, \qquad H(p) = -\sum_j p_j \ln p_j

    Entropies forget which label is which: a prediction with the right degrees on the wrong labels
    has an error of 0. Shares of few votes have a lower entropy than the distribution that they were
    drawn from, by about :math:`(C - 1) / 2m` for :math:`m` votes.

    Parameters
    ----------
    D_true, D_pred : array-like of shape (n_samples, n_labels)
        True and predicted distributions: rows on the simplex, exact zeros allowed.
    sample_weight : array-like of shape (n_samples,), default=None
        Non-negative weights of the rows in the mean; None weighs them equally.
    per_row : bool, default=False
        Return the value of every row instead of their mean; excludes `sample_weight`.
    signed : bool, default=False
        Return :math:`H(p) - H(d)`: positive where the prediction is less sure than people are,
        negative where it is surer. In a mean the two cancel, so that less is not better: look at
        it, but do not choose a model by it.

    Returns
    -------
    error : float, or ndarray of shape (n_samples,)
        Between 0 (equally unsure) and :math:`\ln n_{labels}`, in nats; with `signed` between plus
        and minus that.

    Raises
    ------
    ValueError
        If `D_true` or `D_pred` does not hold distributions, if their shapes differ, or if another
        argument is out of its range.

    References
    ----------
    J. Baan, W. Aziz, B. Plank, R. Fernández, "Stop measuring calibration when humans disagree",
    EMNLP 2022.

    Examples
    --------
    >>> from sklearn_ldl.metrics import entropy_calibration_error
    >>> entropy_calibration_error([[0.5, 0.5], [1.0, 0.0]], [[0.5, 0.5], [0.5, 0.5]])
    0.346...
    >>> entropy_calibration_error([[0.5, 0.5]], [[1.0, 0.0]], signed=True)
    -0.693...
    """
    difference = entr(P).sum(axis=1) - entr(D).sum(axis=1)
    return difference if signed else np.abs(difference)


@row_metric
def rank_calibration_score(D, P):
    r"""Rank calibration score (RankCS): how often all labels come in the order of the votes.

    A row counts as 1 if every label with a larger true degree than another has a larger predicted
    degree, else as 0. Labels with the same true degree, such as all those that nobody voted for,
    may come in any order. Where labels tie in the prediction, the row counts as the probability
    that breaking these ties at random gives a right order: two labels that tie, but do not in the
    truth, halve it. So, unlike with lists of sorted labels, the order of the columns does not
    matter.

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
    score : float, or ndarray of shape (n_samples,)
        Between 0 and 1 (all labels in the true order).

    Raises
    ------
    ValueError
        If `D_true` or `D_pred` does not hold distributions, if their shapes differ, or if another
        argument is out of its range.

    References
    ----------
    J. Baan, W. Aziz, B. Plank, R. Fernández, "Stop measuring calibration when humans disagree",
    EMNLP 2022.

    Examples
    --------
    >>> from sklearn_ldl.metrics import rank_calibration_score
    >>> votes = [[0.6, 0.2, 0.2]] * 3
    >>> D_pred = [[0.5, 0.2, 0.3], [0.2, 0.5, 0.3], [0.4, 0.4, 0.2]]
    >>> rank_calibration_score(votes, D_pred, per_row=True)
    array([1. , 0. , 0.5])
    """
    order = np.lexsort((-D, -P), axis=1)
    D, P = np.take_along_axis(D, order, axis=1), np.take_along_axis(P, order, axis=1)
    in_order = (np.diff(D, axis=1) <= 0).all(axis=1)
    # Of g! orders of g labels that tie in the prediction, those are right that only exchange labels
    # which tie in the truth as well.
    tied = np.diff(P, axis=1) == 0
    log_orders = _log_orders(tied)
    log_right = _log_orders(tied & (np.diff(D, axis=1) == 0))
    return np.where(in_order, np.exp(log_right - log_orders), 0)


def _log_orders(tied: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Logarithm of the number of orders of every row, of which neighbours may be `tied`."""
    place = np.zeros((len(tied), tied.shape[1] + 1), dtype=int)
    place[:, 1:] = np.arange(1, place.shape[1])
    start = np.where(tied, 0, place[:, 1:])
    first = np.maximum.accumulate(np.pad(start, ((0, 0), (1, 0))), axis=1)
    return np.log(place - first + 1).sum(axis=1)
