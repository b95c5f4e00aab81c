"""Numbers of a batch as a module takes them, and batches of several inputs."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain
from typing import Any, NamedTuple, TypeAlias

import torch
from torch import Tensor, nn

# Types of numbers that float32 may not hold.
_WIDE = (torch.float64, torch.int32, torch.int64)

#: What a module is called with: a tensor, or several by name or in order.
Inputs: TypeAlias = Tensor | dict[str, Tensor] | tuple[Tensor, ...]


def map_inputs(function: Callable[[Tensor], Tensor], X: Inputs) -> Inputs:
    """Apply a function to every tensor of a batch.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ldl.deep.training.conversion import map_inputs
    >>> map_inputs(torch.neg, {"a": torch.ones(1), "b": torch.zeros(1)})
    {'a': tensor([-1.]), 'b': tensor([-0.])}
    """
    if isinstance(X, dict):
        return {name: function(tensor) for name, tensor in X.items()}
    return tuple(map(function, X)) if isinstance(X, tuple) else function(X)


def select_rows(X: Inputs, rows: slice) -> Inputs:
    """Part of the rows of a batch."""
    return map_inputs(lambda tensor: tensor[rows], X)


def first_input(X: Inputs) -> Tensor:
    """One tensor of a batch, which has as many rows as the others."""
    if isinstance(X, Tensor):
        return X
    return next(iter(X.values())) if isinstance(X, dict) else X[0]


def join_inputs(X: Inputs, Y: Inputs) -> Inputs:
    """Put the rows of one batch behind those of another one."""
    if isinstance(X, dict):
        return {name: torch.cat([X[name], Y[name]]) for name in X}  # type: ignore[index, call-overload]
    if isinstance(X, tuple):
        return tuple(torch.cat(pair) for pair in zip(X, Y, strict=True))
    return torch.cat([X, Y])  # type: ignore[list-item]


def shapes(input_shape: Any) -> list[tuple[int, ...]]:
    """Shapes of the inputs of one sample.

    Examples
    --------
    >>> from sklearn_ldl.deep.training.conversion import shapes
    >>> shapes((3, 8, 8)), shapes({"text": (20,), "age": ()}), shapes(((20,), ()))
    ([(3, 8, 8)], [(20,), ()], [(20,), ()])
    """
    if isinstance(input_shape, dict):
        return list(input_shape.values())
    is_several = bool(input_shape) and isinstance(input_shape[0], tuple)
    return list(input_shape) if is_several else [input_shape]


def map_shapes(function: Callable[[tuple[int, ...]], Any], input_shape: Any) -> Any:
    """Apply a function to the shape of every input.

    Examples
    --------
    >>> import math
    >>> from sklearn_ldl.deep.training.conversion import map_shapes
    >>> map_shapes(math.prod, {"image": (3, 8, 8), "age": ()})
    {'image': 192, 'age': 1}
    """
    if isinstance(input_shape, dict):
        return {name: function(shape) for name, shape in input_shape.items()}
    if input_shape and isinstance(input_shape[0], tuple):
        return tuple(map(function, input_shape))
    return function(input_shape)


def shape_of(X: Inputs) -> Any:
    """Shapes of the samples of a batch."""
    if isinstance(X, dict):
        return {name: tuple(tensor.shape[1:]) for name, tensor in X.items()}
    if isinstance(X, tuple):
        return tuple(tuple(tensor.shape[1:]) for tensor in X)
    return tuple(X.shape[1:])


def call(module: Callable[..., Any], X: Inputs) -> Any:
    """Call a module with a batch; several inputs are its arguments, by name or in order."""
    if isinstance(X, dict):
        return module(**X)
    return module(*X) if isinstance(X, tuple) else module(X)


class Conversion(NamedTuple):
    """Says which numbers a module takes.

    Floating-point numbers get the precision of the module. So do integers, unless there are several
    inputs, each of which has a type of its own.
    """

    #: Precision of the module.
    dtype: torch.dtype = torch.float32
    #: Whether a single input of integers keeps them, as indices of an embedding.
    keeps_integers: bool = False
    #: Whether the first layer wants a single input in double precision where it has more than
    #: float32 holds.
    keeps_doubles: bool = False

    @property
    def widest(self) -> torch.dtype:
        """Widest type of floating-point numbers that a module is given."""
        return torch.float64 if self.keeps_doubles else self.dtype

    def __call__(self, X: Inputs, device: torch.device) -> Inputs:
        """Convert a batch, and move it to the device."""
        if isinstance(X, Tensor):
            if self.keeps_integers:
                return _moved(X, torch.int64, device)
            return _moved(X, self.widest if X.dtype in _WIDE else self.dtype, device)
        return map_inputs(
            lambda t: _moved(t, self.dtype if t.is_floating_point() else t.dtype, device), X
        )


def _moved(tensor: Tensor, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Convert and move a tensor; the narrower type travels."""
    if tensor.element_size() > dtype.itemsize:
        tensor = tensor.to(dtype)
    return tensor.to(device, non_blocking=True).to(dtype)


def precision(module: nn.Module) -> torch.dtype:
    """Type of the floating-point numbers that a module takes: that of its first parameter.

    Raises
    ------
    ValueError
        If it is neither float32 nor float64.
    """
    tensors = chain(module.parameters(), module.buffers())
    dtype = next((t.dtype for t in tensors if t.is_floating_point()), torch.float32)
    if dtype not in (torch.float32, torch.float64):
        raise ValueError(
            f"The module is in {dtype}, in which training is not supported: leave it in float32, "
            "and set amp=True for passes in bfloat16."
        )
    return dtype
