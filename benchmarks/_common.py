"""What the benchmark scripts share: their command line, the machine's description, data, tables."""

import argparse
import os
import platform
import re
import shlex
import sys
import time
from argparse import Namespace
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import scipy
import sklearn
from threadpoolctl import threadpool_info

from sklearn_ldl import gaussian_label_distribution
from sklearn_ldl.compare import compare, measures
from sklearn_ldl.datasets import load_ldl, make_ldl

#: Heading of a column -> name of the measure: the six of the field.
SIX = {measures.heading(measure): measure for measure in measures.SIX}
#: Headings of those that are better when high.
SIMILARITIES = [name for name, measure in SIX.items() if measure in measures.SIMILARITIES]
PAGES = Path(__file__).parents[1] / "doc" / "benchmarks"
ARTIFICIAL = "artificial"  # small, and needs no file


def processor() -> str:
    """Name of the processor, and for which one the BLAS of NumPy multiplies matrices."""
    about = Path("/proc/cpuinfo")
    found = re.search(r"^model name\s*:(.*)", about.read_text() if about.exists() else "", re.M)
    name = found[1] if found else platform.processor() or platform.machine()
    kernels = {info.get("architecture") for info in threadpool_info()} - {None}
    return " ".join([name.strip(), *(f"({kernel} kernels)" for kernel in sorted(kernels))])


def machine() -> str:
    return (
        f"{processor()}, {platform.machine()}, {os.cpu_count()} cores, OMP_NUM_THREADS="
        f"{os.environ.get('OMP_NUM_THREADS', 'not set')}, Python {platform.python_version()}, "
        f"NumPy {np.__version__}, SciPy {scipy.__version__}, scikit-learn {sklearn.__version__}"
    )


def data_folder() -> Path:
    """Folder of the real files, from the environment variable SKLEARN_LDL_DATA."""
    if folder := os.environ.get("SKLEARN_LDL_DATA"):
        return Path(folder)
    raise SystemExit("Set SKLEARN_LDL_DATA to the folder with the .mat files.")


