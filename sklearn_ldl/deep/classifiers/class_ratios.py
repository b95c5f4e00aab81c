"""How much every class overfits, and an objective that reacts to it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from sklearn_ldl.deep.training.batches import Batch, RowSource
from sklearn_ldl.deep.training.net import Forward

# Percentile of the classes that no ratio exceeds.
_CAP = 95


def over_fitting_ratio(
    train_losses: ArrayLike, valid_losses: ArrayLike, gap: int = 10
) -> NDArray[np.float64]:
    r"""Over-fitting-to-generalisation ratio (OGR) of every class.

    With the training and validation losses :math:`T_k, V_k` of class `k` now, and
    :math:`T_k', V_k'` those `gap` epochs ago,

    .. math:: \mathrm{OGR}_k = \frac{\big((V_k - T_k) - (V_k' - T_k')\big)^2}
              {|V_k' - V_k| + 10^{-8}}.

    Parameters
    ----------
    train_losses, valid_losses : array-like of shape (n_epochs, n_classes)
        Mean losses of the rows of every class after every epoch, at least ``gap + 1`` of them.
        NaN stands for a class without rows.
    gap : int, default=10
        Epochs between the two points in time.

    Returns
    -------
    ratio : ndarray of shape (n_classes,)
        Non-negative. Values above the 95th percentile of the classes are lowered to it, since the
        denominator may vanish; a class without rows gets the mean of the others.

    Raises
    ------
    ValueError
        If the shapes differ, or there are too few epochs.

    References
    ----------
    W. Wang, D. Tran, M. Feiszli, "What makes training multi-modal classification networks hard?",
    CVPR 2020, for the ratio; S. Hong, J. Yoon, B. Park, M.-K. Choi, "Rethinking soft label in label
    distribution learning perspective", arXiv:2301.13444, 2023, for classes. Printed there without
    the absolute value, it is negative while a class improves, and undefined when it stands still.

    Examples
    --------
    >>> from sklearn_ldl.deep.classifiers.class_ratios import over_fitting_ratio
    >>> train = [[1.0, 1.0, 1.0], [0.5, 0.5, 0.5]]
    >>> valid = [[1.0, 1.0, 1.0], [0.5, 0.75, 0.8]]
    >>> over_fitting_ratio(train, valid, gap=1).round(3)
    array([0.  , 0.25, 0.43])
    """
    T, V = np.asarray(train_losses, dtype=np.float64), np.asarray(valid_losses, dtype=np.float64)
    if T.shape != V.shape or T.ndim != 2:
        raise ValueError(
            "Training and validation losses need the same shape (n_epochs, n_classes), got "
            f"{T.shape} and {V.shape}."
        )
    if len(T) <= gap:
        raise ValueError(f"A gap of {gap} epochs needs more than {gap} of them, got {len(T)}.")
    now, before = -1, -1 - gap
    over_fitting = (V[now] - T[now]) - (V[before] - T[before])
    ratio = over_fitting**2 / (np.abs(V[before] - V[now]) + 1e-8)
    known = np.isfinite(ratio)
    if not known.any():
        return np.ones(len(ratio))
    ratio = np.minimum(ratio, np.percentile(ratio[known], _CAP))
    return np.where(known, ratio, ratio[known].mean())


class RatioObjective:
    """Loss that depends on ratios, which are measured before every epoch."""

    #: What a checkpoint keeps.
    progress = ("steps", "losses", "ratio")

    def __init__(
        self,
        row_loss: Callable[[Tensor, Tensor], Tensor],
        D: Tensor,
        parts: list[Tensor],
        weight: Tensor | None = None,
        *,
        gap: int,
        max_smoothing: float | None,
    ):
        self.row_loss = row_loss
        self.D = D
        self.parts = parts
        #: Degrees times the weight of their row.
        self.mass = D if weight is None else D * weight[:, None]
        self.gap = gap
        self.max_smoothing = max_smoothing
        self.steps = 0
        self.losses: list[tuple[NDArray, ...]] = []
        self.ratio: NDArray | None = None

    def __call__(self, forward: Forward, batch: Batch) -> Tensor:
        """Losses of a batch, after those of all rows where an epoch begins."""
        if self.steps % batch.source.n_batches == 0:
            self.losses.append(
                tuple(self._class_losses(forward, batch.source, rows) for rows in self.parts)
            )
            if len(self.losses) > self.gap:
                train, valid = zip(*self.losses, strict=True)
                self.ratio = over_fitting_ratio(train, valid, self.gap)
        self.steps += 1

        Z, D = forward(batch.X), batch.target
        if self.ratio is None or not self.ratio.any():
            return self.row_loss(Z, D)
        ratio = torch.from_numpy(self.ratio).to(D)
        if self.max_smoothing is None:
            return (D @ (ratio / ratio.mean())) * self.row_loss(Z, D)
        share = (D @ (self.max_smoothing * ratio / ratio.max()))[:, None]
        return self.row_loss(Z, (1 - share) * D + share / D.shape[1])

    def _class_losses(
        self, forward: Forward, source: RowSource, rows: Tensor
    ) -> NDArray[np.float64]:
        mass = self.mass[rows]
        losses = [
            self.row_loss(forward.evaluate(source.take(part)), self.D[part])
            for part in rows.split(source.batch_size)
        ]
        return (torch.cat(losses).to(mass) @ mass / mass.sum(0)).cpu().double().numpy()
