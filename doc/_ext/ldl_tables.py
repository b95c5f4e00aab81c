"""Committed benchmark tables as data frames: what the pages of results draw and quote."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pandas as pd

FOLDER = Path(__file__).parents[1] / "benchmarks"
NUMBER = r"[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?"
#: A number with what surrounds it: a bound, per cent, a deviation, the star of the best, a remark.
CELL = re.compile(
    rf"(?P<bound>[<>]?)(?P<value>{NUMBER})%?(?: ± (?P<deviation>{NUMBER}))?"
    r"\*?(?P<remark>(?: !)?(?: \([^()]*\))?)\*?"
)
#: What stands in the place of a number.
MISSING = re.compile(r"|NaN|over (limit|\d+ s)|\w+Error: .*")


@cache
def read_text(name: str) -> str:
    """Return the whole output of a benchmark."""
    return (FOLDER / f"{name}.md").read_text(encoding="utf-8")


def read_tables(name: str) -> dict[str, list[pd.DataFrame]]:
    """Return the tables of a benchmark, in order, by the heading above them.

    Columns of numbers are floats, NaN where a cell holds none. Deviations, where there are some,
    are in a column of their own, "MAE ±" next to "MAE"; so are remarks such as ">" or "(7/10)",
    in "MAE remark".
    """
    tables: dict[str, list[pd.DataFrame]] = {}
    heading, lines = "", []
    for line in [*read_text(name).splitlines(), ""]:
        if line.startswith("|"):
            lines.append([cell.strip() for cell in line.strip("|").split("|")])
        elif lines:
            tables.setdefault(heading, []).append(_frame(*lines))
            lines = []
        if line.startswith("#"):
            heading = line.lstrip("# ")
    return tables


def _frame(names: list[str], _rule: list[str], *rows: list[str]) -> pd.DataFrame:
    columns: dict[str, list] = {}
    for name, cells in zip(names, zip(*rows, strict=True), strict=True):
        cells = [cell.strip("*") if cell.startswith("**") else cell for cell in cells]
        numbers = [CELL.fullmatch(cell) for cell in cells]
        if any(numbers) and all(
            number or MISSING.fullmatch(cell) for number, cell in zip(numbers, cells, strict=True)
        ):
            columns[name] = [float(n["value"]) if n else float("nan") for n in numbers]
            deviations = [float(n["deviation"] or "nan") if n else float("nan") for n in numbers]
            remarks = [(n["bound"] + n["remark"]).strip() if n else "" for n in numbers]
            if any(n and n["deviation"] for n in numbers):
                columns[f"{name} ±"] = deviations
            if any(remarks):
                columns[f"{name} remark"] = remarks
        else:
            columns[name] = cells
    return pd.DataFrame(columns)


def find(name: str, *where: str) -> float:
    """Return the one number in the column that is named last and in rows that have the other cells.

    A heading may be given as well, to choose among its tables.

    >>> find("ages", "one factor", "RidgeCV", "MAE") > 0
    True
    """
    *cells, column = where
    found = []
    for heading, tables in read_tables(name).items():
        wanted = [cell for cell in cells if cell != heading]
        for frame in tables:
            if column in frame:
                rows = frame.map(_text)
                keep = [all(cell in row for cell in wanted) for row in rows.to_numpy().tolist()]
                found += frame.loc[keep, column].tolist()
        if len(wanted) < len(cells):
            break
    if len(found) != 1:
        raise LookupError(f"{len(found)} cells of {name} are at {' | '.join(where)}")
    return found[0]


def _text(cell: str | float) -> str:
    return cell if isinstance(cell, str) else f"{cell:.15g}"
