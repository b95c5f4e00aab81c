"""Tell objects apart by what they hold, in this process and in later ones."""

from __future__ import annotations

import copyreg
import dis
import sys
from collections.abc import Iterable
from hashlib import blake2b
from pathlib import Path, PurePath
from types import (
    BuiltinFunctionType,
    CellType,
    CodeType,
    EllipsisType,
    FunctionType,
    MethodType,
    ModuleType,
)
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.frozen import FrozenEstimator
from sklearn.utils import gen_batches
from skorch import NeuralNet
from skorch.callbacks import Callback
from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.utils.data import Dataset
from torch.utils.hooks import RemovableHandle

from sklearn_ldl.deep.training.stored_rows import give_back

# Types whose ``repr`` says all.
_PLAIN = (
    *(type(None), bool, int, float, complex, str, bytes, range, slice, EllipsisType),
    *(torch.dtype, torch.device, torch.Size, np.dtype, PurePath),
)
# What counts of the globals that a function uses: others are often state, such as a log.
_CONSTANTS = (*_PLAIN, tuple, frozenset, FunctionType, type, np.ndarray, np.generic, Tensor)
# Folders of what is installed, whose code stands by its names.
_INSTALLED = {"site-packages", "dist-packages"}
# Bytes of an array that are read at a time.
_CHUNK = 2**24


class Unidentified(Exception):
    """Says what cannot be told apart from other things."""


def digest(value: Any) -> str:
    """Short text that two objects share if, and as good as only if, they hold the same.

    Arrays, tensors and the tensors of modules count by their bytes, estimators by their parameters
    (by all they hold in a ``FrozenEstimator``), functions and classes by their names, and by their
    code, with the functions, classes and constants that this uses, where they are not those of an
    installed package, and other objects by what would be pickled of them.

    Parameters
    ----------
    value : object
        Anything.

    Returns
    -------
    digest : str
        Of 32 characters.

    Raises
    ------
    Unidentified
        For lambdas, what is defined inside a function, Datasets, and what cannot be pickled.
    """
    content = _Content()
    try:
        content.add(value)
    except RecursionError:
        raise Unidentified(f"a {type(value).__name__} with too many levels") from None
    return content.hash.hexdigest()


