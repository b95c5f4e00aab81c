"""Generators of a fit of its own, so that fits in several threads do not wait for each other.

Code of this package asks :func:`own_generator` for every draw. Networks, losses and callbacks of
users draw from the generators that torch has for the whole process: a fit with such code borrows
them for its passes, one fit at a time, and puts back what was there.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from threading import RLock, local

import torch
from torch import Tensor

#: Held by whoever changes or uses the generators of the process.
ALONE = RLock()

_THREAD = local()
# Since torch 2.3.
_is_compiling = getattr(torch.compiler, "is_compiling", bool)


class Draws:
    """Random numbers of one fit.

    Parameters
    ----------
    seed : int
        Where they begin.
    device : torch.device
        Where the fit computes.
    own : bool
        Whether nothing but code of this package draws during the passes of the fit. On a device
        other than the CPU it is of no use.
    """

    # Whose numbers the generators of the process give, and what they gave before.
    _borrower: Draws | None = None
    _kept: list[Tensor] = []

    def __init__(self, seed: int, device: torch.device, *, own: bool):
        devices = [torch.device("cpu")] + ([device] if device.type == "cuda" else [])
        self.device = device
        self.own = own and device.type == "cpu"
        self._generators = [torch.Generator(device) for device in devices]
        self.seed(seed)

    @property
    def borrows(self) -> bool:
        """Whether the generators of the process are those of this fit at the moment."""
        return Draws._borrower is self

    def generator(self) -> torch.Generator | None:
        """Return what draws on the CPU come from; None means the generator of the process."""
        return self._generators[0] if self.own and not self.borrows else None

    def initial_seed(self) -> int:
        """Seed that the numbers began with."""
        return self._generators[0].initial_seed()

    def seed(self, seed: int) -> None:
        """Begin anew."""
        with ALONE:
            for generator in self._generators:
                generator.manual_seed(seed)
            self.set_states(self._own_states())

    def states(self) -> list[Tensor]:
        """States of the generators, for a fit that goes on."""
        with ALONE:
            return random_states(self.device) if self.borrows else self._own_states()

    def set_states(self, states: list[Tensor]) -> None:
        """Bring the generators into states from :meth:`states`."""
        with ALONE:
            for generator, state in zip(self._generators, states, strict=False):
                generator.set_state(state)
            if self.borrows:
                set_random_states(states, self.device)

    def _own_states(self) -> list[Tensor]:
        return [generator.get_state() for generator in self._generators]

    def borrow(self) -> None:
        """Let the generators of the process give the numbers of this fit; ALONE is held."""
        if self.borrows:
            return
        if Draws._borrower is not None:
            Draws._borrower.give_back()
        Draws._kept = random_states(self.device)
        set_random_states(self._own_states(), self.device)
        Draws._borrower = self

    def give_back(self) -> None:
        """Bring the generators of the process back, if they are borrowed; ALONE is held."""
        if self.borrows:
            states = random_states(self.device)
            Draws._borrower = None
            self.set_states(states)
            set_random_states(Draws._kept, self.device)

    @contextmanager
    def building(self) -> Iterator[None]:
        """Borrow the generators of the process for a block that is short."""
        with ALONE:
            self.borrow()
            try:
                yield
            finally:
                if self.own:
                    self.give_back()

    @contextmanager
    def _passing(self) -> Iterator[None]:
        with ALONE:
            self.borrow()
            yield


@contextmanager
def drawing_from(draws: Draws | None) -> Iterator[None]:
    """Let this thread draw from generators of a fit; None means those of the process."""
    before = _current()
    _THREAD.draws = draws
    try:
        yield
    finally:
        _THREAD.draws = before
        if draws is not None:
            with ALONE:
                draws.give_back()


def passing() -> AbstractContextManager[None]:
    """Context of a pass in which foreign code may draw, if there is any in the fit."""
    draws = _current()
    return nullcontext() if draws is None or draws.own else draws._passing()


def own_generator() -> torch.Generator | None:
    """Return the generator of the fit of this thread, for the CPU; None means torch's own."""
    # Compiled code draws from torch's own.
    if _is_compiling():
        return None
    draws = _current()
    return None if draws is None else draws.generator()


def current_draws() -> Draws | None:
    """Random numbers of the fit of this thread, if there is one."""
    return _current()


def _current() -> Draws | None:
    return getattr(_THREAD, "draws", None)


def random_states(device: torch.device) -> list[Tensor]:
    """States of the generators of the process: the CPU's, and that of a CUDA device."""
    states = [torch.get_rng_state()]
    return [*states, torch.cuda.get_rng_state(device)] if device.type == "cuda" else states


def set_random_states(states: list[Tensor], device: torch.device) -> None:
    """Bring the generators of the process into states from :func:`random_states`."""
    torch.set_rng_state(states[0])
    if device.type == "cuda" and len(states) > 1:
        torch.cuda.set_rng_state(states[1], device)
