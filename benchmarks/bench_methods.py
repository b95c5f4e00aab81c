"""All estimators on all files, at defaults and tuned, and python-ldl's in the same run."""

from __future__ import annotations

import argparse
import csv
import shlex
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from string import ascii_letters

import _methods
import numpy as np
from _common import SIX, machine
from _methods import DEFAULTS, FILES, KL, N_FOLDS, RIVAL, ROWS, TUNED, Cell, Cells

from sklearn_ldl.compare import Comparison
from sklearn_ldl.compare.estimators import BASELINES

FOLDER = Path(__file__).parent
AUTO = "AutoLDL"
BOTH = [DEFAULTS, TUNED]
#: Of published 0/1 losses.
MODES_FILES = ["SJAFFE", "Natural_Scene", "Movie", "SCUT_FBP", "M2B"]
LEVEL = 0.05
Row = dict[str, str]


class Page:
    """What is known, and the tables of it."""

    def __init__(self, cache: Path, files: list[str], command: str):
        self.files, self.command = files, command
        self.cells = {
            (data, *place): cell for data in files for place, cell in Cells(cache, data).items()
        }
        versions = sorted({v for cell in self.cells.values() for v in cell["versions"]})
        self.letters = dict(zip(versions, ascii_letters, strict=False))
        #: Best row and setting of each file, in one setting and in both.
        self.best = {setting: self.best_rows([setting]) for setting in BOTH}
        self.best[AUTO] = self.best_rows(BOTH)
        self.worse = {
            (data, name)
            for setting in BOTH
            for data, best in self.best[setting].items()
            for name, p in self.p_values([data], [setting], best).items()
            if p < LEVEL
        }

    def comparison(self, files: list[str], settings: list[str]) -> Comparison:
        found = {
            (data, f"{row}, {setting}"): np.array(cell["scores"][0])[np.argsort(cell["folds"])]
            for (data, row, setting), cell in self.cells.items()
            if data in files and setting in settings and cell.full
        }
        size = {"repeat": 0, "n_train": N_FOLDS - 1, "n_test": 1}
        records = [
            {"dataset": data, "estimator": name, "fold": fold, "scores": {KL: value}, **size}
            for (data, name), values in found.items()
            for fold, value in enumerate(values)
        ]
        return Comparison(records, {data: {KL: True} for data in files}, {})

    def best_rows(self, settings: list[str]) -> Row:
        every = self.comparison(self.files, settings)
        return {data: every.best(data, KL) for data in self.files if every.estimators(data)}

    def p_values(self, files: list[str], settings: list[str], against: str) -> dict[str, float]:
        tests = self.comparison(files, settings).tests(KL, against=against)
        return tests.set_index("estimator")["p_holm"].to_dict()

    def rows(
        self, settings: list[str], files: list[str], text: Callable[[str, str, str], str]
    ) -> list[Row]:
        """Rows of a table with a column for each file, by the text of file, row and setting."""
        found = [
            {"estimator": row, "setting": setting, **{d: text(d, row, setting) for d in files}}
            for row in ROWS
            for setting in settings
        ]
        return [row for row in found if any(list(row.values())[2:])]

    def mean(self, data: str, row: str, setting: str, measure: str = KL) -> str:
        cell, name = self.cells.get((data, row, setting)), f"{row}, {setting}"
        if cell is None or not (cell["folds"] or cell.ended):
            return ""
        if cell.ended:
            return cell.get("failure", "over limit").replace("|", "/")[:40]
        text = f"{np.mean(cell['scores'][_methods.MEASURES.index(measure)]):.5f}"
        if not cell.full:
            return f"{text} ({len(cell['folds'])}/{N_FOLDS})"
        if measure != KL:
            return text
        worse = " !" if (data, name) in self.worse else ""
        return text + ("*" if self.best[setting][data] == name else worse)

    def setting(self, setting: str) -> list[Row]:
        try:
            ranks = self.comparison(self.files, [setting]).ranks(KL)
        except ValueError:  # no row is complete
            ranks = {}
        found = self.rows([setting], self.files, self.mean)
        for row in found:
            name = f"{row['estimator']}, {setting}"
            row["rank"] = f"{ranks[name]:.1f}" if name in ranks else ""
        return found

    def automatic(self) -> tuple[list[Row], str]:
        """Compare AutoLDL with the best row of each file, and say where it is behind."""
        rows, behind, name = [], [], f"{AUTO}, {AUTO}"
        auto, gluon = _fitted(AUTO), _fitted("AutoGluon")
        for data, best in self.best[AUTO].items():
            if data not in auto:
                continue
            folds = range(len(auto[data]))
            self.cells[data, AUTO, AUTO] = Cell(scores=[auto[data]], folds=[*folds], versions={})
            every = self.comparison([data], [*BOTH, AUTO])
            ours, theirs = (every.mean(data, n, KL) for n in (name, best))
            p = self.p_values([data], [*BOTH, AUTO], best)[name]
            row = {"data": data, AUTO: f"{ours:.5f}", "best row": best, "its KL": f"{theirs:.5f}"}
            row |= {"ratio": f"{ours / theirs:.4f}", "p": f"{p:.3f}"}
            row["AutoLDL, first fold"] = f"{auto[data][0]:.5f}"
            row["AutoGluon, first fold"] = f"{gluon[data][0]:.5f}" if data in gluon else ""
            rows.append(row)
            if ours > 1.01 * theirs:
                behind.append(f"{data} ({100 * (ours / theirs - 1):.1f} % above {best})")
        text = f"Within 1 % of the best row on {len(rows) - len(behind)} of {len(rows)} files."
        return rows, f"{text} Not on {', '.join(behind)}." if behind else text

    def beside(self) -> list[Row]:
        every, rows = self.comparison(self.files, BOTH), []
        for data in self.files:
            names = [n for n in every.estimators(data) if n.split(", ")[0] not in BASELINES]
            for theirs in (False, True):
                if among := [name for name in names if name.startswith(RIVAL) == theirs]:
                    best = every.best(data, KL, among=among)
                    place = (data, *best.rsplit(", ", 1))
                    texts = {name: self.mean(*place, measure)[:7] for name, measure in SIX.items()}
                    rows.append({"data": data, "method": best, **texts})
        return rows

    def mode(self, *place: str) -> str:
        return self.mean(*place, _methods.ZERO_ONE)

    def time(self, *place: str) -> str:
        cell = self.cells.get(place)
        if cell is None or not cell["folds"]:
            return ""
        parts = "+".join(f"{n}{self.letters[v]}" for v, n in cell["versions"].items())
        return f"{parts} {np.mean(cell['cpu']):.2g} s"

    def __str__(self):
        automatic, within = self.automatic()
        texts = {
            **{setting: _table(self.setting(setting)) for setting in BOTH},
            "automatic": _table(automatic),
            "beside": _table(self.beside(), "data", "method", *SIX),
            "modes": _table(
                self.rows(BOTH, MODES_FILES, self.mode), "estimator", "setting", *MODES_FILES
            ),
            "times": _table(self.rows(BOTH, self.files, self.time)),
            "versions": "; ".join(f"{letter} {v}" for v, letter in self.letters.items()),
            "fitted_by": _methods.git(
                "log", "-1", "--format=%h", "--", f"defaults_cache/{AUTO}.csv"
            ),
        }
        page = (FOLDER / "methods_page.md").read_text("utf-8")
        known = {**vars(_methods), **texts, **vars(self)}
        return page.format(**known, within=within, machine=machine())


