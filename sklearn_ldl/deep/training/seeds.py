"""Random numbers of a fit, which leave those of the caller alone."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sklearn_ldl.deep.generators import (
    ALONE,
    Draws,
    current_draws,
    drawing_from,
    random_states,
    set_random_states,
)


@contextmanager
def fitting(
    seed: int, device: torch.device, *, own: bool, benchmark: bool = False
) -> Iterator[Draws]:
    """Draw the random numbers of a fit from generators of its own.

    Parameters
    ----------
    seed : int
        Where they begin.
    device : torch.device
        Where the fit computes.
    own : bool
        Whether nothing but code of this package draws; see :class:`Draws`.
    benchmark : bool, default=False
        Whether cuDNN is to look for fast algorithms instead of repeatable ones.

    Yields
    ------
    draws : Draws
        The random numbers.
    """
    draws = Draws(seed, device, own=own)
    with drawing_from(draws), _CuDNN(benchmark) if device.type == "cuda" else nullcontext():
        if device.type not in ("cpu", "cuda"):
            # A generator that torch cannot set aside.
            with draws.building():
                torch.manual_seed(seed)
        yield draws


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Draw from a generator of this block alone; the caller's random state stays as it is.

    Other threads wait where they need the generators of the process.
    """
    with ALONE, drawing_from(None):
        before = random_states(device)
        try:
            with _CuDNN(False):
                torch.default_generator.manual_seed(seed)
                if device.type == "cuda":
                    with torch.cuda.device(device):
                        torch.cuda.manual_seed(seed)
                yield
        finally:
            set_random_states(before, device)


@contextmanager
def restored(seed: int | None = None) -> Iterator[None]:
    """Bring back the random states of torch, NumPy and Python, which items of a data set may use.

    Parameters
    ----------
    seed : int, default=None
        What they begin with inside the block; None leaves them as they are.
    """
    with ALONE, drawing_from(None):
        before = torch.get_rng_state(), np.random.get_state(), random.getstate()  # noqa: NPY002
        try:
            if seed is not None:
                seed_items(seed)
            yield
        finally:
            torch.set_rng_state(before[0])
            np.random.set_state(before[1])  # noqa: NPY002
            random.setstate(before[2])


def seed_items(seed: int) -> None:
    """Seed whatever items of a data set may draw from: torch, NumPy and Python."""
    torch.default_generator.manual_seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002
    random.seed(seed)


def initial_seed() -> int:
    """Seed of the fit of this thread; without one that of torch."""
    draws = current_draws()
    return torch.initial_seed() if draws is None else draws.initial_seed()


def set_seed(seed: int) -> None:
    """Begin the random numbers of the fit of this thread anew."""
    draws = current_draws()
    if draws is None:
        raise RuntimeError("There is no fit in this thread.")
    draws.seed(seed)


def random_bits(device: torch.device) -> list[Tensor]:
    """State of the generators that a fit draws from, for one that goes on."""
    draws = current_draws()
    return random_states(device) if draws is None else draws.states()


def set_random_bits(bits: list[Tensor], device: torch.device) -> None:
    """Bring the generators into a state from :func:`random_bits`."""
    draws = current_draws()
    if draws is None:
        set_random_states(bits, device)
    else:
        draws.set_states(bits)


class _CuDNN:
    """Settings of cuDNN, which are those of the process.

    The first block keeps what was there, and the last one out brings it back; meanwhile the block
    that was entered last decides.
    """

    _depth = 0
    _kept: tuple[bool, bool] = (False, False)

    def __init__(self, benchmark: bool):
        self.benchmark = benchmark

    def __enter__(self) -> None:
        cudnn: Any = torch.backends.cudnn
        with ALONE:
            if not _CuDNN._depth:
                _CuDNN._kept = cudnn.benchmark, cudnn.deterministic
            _CuDNN._depth += 1
            cudnn.benchmark, cudnn.deterministic = self.benchmark, not self.benchmark

    def __exit__(self, *_: object) -> None:
        cudnn: Any = torch.backends.cudnn
        with ALONE:
            _CuDNN._depth -= 1
            if not _CuDNN._depth:
                cudnn.benchmark, cudnn.deterministic = _CuDNN._kept
