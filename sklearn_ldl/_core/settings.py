"""Named settings: read-only tables of keyword arguments that carry their documentation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from inspect import cleandoc
from typing import Any


class Settings(Mapping[str, dict[str, Any]]):
    """Keyword arguments by name, each set of them a fresh dictionary.

    Parameters
    ----------
    doc : str
        What ``help`` and the API reference say about the table.
    table : dict of str to dict
        The keyword arguments.

    Examples
    --------
    >>> from sklearn_ldl._core.settings import Settings
    >>> RATES = Settings("Rates of learning.", {"slow": {"lr": 0.01}, "fast": {"lr": 1.0}})
    >>> {**RATES["slow"], "max_epochs": 5}
    {'lr': 0.01, 'max_epochs': 5}
    >>> RATES
    Settings('slow', 'fast')
    """

    def __init__(self, doc: str, table: Mapping[str, dict[str, Any]]):
        self.__doc__ = cleandoc(doc) + "\n"
        self._table = table

    def __getitem__(self, name: str) -> dict[str, Any]:
        return dict(self._table[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._table)

    def __len__(self) -> int:
        return len(self._table)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(repr, self))})"
