"""How far predicted probabilities can be trusted.

The truth is either one class label per row or a distribution; where a measure asks whether the
prediction is correct, the label of largest degree counts (the first on ties).
"""

from __future__ import annotations

from numbers import Integral
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import entr
from sklearn.utils import check_array

from sklearn_ldl._core.label_names import columns_in_order, columns_of_frame, name_array
from sklearn_ldl._core.simplex import check_distribution, safe_log
from sklearn_ldl._core.underflow import underflow_is_zero
from sklearn_ldl.metrics.checks import check_floor, check_weights, weighted_mean
from sklearn_ldl.metrics.labels import one_hot

#: A score this close above an edge belongs to the bin below: float32 predictions are that exact.
_EDGE_TOLERANCE = 1e-6


@underflow_is_zero
def expected_calibration_error(
    y_true: ArrayLike,
    D_pred: ArrayLike,
    *,
    labels: ArrayLike | None = None,
    n_bins: int = 10,
    sample_weight: ArrayLike | None = None,
) -> float:
    r"""ECE, the expected calibration error: how far the confidence is from the accuracy.

    .. math:: \sum_m \frac{n_m}{n} \left| \mathrm{acc}_m - \mathrm{conf}_m \right|

    Rows fall into bins of equal width, :math:`((m-1)/M, m/M]`, by their confidence, the largest
    predicted degree; :math:`\mathrm{acc}_m` and :math:`\mathrm{conf}_m` are the accuracy and the
    mean confidence of the :math:`n_m` rows in a bin. Empty bins do not count. Predicting the class
    frequencies for every row is perfectly calibrated, so report the accuracy as well.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,) or (n_samples, n_labels)
        Class labels, or distributions, whose label of largest degree then counts.
    D_pred : array-like of shape (n_samples, n_labels)
        Predicted distributions.
    labels : array-like of shape (n_labels,), default=None
        The class of each column of `D_pred`, such as `classes_` of a classifier. None stands for
        the names of its columns, of a data frame, or else for the numbers 0, 1, ... Distributions
        `y_true` are matched by name, where they are a data frame, and else by position.
    n_bins : int, default=10
        Number of bins. Other code often uses 15, so report it.
    sample_weight : array-like of shape (n_samples,), default=None
        Non-negative weights of the rows; None weighs them equally.

    Returns
    -------
    error : float
        Between 0 (calibrated) and 1.

    Raises
    ------
    ValueError
        If an argument is out of its range, if shapes do not match, or if `y_true` holds a label
        without a column.

    References
    ----------
    M. P. Naeini, G. F. Cooper, M. Hauskrecht, "Obtaining well calibrated probabilities using
    Bayesian binning", AAAI 2015.

    C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger, "On calibration of modern neural networks", ICML
    2017.

    Examples
    --------
    >>> from sklearn_ldl.metrics import expected_calibration_error
    >>> D_pred = [[0.75, 0.25]] * 4
    >>> expected_calibration_error([0, 0, 0, 1], D_pred)
    0.0
    >>> expected_calibration_error(["no", "yes", "yes", "yes"], D_pred, labels=["no", "yes"])
    0.5
    """
    D, P = check_truth(y_true, D_pred, labels)
    return _binned_gap(P.max(axis=1), is_correct(D, P), n_bins, sample_weight)


