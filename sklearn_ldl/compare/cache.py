"""Scores of folds in a text file, one line each, from which a comparison goes on."""

from __future__ import annotations

import json
import os
from os import PathLike
from pathlib import Path
from typing import Any


class ScoreCache:
    """Lines of JSON, each with the key of a fit and its outcome.

    Lines are only ever added, so that results of other estimators stay, and an interrupted run
    loses at most the fold that it was in. A last line that was cut off is left out.

    Parameters
    ----------
    path : path-like or None
        File, made where there is none; None keeps nothing.
    """

    def __init__(self, path: str | PathLike[str] | None):
        self._path = None if path is None else Path(path)
        self._found: dict[str, dict[str, Any]] = {}
        # A last line that was cut off goes when the next one is added.
        self._n_bytes: int | None = None
        if self._path is not None and self._path.exists():
            self._read(self._path.read_bytes())

    def _read(self, content: bytes) -> None:
        *lines, last = content.split(b"\n")
        for number, line in enumerate(lines, 1):
            try:
                entry = json.loads(line)
                self._found[entry.pop("key")] = entry
            except (ValueError, KeyError, AttributeError) as error:
                raise ValueError(
                    f"{self._path}, line {number}, is no score: delete the line, or give another "
                    "file."
                ) from error
        if last:
            self._n_bytes = len(content) - len(last)

    def get(self, key: str) -> dict[str, Any] | None:
        """Return the outcome of a fit, or None."""
        return self._found.get(key)

    def known(self, key: str) -> dict[str, Any]:
        """Return the outcome of a fit that is there."""
        return self._found[key]

    def add(self, key: str, outcome: dict[str, Any]) -> None:
        """Keep the outcome of a fit, at once; errors only for now, since they may be mended."""
        self._found[key] = outcome
        if self._path is None or "error" in outcome:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        if self._n_bytes is not None:
            os.truncate(self._path, self._n_bytes)
            self._n_bytes = None
        with self._path.open("a", encoding="utf-8", newline="") as file:
            file.write(json.dumps({"key": key, **outcome}) + "\n")
