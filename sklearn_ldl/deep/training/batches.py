"""Batches: slices of tensors that stay in one place, or items of a torch Dataset."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from sklearn_ldl.deep.training.conversion import Conversion, Inputs, map_inputs
from sklearn_ldl.deep.training.items import Collate
from sklearn_ldl.deep.training.processes import Part, Processes
from sklearn_ldl.deep.training.stored_rows import FeatureStore, FeatureStores


class Batch(NamedTuple):
    """Rows of the training set, on the device of the net."""

    #: A tensor, or several in a dictionary or tuple.
    X: Any
    #: What the objective compares the output with, one entry per row.
    target: Tensor
    #: Weights of the rows, with a mean of one over the rows of the source, or None.
    weight: Tensor | None
    #: Positions of the rows in the data of the source.
    rows: Tensor
    #: Where further rows can be taken from.
    source: RowSource
    #: Rows here, by those of the batches of all processes.
    share: float = 1.0
    #: How many rows, the first ones, count here; the others fill up a part that is too small.
    n_own: int | None = None
    #: How often the rows stand here, one copy behind the other.
    n_copies: int = 1

    def repeated(self, times: int) -> Batch:
        """Return the same rows as often as told, one copy behind the other."""

        def repeat(tensor: Tensor) -> Tensor:
            return tensor.repeat(times, *[1] * (tensor.ndim - 1))

        X, target, rows = map_inputs(repeat, self.X), repeat(self.target), repeat(self.rows)
        weight = None if self.weight is None else self.weight.repeat(times)
        return self._replace(X=X, target=target, weight=weight, rows=rows, n_copies=times)


class RowSource:
    """Batches of some rows of a data set, in a new random order every epoch.

    Parameters
    ----------
    rows : Tensor of shape (n_rows,)
        Positions of the rows that belong to this source.
    batch_size : int
        Rows per batch. A last batch of one row joins the batch before it, since batch
        normalisation and mixing need two.
    shuffle : bool
        Whether to permute the rows, by torch's current random state.
    weight : Tensor of shape (n_samples,) or None
        Weights of all rows of the data set.
    device : torch.device
        Where batches are wanted.
    processes : Processes, default=None
        Those that share every batch; None means this one.
    """

    #: What is drawn from besides torch's current random state, if anything.
    generator: torch.Generator | None = None
    #: How features become what the module takes.
    conversion = Conversion()

    def __init__(
        self,
        rows: Tensor,
        *,
        batch_size: int,
        shuffle: bool,
        weight: Tensor | None,
        device: torch.device,
        processes: Processes | None = None,
    ):
        self.rows = rows
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.device = device
        self.processes = Processes() if processes is None else processes
        self.weight = None if weight is None else weight.to(device)
        sizes = [batch_size] * (len(rows) // batch_size)
        if len(rows) % batch_size:
            sizes.append(len(rows) % batch_size)
        if len(sizes) > 1 and sizes[-1] == 1 < batch_size:
            sizes[-2:] = [batch_size + 1]
        #: Rows of the batches of an epoch.
        self.sizes = sizes

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def n_batches(self) -> int:
        """Number of batches per epoch."""
        return len(self.sizes)

    def _epoch(self) -> list[Part]:
        rows = self.rows
        if self.shuffle:
            rows = rows[self.processes.from_first(torch.randperm(len(rows)))]
        return [self.processes.part(batch) for batch in rows.split(self.sizes)]

    def _batch(self, part: Part, X: Inputs, target: Tensor) -> Batch:
        rows = part.rows.to(self.device)
        weight = None if self.weight is None else self.weight[rows]
        n_own = part.n_own if part.n_own < len(rows) else None
        if target.is_floating_point():
            target = target.to(self.conversion.dtype)
        return Batch(X, target, weight, rows, self, len(rows) / part.n_rows, n_own)

    def __iter__(self) -> Iterator[Batch]:
        raise NotImplementedError

    def raw(self, rows: Tensor) -> Inputs:
        """Features of any rows of the data set, in their own type."""
        raise NotImplementedError

    def take(self, rows: Tensor) -> Any:
        """Features of any rows of the data set, on the device, as the module takes them."""
        return self.conversion(self.raw(rows), self.device)


class ArraySource(RowSource):
    """Batches sliced from arrays, which are converted a batch at a time.

    Parameters
    ----------
    store : FeatureStore or FeatureStores
        Features.
    target : ndarray of shape (n_samples, ...)
        Targets in float32.
    rows, **settings
        As for :class:`RowSource`.
    """

    def __init__(
        self, store: FeatureStore | FeatureStores, target: Any, rows: Tensor, **settings: Any
    ):
        super().__init__(rows, **settings)
        self.store = store
        self.target = torch.from_numpy(target).to(self.device)

    def raw(self, rows: Tensor) -> Inputs:
        """Features of any rows of the data set, in their own type."""
        return self.store.take(rows, self.conversion.dtype)

    def __iter__(self) -> Iterator[Batch]:
        for part in self._epoch():
            target = self.target.index_select(0, part.rows.to(self.device))
            yield self._batch(part, self.take(part.rows), target)


class DatasetSource(RowSource):
    """Batches loaded from a torch Dataset of ``(x, y)``, for data too large for memory.

    Parameters
    ----------
    dataset : torch.utils.data.Dataset
        Map-style data set.
    target : ndarray of shape (n_samples, ...) or None
        Targets that replace those of the items.
    encode : callable or None
        Turns the collated targets of a batch into an array of float32; needed without `target`.
    rows : Tensor of shape (n_rows,)
        As for :class:`RowSource`.
    num_workers : int
        Processes that load items.
    collate : Collate, default=None
        Makes batches of items.
    **settings
        As for :class:`RowSource`.
    """

    def __init__(
        self,
        dataset: Dataset,
        target: NDArray | None,
        encode: Callable[[NDArray], NDArray] | None,
        rows: Tensor,
        *,
        num_workers: int = 0,
        collate: Collate | None = None,
        **settings: Any,
    ):
        super().__init__(rows, **settings)
        self.dataset = dataset
        self.target = None if target is None else torch.from_numpy(target)
        self.encode: Any = encode
        self.num_workers = num_workers
        self.collate = Collate() if collate is None else collate
        # Seeds of the workers, apart from the draws of the batches: those are the ones of arrays.
        self.generator = torch.Generator().manual_seed(torch.initial_seed())

    def raw(self, rows: Tensor) -> Inputs:
        """Features of any items, in their own type."""
        return self.collate.features([self.dataset[int(row)] for row in rows])

    def __iter__(self) -> Iterator[Batch]:
        parts = self._epoch()
        loader = DataLoader(
            self.dataset,
            batch_sampler=[part.rows.tolist() for part in parts],
            num_workers=self.num_workers,
            collate_fn=self.collate,
            generator=self.generator,
            pin_memory=self.device.type == "cuda",
        )
        for part, (X, y) in zip(parts, loader, strict=True):
            if self.target is not None:
                target = self.target[part.rows]
            else:
                target = torch.from_numpy(self.encode(y))
            target = target.to(self.device, non_blocking=True)
            yield self._batch(part, self.conversion(X, self.device), target)


def read_only_features(
    dataset: Dataset, batch_size: int, num_workers: int, collate: Collate
) -> DataLoader:
    """Load the features of a data set in order, without a draw from torch's random state."""
    return DataLoader(
        dataset,
        batch_size=batch_size,
        num_workers=num_workers,
        collate_fn=collate.features,
        generator=torch.Generator(),
    )
