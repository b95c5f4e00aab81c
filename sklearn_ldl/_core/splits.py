"""Splits of cross-validation inside of an estimator."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.model_selection import ShuffleSplit, check_cv

from sklearn_ldl._core.sklearn_compat import check_method_params, safe_split


def splitter(cv: Any, y: Any = None, *, classifier: bool = False) -> Any:
    """Return a splitter; that of a number of folds shuffles the rows, always in the same way.

    Files are often sorted, and folds in their order are then no samples of the whole.

    Parameters
    ----------
    cv : int, float, cross-validation generator, iterable or None
        As of ``sklearn.model_selection.check_cv``, or the share of the rows that a single split
        holds out. Anything but a number, or None for 5, is used as it is given.
    y : array-like of shape (n_samples,), default=None
        Labels.
    classifier : bool, default=False
        Whether folds of a number are stratified by `y`.

    Returns
    -------
    splitter : cross-validation generator
        Has the method `split`.

    Examples
    --------
    >>> from sklearn_ldl._core.splits import splitter
    >>> splitter(3)
    KFold(n_splits=3, random_state=0, shuffle=True)
    """
    if cv is None or isinstance(cv, Integral):
        plain = check_cv(cv, y, classifier=classifier)
        return type(plain)(plain.n_splits, shuffle=True, random_state=0)
    if isinstance(cv, Real):
        return ShuffleSplit(1, test_size=float(cv), random_state=0)
    return check_cv(cv, y, classifier=classifier)


def splits(
    cv: Any, X: Any, y: Any, *, name: str = "cv", classifier: bool = False, **split_params: Any
) -> list[tuple[NDArray, NDArray]]:
    """Rows to train on and rows held out; see :func:`splitter`.

    Raises
    ------
    ValueError
        If there is no split, or one without rows to train on or to hold out.

    Examples
    --------
    >>> from sklearn_ldl._core.splits import splits
    >>> splits([], [[0.0]], None)
    Traceback (most recent call last):
        ...
    ValueError: cv=[] has no splits: give a number of folds, a splitter, or pairs of rows.
    """
    found = list(splitter(cv, y, classifier=classifier).split(X, y, **split_params))
    if not found:
        raise ValueError(
            f"{name}={cv} has no splits: give a number of folds, a splitter, or pairs of rows."
        )
    for i, rows in enumerate(found):
        if not all(map(len, rows)):
            raise ValueError(f"Split {i} of {name} has no rows to train on, or none held out.")
    return found


def fit_part(
    learner: Any, X: Any, y: Any, train: NDArray, test: NDArray, fit_params: dict[str, Any]
) -> tuple[Any, Any]:
    """Fit a clone to the rows to train on; return it, and the samples held out.

    Parameters of the fit that have an entry for each row are cut like the samples.
    """
    X_train, y_train = safe_split(learner, X, y, train)
    X_test, _ = safe_split(learner, X, y, test, train)
    params = check_method_params(X, fit_params, indices=train)
    return clone(learner).fit(X_train, y_train, **params), X_test


def check_cover(splits: list[tuple[NDArray, NDArray]], n_samples: int) -> None:
    """Raise a ValueError unless every row is held out once."""
    rows = np.sort(np.concatenate([test for _, test in splits])) if splits else np.empty(0)
    if not np.array_equal(rows, np.arange(n_samples)):
        raise ValueError("The test rows of cv must cover every row once: it is no partition.")
