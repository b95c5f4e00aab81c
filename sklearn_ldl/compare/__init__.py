"""Comparing estimators on data sets: all on the same folds, in tables, tests and pictures."""

from sklearn_ldl.compare.comparison import Comparison
from sklearn_ldl.compare.run import compare

__all__ = ["Comparison", "compare"]
