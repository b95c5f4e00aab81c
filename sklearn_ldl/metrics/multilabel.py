"""Measures of label sets that know difficult labels.

Only what :mod:`sklearn.metrics` does not have.
"""

from __future__ import annotations

import warnings
from typing import Literal, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn import metrics
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.utils import check_array

from sklearn_ldl._core.dask_rows import refuse_to_load
from sklearn_ldl._core.states import Zeros, read_states
from sklearn_ldl.metrics.checks import check_weights, in_order_of

Interpolation = Literal["voc2007", "voc2010"]


@overload
def average_precision_score(
    Y_true: ArrayLike,
    Y_score: ArrayLike,
    *,
    average: Literal["macro"] = ...,
    interpolation: Interpolation | None = ...,
    zeros: Zeros | None = ...,
    sample_weight: ArrayLike | None = ...,
) -> float: ...
@overload
def average_precision_score(
    Y_true: ArrayLike,
    Y_score: ArrayLike,
    *,
    average: None,
    interpolation: Interpolation | None = ...,
    zeros: Zeros | None = ...,
    sample_weight: ArrayLike | None = ...,
) -> NDArray[np.float64]: ...
def average_precision_score(
    Y_true: ArrayLike,
    Y_score: ArrayLike,
    *,
    average: Literal["macro"] | None = "macro",
    interpolation: Interpolation | None = None,
    zeros: Zeros | None = None,
    sample_weight: ArrayLike | None = None,
) -> float | NDArray[np.float64]:
    r"""Average precision of every label, and its mean (mAP); difficult labels do not count.

    The rows are ranked by their score for a label. With precision :math:`P_n` and recall
    :math:`R_n` of the rows above the n-th distinct score, the average precision is

    .. math::

       \sum_n (R_n - R_{n-1}) P_n, \quad
       \frac1{11} \sum_{t \in \{0, .1, \dots, 1\}} \max_{R_n \ge t} P_n, \quad
       \sum_n (R_n - R_{n-1}) \max_{m \ge n} P_m

    as scikit-learn has it (``interpolation=None``), in the eleven points of the VOC challenge until
    2009 (``"voc2007"``) and in all points of the challenge from 2010 on (``"voc2010"``). A row
    where the label is difficult is left out of the ranking for this label.

    Parameters
    ----------
    Y_true : array-like of shape (n_samples, n_labels)
        States +1 (positive), 0 (difficult) and -1 (negative); or an indicator matrix: booleans, or
        ones and zeros, where a zero is negative.
    Y_score : array-like of shape (n_samples, n_labels)
        Degrees, probabilities or other scores, by which rows are compared within a label.
    average : {"macro"} or None, default="macro"
        Whether to return the mean over the labels, or with None the value of each.
    interpolation : {"voc2007", "voc2010"}, default=None
        The form, see above. None is that of :func:`sklearn.metrics.average_precision_score`.
    zeros : {"difficult", "negative"}, default=None
        What zeros mean. None means negative where `Y_true` has no -1, difficult elsewhere.
    sample_weight : array-like of shape (n_samples,), default=None
        Non-negative weights of the rows; None weighs them equally.

    Returns
    -------
    score : float, or ndarray of shape (n_labels,)
        Between 0 and 1 (best). NaN for a label without a positive row, which the mean leaves out.

    Raises
    ------
    ValueError
        If shapes do not match, an entry is no state, a score is not finite, or no label has a
        positive row.

    Warns
    -----
    UndefinedMetricWarning
        If the mean leaves out a label, because it has no positive row.

    References
    ----------
    M. Everingham, L. Van Gool, C. K. I. Williams, J. Winn, A. Zisserman, "The Pascal visual object
    classes (VOC) challenge", International Journal of Computer Vision, 2010.

    Examples
    --------
    >>> from sklearn_ldl.metrics import average_precision_score
    >>> states = [[1, -1], [0, 1], [-1, 1], [1, -1]]
    >>> degrees = [[0.9, 0.1], [0.8, 0.2], [0.7, 0.3], [0.6, 0.4]]
    >>> average_precision_score(states, degrees, average=None).round(3)
    array([0.833, 0.583])
    >>> round(average_precision_score(states, degrees, interpolation="voc2007"), 3)
    0.758
    """
    if average not in ("macro", None):
        raise ValueError(f"average must be 'macro' or None, got {average!r}.")
    if interpolation not in (*_FORMS, None):
        raise ValueError(
            f"interpolation must be one of {sorted(_FORMS)} or None, got {interpolation!r}."
        )
    refuse_to_load("Y_score", Y_score)
    Y_true = in_order_of(Y_score, Y_true, "Y_true", "Y_score")
    states, _ = read_states(Y_true, input_name="Y_true", zeros=zeros)
    Y_score = check_array(Y_score, dtype=np.float64, input_name="Y_score")
    if states.shape != Y_score.shape:
        raise ValueError(
            f"Y_true and Y_score have different shapes: {states.shape} and {Y_score.shape}."
        )
    weight = check_weights(sample_weight, len(states))
    scores = np.array(
        [
            _of_label(state, score, weight, interpolation)
            for state, score in zip(states.T, Y_score.T, strict=True)
        ]
    )
    if average is None:
        return scores
    defined = np.isfinite(scores)
    if not defined.any():
        raise ValueError("No label has a positive row: average precision is not defined.")
    if not defined.all():
        warnings.warn(
            f"Labels {np.flatnonzero(~defined).tolist()} have no positive row, where average "
            "precision is not defined: the mean leaves them out.",
            UndefinedMetricWarning,
            stacklevel=2,
        )
    return float(scores[defined].mean())


def _of_label(
    state: NDArray, score: NDArray, weight: NDArray, interpolation: Interpolation | None
) -> float:
    counts = (state != 0) & (weight > 0)
    positive = state[counts] > 0
    if not positive.any():
        return np.nan
    arguments, weight = (positive, score[counts]), weight[counts]
    if interpolation is None:
        return float(metrics.average_precision_score(*arguments, sample_weight=weight))
    # From the largest recall to none, which comes with a precision of one.
    precision, recall, _ = metrics.precision_recall_curve(*arguments, sample_weight=weight)
    envelope = np.maximum.accumulate(precision[:-1])
    return _FORMS[interpolation](envelope, recall)


def _eleven_points(envelope: NDArray, recall: NDArray) -> float:
    # Of the points that reach a recall, the last one; rounding must not decide which these are.
    reached = np.searchsorted(-recall[:-1], -(np.arange(11) / 10 - 1e-9), side="right") - 1
    return float(envelope[reached].mean())


def _all_points(envelope: NDArray, recall: NDArray) -> float:
    return float(-np.diff(recall) @ envelope)


_FORMS = {"voc2007": _eleven_points, "voc2010": _all_points}
