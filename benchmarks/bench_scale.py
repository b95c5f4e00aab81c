"""Rows beyond one memory or one core: BFGSLDL on blocks that Dask holds, and a model of its cost.

Usage: ``python benchmarks/bench_scale.py [--quick] [--rows N ...] [--out FILE]``, with the extra
``dask``. Blocks of 100,000 rows lie in files, of which 10 million rows take 4.4 GB.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import threading
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import dask
import dask.array as da
import numpy as np
from _common import Table, machine
from distributed import Client, LocalCluster, wait
from scipy.optimize import nnls
from scipy.special import softmax
from threadpoolctl import threadpool_limits

from sklearn_ldl import BFGSLDL

INTRODUCTION = """\
# More rows than memory, more cores than one

Made by `{command}`.

`BFGSLDL(alpha=1e-3)` on rows of 100 features in single precision and 10 labels (ten votes a row
from a softmax-linear truth), in blocks of 100,000 rows. Workers are processes with one thread, "in
memory" is one process with one thread. An
evaluation is one pass over all rows, for the value of the objective and its gradient; the seconds
of a fit are divided by their number, with those of the moments that steer the search. "from files":
every block is read at every pass; else the workers hold the rows. Memory is the largest resident
size, without pages of files, of any process; of fits that hold their rows it contains them.
"""
EXTRAPOLATED = """\
Drawn out from these figures, for links of 10 Gbit/s: nothing here was measured. A fit of these data
takes 13 evaluations.
"""
P, C, BLOCK = 100, 10, 100_000
ALPHA = 1e-3
# Features and labels of further fits.
SHAPES = [(25, 10), (400, 10), (100, 50)]
# Rows and workers that the model of cost is drawn out to, and bytes in a second of their links.
LARGE = [(10**8, 16), (10**9, 16), (10**9, 128), (10**9, 1024)]
BANDWIDTH = 1.25e9
DEFAULT_SIZES = [10**4, 10**5, 5 * 10**5, 10**6, 10**7, 2 * 10**7]
# More rows are not copied into memory as a whole.
MOST_IN_MEMORY = 10**7


def make_block(
    number: int, n_rows: int = BLOCK, p: int = P, n_labels: int = C
) -> tuple[np.ndarray, np.ndarray]:
    """Rows of one block, the same whenever they are asked for."""
    W = np.random.default_rng(0).standard_normal((n_labels, p)) / np.sqrt(p)
    rng = np.random.default_rng([1, number])
    X = rng.standard_normal((n_rows, p), dtype=np.float32)
    D = rng.multinomial(10, softmax(X @ W.T, axis=1).astype(np.float64)) / 10
    return X, D.astype(np.float32)


def write_block(folder: Path, number: int, n_rows: int) -> None:
    X, D = make_block(number, n_rows)
    np.save(folder / f"X{number}.npy", X)
    np.save(folder / f"D{number}.npy", D)


def read_block(path: Path) -> np.ndarray:
    """Read the rows of a file."""
    return np.load(path)


def collection(folder: Path, name: str, n_rows: int, n_columns: int) -> da.Array:
    """Dask array of the first rows of the files."""
    sizes = [BLOCK] * (n_rows // BLOCK) + ([n_rows % BLOCK] if n_rows % BLOCK else [])
    read = dask.delayed(read_block, pure=True)
    blocks = [
        da.from_delayed(
            read(folder / f"{name}{k}.npy")[:size], shape=(size, n_columns), dtype=np.float32
        )
        for k, size in enumerate(sizes)
    ]
    return da.concatenate(blocks, axis=0)


class Memory(threading.Thread):
    """Samples the largest resident size of this process and of the workers, in MB."""

    def __init__(self, client: Client | None):
        super().__init__(daemon=True)
        self.pids = [os.getpid(), *(client.run(os.getpid).values() if client else ())]
        self.peak = 0.0
        self.done = threading.Event()

    def run(self) -> None:
        """Look ten times a second."""
        while not self.done.wait(0.1):
            self.peak = max(self.peak, *(resident(pid) for pid in self.pids))


def resident(pid: int) -> float:
    """Resident size without pages of files, in MB; 0 for a process that has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return 0.0
    return int(status.split("RssAnon:")[1].split()[0]) / 1e3


