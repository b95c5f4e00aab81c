"""A batched ensemble: many perceptrons in one pass, which share their large matrices."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from sklearn_ldl.deep.networks.dropout import UniformDropout
from sklearn_ldl.deep.networks.inputs import StandardizedInputs
from sklearn_ldl.deep.networks.member_layers import MemberLinear, SharedLinear
from sklearn_ldl.deep.networks.members import mean_output
from sklearn_ldl.deep.networks.perceptron import check_width


class MLPEnsemble(nn.Module):
    """Multi-layer perceptrons with ReLU that share the matrices of their hidden layers.

    In training it takes the rows of all members, those of the first member first, and returns as
    many outputs: a loss of the rows is then one of the members, and its mean that of their losses
    (:func:`~sklearn_ldl.deep.networks.members.repeated_rows` makes such a batch). In evaluation
    every row goes through all members, and what comes back is their combination.

    Parameters
    ----------
    n_features, n_labels : int
        Sizes of input (all dimensions but the first together) and output.
    n_members : int
        Number of perceptrons.
    hidden_layer_sizes : sequence of int, default=(100,)
        Widths of the hidden layers.
    dropout : float, default=0.0
        Dropout rate behind every hidden layer.
    standardize : bool, default=False
        Whether it begins with :class:`~sklearn_ldl.deep.networks.inputs.StandardizedInputs`.
    combine : callable, default=mean_output
        Makes one output per row, (n_rows, n_labels), of those of all members, (n_members, n_rows,
        n_labels). See :mod:`~sklearn_ldl.deep.networks.members`.

    References
    ----------
    Y. Wen, D. Tran, J. Ba, "BatchEnsemble: an alternative approach to efficient ensemble and
    lifelong learning", ICLR 2020.

    Y. Gorishniy, A. Kotelnikov, A. Babenko, "TabM: advancing tabular deep learning with
    parameter-efficient ensembling", ICLR 2025.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ldl.deep.networks.ensemble import MLPEnsemble
    >>> module = MLPEnsemble(4, 3, n_members=8)
    >>> module.eval()(torch.zeros(2, 4)).shape
    torch.Size([2, 3])
    >>> module.members(torch.zeros(2, 4)).shape
    torch.Size([8, 2, 3])
    """

    def __init__(
        self,
        n_features: int,
        n_labels: int,
        n_members: int,
        hidden_layer_sizes: Sequence[int] = (100,),
        dropout: float = 0.0,
        *,
        standardize: bool = False,
        combine: Callable[[Tensor], Tensor] = mean_output,
    ):
        super().__init__()
        self.n_members = n_members
        self.combine = combine
        self.inputs = nn.Sequential(nn.Flatten())
        if standardize:
            self.inputs.add_module("standardize", StandardizedInputs(n_features))
        self.hidden = nn.Sequential()
        width = n_features
        for index, size in enumerate(hidden_layer_sizes, start=1):
            layer = SharedLinear(n_members, width, check_width(size), random_signs=index == 1)
            self.hidden.add_module(f"hidden{index}", layer)
            self.hidden.add_module(f"relu{index}", nn.ReLU())
            if dropout:
                self.hidden.add_module(f"dropout{index}", UniformDropout(dropout))
            width = size
        self.head = MemberLinear(n_members, width, n_labels)

    @torch.no_grad()
    def start_from(self, output: Tensor) -> None:
        """Let all members begin around an output (n_labels,), the best one without features."""
        self.head.bias.copy_(output)

    def members(self, X: Tensor) -> Tensor:
        """Compute outputs (n_members, n_rows, n_labels) of all members for the same rows."""
        return self._pass(self.inputs(X).expand(self.n_members, -1, -1))

    def forward(self, X: Tensor) -> Tensor:
        """Pass the rows of all members, in training; else combine what they make of every row."""
        if not self.training:
            return self.combine(self.members(X))
        inputs = self.inputs(X)
        return self._pass(inputs.unflatten(0, (self.n_members, -1))).flatten(0, 1)

    def _pass(self, X: Tensor) -> Tensor:
        return self.head(self.hidden(X))
