"""Files of fitted models, which load without running what they hold."""

from __future__ import annotations

import io
import json
import os
import platform
import struct
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, BadZipFile, ZipFile

import sklearn
from sklearn.base import BaseEstimator

import sklearn_ldl
from sklearn_ldl._core.extras import MissingExtraError
from sklearn_ldl._core.files import write_whole
from sklearn_ldl._core.label_names import fitted_names, innermost
from sklearn_ldl._core.saved_parts import READING, WRITING, Reading, Writing
from sklearn_ldl.deploy.types import is_trusted

_ABOUT = "sklearn_ldl.json"
_PLAIN = (str, int, float, bool)
_SHOWN = 80
# skops asks about types of numbers, such as SimpleImputer keeps; it builds them from empty arrays.
_HARMLESS = {"numpy.dtype"}
# What reading a file raises whose content is not what was written.
_DAMAGE: tuple[type[Exception], ...] = (
    AttributeError,
    BadZipFile,
    EOFError,
    KeyError,
    NotImplementedError,
    RecursionError,
    UnicodeDecodeError,
    json.JSONDecodeError,
    struct.error,
    zlib.error,
)


def save(estimator: BaseEstimator, path: str | os.PathLike[str]) -> None:
    """Write a fitted model to a file that loads without running code.

    Anything goes in that skops keeps: every estimator of this package, alone or in pipelines,
    searches and wrappers, with scikit-learn's own. The file is one of skops. Beside the model it
    holds the versions and the names of its features and labels, which :func:`describe` reads, and
    the weights of networks as safetensors. It is written as a whole, or not at all.

    A network that was fitted with a `module` of yours is written without it, its weights alone:
    whoever loads it hands the module over. What training needs (optimiser, random numbers) is not
    in the file: a network predicts, and does not go on by `warm_start`; `partial_fit` goes on from
    its weights, with an optimiser that starts anew.

    Parameters
    ----------
    estimator : estimator
        A fitted model.
    path : path-like
        The file; ``.skops`` is usual. Its folder is made.

    Raises
    ------
    TypeError
        If a parameter or attribute cannot be written, such as a ``lambda``; the error names it.
    ImportError
        Without skops, or, for networks, without safetensors.
    OSError
        If the file cannot be written.

    See Also
    --------
    load : Load the file.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from sklearn_ldl import BFGSLDL
    >>> from sklearn_ldl.datasets import make_ldl
    >>> from sklearn_ldl.deploy import load, save
    >>> X, D = make_ldl(100, random_state=0)
    >>> model = BFGSLDL().fit(X, D)
    >>> with TemporaryDirectory() as folder:
    ...     save(model, Path(folder) / "model.skops")
    ...     loaded = load(Path(folder) / "model.skops")
    >>> bool((loaded.predict(X) == model.predict(X)).all())
    True
    """
    skops_io = _skops("save")
    writing = Writing()
    with _during(WRITING, writing):
        data = io.BytesIO(_dumped(skops_io, estimator))
    parts = writing.parts()
    about = _about(estimator, sorted(writing.modules), networks=bool(parts))
    with ZipFile(data, "a") as archive:
        archive.writestr(_ABOUT, json.dumps(about, indent=1))
        for name, part in parts.items():
            archive.writestr(name, part)
    write_whole(Path(path), [data.getbuffer()])


