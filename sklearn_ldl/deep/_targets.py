"""Targets of Datasets: labels or distributions that come with the items."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Dataset


def dataset_targets(dataset: Dataset) -> NDArray:
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
    item: Any = dataset[0]
    if not isinstance(item, (tuple, list)) or len(item) != 2:
        raise ValueError("A Dataset without y must give pairs (x, y).")
    first = np.asarray(item[1])
    if first.ndim == 1 and first.size > 1:
        return first[None]
    labels = getattr(dataset, "targets", None)
    if labels is None:
        labels = [dataset[index][1] for index in range(len(dataset))]
    return np.asarray(labels).reshape(len(dataset))