class _Content:
    """A hash that is fed with objects."""

    def __init__(self) -> None:
        self.hash = blake2b(digest_size=16)
        # Objects that hold the one at hand, by their ids: some hold themselves.
        self._holders: dict[int, int] = {}
        # Code whose globals are in it.
        self._followed: set[CodeType] = set()
        self._whole = False

    def _tag(self, *words: object) -> None:
        text = "\0".join(str(word) for word in words).encode()
        self.hash.update(len(text).to_bytes(8, "little") + text)

    def add(self, value: Any) -> None:
        if isinstance(value, (*_PLAIN, np.generic)):
            self._tag(type(value).__name__, repr(value))
        elif id(value) in self._holders:
            self._tag("holder", self._holders[id(value)])
        else:
            self._holders[id(value)] = len(self._holders)
            self._add_compound(value)
            del self._holders[id(value)]

    def _add_compound(self, value: Any) -> None:
        if type(value) in (list, tuple):
            self._add_all(type(value).__name__, value)
        elif type(value) is dict:
            self._add_all("dict", (part for item in value.items() for part in item))
        elif isinstance(value, (set, frozenset)):
            self._tag("set", *sorted(digest(entry) for entry in value))
        elif isinstance(value, np.ndarray):
            self._add_array(value)
        elif sparse.issparse(value):
            X = value.tocsr()
            self._add_all("sparse", (X.shape, X.data, X.indices, X.indptr))
        elif isinstance(value, Tensor):
            self._add_tensor(value)
        elif isinstance(value, RemovableHandle):
            self._tag("handle")
        elif isinstance(value, torch.Generator):
            self._add_all("generator", [value.get_state()])
        elif isinstance(value, (type, FunctionType)):
            self._add_named(value)
        elif isinstance(value, MethodType):
            self._add_all("method", (value.__func__, value.__self__))
        elif isinstance(value, BuiltinFunctionType):
            self._tag("builtin", value.__module__, value.__qualname__)
            self.add(None if isinstance(value.__self__, ModuleType) else value.__self__)
        else:
            self._add_object(value)

    def _add_all(self, kind: str, values: Iterable[Any]) -> None:
        values = list(values)
        self._tag(kind, len(values))
        for value in values:
            self.add(value)

    def _add_array(self, array: NDArray) -> None:
        array = np.asarray(array) if not isinstance(array, np.memmap) else array
        self._tag("array", array.dtype.str, array.shape)
        if array.dtype.names is not None:
            # Between the fields there may be anything.
            for name in array.dtype.names:
                self._add_array(array[name])
        elif array.dtype.hasobject:
            self._add_all("objects", array.ravel().tolist())
        elif array.size:
            array = array.reshape(1) if array.ndim == 0 else array
            n_rows = max(1, _CHUNK // (array.nbytes // len(array)))
            for rows in gen_batches(len(array), n_rows):
                self.hash.update(np.ascontiguousarray(array[rows]).view(np.uint8).data)
                if isinstance(array, np.memmap):
                    give_back(array)

    def _add_tensor(self, tensor: Tensor) -> None:
        self._tag("tensor", tensor.dtype, tensor.requires_grad)
        if is_lazy(tensor):
            return
        tensor = tensor.detach().cpu()
        tensor = tensor.to_dense() if tensor.layout != torch.strided else tensor
        # NumPy does not know all types.
        self._tag(tuple(tensor.shape))
        self._add_array(tensor.contiguous().reshape(-1).view(torch.uint8).numpy())

    def _add_named(self, value: Any) -> None:
        """Add a class or function: its name, and its code unless it is that of a library."""
        name, module = value.__qualname__, str(value.__module__)
        installed, function = _is_installed(module), isinstance(value, FunctionType)
        if not (installed and function):
            if "<lambda>" in name:
                raise Unidentified("a lambda")
            if "<locals>" in name:
                raise Unidentified(f"{name.replace('.<locals>', '')}, defined inside a function")
        self._tag("name", module, name)
        if function and (not installed or "<" in name):
            self._add_function(value)
        if function or installed:
            return
        self._add_all("bases", value.__bases__)
        for key, member in vars(value).items():
            parts = [getattr(member, part, None) for part in ("__func__", "fget", "fset")]
            for function in (member, *parts):
                if isinstance(function, FunctionType):
                    self._tag(key)
                    self._add_function(function)

    def _add_function(self, function: FunctionType) -> None:
        self._add_code(function.__code__)
        self._add_all("defaults", (function.__defaults__, function.__kwdefaults__))
        self._add_all("cells", map(_content, function.__closure__ or ()))
        if not _is_installed(str(function.__module__)) and function.__code__ not in self._followed:
            self._followed.add(function.__code__)
            self.add(_constants(function))

    def _add_code(self, code: CodeType) -> None:
        self.hash.update(code.co_code)
        self._tag(*code.co_names)
        for constant in code.co_consts:
            if isinstance(constant, CodeType):
                self._add_code(constant)
            else:
                self.add(constant)

    def _add_object(self, value: Any) -> None:
        kind = type(value)
        if isinstance(value, Dataset):
            raise Unidentified(f"a Dataset ({kind.__name__})")
        whole = self._whole
        if isinstance(value, FrozenEstimator):
            self._whole = True
        if isinstance(value, BaseEstimator) and not self._whole:
            self._add_all("estimator", (kind, value.get_params(deep=False)))
        elif isinstance(value, Callback) and not self._whole:
            settings = {k: v for k, v in vars(value).items() if not k.endswith("_")}
            self._add_all("callback", (kind, settings))
        elif isinstance(value, nn.Module):
            self._add_all("module", (kind, _module_state(value)))
        elif isinstance(value, NeuralNet):
            self._add_all("net", (kind, vars(value)))
        else:
            self._add_pickled(value)
        self._whole = whole

    def _add_pickled(self, value: Any) -> None:
        try:
            reduce = copyreg.dispatch_table.get(type(value))
            parts = value.__reduce_ex__(4) if reduce is None else reduce(value)
            if not isinstance(parts, str):
                make, arguments, state, *items = (*parts, None, None, None)[:5]
                parts = (make, arguments, state, *(entries and list(entries) for entries in items))
        except Exception:
            raise Unidentified(f"a {type(value).__name__}") from None
        self._add_all("object", (type(value), parts))


def _constants(function: FunctionType) -> dict[str, Any]:
    """Functions, classes and constants of its module that a function uses, by name."""
    used: set[str] = set()
    changed: set[str] = set()
    codes = [function.__code__]
    for code in codes:
        codes += [constant for constant in code.co_consts if isinstance(constant, CodeType)]
        for step in dis.get_instructions(code):
            if step.opname == "LOAD_GLOBAL":
                used.add(step.argval)
            elif step.opname == "STORE_GLOBAL":
                changed.add(step.argval)
    known = function.__globals__
    names = sorted((used - changed) & known.keys())
    return {name: known[name] for name in names if isinstance(known[name], _CONSTANTS)}


def _is_installed(module: str) -> bool:
    package = module.partition(".")[0]
    if package in {"sklearn_ldl", *sys.stdlib_module_names}:
        return True
    # What is written in a notebook has no file.
    file = getattr(sys.modules.get(module), "__file__", None)
    return file is not None and not _INSTALLED.isdisjoint(Path(file).parts)


def _module_state(module: nn.Module) -> dict[str, Any]:
    """All that a module holds, but for the running numbers of its hooks."""
    try:
        state = module.__getstate__()
    except RuntimeError:  # it is parametrised
        state = vars(module)
    state = state if isinstance(state, dict) else vars(module)
    return {key: list(v.values()) if _are_hooks(v) else v for key, v in state.items()}


def _are_hooks(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(key, int) for key in value)


def _content(cell: CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # it is empty
        return None
