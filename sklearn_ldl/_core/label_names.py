"""Names of labels: read from data frames, kept by estimators, and compared wherever two meet.

Where both sides have names, columns are matched by name; position counts only where one side has
none. Numbers 0, 1, ... in this order, which frames give to columns without a name, say no more than
the position does. Names are equal if they are equal as text: some files and frames know no others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline

from sklearn_ldl._core.fitted import forget

# Longer lists are cut in messages.
_SHOWN = 10


def columns_of_frame(y: Any) -> list | None:
    """List the column names of a frame of pandas, Polars, Dask or Arrow; None for anything else.

    Raises
    ------
    ValueError
        If a name occurs twice.
    """
    names = getattr(y, "column_names", getattr(y, "columns", None))  # Arrow's `columns` are data
    if names is None or getattr(y, "ndim", 2) != 2:
        return None
    names = _as_list(names)
    if names == [f"column_{k}" for k in range(len(names))]:  # Polars numbers them so
        return list(range(len(names)))
    if len(set(names)) < len(names):
        repeated = [name for name in dict.fromkeys(names) if names.count(name) > 1]
        raise ValueError(f"Labels must have different names, but {_show(names)} repeat {repeated}.")
    return names


def names_of(y: Any) -> NDArray[np.object_] | None:
    """Column names of a frame: strings, numbers or both; None where there are none.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_ldl._core.label_names import names_of
    >>> names_of(pd.DataFrame([[0.5, 0.3, 0.2]], columns=[1, 2, "3+"]))
    array([1, 2, '3+'], dtype=object)
    >>> names_of(pd.DataFrame([[0.5, 0.3, 0.2]])) is None
    True
    """
    columns = columns_of_frame(y)
    return None if columns is None or _only_numbered(columns) else _as_objects(columns)


def label_order(have: Any, want: Any, *, of_have: str, of_want: str) -> NDArray[np.intp] | None:
    """Find the positions in `have` of the names in `want`; None where position counts.

    Raises
    ------
    ValueError
        If both sides have names, and not the same; the message shows both.

    Examples
    --------
    >>> from sklearn_ldl._core.label_names import label_order
    >>> label_order(["a", "b", "c"], ["c", "a", "b"], of_have="y", of_want="the fit")
    array([2, 0, 1])
    """
    if have is None or want is None:
        return None
    have, want = _as_list(have), _as_list(want)
    same: Callable[[Any], Any]
    for same in (lambda name: name, str):
        position = {same(name): k for k, name in enumerate(have)}
        wanted = [same(name) for name in want]
        if len(position) == len(have) == len(want) and position.keys() == set(wanted):
            return np.array([position[name] for name in wanted], dtype=np.intp)
    if _only_numbered(have) or _only_numbered(want):
        return None
    raise ValueError(
        f"The labels do not match: those of {of_have} are {_show(have)}, those of {of_want} "
        f"{_show(want)}. Rename the columns, or pass an array, whose columns count by position."
    )


def columns_in_order(y: Any, names: Any, *, of_y: str, of_names: str) -> Any:
    """Bring the columns of a frame into the order of `names`; anything else stays as it is.

    Raises
    ------
    ValueError
        If the frame has other names, or one of them twice.
    """
    columns = columns_of_frame(y)
    if columns is None or len(columns) == 1:  # a single column holds class labels
        return y
    order = label_order(columns, names, of_have=of_y, of_want=of_names)
    if order is None or (order == np.arange(len(order))).all():
        return y
    if hasattr(y, "iloc"):
        return y.iloc[:, order.tolist()]
    stored = getattr(y, "column_names", y.columns)
    return y.select([stored[k] for k in order])


def names_as_numbers(names: Any) -> list[float]:
    """List names that are numbers, also as text, as numbers; none where one is something else.

    Examples
    --------
    >>> from sklearn_ldl._core.label_names import names_as_numbers
    >>> names_as_numbers(["20", 30]), names_as_numbers(["20", "30+"])
    ([20.0, 30.0], [])
    """
    try:
        return [float(name) for name in names]
    except (TypeError, ValueError):
        return []


def like_frame(D: NDArray, y: Any) -> Any:
    """Return `D` as a frame like `y`, of pandas or Polars; as it is where `y` is something else."""
    library = type(y).__module__.partition(".")[0]
    if getattr(y, "ndim", 2) != 2 or not hasattr(y, "columns"):
        return D
    if library == "pandas":
        return type(y)(D, index=y.index, columns=y.columns)
    return type(y)(D, schema=y.columns, orient="row") if library == "polars" else D


def name_array(names: Any) -> NDArray:
    """Make an array of names that keeps their types: numbers and strings stay apart.

    Examples
    --------
    >>> from sklearn_ldl._core.label_names import name_array
    >>> name_array(["yes", "no"]), name_array([1, 2, "3+"])
    (array(['yes', 'no'], dtype='<U3'), array([1, 2, '3+'], dtype=object))
    """
    objects = _as_objects(names)
    types = {type(name) for name in objects}
    plain = len(types) == 1 and issubclass(types.pop(), (str, bool, int, float, np.generic))
    return np.array(objects.tolist()) if plain else objects


def innermost(estimator: Any) -> Any:
    """Look through pipelines, fitted searches and what keeps an estimator frozen."""
    while True:
        if isinstance(estimator, Pipeline):
            estimator = estimator[-1]
        elif isinstance(estimator, FrozenEstimator):
            estimator = estimator.estimator
        elif hasattr(estimator, "best_estimator_"):
            estimator = estimator.best_estimator_
        else:
            return estimator


def fitted_names(estimator: Any) -> NDArray | None:
    """Names of the labels that a fitted estimator predicts, in the order of its columns.

    None for one that keeps none, such as scikit-learn's regressors.
    """
    inner = innermost(estimator)
    if hasattr(inner, "label_names_"):
        return inner.label_names_
    classes = getattr(inner, "classes_", None)
    if isinstance(classes, np.ndarray) and classes.ndim == 1:
        return classes
    return np.arange(inner.n_labels_) if hasattr(inner, "n_labels_") else None


def label_values(estimator: Any) -> ArrayLike | None:
    """Names of the labels that a fitted estimator predicts, their values on a grid, or None."""
    inner = innermost(estimator)
    if hasattr(inner, "label_names_"):
        return name_array(inner.label_names_)
    return getattr(inner, "grid_", getattr(inner, "classes_", None))


def points_in_order(estimator: Any, y: Any) -> Any:
    """Bring coordinates of points in a frame into the order in which a fitted estimator has them.

    Anything else stays as it is, as for estimators that keep no names of coordinates.
    """
    inner = innermost(estimator)
    names = getattr(inner, "_coordinates", None)
    return columns_in_order(y, names, of_y="y", of_names=type(inner).__name__)


def declared_levels(values: Any) -> list | None:
    """Levels of a Categorical of pandas or an Enum of Polars, in their order; else None.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_ldl._core.label_names import declared_levels
    >>> declared_levels(pd.Categorical(["low"], categories=["low", "medium", "high"]))
    ['low', 'medium', 'high']
    """
    dtype: Any = getattr(values, "dtype", None)
    # Polars' own Categorical declares no levels.
    declares = type(dtype).__name__ in ("CategoricalDtype", "Enum")
    return list(dtype.categories) if declares else None


def declared_classes(estimator: Any, y: Any) -> list | None:
    """Classes of a fitted classifier in the order that a column of its labels declares, or None."""
    levels, classes = declared_levels(y), getattr(innermost(estimator), "classes_", None)
    if levels is None or classes is None:
        return None
    known = set(classes.tolist())
    ordered = [level for level in levels if level in known]
    return ordered if len(ordered) == len(known) else None


def frozen_names(estimator: Any) -> NDArray | None:
    """Names of the labels that an estimator predicts whatever `fit` is given, or None."""
    while isinstance(estimator, Pipeline):
        estimator = estimator[-1]
    return fitted_names(estimator) if isinstance(estimator, FrozenEstimator) else None


def _goes_on(estimator: Any) -> bool:
    """Whether the fit under way begins where the last one ended."""
    if hasattr(estimator, "_goes_on"):
        return estimator._goes_on()
    return getattr(estimator, "warm_start", False) and hasattr(estimator, "n_labels_")


def as_before(estimator: Any, y: Any) -> Any:
    """In a fit that goes on, bring the columns of `y` into the order of the last one."""
    if not _goes_on(estimator):
        return y
    return columns_in_order(y, fitted_names(estimator), of_y="y", of_names="the last fit")


def describe_labels(estimator: Any, y: Any, n_labels: int, names: ArrayLike | None = None) -> None:
    """Set `n_labels_`, and `label_names_` where the columns of `y` have names.

    Parameters
    ----------
    estimator : estimator
        The one that is being fitted. Names of an earlier fit are forgotten, unless this one goes on
        from there and `y` has none.
    y : array-like or data frame
        Targets.
    n_labels : int
        Number of labels.
    names : array-like of shape (n_labels,), default=None
        Names known otherwise, for a `y` without them.
    """
    known = names_of(y)
    if known is None and names is not None and not _only_numbered(_as_list(names)):
        known = _as_objects(_as_list(names))
    if known is None and _goes_on(estimator):
        kept = getattr(estimator, "label_names_", ())
        known = kept if len(kept) == n_labels else None
    estimator.n_labels_ = n_labels
    if known is None:
        forget(estimator, "label_names_")
    else:
        estimator.label_names_ = known


def _only_numbered(names: Sequence) -> bool:
    positions = list(range(len(names)))
    if any(isinstance(name, bool) for name in names):  # False and True equal 0 and 1
        return False
    return list(names) == positions or [str(name) for name in names] == list(map(str, positions))


def _as_list(names: Any) -> list:
    return names.tolist() if hasattr(names, "tolist") else list(names)


def _as_objects(names: Sequence) -> NDArray[np.object_]:
    objects = np.empty(len(names), dtype=object)
    for k, name in enumerate(names):  # a name may be a tuple, which is no row
        objects[k] = name
    return objects


def _show(names: Sequence) -> str:
    if len(names) <= _SHOWN:
        return str(list(names))
    return f"{str(list(names[: _SHOWN - 1]))[:-1]}, ..., {names[-1]!r}] ({len(names)} labels)"


def shorten(labels: list) -> str:
    """Write a list of labels, of which long ones lose their middle."""
    if len(labels) <= 10:
        return str(labels)
    return f"{str(labels[:9])[:-1]}, ..., {labels[-1]!r}]"