def fit(X: Any, D: Any, client: Client | None = None) -> tuple[BFGSLDL, float, float]:
    """Fitted model, seconds by the clock and peak memory in MB."""
    memory = Memory(client)
    memory.start()
    start = time.perf_counter()
    model = BFGSLDL(ALPHA).fit(X, D)
    seconds = time.perf_counter() - start
    memory.done.set()
    memory.join()
    return model, seconds, memory.peak


def with_workers(n_workers: int, function: Callable[[Client], Any]) -> Any:
    """Call a function with a cluster of worker processes on this machine."""
    with (
        LocalCluster(
            n_workers=n_workers,
            threads_per_worker=1,
            memory_limit=0,
            dashboard_address=":0",
        ) as cluster,
        Client(cluster) as client,
    ):
        return function(client)


def in_memory(n_rows: int, folder: Path) -> tuple[BFGSLDL, float, float]:
    X = collection(folder, "X", n_rows, P).compute(scheduler="synchronous")
    D = collection(folder, "D", n_rows, C).compute(scheduler="synchronous")
    return fit(X, D)


def in_blocks(n_rows: int, folder: Path, *, persist: bool):
    def run(client: Client) -> tuple[BFGSLDL, float, float]:
        X, D = collection(folder, "X", n_rows, P), collection(folder, "D", n_rows, C)
        if persist:
            X, D = client.persist([X, D])
            wait([X, D])
        return fit(X, D, client)

    return run


