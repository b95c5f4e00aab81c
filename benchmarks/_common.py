"""What the benchmark scripts share: the machine's description, data, timing and tables."""

from __future__ import annotations

import os
import platform
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import scipy
import sklearn
from scipy.special import softmax
from threadpoolctl import threadpool_info

from sklearn_ldl import gaussian_label_distribution
from sklearn_ldl.compare import measures
from sklearn_ldl.datasets import load_ldl

#: Heading of a column -> name of the measure: the six of the field.
SIX = {measures.heading(measure): measure for measure in measures.SIX}
#: Headings of those that are better when high.
SIMILARITIES = [name for name, measure in SIX.items() if measure in measures.SIMILARITIES]


def processor() -> str:
    """Name of the processor, and for which one the BLAS of NumPy multiplies matrices."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        name = next(line.partition(":")[2] for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        name = platform.processor() or platform.machine()
    kernels = {info.get("architecture") for info in threadpool_info()} - {None}
    return " ".join([name.strip(), *(f"({kernel} kernels)" for kernel in sorted(kernels))])


def machine() -> str:
    """Say on what the figures were measured."""
    return (
        f"{processor()}, {platform.machine()}, {os.cpu_count()} cores, OMP_NUM_THREADS="
        f"{os.environ.get('OMP_NUM_THREADS', 'not set')}, Python {platform.python_version()}, "
        f"NumPy {np.__version__}, SciPy {scipy.__version__}, scikit-learn {sklearn.__version__}"
    )


def data_folder() -> Path:
    """Folder of the real files, from the environment variable SKLEARN_LDL_DATA."""
    folder = os.environ.get("SKLEARN_LDL_DATA")
    if not folder:
        raise SystemExit("Set SKLEARN_LDL_DATA to the folder with the .mat files.")
    return Path(folder)


def load(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Read a real file, or make the synthetic set; features in float64.

    "FG-Net" gives Gaussian distributions of deviation 2 around the ages, over its 70 labels.
    """
    if name == "synthetic":
        return synthetic()
    bunch = load_ldl(data_folder() / f"{name}.mat")
    X = np.ascontiguousarray(bunch.data, dtype=np.float64)
    if name == "FG-Net":
        return X, gaussian_label_distribution(bunch.age, np.arange(bunch.target.shape[1]), 2.0)
    return X, bunch.target


def synthetic(n: int = 100_000, p: int = 200, n_labels: int = 10) -> tuple[np.ndarray, np.ndarray]:
    """Ten votes a row from a softmax-linear truth; scales spread over two orders of magnitude."""
    rng = np.random.default_rng(0)
    scale = np.logspace(-1, 1, p)
    X = rng.standard_normal((n, p)) * scale
    W = rng.standard_normal((n_labels, p)) / scale / np.sqrt(p)
    return X, rng.multinomial(10, softmax(X @ W.T, axis=1)) / 10


def best_time(repeats: int, function: Callable, *args: Any) -> tuple[float, Any]:
    """Shortest of some calls in CPU seconds, and what the last of them returned."""
    shortest, result = np.inf, None
    for _ in range(repeats):
        start = time.process_time()
        result = function(*args)
        shortest = min(shortest, time.process_time() - start)
    return shortest, result


def race(seconds: float, *calls: Callable) -> tuple[list[float], list]:
    """Shortest CPU seconds of calls that take turns for some time, and what they returned last."""
    times: list[list[float]] = []
    while not times or (len(times) < 1000 and np.sum(times) < seconds):
        timed = [best_time(1, call) for call in calls]
        times.append([spent for spent, _ in timed])
    return np.min(times, axis=0).tolist(), [result for _, result in timed]


def peak_memory(function: Callable, *args: Any) -> float:
    """Peak of what a call allocates, in MB (arrays included)."""
    tracemalloc.start()
    try:
        function(*args)
        return tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()


class Table:
    """A Markdown table that is printed row by row, and can be written to a file."""

    def __init__(self, **columns: str):
        self.columns = columns
        self.lines: list[str] = []
        self.emit("| " + " | ".join(columns) + " |")
        self.emit("|" + "---|" * len(columns))

    def row(self, **values: Any) -> None:
        """Print one row; columns are formatted by their format specifications."""
        cells = []
        for name, spec in self.columns.items():
            value = values.get(name)
            cells.append("" if value is None else format(value, spec))
        self.emit("| " + " | ".join(cells) + " |")

    def emit(self, line: str) -> None:
        """Print a line that is ready."""
        print(line, flush=True)
        self.lines.append(line)
