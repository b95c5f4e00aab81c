"""Targets of Datasets: labels, distributions or values that come with the items."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Dataset

from sklearn_ldl.deep.training.items import split_item
from sklearn_ldl.deep.training.seeds import restored


@restored()
def dataset_targets(dataset: Any) -> NDArray:
    """Collect the targets of a data set: its attribute `targets`, or those of all items.

    Distributions are not collected: one row tells how many labels there are, and augmentation may
    make others at every access.

    Parameters
    ----------
    dataset : torch.utils.data.Dataset
        Map-style data set of ``(x, y)``.

    Returns
    -------
    y : ndarray of shape (n_samples,) or (1, n_labels)
        Labels of all items, or the distribution of the first.

    Raises
    ------
    ValueError
        If the items are not pairs.
    """
    first = _first_target(dataset)
    if first.ndim == 1 and first.size > 1:
        return first[None]
    return _collect(dataset, len(dataset)).reshape(len(dataset))


@restored()
def collect_targets(dataset: Dataset, n_items: int) -> NDArray:
    """Collect the targets of the first items, from the attribute `targets` if there is one.

    Parameters
    ----------
    dataset : torch.utils.data.Dataset
        Map-style data set of ``(x, y)``.
    n_items : int
        Number of items, at most its length.

    Returns
    -------
    y : ndarray of shape (n_items, ...)
        Targets.

    Raises
    ------
    ValueError
        If the items are not pairs.
    """
    _first_target(dataset)
    return _collect(dataset, n_items)[:n_items]


def _first_target(dataset: Any) -> NDArray:
    target = split_item(dataset[0])[1]
    if target is None:
        targets = getattr(dataset, "targets", None)
        target = None if targets is None else targets[0]
    if target is None:
        raise ValueError(
            "A Dataset without y must give pairs (x, y), or have all targets as its attribute "
            "targets."
        )
    return np.asarray(target)


def _collect(dataset: Any, n_items: int) -> NDArray:
    targets = getattr(dataset, "targets", None)
    if targets is None:
        targets = [np.asarray(split_item(dataset[index])[1]) for index in range(n_items)]
    return np.asarray(targets)
