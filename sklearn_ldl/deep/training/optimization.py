"""Optimisers and learning-rate schedules by name, and clipping of gradients."""

from __future__ import annotations

import math
from collections.abc import Callable
from fnmatch import fnmatch
from functools import partial
from typing import Any

import torch
from skorch.callbacks import Callback


class Rprop(torch.optim.Rprop):
    """Resilient back-propagation, with the weight decay that torch's own lacks.

    Steps go by the signs of the gradients, to which the decay is added; `lr` is the first step of
    every weight. The gradients have to be those of all rows: signs change from batch to batch.

    Parameters
    ----------
    params : iterable
        Parameters, or groups of them.
    weight_decay : float, default=0.0
        Weight decay.
    **settings
        As for :class:`torch.optim.Rprop`.
    """

    def __init__(self, params: Any, *, weight_decay: float = 0.0, **settings: Any):
        super().__init__(params, **settings)
        for group in self.param_groups:
            group.setdefault("weight_decay", weight_decay)

    @torch.no_grad()
    def step(self, closure: Callable | None = None) -> Any:
        """Take one step."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            if group["weight_decay"]:
                for parameter in group["params"]:
                    if parameter.grad is not None:
                        parameter.grad.add_(parameter, alpha=group["weight_decay"])
        super().step()
        return loss


#: Name -> class, or class with the settings that everybody means by the name.
OPTIMIZERS: dict[str, Any] = {
    "adam": torch.optim.Adam,
    "adamw": partial(torch.optim.AdamW, weight_decay=0.0),
    "rprop": Rprop,
    "sgd": partial(torch.optim.SGD, momentum=0.9),
}


def optimizer_class(optimizer: Any) -> Any:
    """Return the class of an optimiser that may be given by its name; unknown names stay."""
    return OPTIMIZERS.get(optimizer, optimizer)


_RISE = 0.1


def _cosine(progress: float) -> float:
    return (1 + math.cos(math.pi * progress)) / 2


def _warmup_cosine(progress: float) -> float:
    return progress / _RISE if progress < _RISE else _cosine((progress - _RISE) / (1 - _RISE))


def _log(progress: float) -> float:
    return 100.0**-progress


def _multistep(progress: float) -> float:
    return 0.1 ** sum(progress >= milestone for milestone in (0.625, 0.75, 0.875))


#: Name -> factor of the learning rate at a progress in [0, 1).
SCHEDULES: dict[str, Callable[[float], float]] = {
    "cosine": _cosine,
    "warmup_cosine": _warmup_cosine,
    "log": _log,
    "multistep": _multistep,
}


class LearningRate(Callback):
    """Set the learning rates of all parameter groups at every step.

    Parameters
    ----------
    schedule : callable
        Maps the progress of training, in [0, 1), to a factor. The first step of a rise from zero
        is not lost: the progress is that of the middle of the step.
    """

    def __init__(self, schedule: Callable[[float], float]):
        super().__init__()
        self.schedule = schedule

    def on_train_begin(self, net: Any, X: Any = None, y: Any = None, **kwargs: Any) -> None:
        """Remember the rates to scale and the number of steps."""
        self.rates_ = [group["lr"] for group in net.optimizer_.param_groups]
        self.n_steps_ = max(1, net.max_epochs * X.train.n_batches)
        self.step_ = 0

    def on_batch_begin(
        self, net: Any, batch: Any = None, training: bool = False, **kwargs: Any
    ) -> None:
        """Scale the rates."""
        if training:
            factor = self.schedule((self.step_ + 0.5) / self.n_steps_)
            for group, rate in zip(net.optimizer_.param_groups, self.rates_, strict=True):
                group["lr"] = rate * factor
            self.step_ += 1

    def on_train_end(self, net: Any, X: Any = None, y: Any = None, **kwargs: Any) -> None:
        """Give the rates back, for a fit that goes on."""
        for group, rate in zip(net.optimizer_.param_groups, self.rates_, strict=True):
            group["lr"] = rate


class AdaptiveClipping(Callback):
    """Clip the norm of the gradient to a multiple of recent norms.

    The largest norm allowed is five times the largest of the last five that were admitted. Of a
    norm, at most 1 and twice that largest one is admitted; a gradient of zero is not, after which
    nothing could grow again. There is no limit before five steps.
    """

    def on_train_begin(self, net: Any, X: Any = None, y: Any = None, **kwargs: Any) -> None:
        """Forget earlier norms."""
        self.norms_ = torch.full((5,), torch.inf, device=net.device)
        self._batch: Any = None

    @torch.no_grad()
    def on_grad_computed(
        self, net: Any, named_parameters: Any = (), batch: Any = None, **kwargs: Any
    ) -> None:
        """Scale the gradients in place, without waiting for the device."""
        # Some optimisers evaluate a step several times.
        if batch is None or batch is not self._batch:
            self._batch, self._earlier = batch, self.norms_
        gradients = [p.grad for _, p in named_parameters if p.grad is not None]
        norm = torch.stack([gradient.norm() for gradient in gradients]).norm()
        largest = self._earlier.max()
        scale = (5 * largest / norm).clamp(max=1.0)
        for gradient in gradients:
            gradient.mul_(scale)
        admitted = torch.minimum(norm, 2 * largest).clamp(max=1.0)
        norms = torch.cat([self._earlier[1:], admitted[None]])
        self.norms_ = torch.where(norm > 0, norms, self._earlier)


def set_rates(optimizer: torch.optim.Optimizer, lr: float, param_groups: Any) -> None:
    """Set the learning rate of all parameters but those whose group has its own."""
    own = [options.get("lr", lr) for _, options in param_groups]
    # The parameters that no pattern matched come last, if there are any.
    rates = own + [lr] * (len(optimizer.param_groups) - len(own))
    for group, rate in zip(optimizer.param_groups, rates, strict=True):
        group["lr"] = rate


def check_patterns(param_groups: Any, names: list[str]) -> None:
    """Raise a ValueError for a pattern that matches no parameter that is left for it."""
    left = list(names)
    for pattern, _ in param_groups:
        matched = [name for name in left if fnmatch(name, pattern)]
        if not matched:
            raise ValueError(
                f"param_groups: the pattern {pattern!r} matches no parameter of the module"
                f"{'' if left == names else ' that an earlier pattern left'}. They are: "
                f"{', '.join(names)}."
            )
        left = [name for name in left if name not in matched]
