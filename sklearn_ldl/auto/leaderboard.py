"""The table of what was tried."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sklearn_ldl._core.plain_state import PlainState

_COLUMNS = ("candidate", "scaling", "score", "weight", "seconds", "note")


class Leaderboard(PlainState, list):
    """Rows of a table, dictionaries with the same keys, best first; printing shows the table.

    ``pandas.DataFrame(leaderboard)`` makes a frame of it.

    Parameters
    ----------
    rows : iterable of dict
        Candidates; a score of None means that it has none, and the note says why.
    """

    def __init__(self, rows: Iterable[dict[str, Any]] = ()):
        rows = [{name: row.get(name) for name in _COLUMNS} for row in rows]
        super().__init__(sorted(rows, key=_rank))

    def __str__(self) -> str:
        cells = [_COLUMNS, *([_cell(row[name]) for name in _COLUMNS] for row in self)]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        return "\n".join(
            "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip()
            for line in cells
        )


def _rank(row: dict[str, Any]) -> tuple[bool, float]:
    return row["score"] is None, -(row["score"] or 0.0)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
