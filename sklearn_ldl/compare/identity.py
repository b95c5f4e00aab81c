"""What makes a fit the same as another: values by their content, code by its text."""

from __future__ import annotations

import hashlib
import inspect
import json
import sys
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import ModuleType
from typing import Any

import joblib
import numpy as np
from scipy.sparse import issparse
from sklearn.base import BaseEstimator


def update(found: Any, value: Any) -> None:
    """Add the content of an array, a sparse matrix, a frame or None to a hash."""
    if issparse(value):
        value = value.tocsr()
        for part in (value.data, value.indices.astype(np.int64), value.indptr.astype(np.int64)):
            update(found, part)
    elif isinstance(value, np.ndarray) and value.dtype != object:
        found.update(f"{value.dtype.str}{value.shape}".encode())
        found.update(np.ascontiguousarray(value).data)
    else:
        found.update(joblib.hash(value).encode())


def describe(value: Any) -> Any:
    """Turn an estimator, or a parameter of one, into what JSON can hold.

    The same description means the same parameters; arrays are described by a hash.
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, BaseEstimator):
        params = value.get_params(deep=False)
        return {_name(type(value)): {name: describe(params[name]) for name in sorted(params)}}
    if isinstance(value, Mapping):
        return {str(key): describe(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [describe(part) for part in value]
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray) or issparse(value):
        found = hashlib.sha256()
        update(found, value)
        return f"{type(value).__name__} {found.hexdigest()[:16]}"
    if isinstance(value, type) or inspect.isroutine(value):
        return f"{_name(value)} {_text_hash(value)}"
    return f"{_name(type(value))} {joblib.hash(value)}"


def _name(value: Any) -> str:
    return f"{value.__module__}.{value.__qualname__}"


def _text_hash(value: Any) -> str:
    try:
        text = inspect.getsource(value)
    except (OSError, TypeError):
        return ""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def code(value: Any) -> dict[str, str]:
    """Identify the code that an estimator, and those among its parameters, run.

    Returns
    -------
    found : dict
        Installed package -> version; package in a folder of its own, or file -> hash of the
        modules that the estimator reaches there.
    """
    found: dict[str, str] = {}
    modules: dict[str, set[str]] = {}
    for kind in _classes(value):
        package = kind.__module__.partition(".")[0]
        if package in sys.stdlib_module_names:
            continue
        module = sys.modules.get(kind.__module__)
        if module is None or _is_installed(module):
            found[package] = _version(package)
        else:
            _reach(kind.__module__, package, modules.setdefault(package, set()))
    for package, names in modules.items():
        digest = hashlib.sha256()
        for name in sorted(names):
            file = getattr(sys.modules[name], "__file__", None)
            if file and Path(file).exists():
                digest.update(name.encode() + Path(file).read_bytes())
        found[package] = digest.hexdigest()[:16]
    return dict(sorted(found.items()))


def _classes(value: Any) -> Iterator[type]:
    if isinstance(value, BaseEstimator):
        yield from (kind for kind in type(value).__mro__ if kind is not object)
        for part in value.get_params(deep=False).values():
            yield from _classes(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _classes(part)
    elif isinstance(value, Mapping):
        yield from _classes(list(value.values()))


def _is_installed(module: ModuleType) -> bool:
    file = getattr(module, "__file__", None) or ""
    return "site-packages" in file or "dist-packages" in file


def _version(package: str) -> str:
    try:
        return version({"sklearn": "scikit-learn"}.get(package, package.replace("_", "-")))
    except PackageNotFoundError:
        return str(getattr(sys.modules.get(package), "__version__", "unknown"))


def _reach(name: str, package: str, seen: set[str]) -> None:
    """Collect the modules of a package that a module uses, whatever way."""
    if name in seen or name not in sys.modules:
        return
    seen.add(name)
    for value in list(vars(sys.modules[name]).values()):
        other = value.__name__ if isinstance(value, ModuleType) else _module_of(value)
        if other and other.partition(".")[0] == package:
            _reach(other, package, seen)


def _module_of(value: Any) -> str | None:
    found = getattr(value, "__module__", None)
    return found if isinstance(found, str) else None


def key(**parts: Any) -> str:
    """Hash of what identifies a fit."""
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:32]
