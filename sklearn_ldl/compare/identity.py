"""What makes a fit the same as another: values by their content."""

from __future__ import annotations

import hashlib
import inspect
import json
import os
from collections.abc import Callable, Mapping
from functools import partial
from types import FunctionType
from typing import Any

import joblib
import numpy as np
from scipy.sparse import issparse
from sklearn.base import BaseEstimator

from sklearn_ldl.compare.sources import content, text_hash


def update(found: Any, value: Any) -> None:
    """Add the content of an array, a sparse matrix, a frame or None to a hash."""
    if issparse(value):
        value = value.tocsr()
        found.update(f"{value.shape}".encode())
        for part in (value.data, value.indices.astype(np.int64), value.indptr.astype(np.int64)):
            update(found, part)
    elif hasattr(value, "columns") and hasattr(value, "dtypes"):
        # Column by column: frames remember what they have been asked for.
        for name in value.columns:
            column = value[name]
            categories = getattr(column.dtype, "categories", None)
            about = None if categories is None else [str(category) for category in categories]
            found.update(f"{name!r} {column.dtype} {about}".encode())
            update(found, np.asarray(column))
    elif isinstance(value, np.ndarray) and value.dtype != object:
        found.update(f"{value.dtype.str}{value.shape}".encode())
        found.update(value.tobytes())
    else:
        found.update(joblib.hash(value).encode())


def describe(value: Any, inside: tuple[int, ...] = ()) -> Any:
    """Turn an estimator, or a parameter of one, into what JSON can hold.

    The same description means the same parameters, in every process; arrays are described by a
    hash. What nobody can describe never has the same description twice.
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if id(value) in inside:
        return "itself"
    within = partial(describe, inside=(*inside, id(value)))
    if isinstance(value, BaseEstimator):
        params = value.get_params(deep=False)
        return {_name(type(value)): {name: within(params[name]) for name in sorted(params)}}
    if isinstance(value, Mapping):
        return {str(key): within(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [within(part) for part in value]
    if isinstance(value, np.generic):
        return value.item()
    if hasattr(value, "detach"):  # a tensor, whose pickle names places in memory
        value = value.detach().cpu().numpy()
    if isinstance(value, np.ndarray) or issparse(value) or hasattr(value, "columns"):
        found = hashlib.sha256()
        update(found, value)
        return f"{type(value).__name__} {found.hexdigest()[:16]}"
    if isinstance(value, partial):
        return [_name(partial), *map(within, (value.func, value.args, value.keywords))]
    if inspect.ismethod(value):
        return [_name(value), within(value.__self__)]
    if isinstance(value, FunctionType):
        # What made it may have given it other values under the same text.
        given = [value.__defaults__, value.__kwdefaults__]
        held = map(content, value.__closure__ or ())
        given += [part for part in held if part is not None]
        text = f"{_name(value)} {text_hash(value)}"
        return [text, within(given)] if any(part is not None for part in given) else text
    if isinstance(value, type) or inspect.isroutine(value):
        return f"{_name(value)} {text_hash(value)}"
    return _described_object(value, within)


def _described_object(value: Any, within: Callable) -> Any:
    name = _name(type(value))
    if hasattr(value, "dist") and hasattr(value, "kwds"):
        # A distribution of scipy holds the global random state.
        return {name: [value.dist.name, within(value.args), within(value.kwds)]}
    plain = all(
        getattr(type(value), method) is getattr(object, method)
        for method in ("__reduce__", "__reduce_ex__")
    )
    if plain and hasattr(value, "__dict__"):
        return {name: within(vars(value))}
    try:
        return f"{name} {joblib.hash(value)}"
    except Exception:  # whatever pickling may raise
        return f"{name} {os.urandom(8).hex()}"


def _name(value: Any) -> str:
    owner = getattr(value, "__module__", None) or getattr(value, "__objclass__", None)
    return f"{owner}.{getattr(value, '__qualname__', value.__name__)}"


def key(**parts: Any) -> str:
    """Hash of what identifies a fit."""
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:32]
