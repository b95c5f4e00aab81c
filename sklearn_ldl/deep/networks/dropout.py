"""Dropout that is drawn fast, and predictions with dropout left on."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

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
        return X * ((torch.rand_like(X) >= self.p) / (1 - self.p))


class MCDropout(nn.Module):
    """Mean prediction of a classifier over several passes with dropout (Monte Carlo dropout).

    It returns logarithms of probabilities, which serve as logits. Only dropout layers behave as in
    training; batch normalisation, for one, keeps its statistics.

    Parameters
    ----------
    module : torch.nn.Module
        Returns logits. Its mode is set; give a copy.
    n_samples : int
        Number of passes.

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
    """

    def __init__(self, module: nn.Module, n_samples: int):
        super().__init__()
        layers = [layer for layer in module.modules() if isinstance(layer, _DROPOUT)]
        if not layers:
            raise ValueError(
                f"Monte Carlo dropout needs dropout layers: {type(module).__name__} has none. Set "
                "dropout, or give a module that has them."
            )
        self.module = module.eval()
        self.n_samples = n_samples
        for layer in layers:
            layer.train()

    def forward(self, *X: Tensor, **named: Tensor) -> Tensor:
        """Logarithms of the mean probabilities."""
        outputs = (first_output(self.module(*X, **named)) for _ in range(self.n_samples))
        passes = [Z.log_softmax(1) for Z in outputs]
        return torch.stack(passes).logsumexp(0) - math.log(self.n_samples)
