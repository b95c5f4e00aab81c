"""Validation of samples: what scikit-learn checks, and what it lets pass to fail further down."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.utils.validation import validate_data

from sklearn_ldl._core.dask_rows import refuse_dask

# Products of four features, summed over many rows, neither overflow nor vanish within this range.
_LARGEST = 1e70
_LARGEST_INDEX = np.iinfo(np.int32).max


def validate_samples(estimator: Any, X: Any, *, reset: bool = True, **check_params: Any) -> Any:
    """Validate samples as ``sklearn.utils.validation.validate_data`` does, and a little more.

    Parameters
    ----------
    estimator : estimator
        Gets `n_features_in_` and perhaps `feature_names_in_`, or has them already. One with
        ``_any_scale = True`` can do with numbers of any size.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Samples.
    reset : bool, default=True
        Whether these are the samples of a fit, or are compared with those.
    **check_params : dict
        Parameters of ``sklearn.utils.check_array``.

    Returns
    -------
    X : ndarray or sparse matrix
        Validated; the indices of a sparse matrix have 32 bits if they fit.

    Raises
    ------
    TypeError
        For a Dask collection, which would silently become an array in memory.
    ValueError
        For data that scikit-learn rejects, or see :func:`check_scale`.
    """
    refuse_dask(estimator, X)
    single = check_params.get("dtype") is np.float32
    if single:  # NumPy would make an infinity of a number that is too large, and warn
        check_params["dtype"] = [np.float64, np.float32]
    X = validate_data(estimator, X, reset=reset, **check_params)
    if not getattr(estimator, "_any_scale", False):
        check_scale(X, vanishing=reset)
    return with_short_indices(to_float32(X) if single else X)


def to_float32(X: Any) -> Any:
    """Convert an array or sparse matrix without infinities, where it is not in float32 already.

    Parameters
    ----------
    X : ndarray or sparse matrix
        Is not modified.

    Returns
    -------
    X : ndarray or sparse matrix
        In float32; the same object if it was that.

    Raises
    ------
    ValueError
        If it has entries that are too large.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_ldl._core.samples import to_float32
    >>> to_float32(np.array([1e40]))
    Traceback (most recent call last):
        ...
    ValueError: X holds values too large for float32: scale the features.
    """
    with np.errstate(over="ignore", under="ignore"):
        X32 = X.astype(np.float32, copy=False)
    if X32 is not X and np.isinf(X32.data if sp.issparse(X32) else X32).any():
        raise ValueError("X holds values too large for float32: scale the features.")
    return X32


def check_scale(X: Any, *, vanishing: bool = True) -> None:
    """Refuse numbers of which products overflow or vanish, with advice; let others pass.

    Parameters
    ----------
    X : {array-like, sparse matrix}
        What does not hold real numbers passes.
    vanishing : bool, default=True
        Whether to refuse numbers that are all too small, but not all zero.

    Raises
    ------
    ValueError
        If some are too large or all are too small.

    Examples
    --------
    >>> from sklearn_ldl._core.samples import check_scale
    >>> check_scale([[1e80]])
    Traceback (most recent call last):
        ...
    ValueError: X holds values up to 1e+80, ...
    """
    if sp.issparse(X):
        values = X.tocoo().data if X.format in ("dok", "lil") else X.data
    else:
        values = np.asarray(X)
    if values.dtype.kind != "f" or not values.size:
        return
    # The greatest and the least need no copy; they skip NaN.
    peak = float(max(np.fmax.reduce(values, axis=None), -np.fmin.reduce(values, axis=None)))
    if peak > _LARGEST:
        what = "of which products overflow"
    elif vanishing and 0 < peak < 1 / _LARGEST:
        what = "of which products vanish"
    else:
        return
    raise ValueError(
        f"X holds values up to {peak:.3g}, {what}: scale the features first, for example by "
        "StandardScaler, or by a constant if that overflows, too."
    )


def with_short_indices(X: Any) -> Any:
    """Return a sparse matrix with indices of 32 bits where they fit, anything else as it is.

    SciPy makes longer ones at times, and trees, clusters and support vector machines of
    scikit-learn refuse them.

    Parameters
    ----------
    X : {array-like, sparse matrix}
        Is not modified; the numbers of a sparse matrix are shared.

    Returns
    -------
    X : {array-like, sparse matrix}
        The same object, or one of the same type.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.sparse import csr_array
    >>> from sklearn_ldl._core.samples import with_short_indices
    >>> X = csr_array(np.eye(2))
    >>> X.indices = X.indices.astype(np.int64)
    >>> with_short_indices(X).indices.dtype
    dtype('int32')
    """
    if not sp.issparse(X) or X.format not in ("csr", "csc"):
        return X
    if X.indices.dtype == X.indptr.dtype == np.int32 or max(*X.shape, X.nnz) > _LARGEST_INDEX:
        return X
    short = type(X)(X.shape, dtype=X.dtype)
    # A constructor would choose the type of the indices by itself.
    short.data = X.data
    short.indices, short.indptr = X.indices.astype(np.int32), X.indptr.astype(np.int32)
    return short
