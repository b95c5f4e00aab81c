"""Scripts in processes that begin with what most of them import: that takes longer than they do."""

import multiprocessing
import os
import runpy
import sys
from multiprocessing.context import BaseContext
from pathlib import Path

from joblib.externals.loky import get_reusable_executor

from tests import ROOT

_IMPORTED = ["scipy.stats", "sklearn.ensemble", "sklearn.model_selection", "skorch"]
_IMPORTED += ["torch._dynamo"]  # by the first optimiser of a process


def new_context() -> BaseContext:
    """Make a context of processes, on Windows of those that import it all themselves."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_IMPORTED)
    return context


def run_script(script: Path, arguments: list[str], stdout: Path, stderr: Path) -> None:
    """Run a script in this process as the command line would."""
    for number, path in ((1, stdout), (2, stderr)):
        with path.open("w") as file:
            os.dup2(file.fileno(), number)
    # Neither real files, which not everybody has, nor what an earlier run has left.
    os.environ.pop("SKLEARN_LDL_DATA", None)
    os.environ |= {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    os.chdir(ROOT)
    sys.path[:0] = [str(script.parent), str(ROOT)]
    sys.argv = [str(script), *arguments]
    try:
        runpy.run_path(str(script), run_name="__main__")
    finally:
        # This process would wait for the workers of joblib, which stay for minutes.
        get_reusable_executor().shutdown(kill_workers=True)
