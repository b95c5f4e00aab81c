"""Tables of means and deviations over folds, as text."""

from __future__ import annotations

from html import escape
from typing import Any, NamedTuple

import numpy as np

from sklearn_ldl.compare.measures import heading
from sklearn_ldl.compare.ranks import average_ranks

LEGEND = (
    "Mean±deviation over the folds; ↓ lower is better, ↑ higher is better, * the best; "
    "fit: mean seconds per fold."
)

#: What stands behind numbers that are worse than the best of their column, and what it says.
_WORSE = " •"
_WORSE_LEGEND = (
    "•: worse than the best of the column (corrected resampled t-test over the folds, Holm)"
)

#: Constant predictions, which stand above the others.
BASELINE_NAMES = ("uniform", "mean", "median", "prior")

# Of LaTeX, for what its first font encoding does not have.
_COMMANDS = {
    **{sign: f"${sign}$" for sign in "<>|"},
    **{"±": r"$\pm$", "•": r"$\bullet$", "↓": r"$\downarrow$", "↑": r"$\uparrow$"},
    **{"~": r"\textasciitilde{}", "^": r"\textasciicircum{}"},
}


class Cell(NamedTuple):
    """Text of a cell, and whether it is the best of its column."""

    text: str
    best: bool = False


class TextTable(NamedTuple):
    """A table, before it has a format."""

    head: list[str]
    rows: list[list[Cell]]
    #: Rows of constant predictions, which come first.
    n_baselines: int
    #: The data set, where there are others.
    title: str = ""

    @property
    def has_marks(self) -> bool:
        """Whether some cells are marked as worse than the best."""
        return any(cell.text.endswith(_WORSE) for row in self.rows for cell in row)


def table(comparison: Any, columns: list[tuple[str, str]], level: float | None = None) -> TextTable:
    """Make a table whose columns are measures on data sets.

    Parameters
    ----------
    comparison : Comparison
        The scores.
    columns : list of pairs
        Data sets and measures.
    level : float, default=None
        Level of the tests by which cells are marked that are worse than the best of the column;
        None marks none.

    Returns
    -------
    table : TextTable
        With the seconds of fits where there is one data set, with average ranks where there are
        several. The number of folds is in parentheses where it is not that of the others.
    """
    sets = list(dict.fromkeys(dataset for dataset, _ in columns))
    names = list(dict.fromkeys(n for dataset in sets for n in comparison.estimators(dataset)))
    several = len(sets) > 1
    head, cells = [], []
    for dataset, measure in columns:
        arrow = "↓" if comparison.measures[dataset][measure] else "↑"
        head.append(f"{dataset if several else heading(measure)}{arrow}")
        worse = set() if level is None else comparison._worse(dataset, measure, level)
        cells.append(_column(comparison, dataset, measure, names, worse))
    if not several:
        head.append("fit [s]")
        seconds = [comparison.fit_seconds(sets[0], name) for name in names]
        cells.append([Cell("-" if np.isnan(s) else f"{s:.2f}") for s in seconds])
    else:
        head.append("rank")
        cells.append(_ranks(comparison, columns[0][1], names))
    rows = [[Cell(name), *row] for name, row in zip(names, zip(*cells, strict=True), strict=True)]
    n_baselines = sum(name in BASELINE_NAMES for name in names)
    n_baselines = n_baselines if n_baselines < len(names) else 0
    title = sets[0] if len(sets) < len(comparison.datasets) else ""
    return TextTable(["estimator", *head], rows, n_baselines, title)


def tables_of(
    comparison: Any, measure: str | None = None, level: float | None = None
) -> list[TextTable]:
    """Make a table of one measure on all data sets, or one of all measures for each data set.

    Data sets of which nothing was fitted before an interrupt are left out of the latter.
    """
    if measure is not None:
        sets = [name for name, measures in comparison.measures.items() if measure in measures]
        return [table(comparison, [(dataset, measure) for dataset in sets], level)]
    return [
        table(comparison, [(dataset, measure) for measure in measures], level)
        for dataset, measures in comparison.measures.items()
        if comparison.estimators(dataset)
    ]


def _ranks(comparison: Any, measure: str, names: list[str]) -> list[Cell]:
    try:
        complete, losses = comparison._losses(measure)
    except ValueError:
        return [Cell("-") for _ in names]
    ranks = dict(zip(complete, average_ranks(losses), strict=True))
    best = min(ranks.values())
    return [
        Cell(f"{ranks[name]:.2f}", bool(ranks[name] == best)) if name in ranks else Cell("-")
        for name in names
    ]


