"""Two linear maps into one space, where features of a student meet those of its teacher."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from sklearn_ldl.deep.networks.penultimate import LayerInput

#: Dimensions of the space, as published.
N_DIMENSIONS = 128
STUDENT, TEACHER = "contrast_student", "contrast_teacher"


def add_contrast(module: nn.Module, n_teacher: int) -> None:
    """Give a network the two maps, as parameters: in a Sequential, modules would be layers.

    Parameters
    ----------
    module : torch.nn.Module
        The student, whose features are what its last layer is given.
    n_teacher : int
        Number of features of the teacher.

    Raises
    ------
    ValueError
        If its last layer is not linear, or that of several members.
    """
    layer = LayerInput(module, None).layer
    if not isinstance(layer, nn.Linear):
        raise ValueError(
            f"contrast_weight needs one network that ends in a linear layer; "
            f"{type(module).__name__} ends in {type(layer).__name__}."
        )
    for name, size in (STUDENT, layer.in_features), (TEACHER, n_teacher):
        weight = torch.empty(size, N_DIMENSIONS).normal_(std=1 / math.sqrt(size))
        module.register_parameter(name, nn.Parameter(weight))


def has_contrast(module: nn.Module) -> bool:
    """Whether the network has the maps."""
    return hasattr(module, STUDENT)


def remove_contrast(module: nn.Module) -> None:
    """Take the maps away, which serve training alone."""
    for name in STUDENT, TEACHER:
        delattr(module, name)


def in_common(module: nn.Module, S: Tensor, T: Tensor) -> tuple[Tensor, Tensor]:
    """Map features of student and teacher into their common space."""
    return S @ module.get_parameter(STUDENT), T @ module.get_parameter(TEACHER)
