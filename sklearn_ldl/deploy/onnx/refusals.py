"""Public estimators that do not convert, and why: the page on ONNX lists the same."""

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
