"""Softmax-linear problems: designs, losses, penalties and their minimisation; no estimators."""
