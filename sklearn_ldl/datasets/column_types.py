"""Columns of a .csv file as numbers, dates, categories and free text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from sklearn_ldl._core.extras import MissingExtraError
from sklearn_ldl.datasets.cell_values import to_numbers
from sklearn_ldl.datasets.csv_files import CsvFile, frames

if TYPE_CHECKING:
    from pandas import DataFrame

#: A column is what this share of its cells is; the others count as missing.
_MOSTLY = 0.9
#: Text with this share of different cells names the rows, or is free.
_UNIQUE = 0.95
#: Fewer rows do not tell what is an identifier.
_FEW_ROWS = 10
#: Text of as many different cells is no category: as skrub's TableVectorizer has it.
_N_CATEGORIES = 40
_DOTTED = r"\d{1,2}\.\d{1,2}\.\d{4}"
#: Neither of the first two numbers can only be a day.
_EITHER = r"(0?[1-9]|1[0-2])[/-](0?[1-9]|1[0-2])[/-]\d{4}.*"
_ID = re.compile(r"(.*[\W_])?(id|ID|Id|uuid|UUID)|.*[a-z]I[dD]")


def typed(file: CsvFile, names: Sequence[str]) -> DataFrame:
    """Turn columns into numbers, dates, categories and text; leave out those that are empty or ids.

    Parameters
    ----------
    file : CsvFile
        The file, whose notes say what is left out.
    names : sequence of str
        The columns.
    """
    columns = {name: found for name in names if (found := _column(file, name)) is not None}
    return frames().DataFrame(columns, index=file.cells.index)


def _column(file: CsvFile, name: str) -> Any:
    """Column as what it holds, None for one that is left out."""
    pd = frames()
    cells, place = file.cells[name], file.place(name)
    known = cells[cells != ""]
    if known.empty:
        file.notes.append(f"{place} is empty: left out")
        return None
    n_known, n_unique = len(known), known.nunique()
    numbers = to_numbers(cells, file.comma_decimals)
    if np.isfinite(numbers).sum() >= _MOSTLY * n_known:
        is_id = _ID.fullmatch(name) and n_unique == len(cells) >= _FEW_ROWS
        if is_id and (numbers % 1 == 0).all():
            file.notes.append(f"{place} is an identifier, each row has its own number: left out")
            return None
        _tell_of_others(file, name, np.isnan(numbers), "number")
        return numbers
    dates = _dates(file, name, known)
    if dates is not None:
        dates = dates.reindex(cells.index)
        _tell_of_others(file, name, dates.isna().to_numpy(), "date")
        return dates
    values = cells.where(cells != "", None)
    if n_known >= _FEW_ROWS and n_unique >= _UNIQUE * n_known:
        if known.str.split().str.len().median() < 2:
            file.notes.append(f"{place} is an identifier, each row has its own text: left out")
            return None
    elif n_unique < _N_CATEGORIES:
        return pd.Series(pd.Categorical(values), index=cells.index)
    return pd.Series(values.tolist(), index=cells.index)


def _dates(file: CsvFile, name: str, known: Any) -> Any:
    """Read most cells as dates, or none."""
    try:
        import skrub
    except ImportError as error:
        raise MissingExtraError("A .csv file with text", "skrub", "tables") from error
    dated = known[known.str.contains(r"\d")]
    if len(dated) < _MOSTLY * len(known):
        return None
    texts = frames().Series(dated.tolist(), index=dated.index, name="dates")
    day_first = texts.str.fullmatch(_DOTTED).all()
    found = skrub.to_datetime(texts, format="%d.%m.%Y" if day_first else None)
    is_date = getattr(found.dtype, "kind", "O") == "M"
    if not is_date or found.notna().sum() < _MOSTLY * len(known):
        return None
    if texts.str.fullmatch(_EITHER).all():
        file.notes.append(f"{file.place(name)}: months are taken to come before days")
    return found


def _tell_of_others(file: CsvFile, name: str, unread: Any, what: str) -> None:
    others = unread & ~file.missing(name)
    if others.any():
        row = int(np.argmax(others))
        first = file.cells[name].iloc[row]
        many = f"{others.sum()} cells are" if others.sum() > 1 else "1 cell is"
        file.notes.append(
            f"{file.place(name)}: {many} no {what}, and missing: {first!r} in row "
            f"{file.cells.index[row]}" + (" is the first" if others.sum() > 1 else "")
        )
