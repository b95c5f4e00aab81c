"""Rows beyond one memory or one core: BFGSLDL on blocks that Dask holds.

Blocks of 100,000 rows lie in files, of which 10 million rows take 4.4 GB.
"""

import os
import re
import tempfile
import threading
import time
from contextlib import nullcontext
from functools import partial
from pathlib import Path

import dask
import dask.array as da
import numpy as np
from _common import run
from distributed import Client, LocalCluster, wait
from scipy.special import softmax
from threadpoolctl import threadpool_limits

from sklearn_ldl import BFGSLDL

P, C, BLOCK = 100, 10, 100_000
SIZES = [10**4, 10**5, 5 * 10**5, 10**6, 10**7, 2 * 10**7]
MOST_IN_MEMORY = 10**7  # of rows that are copied there as a whole


def make_block(number, n_rows=BLOCK, p=P, n_labels=C):
    """Rows of one block, the same whenever they are asked for."""
    W = np.random.default_rng(0).standard_normal((n_labels, p)) / np.sqrt(p)
    rng = np.random.default_rng([1, number])
    X = rng.standard_normal((n_rows, p), dtype=np.float32)
    D = rng.multinomial(10, softmax(X @ W.T, axis=1).astype(np.float64)) / 10
    return X, D.astype(np.float32)


def collection(folder, name, n_rows, n_columns):
    sizes = [BLOCK] * (n_rows // BLOCK) + ([n_rows % BLOCK] if n_rows % BLOCK else [])
    read = dask.delayed(np.load, pure=True)
    blocks = [
        da.from_delayed(read(folder / f"{name}{k}.npy")[:size], (size, n_columns), np.float32)
        for k, size in enumerate(sizes)
    ]
    return da.concatenate(blocks, axis=0)


class Memory(threading.Thread):
    """Samples the largest resident size of any process, without pages of files, in MB."""

    def __init__(self, pids):
        super().__init__(daemon=True)
        self.pids, self.peak, self.done = pids, 0.0, threading.Event()

    def run(self):
        while not self.done.wait(0.1):
            for path in (Path(f"/proc/{pid}/status") for pid in self.pids):
                found = re.search(r"RssAnon:\s*(\d+)", path.read_text() if path.exists() else "")
                self.peak = max(self.peak, int(found[1]) / 1e3 if found else 0.0)


def fit(X, D, pids=()):
    memory = Memory([os.getpid(), *pids])
    memory.start()
    start = time.perf_counter()
    model = BFGSLDL(1e-3).fit(X, D)
    seconds = time.perf_counter() - start
    memory.done.set()
    memory.join()
    return model, seconds, memory.peak


def in_memory(X, D, n_threads=None):
    with threadpool_limits(n_threads) if n_threads else nullcontext():
        return fit(*(part.compute(scheduler="synchronous") for part in (X, D)))


def with_workers(X, D, n_workers, *, persist=True):
    options = {"threads_per_worker": 1, "memory_limit": 0, "dashboard_address": ":0"}
    with LocalCluster(n_workers=n_workers, **options) as cluster, Client(cluster) as client:
        if persist:
            X, D = client.persist([X, D])
            wait([X, D])
        return fit(X, D, client.run(os.getpid).values())


FROM_FILES = "2 workers, from files"
SETTINGS = {
    "in memory": in_memory,
    "in memory, 2 threads": partial(in_memory, n_threads=2),
    "1 worker": partial(with_workers, n_workers=1),
    "2 workers": partial(with_workers, n_workers=2),
    FROM_FILES: partial(with_workers, n_workers=2, persist=False),
}


def main(report, options):
    sizes, settings = options.rows or SIZES, SETTINGS
    if options.quick:
        sizes, settings = [2000], {name: SETTINGS[name] for name in ("in memory", FROM_FILES)}
    table = report.table(
        **{"rows": "d", "rows are": "", "evaluations": "d", "seconds": ".1f"},
        **{"ms per evaluation": ".0f", "time / in memory": ".2f", "MB per process": ".0f"},
        **{"difference of coefficients": ".0e"},
    )
    with tempfile.TemporaryDirectory() as name:
        for number in range(-(-max(sizes) // BLOCK)):
            rows = make_block(number, min(BLOCK, max(sizes) - number * BLOCK))
            for part, values in zip("XD", rows, strict=True):
                np.save(Path(name) / f"{part}{number}.npy", values)
        for n_rows in sizes:
            reference = None
            data = [collection(Path(name), *part) for part in (("X", n_rows, P), ("D", n_rows, C))]
            for setting, fit_in in settings.items():
                if n_rows > MOST_IN_MEMORY and setting != FROM_FILES:
                    continue
                model, seconds, megabytes = fit_in(*data)
                n, more = model.n_evaluations_, (None, megabytes, None)
                if reference:
                    difference = np.abs(model.coef_ - reference[0].coef_).max()
                    more = (seconds / reference[1], megabytes, difference)
                reference = reference or (model, seconds)
                values = (n_rows, setting, n, seconds, 1e3 * seconds / n, *more)
                table.row(**dict(zip(table.columns, values, strict=True)))


if __name__ == "__main__":
    rows = {"type": int, "nargs": "+", "help": "numbers of rows"}
    run(__doc__, main, "dask", "distributed", rows=rows)
