"""Rows by which training is judged: some of those of the fit, or others that the user gives."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
from numpy.random import RandomState
from numpy.typing import ArrayLike, NDArray
from sklearn.model_selection import GroupShuffleSplit
from sklearn.utils import check_array, check_consistent_length

from sklearn_ldl._core.sklearn_compat import num_samples


class ValidationSet(NamedTuple):
    """Rows besides those of the fit."""

    #: Validated samples.
    features: Any
    #: Targets as the net is compared with them; None for those of a Dataset.
    targets: NDArray[np.float32] | None
    #: Validated weights, or None.
    sample_weight: NDArray[np.floating] | None

    @property
    def rows(self) -> NDArray[np.intp]:
        """Positions of the rows that count."""
        if self.sample_weight is None:
            return np.arange(num_samples(self.features))
        return np.flatnonzero(self.sample_weight)


@contextmanager
def naming(argument: str) -> Iterator[None]:
    """Say in a ValueError which argument it is about, where it does not say so itself."""
    try:
        yield
    except ValueError as error:
        if str(error).startswith(argument):
            raise
        raise ValueError(f"{argument}: {error}") from error


def check_groups(groups: ArrayLike | None, X: Any) -> NDArray | None:
    """Validate the groups of the rows: one entry per row, of which equal ones belong together."""
    if groups is None:
        return None
    groups = check_array(groups, dtype=None, ensure_2d=False, input_name="groups")
    if groups.ndim != 1:
        raise ValueError(f"groups has shape {groups.shape}, expected (n_samples,).")
    check_consistent_length(X, groups)
    return groups


def set_groups_aside(
    rows: NDArray, fraction: float, groups: NDArray, random_state: RandomState
) -> tuple[NDArray, NDArray]:
    """Split rows for training and for validation, so that no group is on both sides.

    Parameters
    ----------
    rows : ndarray of shape (n_rows,)
        Positions of the rows.
    fraction : float
        Share of the groups that are set aside.
    groups : ndarray of shape (n_samples,)
        Group of every row of the data set.
    random_state : RandomState
        Draws the groups.

    Returns
    -------
    train, valid : ndarray
        Positions of both kinds of rows.

    Raises
    ------
    ValueError
        If there is only one group.
    """
    groups = groups[rows]
    n_groups = len(np.unique(groups))
    if n_groups < 2:
        raise ValueError("groups: all rows belong to one group, of which none can be set aside.")
    n_valid = min(n_groups - 1, max(1, round(fraction * n_groups)))
    splitter = GroupShuffleSplit(1, test_size=n_valid, random_state=random_state)
    train, valid = next(splitter.split(rows, groups=groups))
    return rows[np.sort(train)], rows[np.sort(valid)]
