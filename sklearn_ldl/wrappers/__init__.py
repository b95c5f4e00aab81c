"""Estimators around a learner of distributions: other targets, corrections after the fact."""

from sklearn_ldl.wrappers.calibration import TemperatureCalibrator, fit_temperature
from sklearn_ldl.wrappers.label_sets import MultiLabelLDLClassifier
from sklearn_ldl.wrappers.targets import LDLClassifier, LDLRegressor

__all__ = [
    "LDLClassifier",
    "LDLRegressor",
    "MultiLabelLDLClassifier",
    "TemperatureCalibrator",
    "fit_temperature",
]