@underflow_is_zero
def uncertainty_calibration_error(
    y_true: ArrayLike,
    D_pred: ArrayLike,
    *,
    labels: ArrayLike | None = None,
    n_bins: int = 10,
    sample_weight: ArrayLike | None = None,
) -> float:
    r"""UCE, the uncertainty calibration error: how far the entropy is from the error rate.

    .. math::

        \sum_m \frac{n_m}{n} \left| \mathrm{err}_m - \mathrm{uncert}_m \right|, \qquad
        u = -\frac{1}{\ln C} \sum_j p_j \ln p_j

    Like :func:`expected_calibration_error`, with the error rate in place of the accuracy and the
    normalised entropy :math:`u` in place of the confidence.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,) or (n_samples, n_labels)
        Class labels, or distributions, whose label of largest degree then counts.
    D_pred : array-like of shape (n_samples, n_labels)
        Predicted distributions.
    labels : array-like of shape (n_labels,), default=None
        The class of each column of `D_pred`, such as `classes_` of a classifier. None stands for
        the names of its columns, of a data frame, or else for the numbers 0, 1, ... Distributions
        `y_true` are matched by name, where they are a data frame, and else by position.
    n_bins : int, default=10
        Number of bins of equal width.
    sample_weight : array-like of shape (n_samples,), default=None
        Non-negative weights of the rows; None weighs them equally.

    Returns
    -------
    error : float
        Between 0 (calibrated) and 1.

    Raises
    ------
    ValueError
        If an argument is out of its range, if shapes do not match, or if `y_true` holds a label
        without a column.

    References
    ----------
    M.-H. Laves, S. Ihler, K.-P. Kortmann, T. Ortmaier, "Well-calibrated model uncertainty with
    temperature scaling for dropout variational inference", NeurIPS Workshop on Bayesian Deep
    Learning 2019.

    Examples
    --------
    >>> from sklearn_ldl.metrics import uncertainty_calibration_error
    >>> uncertainty_calibration_error([0, 1], [[0.5, 0.5], [0.5, 0.5]])
    0.5
    """
    D, P = check_truth(y_true, D_pred, labels)
    uncertainty = np.minimum(entr(P).sum(axis=1) / np.log(P.shape[1]), 1)
    return _binned_gap(uncertainty, 1 - is_correct(D, P), n_bins, sample_weight)


@underflow_is_zero
def log_loss(
    y_true: ArrayLike,
    D_pred: ArrayLike,
    *,
    labels: ArrayLike | None = None,
    floor: float = 1e-12,
    sample_weight: ArrayLike | None = None,
) -> float:
    r"""Negative log-likelihood (NLL) of the labels, or cross-entropy of the distributions.

    .. math:: -\sum_j d_j \ln \max(p_j, \text{floor})

    A class label is a distribution with all its mass on that label, which leaves
    :math:`-\ln p_y`. For distributions the least possible value is their entropy;
    :func:`kl_divergence` is what exceeds it.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,) or (n_samples, n_labels)
        Class labels or distributions.
    D_pred : array-like of shape (n_samples, n_labels)
        Predicted distributions.
    labels : array-like of shape (n_labels,), default=None
        The class of each column of `D_pred`, such as `classes_` of a classifier. None stands for
        the names of its columns, of a data frame, or else for the numbers 0, 1, ... Distributions
        `y_true` are matched by name, where they are a data frame, and else by position.
    floor : float, default=1e-12
        Smaller predicted degrees are raised to this value, in (0, 1).
    sample_weight : array-like of shape (n_samples,), default=None
        Non-negative weights of the rows; None weighs them equally.

    Returns
    -------
    loss : float
        At least 0, in nats.

    Raises
    ------
    ValueError
        If an argument is out of its range, if shapes do not match, or if `y_true` holds a label
        without a column.

    References
    ----------
    C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger, "On calibration of modern neural networks", ICML
    2017.

    Examples
    --------
    >>> from sklearn_ldl.metrics import log_loss
    >>> log_loss([0, 1], [[0.5, 0.5], [0.5, 0.5]])
    0.693...
    >>> log_loss([[0.75, 0.25]], [[0.5, 0.5]])
    0.693...
    """
    check_floor(floor)
    D, P = check_truth(y_true, D_pred, labels)
    return weighted_mean(-(D * safe_log(P, floor)).sum(axis=1), sample_weight)


