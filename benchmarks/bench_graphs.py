"""Compare the two searches behind a graph of auxiliary labels."""

import time

import numpy as np
from _common import run

from sklearn_ldl import AuxGraphNeighbors

N_COLUMNS, N_LATENT = [2, 8, 32, 128], 8
N_ROWS = [10_000, 20_000, 40_000, 80_000]


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


def main(report, options):
    n_rows, n_columns, algorithms = N_ROWS, N_COLUMNS, ("exact", "approximate")
    if options.quick:  # without the search that takes half a minute to compile
        n_rows, n_columns, algorithms = [500, 1000], [2, 8], ("exact", "exact")
    A = auxiliary_labels(n_rows[0], n_columns[0])
    compilation = cpu_time(algorithms[1], A)[0] - cpu_time(algorithms[1], A)[0]
    table = report.table(columns="d", rows="d", exact=".2f", approximate=".2f", found=".1f")
    times = {}
    for columns in n_columns:
        for rows in n_rows:
            A = auxiliary_labels(rows, columns)
            (exact, graph), (approximate, other) = (
                cpu_time(algorithm, A) for algorithm in algorithms
            )
            found = percent_found(graph, other)
            table.row(columns=columns, rows=rows, exact=exact, approximate=approximate, found=found)
            times.setdefault(columns, []).append((exact, approximate))
    report.say("", f"Compilation: {compilation:.0f} s.", "")
    table = report.table(**{"columns": "d", "compiled": "", "in a new process": ""})
    for columns, pairs in times.items():
        exact, approximate = np.transpose(pairs)
        crossings = [break_even(n_rows, exact, approximate + more) for more in (0, compilation)]
        table.row(**dict(zip(table.columns, (columns, *crossings), strict=True)))
    A = np.random.default_rng(0).standard_normal((n_rows[1], 32))
    found = percent_found(*(cpu_time(algorithm, A)[1] for algorithm in algorithms))
    report.say("", f"Found among {n_rows[1]} rows of 32 independent columns: {found:.1f} %.")


if __name__ == "__main__":
    run(__doc__, main, "pynndescent")
