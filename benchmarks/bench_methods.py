"""All estimators on all files, at defaults and tuned, and python-ldl's in the same run.

Usage: ``OMP_NUM_THREADS=1 SKLEARN_LDL_DATA=... python benchmarks/bench_methods.py [--quick]
[--files NAME ...] [--rows NAME ...] [--settings NAME ...] [--folds N] [--cache DIR]``.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from _methods import DEFAULTS, FILES, N_FOLDS, ROWS, TUNED, fill

CACHE = Path(__file__).parent / "methods_cache"


def main() -> None:
    """Fit what is not known."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    given = [DEFAULTS, TUNED]
    parser.add_argument("--files", nargs="+", choices=FILES, default=FILES)
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=list(ROWS))
    parser.add_argument("--settings", nargs="+", choices=given, default=given)
    parser.add_argument("--folds", type=int, default=N_FOLDS, help="only the first of the ten")
    parser.add_argument("--cache", type=Path, default=CACHE, help="folder of what is known")
    options = parser.parse_args()
    fill(options.cache, options.files, options.rows, options.settings, options.folds)


if __name__ == "__main__":
    main()
