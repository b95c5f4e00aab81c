"""Disagreement of predictions with those of neighbours, and an objective with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from sklearn_ldl.deep.training.batches import Batch
from sklearn_ldl.deep.training.conversion import join_inputs
from sklearn_ldl.deep.training.net import Forward


class GraphObjective:
    """Loss of the centres, and their disagreement with their neighbours.

    Parameters
    ----------
    settings : AuxGraphLDLClassifier
        Has the parameters.
    row_loss : callable
        ``(logits, distributions) -> (n_rows,)``.
    neighbors, weights : Tensor of shape (n_samples, n_neighbors)
        Neighbours of all rows of the data set, and their similarities.
    """

    #: What a checkpoint keeps.
    progress = ("n_steps",)

    def __init__(
        self,
        settings: Any,
        row_loss: Callable[[Tensor, Tensor], Tensor],
        neighbors: Tensor,
        weights: Tensor,
    ):
        self.settings = settings
        self.row_loss = row_loss
        self.neighbors = neighbors
        self.weights = weights
        self.n_steps = 0
        self._batch: Batch | None = None

    def companions(self, rows: Tensor) -> Tensor:
        """Neighbours of rows; those of several centres pass the network once."""
        return torch.unique(self.neighbors[rows.to(self.neighbors.device)])

    def __call__(self, forward: Forward, batch: Batch) -> dict[str, Tensor]:
        """Both losses of a batch."""
        settings = self.settings
        if self.weights.device != batch.rows.device:
            self.weights = self.weights.to(batch.rows.device)
            self.neighbors = self.neighbors.to(batch.rows.device)
        near, position = torch.unique(self.neighbors[batch.rows], return_inverse=True)
        X_near = batch.source.take(near) if batch.near is None else batch.near
        if settings.neighbor_forward == "joint":
            Z, Z_near = forward(join_inputs(batch.X, X_near)).split([len(batch.rows), len(near)])
        else:
            Z, Z_near = forward(batch.X), forward.evaluate(X_near)
        disagreement = graph_divergence(
            Z,
            Z_near.detach() if settings.detach else Z_near,
            position,
            self.weights[batch.rows],
            center_first=settings.direction == "center_first",
        )
        return {
            "label": self.row_loss(Z, batch.target),
            "graph": self._weight(batch) * disagreement,
        }

    def _weight(self, batch: Batch) -> float:
        """Weight of the graph at the step of a batch, which some optimisers take several times."""
        if batch is not self._batch:
            self.n_steps += 1
            self._batch = batch
        n_batches = batch.source.n_batches
        rise = self.settings.ramp * self.settings.max_epochs * n_batches
        return self.settings.aux_weight * min(1.0, self.n_steps / rise if rise else 1.0)


def graph_divergence(
    Z: Tensor, Z_near: Tensor, position: Tensor, weights: Tensor, *, center_first: bool = False
) -> Tensor:
    r"""Weighted divergence of every centre from its neighbours.

    .. math:: \sum_k a_{ik} KL(f_{j(i,k)} \| f_i), \quad f = \mathrm{softmax}(z)

    Parameters
    ----------
    Z : Tensor of shape (n_centers, n_labels)
        Logits of the centres.
    Z_near : Tensor of shape (n_near, n_labels)
        Logits of the neighbours, each of them once.
    position : Tensor of shape (n_centers, n_neighbors)
        Rows of `Z_near` that are the neighbours of a centre.
    weights : Tensor of shape (n_centers, n_neighbors)
        Similarities :math:`a_{ik}`.
    center_first : bool, default=False
        Whether the arguments of the divergence are exchanged.

    Returns
    -------
    divergence : Tensor of shape (n_centers,)
        In nats, non-negative.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ldl.deep.classifiers.graph_objective import graph_divergence
    >>> Z = torch.tensor([[0.0, 0.0]])
    >>> graph_divergence(Z, Z, torch.tensor([[0]]), torch.tensor([[1.0]]))
    tensor([0.])
    """
    log_P, log_Q = Z.log_softmax(1), Z_near.log_softmax(1)
    if center_first:
        entropy = weights.sum(1) * (log_P.exp() * log_P).sum(1)
        cross = (log_P.exp() * _gather(log_Q, position, weights)).sum(1)
    else:
        Q = log_Q.exp()
        entropy = (weights * (Q * log_Q).sum(1)[position]).sum(1)
        cross = (_gather(Q, position, weights) * log_P).sum(1)
    return entropy - cross


def _gather(values: Tensor, position: Tensor, weights: Tensor) -> Tensor:
    """Weighted sums over the neighbours of every centre."""
    return torch.einsum("nk,nkc->nc", weights.to(values), values[position])
