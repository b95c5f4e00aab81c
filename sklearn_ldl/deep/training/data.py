"""What one fit trains on: features, targets, weights, and which rows are for what."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.random import RandomState
from numpy.typing import NDArray
from torch.utils.data import Dataset

from sklearn_ldl._core.sklearn_compat import num_samples
from sklearn_ldl._core.weights import with_mean_one
from sklearn_ldl.deep.training.items import split_item
from sklearn_ldl.deep.training.seeds import restored
from sklearn_ldl.deep.training.stored_rows import Rows
from sklearn_ldl.deep.training.validation import ValidationSet

# Rows and numbers that tell enough about the scale of features, and rows that it takes.
_ROWS, _NUMBERS, _FEWEST = 10_000, 2**22, 100


@dataclass
class TrainingData:
    """What one fit trains on, and draws its random numbers from.

    Parameters
    ----------
    X, y : object
        Samples and targets as the user gave them; `y` is None where a Dataset brings its own.
    features : ndarray, CSR matrix, memory map, dictionary of these, or Dataset
        Validated samples, in their own type.
    targets : ndarray of shape (n_samples, ...) or None
        What the outputs of the net are compared with, in float32; None for those of a Dataset.
    encode : callable
        Turns targets as they come with the items of a Dataset into rows of `targets`.
    output_shape : tuple of int
        Shape of the output for one row; the first entry is what a module knows as `n_labels`.
    sample_weight : ndarray of shape (n_samples,) or None
        Validated weights.
    random_state : RandomState
        Random numbers of the fit, for seeds and splits.
    split : callable
        Returns the rows for training and for validation; called once.
    metadata : mapping
        Further arguments of `fit`, by name.
    groups : ndarray of shape (n_samples,) or None
        Rows of one group are either all for training or all for validation.
    validation : ValidationSet or None
        Rows for validation that are no rows of `features`.
    """

    X: Any
    y: Any
    features: Any
    targets: NDArray[np.float32] | None
    encode: Callable[[NDArray], NDArray[np.float32]]
    output_shape: tuple[int, ...]
    sample_weight: NDArray[np.floating] | None
    random_state: RandomState
    split: Callable[[TrainingData], tuple[NDArray, NDArray]]
    metadata: Mapping[str, Any]
    groups: NDArray | None = None
    validation: ValidationSet | None = None

    @property
    def n_samples(self) -> int:
        """Number of rows, in training or not."""
        return num_samples(self.features)

    @cached_property
    def rows(self) -> tuple[NDArray, NDArray]:
        """Rows for training and for validation, without those of weight zero.

        They are drawn when they are first asked for.
        """
        train, valid = self.split(self)
        if self.sample_weight is None:
            return train, valid
        weight = self.sample_weight
        return _weighted(train, weight, "training"), _weighted(valid, weight, "validation")

    @cached_property
    def weight(self) -> NDArray[np.floating] | None:
        """Weights of all rows, with a mean of one over those for training; None for equal ones."""
        if self.sample_weight is None:
            return None
        return with_mean_one(self.sample_weight, self.rows[0])

    def example_rows(self) -> NDArray:
        """Flat samples of rows for training, as many as tell about the scale of the features."""
        rows = self.rows[0]
        dataset = isinstance(self.features, Dataset)
        shape = np.shape(self._items(rows[:1])[0][0]) if dataset else self.features.shape[1:]
        size = math.prod(shape)
        count = min(len(rows), max(_FEWEST, min(_ROWS, _NUMBERS // size)))
        rows = rows[np.linspace(0, len(rows) - 1, count).astype(np.intp)]
        if dataset:
            items = self._items(rows)
            return np.stack([np.ravel(item[0]) for item in items])
        read, parts = Rows(self.features), np.array_split(rows, -(-count // _FEWEST))
        return np.concatenate([read(part) for part in parts]).reshape(count, -1)

    def _items(self, rows: NDArray) -> list[tuple]:
        """Items of a Dataset, which may draw random numbers that are not the caller's."""
        with restored(0):
            return [split_item(self.features[int(row)]) for row in rows]

    def label_sums(self) -> NDArray[np.float64]:
        """Weighted sums of the targets over the rows for training.

        Returns
        -------
        sums : ndarray of shape (n_labels,)
            Of distributions they add up to the number of rows. A Dataset is read once for them.
        """
        rows = self.rows[0]
        if self.targets is not None:
            D = self.targets[rows]
        else:
            D = self.encode(np.stack([np.asarray(item[1]) for item in self._items(rows)]))
        weight = np.ones(len(rows)) if self.weight is None else self.weight[rows]
        return weight @ D.astype(np.float64)


def _weighted(rows: NDArray, weight: NDArray, kind: str) -> NDArray:
    """Drop the rows without a weight; to drop them all is an error."""
    kept = rows[weight[rows] > 0]
    if len(rows) and not len(kept):
        raise ValueError(f"All sample weights of the {kind} rows are zero.")
    return kept