def _column(
    comparison: Any, dataset: str, measure: str, names: list[str], worse: set[str]
) -> list[Cell]:
    values = {
        name: np.array(list(comparison.values(dataset, name, measure).values())) for name in names
    }
    complete = [
        name
        for name in names
        if comparison.is_complete(dataset, name) and not np.isnan(values[name].mean())
    ]
    if not complete:
        return [Cell("nan" if len(values[name]) else "-") for name in names]
    is_loss = comparison.measures[dataset][measure]
    winner = min(values[n].mean() * (1 if is_loss else -1) for n in complete)
    winner = winner if is_loss else -winner
    # Three digits of what the best one lacks to perfection: Yeast needs five decimals, Movie three.
    gap = abs(winner) if is_loss else abs(1 - winner)
    decimals = int(np.clip(2 - np.floor(np.log10(max(gap, 1e-300))), 0 if gap >= 100 else 3, 5))
    planned = comparison.provenance.get("datasets", {}).get(dataset, {}).get("folds", 0)
    most = max(planned, *(len(found) for found in values.values()))
    cells = []
    for name in names:
        found = values[name]
        if not len(found):
            cells.append(Cell("-"))
            continue
        spread = found.std() if np.isfinite(found).all() else np.nan
        text = f"{found.mean():.{decimals}f}±{spread:.{decimals}f}"
        text += f" ({len(found)})" if len(found) < most else ""
        text += _WORSE if name in worse else ""
        best = name in complete and bool(np.isclose(found.mean(), winner, rtol=1e-12, atol=0))
        cells.append(Cell(text, best))
    return cells


def plain(table: TextTable, width: float = np.inf) -> str:
    """Plain text: baselines, a rule, the other estimators; in pieces where it is too wide."""
    # The space under the stars keeps the numbers in line, and the title above the numbers.
    columns = [
        [title, *(cell.text for cell in cells)]
        if not any("±" in cell.text for cell in cells)
        else [f"{title} ", *(cell.text + ("*" if cell.best else " ") for cell in cells)]
        for title, cells in zip(table.head, zip(*table.rows, strict=True), strict=True)
    ]
    widths = [max(map(len, column)) for column in columns]
    pieces = [[0]]
    for j in range(1, len(columns)):
        used = sum(widths[i] + 2 for i in pieces[-1])
        if len(pieces[-1]) > 1 and used + widths[j] > width:
            pieces.append([0])
        pieces[-1].append(j)
    text = "\n\n".join(
        _piece([columns[j] for j in piece], [widths[j] for j in piece], table.n_baselines)
        for piece in pieces
    )
    return f"{table.title}\n{text}" if table.title else text


def _piece(columns: list[list[str]], widths: list[int], n_baselines: int) -> str:
    lines = [
        "  ".join(
            [first.ljust(widths[0])]
            + [cell.rjust(width) for cell, width in zip(cells, widths[1:], strict=True)]
        ).rstrip()
        for first, *cells in zip(*columns, strict=True)
    ]
    rule = "-" * max(map(len, lines))
    if n_baselines:
        lines.insert(1 + n_baselines, rule)
    lines.insert(1, rule)
    return "\n".join(lines)


def markdown(table: TextTable) -> str:
    """Table in Markdown."""
    lines = [table.head, ["---", *("---:" for _ in table.head[1:])]]
    lines += [
        [f"**{cell.text}**" if cell.best else cell.text for cell in row] for row in table.rows
    ]
    escaped = [[text.replace("|", r"\|").replace("\n", " ") for text in line] for line in lines]
    text = "\n".join(f"| {' | '.join(line)} |" for line in escaped)
    if table.has_marks:
        text += f"\n\n{_WORSE_LEGEND}"
    return f"{table.title}\n\n{text}" if table.title else text


def latex(table: TextTable) -> str:
    """Table in LaTeX."""
    lines = [f"% {' '.join(table.title.split())}"] if table.title else []
    lines += [rf"\begin{{tabular}}{{l{'r' * (len(table.head) - 1)}}}", r"\toprule"]
    lines += [" & ".join(map(_latex, table.head)) + r" \\", r"\midrule"]
    for position, row in enumerate(table.rows):
        if table.n_baselines and position == table.n_baselines:
            lines.append(r"\midrule")
        texts = [_latex(cell.text) for cell in row]
        marked = [
            rf"\textbf{{{text}}}" if cell.best else text
            for text, cell in zip(texts, row, strict=True)
        ]
        lines.append(" & ".join(marked) + r" \\")
    lines += [r"\bottomrule", r"\end{tabular}"]
    return "\n".join([*lines, f"% {_latex(_WORSE_LEGEND)}"] if table.has_marks else lines)


def _latex(text: str) -> str:
    for sign in "\\&%$#_{}":
        text = text.replace(sign, rf"\{sign}" if sign != "\\" else r"\textbackslash ")
    for sign, command in _COMMANDS.items():
        text = text.replace(sign, command)
    return text


def html(table: TextTable) -> str:
    """Table for a notebook."""

    def row(kind: str, cells: list[str]) -> str:
        return f"<tr>{''.join(f'<{kind}>{cell}</{kind}>' for cell in cells)}</tr>"

    head = row("th", list(map(escape, table.head)))
    body = [
        row(
            "td",
            [f"<b>{escape(c.text)}</b>" if c.best else escape(c.text) for c in cells],
        )
        for cells in table.rows
    ]
    title = f"<caption>{escape(table.title)}</caption>" if table.title else ""
    return f"<table>{title}<thead>{head}</thead><tbody>{''.join(body)}</tbody></table>"
