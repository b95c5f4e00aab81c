"""Auxiliary labels of several tasks: groups of columns of one array."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse


def task_columns(A: Any, columns: NDArray[np.intp]) -> Any:
    """Columns of a task; a precomputed graph is one task."""
    return A if issparse(A) else np.ascontiguousarray(A[:, columns])


def refuse_many_arrays(A: Any) -> None:
    """Several arrays cannot be split along with the samples in cross-validation."""
    parts = isinstance(A, (list, tuple)) and any(getattr(part, "ndim", 1) > 1 for part in A)
    if parts or type(A) is dict:  # a sparse DOK array is a dict, too
        raise ValueError(
            "Auxiliary labels must be one 2-D array: put the tasks side by side and name the "
            "columns of each in aux_groups."
        )


def check_groups(groups: Sequence[Any] | None, n_aux: int) -> list[NDArray[np.intp]]:
    """Return the column indices of each task."""
    every = np.arange(n_aux)
    if groups is None:
        return [every]
    if len(groups) == 0:
        raise ValueError("aux_groups is empty; use None for one task with all columns.")
    checked = []
    for task, group in enumerate(groups):
        what = f"aux_groups[{task}]"
        beyond = isinstance(group, slice) and (group.stop or 0) > n_aux
        try:
            columns = every[group if isinstance(group, slice) else np.asarray(group)]
        except IndexError as error:
            raise ValueError(f"{what} does not select from {n_aux} columns: {error}") from error
        if beyond:
            raise ValueError(f"{what} does not select from {n_aux} columns: it ends beyond.")
        if columns.ndim != 1:
            raise ValueError(f"{what} must be a slice, an array of column indices or a mask.")
        if columns.size == 0:
            raise ValueError(f"{what} selects no column.")
        if np.unique(columns).size < columns.size:
            raise ValueError(f"{what} repeats a column.")
        checked.append(columns)
    return checked


def check_n_neighbors(n_neighbors: Any, n_tasks: int) -> NDArray[np.intp]:
    """Return the number of neighbours of each task."""
    if isinstance(n_neighbors, Integral):
        return np.full(n_tasks, n_neighbors, dtype=np.intp)
    counts = list(n_neighbors)
    if len(counts) != n_tasks:
        raise ValueError(f"n_neighbors has {len(counts)} entries for {n_tasks} tasks.")
    for count in counts:
        if not isinstance(count, Integral) or isinstance(count, bool) or count < 1:
            raise ValueError(f"n_neighbors must be integers of at least 1, got {count!r}.")
    return np.array(counts, dtype=np.intp)
