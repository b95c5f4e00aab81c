"""The code that an estimator runs, as hashes and versions."""

from __future__ import annotations

import ast
import hashlib
import inspect
import json
import sys
from collections.abc import Iterator, Mapping
from functools import lru_cache, partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

from sklearn.base import BaseEstimator

# Names are loaded on first use there: what its namespace holds depends on what ran before.
_LAZY = "sklearn_ldl"


def code(value: Any) -> dict[str, str]:
    """Identify the code that an estimator, and those among its parameters, run.

    Returns
    -------
    found : dict
        Installed package -> version; package in a folder of its own, or file -> hash of the
        modules that the estimator reaches there; module without a file, such as that of a
        notebook -> hash of the classes and functions.
    """
    found: dict[str, str] = {}
    reached: set[str] = set()
    loose: dict[str, set[str]] = {}
    for kind in _with_code(value, {}):
        home = kind.__module__
        if home is None:  # made by exec
            loose.setdefault("exec", set()).add(text_hash(kind))
            continue
        package = home.partition(".")[0]
        if package in sys.stdlib_module_names:
            continue
        module = sys.modules.get(home)
        if module is None or _is_installed(module):
            found[package] = _version(package)
        elif _file(module) is None:
            loose.setdefault(package, set()).add(text_hash(kind))
        else:
            _reach(home, reached)
    files: dict[str, set[tuple[str, Path]]] = {}
    for name in reached:
        package = name.partition(".")[0]
        if (file := _file(sys.modules[name])) is not None:
            files.setdefault(package, set()).add((name, file))
            if package != _LAZY:
                beside = ((other.stem, other) for other in _imported_beside(file))
                files[package].update(pair for pair in beside if pair[0] not in sys.modules)
    for package, pairs in files.items():
        digest = hashlib.sha256()
        for name, file in sorted(pairs):
            digest.update(name.encode() + file.read_bytes())
        found[package] = digest.hexdigest()[:16]
    for package, texts in loose.items():
        found[package] = _hash("".join(sorted(texts)))
    return dict(sorted(found.items()))


def text_hash(value: Any) -> str:
    """Hash of the text of a class or function, of its instructions where that does not say all.

    Functions of modules without a file, such as a notebook, count with those that they call.
    """
    own = sys.modules.get(getattr(value, "__module__", None) or "")
    in_file = own is None or _file(own) is not None
    if in_file and getattr(value, "__name__", "") != "<lambda>":
        try:
            return _hash(inspect.getsource(value))
        except (OSError, TypeError):
            pass
    return _hash(repr(list(_instructions(value, set()))))


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _instructions(value: Any, seen: set[int]) -> Iterator[Any]:
    """Instructions and constants of functions, of methods, and of what they call beside them."""
    if id(value) in seen:
        return
    seen.add(id(value))
    if isinstance(value, staticmethod | classmethod):
        value = value.__func__
    if isinstance(value, property):
        for part in (value.fget, value.fset):
            yield from _instructions(part, seen)
    elif isinstance(value, type):
        for name, part in sorted(vars(value).items()):
            if not name.startswith("__"):
                yield name, _plain(part)
            yield from _instructions(part, seen)
    elif isinstance(value, FunctionType):
        names: set[str] = set()
        yield value.__name__, _constants(value.__code__, names)
        for name in sorted(names & value.__globals__.keys()):
            part = value.__globals__[name]
            yield name, _plain(part)
            if getattr(part, "__module__", None) == value.__module__:
                yield from _instructions(part, seen)


def _plain(value: Any) -> str | None:
    """Text of numbers, of texts, and of lists and dictionaries of them."""
    try:
        return json.dumps(value, sort_keys=True)
    except (TypeError, ValueError):
        return None


def _constants(code: CodeType, names: set[str]) -> list[Any]:
    names.update(code.co_names)
    constants = [
        _constants(part, names)
        if isinstance(part, CodeType)
        else sorted(map(repr, part))  # in an order that does not depend on the process
        if isinstance(part, frozenset)
        else repr(part)
        for part in code.co_consts
    ]
    return [code.co_code.hex(), constants, code.co_names]


def _with_code(value: Any, seen: dict[int, Any]) -> Iterator[Any]:
    """Classes and functions in an estimator, or in whatever may be among its parameters."""
    if id(value) in seen or isinstance(value, str | int | float | None):
        return
    seen[id(value)] = value  # it stays alive, so that no other gets its id
    if isinstance(value, type):
        yield from (kind for kind in value.__mro__ if kind is not object)
    elif isinstance(value, FunctionType):
        yield value
        for cell in value.__closure__ or ():
            yield from _with_code(content(cell), seen)
    elif inspect.ismethod(value):
        yield from _with_code(value.__self__, seen)
    elif isinstance(value, partial):
        yield from _with_code([value.func, value.args, value.keywords], seen)
    elif isinstance(value, Mapping):
        yield from _with_code(list(value.values()), seen)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _with_code(part, seen)
    elif isinstance(value, BaseEstimator):
        yield from _with_code(type(value), seen)
        yield from _with_code(value.get_params(deep=False), seen)
    elif hasattr(value, "__dict__") and not isinstance(value, ModuleType):
        yield from _with_code(type(value), seen)
        yield from _with_code(vars(value), seen)


def content(cell: Any) -> Any:
    """Return what a cell of a closure holds; None for a name that has no value yet."""
    try:
        return cell.cell_contents
    except ValueError:
        return None


def _file(module: ModuleType) -> Path | None:
    file = getattr(module, "__file__", None)
    return Path(file) if file and Path(file).exists() else None


def _is_installed(module: ModuleType) -> bool:
    file = getattr(module, "__file__", None) or ""
    return "site-packages" in file or "dist-packages" in file


def _version(package: str) -> str:
    try:
        return version({"sklearn": "scikit-learn"}.get(package, package.replace("_", "-")))
    except PackageNotFoundError:
        return str(getattr(sys.modules.get(package), "__version__", "unknown"))


def _reach(name: str, seen: set[str]) -> None:
    """Collect the modules in folders of the user's own that a module uses, whatever way."""
    module = sys.modules.get(name)
    if name in seen or module is None or name.partition(".")[0] in sys.stdlib_module_names:
        return
    if _is_installed(module) or _file(module) is None:
        return
    seen.add(name)
    if name == _LAZY:
        return
    inside = name.startswith(f"{_LAZY}.")
    others = {
        value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None)
        for value in list(vars(module).values())
        if isinstance(value, ModuleType) or isinstance(getattr(value, "__module__", None), str)
    }
    if not inside:  # constants of a module do not say where they come from
        others |= {path.stem for path in _imported_beside(Path(module.__file__ or ""))}
    for other in sorted(map(str, others)):
        _reach(other, seen)


@lru_cache
def _imports(text: str) -> frozenset[str]:
    try:
        nodes = list(ast.walk(ast.parse(text)))
    except SyntaxError:
        return frozenset()
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    for node in nodes:
        if isinstance(node, ast.ImportFrom):
            names |= {node.module} if node.module else {alias.name for alias in node.names}
    return frozenset(name.split(".")[-1] for name in names)


def _imported_beside(file: Path) -> list[Path]:
    """Files beside a file that it imports, some time or other."""
    names = _imports(file.read_text("utf-8", errors="replace"))
    return [path for name in sorted(names) if (path := file.parent / f"{name}.py").exists()]
