"""The cells of a .csv file, with their places as a spreadsheet shows them."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from itertools import islice
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sklearn_ldl._core.extras import import_pandas
from sklearn_ldl.datasets.cell_values import MISSING, is_comma_decimal, to_numbers

if TYPE_CHECKING:
    from pandas import DataFrame

_SEPARATORS = ",;\t|"
_N_SNIFFED = 200


def frames() -> Any:
    """Import pandas, or say how to install it."""
    return import_pandas("A .csv file", "pandas and skrub")


def letters(column: int) -> str:
    """Name of a column in a spreadsheet: A to Z, AA, AB and so on."""
    name = ""
    column += 1
    while column:
        column, letter = divmod(column - 1, 26)
        name = chr(ord("A") + letter) + name
    return name


@dataclass(frozen=True)
class CsvFile:
    """Cells of a file as text, and where they stand.

    Attributes
    ----------
    path : Path
        The file.
    cells : DataFrame of str
        Cells without blanks around them, "" for those that are missing. The index has the numbers
        of the rows in a spreadsheet, whose first row is the header.
    letters : dict
        Name of a column -> its letters in a spreadsheet.
    comma_decimals : bool
        Whether numbers have a comma before their fraction.
    notes : list of str
        What was decided on the way.
    blanks : dict
        Name of a column -> words in it that were taken to say that there is no value.
    """

    path: Path
    cells: DataFrame
    letters: dict[str, str]
    comma_decimals: bool
    notes: list[str]
    blanks: dict[str, list[str]]

    def only(self, rows: Any) -> CsvFile:
        """Return the same file with some of the rows: a mask, or positions."""
        return replace(self, cells=self.cells.iloc[rows])

    def place(self, name: str) -> str:
        """Say where a column stands."""
        return f"column {self.letters[name]} ({name})"

    def error(self, message: str, row: Any = None, column: str | None = None) -> ValueError:
        """Make an error that names file, row and column; rows by their position."""
        where = [str(self.path)]
        if row is not None:
            where.append(f"row {self.cells.index[row]}")
        if column is not None:
            where.append(self.place(column))
        return ValueError(f"{', '.join(where)}: {message}")

    def require(self, names: Sequence[str]) -> None:
        """Raise a ValueError that shows near names where the file lacks a column."""
        for name in names:
            if name not in self.letters:
                near = get_close_matches(name, self.letters, cutoff=0.5)
                hint = f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
                raise ValueError(
                    f"{self.path} has no column {name!r}.{hint} Its columns are "
                    f"{', '.join(self.letters)}."
                )

    def missing(self, name: str) -> NDArray[np.bool_]:
        """Say which cells of a column are missing."""
        return (self.cells[name] == "").to_numpy()

    def numbers(self, name: str, what: str, empty: float | None = None) -> NDArray[np.float64]:
        """Numbers of a column, all of them finite and at least 0.

        Parameters
        ----------
        name : str
            The column.
        what : str
            What its cells are, for errors.
        empty : float, default=None
            What a missing cell stands for; None refuses it.
        """
        values = to_numbers(self.cells[name], self.comma_decimals)
        missing = self.missing(name)
        if empty is None and missing.any():
            raise self.error(f"the {what} is missing.", np.argmax(missing), name)
        bad = ~missing & ~(np.isfinite(values) & (values >= 0))
        if bad.any():
            row = np.argmax(bad)
            text = self.cells[name].iloc[row]
            raise self.error(f"{text!r} is no {what}, a number of at least 0.", row, name)
        return np.where(missing, empty or 0.0, values) if empty is not None else values


def read_cells(path: str | PathLike[str]) -> CsvFile:
    """Read a .csv file, whatever its separator, its decimal point and its encoding.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ImportError
        If pandas is not installed.
    ValueError
        If it is no text, has no rows, rows of several lengths, or two columns of the same name.
    """
    pd = frames()
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"No such file: {path}")
    notes: list[str] = []
    text = _decoded(path, notes)
    separator, text_start = _separator(text)
    records: list[list[str]] = []
    try:
        records.extend(_reader(text, separator))
    except csv.Error as error:
        row = len(records) + 1
        raise ValueError(f"{path}, row {row}: {error}; is a quotation mark not closed?") from error
    numbered = [
        (row, [cell.strip() for cell in record])
        for row, record in enumerate(records, start=1)
        if row > text_start and any(map(str.strip, record))
    ]
    if len(numbered) < 2:
        raise ValueError(f"{path} has no rows below its header.")
    header, rows = numbered[0][1], numbered[1:]
    for row, record in rows:
        if len(record) < len(header) or any(record[len(header) :]):
            raise ValueError(
                f"{path}, row {row}: {len(record)} cells, but the header has {len(header)} "
                f"(separated by {separator!r}). A cell with the separator or a line break in it "
                "needs quotation marks around it, which must be closed."
            )
    blanks = [
        sorted({record[j] for _, record in rows} & MISSING - {""}) for j in range(len(header))
    ]
    cells = pd.DataFrame(
        [["" if cell in MISSING else cell for cell in record[: len(header)]] for _, record in rows],
        index=pd.Index([row for row, _ in rows], name="row"),
        dtype=object,
    )
    names = _names(path, header, cells, notes)
    cells = cells[list(names)].set_axis(list(names.values()), axis=1)
    return CsvFile(
        path,
        cells,
        {name: letters(j) for j, name in names.items()},
        is_comma_decimal(cells, separator),
        notes,
        {name: blanks[j] for j, name in names.items()},
    )


def _decoded(path: Path, notes: list[str]) -> str:
    content = path.read_bytes()
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", errors="replace")
    if b"\0" in content:
        raise ValueError(
            f"{path} is no text; in a spreadsheet, save the table as 'CSV UTF-8' and read that."
        )
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = content.count(b"\n", 0, error.start) + 1
        notes.append(
            f"line {row} is not UTF-8: the file is read as Latin-1. Where letters look wrong, save "
            "it as UTF-8."
        )
    try:
        return content.decode("cp1252")  # Latin-1 of Windows, with quotation marks and the euro
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _reader(text: str, separator: str) -> Any:
    # Blanks before a quotation mark are not part of the cell.
    return csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True)


def _separator(text: str) -> tuple[str, int]:
    """Find what separates cells, and how many rows stand before the header."""
    first = text.partition("\n")[0].strip(" \r")
    if first.lower().startswith("sep=") and len(first) == 5:  # written by spreadsheets
        return first[-1], 1

    def regularity(separator: str) -> tuple[float, int]:
        try:
            some = islice(_reader(text, separator), _N_SNIFFED)
            lengths = [len(record) for record in some if any(record)]
        except csv.Error:
            return 0, 0
        if not lengths or lengths[0] < 2:
            return 0, 0
        return lengths.count(lengths[0]) / len(lengths), lengths[0]

    return max(_SEPARATORS, key=regularity), 0


def _names(path: Path, header: list[str], cells: DataFrame, notes: list[str]) -> dict[int, str]:
    """Position -> name of the columns that stay."""
    names: dict[int, str] = {}
    for j, name in enumerate(header):
        column = cells[j]
        if not name and (column == "").all():
            continue
        if (not name or name.startswith("Unnamed: ")) and column.is_unique:
            notes.append(f"column {letters(j)} has no name and numbers the rows: left out")
            continue
        names[j] = name or f"column {letters(j)}"
    known = list(names.values())
    for name in known:
        if known.count(name) > 1:
            places = " and ".join(letters(j) for j in names if names[j] == name)
            raise ValueError(f"{path}: columns {places} are both called {name!r}: rename one.")
    return names
