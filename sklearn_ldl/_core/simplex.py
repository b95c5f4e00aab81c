"""The probability simplex: validation, normalisation, projection and safe logarithms.

Everything here works on the rows of a 2-D array.
"""

from __future__ import annotations

from math import fsum
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special
from sklearn.utils import check_array

from sklearn_ldl._core.dask_rows import refuse_to_load
from sklearn_ldl._core.label_names import columns_of_frame
from sklearn_ldl._core.underflow import underflow_is_zero

# Files store degrees rounded to three decimals, which moves a sum by 5e-4 for every label at most.
_ROUNDED, _PER_LABEL, _MOST = 1e-3, 5e-4, 1e-2
# Sums of decimals, in single precision as well, miss their own value by less than this.
_BINARY = 1e-7
# Percentages are rounded to integers at worst.
_PERCENT = 2.5
#: Predictions that miss the sum of one by more are no rounded distributions.
PREDICTION_TOLERANCE = 1e-3
#: Degrees down to this value are rounding errors and become zero.
NEGATIVE_TOLERANCE = 1e-6

# Those of SciPy; degrees that underflow are zero.
softmax = underflow_is_zero(special.softmax)
log_softmax = underflow_is_zero(special.log_softmax)

_USE_INSTEAD = (
    "For class labels use LDLClassifier, for real values LDLRegressor with a "
    "GaussianLabelDistributor, for vote counts votes_to_distribution, for logical labels "
    "MultiLabelDistributor."
)
# What is no target of an estimator, such as an argument of a measure.
_MAKE = (
    "Vote counts become distributions by votes_to_distribution, class labels by "
    "LabelSmoother(smoothing=0)."
)


def check_distribution(D: ArrayLike, *, input_name: str = "y") -> NDArray[np.float64]:
    """Validate label distributions and return them with rows that sum to one.

    The check is strict on purpose: an estimator that silently renormalises whatever it is given
    trains on rank codes, class labels or vote counts without a word.

    Parameters
    ----------
    D : array-like of shape (n_samples, n_labels)
        One distribution over ``n_labels >= 2`` labels per row: finite, at least -1e-6 (rounded
        up to zero), row sums within ``min(1e-3 + 5e-4 * n_labels, 0.01)`` of one, which rounding to
        three decimals does not exceed for up to 20 labels. Exact zeros are legal.
    input_name : str, default="y"
        How error messages call the array.

    Returns
    -------
    D : ndarray of shape (n_samples, n_labels), dtype float64
        A new array, every row divided by its sum.

    Raises
    ------
    ValueError
        If `D` is not two-dimensional with at least two columns, holds NaN, infinity or a negative
        degree, or if a row does not sum to one; the message names the first bad row. If two
        columns of a data frame have the same name.
    TypeError
        If `D` is sparse, or a Dask collection.

    Examples
    --------
    >>> from sklearn_ldl import check_distribution
    >>> check_distribution([[0.2, 0.3, 0.5], [1, 0, 0]])
    array([[0.2, 0.3, 0.5],
           [1. , 0. , 0. ]])
    >>> check_distribution([[0.2, 0.3, 0.5], [2, 1, 0]])
    Traceback (most recent call last):
        ...
    ValueError: y is not a label distribution: row 1 sums to 3, not to 1. ...
    """
    refuse_to_load(input_name, D)
    columns_of_frame(D)
    raw: Any = D
    if not is_plain(D):
        raw = check_array(
            D,
            dtype=None,
            ensure_2d=False,
            allow_nd=True,
            ensure_all_finite=False,
            input_name=input_name,
        )
    what = f"{input_name} is not a label distribution"
    is_target = input_name == "y"
    instead = _USE_INSTEAD if is_target else _MAKE
    if raw.ndim != 2 or raw.shape[1] < 2:
        raise ValueError(
            f"{what}: expected shape (n_samples, n_labels) with n_labels >= 2, got {raw.shape}. "
            + instead
        )
    if raw.dtype.kind == "c":
        raise ValueError(f"{what}: Complex data not supported.")
    try:
        D = raw.astype(np.float64)
    except (TypeError, ValueError) as exc:
        if is_target:
            instead += " A column of labels for each rater is for vote_table_to_distribution."
        raise ValueError(f"{what}: its entries are not numbers. {instead}") from exc

    finite = np.isfinite(D).all(axis=1)
    if not finite.all():
        row = int(np.argmin(finite))
        raise ValueError(f"{what}: row {row} contains NaN or infinity.")
    lowest = D.min(axis=1)
    if lowest.min() < -NEGATIVE_TOLERANCE:
        row = int(np.argmax(lowest < -NEGATIVE_TOLERANCE))
        raise ValueError(f"{what}: row {row} has a negative degree ({lowest[row]:.6g}).")
    off = _sums_are_off(D)
    if off.any():
        row = int(np.argmax(off))
        message = f"{what}: row {row} sums to {D[row].sum():.6g}, not to 1."
        if np.abs(D.sum(axis=1) - 100).max() < _PERCENT:
            message += (
                " All rows sum to about 100: votes_to_distribution turns percentages into shares."
            )
        elif np.array_equal(D, np.round(D)):
            message += f" All entries are integers. {instead}"
            if is_target:
                message += (
                    " Note that cross_val_predict hands fit rank codes instead of a 2-D y for every"
                    " other method: use method='predict', which returns what 'predict_proba' does."
                )
        else:
            message += " Divide every row by its sum first if that is what the data mean."
        raise ValueError(message)
    np.maximum(D, 0, out=D)
    D /= D.sum(axis=1, keepdims=True)
    return D


