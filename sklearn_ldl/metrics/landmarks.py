"""Errors of landmarks: several points in every image."""

from __future__ import annotations

from numbers import Real

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_array

from sklearn_ldl.metrics.checks import mean_or_rows, weighted_mean
from sklearn_ldl.metrics.values import check_values


def normalized_mean_error(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    normalizer: ArrayLike | None,
    *,
    visible: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    per_row: bool = False,
) -> float | NDArray[np.float64]:
    r"""Normalised mean error (NME) of landmarks, relative to the size of the face.

    .. math:: \frac{1}{K s} \sum_{k=1}^{K} \| \hat y_k - y_k \|_2

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n_samples, n_landmarks, 2)
        True and predicted landmarks, in pixels.
    normalizer : array-like of shape (n_samples,) or (n_samples, 2), or None
        What errors are relative to, positive: one length :math:`s` an image in pixels, such as the
        distance of the eyes; or width :math:`w` and height :math:`h` of the bounding boxes, for
        :math:`s = \sqrt{w h}`. None leaves errors in pixels.
    visible : array-like of shape (n_samples, n_landmarks), default=None
        Which landmarks count; what `y_true` holds for the others has no influence, and may be NaN.
        None means all of them.
    sample_weight : array-like of shape (n_samples,), default=None
        Non-negative weights of the images; None weighs them equally.
    per_row : bool, default=False
        Return the error of every image instead of the mean, for :func:`failure_rate_loss` and
        :func:`cumulative_error_auc_score`; excludes `sample_weight`.

    Returns
    -------
    error : float, or ndarray of shape (n_samples,)
        At least 0 (exact); 0.02 is two percent of the box.

    Raises
    ------
    ValueError
        If shapes do not match, a value is not finite, a normaliser is not positive, `visible`
        holds anything but truth values, or no landmark of an image counts.

    References
    ----------
    A. Bulat, G. Tzimiropoulos, "How far are we from solving the 2D & 3D face alignment problem?",
    ICCV 2017 (relative to boxes).

    Examples
    --------
    >>> from sklearn_ldl.metrics import normalized_mean_error
    >>> y_true, y_pred = [[[10, 10], [20, 10]]], [[[13, 14], [20, 10]]]
    >>> normalized_mean_error(y_true, y_pred, [[100, 25]])  # a box
    0.05
    >>> normalized_mean_error(y_true, y_pred, [10], visible=[[True, False]])  # a distance
    0.5
    """
    errors = landmark_errors(y_true, y_pred, normalizer, visible)
    return mean_or_rows(errors, sample_weight, per_row)


def failure_rate_loss(
    errors: ArrayLike, *, threshold: float = 0.08, sample_weight: ArrayLike | None = None
) -> float:
    r"""Share of the images whose error is larger than a threshold.

    .. math:: \frac1n \sum_i [\, e_i > \text{threshold} \,]

    Parameters
    ----------
    errors : array-like of shape (n_samples,)
        One non-negative error per image, as from :func:`normalized_mean_error` with
        ``per_row=True``.
    threshold : float, default=0.08
        Largest error that is no failure, in the unit of `errors`, positive. Usual are 0.08 and 0.1
        for errors relative to the distance of the eyes.
    sample_weight : array-like of shape (n_samples,), default=None
        Non-negative weights of the images; None weighs them equally.

    Returns
    -------
    rate : float
        Between 0 (best) and 1: 1 less the cumulative score at the threshold.

    Raises
    ------
    ValueError
        If an error is negative or not finite, or `threshold` is not positive.

    See Also
    --------
    cumulative_score : The share of the others, for values.

    References
    ----------
    X. P. Burgos-Artizzu, P. Perona, P. Dollár, "Robust face landmark estimation under occlusion",
    ICCV 2013.

    Examples
    --------
    >>> from sklearn_ldl.metrics import failure_rate_loss
    >>> failure_rate_loss([0.0, 0.08, 0.2, 0.3])
    0.5
    """
    _check_positive("threshold", threshold)
    return weighted_mean((_check_errors(errors) > threshold).astype(float), sample_weight)


