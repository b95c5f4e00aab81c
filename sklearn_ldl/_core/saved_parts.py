"""What a file of a model holds besides plain values: parts in a form of their own, by name.

Who writes or reads a file says so for the time of it; what has such parts, as networks have, asks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any


class Writing:
    """A file that is being written."""

    def __init__(self) -> None:
        self.modules: set[str] = set()
        self._writers: dict[int, tuple[str, Any, Callable[[], bytes]]] = {}

    def keep(self, owner: Any, write: Callable[[], bytes]) -> str:
        """Take a part into the file, once for every owner; return its name."""
        if id(owner) not in self._writers:
            name = f"network-{len(self._writers)}.safetensors"
            self._writers[id(owner)] = name, owner, write
        return self._writers[id(owner)][0]

    def leave_out(self, module: Any) -> str:
        """Note a module that is not written; return its name."""
        name = module_name(module)
        self.modules.add(name)
        return name

    def parts(self) -> dict[str, bytes]:
        """Return all parts by name."""
        return {name: write() for name, _, write in self._writers.values()}


class Reading:
    """A file that is being read.

    Parameters
    ----------
    parts : mapping of str to bytes
        What was kept.
    module : object
        What stands for modules that were left out: one for all, or a dictionary by their names.
    device : object
        Where networks compute; None means where they are told to.
    """

    def __init__(self, parts: Mapping[str, bytes], module: Any, device: Any):
        self.parts, self.device, self._module = parts, device, module

    def module(self, name: str) -> Any:
        """Return what was given for a module; a TypeError if nothing was."""
        given = self._module
        module = given.get(name) if isinstance(given, Mapping) else given
        if module is None:
            raise TypeError(
                f"A network has a module of its own, {name}, which no file holds: give it as "
                f"load(path, module=...), or several by name, as module={{{name!r}: ...}}."
            )
        return module


WRITING: ContextVar[Writing | None] = ContextVar("writing", default=None)
READING: ContextVar[Reading | None] = ContextVar("reading", default=None)


def module_name(module: Any) -> str:
    """Return the name of a class or function, or of the class of anything else."""
    named = module if hasattr(module, "__qualname__") else type(module)
    return f"{named.__module__}.{named.__qualname__}"
