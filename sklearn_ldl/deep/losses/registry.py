"""The losses by name, as the parameter `loss` takes them."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from sklearn_ldl.deep.losses.base import Loss
from sklearn_ldl.deep.losses.decoupled import decoupled_kl
from sklearn_ldl.deep.losses.distributions import (
    alpha_divergence,
    cumulative_absolute,
    earth_mover_squared,
    jeffreys,
    jensen_shannon,
    kl_divergence,
    mean_squared_error,
    soft_cross_entropy,
)
from sklearn_ldl.deep.losses.label_values import kl_expectation, mean_variance
from sklearn_ldl.deep.losses.values import epsilon_insensitive, gaussian_nll, l1, l2

#: Losses of distributions, by the name that estimators take.
LOSSES: dict[str, Loss] = {
    "kl": kl_divergence,
    "cross_entropy": soft_cross_entropy,
    "decoupled_kl": decoupled_kl,
    "mse": mean_squared_error,
    "alpha": alpha_divergence,
    "jeffreys": jeffreys,
    "jensen_shannon": jensen_shannon,
    "cad": cumulative_absolute,
    "emd": earth_mover_squared,
    "kl_expectation": kl_expectation,
    "mean_variance": mean_variance,
}

#: Losses of real values, by the name that estimators take.
REGRESSION_LOSSES: dict[str, Loss] = {
    "l1": l1,
    "l2": l2,
    "epsilon_insensitive": epsilon_insensitive,
    "gaussian": gaussian_nll,
}


def get_loss(
    loss: str | Loss | nn.Module | type[nn.Module], losses: Mapping[str, Loss] = LOSSES
) -> Loss:
    """Turn what a user passes as `loss` into a function ``(Z, D) -> (n_samples,)``.

    Parameters
    ----------
    loss : str, callable or torch.nn.Module
        A name in `losses`; a function of outputs and targets that returns one value per row; or a
        module (class or instance) that does. A class is instantiated, with ``reduction="none"`` if
        it knows that argument.
    losses : mapping from str to callable, default=LOSSES
        The names to choose from.

    Returns
    -------
    loss : callable
        A registered function, `loss` itself, or an instance of it.

    Raises
    ------
    ValueError
        If the name is unknown, or a module averages or sums the rows.
    TypeError
        If `loss` is neither a name nor callable.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ldl.deep.losses.registry import get_loss
    >>> get_loss("kl").__name__
    'kl_divergence'
    >>> get_loss(torch.nn.CrossEntropyLoss).reduction
    'none'
    """
    if isinstance(loss, str):
        if loss not in losses:
            raise ValueError(f"Unknown loss {loss!r}; known losses are {sorted(losses)}.")
        return losses[loss]
    row_loss: Any = loss
    if isinstance(loss, type) and issubclass(loss, nn.Module):
        known = inspect.signature(loss).parameters
        row_loss = loss(reduction="none") if "reduction" in known else loss()
    if not callable(row_loss):
        raise TypeError(f"loss must be a name, a callable or a torch module, got {loss!r}.")
    reduction = getattr(row_loss, "reduction", "none")
    if reduction != "none":
        raise ValueError(
            f"{row_loss!r} has reduction={reduction!r}, but sample weights need one value per row:"
            " pass reduction='none'."
        )
    return row_loss


def with_label_values(loss: Loss, values: NDArray[np.float64]) -> Loss:
    """Hand the values of the labels to a loss that asks for them.

    Parameters
    ----------
    loss : callable
        ``(Z, D) -> (n_samples,)``.
    values : ndarray of shape (n_labels,) or (n_labels, n_dims)
        Values or points.

    Returns
    -------
    loss : callable
        The loss with these values, if it has a parameter `label_values` that is None; else the
        loss as it is.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_ldl.deep.losses.registry import LOSSES, with_label_values
    >>> with_label_values(LOSSES["kl_expectation"], np.array([20.0, 30.0])).keywords
    {'label_values': array([20., 30.])}
    >>> with_label_values(LOSSES["kl"], np.array([20.0, 30.0])) is LOSSES["kl"]
    True
    """
    try:
        parameters = inspect.signature(getattr(loss, "forward", loss)).parameters
    except ValueError:  # of a function that is not written in Python
        return loss
    if "label_values" not in parameters or parameters["label_values"].default is not None:
        return loss
    asking: Any = loss
    return partial(asking, label_values=values)
