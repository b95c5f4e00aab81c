"""What the text of cells means: numbers, dates, or nothing."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Cells that say that there is no value.
MISSING = frozenset(
    ["", "NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "NULL", "null", "None", "NaT"]
)
_COMMA = re.compile(r"[+-]?(\d{1,3}(\.\d{3})+|\d+),\d+")
_POINT = re.compile(r"[+-]?(\d{1,3}(,\d{3})+|\d+)\.\d+")
#: Groups of three digits, as in 1,234,567.8; no number of thousands begins with a zero.
_GROUPS = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+(\.\d+)?")
#: Either a fraction or groups.
_EITHER = re.compile(r"[+-]?[1-9]\d{0,2}[.,]\d{3}")
# Of that, so many say as much as one that is a fraction for sure.
_DOUBTFUL = 0.1
_SWAPPED = str.maketrans(",.", ".,")


def is_comma_decimal(cells: Any, separator: str) -> bool:
    """Whether most of the fractions in a frame of text have a comma."""
    texts = [cell for column in cells for cell in cells[column].head(1000)]
    if separator == ",":  # where commas are not shunned, 1,234 is a large number
        texts = [text for text in texts if not _GROUPS.fullmatch(text)]
    return _n_of(_COMMA, texts) > _n_of(_POINT, texts, 1.0 if separator == "," else _DOUBTFUL)


def _n_of(fraction: re.Pattern, texts: list[str], doubtful: float = _DOUBTFUL) -> float:
    """Count fractions; less for each of those that may be groups."""
    found = [text for text in texts if fraction.fullmatch(text)]
    return sum(doubtful if _EITHER.fullmatch(text) else 1.0 for text in found)


def to_numbers(column: Any, comma_decimals: bool) -> NDArray[np.float64]:
    """Read the numbers of a column of text; NaN for cells that are none, or missing."""
    values = np.full(len(column), np.nan)
    for i, cell in enumerate(column):
        if not cell or cell[0].isalpha() or "_" in cell:  # float() takes "nan" and "1_000"
            continue
        text = cell.translate(_SWAPPED) if comma_decimals else cell
        if "," in text:
            if not _GROUPS.fullmatch(text):
                continue
            text = text.replace(",", "")
        try:
            values[i] = float(text)
        except ValueError:
            continue
    values[np.isinf(values)] = np.nan
    return values