def load(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Read a file, or make the artificial rows; FG-Net has Gaussians of deviation 2 around ages."""
    if name == ARTIFICIAL:
        return make_ldl(200, random_state=0)
    bunch = load_ldl(data_folder() / f"{name}.mat")
    X = np.ascontiguousarray(bunch.data, dtype=np.float64)
    if name == "FG-Net":
        return X, gaussian_label_distribution(bunch.age, np.arange(bunch.target.shape[1]), 2.0)
    return X, bunch.target


def compared(estimators: dict, datasets: dict, **options: Any) -> pd.DataFrame:
    """Scores of folds by `compare`, of what was asked for alone; a fold that fails is an error."""
    comparison = compare(estimators, datasets, **options)
    if failures := [f for f in comparison.failures if f["estimator"] in estimators]:
        raise RuntimeError(str(failures[0]))
    scores = comparison.scores
    return scores[scores["estimator"].isin(list(estimators))]


def best_time(repeats: int, function: Callable, *args: Any) -> tuple[float, Any]:
    """Shortest of some calls in CPU seconds, and what the last of them returned."""
    shortest, result = np.inf, None
    for _ in range(repeats):
        start = time.process_time()
        result = function(*args)
        shortest = min(shortest, time.process_time() - start)
    return shortest, result


def spread(values: pd.Series, digits: int) -> str:
    """Mean ± deviation; the mean alone where there is one value."""
    text = f"{values.mean():.{digits}f}"
    return text if len(values) == 1 else f"{text} ± {values.std(ddof=0):.{digits}f}"


class Table:
    """A Markdown table that is printed row by row, and can be written to a file."""

    def __init__(self, **columns: str):
        self.columns = columns
        self.lines: list[str] = []
        self.emit("| " + " | ".join(columns) + " |")
        self.emit("|" + "---|" * len(columns))

    def row(self, **values: Any) -> None:
        texts = ((values.get(name), spec) for name, spec in self.columns.items())
        cells = ["" if value is None else format(value, spec) for value, spec in texts]
        self.emit("| " + " | ".join(cells) + " |")

    def emit(self, line: str) -> None:
        print(line, flush=True)
        self.lines.append(line)


class Report:
    """Prints texts and tables as they come; what a page says by hand is taken from there."""

    def __init__(self, page: str = "") -> None:
        self._page = sections(page)
        self._parts: list[list[str]] = []

    def say(self, *lines: str) -> None:
        print(*lines, sep="\n", flush=True)
        self._parts.append(list(lines))

    def section(self, heading: str, about: str = "") -> None:
        """Begin a section: a heading as in the page, a computed line, and the text of the page."""
        texts = [
            text for text in (heading, about, text_by_hand(self._page.get(heading, ""))) if text
        ]
        self.say("\n\n".join(texts), "")

    def rows(self, heading: str) -> list[str]:
        """Rows of the tables in a section of the page, as they are there."""
        return re.findall(r"^\| .*", self._page.get(heading, ""), re.M)

    def table(self, **columns: str) -> Table:
        table = Table(**columns)
        self._parts.append(table.lines)
        return table

    def spreads(self, frame: pd.DataFrame, by: dict[str, str], measures: dict[str, int]) -> None:
        """Print means ± deviations of groups, with headings for `by`, and digits of `measures`."""
        table = self.table(**dict.fromkeys([*by.values(), *measures], ""))
        for key, group in frame.groupby(list(by), sort=False):
            cells = {name: spread(group[name], digits) for name, digits in measures.items()}
            table.row(**dict(zip(by.values(), key, strict=True)), **cells)

    def __str__(self):
        return "\n".join(line for lines in self._parts for line in lines) + "\n"


def sections(page: str) -> dict[str, str]:
    """Parts of a page, by the headings that they begin with."""
    parts = re.split(r"^(?=#)", page, flags=re.M)
    return {part.partition("\n")[0]: part.rstrip() + "\n" for part in parts if part.strip()}


def text_by_hand(section: str) -> str:
    """Text of a section up to the machine, or else to the first table."""
    end = re.search(r"^.*, OMP_NUM_THREADS=", section, re.M) or re.search(r"^\|", section, re.M)
    text = section[: end.start() if end else None].partition("\n")[2]
    return re.sub(r"^Made by `.*\n", "", text, flags=re.M).strip()


#: An option of benchmarks that cross-validate.
CACHE: dict[str, Any] = {"type": Path, "help": "file of scores, to go on with after an interrupt"}


def run(
    about: str, main: Callable[[Report, Namespace], None], *packages: str, **arguments: dict
) -> None:
    """Run the function of a script, which is given the report and the options.

    `packages` are told with their versions; `arguments` are further options, as for argparse.
    Sections of the file to write that the benchmark does not print stay there as they are.
    """
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--quick", action="store_true", help="some seconds, to see that it runs")
    parser.add_argument("--out", type=Path, help="also write the report to this file")
    for name, description in arguments.items():
        parser.add_argument(f"--{name.replace('_', '-')}", **description)
    options = parser.parse_args()
    if options.quick and options.out:
        parser.error("--quick shows that a benchmark runs; its figures are not to be kept.")
    script = Path(sys.argv[0])
    page = (PAGES / f"{script.stem.removeprefix('bench_')}.md").read_text("utf-8")
    threads = "OMP_NUM_THREADS=1 " if os.environ.get("OMP_NUM_THREADS") == "1" else ""
    command = shlex.join(["python", f"benchmarks/{script.name}", *sys.argv[1:]])
    report = Report(page)
    made = f"Made by `{threads}{command}`."
    if options.quick:
        made += " **Not the run that is described here, but a short one of few rows.**"
    report.section(page.partition("\n")[0], made)
    report.say(", ".join([machine(), *(f"{name} {version(name)}" for name in packages)]), "")
    main(report, options)
    if options.out:
        old = options.out.read_text("utf-8") if options.out.exists() else ""
        options.out.write_text("\n".join((sections(old) | sections(str(report))).values()), "utf-8")
