"""Learning from a stream of rows: one pass over each batch, from where the last one ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import torch
from numpy.typing import ArrayLike

from sklearn_ldl._core.sklearn_compat import available_if
from sklearn_ldl.deep.training.optimization import optimizer_class


def takes_batches(estimator: StreamMixin) -> bool:
    """Whether there is a `partial_fit`; the AttributeError says why there is none."""
    reason = estimator._no_stream()
    if reason is not None:
        raise AttributeError(f"{type(estimator).__name__} cannot learn batch by batch: {reason}.")
    return True


class StreamMixin:
    """Mixin of networks whose rows may come batch by batch."""

    #: Whether a call of `partial_fit` is under way.
    _streaming = False

    if TYPE_CHECKING:
        optimizer: Any
        lr_schedule: Any
        checkpoint: Any

        def _fit(self, X: Any, y: Any, sample_weight: ArrayLike | None) -> Self: ...

    def _no_stream(self) -> str | None:
        """Say why rows cannot come batch by batch; None where they can.

        An estimator whose objective wants all training rows at once, or the number of epochs that
        are to come, says so here.
        """
        optimizer = optimizer_class(self.optimizer)
        if isinstance(optimizer, type) and issubclass(optimizer, torch.optim.Rprop):
            return "Rprop goes by the signs of the gradients of all rows"
        if self.lr_schedule is not None:
            return "lr_schedule falls towards the end of training, which a stream does not have"
        if self.checkpoint is not None:
            return "checkpoint keeps the state of a single fit"
        return None

    @available_if(takes_batches)
    def partial_fit(
        self, X: Any, y: ArrayLike | None = None, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Pass once over a batch of rows, from where the last call or the last fit ended.

        The first call builds the network, and from its rows takes what belongs to the scale of the
        data: what standardises features and targets, a grid, the output from which an ensemble
        starts. They should be a few hundred typical ones. Later calls keep the state of the
        optimiser and of the random numbers. `max_epochs` and `early_stopping` are without effect:
        no row is set aside.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features), array of shape \
                (n_samples, channels, height, width), or torch Dataset
            Samples, with the features of the first call.
        y : array-like of shape (n_samples, ...)
            Targets as in `fit`, with the labels or dimensions of the first call.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights, not all zero, which tell the rows of this call apart: their mean
            is of no effect.

        Returns
        -------
        self : estimator
            The model, trained further. A later `fit` starts anew, unless there is a `warm_start`.

        Raises
        ------
        ValueError
            If samples or targets are not valid, or not like those of the first call, which leaves
            the model as it was; or if training diverges.
        """
        return self._partial_fit(X, y, sample_weight)

    def _partial_fit(self, X: Any, y: Any, sample_weight: ArrayLike | None) -> Self:
        self._streaming = True
        try:
            return self._fit(X, y, sample_weight)
        finally:
            del self._streaming
