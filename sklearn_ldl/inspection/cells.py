"""Tables whose cells are exchanged, by numbers that stand for them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_ldl._core.extras import import_pandas


class Cells:
    """Numbers in place of the cells of a table, for what mixes rows and knows numbers only.

    Numbers of an array stand for themselves. A cell of a data frame, or of an array of objects, has
    the number of the first row that holds the same in its column, so that frames that are made
    anew keep their names and types.

    Parameters
    ----------
    background, X : ndarray or data frame of shape (n_rows, n_features)
        Rows of the same kind.

    Attributes
    ----------
    background, X : ndarray of shape (n_rows, n_features)
        The same as numbers.
    """

    def __init__(self, background: Any, X: Any):
        self._rows: Any = None
        is_array = isinstance(X, np.ndarray) and isinstance(background, np.ndarray)
        if is_array and X.dtype.kind in "fiub" and background.dtype.kind in "fiub":
            self._type = np.result_type(X, background)
            self.background, self.X = (rows.astype(np.float64) for rows in (background, X))
            return
        self._rows = _stacked(background, X)
        columns = [self._column(j) for j in range(X.shape[1])]
        codes = np.column_stack([_first_rows(column) for column in columns])
        self.background, self.X = np.split(codes.astype(np.float64), [background.shape[0]])

    def decoded(self, codes: NDArray) -> Any:
        """Return rows of the kind that was given."""
        if self._rows is None:
            return codes.astype(self._type)
        codes = codes.astype(np.intp)
        if isinstance(self._rows, np.ndarray):
            return np.take_along_axis(self._rows, codes, axis=0)
        columns = (_taken(self._column(j), codes[:, j]) for j in range(codes.shape[1]))
        return type(self._rows)(dict(zip(self._rows.columns, columns, strict=True)))

    def _column(self, j: int) -> Any:
        rows = self._rows
        return rows[:, j] if isinstance(rows, np.ndarray) else rows[rows.columns[j]]


def _stacked(background: Any, X: Any) -> Any:
    if type(background) is not type(X):
        raise TypeError(
            f"background is a {_kind(background)}, but X a {_kind(X)}: give rows of the same kind."
        )
    if isinstance(X, np.ndarray):
        return np.vstack([background, X])
    if hasattr(X, "vstack"):  # Polars
        return background.vstack(X)
    return import_pandas("A data frame").concat([background, X], ignore_index=True)


def _kind(rows: Any) -> str:
    return f"{type(rows).__name__} of {type(rows).__module__.partition('.')[0]}"


def _first_rows(column: Any) -> list[int]:
    first: dict[Any, int] = {}
    return [first.setdefault(cell, row) for row, cell in enumerate(column)]


def _taken(column: Any, rows: NDArray) -> Any:
    return column.array.take(rows) if hasattr(column, "array") else column[rows]
