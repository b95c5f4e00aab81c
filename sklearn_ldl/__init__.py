"""Label distribution learning for scikit-learn.

A target is a probability distribution over labels instead of one label: crowd votes, rating
histograms, an age known to within a few years, soft labels from teachers. The estimators here take
such targets, and otherwise behave like any scikit-learn estimator.

Public names are loaded on first use, so that importing the package costs little.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

# Where public names come from: the one table. `python doc/public_names.py` makes of it the stub for
# type checkers and the lists of the API reference.
_ROOMS = {
    "_core.simplex": [
        "check_distribution",
        "project_simplex",
    ],
    "base": [
        "LabelDistributionMixin",
    ],
    "linear": [
        "BFGSLDL",
        "BFGSLDLCV",
        "MultinomialInference",
        "ProportionalOddsLDL",
        "SmoothBFGSLDL",
    ],
    "linear.published": [
        "EDLLRL",
        "IISLDL",
        "LDL4C",
        "LDLHR",
        "LDLLCLR",
        "LDLLDM",
        "LDLSCL",
        "LDLSF",
    ],
    "neighbors": [
        "KNeighborsLDL",
    ],
    "problem_transformation": [
        "as_weighted_rows",
        "PTBayesLDL",
        "PTSVMLDL",
    ],
    "svm": [
        "LDSVR",
    ],
    "ensemble": [
        "DFLDL",
        "GradientBoostingLDL",
        "StackingLDL",
    ],
    "wrappers": [
        "LDLClassifier",
        "LDLRegressor",
        "MultiLabelLDLClassifier",
        "TemperatureCalibrator",
    ],
    "enhancement": [
        "FCMEnhancer",
        "GLLEEnhancer",
        "KMEnhancer",
        "LabelEnhancementClassifier",
        "LPEnhancer",
        "MLEnhancer",
        "to_logical_labels",
    ],
    "shift": [
        "LabelShiftCorrector",
    ],
    "uncertainty": [
        "ConformalLDL",
    ],
    "distributors": [
        "DecoupledLabelSplitter",
        "expected_vote_error",
        "gaussian_label_distribution",
        "GaussianLabelDistributor",
        "LabelSmoother",
        "MultiLabelDistributor",
        "RaterModel",
        "smooth_labels",
        "smooth_mask",
        "split_dominant",
        "vote_dispersion",
        "vote_table_to_distribution",
        "votes_to_distribution",
    ],
    "graphs": [
        "AuxGraphNeighbors",
    ],
    "auto": [
        "AutoLDL",
    ],
    "deep": [
        "AuxGraphLDLClassifier",
        "CPNN",
        "DeepLDLClassifier",
        "DeepLDLRegressor",
        "DeepRegressor",
        "DILDLRegressor",
        "DistillationClassifier",
        "KernelDensityRegressor",
        "NoiseAdaptationClassifier",
        "OfflineLDLClassifier",
        "OFRRegressor",
        "OGRClassifier",
        "OnlineLDLClassifier",
        "RDARegressor",
    ],
}

# Modules whose names stay below their own.
_MODULES = (
    "compare",
    "datasets",
    "decoding",
    "deep",
    "deploy",
    "distributors",
    "graphs",
    "inspection",
    "metrics",
    "plotting",
    "testing",
    "uncertainty",
    "wrappers",
)

_PUBLIC = {name: room for room, names in _ROOMS.items() for name in names}

__all__ = ["__version__", *_PUBLIC, *_MODULES]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC and name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        module = import_module(f"{__name__}.{_PUBLIC.get(name, name)}")
    except ImportError as error:
        value = _placeholder(name, error)
    else:
        value = getattr(module, name) if name in _PUBLIC else module
    globals()[name] = value
    return value


def _placeholder(name: str, error: ImportError) -> Any:
    """Stand in for a name whose extra is missing, so that listing the package is no error."""
    from sklearn_ldl._core.extras import MissingExtraError, Placeholder

    if not isinstance(error, MissingExtraError):
        raise error
    return Placeholder(name, error)


def __dir__() -> list[str]:
    return sorted({*(name for name in globals() if name.startswith("_")), *__all__})
