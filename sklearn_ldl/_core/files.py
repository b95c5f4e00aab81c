"""Files that are written as a whole, or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path


def write_whole(path: Path, parts: Iterable[bytes | memoryview]) -> None:
    """Write a file beside `path`, and let it take the place of the last one.

    Parameters
    ----------
    path : Path
        The file; its folder is made.
    parts : iterable of bytes
        Its content.

    Raises
    ------
    OSError
        If it cannot be written. Nothing is left of it, and the last file stays.
    """
    unfinished = path.with_name(f"{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(unfinished, "wb") as file:
            for part in parts:
                file.write(part)
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, path)
    finally:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)