def cumulative_error_auc_score(
    errors: ArrayLike, *, tau: float = 0.07, sample_weight: ArrayLike | None = None
) -> float:
    r"""Area under the curve of cumulative errors up to `tau`, divided by `tau`.

    The curve gives the fraction of images whose error is at most a threshold between 0 and `tau`.
    Its area has a closed form:

    .. math:: 1 - \frac{1}{n \tau} \sum_i \min(e_i, \tau)

    Parameters
    ----------
    errors : array-like of shape (n_samples,)
        One non-negative error per image, as from :func:`normalized_mean_error` with
        ``per_row=True``.
    tau : float, default=0.07
        Largest threshold, in the unit of `errors`, positive. The default is usual for errors
        relative to the bounding box.
    sample_weight : array-like of shape (n_samples,), default=None
        Non-negative weights of the images; None weighs them equally.

    Returns
    -------
    area : float
        Between 0 (every error reaches `tau`) and 1 (every error is 0).

    Raises
    ------
    ValueError
        If an error is negative or not finite, or `tau` is not positive.

    See Also
    --------
    sklearn_ldl.plotting.CumulativeScoreDisplay : Draws the curve.

    References
    ----------
    A. Bulat, G. Tzimiropoulos, "How far are we from solving the 2D & 3D face alignment problem?",
    ICCV 2017.

    Examples
    --------
    >>> from sklearn_ldl.metrics import cumulative_error_auc_score
    >>> cumulative_error_auc_score([0.0, 0.035, 0.2])
    0.5
    """
    _check_positive("tau", tau)
    return weighted_mean(1 - np.minimum(_check_errors(errors) / tau, 1), sample_weight)


def landmark_errors(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    normalizer: ArrayLike | None = None,
    visible: ArrayLike | None = None,
) -> NDArray[np.float64]:
    """Error of every image; see :func:`normalized_mean_error`."""
    if visible is not None:
        visible = check_array(visible, dtype=None, input_name="visible")
        if not np.isin(visible, [0, 1]).all():
            raise ValueError("visible must hold True and False, or ones and zeros.")
        visible = visible.astype(bool)
        shown = np.asarray(y_true)
        if shown.shape[:2] != visible.shape:
            raise ValueError(f"visible has shape {visible.shape}, y_true {shown.shape}.")
        y_true = np.where(visible[..., None], shown, 0.0)
    y_true, y_pred = check_values(y_true, y_pred)
    if y_true.ndim != 3 or y_true.shape[2] != 2:
        raise ValueError(
            f"Landmarks must have shape (n_samples, n_landmarks, 2), got {y_true.shape}."
        )
    distances = np.linalg.norm(y_pred - y_true, axis=2)
    if visible is None:
        errors = distances.mean(axis=1)
    else:
        n_visible = visible.sum(axis=1)
        if not n_visible.all():
            raise ValueError(
                f"No landmark of image {np.argmin(n_visible)} is visible: leave it out."
            )
        errors = (distances * visible).sum(axis=1) / n_visible
    return errors if normalizer is None else errors / _lengths(normalizer, len(errors))


def _lengths(normalizer: ArrayLike, n_images: int) -> NDArray[np.float64]:
    lengths = check_array(normalizer, dtype=np.float64, ensure_2d=False, input_name="normalizer")
    if lengths.shape not in ((n_images,), (n_images, 2)) or lengths.min() <= 0:
        raise ValueError(
            "normalizer must hold a positive length, or a positive width and height, per image."
        )
    return lengths if lengths.ndim == 1 else np.sqrt(lengths.prod(axis=1))


def _check_errors(errors: ArrayLike) -> NDArray[np.float64]:
    errors = check_array(errors, dtype=np.float64, ensure_2d=False, input_name="errors")
    if errors.ndim != 1 or errors.min() < 0:
        raise ValueError("errors must hold one non-negative number per image.")
    return errors


def _check_positive(name: str, value: float) -> None:
    if not (isinstance(value, Real) and 0 < value < np.inf):
        raise ValueError(f"{name} must be a positive number, got {value!r}.")
