"""A process that makes calls under a limit of CPU time."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any


class OverLimit(Exception):
    """A call needed more CPU time than it was given."""


class Worker:
    """Makes calls in another process, which stays alive between them, imports included.

    The kernel ends the process when a call has used up its CPU time: that of other processes does
    not count, and compiled code that never returns to Python is no exception.
    """

    def __init__(self) -> None:
        self._process: multiprocessing.Process | None = None

    def call(self, limit: float, function: Callable, *args: Any) -> Any:
        """Return what the function returns; raise what it raises, or OverLimit (in seconds)."""
        if self._process is None:
            self._pipe, theirs = multiprocessing.Pipe()
            self._process = multiprocessing.Process(
                target=_serve, args=(theirs, self._pipe), daemon=True
            )
            self._process.start()
            theirs.close()
        self._pipe.send((limit, function, args))
        try:
            result, error = self._pipe.recv()
        except EOFError:
            self._process.join()
            code, self._process = self._process.exitcode, None
            if code == -signal.SIGPROF:
                raise OverLimit(f"over {limit:g} s") from None
            raise RuntimeError(f"the process ended with exit code {code}") from None
        if error is not None:
            raise error
        return result


def _serve(pipe: Connection, other: Connection) -> None:
    other.close()  # or the end of a parent that is killed would not be seen
    while True:
        try:
            limit, function, args = pipe.recv()
        except EOFError:
            return
        signal.setitimer(signal.ITIMER_PROF, limit)  # its signal ends the process
        try:
            answer = function(*args), None
        except Exception as error:
            answer = None, RuntimeError(f"{type(error).__name__}: {error}")
        signal.setitimer(signal.ITIMER_PROF, 0)
        pipe.send(answer)
