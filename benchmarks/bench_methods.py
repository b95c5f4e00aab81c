"""All estimators on all files, at defaults and tuned, and python-ldl's in the same run.

Usage: ``OMP_NUM_THREADS=1 SKLEARN_LDL_DATA=... python benchmarks/bench_methods.py [--quick]
[--files NAME ...] [--rows NAME ...] [--settings NAME ...] [--folds N] [--cache DIR]
[--cached] [--out FILE]``.
"""

from __future__ import annotations

import argparse
import csv
import os
import tempfile
from pathlib import Path
from string import ascii_letters

import numpy as np
from _common import SIX, machine
from _methods import (
    DEFAULTS,
    FILES,
    KL,
    LIMITS,
    MEASURES,
    N_CANDIDATES,
    N_FOLDS,
    N_INNER_FOLDS,
    RIVAL,
    ROWS,
    TUNED,
    ZERO_ONE,
    Cells,
    fill,
)

from sklearn_ldl.compare import Comparison
from sklearn_ldl.compare.estimators import BASELINES

FOLDER = Path(__file__).parent
TEXT = """\
# All estimators on all files

Made by `OMP_NUM_THREADS=1 python benchmarks/bench_methods.py --cached --out
doc/benchmarks/methods.md` from `benchmarks/methods_cache`, which the same command without
`--cached` fills. {machine}.

Folds are those of `KFold({n_folds}, shuffle=True, random_state=0)`. Rows are the names of
`python -m sklearn_ldl list`, LightGBM, CatBoost, and the methods of python-ldl. *Defaults* are those
of that list, and python-ldl's own, on standardised features. *Tuned* is what is best by KL divergence
in {n_inner} inner folds of the training rows, of at most {n_candidates} candidates: for every row,
python-ldl's included, scalings are among them (none, standard, quantile, min-max; trees need none).
Movie's features, almost all zero, are sparse where a row takes that. FG-Net has Gaussian
distributions of deviation 2 around the ages.

*Over limit* is a row of which a fold, its search included, took more than {limit:g} CPU seconds of
one process; a search is not tried where a fit with defaults takes so long that it would need four
times that. In parentheses is the number of folds where it is not {n_folds}; such figures take no
part in stars (the best of a file), tests and ranks.
"""
AUTOMATIC = """\
`AutoLDL(time_limit=60)`, whose clock was CPU time of one process, and the best of all rows above,
defaults or tuned, chosen in hindsight by the very figures that are shown. AutoGluon had 60 s, too,
for the first fold alone. Figures of both are those of `benchmarks/defaults_cache`, fitted by the
version that its page names.
"""
#: Name, source, file, and the six in the order of the field, or less.
PUBLISHED = """\
LDL-LRR (TKDE 2023; 10 x 5 folds) | SJAFFE | .0817 .3133 .6421 .0376 .9647 .8910
LDL-LRR (TKDE 2023; 10 x 5 folds) | emotion6 | .3109 1.6599 - .5966 .7086 .5802
LDL-LRR (TKDE 2023; 10 x 5 folds) | Movie | - - - .0982 - -
LDL-SCL (TKDE 2021) | Movie | - - - .1034 - -
LDSVR (IJCAI 2015; 10 folds) | Movie | - - - .0921 - .8436
StructRF (Information Fusion 2021; 10 folds) | Movie | .1104 .5039 .9595 .0901 .9407 .8432
DF-LDL on StructTree (Information Fusion 2021) | Natural_Scene | .2672 2.3719 6.3743 .6300 .7889 .6061
LDL forests (Information Fusion 2021; doubtful) | Yeast_alpha | .0129 .2021 .6555 .0051 .9950 .9638
"""
#: 0/1 loss, ten folds.
PUBLISHED_ZERO_ONE = {
    "published LDL4C (IJCAI 2019)": dict(
        SJAFFE=0.394, Natural_Scene=0.420, Movie=0.409, SCUT_FBP=0.465, M2B=0.481
    ),
    "published LDL-HR (IJCAI 2021)": dict(
        SJAFFE=0.389, Natural_Scene=0.415, Movie=0.411, SCUT_FBP=0.452, M2B=0.462
    ),
}


