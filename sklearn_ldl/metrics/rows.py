"""From a formula on rows to a public metric."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any, Literal, Protocol, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklearn_ldl._core.dask_rows import is_dask, map_rows, mean_of_rows
from sklearn_ldl.metrics.checks import check_pair, mean_or_rows

_PARAMETERS = """\
Parameters
----------
D_true, D_pred : array-like of shape (n_samples, n_labels)
    True and predicted distributions: rows on the simplex, exact zeros allowed.
sample_weight : array-like of shape (n_samples,), default=None
    Non-negative weights of the rows in the mean; None weighs them equally.
per_row : bool, default=False
    Return the value of every row instead of their mean; excludes `sample_weight`.
"""

_RAISES = """\
Raises
------
ValueError
    If `D_true` or `D_pred` does not hold distributions, if their shapes differ, or if another
    argument is out of its range.

"""


class RowMetric(Protocol):
    """A metric that has one value per row."""

    __name__: str

    @overload
    def __call__(
        self,
        D_true: ArrayLike,
        D_pred: ArrayLike,
        *,
        sample_weight: ArrayLike | None = None,
        per_row: Literal[False] = False,
        **options: Any,
    ) -> float: ...
    @overload
    def __call__(
        self,
        D_true: ArrayLike,
        D_pred: ArrayLike,
        *,
        per_row: Literal[True],
        **options: Any,
    ) -> NDArray[np.float64]: ...
    def __call__(
        self,
        D_true: ArrayLike,
        D_pred: ArrayLike,
        *,
        sample_weight: ArrayLike | None = None,
        per_row: bool = False,
        **options: Any,
    ) -> float | NDArray[np.float64]:
        """Return the weighted mean over the rows, or with `per_row` the values themselves."""


def row_metric(formula: Callable[..., NDArray]) -> RowMetric:
    """Turn ``formula(D, P, *, options) -> (n_samples,)`` into a public metric.

    The formula states its mathematics, its own options, its range and an example; what all the
    metrics have in common is added here, to the behaviour and to the docstring.
    """

    def metric(D_true, D_pred, *, sample_weight=None, per_row=False, **options):
        if is_dask(D_true, D_pred):
            on_rows = partial(metric, per_row=True, **options)
            values = map_rows(on_rows, D_true, D_pred, n_columns=None, dtype=np.float64)
            return values if per_row else mean_of_rows(values, sample_weight)
        values = formula(*check_pair(D_true, D_pred), **options)
        return mean_or_rows(values, sample_weight, per_row)

    signature = inspect.signature(RowMetric.__call__)
    common = list(signature.parameters.values())[1:-1]  # without self and **options
    options = list(inspect.signature(formula).parameters.values())[2:]  # without D and P
    # functools.wraps would report the signature of the formula.
    attributes = {
        name: getattr(formula, name) for name in ("__module__", "__name__", "__qualname__")
    }
    attributes["__signature__"] = signature.replace(parameters=[*common, *options])
    attributes["__doc__"] = _complete_docstring(inspect.getdoc(formula) or "")
    for name, value in attributes.items():
        setattr(metric, name, value)
    return metric


def _complete_docstring(doc: str) -> str:
    own_options = "Parameters\n----------\n"
    if own_options in doc:
        doc = doc.replace(own_options, _PARAMETERS, 1)
    else:
        doc = doc.replace("Returns\n", f"{_PARAMETERS}\nReturns\n", 1)
    return doc.replace("References\n", f"{_RAISES}References\n", 1) + "\n"
