"""Groups of rows, each of which has a threshold of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import issparse
from sklearn.utils.validation import column_or_1d

from sklearn_ldl._core.sklearn_compat import safe_indexing
from sklearn_ldl.distributors.encoding import entries_of


def groups_of(
    X: Any,
    n_samples: int,
    group_by: Callable[[Any], ArrayLike] | str | int | None,
    coverage_groups: ArrayLike | None,
) -> NDArray | None:
    """Find the group of every row, in whichever of two ways it is told; None without groups.

    Raises
    ------
    ValueError
        If groups are told twice, have missing entries, or are not one for each row.
    """
    groups: Any = coverage_groups
    if group_by is not None:
        if groups is not None:
            raise ValueError("Give either group_by or coverage_groups.")
        groups = group_by(X) if callable(group_by) else safe_indexing(X, group_by, axis=1)
        if issparse(groups):
            groups = groups.toarray()
    if groups is None:
        return None
    groups = column_or_1d(groups)
    entries_of(groups, "coverage_groups" if group_by is None else "group_by")
    if len(groups) != n_samples:
        raise ValueError(f"X has {n_samples} rows, but there are {len(groups)} groups.")
    return groups


def numbers_of(groups: NDArray | None, known: NDArray | None, n_samples: int) -> NDArray[np.intp]:
    """Find the numbers of groups in the fit; zeros without groups.

    Raises
    ------
    ValueError
        If there are groups here and were none in the fit, or the other way round, or new ones.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_ldl.uncertainty.groups import numbers_of
    >>> numbers_of(np.array(["b", "a", "b"]), np.array(["a", "b"]), 3)
    array([1, 0, 1])
    """
    if known is None:
        if groups is not None:
            raise ValueError("coverage_groups were not given to fit.")
        return np.zeros(n_samples, dtype=np.intp)
    if groups is None:
        raise ValueError("coverage_groups are needed, as in fit: one for each row of X.")
    number = {group: k for k, group in enumerate(known.tolist())}
    if unknown := set(groups.tolist()) - number.keys():
        raise ValueError(
            f"The groups {sorted(unknown, key=str)} did not occur in fit, which saw {list(number)}."
        )
    return np.array([number[group] for group in groups.tolist()], dtype=np.intp)
