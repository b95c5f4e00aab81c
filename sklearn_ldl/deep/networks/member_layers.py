"""Linear layers of many members at once, with one matrix for all of them or one for each."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class SharedLinear(nn.Module):
    r"""Linear layer of all members: one matrix, and of every member scales and biases.

    Member :math:`m` computes :math:`s_m \odot W (r_m \odot x) + b_m`.

    Parameters
    ----------
    n_members, n_inputs, n_outputs : int
        Sizes.
    random_signs : bool, default=False
        Whether the scales of the inputs start as random signs, by which members come to differ;
        otherwise all scales start at one.
    """

    def __init__(
        self, n_members: int, n_inputs: int, n_outputs: int, *, random_signs: bool = False
    ):
        super().__init__()
        bound = 1 / math.sqrt(n_inputs)
        signs = torch.randint(2, (n_members, 1, n_inputs)) * 2.0 - 1
        self.weight = nn.Parameter(torch.empty(n_outputs, n_inputs).uniform_(-bound, bound))
        self.input_scale = nn.Parameter(signs if random_signs else torch.ones_like(signs))
        self.output_scale = nn.Parameter(torch.ones(n_members, 1, n_outputs))
        self.bias = nn.Parameter(torch.empty(n_members, 1, n_outputs).uniform_(-bound, bound))

    def forward(self, X: Tensor) -> Tensor:
        """Map (n_members or 1, n_rows, n_inputs) to (n_members, n_rows, n_outputs)."""
        return torch.addcmul(self.bias, (X * self.input_scale) @ self.weight.T, self.output_scale)


class MemberLinear(nn.Module):
    """Linear layers of the members, which share nothing.

    Parameters
    ----------
    n_members, n_inputs, n_outputs : int
        Sizes.
    """

    def __init__(self, n_members: int, n_inputs: int, n_outputs: int):
        super().__init__()
        bound = 1 / math.sqrt(n_inputs)
        self.weight = nn.Parameter(
            torch.empty(n_members, n_inputs, n_outputs).uniform_(-bound, bound)
        )
        self.bias = nn.Parameter(torch.empty(n_members, 1, n_outputs).uniform_(-bound, bound))

    def matrices(self) -> list[Tensor]:
        """Show the weights as other layers keep them, one (n_outputs, n_inputs) per member."""
        return [matrix.T for matrix in self.weight]

    def forward(self, X: Tensor) -> Tensor:
        """Map (n_members, n_rows, n_inputs) to (n_members, n_rows, n_outputs)."""
        return torch.baddbmm(self.bias, X, self.weight)
