"""scikit-learn's whole estimator suite on every public estimator of the package."""

import importlib
import inspect
import pkgutil
import warnings
from importlib.util import find_spec

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import log_softmax
from sklearn.base import BaseEstimator, is_classifier
from sklearn.datasets import make_blobs
from sklearn.utils.estimator_checks import parametrize_with_checks

import sklearn_ldl
from sklearn_ldl.base import LabelDistributionMixin
from sklearn_ldl.distributors import RaterModel
from sklearn_ldl.distributors.base import TargetTransformer
from sklearn_ldl.testing import as_regressor, expected_failures, skipped_checks


def public_estimators():
    """Every public, concrete estimator class defined in the package, found by itself."""
    found = {}
    for module in pkgutil.walk_packages(sklearn_ldl.__path__, "sklearn_ldl."):
        if module.name.split(".")[-1] == "__main__":
            continue
        for name, member in inspect.getmembers(importlib.import_module(module.name)):
            concrete = inspect.isclass(member) and issubclass(member, BaseEstimator)
            if concrete and member.__module__.startswith("sklearn_ldl") and name[0] != "_":
                found[name] = member
    helpers = {
        "AlignedRegressor",
        "TargetWrapper",
        "TargetTransformer",
        "LabelDistributionMixin",
        "LargeMarginModel",
        "DeepClassifier",
        "DeepDistributionRegressor",
        "DeepEstimator",
        "DeepValueRegressor",
        "InductiveLabelEnhancer",
        "LDLNet",
        "LabelEnhancer",
        "LinearLearner",
        "LinearModel",
        "MaximumEntropyModel",
        "PostHocCorrection",
        "SoftmaxLinearModel",
        "SplittingModel",
        "TaughtClassifier",
    }
    return [found[name] for name in sorted(found.keys() - helpers)]


ESTIMATORS = public_estimators()
# Kept small: scikit-learn's checks fit every estimator some hundred times.
SMALL = {
    "AuxGraphLDLClassifier": {"max_epochs": 15, "random_state": 0},
    "AutoLDL": {"candidates": ["linear"], "cv": 2, "time_limit": None, "random_state": 0},
    "BFGSLDLCV": {"alphas": 3, "cv": 2},
    "ConformalLDL": {"cv": 2},
    "CPNN": {"max_epochs": 10, "random_state": 0},
    "DILDLRegressor": {"max_epochs": 10, "random_state": 0},
    "DeepLDLClassifier": {"n_members": 2, "max_epochs": 40, "random_state": 0},
    "DeepLDLRegressor": {"n_members": 2, "max_epochs": 10, "random_state": 0},
    "DeepRegressor": {"n_members": 2, "max_epochs": 40, "random_state": 0},
    "DistillationClassifier": {"max_epochs": 15, "random_state": 0},
    "EDLLRL": {"random_state": 0},
    "FCMEnhancer": {"n_clusters": 5, "random_state": 0},
    "GradientBoostingLDL": {"n_estimators": 20, "random_state": 0},
    "IISLDL": {"max_iter": 100},
    "LDLLCLR": {"random_state": 0},
    "LDLLDM": {"random_state": 0},
    "LDLSCL": {"random_state": 0},
    "LabelShiftCorrector": {"cv": 2, "random_state": 0},
    "MultiLabelLDLClassifier": {"threshold": "cv", "cv": 2},
    "NoiseAdaptationClassifier": {"max_epochs": 15, "random_state": 0},
    "OFRRegressor": {"max_epochs": 10, "random_state": 0},
    "OGRClassifier": {"max_epochs": 15, "random_state": 0},
    "OfflineLDLClassifier": {"max_epochs": 15, "random_state": 0},
    "OnlineLDLClassifier": {"max_epochs": 15, "random_state": 0},
    "PTSVMLDL": {"cv": 2, "random_state": 0},
    "RDARegressor": {"max_epochs": 10, "random_state": 0},
    "StackingLDL": {"estimators": [("linear", sklearn_ldl.BFGSLDL())], "cv": 2},
    "TemperatureCalibrator": {"cv": 2},
}


# Estimators that hold two: their other engine is checked as well.
OTHERS = [("GradientBoostingLDL", {"engine": "lightgbm"}, "lightgbm")]


def instances():
    chosen = [cls(**SMALL.get(cls.__name__, {})) for cls in ESTIMATORS]
    chosen += [
        getattr(sklearn_ldl, name)(**SMALL[name], **parameters)
        for name, parameters, needed in OTHERS
        if find_spec(needed)
    ]
    for estimator in chosen:
        cls = type(estimator)
        if issubclass(cls, LabelDistributionMixin):
            yield as_regressor(estimator)
        elif not isinstance(estimator, (TargetTransformer, RaterModel)):  # these take no features
            yield estimator


# The suite fits small estimators to noise and knows nothing of auxiliary labels.
@pytest.mark.filterwarnings("ignore:No auxiliary labels:UserWarning")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks(list(instances()), expected_failed_checks=expected_failures)
def test_scikit_learn_suite(estimator, check):
    reason = skipped_checks(estimator).get(check.func.__name__)
    if reason is not None:
        pytest.skip(reason)
    check(estimator)


@pytest.mark.parametrize("cls", ESTIMATORS, ids=lambda cls: cls.__name__)
def test_is_public(cls):
    assert getattr(sklearn_ldl, cls.__name__) is cls
    assert cls.__name__ in sklearn_ldl.__all__


@pytest.mark.parametrize("cls", ESTIMATORS, ids=lambda cls: cls.__name__)
def test_constructor_stores_parameters_unmodified(cls):
    parameters = inspect.signature(cls).parameters
    estimator = cls()
    assert estimator.get_params(deep=False).keys() == parameters.keys()
    for name, parameter in parameters.items():
        assert getattr(estimator, name) is parameter.default


@pytest.mark.parametrize(
    "cls",
    [cls for cls in ESTIMATORS if hasattr(cls, "predict_proba")],
    ids=lambda cls: cls.__name__,
)
def test_logarithms_of_predicted_degrees(cls):
    settings = {"max_epochs": 4, "gap": 1, "random_state": 0, **SMALL.get(cls.__name__, {})}
    model = cls(**{name: settings[name] for name in settings if name in cls().get_params()})
    X, y = make_blobs(60, centers=3, n_features=4, random_state=0)
    if isinstance(model, LabelDistributionMixin):
        y = np.eye(3)[y]  # neighbours predict exact zeros
    elif not is_classifier(model):
        y = X[:, 0]
    params = {"aux": X[:, :2]} if cls.__name__ == "AuxGraphLDLClassifier" else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # not converged, for example
        model.fit(X, y, **params)
        P = model.predict_proba(X)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        L = model.predict_log_proba(X)
    assert L.shape == P.shape
    assert L.max() <= 0
    assert np.isfinite(L).all()
    assert_allclose(np.exp(L), P, rtol=1e-6, atol=1e-300)
    projected = cls.__name__ == "LDLSF"  # its scores are no logits
    if (
        isinstance(model, LabelDistributionMixin)
        and hasattr(model, "decision_function")
        and not projected
    ):
        far = 1e4 * X
        expected = log_softmax(model.decision_function(far), axis=1)
        assert_allclose(model.predict_log_proba(far), expected)  # also below -708
