"""Random numbers of a fit, which leave those of the caller alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock

import torch
from torch import Tensor

# There is one random state for all threads, such as those of a search over parameters.
_ALONE = RLock()


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Draw from a generator of this block alone; the caller's random state stays as it is."""
    devices = [device] if device.type == "cuda" else []
    cudnn = torch.backends.cudnn
    flags = cudnn.flags(
        enabled=cudnn.enabled, benchmark=False, deterministic=True, allow_tf32=cudnn.allow_tf32
    )
    with _ALONE, torch.random.fork_rng(devices=devices), flags:
        torch.manual_seed(seed)
        yield


@contextmanager
def restored() -> Iterator[None]:
    """Bring torch's random state back, whatever the items of a data set draw in this block."""
    with _ALONE, torch.random.fork_rng(devices=[]):
        yield


def random_bits(device: torch.device) -> list[Tensor]:
    """State of the generators that a fit draws from, for one that goes on."""
    bits = [torch.get_rng_state()]
    return [*bits, torch.cuda.get_rng_state(device)] if device.type == "cuda" else bits


def set_random_bits(bits: list[Tensor], device: torch.device) -> None:
    """Bring the generators into a state from :func:`random_bits`."""
    torch.set_rng_state(bits[0])
    if device.type == "cuda" and len(bits) > 1:
        torch.cuda.set_rng_state(bits[1], device)
