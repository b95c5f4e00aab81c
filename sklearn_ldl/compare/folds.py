"""Rows to train on and rows held out."""

from __future__ import annotations

from collections.abc import Iterator
from numbers import Integral, Real
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import (
    GroupKFold,
    GroupShuffleSplit,
    KFold,
    ShuffleSplit,
    StratifiedKFold,
    StratifiedShuffleSplit,
)

from sklearn_ldl._core.splits import splits
from sklearn_ldl.compare.problem import Problem


class Fold(NamedTuple):
    """One split of the rows."""

    repeat: int
    number: int
    train: NDArray
    test: NDArray


def folds_of(problem: Problem, cv: Any, n_repeats: int, seed: int) -> list[Fold]:
    """Folds of all repeats, in their order.

    Parameters
    ----------
    problem : Problem
        The data; rows of a group stay together, and labels are stratified.
    cv : int, float or splitter
        Number of folds, share of the rows that is held out once, or a splitter of scikit-learn.
    n_repeats : int
        How often the rows are divided anew, unless `cv` is a splitter.
    seed : int
        Of the first repeat; the next ones count on.

    Raises
    ------
    ValueError
        For more folds than rows (or groups, or rows of the rarest label).
    """
    found: list[Fold] = []
    for repeat in range(n_repeats):
        cutter = _splitter(problem, cv, seed + repeat)
        groups: dict[str, Any] = {} if problem.groups is None else {"groups": problem.groups}
        rows = [
            (_positions(train), _positions(test))
            for train, test in splits(cutter, problem.y, problem.y, **groups)
        ]
        if any(max(part) >= problem.n_samples for pair in rows for part in pair):
            raise ValueError(f"cv has rows that {problem.name}, of {len(problem.y)} rows, has not.")
        found += [Fold(repeat, number, *pair) for number, pair in enumerate(rows)]
        if cutter is cv:
            break
    return found


def _positions(rows: Any) -> NDArray:
    """Positions of rows, which may be given by a mask or a range."""
    rows = np.asarray(rows)
    return np.flatnonzero(rows) if rows.dtype == bool else rows


def _splitter(problem: Problem, cv: Any, seed: int) -> Any:
    groups, labelled = problem.groups, problem.role == "labels"
    grouped = groups is not None
    if isinstance(cv, Integral):
        n_rows = problem.n_samples if groups is None else len(set(groups))
        if int(cv) > n_rows:
            what = "groups" if grouped else "rows"
            raise ValueError(f"cv={cv} needs as many {what}, {problem.name} has {n_rows}.")
        kind = GroupKFold if grouped else StratifiedKFold if labelled else KFold
        return kind(int(cv), shuffle=True, random_state=seed)
    if isinstance(cv, Real):
        kind = (
            GroupShuffleSplit if grouped else StratifiedShuffleSplit if labelled else ShuffleSplit
        )
        return kind(1, test_size=float(cv), random_state=seed)
    return cv


def batches(items: list, size: int) -> Iterator[list]:
    """Parts of a list, of the same size but for the last."""
    yield from (items[start : start + size] for start in range(0, len(items), size))
