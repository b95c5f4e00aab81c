"""Choosing and mixing the estimators of the package within a limit of time."""

from sklearn_ldl.auto.estimator import AutoLDL

__all__ = ["AutoLDL"]
