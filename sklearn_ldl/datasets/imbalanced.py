"""Imbalanced training sets: keep the rows in which one label is weak and another is strong."""

from __future__ import annotations

from collections.abc import Iterator
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.model_selection import KFold
from sklearn.utils import check_consistent_length

from sklearn_ldl._core.label_names import columns_of_frame
from sklearn_ldl._core.settings import Settings
from sklearn_ldl._core.simplex import check_distribution
from sklearn_ldl._core.sklearn_compat import safe_indexing

IMBALANCED_PROTOCOLS = Settings(
    """
    Published settings by data set: arguments of ImbalancedKFold and make_imbalanced_ldl.

    Each keeps some 100 to 225 rows of a training fold, in which the label frequencies are nearly
    the reverse of those in the test fold; :class:`~sklearn_ldl.datasets.ImbalancedKFold` says how.

    References
    ----------
    X. Zhao, Y. An, N. Xu, J. Wang, X. Geng, "Imbalanced label distribution learning", AAAI 2023.

    Examples
    --------
    >>> from sklearn_ldl.datasets import IMBALANCED_PROTOCOLS, ImbalancedKFold
    >>> cv = ImbalancedKFold(**IMBALANCED_PROTOCOLS["Movie"])
    >>> cv.get_n_splits()
    10
    """,
    {
        "Movie": {"head": 2, "tail": 0, "head_max": 1, "tail_min": 2},
        "SCUT_FBP": {"head": 2, "tail": 4, "head_max": 2, "tail_min": 0.1},
        "emotion6": {"head": 3, "tail": 0, "head_max": 0.8, "tail_min": 1},
        "Flickr": {"head": 2, "tail": 4, "head_max": 0.8, "tail_min": 1},
        "RAF_ML": {"head": 2, "tail": 1, "head_max": 5, "tail_min": 3.5},
        "Natural_Scene": {"head": 0, "tail": 4, "head_max": 5, "tail_min": 2},
    },
)

# Examples are found in functions and classes only, unless they are listed.
__test__ = {"IMBALANCED_PROTOCOLS": IMBALANCED_PROTOCOLS.__doc__}


class ImbalancedKFold(KFold):
    r"""K-fold cross-validation that trains on an imbalanced part of the training folds.

    Test folds are left as they are. From the other folds, training keeps the rows with

    .. math::

        d_{head} < \mathtt{head\_max} / C \quad \text{and} \quad
        d_{tail} > \mathtt{tail\_min} / C

    for :math:`C` labels (both strict, on the degrees as given), so that a label that is frequent
    in the data becomes rare in training and the other way round; and, for every label, the row
    with its largest degree (the first of equal ones), so that no label vanishes.

    This is a strong label shift between training and test: always compare with the constant
    uniform prediction and with the training mean.

    Parameters
    ----------
    n_splits : int, default=10
        Number of folds, at least 2.
    head : int or str
        The label whose degree is kept low in training: its column, counted from 0, or its name in
        a data frame `y`.
    tail : int or str
        The label whose degree is kept high in training, another one than `head`.
    head_max : float
        Bound on the degree of `head`, in multiples of the uniform degree ``1 / n_labels``; > 0.
    tail_min : float
        Bound on the degree of `tail`, in multiples of the uniform degree ``1 / n_labels``; >= 0.
    shuffle : bool, default=True
        Shuffle the rows before they are divided into folds.
    random_state : int, RandomState instance or None, default=0
        Seed of the shuffling; ignored with ``shuffle=False``.

    See Also
    --------
    make_imbalanced_ldl : The same selection without folds.

    Notes
    -----
    ``IMBALANCED_PROTOCOLS`` holds the published settings by data set, to be used as
    ``ImbalancedKFold(**IMBALANCED_PROTOCOLS["Movie"])``. They keep about 126 of the 6980 training
    rows per fold on Movie, 165 of 1350 on SCUT_FBP, 105 of 1782 on emotion6 and 102 of 1800 on
    Natural_Scene.

    References
    ----------
    X. Zhao, Y. An, N. Xu, J. Wang, X. Geng, "Imbalanced Label Distribution Learning", AAAI 2023.

    Examples
    --------
    >>> from sklearn.model_selection import cross_val_score
    >>> from sklearn.neighbors import KNeighborsRegressor
    >>> from sklearn_ldl.datasets import ImbalancedKFold, make_ldl
    >>> X, D = make_ldl(random_state=0)
    >>> cv = ImbalancedKFold(head=2, tail=0, head_max=0.9, tail_min=1, n_splits=5)
    >>> [len(train) for train, test in cv.split(X, D)]
    [185, 197, 195, 175, 182]
    >>> cross_val_score(KNeighborsRegressor(), X, D, cv=cv).shape
    (5,)
    """

    def __init__(
        self,
        n_splits: int = 10,
        *,
        head: int | str,
        tail: int | str,
        head_max: float,
        tail_min: float,
        shuffle: bool = True,
        random_state: int | np.random.RandomState | None = 0,
    ) -> None:
        _check_selection(head, tail, head_max, tail_min)
        super().__init__(n_splits, shuffle=shuffle, random_state=random_state if shuffle else None)
        self.head = head
        self.tail = tail
        self.head_max = head_max
        self.tail_min = tail_min

    def split(
        self, X: Any, y: ArrayLike | None = None, groups: Any = None
    ) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
        """Generate the row indices of an imbalanced training set and of its test fold.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Only its length is used.
        y : array-like of shape (n_samples, n_labels)
            Label distributions.
        groups : object, default=None
            Ignored with a warning.

        Yields
        ------
        train : ndarray of int
            Sorted indices of the selected training rows.
        test : ndarray of int
            Indices of the test fold.

        Raises
        ------
        ValueError
            If `y` is missing or not a matrix of label distributions, a label is out of range, or
            the bounds leave no training row.
        """
        if y is None:
            raise ValueError("ImbalancedKFold needs y, the label distributions.")
        D, labels = _degrees(y, "y"), _columns(y, self.head, self.tail)
        for train, test in super().split(X, y, groups):
            yield train[_selected_rows(D[train], *labels, self.head_max, self.tail_min)], test


