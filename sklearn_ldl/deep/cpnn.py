"""CPNN: a network of features and a label value."""

from __future__ import annotations

from functools import partial
from numbers import Integral

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.utils._param_validation import Interval, StrOptions
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from sklearn_ldl.deep._base import plain_objective
from sklearn_ldl.deep._parameters import net_estimator
from sklearn_ldl.deep._regressor import DeepDistributionRegressor
from sklearn_ldl.deep.losses import kl_divergence

_NUMBERS = 2**22


class ConditionalNet(nn.Module):
    def __init__(self, n_features, n_labels, hidden_dim=64, label_values=None):
        super().__init__()
        self.features = nn.Linear(n_features, hidden_dim)
        self.label = nn.Linear(n_labels if label_values is None else 1, hidden_dim, bias=False)
        self.head = nn.Linear(hidden_dim, 1, bias=False)
        self.register_buffer("label_values", None if label_values is None else torch.as_tensor(label_values, dtype=torch.float32)[:, None])

    def forward(self, X: Tensor) -> Tensor:
        A = self.features(X.flatten(1))
        B = self.label.weight.T if self.label_values is None else self.label(self.label_values)
        rows = max(1, _NUMBERS // B.numel())
        return torch.cat([self._logits(part, B) for part in A.split(rows)])

    def _logits(self, A, B):
        return self.head((A[:, None] + B).sigmoid_()).squeeze(2)


@net_estimator(
    omit=("module", "hidden_layer_sizes", "dropout", "loss"),
    optimizer="rprop",
    batch_size="all",
    max_epochs=400,
)
class CPNN(DeepDistributionRegressor):
    def __init__(self, label_encoding="ordinal", *, n_augment=0, label_values=None, hidden_dim=64):
        self.label_encoding = label_encoding
        self.n_augment = n_augment
        self.label_values = label_values
        self.hidden_dim = hidden_dim

    @property
    def module(self):
        return partial(ConditionalNet, hidden_dim=self.hidden_dim, label_values=self.v)

    def _losses(self, label_sums):
        self.v = np.linspace(-1, 1, self.n_labels_) if self.label_encoding == "ordinal" else None
        n = self.n_augment
        def objective(forward, batch):
            D = batch.target
            if n:
                q, k = D.max(1, keepdim=True)
                r = torch.arange(1, n + 1)
                s = (r / (r + q)).mean(1, keepdim=True)
                D = (s * D).scatter_add(1, k, 1 - s)
            return kl_divergence(forward(batch.X), D)
        return kl_divergence, objective
