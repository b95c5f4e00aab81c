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
from _methods import DEFAULTS, FILES, KL, N_FOLDS, RIVAL, ROWS, TUNED, Cells

from sklearn_ldl.compare import Comparison
from sklearn_ldl.compare.estimators import BASELINES

FOLDER = Path(__file__).parent
AUTOMATIC = "defaults_cache/AutoLDL"
BOTH = [DEFAULTS, TUNED]
Row = dict[str, str]


class Page:
    """What is known, and the tables of it."""

    def __init__(self, cache: Path, files: list[str], command: str):
        self.files, self.command = files, command
        self.cells = {
            (data, *place): cell for data in files for place, cell in Cells(cache, data).items()
        }
        self.published = _read("published")
        versions = sorted({v for cell in self.cells.values() for v in cell["versions"]})
        self.letters = dict(zip(versions, ascii_letters, strict=False))
        #: Best row and setting of each file, in one setting and in both.
        self.best = {}
        for key, settings in {DEFAULTS: [DEFAULTS], TUNED: [TUNED], "": BOTH}.items():
            every = self.comparison(files, settings)
            self.best[key] = {data: _best(every, data) for data in files}

    def comparison(self, files: list[str], settings: list[str], **others: dict) -> Comparison:
        found = {
            (data, f"{row}, {setting}"): np.array(cell["scores"][0])[np.argsort(cell["folds"])]
            for (data, row, setting), cell in self.cells.items()
            if data in files and setting in settings and cell.full
        }
        for name, values in others.items():
            found |= {(data, name): values[data] for data in files if data in values}
        size = {"repeat": 0, "n_train": N_FOLDS - 1, "n_test": 1}
        records = [
            {"dataset": data, "estimator": name, "fold": fold, "scores": {KL: value}, **size}
            for (data, name), values in found.items()
            for fold, value in enumerate(values)
        ]
        return Comparison(records, {data: {KL: True} for data in files}, {})

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
        cell = self.cells.get((data, row, setting))
        if cell is None or not (cell["folds"] or cell.ended):
            return ""
        if cell.ended:
            return cell.get("failure", "over limit").replace("|", "/")[:40]
        mean = np.mean(cell["scores"][_methods.MEASURES.index(measure)])
        star = "*" * (self.best[setting][data] == f"{row}, {setting}" and measure == KL)
        return f"{mean:.5f}{star}" + ("" if cell.full else f" ({len(cell['folds'])}/{N_FOLDS})")

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

    def tests(self, setting: str) -> list[Row]:
        p = {}
        for data, best in self.best[setting].items():
            if best is not None:
                found = self.comparison([data], [setting]).tests(KL, against=best).dropna()
                p |= {
                    (data, name): f"{v:.3f}"
                    for name, v in found.set_index("estimator").p_holm.items()
                }
        return self.rows([setting], self.files, lambda d, r, s: p.get((d, f"{r}, {s}"), ""))

    def automatic(self) -> tuple[list[Row], str]:
        """Compare AutoLDL with the best row of each file, and say where it is behind."""
        auto, gluon = ({data: [] for data in self.files} for _ in range(2))
        for values, name in ((auto, AUTOMATIC), (gluon, "defaults_cache/AutoGluon")):
            for line in _read(name):
                values.get(line["data"], []).append(float(line["kl"]))
        rows, behind = [], []
        for data, best in self.best[""].items():
            if best is None or not auto[data]:
                continue
            every = self.comparison([data], BOTH, AutoLDL=auto)
            ours, theirs = (every.mean(data, name, KL) for name in ("AutoLDL", best))
            tests = every.tests(KL, against=best).set_index("estimator")
            row = {"data": data, "AutoLDL": f"{ours:.5f}", "best row": best, "KL": f"{theirs:.5f}"}
            row |= {"ratio": f"{ours / theirs:.4f}", "p": f"{tests.p['AutoLDL']:.3f}"}
            row["AutoLDL, first fold"] = f"{auto[data][0]:.5f}"
            row["AutoGluon, first fold"] = f"{gluon[data][0]:.5f}" if gluon[data] else ""
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
                if best := _best(every, data, [n for n in names if n.startswith(RIVAL) == theirs]):
                    place = (data, *best.rsplit(", ", 1))
                    texts = {name: self.mean(*place, measure) for name, measure in SIX.items()}
                    rows.append({"data": data, "method": best, **texts})
            for line in self.published:
                if line["data"] == data and line["kl_divergence"]:
                    texts = {name: line[name] for name in SIX}
                    rows.append({"data": data, "method": f"published: {line['method']}", **texts})
        return rows

    def modes(self) -> list[Row]:
        known = [line for line in self.published if line["zero_one"]]
        files = list(dict.fromkeys(line["data"] for line in known))
        rows = self.rows(BOTH, files, lambda *place: self.mean(*place, _methods.ZERO_ONE))
        for method in dict.fromkeys(line["method"] for line in known):
            texts = {line["data"]: line["zero_one"] for line in known if line["method"] == method}
            rows.append({"estimator": method, "setting": "published", **texts})
        return rows

    def time(self, *place: str) -> str:
        cell = self.cells.get(place)
        if cell is None or not cell["folds"]:
            return ""
        parts = "+".join(f"{n}{self.letters[v]}" for v, n in cell["versions"].items())
        return f"{parts} {np.mean(cell['cpu']):.2g} s"

    def __str__(self):
        tables = {setting: self.setting(setting) for setting in BOTH}
        tables |= {f"tests_{setting}": self.tests(setting) for setting in BOTH}
        tables["automatic"], within = self.automatic()
        tables |= {"beside": self.beside(), "modes": self.modes()}
        tables["times"] = self.rows(BOTH, self.files, self.time)
        texts = {name: _table(rows) for name, rows in tables.items()} | vars(_methods)
        texts["versions"] = "; ".join(f"{letter} {v}" for v, letter in self.letters.items())
        texts["fitted_by"] = _methods.git("log", "-1", "--format=%h", "--", f"{AUTOMATIC}.csv")
        page = (FOLDER / "methods_page.md").read_text("utf-8")
        return page.format(**texts, within=within, machine=machine(), command=self.command)


def _read(name: str) -> list[Row]:
    with (FOLDER / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _best(comparison: Comparison, data: str, among: list[str] | None = None) -> str | None:
    try:
        return comparison.best(data, KL, among=among)
    except ValueError:
        return None


def _table(rows: list[Row]) -> str:
    if not rows:
        return "Nothing yet."
    heads = list(rows[0])
    lines = [heads, *([row.get(head, "") for head in heads] for row in rows)]
    texts = [f"| {' | '.join(line)} |" for line in lines]
    return "\n".join([texts[0], "|" + "---|" * len(heads), *texts[1:]])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
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