def of_shape(n_rows: int, p: int, n_labels: int):
    """Rows of other numbers of features and labels, made where they stay."""

    def run(client: Client) -> tuple[BFGSLDL, float, float]:
        parts = [
            dask.delayed(make_block, nout=2)(k, BLOCK, p, n_labels) for k in range(n_rows // BLOCK)
        ]
        X, D = (
            da.concatenate(
                [da.from_delayed(part[j], (BLOCK, columns), np.float32) for part in parts], axis=0
            )
            for j, columns in enumerate((p, n_labels))
        )
        X, D = client.persist([X, D])
        wait([X, D])
        return fit(X, D, client)

    return run


def two_threads(n_rows: int, folder: Path) -> tuple[BFGSLDL, float, float]:
    with threadpool_limits(2):
        return in_memory(n_rows, folder)


SETTINGS = {
    "in memory": in_memory,
    "in memory, 2 threads": two_threads,
    "1 worker": lambda n_rows, folder: with_workers(1, in_blocks(n_rows, folder, persist=True)),
    "2 workers": lambda n_rows, folder: with_workers(2, in_blocks(n_rows, folder, persist=True)),
    "2 workers, from files": lambda n_rows, folder: with_workers(
        2, in_blocks(n_rows, folder, persist=False)
    ),
}


def measure(sizes: list[int], folder: Path) -> tuple[Table, list[dict]]:
    """Fit every size in every setting."""
    table = Table(
        **{"rows": "d", "rows are": "", "evaluations": "d", "seconds": ".1f"},
        **{"ms per evaluation": ".0f", "time / in memory": ".2f", "MB per process": ".0f"},
        **{"difference of coefficients": ".0e"},
    )
    measured = []
    for n_rows in sizes:
        reference = None
        for name, run in SETTINGS.items():
            if n_rows > MOST_IN_MEMORY and name != "2 workers, from files":
                continue
            model, seconds, megabytes = run(n_rows, folder)
            reference = reference or (model, seconds)
            per_evaluation = seconds / model.n_evaluations_
            if name == "2 workers":
                measured.append({"n": n_rows, "p": P, "C": C, "seconds": per_evaluation})
            values = [n_rows, name, model.n_evaluations_, seconds, 1e3 * per_evaluation]
            if reference[0] is not model:
                values += [seconds / reference[1], megabytes]
                values.append(np.abs(model.coef_ - reference[0].coef_).max())
            else:
                values += [None, megabytes]
            table.row(**dict(zip(table.columns, values, strict=False)))
    return table, measured


def measure_shapes(n_rows: int) -> tuple[Table, list[dict]]:
    """Fit other numbers of features and labels on two workers."""
    table = Table(
        **{"rows": "d", "features": "d", "labels": "d", "evaluations": "d"},
        **{"ms per evaluation": ".0f"},
    )
    measured = []
    for p, n_labels in SHAPES:
        model, seconds, _ = with_workers(2, of_shape(n_rows, p, n_labels))
        seconds /= model.n_evaluations_
        measured.append({"n": n_rows, "p": p, "C": n_labels, "seconds": seconds})
        values = (n_rows, p, n_labels, model.n_evaluations_, 1e3 * seconds)
        table.row(**dict(zip(table.columns, values, strict=True)))
    return table, measured


def terms(n: float, p: float, n_labels: float, n_workers: float, blocks: float) -> list[float]:
    """Return what seconds are proportional to: products, passes over rows, tasks, and one."""
    rows = n / n_workers
    return [rows * p * n_labels, rows * (p + n_labels), blocks, 1.0]


def cost_model(measured: list[dict]) -> tuple[np.ndarray, str]:
    """Coefficients of the terms, and what they explain."""
    t = np.array([m["seconds"] for m in measured])
    A = np.array([terms(m["n"], m["p"], m["C"], 2, n_blocks(m["n"])) for m in measured])
    # Relative errors count: times spread over orders of magnitude.
    cost = nnls(A / t[:, None], np.ones(len(t)))[0]
    ratios = t / (A @ cost)
    text = (
        "The seconds of an evaluation of n rows, p features and C labels on w workers are modelled "
        f"as {cost[0]:.1e} n p C / w + {cost[1]:.1e} n (p + C) / w + {cost[2]:.1e} blocks + "
        f"{cost[3]:.1e} + 16 C (p + 1) w / bandwidth. The last term, for coefficients and "
        "gradients in double precision, is not measured on one machine. For the fits on two "
        f"workers above, measured over modelled is between {ratios.min():.2f} and "
        f"{ratios.max():.2f}."
    )
    return cost, text


def n_blocks(n_rows: int) -> int:
    """Blocks of a number of rows."""
    return -(-n_rows // BLOCK)


def extrapolate(cost: np.ndarray) -> Table:
    """Draw the model out; blocks grow with the rows, so that the scheduler has few of them."""
    table = Table(
        **{"rows": "d", "workers": "d", "blocks": "d", "GB per worker": ".1f"},
        **{"s per evaluation": ".2f", "of it tasks": ".2f", "of it network": ".4f"},
    )
    for n_rows, n_workers in LARGE:
        blocks = max(2 * n_workers, n_rows // 10**6)
        compute = np.array(terms(n_rows, P, C, n_workers, blocks)) * cost
        network = 16 * n_workers * C * (P + 1) / BANDWIDTH
        size = 4 * n_rows / n_workers * (P + C) / 1e9
        values = (
            n_rows,
            n_workers,
            blocks,
            size,
            compute.sum() + network,
            compute[2:].sum(),
            network,
        )
        table.row(**dict(zip(table.columns, values, strict=True)))
    return table


def main() -> None:
    """Measure, fit the model of cost, draw it out, and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="at most 300,000 rows")
    parser.add_argument("--rows", type=int, nargs="+", help="numbers of rows")
    parser.add_argument("--out", type=Path, help="also write the tables to this file")
    options = parser.parse_args()
    sizes = options.rows or ([10**4, 3 * 10**5] if options.quick else DEFAULT_SIZES)

    command = "OMP_NUM_THREADS=1 python benchmarks/bench_scale.py"
    command += " --quick" if options.quick else ""
    command += f" --rows {' '.join(map(str, options.rows))}" if options.rows else ""
    command += f" --out {options.out}" if options.out else ""
    text = [
        INTRODUCTION.format(command=command),
        f"{machine()}, dask {version('dask')}, distributed {version('distributed')}",
        "",
    ]
    print(*text, sep="\n")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number in range(n_blocks(max(sizes))):
            write_block(folder, number, min(BLOCK, max(sizes) - number * BLOCK))
        table, measured = measure(sizes, folder)
    heading = ["", "## Other numbers of features and labels, on 2 workers", ""]
    print(*heading, sep="\n")
    shapes, measured_shapes = measure_shapes(2 * BLOCK if options.quick else 5 * BLOCK)
    text += [*table.lines, *heading, *shapes.lines]
    cost, summary = cost_model(measured + measured_shapes)
    heading = ["", "## Cost of an evaluation on a cluster", "", summary, "", EXTRAPOLATED, ""]
    print(*heading, sep="\n")
    text += [*heading, *extrapolate(cost).lines]
    if options.out:
        options.out.write_text("\n".join([*text, ""]))


if __name__ == "__main__":
    main()
