"""Fitted attributes that a new fit does not set again."""

from __future__ import annotations

from typing import Any


def forget(estimator: Any, *names: str) -> None:
    """Remove fitted attributes, those of the names that are there."""
    for name in names:
        if name in vars(estimator):
            delattr(estimator, name)