def load(
    path: str | os.PathLike[str],
    *,
    trusted: str | type | Sequence[str | type] = (),
    module: Any = None,
    device: Any = None,
) -> Any:
    """Load a model that `save` has written, without running code that the file brings.

    Classes of NumPy, SciPy, scikit-learn and this package are loaded, each of them from a list;
    anything else is refused unless you name it.

    Parameters
    ----------
    path : path-like
        The file.
    trusted : str, type or sequence of them, default=()
        Further types that may be in it, by their full names or themselves. An error tells which
        there are; trust those that you expect, not whatever a file says.
    module : torch.nn.Module class, instance, callable or dict, default=None
        What a network was fitted with as its `module`, which no file holds; or several of them by
        the names that :func:`describe` gives.
    device : str or torch.device, default=None
        Where networks compute; None means where they did.

    Returns
    -------
    estimator : estimator
        The fitted model.

    Raises
    ------
    ValueError
        If the file is damaged, is none of ours, was written by another major version, or holds
        weights that do not fit the module.
    TypeError
        If it holds types that nobody trusts, or needs a module.
    ImportError
        Without skops, or without what a network needs.

    See Also
    --------
    save : Write the file.
    describe : Say what is in it.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from sklearn_ldl import GradientBoostingLDL
    >>> from sklearn_ldl.datasets import make_ldl
    >>> from sklearn_ldl.deploy import load, save
    >>> X, D = make_ldl(50, random_state=0)
    >>> model = GradientBoostingLDL(3, random_state=0).fit(X, D)
    >>> with TemporaryDirectory() as folder:
    ...     save(model, Path(folder) / "trees.skops")
    ...     loaded = load(Path(folder) / "trees.skops")
    >>> bool((loaded.predict(X) == model.predict(X)).all())
    True
    """
    skops_io = _skops("load")
    path = Path(path)
    about = describe(path)
    _check_version(path, about)
    with _undamaged(path, TypeError, ValueError):
        unknown = skops_io.get_untrusted_types(file=path)
        with ZipFile(path) as archive:
            parts = {
                name: archive.read(name)
                for name in archive.namelist()
                if name.endswith(".safetensors")
            }
    each = [trusted] if isinstance(trusted, (str, type)) else trusted
    named = {one if isinstance(one, str) else f"{one.__module__}.{one.__name__}" for one in each}
    ours = [name for name in unknown if is_trusted(name) or name in _HARMLESS]
    if others := sorted(set(unknown) - set(ours) - named):
        raise TypeError(
            f"{path}, written by sklearn_ldl {about['version']}, holds types that are neither of "
            f"sklearn_ldl {sklearn_ldl.__version__} nor trusted by skops. If you expect them, and "
            f"know that they are harmless, load it with trusted={others}."
        )
    with _during(READING, Reading(parts, module, device)), _undamaged(path):
        return skops_io.load(path, trusted=[*ours, *named])


