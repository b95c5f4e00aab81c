"""What the last layer of a network is given: features that it has learnt."""

from __future__ import annotations

from collections.abc import Callable
from threading import get_ident
from typing import Any

import torch
from torch import Tensor, nn

from sklearn_ldl.deep.networks.member_layers import MemberLinear


class LayerInput(nn.Module):
    """View of a network that returns what one of its layers is given, flat, one row per sample.

    Parameters
    ----------
    module : torch.nn.Module
        The network. Several threads may use it at a time.
    layer : str or None
        Name of the layer; None means ``head``, or else the last linear layer that is defined.

    Raises
    ------
    ValueError
        If there is no such layer, or in a pass, if what it is given is not one entry per row.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ldl.deep.networks.penultimate import LayerInput
    >>> net = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 3))
    >>> LayerInput(net, None)(torch.zeros(2, 4)).shape
    torch.Size([2, 8])
    """

    def __init__(self, module: nn.Module, layer: str | None):
        super().__init__()
        layers = dict(module.named_modules())
        if layer is None:
            linear = [n for n, m in layers.items() if isinstance(m, nn.Linear | MemberLinear)]
            layer = "head" if "head" in layers else next(reversed(linear), None)
        if layer is None or layer not in layers:
            raise ValueError(
                f"{type(module).__name__} has "
                + ("no linear layer" if layer is None else f"no layer {layer!r}")
                + f": name one of {', '.join(name for name in layers if name)}."
            )
        self.module = module
        self.name = layer
        self.layer = layers[layer]

    def forward(self, *X: Tensor, **named: Tensor) -> Tensor:
        """Pass rows, and return the input of the layer."""
        n_rows = len(next(iter((*X, *named.values()))))
        return self.watched(lambda: self.module(*X, **named), n_rows)[1]

    def watched(self, run: Callable[[], Any], n_rows: int) -> tuple[Any, Tensor]:
        """Run a pass of so many rows through the network; return its result and that input."""
        given: list[Any] = []
        thread = get_ident()

        def keep(_: nn.Module, args: tuple[Any, ...]) -> None:
            if get_ident() == thread:
                given.append(args[0])

        hook = self.layer.register_forward_pre_hook(keep)
        try:
            result = run()
        finally:
            hook.remove()
        if isinstance(self.layer, MemberLinear):
            given = [part.transpose(0, 1) for part in given]
        # A network may pass some rows at a time.
        if sum(len(part) for part in given) != n_rows:
            raise ValueError(
                f"The layer {self.name!r} is given {[tuple(part.shape) for part in given]} for "
                f"{n_rows} samples, not one entry for each: name another one."
            )
        return result, torch.cat(given).flatten(1)