def is_plain(A: Any, n_dims: int = 2) -> TypeGuard[NDArray[np.float64]]:
    """Whether `check_array` has nothing to do but look for NaN and infinity.

    It takes as long as the prediction of a row by a linear model, so that it is not asked in vain.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_ldl._core.simplex import is_plain
    >>> is_plain(np.eye(2)), is_plain([[1.0, 0.0]])
    (True, False)
    """
    return type(A) is np.ndarray and A.dtype == np.float64 and A.ndim == n_dims and A.size > 0


def _sums_are_off(D: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tell which rows do not sum to one; the order of the columns has no influence."""
    bound = min(_ROUNDED + _PER_LABEL * D.shape[1], _MOST) + _BINARY
    excess = np.abs(D.sum(axis=1) - 1) - bound
    # The last digits of a sum depend on the order of its terms, unless it is exact.
    for row in np.flatnonzero(np.abs(excess) < _BINARY / 2):
        excess[row] = abs(fsum(D[row]) - 1) - bound
    return excess > 0


def check_logical_labels(L: ArrayLike, *, input_name: str = "y") -> NDArray[np.int8]:
    """Validate logical labels: a matrix of zeros and ones with one column per label.

    Parameters
    ----------
    L : array-like of shape (n_samples, n_labels)
        1 (or True) where a label describes the sample, 0 elsewhere; ``n_labels >= 2``.
    input_name : str, default="y"
        How error messages call the array.

    Returns
    -------
    L : ndarray of shape (n_samples, n_labels), dtype int8
        A new array.

    Raises
    ------
    ValueError
        If the shape is wrong or an entry is neither 0 nor 1; the message names the first bad row.

    Examples
    --------
    >>> from sklearn_ldl._core.simplex import check_logical_labels
    >>> check_logical_labels([[True, False], [1, 1]])
    array([[1, 0],
           [1, 1]], dtype=int8)
    """
    columns_of_frame(L)
    L = check_array(L, dtype="numeric", ensure_all_finite=False, input_name=input_name)
    if L.shape[1] < 2:
        raise ValueError(f"{input_name} needs at least 2 label columns, got {L.shape[1]}.")
    bad = ((L != 0) & (L != 1)).any(axis=1)
    if bad.any():
        row = int(np.argmax(bad))
        raise ValueError(f"{input_name} is not logical: row {row} has entries other than 0 and 1.")
    return L.astype(np.int8)


def normalize(A: ArrayLike) -> NDArray:
    """Divide every row by its sum; a row without mass becomes uniform.

    Parameters
    ----------
    A : array-like of shape (n_samples, n_labels)
        Non-negative masses such as counts.

    Returns
    -------
    D : ndarray of shape (n_samples, n_labels)
        Rows on the simplex; float32 stays float32, anything else becomes float64.

    Examples
    --------
    >>> from sklearn_ldl._core.simplex import normalize
    >>> normalize([[3, 1], [0, 0]])
    array([[0.75, 0.25],
           [0.5 , 0.5 ]])
    """
    A = np.asarray(A)
    if A.dtype != np.float32:
        A = A.astype(np.float64)
    # The maximum comes out first so that masses near the ends of the float range survive.
    peak = A.max(axis=1, keepdims=True)
    D = np.divide(A, peak, out=np.ones_like(A), where=peak > 0)
    D /= D.sum(axis=1, keepdims=True)
    return D


def project_simplex(V: ArrayLike) -> NDArray[np.floating]:
    r"""Project every row onto the probability simplex in the Euclidean norm.

    Solves :math:`\min_d \|d - v\|_2` subject to :math:`d \ge 0, \sum_j d_j = 1`; the solution is
    :math:`d_j = \max(v_j - \theta, 0)` with the threshold found by sorting.

    Parameters
    ----------
    V : array-like of shape (n_samples, n_labels)
        Finite numbers.

    Returns
    -------
    D : ndarray of shape (n_samples, n_labels)
        The nearest points of the simplex.

    References
    ----------
    J. Duchi, S. Shalev-Shwartz, Y. Singer, T. Chandra, "Efficient projections onto the l1-ball
    for learning in high dimensions", ICML 2008.

    Examples
    --------
    >>> from sklearn_ldl import project_simplex
    >>> project_simplex([[0.6, 0.6, -1.0]])
    array([[0.5, 0.5, 0. ]])
    """
    refuse_to_load("V", V)
    V = np.asarray(V)
    if V.dtype != np.float32:
        V = V.astype(np.float64)
    # Shifting a row moves nothing, nor does what lies more than 1 below its top; it keeps the
    # running sums small.
    with np.errstate(over="ignore"):
        V = np.maximum(V - V.max(axis=1, keepdims=True), -1)
    ordered = -np.sort(-V, axis=1)
    ranks = np.arange(1, V.shape[1] + 1, dtype=V.dtype)
    thresholds = (np.cumsum(ordered, axis=1) - 1) / ranks
    active = np.count_nonzero(ordered > thresholds, axis=1)
    theta = np.take_along_axis(thresholds, active[:, None] - 1, axis=1)
    D = np.maximum(V - theta, 0)
    D /= D.sum(axis=1, keepdims=True)
    return D


def check_prediction(D: ArrayLike, n_labels: int) -> NDArray[np.float64]:
    """Turn the output of any multi-output regressor into label distributions.

    A regressor that knows nothing of the simplex, such as ``MLPRegressor``, predicts negative
    degrees and row sums other than one. Such rows are replaced by the nearest distribution.

    Parameters
    ----------
    D : array-like of shape (n_samples, n_labels)
        Finite numbers.
    n_labels : int
        The number of columns that `D` must have.

    Returns
    -------
    D : ndarray of shape (n_samples, n_labels), dtype float64
        A new array.

    Examples
    --------
    >>> from sklearn_ldl._core.simplex import check_prediction
    >>> check_prediction([[0.2, 0.8, 0.0], [0.6, 0.6, -1.0]], n_labels=3)
    array([[0.2, 0.8, 0. ],
           [0.5, 0.5, 0. ]])
    """
    if is_plain(D) and np.isfinite(D).all():
        D = D.copy()
    else:
        D = np.array(check_array(D, dtype=np.float64, input_name="D"))
    if D.shape[1] != n_labels:
        raise ValueError(f"D has {D.shape[1]} columns, expected {n_labels}.")
    if n_labels < 2:
        raise ValueError("D has 1 column, but distributions have 2 at least.")
    off = (D.min(axis=1) < 0) | (np.abs(D.sum(axis=1) - 1) > PREDICTION_TOLERANCE)
    if off.any():
        D[off] = project_simplex(D[off])
    D /= D.sum(axis=1, keepdims=True)
    return D


def safe_log(P: ArrayLike, floor: float = np.finfo(np.float64).tiny) -> NDArray:
    """Logarithm of ``max(P, floor)``: finite for exact zeros.

    Parameters
    ----------
    P : array-like
        Probabilities.
    floor : float, default=2.2e-308
        Smallest value that is told apart from zero; it must be positive. A floor below the
        smallest normal number of a float32 `P` is raised to that number.

    Returns
    -------
    L : ndarray
        Logarithms in the dtype of `P` (float64 for integers).

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_ldl._core.simplex import safe_log
    >>> safe_log(np.array([1.0, 0.0]), floor=1e-14).round(2)
    array([  0.  , -32.24])
    """
    P = np.asarray(P)
    if P.dtype.kind != "f":
        P = P.astype(np.float64)
    return np.log(np.maximum(P, max(floor, float(np.finfo(P.dtype).tiny))))


def centred_logits(d: ArrayLike) -> NDArray[np.float64]:
    """Logits of one distribution with a mean of zero, where searches start.

    The unpenalised intercept of a label that never occurs tends to minus infinity. It starts at the
    logarithm of 1e-8 and stays there: the gradient is below any sensible tolerance.

    Parameters
    ----------
    d : array-like of shape (n_labels,)
        A distribution, such as the mean of the training rows.

    Returns
    -------
    z : ndarray of shape (n_labels,)
        Its softmax is `d`, but for labels below 1e-8.

    Examples
    --------
    >>> from sklearn_ldl._core.simplex import centred_logits
    >>> centred_logits([0.5, 0.5, 0.0]).round(2)
    array([  5.91,   5.91, -11.82])
    """
    z = safe_log(d, floor=1e-8)
    return z - z.mean()


def above_uniform(n_labels: int) -> float:
    """Return the threshold of sets that no label of a uniform row exceeds, whatever is rounded.

    Examples
    --------
    >>> from sklearn_ldl._core.simplex import above_uniform
    >>> above_uniform(3) > 1 / 3
    True
    """
    return (1 + 1e-9) / n_labels
