"""Estimators around a learner of distributions: other targets, corrections after the fact."""

from sklearn_ldl.wrappers.calibration import TemperatureScaler, fit_temperature
from sklearn_ldl.wrappers.targets import LDLClassifier, LDLRegressor

__all__ = ["LDLClassifier", "LDLRegressor", "TemperatureScaler", "fit_temperature"]