def make_imbalanced_ldl(
    X: ArrayLike,
    D: ArrayLike,
    head: int | str,
    tail: int | str,
    *,
    head_max: float,
    tail_min: float,
) -> tuple[Any, Any]:
    """Select an imbalanced subset of a data set.

    Keeps the rows with ``D[:, head] < head_max / n_labels`` and
    ``D[:, tail] > tail_min / n_labels``, and for every label the row with its largest degree.

    Parameters
    ----------
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Features.
    D : array-like of shape (n_samples, n_labels)
        Label distributions.
    head, tail : int or str
        The labels whose degrees are kept low and high: their columns, counted from 0, or their
        names in a data frame `D`.
    head_max, tail_min : float
        Bounds on their degrees, in multiples of the uniform degree ``1 / n_labels``.

    Returns
    -------
    X_imbalanced, D_imbalanced : same types as `X` and `D`
        The selected rows in their order, values unchanged.

    Raises
    ------
    ValueError
        If `D` is not a matrix of label distributions, the lengths differ, a label or a bound is
        out of range, or the bounds leave no row.

    See Also
    --------
    ImbalancedKFold : The same selection within the training folds of a cross-validation.

    References
    ----------
    X. Zhao, Y. An, N. Xu, J. Wang, X. Geng, "Imbalanced Label Distribution Learning", AAAI 2023.

    Examples
    --------
    >>> from sklearn_ldl.datasets import make_imbalanced_ldl, make_ldl
    >>> X, D = make_ldl(random_state=0)
    >>> D.mean(axis=0).round(2)
    array([0.3 , 0.35, 0.35])
    >>> _, D_imbalanced = make_imbalanced_ldl(X, D, head=2, tail=0, head_max=0.9, tail_min=1)
    >>> len(D_imbalanced), D_imbalanced.mean(axis=0).round(2)
    (233, array([0.46, 0.3 , 0.24]))
    """
    _check_selection(head, tail, head_max, tail_min)
    degrees, labels = _degrees(D, "D"), _columns(D, head, tail)
    check_consistent_length(X, D)
    rows = _selected_rows(degrees, *labels, head_max, tail_min)
    return safe_indexing(X, rows), safe_indexing(D, rows)


def _check_selection(head: int | str, tail: int | str, head_max: float, tail_min: float) -> None:
    for name, label in (("head", head), ("tail", tail)):
        numbered = isinstance(label, Integral) and not isinstance(label, bool) and label >= 0
        if not numbered and not isinstance(label, str):
            raise ValueError(
                f"{name} must be a column number, counted from 0, or a name, got {label!r}."
            )
    if head == tail:
        raise ValueError(f"head and tail must be different labels, got {head} for both.")
    if not isinstance(head_max, Real) or not 0 < head_max < np.inf:
        raise ValueError(f"head_max must be a positive number, got {head_max!r}.")
    if not isinstance(tail_min, Real) or not 0 <= tail_min < np.inf:
        raise ValueError(f"tail_min must be a non-negative number, got {tail_min!r}.")


def _degrees(D: ArrayLike, name: str) -> NDArray[np.float64]:
    """Check the distributions but keep them as given: renormalising moves degrees over a bound."""
    check_distribution(D, input_name=name)
    return np.asarray(D, dtype=np.float64)


def _columns(D: Any, head: int | str, tail: int | str) -> tuple[int, int]:
    """Find the columns of labels that are given by number or by name."""
    names = columns_of_frame(D) or []
    for label in (head, tail):
        if isinstance(label, str) and label not in names:
            raise ValueError(f"There is no label {label!r}; the names of the columns are {names}.")
    first, second = (names.index(x) if isinstance(x, str) else x for x in (head, tail))
    if first == second:
        raise ValueError(f"head and tail must be different labels, got {head!r} and {tail!r}.")
    return first, second


def _selected_rows(
    D: NDArray[np.float64], head: int, tail: int, head_max: float, tail_min: float
) -> NDArray[np.intp]:
    n_labels = D.shape[1]
    for name, label in (("head", head), ("tail", tail)):
        if label >= n_labels:
            raise ValueError(f"{name}={label} is out of range: there are {n_labels} labels.")
    keep = (D[:, head] < head_max / n_labels) & (D[:, tail] > tail_min / n_labels)
    if not keep.any():
        raise ValueError(
            f"head_max={head_max} and tail_min={tail_min} leave no row of {len(D)}: "
            "raise head_max or lower tail_min."
        )
    keep[D.argmax(axis=0)] = True
    return np.flatnonzero(keep)
