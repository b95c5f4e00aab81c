"""Fits of any public estimator, to targets of its kind that are made of the same data."""

import numpy as np
from sklearn.base import is_classifier

from sklearn_ldl import LabelDistributionMixin, RaterModel
from sklearn_ldl.distributors.base import TargetTransformer
from tests.test_common import ESTIMATORS
from tests.trust.cases import data, make

# The model of raters takes votes.
OF_SAMPLES = [cls for cls in ESTIMATORS if not issubclass(cls, (TargetTransformer, RaterModel))]
DISTRIBUTORS = [cls for cls in ESTIMATORS if issubclass(cls, TargetTransformer)]


def target(cls):
    """What `fit` takes besides samples: distributions, label sets, class labels or values."""
    X, D = data()
    if cls.__name__ == "AuxGraphNeighbors":
        return {}
    if issubclass(cls, LabelDistributionMixin):
        return {"y": D}
    if "Enhance" in cls.__name__ or cls.__name__ == "MultiLabelLDLClassifier":
        return {"y": (D > 0.3).astype(int)}
    if is_classifier(cls()):
        auxiliary = {"aux": X[:, :2]} if cls.__name__ == "AuxGraphLDLClassifier" else {}
        return {"y": D.argmax(axis=1), **auxiliary}
    return {"y": X @ [1.0, 0.5, 0.1]}


def fit(cls, X, **parameters):
    model = make(cls)
    # Whether they have converged is of no interest.
    few = {"max_iter": 20} if "max_iter" in model.get_params() else {}
    return model.set_params(**few | parameters).fit(X, **target(cls))


def outputs(model, X):
    """Everything that the estimator says of samples."""
    methods = ("predict", "predict_proba", "predict_log_proba", "transform")
    found = [getattr(model, name)(X) for name in methods if hasattr(model, name)]
    found = found or [model.label_distributions_]
    return [np.asarray(A.toarray() if hasattr(A, "toarray") else A) for A in found]
