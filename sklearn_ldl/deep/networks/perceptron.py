"""Building the network: the perceptron, or what the user gives, with the sizes known at fit."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Sequence
from functools import partial
from numbers import Integral
from typing import Any

import torch
from torch import Tensor, nn

from sklearn_ldl.deep.networks.dropout import Dropout
from sklearn_ldl.deep.networks.inputs import StandardizedInputs
from sklearn_ldl.deep.networks.member_layers import MemberLinear


class MLP(nn.Sequential):
    """Multi-layer perceptron with ReLU; its last layer is called `head`.

    Parameters
    ----------
    n_features, n_labels : int
        Sizes of input (all dimensions but the first together) and output.
    hidden_layer_sizes : sequence of int, default=(100,)
        Widths of the hidden layers.
    dropout : float, default=0.0
        Dropout rate behind every hidden layer.
    standardize : bool, default=False
        Whether it begins with :class:`~sklearn_ldl.deep.networks.inputs.StandardizedInputs`.

    Raises
    ------
    ValueError
        If a width is not a positive integer.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ldl.deep.networks.perceptron import MLP
    >>> MLP(4, 3, (8,))(torch.zeros(2, 2, 2)).shape
    torch.Size([2, 3])
    """

    def __init__(
        self,
        n_features: int,
        n_labels: int,
        hidden_layer_sizes: Sequence[int] = (100,),
        dropout: float = 0.0,
        *,
        standardize: bool = False,
    ):
        super().__init__()
        self.add_module("flatten", nn.Flatten())
        if standardize:
            self.add_module("standardize", StandardizedInputs(n_features))
        width = n_features
        for index, size in enumerate(hidden_layer_sizes, start=1):
            self.add_module(f"hidden{index}", nn.Linear(width, check_width(size)))
            self.add_module(f"relu{index}", nn.ReLU())
            if dropout:
                self.add_module(f"dropout{index}", Dropout(dropout))
            width = size
        self.add_module("head", nn.Linear(width, n_labels))


def check_width(size: Any) -> int:
    """Return the width of a hidden layer, or raise a ValueError."""
    if not isinstance(size, Integral) or size < 1:
        raise ValueError(f"hidden_layer_sizes must be positive integers, got {size!r}.")
    return int(size)


def make_module(module: Any, sizes: dict[str, Any], **options: Any) -> nn.Module:
    """Build a module from a class or callable, or copy an instance.

    Parameters
    ----------
    module : torch.nn.Module class, instance or callable
        What the user gave.
    sizes : dict
        `n_features`, `input_shape` and `n_labels`; a callable gets those that it names.
    **options
        Further keywords, all of which a callable must take.

    Returns
    -------
    module : torch.nn.Module
        A new module.

    Raises
    ------
    TypeError
        If the result is not a module, or if options are given for an instance.
    """
    if isinstance(module, nn.Module):
        if options:
            raise TypeError(f"An instance of a module takes no options, got {sorted(options)}.")
        return copy.deepcopy(module)
    parameters = inspect.signature(module).parameters
    takes_all = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values())
    known = sizes if takes_all else {name: sizes[name] for name in sizes if name in parameters}
    built = module(**known, **options)
    if not isinstance(built, nn.Module):
        raise TypeError(f"module must build a torch.nn.Module, got {type(built).__name__}.")
    return built


_STD = 0.01


@torch.no_grad()
def _redraw(module: nn.Module, draw: Callable[[Tensor], Any]) -> None:
    """Draw weight matrices and kernels again; biases become zero, slopes of PReLU 0.25."""
    for layer in module.modules():
        if isinstance(layer, nn.PReLU):
            nn.init.constant_(layer.weight, 0.25)
            continue
        weight, bias = getattr(layer, "weight", None), getattr(layer, "bias", None)
        if isinstance(weight, nn.Parameter) and weight.ndim > 1:
            for matrix in layer.matrices() if isinstance(layer, MemberLinear) else [weight]:
                draw(matrix)
            if bias is not None:
                nn.init.zeros_(bias)


def _normal(module: nn.Module) -> None:
    _redraw(module, partial(nn.init.normal_, std=_STD))


def _kaiming(module: nn.Module) -> None:
    _redraw(module, partial(nn.init.kaiming_normal_, nonlinearity="relu"))


def _normal_head(module: nn.Module) -> None:
    linear = [layer for layer in module.modules() if isinstance(layer, nn.Linear | MemberLinear)]
    if not linear:
        raise ValueError("A small head needs a module with a linear layer.")
    _normal(linear[-1])


def _kaiming_small_head(module: nn.Module) -> None:
    _kaiming(module)
    _normal_head(module)


#: Name -> function that draws the weights of a module again.
INITIALIZERS: dict[str, Callable[[nn.Module], None]] = {
    "normal": _normal,
    "normal_head": _normal_head,
    "kaiming": _kaiming,
    "kaiming_small_head": _kaiming_small_head,
}
