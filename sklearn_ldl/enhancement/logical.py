"""From label distributions back to logical labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklearn_ldl._core.label_names import like_frame
from sklearn_ldl._core.simplex import check_distribution

# The cumulated degrees of a row must not miss the threshold by rounding.
_ROUNDING = 1e-12


# Type checkers take a data frame for an array-like, and it comes back as a data frame.
@overload
def to_logical_labels(
    D: NDArray | Sequence[Sequence[float]], *, threshold: float = 0.5
) -> NDArray[np.int8]: ...
@overload
def to_logical_labels(D: Any, *, threshold: float = 0.5) -> Any: ...
def to_logical_labels(D: ArrayLike, *, threshold: float = 0.5) -> Any:
    r"""Binarise label distributions: the fewest largest degrees that reach a total.

    The labels of a row are taken by decreasing degree until their degrees add up to the threshold
    :math:`T`; these are relevant, the others are not. This is how data sets of label distributions
    are made into test problems for label enhancement.

    Parameters
    ----------
    D : array-like of shape (n_samples, n_labels)
        Label distributions.
    threshold : float, default=0.5
        The total :math:`T` in (0, 1]. A total that misses it by rounding (1e-12) reaches it; with
        1 all labels of positive degree are relevant.

    Returns
    -------
    L : ndarray or DataFrame of shape (n_samples, n_labels), dtype int8
        1 for relevant labels, of which every row has one at least, 0 for the others. Of equal
        degrees the one with the lower index is taken first. Of a data frame of pandas or Polars
        one with the same names.

    Raises
    ------
    ValueError
        If `D` is not a label distribution or `threshold` is out of range.

    References
    ----------
    N. Xu, Y.-P. Liu, X. Geng, "Label enhancement for label distribution learning", IEEE
    Transactions on Knowledge and Data Engineering, 2021 (first at IJCAI 2018, by N. Xu, A. Tao and
    X. Geng).

    Examples
    --------
    >>> from sklearn_ldl import to_logical_labels
    >>> to_logical_labels([[0.3, 0.3, 0.2, 0.2], [0.1, 0.6, 0.2, 0.1]])
    array([[1, 1, 0, 0],
           [0, 1, 0, 0]], dtype=int8)
    """
    given, D = D, check_distribution(D, input_name="D")
    if not 0 < threshold <= 1:
        raise ValueError(f"threshold must lie in (0, 1], got {threshold!r}.")
    order = np.argsort(-D, axis=1, kind="stable")
    ordered = np.take_along_axis(D, order, axis=1)
    before = np.cumsum(ordered, axis=1) - ordered
    L = np.empty(D.shape, dtype=np.int8)
    np.put_along_axis(L, order, before < threshold - _ROUNDING, axis=1)
    return like_frame(L, given)
