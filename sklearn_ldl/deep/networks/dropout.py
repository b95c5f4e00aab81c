"""Dropout that is drawn fast, and passes with dropout left on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from sklearn_ldl.deep.generators import own_generator
from sklearn_ldl.deep.networks.members import mean_distribution
from sklearn_ldl.deep.networks.outputs import first_output

_DROPOUT = (
    nn.Dropout,
    nn.Dropout1d,
    nn.Dropout2d,
    nn.Dropout3d,
    nn.AlphaDropout,
    nn.FeatureAlphaDropout,
)


class UniformDropout(nn.Dropout):
    """Dropout with masks from uniform numbers, which a processor draws thrice as fast as bits."""

    def forward(self, X: Tensor) -> Tensor:
        """Drop units in training."""
        if not self.training:
            return X
        noise = torch.empty_like(X).uniform_(generator=own_generator())
        return X * ((noise >= self.p) / (1 - self.p))


class Dropout(nn.Dropout):
    """Dropout as torch has it, with masks that come from the generator of the fit."""

    def forward(self, X: Tensor) -> Tensor:
        """Drop units in training."""
        generator = own_generator() if self.training and self.p else None
        if generator is None:
            return super().forward(X)
        return X * torch.empty_like(X).bernoulli_(1 - self.p, generator=generator).div_(1 - self.p)


class MCDropout(nn.Module):
    """Passes of a module with its dropout left on (Monte Carlo dropout), the members of a mean.

    Only dropout layers behave as in training; batch normalisation, for one, keeps its statistics.
    There is no other mode.

    Parameters
    ----------
    module : torch.nn.Module
        The network, whose mode is set; give a copy.
    n_samples : int
        Number of passes.
    combine : callable, default=mean_distribution
        Makes one output per row of those of all members. By default they are logits, and so is
        what is returned: logarithms of mean probabilities.
    ensemble : bool, default=False
        Whether the module is an ensemble, all of whose members count in every pass.

    Raises
    ------
    ValueError
        If the module has no dropout layer.

    References
    ----------
    Y. Gal, Z. Ghahramani, "Dropout as a Bayesian approximation: representing model uncertainty in
    deep learning", ICML 2016.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ldl.deep.networks.dropout import MCDropout
    >>> _ = torch.manual_seed(0)
    >>> module = MCDropout(torch.nn.Dropout(0.5), n_samples=1000)
    >>> module(torch.tensor([[0.0, 1.0]])).exp()
    tensor([[0.3..., 0.6...]])
    >>> module.members(torch.tensor([[0.0, 1.0]])).shape
    torch.Size([1000, 1, 2])
    """

    def __init__(
        self,
        module: Any,
        n_samples: int,
        combine: Callable[[Tensor], Tensor] = mean_distribution,
        *,
        ensemble: bool = False,
    ):
        super().__init__()
        if not any(isinstance(layer, _DROPOUT) for layer in module.modules()):
            raise ValueError(
                f"Monte Carlo dropout needs dropout layers: {type(module).__name__} has none. Set "
                "dropout, or give a module that has them."
            )
        self.module = module
        self.n_samples = n_samples
        self.combine = combine
        self.ensemble = ensemble
        self.train()

    def train(self, mode: bool = True) -> MCDropout:
        """Switch on dropout, and nothing else, whatever the mode."""
        super().train(False)
        for layer in self.module.modules():
            if isinstance(layer, _DROPOUT):
                layer.train()
        return self

    def members(self, *X: Tensor, **named: Tensor) -> Tensor:
        """Compute the outputs (n_members, n_rows, ...) of all passes."""
        return torch.cat([self._pass(*X, **named) for _ in range(self.n_samples)])

    def _pass(self, *X: Tensor, **named: Tensor) -> Tensor:
        if self.ensemble:
            return self.module.members(*X)
        return first_output(self.module(*X, **named))[None]

    def forward(self, *X: Tensor, **named: Tensor) -> Tensor:
        """Combine the outputs of all passes."""
        return self.combine(self.members(*X, **named))
