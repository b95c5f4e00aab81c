"""What people said in a .csv file, as counts of votes or degrees of labels, one row per item."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sklearn_ldl._core.simplex import check_distribution
from sklearn_ldl.datasets.cell_values import to_numbers
from sklearn_ldl.datasets.csv_files import CsvFile, frames

if TYPE_CHECKING:
    from pandas import DataFrame


class Judged(NamedTuple):
    """Items with what was said about them.

    Attributes
    ----------
    file : CsvFile
        One row per item.
    table : DataFrame of shape (n_items, n_labels)
        Votes, or degrees; rows of zeros are without.
    are_votes : bool
        Which of the two.
    """

    file: CsvFile
    table: DataFrame
    are_votes: bool = True


def from_degrees(file: CsvFile, columns: Sequence[str]) -> Judged:
    """Read degrees that sum to one in every row."""
    unlabelled = np.all([file.missing(name) for name in columns], axis=0)
    degrees = np.zeros((len(unlabelled), len(columns)))
    labelled = file.only(~unlabelled)
    degrees[~unlabelled] = np.stack([labelled.numbers(name, "degree") for name in columns], axis=1)
    for row in np.flatnonzero(~unlabelled):
        try:
            degrees[[row]] = check_distribution(degrees[[row]])
        except ValueError as error:
            total = degrees[row].sum()
            raise file.error(
                f"the degrees sum to {total:g}, not to 1. Are they votes (vote_columns, "
                "--vote-columns)?",
                row,
            ) from error
    return Judged(file, _table(file, degrees, columns), are_votes=False)


def from_votes(file: CsvFile, columns: Sequence[str]) -> Judged:
    """Read counts; a missing cell is no vote."""
    counts = [file.numbers(name, "number of votes", empty=0.0) for name in columns]
    for name, votes in zip(columns, counts, strict=True):
        if not votes.any():
            file.notes.append(f"{file.place(name)} has no votes")
    return Judged(file, _table(file, np.stack(counts, axis=1), columns))


def from_raters(file: CsvFile, columns: Sequence[str]) -> Judged:
    """Count the labels that the columns of raters hold; a missing cell is no vote."""
    _tell_of_blanks(file, columns)
    given = np.stack([file.cells[name] for name in columns], axis=1)
    rows = np.repeat(np.arange(len(given)), given.shape[1])
    return Judged(file, _counted(file, rows, given.ravel(), len(given)))


def from_long(
    file: CsvFile, item: str, label: str, others: Sequence[str], rater: str | None = None
) -> Judged:
    """Count the labels of each item in a table with one row a judgment.

    Parameters
    ----------
    file : CsvFile
        The table.
    item, label : str
        Columns of the item and of what was said.
    others : sequence of str
        Columns that must not change within an item.
    rater : str, default=None
        Column of who said it; the notes tell of those who said something twice.
    """
    nobody = file.missing(item)
    if nobody.any():
        raise file.error("the item is missing.", np.argmax(nobody), item)
    codes, items = frames().factorize(file.cells[item])
    firsts = np.unique(codes, return_index=True)[1]
    for name in others:
        values = file.cells[name].to_numpy()
        changed = values != values[firsts[codes]]
        if changed.any():
            row = np.argmax(changed)
            before = firsts[codes[row]]
            raise file.error(
                f"item {items[codes[row]]!r} has {values[row]!r} here and {values[before]!r} in row"
                f" {file.cells.index[before]}; what describes an item must be the same in all of "
                "its rows. Leave out what does not (drop_columns, --drop-columns).",
                row,
                name,
            )
    if rater is not None:
        again = file.cells.duplicated([item, rater]).to_numpy() & ~file.missing(rater)
        if again.any():
            many = f"{again.sum()} judgments are" if again.sum() > 1 else "1 judgment is"
            first = "the first " if again.sum() > 1 else ""
            file.notes.append(
                f"{many} by a rater who has judged the item before, {first}in row "
                f"{file.cells.index[np.argmax(again)]}: all of them count"
            )
    _tell_of_blanks(file, [label])
    per_item = file.only(firsts)
    return Judged(per_item, _counted(per_item, codes, file.cells[label].to_numpy(), len(items)))


def _tell_of_blanks(file: CsvFile, columns: Sequence[str]) -> None:
    """Say which words are no labels, as somebody may have meant one."""
    words = sorted({word for name in columns for word in file.blanks[name]})
    if words:
        one = "is no label" if len(words) == 1 else "are no labels"
        file.notes.append(f"{', '.join(map(repr, words))} {one}: not counted")


def _counted(file: CsvFile, rows: NDArray, labels: NDArray, n_rows: int) -> DataFrame:
    """Count labels, in the order of numbers or of the alphabet."""
    given = labels != ""
    rows, labels = rows[given], labels[given]
    numbers = to_numbers(labels, file.comma_decimals)
    # 1 and 1.0 are the same label; long numbers are names, which would lose their last digits.
    if len(labels) and (np.abs(numbers) < 1e15).all():
        found, codes = np.unique(numbers, return_inverse=True)
        names = [f"{number:.15g}" for number in found]
    else:
        found, codes = np.unique(labels.astype(str), return_inverse=True)
        names = found.tolist()
        if len(names) > 2:
            listed = ", ".join(names[:10]) + (", ..." if len(names) > 10 else "")
            file.notes.append(f"labels are in the order of the alphabet: {listed}")
    if len(names) < 2:
        said = f"all of them are {names[0]!r}" if names else "there is none"
        raise file.error(f"the judgments need at least two different labels, {said}.")
    counts = np.zeros((n_rows, len(names)))
    np.add.at(counts, (rows, codes), 1)
    return _table(file, counts, names)


def _table(file: CsvFile, values: NDArray, names: Any) -> DataFrame:
    return frames().DataFrame(values, index=file.cells.index, columns=list(names))
