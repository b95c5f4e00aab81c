"""Agreement of class masks."""

from __future__ import annotations

from numbers import Integral

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklearn_ldl._core.dask_rows import refuse_to_load
from sklearn_ldl._core.sklearn_compat import Interval, validate_params


@validate_params(
    {
        "n_classes": [Interval(Integral, 1, None, closed="left"), None],
        "ignore": [Interval(Integral, None, None, closed="neither"), None],
    },
    prefer_skip_nested_validation=True,
)
def mean_iou_score(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    n_classes: int | None = None,
    ignore: int | None = 255,
) -> float:
    r"""Mean intersection over union (IU) of the classes of two masks.

    .. math::

        \frac{1}{|K|} \sum_{k \in K}
        \frac{\#\{y = k, \hat y = k\}}{\#\{y = k\} + \#\{\hat y = k\} - \#\{y = k, \hat y = k\}}

    The mean runs over the classes :math:`K` that occur, in the true or in the predicted mask: a
    class that is found where there is none counts as 0, a class that nobody mentions is left out.
    Counts are taken over all pixels together, so pass all images of a test set at once.

    Parameters
    ----------
    y_true, y_pred : array-like of the same shape
        True and predicted class of every pixel: integers from 0 to ``n_classes - 1``, the
        background included. Any shape, such as (height, width) or (n_images, height, width).
    n_classes : int, default=None
        Number of classes that there can be; larger codes are errors. None allows any code.
    ignore : int or None, default=255
        Code of true pixels that do not count, whatever is predicted there; None if all count.

    Returns
    -------
    mean_iou_score : float
        Between 0 and 1 (equal).

    Raises
    ------
    ValueError
        If shapes differ, a mask is not made of integers or holds a code that is no class, or no
        pixel counts.

    References
    ----------
    M. Everingham, S. M. A. Eslami, L. Van Gool, C. K. I. Williams, J. Winn, A. Zisserman, "The
    Pascal visual object classes challenge: a retrospective", International Journal of Computer
    Vision 111(1), 2015.

    Examples
    --------
    >>> from sklearn_ldl.metrics import mean_iou_score
    >>> mean_iou_score([[0, 0, 1, 255]], [[0, 1, 1, 1]])
    0.5
    """
    for name, y in (("y_true", y_true), ("y_pred", y_pred)):
        refuse_to_load(name, y)
    y_true, y_pred = np.asarray(y_true), np.asarray(y_pred)
    if y_true.shape != y_pred.shape:
        raise ValueError(
            f"y_true and y_pred have different shapes: {y_true.shape} and {y_pred.shape}."
        )
    counts = np.ones(y_true.shape, dtype=bool) if ignore is None else y_true != ignore
    if not counts.any():
        raise ValueError("No pixel counts: the masks are empty or all of y_true is ignored.")
    true = _check_codes(y_true[counts], n_classes, ignore, "y_true")
    pred = _check_codes(y_pred[counts], n_classes, ignore, "y_pred")

    size = max(true.max(), pred.max()) + 1
    hits = np.bincount(true[true == pred], minlength=size)
    union = np.bincount(true, minlength=size) + np.bincount(pred, minlength=size) - hits
    occurs = union > 0
    return float(np.mean(hits[occurs] / union[occurs]))


def _check_codes(
    codes: NDArray, n_classes: int | None, ignore: int | None, name: str
) -> NDArray[np.int64]:
    if codes.dtype.kind not in "biu":
        raise ValueError(f"{name} must hold integer class codes, got {codes.dtype}.")
    bad = codes < 0
    if n_classes is not None:
        bad |= codes >= n_classes
    if ignore is not None:
        bad |= codes == ignore
    if bad.any():
        raise ValueError(f"{name} holds {codes[bad][0]}, which is no class.")
    return codes.astype(np.int64)
