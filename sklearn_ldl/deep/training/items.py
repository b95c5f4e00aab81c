"""Items of Datasets: features and targets of them, and batches made of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import default_collate

from sklearn_ldl.deep.training.conversion import Inputs
from sklearn_ldl.deep.training.stored_rows import torch_dtype


def split_item(item: Any) -> tuple[Any, Any]:
    """Features of an item, and its target or None.

    Parameters
    ----------
    item : object
        Features, or ``(features, target)``. Features are one array, or several as a mapping or
        tuple of arrays.

    Raises
    ------
    ValueError
        If a tuple has another length than one or two.

    Examples
    --------
    >>> from sklearn_ldl.deep.training.items import split_item
    >>> split_item(({"left": [1.0], "right": [2.0]}, 3)), split_item([4.0])
    (({'left': [1.0], 'right': [2.0]}, 3), (4.0, None))
    """
    if not isinstance(item, (tuple, list)):
        return item, None
    if len(item) not in (1, 2):
        raise ValueError(
            f"An item of the Dataset is a tuple of {len(item)}: expected features, or a pair "
            "(x, y). Several inputs are a pair of a tuple or dict and the target: ((a, b), y)."
        )
    return item[0], item[1] if len(item) == 2 else None


class Collate:
    """Makes a batch of items: features in their own type, and targets or None.

    Parameters
    ----------
    function : callable, default=None
        The user's: takes items, and returns features or ``(features, targets)``. None stacks
        features and targets; labels may be strings.
    """

    def __init__(self, function: Callable[[list], Any] | None = None):
        self.function = function

    def __call__(self, items: list) -> tuple[Inputs, NDArray | None]:
        """Make a batch."""
        if self.function is not None:
            X, y = split_item(self.function(items))
            return _as_inputs(X, "collate_fn returns"), None if y is None else np.asarray(y)
        pairs = [split_item(item) for item in items]
        first, target = pairs[0]
        X = [x for x, _ in pairs]
        several = isinstance(first, (Mapping, tuple))
        batch = default_collate(X) if several else torch.stack([_as_tensor(x) for x in X])
        y = None if target is None else np.stack([np.asarray(y) for _, y in pairs])
        return _as_inputs(batch, "The items of the Dataset hold"), y

    def features(self, items: list) -> Inputs:
        """Make a batch without its targets."""
        return self(items)[0]


def _as_tensor(x: Any) -> Tensor:
    """Tensor of one item, in its own type if torch knows it."""
    if isinstance(x, Tensor):
        return x
    x = np.asarray(x)
    return torch.from_numpy(np.array(x, dtype=torch_dtype(x.dtype)))


def _as_inputs(X: Any, who: str) -> Inputs:
    """Plain dictionary or tuple of tensors, or one tensor."""
    if isinstance(X, Mapping):
        X = dict(X)
    elif isinstance(X, (tuple, list)):
        X = tuple(X)
    for tensor in X.values() if isinstance(X, dict) else X if isinstance(X, tuple) else (X,):
        if not isinstance(tensor, Tensor):
            raise TypeError(
                f"{who} {type(tensor).__name__}, not tensors: make numbers of them, such as tokens "
                "of a text, in the Dataset or in collate_fn."
            )
    return X
