"""Settings of test runs that pytest reads before it starts its workers."""

import os

# Workers that share the cores, with a thread for each core in every one of them, mostly wait for
# one another. What the environment says is therefore overruled; runs without workers obey it.
_THREADS = ("OMP", "OPENBLAS", "MKL", "BLIS")


def pytest_configure(config):
    """Give each worker of ``pytest -n`` one thread; workers inherit the environment."""
    if config.getoption("numprocesses", default=None):
        os.environ.update({f"{library}_NUM_THREADS": "1" for library in _THREADS})
        os.environ["VECLIB_MAXIMUM_THREADS"] = "1"  # macOS
