"""Logarithmic divergences, in nats, and the D2 score built on one of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import entr, rel_entr

from sklearn_ldl._core.dask_rows import align, as_rows, is_dask, map_rows, mean_of_rows
from sklearn_ldl._core.simplex import check_distribution, safe_log
from sklearn_ldl.metrics.checks import check_floor, check_pair, check_weights, in_order_of
from sklearn_ldl.metrics.rows import row_metric

#: What published LDL code raises predictions to, so that tables compare.
FLOOR = 1e-14

#: A mean divergence up to this is the rounding error of equal distributions.
_ROUNDING = 1e-14


@row_metric
def kl_divergence(D, P, *, floor: float = FLOOR):
    r"""Kullback-Leibler divergence from the prediction to the truth.

    .. math:: \sum_j d_j \ln \frac{d_j}{\max(p_j, \text{floor})}, \qquad 0 \ln 0 = 0

    A prediction of exactly zero for a label that has mass would make the divergence infinite; with
    the default floor it costs about 32 nats times that mass. Published tables depend on the floor,
    so report it.

    Parameters
    ----------
    D_true, D_pred : array-like of shape (n_samples, n_labels)
        True and predicted distributions: rows on the simplex, exact zeros allowed.
    sample_weight : array-like of shape (n_samples,), default=None
        Non-negative weights of the rows in the mean; None weighs them equally.
    per_row : bool, default=False
        Return the value of every row instead of their mean; excludes `sample_weight`.
    floor : float, default=1e-14
        Smaller predicted degrees are raised to this value, in (0, 1). The default is the value
        used by published LDL code. Predictions are not renormalised afterwards, which lowers the
        sum by at most ``n_labels * floor``; a sum below zero becomes zero.

    Returns
    -------
    divergence : float, or ndarray of shape (n_samples,)
        At least 0 (equal), in nats.

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
    >>> from sklearn_ldl.metrics import kl_divergence
    >>> kl_divergence([[1.0, 0.0]], [[0.5, 0.5]])
    0.693...
    >>> kl_divergence([[0.5, 0.5]], [[1.0, 0.0]])
    15.42...
    """
    return _kl(D, P, floor)


@row_metric
def jeffreys_divergence(D, P, *, floor: float = FLOOR):
    r"""Jeffreys divergence: the sum of both Kullback-Leibler divergences.

    .. math:: \sum_j (d_j - p_j) \ln \frac{\max(d_j, \text{floor})}{\max(p_j, \text{floor})}

    Parameters
    ----------
    D_true, D_pred : array-like of shape (n_samples, n_labels)
        True and predicted distributions: rows on the simplex, exact zeros allowed.
    sample_weight : array-like of shape (n_samples,), default=None
        Non-negative weights of the rows in the mean; None weighs them equally.
    per_row : bool, default=False
        Return the value of every row instead of their mean; excludes `sample_weight`.
    floor : float, default=1e-14
        Smaller degrees, true or predicted, count as this value inside the logarithm, in (0, 1).

    Returns
    -------
    divergence : float, or ndarray of shape (n_samples,)
        At least 0 (equal), in nats.

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
    >>> from sklearn_ldl.metrics import jeffreys_divergence
    >>> jeffreys_divergence([[0.75, 0.25]], [[0.25, 0.75]])
    1.098...
    """
    check_floor(floor)
    return ((D - P) * (safe_log(D, floor) - safe_log(P, floor))).sum(axis=1)


@row_metric
def jensen_shannon_divergence(D, P):
    r"""Jensen-Shannon divergence.

    .. math::

        \tfrac12 \mathrm{KL}(d \,\|\, m) + \tfrac12 \mathrm{KL}(p \,\|\, m),
        \qquad m = \tfrac12 (d + p)

    This is the divergence itself; :func:`scipy.spatial.distance.jensenshannon` is its square root.
    It is finite for exact zeros and needs no floor.

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
    divergence : float, or ndarray of shape (n_samples,)
        Between 0 (equal) and :math:`\ln 2` (no label in common), in nats.

    Raises
    ------
    ValueError
        If `D_true` or `D_pred` does not hold distributions, if their shapes differ, or if another
        argument is out of its range.

    References
    ----------
    J. Lin, "Divergence measures based on the Shannon entropy", IEEE Transactions on Information
    Theory 37(1), 1991.

    Examples
    --------
    >>> from sklearn_ldl.metrics import jensen_shannon_divergence
    >>> jensen_shannon_divergence([[1.0, 0.0]], [[0.0, 1.0]])
    0.693...
    """
    # Half of the smallest subnormal number rounds to zero, which would cost an infinite amount.
    M = np.maximum((D + P) / 2, np.finfo(np.float64).tiny)
    divergence = (rel_entr(D, M) + rel_entr(P, M)).sum(axis=1) / 2
    return np.clip(divergence, 0, np.log(2))


def d2_kl_score(
    D_true: ArrayLike,
    D_pred: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    floor: float = FLOOR,
) -> float:
    r"""D2 of the Kullback-Leibler divergence: how much better than the mean distribution.

    .. math::

        1 - \frac{\sum_i w_i \, \mathrm{KL}(d_i \,\|\, p_i)}
        {\sum_i w_i \, \mathrm{KL}(d_i \,\|\, \bar d)},
        \qquad \bar d = \frac{\sum_i w_i d_i}{\sum_i w_i}

    The counterpart of :math:`R^2` for distributions: the mean distribution of the scored rows is
    the best constant prediction.

    Parameters
    ----------
    D_true, D_pred : array-like of shape (n_samples, n_labels)
        True and predicted distributions: rows on the simplex, exact zeros allowed.
    sample_weight : array-like of shape (n_samples,), default=None
        Non-negative weights of the rows; None weighs them equally.
    floor : float, default=1e-14
        Smaller predicted degrees are raised to this value, as in :func:`kl_divergence`.

    Returns
    -------
    score : float
        At most 1 (perfect); 0 is no better than the mean, a negative value is worse. When all rows
        are equal, so that the mean is perfect too, it is 1 for a perfect model and 0 for any other.

    Raises
    ------
    ValueError
        If `D_true` or `D_pred` does not hold distributions, if their shapes differ, or if another
        argument is out of its range.

    References
    ----------
    T. Hastie, R. Tibshirani, M. Wainwright, "Statistical Learning with Sparsity", CRC Press, 2015
    (fraction of deviance explained).

    Examples
    --------
    >>> from sklearn_ldl.metrics import d2_kl_score
    >>> D = [[0.9, 0.1], [0.1, 0.9]]
    >>> d2_kl_score(D, D)
    1.0
    >>> d2_kl_score(D, [[0.5, 0.5], [0.5, 0.5]])
    0.0
    >>> d2_kl_score(D, [[0.8, 0.2], [0.2, 0.8]])
    0.900...
    """
    if is_dask(D_true, D_pred):
        return _lazy_d2(D_true, D_pred, sample_weight, floor)
    D, P = check_pair(D_true, D_pred)
    weights = check_weights(sample_weight, len(D))
    mean = np.average(D, axis=0, weights=weights)
    model = np.average(_kl(D, P, floor), weights=weights)
    baseline = np.average(_kl(D, mean, floor), weights=weights)
    return float(_d2(model, baseline))


def _d2(model: ArrayLike, baseline: ArrayLike) -> NDArray:
    flat = np.asarray(baseline) <= _ROUNDING
    perfect = np.asarray(model) <= _ROUNDING
    return np.where(flat, perfect, 1 - np.divide(model, np.where(flat, 1, baseline)))


def _lazy_d2(D: Any, P: Any, sample_weight: Any, floor: float) -> Any:
    """Do the same for Dask collections, in one pass."""
    D = in_order_of(P, D)
    if is_dask(P):
        P = as_rows(P)
    D = align(P, D, name="D_true") if is_dask(P) else as_rows(D)
    model: Any = kl_divergence(D, P, sample_weight=sample_weight, floor=floor)
    D = map_rows(check_distribution, D, n_columns=D.shape[1], dtype=np.float64)
    mean = mean_of_rows(D, sample_weight)
    information = mean_of_rows((-entr(D)).sum(axis=1), sample_weight)
    baseline = information - mean @ np.log(np.maximum(mean, floor))
    return model.map_blocks(_d2, baseline, dtype=np.float64)


def _kl(D: NDArray, P: NDArray, floor: float) -> NDArray:
    check_floor(floor)
    return np.maximum(rel_entr(D, np.maximum(P, floor)).sum(axis=1), 0)
