"""Softmax-linear estimators."""

from sklearn_ldl.linear.maxent import BFGSLDL
from sklearn_ldl.linear.maxent_cv import BFGSLDLCV

__all__ = ["BFGSLDL", "BFGSLDLCV"]
