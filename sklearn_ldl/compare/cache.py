"""Scores of folds in a text file, one line each, from which a comparison goes on."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from os import PathLike
from pathlib import Path
from typing import Any

# Of every line.
_START = b'{"key": "'


class ScoreCache:
    """Lines of JSON, each with the key of a fit and its outcome.

    Lines are only ever added, so that results of other estimators stay, and an interrupted run
    loses at most the fold that it was in. A line that was cut off is left out. Several processes
    may add to a file at the same time.

    Parameters
    ----------
    path : path-like or None
        File, made where there is none; None keeps nothing.
    """

    def __init__(self, path: str | PathLike[str] | None):
        self._path = None if path is None else Path(path)
        self._found: dict[str, dict[str, Any]] = {}
        if self._path is not None and self._path.exists():
            self._read(self._path.read_bytes())

    def _read(self, content: bytes) -> None:
        for number, line in enumerate(content.split(b"\n"), 1):
            if not line:
                continue
            try:
                entry = json.loads(line)
                key, scores = entry.pop("key"), dict(entry["scores"])
                self._found[key] = {**entry, "scores": scores}
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                if line.startswith(_START[: len(line)]):
                    continue
                raise ValueError(
                    f"{self._path}, line {number}, is no score: delete the line, or give another "
                    "file."
                ) from error

    def has(self, key: str, measures: Iterable[str]) -> bool:
        """Whether the outcome of a fit is there, with some measures."""
        return self._found.get(key, {}).get("scores", {}).keys() >= set(measures)

    def get(self, key: str) -> dict[str, Any] | None:
        """Return the outcome of a fit, or None."""
        return self._found.get(key)

    def known(self, key: str) -> dict[str, Any]:
        """Return the outcome of a fit that is there."""
        return self._found[key]

    def add(self, key: str, outcome: dict[str, Any]) -> None:
        """Keep the outcome of a fit, at once; errors only for now, since they may be mended.

        Measures that were known besides its own stay.
        """
        known = self._found.get(key, {}).get("scores", {})
        if "scores" in outcome:
            outcome = {**outcome, "scores": {**known, **outcome["scores"]}}
        self._found[key] = outcome
        if self._path is None or "error" in outcome:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        line = json.dumps({"key": key, **outcome}).encode() + b"\n"
        with self._path.open("ab+", buffering=0) as file:
            if file.seek(0, os.SEEK_END):
                file.seek(-1, os.SEEK_END)
                if file.read(1) != b"\n":  # after a line that was cut off
                    line = b"\n" + line
            # All at once, so that lines of other processes stay whole.
            file.write(line)
