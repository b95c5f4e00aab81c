"""Which classes of this package a file of a model may hold."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType
from typing import Any

from sklearn.base import BaseEstimator

import sklearn_ldl
from sklearn_ldl._core.extras import MissingExtraError
from sklearn_ldl._core.plain_state import PlainState

_ROOT = "sklearn_ldl."
# Rooms and modules that no fitted model holds anything of.
_OTHERS = {"__main__", "compare", "datasets", "deploy", "plotting", "testing"}
# What a class may have that runs when it is loaded, or when a loaded object is no longer used.
_HOOKS = ("__new__", "__setstate__", "__reduce__", "__reduce_ex__", "__del__", "__setattr__")
_BUILTIN = (object, list, tuple)


def skops_types() -> list[str]:
    """List the classes of this package that a file of a model may hold, for skops.

    skops loads NumPy, SciPy and scikit-learn, and asks about everything else. These are our own
    classes alone: estimators, and the plain parts of fitted ones. None of them runs anything but
    its own computations when it is loaded, and there are no functions among them. They are found by
    looking at the package; those whose extra is not installed are missing.

    :func:`load` knows them by itself.

    Returns
    -------
    names : list of str
        Full names, sorted.

    See Also
    --------
    load : Load what `save` has written.

    Examples
    --------
    >>> import skops.io
    >>> from sklearn_ldl import BFGSLDL
    >>> from sklearn_ldl.datasets import make_ldl
    >>> from sklearn_ldl.deploy import skops_types
    >>> X, D = make_ldl(100, random_state=0)
    >>> data = skops.io.dumps(BFGSLDL().fit(X, D))
    >>> skops.io.loads(data, trusted=skops_types())
    BFGSLDL()
    """
    return sorted(
        f"{module.__name__}.{name}"
        for module in _modules()
        for name, member in vars(module).items()
        if _is_part(module, name, member)
    )


def is_trusted(path: str) -> bool:
    """Whether a full name is one of :func:`skops_types`; no module but its own is imported.

    Parameters
    ----------
    path : str
        As a file has it.

    Returns
    -------
    trusted : bool
        False also for what does not exist.
    """
    module_name, _, name = path.rpartition(".")
    if not module_name.startswith(_ROOT) or module_name.split(".")[1] in _OTHERS:
        return False
    try:
        module = import_module(module_name)
    except ModuleNotFoundError:
        return False
    return _is_part(module, name, vars(module).get(name))


def _modules() -> Iterator[ModuleType]:
    for found in pkgutil.walk_packages(sklearn_ldl.__path__, _ROOT):
        if found.name.split(".")[1] in _OTHERS:
            continue
        try:
            yield import_module(found.name)
        except MissingExtraError:
            continue


def _is_part(module: ModuleType, name: str, member: Any) -> bool:
    """Whether a member of a module is a class that a file may hold."""
    if not isinstance(member, type) or member.__module__ != module.__name__:
        return False
    if member.__name__ != name or not _is_quiet(member):
        return False
    is_record = member.__bases__ == (tuple,) and hasattr(member, "_fields")
    return is_record or issubclass(member, (BaseEstimator, PlainState))


def _is_quiet(cls: type) -> bool:
    """Whether nothing of a class runs at loading but what is known to be harmless."""
    for base in cls.__mro__:
        if base in _BUILTIN or base is PlainState or base.__module__.startswith("sklearn."):
            continue
        if not f"{base.__module__}.".startswith(_ROOT):
            return False
        is_record = base.__bases__ == (tuple,)
        hooks = [hook for hook in _HOOKS if hook in vars(base)]
        # That of a named tuple is made by Python; frozen dataclasses refuse to be changed.
        if is_record:
            hooks = [hook for hook in hooks if hook != "__new__"]
        if hasattr(base, "__dataclass_fields__"):
            hooks = [hook for hook in hooks if hook != "__setattr__"]
        if hooks:
            return False
    return True
