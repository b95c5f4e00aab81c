"""Errors of decoded values and points: ages, poses.

Only what :mod:`sklearn.metrics` does not have.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import KDTree
from sklearn.utils import check_array

from sklearn_ldl._core.dask_rows import refuse_to_load
from sklearn_ldl.decoding import check_grid
from sklearn_ldl.metrics.checks import check_weights, in_order_of, weighted_mean


def mean_euclidean_error(
    y_true: ArrayLike, y_pred: ArrayLike, *, sample_weight: ArrayLike | None = None
) -> float:
    r"""Mean Euclidean distance between true and predicted points.

    .. math:: \frac1n \sum_i \| \hat y_i - y_i \|_2

    For single values this is the mean absolute error; for pairs such as pitch and yaw it is what
    work on head pose calls the MAE of both angles together.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n_samples,) or (n_samples, ..., n_dims)
        True and predicted values, points, or several points such as landmarks, whose errors are
        averaged.
    sample_weight : array-like of shape (n_samples,), default=None
        Non-negative weights of the samples; None weighs them equally.

    Returns
    -------
    error : float
        At least 0 (exact), in the unit of `y_true`.

    Raises
    ------
    ValueError
        If shapes do not match or a value is not finite.

    References
    ----------
    X. Geng, Y. Xia, "Head pose estimation based on multivariate label distribution", CVPR 2014.

    Examples
    --------
    >>> from sklearn_ldl.metrics import mean_euclidean_error
    >>> mean_euclidean_error([[0, 0], [15, 30]], [[3, 4], [15, 30]])
    2.5
    """
    return weighted_mean(euclidean_errors(y_true, y_pred), sample_weight)


def accuracy_within_score(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    tolerance: ArrayLike = 0,
    *,
    dim: int | None = None,
    grid: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
) -> float:
    r"""Fraction of samples of which every coordinate is right within a tolerance.

    .. math:: \frac1n \sum_i \min_k \, [\, |\hat y_{ik} - y_{ik}| \le t_k \,]

    This is the accuracy of work on head pose: of both angles, and with `dim` that of pitch or yaw.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n_samples,) or (n_samples, n_dims)
        True and predicted values or points.
    tolerance : float or array-like of shape (n_dims,), default=0
        Largest tolerated error (inclusive) of a coordinate, in the unit of `y_true`.
    dim : int, default=None
        The only coordinate that counts; None means that all of them have to be right.
    grid : array-like of shape (n_labels,) or (n_labels, n_dims), default=None
        If given, every true and predicted point is first replaced by the nearest one of these. With
        a tolerance of 0 this is the accuracy over classes, of models that predict any value too.
    sample_weight : array-like of shape (n_samples,), default=None
        Non-negative weights of the samples; None weighs them equally.

    Returns
    -------
    score : float
        A fraction between 0 and 1 (best).

    Raises
    ------
    ValueError
        If shapes do not match, a value is not finite, a tolerance is negative or there is no such
        dimension.

    See Also
    --------
    cumulative_score : Tolerates a distance.

    References
    ----------
    B.-B. Gao, C. Xing, C.-W. Xie, J. Wu, X. Geng, "Deep label distribution learning with label
    ambiguity", IEEE Transactions on Image Processing, 2017.

    Examples
    --------
    >>> from sklearn_ldl.metrics import accuracy_within_score
    >>> pitch_and_yaw = [[0, 0], [15, 30], [30, -45], [0, 15]]
    >>> predicted = [[0, 0], [15, 50], [15, -45], [2, 14]]
    >>> accuracy_within_score(pitch_and_yaw, predicted, 15)
    0.75
    >>> accuracy_within_score(pitch_and_yaw, predicted, 15, dim=0)
    1.0

    In classes of 15 degrees, exactly:

    >>> from sklearn_ldl.distributors import head_pose_grid
    >>> accuracy_within_score(pitch_and_yaw, predicted, grid=head_pose_grid())
    0.5
    """
    y_true, y_pred = check_values(y_true, y_pred)
    if y_true.ndim != 2:
        raise ValueError(f"Expected values or points, got an array of shape {y_true.shape}.")
    n_dims = y_true.shape[1]
    if dim not in (None, *range(n_dims)):
        raise ValueError(f"dim must be None or from 0 to {n_dims - 1}, got {dim!r}.")
    if grid is not None:
        points = check_grid(grid)
        points = points.reshape(len(points), -1)
        if points.shape[1] != n_dims:
            raise ValueError(f"y_true has {n_dims} dimensions but grid has {points.shape[1]}.")
        tree = KDTree(points)
        y_true, y_pred = (points[tree.query(y)[1]] for y in (y_true, y_pred))
    tolerance = np.asarray(tolerance, dtype=np.float64)
    if tolerance.shape not in ((), (n_dims,)) or not (tolerance >= 0).all():
        raise ValueError("tolerance must be a non-negative number, or one per dimension.")
    right = np.abs(y_pred - y_true) <= tolerance
    return weighted_mean(right.all(axis=1) if dim is None else right[:, dim], sample_weight)


def cumulative_score(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    threshold: float,
    *,
    sample_weight: ArrayLike | None = None,
) -> float:
    r"""Cumulative score (CS): the fraction of samples whose error is at most the threshold.

    .. math:: \frac1n \sum_i [\, \| \hat y_i - y_i \|_2 \le \text{threshold} \,]

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n_samples,) or (n_samples, ..., n_dims)
        True and predicted values, points, or several points such as landmarks, whose errors are
        averaged.
    threshold : float
        Largest tolerated error (inclusive), in the unit of `y_true`. Work on age estimation often
        reports 5 years.
    sample_weight : array-like of shape (n_samples,), default=None
        Non-negative weights of the samples; None weighs them equally.

    Returns
    -------
    score : float
        A fraction between 0 and 1 (best); papers report it in percent.

    Raises
    ------
    ValueError
        If shapes do not match, a value is not finite or the threshold is negative.

    References
    ----------
    X. Geng, Z.-H. Zhou, K. Smith-Miles, "Automatic age estimation based on facial aging patterns",
    IEEE TPAMI 29(12), 2007.

    Examples
    --------
    >>> from sklearn_ldl.metrics import cumulative_score
    >>> cumulative_score([20, 30, 40, 50], [25, 30, 48, 49], threshold=5)
    0.75
    """
    curve = cumulative_score_curve(y_true, y_pred, [threshold], sample_weight=sample_weight)
    return float(curve[0])


def cumulative_score_curve(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    thresholds: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
) -> NDArray[np.float64]:
    """Cumulative score at several thresholds, for plotting.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n_samples,) or (n_samples, ..., n_dims)
        True and predicted values, points, or several points such as landmarks, whose errors are
        averaged.
    thresholds : array-like of shape (n_thresholds,)
        Largest tolerated errors (inclusive), in any order, in the unit of `y_true`.
    sample_weight : array-like of shape (n_samples,), default=None
        Non-negative weights of the samples; None weighs them equally.

    Returns
    -------
    scores : ndarray of shape (n_thresholds,)
        :func:`cumulative_score` at every threshold, between 0 and 1.

    Raises
    ------
    ValueError
        If shapes do not match, a value is not finite or a threshold is negative.

    References
    ----------
    X. Geng, Z.-H. Zhou, K. Smith-Miles, "Automatic age estimation based on facial aging patterns",
    IEEE TPAMI 29(12), 2007.

    Examples
    --------
    >>> from sklearn_ldl.metrics import cumulative_score_curve
    >>> cumulative_score_curve([20, 30, 40, 50], [25, 30, 48, 49], thresholds=[0, 1, 5, 10])
    array([0.25, 0.5 , 0.75, 1.  ])
    """
    return shares_within(euclidean_errors(y_true, y_pred), thresholds, sample_weight)


def epsilon_error(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    sigma: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
) -> float:
    r"""Mean epsilon-error: an error counts less where the annotators disagree more.

    .. math:: \frac1n \sum_i \left( 1 - \exp \frac{-\|\hat y_i - y_i\|^2}{2 \sigma_i^2} \right)

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n_samples,) or (n_samples, n_dims)
        True values or points (the mean over the annotators) and predictions.
    sigma : float or array-like of shape (n_samples,)
        Standard deviation over the annotators of a sample, in the unit of `y_true`. Where it is
        zero, any error costs 1.
    sample_weight : array-like of shape (n_samples,), default=None
        Non-negative weights of the samples; None weighs them equally.

    Returns
    -------
    error : float
        Between 0 (exact) and 1.

    Raises
    ------
    ValueError
        If shapes do not match, a value is not finite or `sigma` is negative.

    References
    ----------
    S. Escalera et al., "ChaLearn Looking at People 2015: apparent age and cultural event
    recognition datasets and results", ICCV Workshops 2015.

    Examples
    --------
    >>> from sklearn_ldl.metrics import epsilon_error
    >>> epsilon_error([20.0, 30.0], [23.0, 30.0], sigma=[3.0, 0.0])
    0.196...
    """
    errors = euclidean_errors(y_true, y_pred)
    sigma = np.asarray(sigma)
    if sigma.ndim == 0:
        sigma = np.full(len(errors), sigma)
    sigma = check_array(sigma, dtype=np.float64, ensure_2d=False, input_name="sigma")
    if sigma.shape != errors.shape or sigma.min() < 0:
        raise ValueError("sigma must be a non-negative number, or one such number per sample.")
    with np.errstate(over="ignore"):  # a ratio too large for a float costs 1, as it should
        ratio = np.divide(errors, sigma, out=np.where(errors > 0, np.inf, 0.0), where=sigma > 0)
        return weighted_mean(-np.expm1(-(ratio**2) / 2), sample_weight)


def check_values(y_true: ArrayLike, y_pred: ArrayLike) -> tuple[NDArray, NDArray]:
    """Validate finite values of equal shape; single values get a second axis."""
    y_true = in_order_of(y_pred, y_true, "y_true", "y_pred")
    for name, y in (("y_true", y_true), ("y_pred", y_pred)):
        refuse_to_load(name, y)
    y_true, y_pred = (
        check_array(y, dtype=np.float64, ensure_2d=False, allow_nd=True, input_name=name)
        for name, y in (("y_true", y_true), ("y_pred", y_pred))
    )
    y_true, y_pred = (y[:, np.newaxis] if y.ndim == 1 else y for y in (y_true, y_pred))
    if y_true.shape != y_pred.shape:
        raise ValueError(
            f"y_true and y_pred have different shapes: {y_true.shape} and {y_pred.shape}."
        )
    return y_true, y_pred


def euclidean_errors(y_true: ArrayLike, y_pred: ArrayLike) -> NDArray[np.float64]:
    """Distance of every predicted value or point from the true one; of several points, the mean."""
    y_true, y_pred = check_values(y_true, y_pred)
    if y_true.ndim > 3:
        raise ValueError(f"Expected values or points, got an array of shape {y_true.shape}.")
    distances = np.linalg.norm(y_pred - y_true, axis=-1)
    return distances.mean(axis=1) if distances.ndim == 2 else distances


def shares_within(
    errors: NDArray[np.float64], thresholds: ArrayLike, sample_weight: ArrayLike | None
) -> NDArray[np.float64]:
    """Weighted share of the errors that are at most each of the thresholds."""
    weights = check_weights(sample_weight, len(errors))
    thresholds = check_array(thresholds, dtype=np.float64, ensure_2d=False, input_name="thresholds")
    if thresholds.ndim != 1 or thresholds.min() < 0:
        raise ValueError("Thresholds must be a list of non-negative numbers.")
    order = np.argsort(errors)
    reached = np.concatenate([[0], np.cumsum(weights[order])])
    return reached[np.searchsorted(errors[order], thresholds, side="right")] / reached[-1]
