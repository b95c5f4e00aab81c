"""From a formula on rows to a public metric."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any, Literal, Protocol, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklearn_ldl._core.dask_rows import is_dask, map_rows, mean_of_rows
from sklearn_ldl._core.label_names import names_of
from sklearn_ldl._core.underflow import underflow_is_zero
from sklearn_ldl.decoding import in_order_of_grid
from sklearn_ldl.metrics.checks import check_pair, forbid_weights, in_order_of, mean_or_rows


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

    What all the metrics have in common is added here: checks, weights, `per_row`, Dask collections.
    The docstring of the formula is that of the metric, so it documents these as well.
    """

    @underflow_is_zero
    def metric(D_true, D_pred, *, sample_weight=None, per_row=False, **options):
        if options.get("grid") is not None and names_of(D_true) is not None:
            D_pred = in_order_of_grid(D_pred, np.asarray(options["grid"]))
        if is_dask(D_true, D_pred):
            D_true = in_order_of(D_pred, D_true)
            on_rows = partial(metric, per_row=True, **options)
            values = map_rows(on_rows, D_true, D_pred, n_columns=None, dtype=np.float64)
            if not per_row:
                return mean_of_rows(values, sample_weight)
            forbid_weights(sample_weight)
            return values
        values = formula(*check_pair(D_true, D_pred), **options)
        return mean_or_rows(values, sample_weight, per_row)

    signature = inspect.signature(RowMetric.__call__)
    common = list(signature.parameters.values())[1:-1]  # without self and **options
    options = list(inspect.signature(formula).parameters.values())[2:]  # without D and P
    # functools.wraps would report the signature of the formula.
    parameters = [*common, *options]
    metric.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    metric.__module__ = formula.__module__
    metric.__name__ = formula.__name__
    metric.__qualname__ = formula.__qualname__
    metric.__doc__ = formula.__doc__
    return metric
