"""Modules of benchmarks/, which is no package."""

import importlib
import sys

import pytest

from tests import ROOT


@pytest.fixture
def load(monkeypatch):
    """Return what imports a module of benchmarks/, for the time of a test."""
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    before = set(sys.modules)
    yield importlib.import_module
    for name in set(sys.modules) - before:
        if name.startswith(("_", "bench_")) and "." not in name:
            del sys.modules[name]
