"""Several processes that train one net, as Hugging Face accelerate starts and connects them.

Every process holds the net, draws the same batches and computes with its own part of each; the
gradients of the parts add up to that of the batch. They are added here, and not by a wrapper of the
module such as DistributedDataParallel, which would not see the passes of an objective that calls
other methods of the module than its `forward`.
"""

from __future__ import annotations

from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor, nn

from sklearn_ldl._core.extras import MissingExtraError

#: Value of the parameter `device` that asks for accelerate.
ACCELERATE = "accelerate"

_Value = TypeVar("_Value")


class Part(NamedTuple):
    """What one process takes of a batch."""

    rows: Tensor
    #: Rows that count; those behind them are other processes', there for company only.
    n_own: int
    #: Rows of the whole batch.
    n_rows: int


class Processes:
    """The processes that train together: this one alone, unless `device` is "accelerate".

    Parameters
    ----------
    device : str, default="cpu"
        The parameter of the estimator.
    amp : bool, default=False
        Whether training runs in bfloat16.

    Attributes
    ----------
    count : int
        How many they are.
    rank : int
        Which one this is; the process of rank 0 prints and writes.

    Raises
    ------
    ValueError
        If accelerate was told a mixed precision that the estimator was not.
    """

    def __init__(self, device: str = "cpu", *, amp: bool = False):
        self.rank, self.count = 0, 1
        if device != ACCELERATE:
            return
        self._accelerator = get_accelerator()
        self.rank = self._accelerator.process_index
        self.count = self._accelerator.num_processes
        precision = self._accelerator.mixed_precision
        if precision not in ("no", "bf16" if amp else "no"):
            raise ValueError(
                f"accelerate was started with mixed_precision={precision!r}, and the estimator has "
                f"amp={amp}. Mixed precision is bfloat16 here: set amp=True, and start accelerate "
                "with 'no' or 'bf16'."
            )

    def part(self, rows: Tensor) -> Part:
        """Rows of a batch for this process.

        There are two at least, where the batch has two: batch normalisation and mixing need them.
        """
        n_rows = len(rows)
        if self.count == 1:
            return Part(rows, n_rows, n_rows)
        start, stop = (n_rows * rank // self.count for rank in (self.rank, self.rank + 1))
        positions = torch.arange(start, max(stop, start + min(2, n_rows))) % n_rows
        return Part(rows[positions.to(rows.device)], stop - start, n_rows)

    def add(self, tensors: list[Tensor]) -> None:
        """Replace tensors by their sums over the processes, all at once."""
        if self.count == 1:
            return
        sums = self._accelerator.reduce(torch.cat([t.reshape(-1) for t in tensors]), "sum")
        for tensor, total in zip(tensors, sums.split([t.numel() for t in tensors]), strict=True):
            tensor.copy_(total.view_as(tensor))

    def average(self, tensors: list[Tensor]) -> None:
        """Replace tensors by their means over the processes."""
        if tensors and self.count > 1:
            self.add(tensors)
            for tensor in tensors:
                tensor.div_(self.count)

    def start(self, module: nn.Module) -> None:
        """Give all processes the weights that the first one has."""
        if self.count > 1:
            from accelerate.utils import broadcast

            for tensor in module.state_dict().values():
                tensor.copy_(broadcast(tensor))

    def from_first(self, value: _Value) -> _Value:
        """Return what the process of rank 0 has."""
        if self.count == 1:
            return value
        from accelerate.utils import broadcast_object_list

        return broadcast_object_list([value])[0]

    def gather(self, value: _Value) -> list[_Value]:
        """Return what the processes have, by rank."""
        if self.count == 1:
            return [value]
        from accelerate.utils import gather_object

        return gather_object([value])

    def check_agreement(self, description: dict[str, str]) -> None:
        """Raise a ValueError in all processes if their fits are not the same."""
        first, *others = self.gather(description)
        names = {name for other in others for name in differences(first, other)}
        if names:
            raise ValueError(
                "The processes differ in "
                f"{', '.join(sorted(names))}. Each is to be given the same estimator and all of "
                "the data, and to draw the same random numbers."
            )


def differences(old: dict[str, str], new: dict[str, str]) -> list[str]:
    """Keys whose values differ, or that only one of two descriptions has."""
    return [name for name in old | new if old.get(name) != new.get(name)]


def get_accelerator() -> Any:
    """Accelerator of this process; it takes part in what accelerate or torchrun has started.

    Raises
    ------
    ImportError
        If accelerate is not installed.
    ValueError
        If it was started to split the net itself over processes.
    """
    try:
        from accelerate import Accelerator
    except ImportError as error:
        raise MissingExtraError('device="accelerate"', "accelerate", "distributed") from error
    accelerator = Accelerator()
    kind = accelerator.distributed_type.value
    if kind not in ("NO", "MULTI_CPU", "MULTI_GPU"):
        raise ValueError(
            f"accelerate was started for {kind}: only several processes that hold the whole net "
            "each, on CPUs or CUDA devices, are supported."
        )
    return accelerator
