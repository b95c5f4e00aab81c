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
_POINT = re.compile(r"[+-]?\d+\.\d+")
#: Groups of three digits, as in 1,234,567.8.
_GROUPS = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?")
_SWAPPED = str.maketrans(",.", ".,")


def is_comma_decimal(cells: Any, separator: str) -> bool:
    """Whether most of the fractions in a frame of text have a comma."""
    texts = [cell for column in cells for cell in cells[column].head(1000)]
    if separator == ",":  # where commas are not shunned, 1,234 is a large number
        texts = [text for text in texts if not _GROUPS.fullmatch(text)]
    commas = sum(_COMMA.fullmatch(text) is not None for text in texts)
    return commas > sum(_POINT.fullmatch(text) is not None for text in texts)


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
