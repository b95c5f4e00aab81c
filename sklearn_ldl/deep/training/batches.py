"""Batches: slices of tensors that stay in one place, or items of a torch Dataset."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from sklearn_ldl.deep.generators import own_generator, passing
from sklearn_ldl.deep.training.conversion import Conversion, Inputs, map_inputs, select_rows
from sklearn_ldl.deep.training.items import Collate
from sklearn_ldl.deep.training.loading import ItemLoader
from sklearn_ldl.deep.training.processes import Part, Processes
from sklearn_ldl.deep.training.seeds import initial_seed, restored
from sklearn_ldl.deep.training.stored_rows import FeatureStore, FeatureStores

# Seeds are below it.
_SEEDS = 2**62


@dataclass(slots=True)
class Batch:
    """Rows of the training set, on the device of the net.

    It unpacks into features and targets, as callbacks of skorch want it.
    """

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
    #: Features of the companions of the rows, where they were loaded with them.
    near: Any = None

    def __iter__(self) -> Iterator[Tensor]:
        return iter((self.X, self.target))

    def repeated(self, times: int) -> Batch:
        """Return the same rows as often as told, one copy behind the other."""

        def repeat(tensor: Tensor) -> Tensor:
            return tensor.repeat(times, *[1] * (tensor.ndim - 1))

        X, target, rows = map_inputs(repeat, self.X), repeat(self.target), repeat(self.rows)
        weight = None if self.weight is None else self.weight.repeat(times)
        return replace(self, X=X, target=target, weight=weight, rows=rows, n_copies=times)


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
        Whether to permute the rows, by the random numbers of the fit.
    weight : Tensor of shape (n_samples,) or None
        Weights of all rows of the data set.
    device : torch.device
        Where batches are wanted.
    processes : Processes, default=None
        Those that share every batch; None means this one.
    """

    #: What is drawn from besides the random numbers of the fit, if anything.
    generator: torch.Generator | None = None
    #: How features become what the module takes.
    conversion = Conversion()
    #: Tells the further rows that an objective wants for those of a batch, if it does.
    companions: Callable[[Tensor], Tensor] | None = None

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
            with passing():
                order = torch.randperm(len(rows), generator=own_generator())
            rows = rows[self.processes.from_first(order)]
        return [self.processes.part(batch) for batch in rows.split(self.sizes)]

    def _batch(self, part: Part, X: Inputs, target: Tensor) -> Batch:
        rows = part.rows.to(self.device)
        weight = None if self.weight is None else self.weight[rows]
        n_rows = rows.shape[0]
        n_own = part.n_own if part.n_own < n_rows else None
        if target.is_floating_point():
            target = target.to(self.conversion.dtype)
        return Batch(X, target, weight, rows, self, n_rows / part.n_rows, n_own)

    def __iter__(self) -> Iterator[Batch]:
        raise NotImplementedError

    def raw(self, rows: Tensor) -> Inputs:
        """Features of any rows of the data set, in their own type."""
        raise NotImplementedError

    def take(self, rows: Tensor) -> Any:
        """Features of any rows of the data set, on the device, as the module takes them."""
        return self.conversion(self.raw(rows), self.device)

    def close(self) -> None:
        """Let go of what was opened to load batches."""


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
        return self.store.take(rows, self.conversion.widest)

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
        # Seeds of the items, apart from the draws of the batches: those are the ones of arrays.
        self.generator: torch.Generator = torch.Generator().manual_seed(initial_seed())
        self._collate = Collate() if collate is None else collate
        self._loader = ItemLoader(
            dataset, self._collate, num_workers, pin_memory=self.device.type == "cuda"
        )

    def raw(self, rows: Tensor) -> Inputs:
        """Features of any items, in their own type."""
        with restored(0):
            return self._collate.features([self.dataset[int(row)] for row in rows])

    def close(self) -> None:
        """Let go of the processes that load items."""
        self._loader.close()

    def _seed(self) -> int:
        """Draw the seed of the items of an epoch, one for each process."""
        seed = int(torch.randint(_SEEDS, (), generator=self.generator))
        return (seed + self.processes.rank * len(self)) % _SEEDS

    def __iter__(self) -> Iterator[Batch]:
        parts = self._epoch()
        companions = [self._companions(part) for part in parts]
        wanted = [
            torch.cat([part.rows, near]).tolist()
            for part, near in zip(parts, companions, strict=True)
        ]
        loaded = self._loader.load(wanted, self._seed())
        for part, (items, y) in zip(parts, loaded, strict=True):
            n_rows = len(part.rows)
            items = self.conversion(items, self.device)
            y = None if y is None else y[:n_rows]
            if self.target is not None:
                target = self.target[part.rows]
            else:
                target = torch.from_numpy(self.encode(y))
            target = target.to(self.device, non_blocking=True)
            batch = self._batch(part, select_rows(items, slice(n_rows)), target)
            if self.companions is not None:
                near = select_rows(items, slice(n_rows, None))
                batch = replace(batch, near=near)
            yield batch

    def _companions(self, part: Part) -> Tensor:
        if self.companions is None:
            return part.rows[:0]
        return self.companions(part.rows).to(part.rows.device)


def read_only_features(
    dataset: Any, batch_size: int, num_workers: int, collate: Collate
) -> Iterator[Inputs]:
    """Load the features of a data set in order, without a draw from the caller's random state."""
    rows = range(len(dataset))
    batches = [rows[start : start + batch_size] for start in range(0, len(rows), batch_size)]
    return ItemLoader(dataset, collate.features, num_workers).load(batches, 0)