class Page:
    """Lines of the page, and what is known."""

    def __init__(self, cache: Path):
        self.lines: list[str] = []
        self.cells = {
            (data, cell["row"], cell["setting"]): cell
            for data in FILES
            for cell in Cells(cache, data).cells
        }

    def values(self, data: str, row: str, setting: str, measure: str) -> list[float]:
        """Return the values of a measure in the order of the folds; none unless all are known."""
        cell = self.cells.get((data, row, setting))
        if cell is None or cell.ended or len(cell["folds"]) < N_FOLDS:
            return []
        values = cell["scores"][MEASURES.index(measure)]
        return [values[i] for i in np.argsort(cell["folds"])]

    def comparison(self, files: list[str], settings: list[str], automatic: dict) -> Comparison:
        """Put all cells with all folds together."""
        found = {
            (data, f"{row}, {setting}"): self.values(data, row, setting, KL)
            for data, row, setting in self.cells
            if data in files and setting in settings
        }
        found |= {(data, "AutoLDL"): automatic[data] for data in files if data in automatic}
        size = {"repeat": 0, "n_train": N_FOLDS - 1, "n_test": 1}
        records = [
            {"dataset": data, "estimator": name, "fold": fold, "scores": {KL: value}, **size}
            for (data, name), values in found.items()
            for fold, value in enumerate(values)
        ]
        return Comparison(records, {data: {KL: True} for data in files}, {})

    def say(self, *lines: str) -> None:
        """Add lines, and an empty one."""
        self.lines += [*lines, ""]

    def table(self, rows: list[dict[str, str]]) -> None:
        """Add a table."""
        heads = list(rows[0])
        lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
        self.say(*lines, *("| " + " | ".join(row[h] for h in heads) + " |" for row in rows))

    def text(self, data: str, row: str, setting: str, measure: str) -> str:
        """Write the mean of a measure, or why there is none."""
        cell = self.cells.get((data, row, setting))
        if cell is None:
            return ""
        if cell.ended:
            return cell.get("failure", "over limit").replace("|", "/")[:40]
        if not (n_folds := len(cell["folds"])):
            return ""
        mean = np.mean(cell["scores"][MEASURES.index(measure)])
        return f"{mean:.5f}" + (f" ({n_folds}/{N_FOLDS})" if n_folds < N_FOLDS else "")

    def setting(self, setting: str) -> None:
        """Write the divergences of all rows in a setting, and their tests."""
        rows = [row for row in ROWS if setting == DEFAULTS or row not in BASELINES]
        every = self.comparison(FILES, [setting], {})
        best = {data: _best(every, data) for data in FILES}
        try:
            ranks = every.ranks(KL)
        except ValueError:  # no row is complete
            ranks = {}
        p = {
            (test["dataset"], test["estimator"]): test["p_holm"]
            for data in FILES
            if best[data]
            for test in self.comparison([data], [setting], {})._tests(KL, best[data])
        }
        values, tests = [], []
        for row in rows:
            name = f"{row}, {setting}"
            texts = {data: self.text(data, row, setting, KL) for data in FILES}
            stars = {d: text + "*" * (best[d] == name) for d, text in texts.items()}
            rank = {"rank": f"{ranks[name]:.1f}" if name in ranks else ""}
            values.append({"estimator": row, **stars, **rank})
            known = {d: p.get((d, name), np.nan) for d in FILES}
            tests.append(
                {"estimator": row, **{d: "" if v != v else f"{v:.3f}" for d, v in known.items()}}
            )
        self.say(f"## {setting.capitalize()}")
        self.say("KL divergence; ranks are those of the rows that are complete on all files.")
        self.table(values)
        self.say(f"### Tests, {setting}")
        self.say(
            "p-values of the corrected resampled t-test against the row with the star, over the "
            "folds of a file, with Holm's correction: what is below .05 is worse by more than "
            "chance."
        )
        self.table(tests)

    def automatic(self) -> None:
        """Compare AutoLDL with the best row of each file."""
        auto, gluon = _cached("AutoLDL"), _cached("AutoGluon")
        every = self.comparison(FILES, [DEFAULTS, TUNED], {})
        rows, beyond = [], []
        for data in FILES:
            best = _best(every, data)
            if data not in auto or not best:
                continue
            ours, theirs = np.mean(auto[data]), every.mean(data, best, KL)
            tests = self.comparison([data], [DEFAULTS, TUNED], auto)._tests(KL, best)
            p = next(test["p"] for test in tests if test["estimator"] == "AutoLDL")
            rows.append(
                {
                    "data": data,
                    "AutoLDL": f"{ours:.5f}",
                    "best row": best,
                    "its KL": f"{theirs:.5f}",
                    "ratio": f"{ours / theirs:.4f}",
                    "p": f"{p:.3f}",
                    "AutoLDL, first fold": f"{auto[data][0]:.5f}",
                    "AutoGluon, first fold": f"{gluon[data][0]:.5f}" if data in gluon else "",
                }
            )
            if ours > 1.01 * theirs:
                beyond.append(f"{data} ({100 * (ours / theirs - 1):.1f} % above {best})")
        self.say("## Automatic", "", AUTOMATIC)
        if rows:
            self.table(rows)
            within = len(rows) - len(beyond)
            tail = f" Not on {', '.join(beyond)}." if beyond else ""
            self.say(f"Within 1 % of the best row on {within} of {len(rows)} files.{tail}")

    def published(self) -> None:
        """Write all six measures of the best rows beside published figures."""
        every = self.comparison(FILES, [DEFAULTS, TUNED], {})
        rows = []
        for data in FILES:
            names = [
                name for name in every.estimators(data) if name.split(", ")[0] not in BASELINES
            ]
            for ours in (True, False):
                best = _best(every, data, [n for n in names if n.startswith(RIVAL) != ours])
                if best:
                    row, setting = best.rsplit(", ", 1)
                    texts = [self.text(data, row, setting, measure) for measure in SIX.values()]
                    rows.append(
                        {"data": data, "method": best, **dict(zip(SIX, texts, strict=True))}
                    )
            for line in PUBLISHED.splitlines():
                name, where, figures = line.split(" | ")
                if where == data:
                    texts = [figure.replace("-", "") for figure in figures.split()]
                    texts = [f"0{text}" if text.startswith(".") else text for text in texts]
                    method = {"data": data, "method": f"published: {name}"}
                    rows.append({**method, **dict(zip(SIX, texts, strict=True))})
        self.say("## Published figures beside")
        self.say("The best of each by KL divergence, of all rows but python-ldl's and of those.")
        if rows:
            self.table(rows)

    def zero_one(self) -> None:
        """Write the 0/1 loss of the label of largest degree."""
        files = list(next(iter(PUBLISHED_ZERO_ONE.values())))
        rows = []
        for row in ROWS:
            for setting in (DEFAULTS, TUNED):
                texts = {data: self.text(data, row, setting, ZERO_ONE) for data in files}
                if any(texts.values()):
                    rows.append({"estimator": row, "setting": setting, **texts})
        for name, figures in PUBLISHED_ZERO_ONE.items():
            texts = {data: f"{value:.3f}" for data, value in figures.items()}
            rows.append({"estimator": name, "setting": "published", **texts})
        self.say("## 0/1 loss")
        self.say('Of the label of largest degree (`zero_one_loss(truth="mode")`).')
        self.table(rows)

    def versions(self) -> None:
        """Write on how many folds each cell rests, by which version, and how long it took."""
        known = sorted({v for cell in self.cells.values() for v in cell["versions"]})
        letters = dict(zip(known, ascii_letters, strict=False))
        rows = []
        for row in ROWS:
            for setting in (DEFAULTS, TUNED):
                cells = {data: self.cells.get((data, row, setting)) for data in FILES}
                texts = {data: _folds(cell, letters) for data, cell in cells.items()}
                if any(texts.values()):
                    rows.append({"estimator": row, "setting": setting, **texts})
        self.say("## Folds, versions and times")
        legend = "; ".join(f"{letter} {name}" for name, letter in letters.items())
        self.say(
            "Number of folds, the version that fitted them (a commit of this package, or the "
            f"version of another), and mean CPU seconds of a fold. Versions: {legend}."
        )
        if rows:
            self.table(rows)


