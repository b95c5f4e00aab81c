"""Public estimators that do not convert, and why: the page on ONNX lists the same."""

from __future__ import annotations

from typing import Any

from sklearn_ldl.deploy.onnx.errors import NotConvertibleError

_TARGETS = "it changes targets, and predicts nothing"
_ENHANCES = "it makes distributions of the labels of its training rows, and predicts nothing"

#: Name of a class -> what is said of it.
DOES_NOT_CONVERT = {
    "AuxGraphNeighbors": "it makes a graph of the training rows, and predicts nothing",
    "DFLDL": "it asks pairs of experts by the neighbours of each row; its learner converts",
    "DecoupledLabelSplitter": _TARGETS,
    "FCMEnhancer": _ENHANCES,
    "GLLEEnhancer": _ENHANCES,
    "GaussianLabelDistributor": _TARGETS,
    "KMEnhancer": _ENHANCES,
    "LPEnhancer": _ENHANCES,
    "LabelSmoother": _TARGETS,
    "MLEnhancer": _ENHANCES,
    "MultiLabelDistributor": _TARGETS,
    "RaterModel": "it makes distributions of votes, and takes no features",
}


def refuse(estimator: Any) -> None:
    """Raise a NotConvertibleError for an estimator, or one of a subclass, that does not convert."""
    for cls in type(estimator).__mro__:
        if cls.__module__.startswith("sklearn_ldl.") and cls.__name__ in DOES_NOT_CONVERT:
            raise NotConvertibleError(type(estimator).__name__, DOES_NOT_CONVERT[cls.__name__])
