"""The estimators that can be compared by name: defaults, scalings, and grids to tune them in."""

from sklearn_ldl.compare.estimators.choice import (
    BASELINES,
    ESTIMATORS,
    Contender,
    contenders,
    entry_of,
    names_for,
)
from sklearn_ldl.compare.estimators.entry import Entry

__all__ = [
    "BASELINES",
    "ESTIMATORS",
    "Contender",
    "Entry",
    "contenders",
    "entry_of",
    "names_for",
]
