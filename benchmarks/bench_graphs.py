"""Compare the two searches behind a graph of auxiliary labels.

`AuxGraphNeighbors` with the exact search and with nearest neighbour descent, on samples of several
sizes and widths: CPU time of `fit` on one thread, what compiling the second search costs in a new
process, and from how many rows on it is the faster one.

    OMP_NUM_THREADS=1 python benchmarks/bench_graphs.py [--quick] [--out FILE]
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pynndescent
from _common import Table, machine

from sklearn_ldl import AuxGraphNeighbors

INTRODUCTION = """\
# Exact against approximate search

Made by `OMP_NUM_THREADS=1 python benchmarks/bench_graphs.py --out doc/benchmarks/graphs.md`.

CPU seconds of one `AuxGraphNeighbors(algorithm=...).fit` on one thread, for the default four
neighbours. The auxiliary labels are eight normal coordinates (two in two columns), mapped linearly
to the columns, and normal noise of deviation 0.1. `found` is the share, in percent, of the edges of
the exact graph that the approximate one has; the last line is on columns that are all independent,
which is hard for a search that goes from neighbour to neighbour. Compilation is what the first
approximate fit in a process takes longer than the second one. The second table has the number of
rows from which on the approximate search is faster, interpolated between the sizes above: in a
process that has compiled it already, and in one that has not.
"""
N_COLUMNS = [2, 8, 32, 128]
N_ROWS = [10_000, 20_000, 40_000, 80_000]
N_LATENT = 8


def auxiliary_labels(n_rows, n_columns):
    rng = np.random.default_rng(0)
    latent = rng.standard_normal((n_rows, min(N_LATENT, n_columns)))
    loadings = rng.standard_normal((latent.shape[1], n_columns))
    return latent @ loadings + 0.1 * rng.standard_normal((n_rows, n_columns))


def cpu_time(algorithm, A):
    """CPU seconds of a fit, which other programs on the machine hardly change, and its graph."""
    neighbors = AuxGraphNeighbors(algorithm=algorithm, random_state=0)
    start = time.process_time()
    neighbors.fit(A)
    return time.process_time() - start, neighbors.graph_


def percent_found(exact, approximate):
    return 100 * approximate.multiply(exact > 0).nnz / exact.nnz


def compare(n_columns, n_rows):
    """Print one row for each size; return all times of both searches."""
    table = Table(columns="d", rows="d", exact=".2f", approximate=".2f", found=".1f")
    times = {}
    for columns in n_columns:
        for rows in n_rows:
            A = auxiliary_labels(rows, columns)
            exact, graph = cpu_time("exact", A)
            approximate, other = cpu_time("approximate", A)
            found = percent_found(graph, other)
            table.row(columns=columns, rows=rows, exact=exact, approximate=approximate, found=found)
            times[columns, rows] = exact, approximate
    return table.lines, times


def break_even(n_rows, exact, other):
    """From how many rows on the other search is faster, to the next thousand."""
    lead = np.log(other) - np.log(exact)
    if lead[0] < 0:
        return f"<{n_rows[0]}"
    if lead[-1] > 0:
        return f">{n_rows[-1]}"
    last = np.flatnonzero(lead > 0)[-1]
    share = lead[last] / (lead[last] - lead[last + 1])
    crossing = n_rows[last] * (n_rows[last + 1] / n_rows[last]) ** share
    return f"{round(crossing, -3):.0f}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small samples, about a minute")
    parser.add_argument("--out", type=Path, help="also write the tables to this file")
    options = parser.parse_args()
    n_rows = N_ROWS[:2] if options.quick else N_ROWS
    text = [INTRODUCTION, f"{machine()}, pynndescent {pynndescent.__version__}", ""]
    print("\n".join(text))
    A = auxiliary_labels(n_rows[0], N_COLUMNS[0])
    compilation = cpu_time("approximate", A)[0] - cpu_time("approximate", A)[0]
    lines, times = compare(N_COLUMNS, n_rows)
    text += [*lines, "", f"Compilation: {compilation:.0f} s.", ""]
    print("\n".join(text[-3:]))
    table = Table(**{"columns": "d", "compiled": "", "in a new process": ""})
    for columns in N_COLUMNS:
        exact, approximate = np.transpose([times[columns, rows] for rows in n_rows])
        table.row(
            **{
                "columns": columns,
                "compiled": break_even(n_rows, exact, approximate),
                "in a new process": break_even(n_rows, exact, approximate + compilation),
            }
        )
    A = np.random.default_rng(0).standard_normal((n_rows[1], 32))
    found = percent_found(*(cpu_time(algorithm, A)[1] for algorithm in ("exact", "approximate")))
    hard = f"Found among {n_rows[1]} rows of 32 independent columns: {found:.1f} %."
    print(f"\n{hard}")
    text += [*table.lines, "", hard]
    if options.out:
        options.out.write_text("\n".join(text) + "\n")


if __name__ == "__main__":
    main()
