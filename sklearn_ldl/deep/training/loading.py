"""Items of a torch Dataset, loaded by processes that stay, with random numbers by the batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch.utils.data import DataLoader, Dataset, get_worker_info

from sklearn_ldl.deep.training.seeds import restored, seed_items


class Wanted(NamedTuple):
    """Items of one batch, and what their random numbers begin with."""

    seed: int
    rows: Sequence[int]


class ItemLoader:
    """Loads batches of items, in this process or in others, which it keeps.

    Items may be random: what they draw from torch, NumPy or Python depends on the seed and the
    place of their batch alone, not on the number of processes, and is not the caller's.

    Parameters
    ----------
    dataset : torch.utils.data.Dataset
        Map-style data set.
    collate : callable
        Makes a batch of a list of items, where these are loaded.
    num_workers : int
        Processes that load items; 0 loads in this one.
    pin_memory : bool, default=False
        Whether batches are put where a CUDA device reads them fast.
    """

    def __init__(
        self,
        dataset: Dataset,
        collate: Callable[[list], Any],
        num_workers: int,
        *,
        pin_memory: bool = False,
    ):
        self._epoch = _Epoch()
        self._loader: DataLoader | None = DataLoader(
            _Batches(dataset, collate),
            batch_sampler=self._epoch,  # type: ignore[arg-type]
            num_workers=num_workers,
            collate_fn=_as_it_is,
            # Not asked for anything that matters, but it spares torch's own.
            generator=torch.Generator(),
            pin_memory=pin_memory,
            persistent_workers=num_workers > 0,
        )

    def load(self, batches: Sequence[Sequence[int]], seed: int) -> Iterator[Any]:
        """Load batches of rows, in their order.

        Parameters
        ----------
        batches : sequence of sequences of int
            Positions of the items.
        seed : int
            The random numbers of the first batch begin with it, those of the next with its
            successor.

        Yields
        ------
        batch : object
            What `collate` returns.
        """
        if self._loader is None:
            raise RuntimeError("The loader is closed.")
        self._epoch.wanted = [Wanted(seed + i, rows) for i, rows in enumerate(batches)]
        yield from self._loader

    def close(self) -> None:
        """Let the processes go."""
        self._loader = None


class _Epoch:
    """What a loader is to load next; it keeps the object, whose contents change."""

    wanted: list[Wanted] = []

    def __iter__(self) -> Iterator[Wanted]:
        return iter(self.wanted)

    def __len__(self) -> int:
        return len(self.wanted)


class _Batches(Dataset):
    """View of a data set whose items are batches."""

    def __init__(self, dataset: Any, collate: Callable[[list], Any]):
        self.dataset = dataset
        self.collate = collate

    def __getitems__(self, wanted: Wanted) -> Any:
        if get_worker_info() is not None:
            # Nobody else draws here; and a lock may have come along that nobody opens.
            seed_items(wanted.seed)
            return self._load(wanted.rows)
        with restored(wanted.seed):
            return self._load(wanted.rows)

    def _load(self, rows: Sequence[int]) -> Any:
        if hasattr(self.dataset, "__getitems__"):
            return self.collate(self.dataset.__getitems__(list(rows)))
        return self.collate([self.dataset[row] for row in rows])


def _as_it_is(batch: Any) -> Any:
    return batch