def describe(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Say what is in a file that `save` has written; nothing of it is loaded.

    Parameters
    ----------
    path : path-like
        The file.

    Returns
    -------
    about : dict
        `version` of this package, `estimator`, the name of the class, for pipelines that of the
        last step as `model`; `features` and `labels`, their names in the order of the columns, or
        None; `n_features`; `modules`, what networks were fitted with, for the parameter `module` of
        :func:`load`; `packages`, versions of others by name.

    Raises
    ------
    ValueError
        If the file is damaged, or none of ours.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> import pandas as pd
    >>> from sklearn_ldl import BFGSLDL
    >>> from sklearn_ldl.datasets import make_ldl
    >>> from sklearn_ldl.deploy import describe, save
    >>> X, D = make_ldl(100, random_state=0)
    >>> D = pd.DataFrame(D, columns=["like", "neutral", "dislike"])
    >>> with TemporaryDirectory() as folder:
    ...     save(BFGSLDL().fit(X, D), Path(folder) / "model.skops")
    ...     about = describe(Path(folder) / "model.skops")
    >>> about["estimator"], about["labels"], about["n_features"]
    ('BFGSLDL', ['like', 'neutral', 'dislike'], 3)
    """
    path = Path(path)
    with _undamaged(path), ZipFile(path) as archive:
        if _ABOUT not in archive.namelist():
            raise ValueError(
                f"{path} was not written by sklearn_ldl.deploy.save. A file of skops itself loads "
                "by skops.io.load(path, trusted=sklearn_ldl.deploy.skops_types())."
            )
        about = json.loads(archive.read(_ABOUT))
    if not (isinstance(about, dict) and isinstance(about.get("version"), str)):
        raise ValueError(f"{path} is damaged, or no file of a model: it names no version.")
    return about


def _skops(what: str) -> Any:
    try:
        import skops.io
    except ImportError as error:
        raise MissingExtraError(f"sklearn_ldl.deploy.{what}", "skops", "save") from error
    return skops.io


@contextmanager
def _during(variable: ContextVar, value: Any) -> Iterator[None]:
    token = variable.set(value)
    try:
        yield
    finally:
        variable.reset(token)


@contextmanager
def _undamaged(path: Path, *more: type[Exception]) -> Iterator[None]:
    """Raise a ValueError that names the file where it cannot be read as it was written.

    Of `more` errors, where nothing but damage raises them.
    """
    causes: tuple[type[Exception], ...] = (*_DAMAGE, *more, OSError)
    try:
        yield
    except causes as error:
        if getattr(error, "filename", None) is not None:
            raise  # there is no such file, for example
        raise ValueError(f"{path} is damaged, or no file of a model: {error}") from error


def _check_version(path: Path, about: dict[str, Any]) -> None:
    written, own = about["version"], sklearn_ldl.__version__
    if written.split(".")[0] != own.split(".")[0]:
        raise ValueError(
            f"{path} was written by sklearn_ldl {written}, and this is {own}: files are read by "
            f"versions with the same first number. Load it there, or fit the model again."
        )


def _about(estimator: Any, modules: list[str], *, networks: bool) -> dict[str, Any]:
    features, labels = getattr(estimator, "feature_names_in_", None), fitted_names(estimator)
    packages = ["numpy", "scipy", "skops", *(["torch", "safetensors"] if networks else [])]
    return {
        "version": sklearn_ldl.__version__,
        "estimator": type(estimator).__name__,
        "model": type(innermost(estimator)).__name__,
        "features": _names(features),
        "labels": _names(labels),
        "n_features": getattr(estimator, "n_features_in_", None),
        "modules": modules,
        "packages": {
            "python": platform.python_version(),
            "scikit-learn": sklearn.__version__,
            **{name: version(name) for name in packages},
        },
    }


def _names(names: Any) -> list | None:
    if names is None:
        return None
    plain = (getattr(name, "tolist", lambda name=name: name)() for name in names)
    return [name if isinstance(name, _PLAIN) else str(name) for name in plain]


def _dumped(skops_io: Any, estimator: Any) -> bytes:
    """Return a model as a file of skops; a TypeError names what could not be loaded from it."""
    try:
        return _checked(skops_io, estimator)
    except _Unwritten as fault:
        known = {**estimator.get_params(), **vars(estimator)} if _is_estimator(estimator) else {}
        culprits = [name for name, value in known.items() if not _can_be_written(skops_io, value)]
        # The innermost names have the most parts, and say most.
        name = max(culprits, key=lambda name: name.count("__"), default=None)
        where = "" if name is None else f", because of {name}={_shorten(repr(known[name]))}"
        raise TypeError(
            f"{type(estimator).__name__} cannot be written{where}: {fault}. Where predictions do "
            "not need it, set it to a name or a plain value before."
        ) from fault


class _Unwritten(Exception):
    """A model that cannot be written, or could not be loaded again."""


def _checked(skops_io: Any, value: Any) -> bytes:
    try:
        data = skops_io.dumps(value, compression=ZIP_DEFLATED)
        names = skops_io.get_untrusted_types(data=data)
    except MissingExtraError:
        raise
    except Exception as error:  # whatever an object raises that nobody made for this
        raise _Unwritten(str(error) or type(error).__name__) from error
    for path in names:
        module, _, name = path.rpartition(".")
        try:
            getattr(import_module(module), name)
        except (ImportError, AttributeError) as error:
            raise _Unwritten(f"{path} is not found again by its name") from error
    return data


def _can_be_written(skops_io: Any, value: Any) -> bool:
    try:
        _checked(skops_io, value)
    except _Unwritten:
        return False
    return True


def _shorten(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _is_estimator(value: Any) -> bool:
    return hasattr(value, "get_params") and not isinstance(value, type)