@underflow_is_zero
def brier_score_loss(
    y_true: ArrayLike,
    D_pred: ArrayLike,
    *,
    labels: ArrayLike | None = None,
    kind: Literal["top_label", "multiclass"] = "top_label",
    sample_weight: ArrayLike | None = None,
) -> float:
    r"""Brier score: squared error of the predicted probabilities.

    .. math::

        \text{top\_label:} \; (\max_j p_j - [\text{correct}])^2, \qquad
        \text{multiclass:} \; \sum_j (p_j - d_j)^2

    The two live on different scales: for a hundred classes and 80 % accuracy a calibrated model
    has roughly 0.1 and 0.3.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,) or (n_samples, n_labels)
        Class labels or distributions.
    D_pred : array-like of shape (n_samples, n_labels)
        Predicted distributions.
    labels : array-like of shape (n_labels,), default=None
        The class of each column of `D_pred`, such as `classes_` of a classifier. None stands for
        the names of its columns, of a data frame, or else for the numbers 0, 1, ... Distributions
        `y_true` are matched by name, where they are a data frame, and else by position.
    kind : {"top_label", "multiclass"}, default="top_label"
        "top_label" judges the confidence in the predicted label, as papers on calibration do.
        "multiclass" sums over all labels (Brier's definition); :math:`d` is one-hot for class
        labels.
    sample_weight : array-like of shape (n_samples,), default=None
        Non-negative weights of the rows; None weighs them equally.

    Returns
    -------
    loss : float
        Between 0 (perfect) and 1 ("top_label") or 2 ("multiclass").

    Raises
    ------
    ValueError
        If an argument is out of its range, if shapes do not match, or if `y_true` holds a label
        without a column.

    References
    ----------
    G. W. Brier, "Verification of forecasts expressed in terms of probability", Monthly Weather
    Review 78(1), 1950.

    Examples
    --------
    >>> from sklearn_ldl.metrics import brier_score_loss
    >>> brier_score_loss([0, 1], [[0.5, 0.5], [0.5, 0.5]])
    0.25
    >>> brier_score_loss([0, 1], [[0.5, 0.5], [0.5, 0.5]], kind="multiclass")
    0.5
    """
    D, P = check_truth(y_true, D_pred, labels)
    if kind == "top_label":
        loss = (P.max(axis=1) - is_correct(D, P)) ** 2
    elif kind == "multiclass":
        loss = ((P - D) ** 2).sum(axis=1)
    else:
        raise ValueError(f"kind must be 'top_label' or 'multiclass', got {kind!r}.")
    return weighted_mean(loss, sample_weight)


def check_truth(
    y_true: ArrayLike, D_pred: ArrayLike, labels: ArrayLike | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return true and predicted distributions; class labels become one-hot rows."""
    if labels is None:
        labels = columns_of_frame(D_pred)
    else:
        D_pred = columns_in_order(D_pred, labels, of_y="D_pred", of_names="labels")
    y_true = columns_in_order(y_true, labels, of_y="y_true", of_names="D_pred")
    P = check_distribution(D_pred, input_name="D_pred")
    y = check_array(y_true, dtype=None, ensure_2d=False, input_name="y_true")
    if y.ndim == 2 and y.shape[1] > 1:
        D = check_distribution(y, input_name="y_true")
    else:
        labels = np.arange(P.shape[1]) if labels is None else name_array(labels)
        if labels.shape != P.shape[1:]:
            raise ValueError(
                f"labels has shape {labels.shape}, but D_pred has {P.shape[1]} columns."
            )
        D = one_hot(y, labels)
    if D.shape != P.shape:
        raise ValueError(f"y_true does not match D_pred: {D.shape} and {P.shape}.")
    return D, P


def is_correct(D: NDArray, P: NDArray) -> NDArray[np.bool_]:
    """Tell for every row whether the labels of largest degree agree."""
    return D.argmax(axis=1) == P.argmax(axis=1)


def bin_numbers(score: NDArray, n_bins: int) -> NDArray[np.int_]:
    """Find the right-closed bin of equal width, numbered from 1, that holds each score."""
    return np.ceil((score - _EDGE_TOLERANCE) * n_bins).astype(int).clip(min=1)


def _binned_gap(
    score: NDArray, outcome: NDArray, n_bins: int, sample_weight: ArrayLike | None
) -> float:
    """Sum over bins of the score of |sum of (outcome - score)|, divided by the total weight."""
    if not isinstance(n_bins, Integral) or n_bins < 1:
        raise ValueError(f"n_bins must be an integer >= 1, got {n_bins!r}.")
    weights = check_weights(sample_weight, len(score))
    bins = bin_numbers(score, n_bins)
    gaps = np.bincount(bins, weights=weights * (outcome - score))
    return float(np.abs(gaps).sum() / weights.sum())