def _best(comparison: Comparison, data: str, among: list[str] | None = None) -> str | None:
    """Return the estimator of the lowest divergence, or None."""
    try:
        return comparison.best(data, KL, among=among)
    except ValueError:
        return None


def _folds(cell: dict | None, letters: dict[str, str]) -> str:
    if cell is None or not cell["folds"]:
        return ""
    parts = "+".join(f"{n}{letters[version]}" for version, n in cell["versions"].items())
    return f"{parts} {np.mean(cell['cpu']):.2g} s"


def _cached(row: str) -> dict[str, list[float]]:
    """File -> divergences on the folds, of what bench_defaults.py has fitted."""
    found: dict[str, list[float]] = {}
    with (FOLDER / "defaults_cache" / f"{row}.csv").open(encoding="utf-8", newline="") as file:
        for line in csv.DictReader(file):
            found.setdefault(line["data"], []).append(float(line["kl"]))
    return found


def main() -> None:
    """Fit what is not known, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    given = [DEFAULTS, TUNED]
    parser.add_argument("--files", nargs="+", choices=FILES, default=FILES)
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=list(ROWS))
    parser.add_argument("--settings", nargs="+", choices=given, default=given)
    parser.add_argument("--folds", type=int, default=N_FOLDS, help="only the first of the ten")
    parser.add_argument(
        "--cache", type=Path, default=FOLDER / "methods_cache", help="what is known"
    )
    parser.add_argument("--cached", action="store_true", help="fit nothing, only write the page")
    parser.add_argument("--quick", action="store_true", help="a file, two folds, four rows")
    parser.add_argument("--out", type=Path, help="write the page to this file")
    options = parser.parse_args()
    if options.quick:
        options.files, options.folds = FILES[:1], 2
        options.rows = ["mean", "bfgs-auto", "knn", f"{RIVAL}AA_KNN"]
        options.cache = Path(tempfile.mkdtemp())
    if not options.cached:
        fill(options.cache, options.files, options.rows, options.settings, options.folds)
    page = Page(options.cache)
    sizes = {"n_folds": N_FOLDS, "n_inner": N_INNER_FOLDS, "n_candidates": N_CANDIDATES}
    page.say(TEXT.format(machine=machine(), limit=LIMITS[-1], **sizes))
    for setting in given:
        page.setting(setting)
    page.automatic()
    page.published()
    page.zero_one()
    page.versions()
    text = "\n".join(page.lines).rstrip() + "\n"
    print(text)
    if options.out:
        options.out.write_text(text, "utf-8")


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
