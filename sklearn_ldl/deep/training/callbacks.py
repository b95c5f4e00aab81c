"""Callbacks of a net: ours, and those of the user, as they are."""

from __future__ import annotations

import sys
from typing import Any

from skorch.callbacks import (
    BatchScoring,
    Callback,
    EarlyStopping,
    EpochScoring,
    GradientNormClipping,
    PassthroughScoring,
    PrintLog,
)
from tqdm import tqdm

from sklearn_ldl.deep.training.net import LDLNet, Sources
from sklearn_ldl.deep.training.optimization import SCHEDULES, AdaptiveClipping, LearningRate

# What the history has of validation rows without any help.
_OF_VALIDATION = ("valid_loss", "valid_loss_best")


def build_callbacks(
    settings: Any, report: Callback, verbose: int, *, validates: bool
) -> list[Callback]:
    """Callbacks of a net: `report` first, then ours and those of the user."""
    callbacks: list[Callback] = [report]
    schedule, clip_norm = settings.lr_schedule, settings.clip_norm
    if schedule is not None:
        callbacks.append(
            LearningRate(SCHEDULES[schedule] if isinstance(schedule, str) else schedule)
        )
    if clip_norm == "adaptive":
        callbacks.append(AdaptiveClipping())
    elif clip_norm is not None:
        callbacks.append(GradientNormClipping(clip_norm))
    callbacks += [_made(callback) for callback in settings.callbacks]
    if verbose:
        callbacks.append(Progress(verbose))
    # Last, since it ends training before the callbacks behind it have seen the epoch.
    if validates and settings.early_stopping and settings.max_epochs:
        callbacks.append(EarlyStopping(patience=settings.n_iter_no_change, load_best=True))
    return callbacks


def _made(given: Any) -> Any:
    """Take a callback, or what a function makes, or either of them with a name."""
    if isinstance(given, tuple) and len(given) == 2:
        return given[0], _made(given[1])
    is_function = callable(given) and not hasattr(given, "initialize")
    made = given() if is_function else given
    if not hasattr(made, "initialize"):
        raise TypeError(f"callbacks: {given!r} is neither a callback of skorch nor makes one.")
    return made


def check_callbacks(net: LDLNet, *, validates: bool) -> None:
    """Raise a ValueError for a callback that waits for what no epoch brings.

    Parameters
    ----------
    net : LDLNet
        Its callbacks are initialised.
    validates : bool
        Whether there are rows to validate on.
    """
    for name, callback in net.callbacks_:
        monitored = getattr(callback, "monitor", None)
        if not validates and monitored in _OF_VALIDATION:
            other = monitored.replace("valid", "train")
            raise ValueError(
                f"The callback {name!r} monitors {monitored!r}, and no rows are there to validate "
                f"on: set early_stopping=True, or monitor={other!r} in the callback."
            )
        if isinstance(callback, BatchScoring | PassthroughScoring):
            raise ValueError(
                f"The callback {name!r} wants scores of batches, which are not kept: take "
                "EpochScoring."
            )
        if isinstance(callback, EpochScoring):
            if callback.on_train:
                raise ValueError(
                    f"The callback {name!r} scores training rows, whose outputs are not kept: set "
                    "on_train=False in the callback, and early_stopping=True."
                )
            if not callback.use_caching:
                raise ValueError(f"The callback {name!r} needs use_caching=True.")
            if not validates:
                raise ValueError(
                    f"The callback {name!r} scores validation rows, and there are none: set "
                    "early_stopping=True."
                )


class Progress(PrintLog):
    """A bar that grows with the steps, and a line of losses for every `every`-th epoch."""

    def __init__(self, every: int = 1):
        super().__init__(keys_ignored=None, sink=self._write)
        self.every = every
        self._bar: Any = None

    def on_train_begin(self, net: Any, X: Sources, y: Any = None, **kwargs: Any) -> None:
        """Show an empty bar."""
        super().on_train_begin(net, X, y, **kwargs)
        self._n_before = len(net.history)
        self._n_batches = X.train.n_batches
        total = net.max_epochs * self._n_batches
        self._bar = tqdm(total=total, unit="step", desc="Training", file=sys.stderr)

    def on_epoch_begin(self, net: Any, **kwargs: Any) -> None:
        """Start where the epochs so far have come to; a checkpoint may know of some."""
        self._reach(len(net.history) - 1)

    def on_batch_end(self, net: Any, training: bool = False, **kwargs: Any) -> None:
        """Let the bar grow."""
        if training:
            self._bar.update()

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Show the losses beside the bar, and perhaps on a line of their own."""
        last = net.history[-1]
        losses = {name: last[name] for name in ("train_loss", "valid_loss") if name in last}
        self._bar.set_postfix(losses, refresh=False)
        if len(net.history) % self.every == 0:
            super().on_epoch_end(net, **kwargs)

    def on_train_end(self, net: Any, X: Any = None, y: Any = None, **kwargs: Any) -> None:
        """Leave the bar where it is."""
        self._reach(sum("train_loss" in row for row in net.history))
        self._bar.close()

    def _reach(self, n_epochs: int) -> None:
        done = (n_epochs - self._n_before) * self._n_batches
        self._bar.update(max(0, done - self._bar.n))

    def _write(self, line: str) -> None:
        self._bar.write(line, file=sys.stdout)
