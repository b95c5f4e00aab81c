"""Outputs of a trained network, batch by batch."""

from __future__ import annotations

import copy
import math
import operator
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import Dataset

from sklearn_ldl._core.sklearn_compat import num_samples
from sklearn_ldl.deep.networks.outputs import first_output
from sklearn_ldl.deep.training.batches import read_only_features
from sklearn_ldl.deep.training.conversion import Inputs, call, map_inputs, shapes
from sklearn_ldl.deep.training.items import Collate
from sklearn_ldl.deep.training.net import LDLNet
from sklearn_ldl.deep.training.stored_rows import Rows

# Most rows, and most numbers, in a batch of a prediction that exceeds `batch_size`.
_ROWS, _NUMBERS = 2**12, 2**18
# Numbers of a tensor, at most, by which its change is noticed.
_SAMPLE = 64


class Converted:
    """Copy of a module in another precision, for predictions until the module changes.

    Parameters
    ----------
    module : torch.nn.Module
        The module.
    dtype : torch.dtype
        Type of the floating-point numbers of the copy.
    """

    def __init__(self, module: nn.Module, dtype: torch.dtype):
        self.module = copy.deepcopy(module).to(dtype)
        self._dtype = dtype
        self._objects = _objects(module)
        self._versions, self._samples = _versions(self._objects), _samples(self._objects)

    def is_of(self, module: nn.Module, dtype: torch.dtype) -> bool:
        """Whether this is the copy of that module, as it is now."""
        objects = _objects(module)
        return (
            dtype == self._dtype
            and len(objects) == len(self._objects)
            and all(map(operator.is_, objects, self._objects))
            and _versions(objects) == self._versions
            and all(map(torch.equal, _samples(objects), self._samples))
        )


def _objects(module: nn.Module) -> list[Any]:
    """Whatever the parts of a module hold: settings, hooks, parts, tensors."""
    found: list[Any] = []
    for part in module.modules():
        found.append(type(part))
        for value in vars(part).values():
            found.append(value)
            if isinstance(value, dict):
                found += value.values()
    return found


def _versions(objects: list[Any]) -> list[int]:
    """Count the changes of tensors in place."""
    return [t._version for t in objects if isinstance(t, Tensor) and not t.is_inference()]


def _samples(objects: list[Any]) -> list[Tensor]:
    """Sample every tensor; numbers also change where torch does not see it (``.data``)."""
    parts: dict[torch.device, list[Tensor]] = {}
    for t in objects:
        if isinstance(t, Tensor) and t.layout == torch.strided and t.numel():
            numbers = t.detach().reshape(-1)[:: -(-t.numel() // _SAMPLE)]
            parts.setdefault(t.device, []).append(numbers)
    return [torch.cat(numbers) for numbers in parts.values()]


def in_precision(net: LDLNet, dtype: torch.dtype) -> nn.Module:
    """Return the module of a net in evaluation mode, converted until it changes if need be."""
    module = net.module_.eval()
    tensors = [*module.parameters(), *module.buffers()]
    if all(t.dtype == dtype for t in tensors if t.is_floating_point()):
        return module
    converted = net.converted
    if converted is None or not converted.is_of(module, dtype):
        converted = net.converted = None  # two copies need not be there at a time
        converted = net.converted = Converted(module, dtype)
    return converted.module


@torch.no_grad()
def forward_batches(
    module: nn.Module,
    batches: Iterable[Inputs],
    n_rows: int,
    device: torch.device,
    dtype: torch.dtype,
    *,
    keeps_doubles: bool = False,
) -> NDArray[np.floating]:
    """Run a module over batches of features, `n_rows` in all, in the precision of `dtype`.

    With `keeps_doubles`, features in double precision come to the module as they are.
    """
    kept = torch.float64 if keeps_doubles else dtype
    outputs: Any = None
    start = 0
    for X in batches:
        X = map_inputs(
            lambda t: t.to(
                device, dtype if t.is_floating_point() and t.dtype != kept else t.dtype, copy=True
            ),
            X,
        )
        part = first_output(call(module, X)).cpu().numpy()
        # One array from the start: many small ones would lie in the memory that batches have left,
        # which then is too short for the next.
        if outputs is None:
            outputs = np.empty((n_rows, *part.shape[1:]), dtype=part.dtype)
        outputs[start : start + len(part)] = part
        start += len(part)
        del X, part  # their memory is to be that of the next batch
    return outputs


def prediction_batches(
    X: Any,
    input_shape: Any,
    n_members: int,
    batch_size: int | str,
    num_workers: int,
    collate: Collate,
) -> Iterator[Inputs]:
    """Batches of validated features, which may be larger than the `batch_size` of training.

    Parameters
    ----------
    X : ndarray, CSR matrix, memory map, mapping of these, or Dataset
        Features.
    input_shape : tuple of int, mapping or tuple of these
        Shapes of one sample.
    n_members : int
        How often the module takes every sample.
    batch_size, num_workers : int
        Those of training.
    collate : Collate
        Makes batches of items.
    """
    size = 1 if batch_size == "all" else int(batch_size)
    n_numbers = n_members * sum(math.prod(shape) for shape in shapes(input_shape))
    size = max(size, min(_ROWS, _NUMBERS // n_numbers))
    if isinstance(X, Dataset):
        yield from read_only_features(X, size, num_workers, collate)
        return
    several = isinstance(X, Mapping)
    readers = {name: Rows(array) for name, array in X.items()} if several else {}
    read = None if several else Rows(X, input_shape)
    for start in range(0, num_samples(X), size):
        rows = slice(start, start + size)
        if read is not None:
            yield torch.from_numpy(read(rows))
        else:
            yield {name: torch.from_numpy(reader(rows)) for name, reader in readers.items()}
