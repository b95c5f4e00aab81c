"""A network of features and a label value, whose output is the degree of that label."""

from __future__ import annotations

from functools import partial

import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

# Most hidden units of all pairs of a row and a label that are held at once.
_LARGEST = 2**22
# Of torch from 2.7 on, without which there are no exports.
_is_exporting = getattr(torch.compiler, "is_exporting", lambda: False)
# Largest slope of a hidden unit along the range of the labels, before training.
_STEEP = 3.0


class ConditionalNet(nn.Module):
    """Perceptron of a row and a label, with one hidden layer of logistic units and one output.

    The first layer is affine, so that its share of a row is computed once for all labels, and its
    share of a label once for all rows.

    Parameters
    ----------
    n_features, n_labels : int
        Number of inputs (all dimensions of a row together) and of labels.
    hidden_dim : int, default=64
        Width of the hidden layer.
    label_values : array-like of shape (n_labels,), default=None
        The input that stands for each label; None means one input per label, which is 1 for this
        label and 0 for the others.
    """

    def __init__(
        self,
        n_features: int,
        n_labels: int,
        hidden_dim: int = 64,
        label_values: ArrayLike | None = None,
    ):
        super().__init__()
        if label_values is not None:
            dtype = torch.get_default_dtype()
            label_values = torch.as_tensor(label_values, dtype=dtype)[:, None]
        n_inputs = n_labels if label_values is None else 1
        self.register_buffer("label_values", label_values)
        self.features = nn.Linear(n_features, hidden_dim)
        self.label = nn.Linear(n_inputs, hidden_dim, bias=False)
        if label_values is not None:
            # At the usual scale, for inputs of order one, labels would hardly differ at the start.
            nn.init.uniform_(self.label.weight, -_STEEP, _STEEP)
        # A bias would move the logits of all labels alike.
        self.head = nn.Linear(hidden_dim, 1, bias=False)

    def forward(self, X: Tensor) -> Tensor:
        """Map features to logits."""
        A = self.features(X.flatten(1))
        # The layer of one-hot codes, without the codes.
        B = self.label.weight.T if self.label_values is None else self.label(self.label_values)
        if _is_exporting():
            # Parts of a number of rows that nobody knows yet are none.
            return self._logits(A, B)
        parts = A.split(max(1, _LARGEST // B.numel()))
        logits = self._logits
        if len(parts) > 1 and torch.is_grad_enabled():
            # Hidden units are computed again for the gradient instead of being kept.
            logits = partial(checkpoint, logits, use_reentrant=False, preserve_rng_state=False)
        return torch.cat([logits(part, B) for part in parts])

    def _logits(self, A: Tensor, B: Tensor) -> Tensor:
        return self.head((A[:, None] + B).sigmoid_()).squeeze(2)