def _fitted(row: str) -> dict[str, list[float]]:
    """File -> divergences on the folds, of what bench_defaults.py has fitted."""
    found: dict[str, list[float]] = {}
    with (FOLDER / "defaults_cache" / f"{row}.csv").open(encoding="utf-8", newline="") as file:
        for line in csv.DictReader(file):
            found.setdefault(line["data"], []).append(float(line["kl"]))
    return found


def _table(rows: list[Row], *heads: str) -> str:
    heads = heads or tuple(rows[0] if rows else ())
    lines = [heads, *([row[head] for head in heads] for row in rows)]
    texts = [f"| {' | '.join(line)} |" for line in lines]
    return "\n".join([texts[0], "|" + "---|" * len(heads), *texts[1:]]) if heads else "None yet."


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--files", nargs="+", choices=FILES, default=FILES)
    add("--rows", nargs="+", choices=ROWS, default=list(ROWS))
    add("--settings", nargs="+", choices=BOTH, default=BOTH)
    add("--folds", type=int, default=N_FOLDS, help="only the first of the ten")
    add("--cache", type=Path, default=FOLDER / "methods_cache", help="folder of what is known")
    add("--cached", action="store_true", help="fit nothing, only write the page")
    add("--quick", action="store_true", help="artificial data, two folds, three rows")
    add("--out", type=Path, help="write the page to this file")
    options = parser.parse_args()
    if options.quick and options.out:
        parser.error("--quick shows that a benchmark runs; its figures are not to be kept.")
    if options.quick:
        options.files, options.folds = [_methods.ARTIFICIAL], 2
        options.rows, options.cache = ["mean", "bfgs-auto", "knn"], Path(tempfile.mkdtemp())
    if not options.cached:
        _methods.fill(options.cache, options.files, options.rows, options.settings, options.folds)
    command = shlex.join(["python", "benchmarks/bench_methods.py", *sys.argv[1:]])
    text = str(Page(options.cache, options.files, command))
    print(text)
    if options.out:
        options.out.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
