"""The comparison behind ``python -m sklearn_ldl``: data, estimators, evaluation, report."""
