"""Label distribution learning for scikit-learn.

A target is a probability distribution over labels instead of one label: crowd votes, rating
histograms, an age known to within a few years, soft labels from teachers. The estimators here take
such targets, and otherwise behave like any scikit-learn estimator.

Public names are loaded on first use, so that importing the package costs little.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

# Public name -> module that defines it.
_PUBLIC = {
    "AuxGraphLDLClassifier": "deep",
    "AuxGraphNeighbors": "graphs",
    "BFGSLDL": "linear",
    "BFGSLDLCV": "linear",
    "CPNN": "deep",
    "DILDLRegressor": "deep",
    "DecoupledLabelSplitter": "distributors",
    "DeepLDLClassifier": "deep",
    "DeepLDLRegressor": "deep",
    "DeepRegressor": "deep",
    "DistillationClassifier": "deep",
    "EDLLRL": "published",
    "FCMEnhancer": "enhancement",
    "GLLEEnhancer": "enhancement",
    "GaussianLabelDistributor": "distributors",
    "GradientBoostingLDL": "ensemble",
    "IISLDL": "published",
    "KMEnhancer": "enhancement",
    "KNeighborsLDL": "neighbors",
    "KernelDensityRegressor": "deep",
    "LDLClassifier": "wrappers",
    "LDLLCLR": "published",
    "LDLLDM": "published",
    "LDLRegressor": "wrappers",
    "LDLSCL": "published",
    "LDLSF": "published",
    "LDSVR": "svm",
    "LPEnhancer": "enhancement",
    "LabelDistributionMixin": "base",
    "LabelEnhancementClassifier": "enhancement",
    "LabelShiftCorrector": "shift",
    "LabelSmoother": "distributors",
    "MLEnhancer": "enhancement",
    "MultiLabelDistributor": "distributors",
    "OFRRegressor": "deep",
    "OGRClassifier": "deep",
    "OfflineLDLClassifier": "deep",
    "OnlineLDLClassifier": "deep",
    "PTBayesLDL": "problem_transformation",
    "PTSVMLDL": "problem_transformation",
    "RDARegressor": "deep",
    "StackingLDL": "ensemble",
    "TemperatureCalibrator": "wrappers",
    "as_weighted_rows": "problem_transformation",
    "check_distribution": "_core.simplex",
    "gaussian_label_distribution": "distributors",
    "project_simplex": "_core.simplex",
    "smooth_labels": "distributors",
    "smooth_mask": "distributors",
    "split_dominant": "distributors",
    "to_logical_labels": "enhancement",
    "vote_table_to_distribution": "distributors",
    "votes_to_distribution": "distributors",
}

_MODULES = (
    "datasets",
    "decoding",
    "deep",
    "distributors",
    "graphs",
    "metrics",
    "plotting",
    "testing",
    "wrappers",
)

__all__ = ["__version__", *_PUBLIC, *_MODULES]


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        value = getattr(import_module(f"{__name__}.{_PUBLIC[name]}"), name)
        globals()[name] = value
        return value
    if name in _MODULES:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
