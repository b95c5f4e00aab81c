"""What annotators make of the true class: matrices that are estimated while a network learns."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor

from sklearn_ldl.deep.training.batches import Batch
from sklearn_ldl.deep.training.net import Forward

# What every annotator has besides the data, as a share of that, so that no estimate is zero: as
# many rows of each class, of which half have the right label, the others any one.
_PRIOR, _RIGHT = 0.01, 0.5


class TransitionObjective:
    """Loss of the labels that annotators are expected to give, whose matrices every epoch improves.

    Until there are matrices, networks learn labels as they are.

    Parameters
    ----------
    row_loss : callable
        ``(logits, distributions) -> (n_rows,)``.
    annotators : Tensor of shape (n_samples,)
        The number of the annotator of every row.
    shares : Tensor of shape (n_annotators,)
        How many of the training rows are whose; together 1.
    transitions : Tensor of shape (n_annotators, n_classes, n_classes) or None
        Matrices to begin with.
    n_classes : int
        Number of classes.
    warmup : int
        Epochs of labels as they are, if there are no matrices to begin with.
    """

    #: What a checkpoint keeps.
    progress = ("n_epochs", "n_steps", "transitions", "counts")

    def __init__(
        self,
        row_loss: Callable[[Tensor, Tensor], Tensor],
        annotators: Tensor,
        shares: Tensor,
        *,
        transitions: Tensor | None,
        n_classes: int,
        warmup: int,
    ):
        self.row_loss = row_loss
        self.annotators = annotators
        self.shares = shares
        self.warmup = warmup
        self.counts = shares.new_zeros(len(shares), n_classes, n_classes)
        if transitions is None and not warmup:
            transitions = normalised(self.counts)
        self.transitions = transitions
        self.n_epochs = self.n_steps = 0
        self._batch: Batch | None = None

    def __call__(self, forward: Forward, batch: Batch) -> Tensor:
        """Losses of a batch; where an epoch begins, after a step of the matrices."""
        Z, D = forward(batch.X), batch.target
        # Some optimisers take a step several times.
        if batch is not self._batch:
            self._batch = batch
            if self._is_complete():
                self._improve()
            self.n_steps += 1
            self._count(Z.detach(), batch)
        if self.transitions is None:
            return self.row_loss(Z, D)
        return self.row_loss(annotated(Z, self.transitions[self.annotators[batch.rows]]), D)

    def valid_loss(self, Z: Tensor, D: Tensor) -> Tensor:
        """Losses of rows whose annotator might be any."""
        if self.transitions is None:
            return self.row_loss(Z, D)
        mean = torch.einsum("a,ajk->jk", self.shares, self.transitions)
        return self.row_loss(annotated(Z, mean), D)

    def finish(self) -> Tensor:
        """Return the last matrices; those of labels as they are if training ended with them."""
        if self._is_complete() or self.transitions is None:
            self.n_epochs = max(self.n_epochs, self.warmup)
            self._improve()
        return cast(Tensor, self.transitions)

    def _is_complete(self) -> bool:
        """Whether all rows of an epoch have been counted, as they are in any checkpoint."""
        if self._batch is None:
            return self.n_steps > 0
        return self.n_steps == self._batch.source.n_batches

    def _improve(self) -> None:
        """Take the matrices that are most likely, given what the epoch has counted."""
        if self._batch is not None:
            self._batch.source.processes.add([self.counts])
        self.n_epochs += 1
        if self.transitions is not None or self.n_epochs >= self.warmup:
            self.transitions = normalised(self.counts)
        self.counts = torch.zeros_like(self.counts)
        self.n_steps = 0

    def _count(self, Z: Tensor, batch: Batch) -> None:
        """Add how often which class is given which label, as far as labels and network tell."""
        log_joint = Z.to(self.counts).log_softmax(1)[:, :, None]
        annotators = self.annotators[batch.rows]
        if self.transitions is None:
            shares = log_joint.exp().expand(-1, -1, Z.shape[1])
        else:
            shares = (log_joint + self.transitions[annotators].log()).softmax(1)
        shares = shares * batch.target.to(shares)[:, None, :]
        if batch.weight is not None:
            shares = shares * batch.weight.to(shares)[:, None, None]
        if batch.n_own is not None:
            own = torch.arange(len(Z), device=Z.device) % (len(Z) // batch.n_copies) < batch.n_own
            shares, annotators = shares[own], annotators[own]
        self.counts.index_add_(0, annotators, shares / batch.n_copies)


def annotated(Z: Tensor, transitions: Tensor) -> Tensor:
    """Logarithms of the distributions of labels that annotators give.

    Parameters
    ----------
    Z : Tensor of shape (n_rows, n_classes)
        Logits of the true class.
    transitions : Tensor of shape (n_rows, n_classes, n_classes) or (n_classes, n_classes)
        Distributions of labels, one for every true class, in the rows of each matrix.

    Returns
    -------
    log_P : Tensor of shape (n_rows, n_classes)
        They serve as logits.
    """
    return (Z.log_softmax(1)[:, :, None] + transitions.to(Z).log()).logsumexp(1)


def normalised(counts: Tensor) -> Tensor:
    """Distributions of labels by how often they were given.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ldl.deep.classifiers.transitions import normalised
    >>> normalised(torch.tensor([[80.0, 20.0], [0.0, 0.0]]))
    tensor([[0.7998, 0.2002],
            [0.2500, 0.7500]])
    """
    n_classes = counts.shape[-1]
    prior = _RIGHT * torch.eye(n_classes).to(counts) + (1 - _RIGHT) / n_classes
    total = counts.sum((-2, -1), keepdim=True)
    counts = counts + prior * _PRIOR * torch.where(total > 0, total, 1.0) / n_classes
    return counts / counts.sum(-1, keepdim=True)
