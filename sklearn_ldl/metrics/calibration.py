"""How far predicted probabilities can be trusted.

The truth is either one class label per row or a distribution. Where a measure asks whether the
prediction is correct, the answer is the true degree of the predicted label, which for class labels
is 0 or 1.
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
from sklearn_ldl.metrics.divergences import FLOOR
from sklearn_ldl.metrics.labels import Truth, choose_truth, one_hot, true_degree

#: A score this close above an edge belongs to the bin below: float32 predictions are that exact.
_EDGE_TOLERANCE = 1e-6


@underflow_is_zero
def expected_calibration_error(
    y_true: ArrayLike,
    D_pred: ArrayLike,
    *,
    labels: ArrayLike | None = None,
    n_bins: int = 10,
    truth: Truth = "degree",
    sample_weight: ArrayLike | None = None,
) -> float:
    r"""ECE, the expected calibration error: how far the confidence is from the accuracy.

    .. math:: \sum_m \frac{n_m}{n} \left| \mathrm{acc}_m - \mathrm{conf}_m \right|

    Rows fall into bins of equal width, :math:`((m-1)/M, m/M]`, by their confidence, the largest
    predicted degree; :math:`\mathrm{acc}_m` and :math:`\mathrm{conf}_m` are the accuracy and the
    mean confidence of the :math:`n_m` rows in a bin. Empty bins do not count.

    The accuracy is the mean true degree of the predicted label, which for class labels is how often
    it is right; labels that tie in a prediction share it equally. So the true distributions have an
    error of 0. Predicting the class frequencies for every row has one of 0 as well: report the
    accuracy or a proper score, such as :func:`brier_score_loss`, beside it.

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
    n_bins : int, default=10
        Number of bins. Other code often uses 15, so report it.
    truth : {"degree", "mode"}, default="degree"
        What the predicted label meets in a distribution `y_true`: its true degree, or as in papers
        that measure against the majority whether it is the label of largest degree, with a credit
        of :math:`1/k` where :math:`k` labels tie. Class labels make no difference.
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
    >>> expected_calibration_error(D_pred, D_pred)
    0.0
    >>> expected_calibration_error(D_pred, D_pred, truth="mode")
    0.25
    """
    D, P = check_truth(y_true, D_pred, labels, truth)
    return _binned_gap(P.max(axis=1), true_degree(D, P), n_bins, sample_weight)


@underflow_is_zero
def uncertainty_calibration_error(
    y_true: ArrayLike,
    D_pred: ArrayLike,
    *,
    labels: ArrayLike | None = None,
    n_bins: int = 10,
    truth: Truth = "degree",
    sample_weight: ArrayLike | None = None,
) -> float:
    r"""UCE, the uncertainty calibration error: how far the entropy is from the error rate.

    .. math::

        \sum_m \frac{n_m}{n} \left| \mathrm{err}_m - \mathrm{uncert}_m \right|, \qquad
        u = -\frac{1}{\ln C} \sum_j p_j \ln p_j

    Like :func:`expected_calibration_error`, with the error rate in place of the accuracy and the
    normalised entropy :math:`u` in place of the confidence. The error rate is one minus the mean
    true degree of the predicted label.

    By this definition only sure and right predictions have an error of 0: an entropy is not an
    error rate, and the true distributions have :math:`u = 0.47` and an error rate of 0.1 where they
    are (0.9, 0.1). Compare entropies by :func:`entropy_calibration_error`, which is 0 for the
    truth.

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
    n_bins : int, default=10
        Number of bins of equal width.
    truth : {"degree", "mode"}, default="degree"
        What the predicted label meets in a distribution `y_true`: its true degree, or as in papers
        that measure against the majority whether it is the label of largest degree, with a credit
        of :math:`1/k` where :math:`k` labels tie. Class labels make no difference.
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
    D, P = check_truth(y_true, D_pred, labels, truth)
    uncertainty = np.minimum(entr(P).sum(axis=1) / np.log(P.shape[1]), 1)
    return _binned_gap(uncertainty, 1 - true_degree(D, P), n_bins, sample_weight)


@underflow_is_zero
def log_loss(
    y_true: ArrayLike,
    D_pred: ArrayLike,
    *,
    labels: ArrayLike | None = None,
    floor: float = FLOOR,
    sample_weight: ArrayLike | None = None,
) -> float:
    r"""Negative log-likelihood (NLL) of the labels, or cross-entropy of the distributions.

    .. math:: -\sum_j d_j \ln \max(p_j, \text{floor})

    A class label is a distribution with all its mass on that label, which leaves
    :math:`-\ln p_y`. For distributions the least possible value is their entropy, and what exceeds
    it is the :func:`kl_divergence`, where both have the same floor.

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
    floor : float, default=1e-14
        Smaller predicted degrees are raised to this value, in (0, 1), as in :func:`kl_divergence`.
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
    kind: Literal["multiclass", "top_label"] = "multiclass",
    truth: Truth = "degree",
    sample_weight: ArrayLike | None = None,
) -> float:
    r"""Brier score: squared distance of the predicted from the true probabilities.

    .. math::

        \text{multiclass:} \; \sum_j (p_j - d_j)^2, \qquad
        \text{top\_label:} \; (\max_j p_j - d_{\arg\max_j p_j})^2

    "multiclass" is proper, unless `truth` is the mode: nothing scores better on average than the
    true distribution, be the rows of `y_true` distributions, votes or single labels drawn from it.
    "top_label" asks for one number only, and is not. The two live on different scales: for a
    hundred classes and 80 % accuracy a calibrated model has roughly 0.3 and 0.1.

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
    kind : {"multiclass", "top_label"}, default="multiclass"
        "multiclass" sums over all labels (Brier's definition); :math:`d` is one-hot for class
        labels. "top_label" judges the confidence in the predicted label, as papers on calibration
        do; labels that tie share the row.
    truth : {"degree", "mode"}, default="degree"
        "mode" puts all mass of a distribution `y_true` on its label of largest degree, in equal
        shares where several tie, as papers that measure against the majority do. Class labels make
        no difference.
    sample_weight : array-like of shape (n_samples,), default=None
        Non-negative weights of the rows; None weighs them equally.

    Returns
    -------
    loss : float
        Between 0 (perfect) and 2 ("multiclass") or 1 ("top_label").

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
    0.5
    >>> brier_score_loss([0, 1], [[0.75, 0.25], [0.75, 0.25]], kind="top_label")
    0.3125
    """
    D, P = check_truth(y_true, D_pred, labels, truth)
    if kind == "multiclass":
        loss = ((P - D) ** 2).sum(axis=1)
    elif kind == "top_label":
        loss = (P.max(axis=1) - true_degree(D, P)) ** 2
    else:
        raise ValueError(f"kind must be 'multiclass' or 'top_label', got {kind!r}.")
    return weighted_mean(loss, sample_weight)


def check_truth(
    y_true: ArrayLike, D_pred: ArrayLike, labels: ArrayLike | None, truth: Truth = "degree"
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
    return choose_truth(D, truth), P


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
