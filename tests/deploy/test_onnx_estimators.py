"""Every public estimator converts to ONNX, or says why not, as the page on ONNX does."""

import json
import re
from functools import cache

import numpy as np
import pytest
from sklearn.base import is_classifier

from sklearn_ldl import LabelDistributionMixin
from sklearn_ldl.deploy import NotConvertibleError, to_onnx
from sklearn_ldl.deploy.onnx.refusals import DOES_NOT_CONVERT
from tests import ROOT
from tests.deploy.sessions import TOLERANCE, assert_same, output_shape
from tests.test_common import ESTIMATORS
from tests.trust.cases import NAMES, data, frame, make, target

PAGE = (ROOT / "doc" / "guide" / "onnx.rst").read_text(encoding="utf-8")
CONVERTS = [cls for cls in ESTIMATORS if cls.__name__ not in DOES_NOT_CONVERT]
# Exports by torch take most of a second each; in single precision this one stands for the others.
BOTH = ("DeepLDLRegressor",)


def is_network(cls):
    return cls.__module__.startswith("sklearn_ldl.deep")


def rows(dtype):
    return np.random.default_rng(1).normal(size=(40, data()[0].shape[1])).astype(dtype)


@cache
def fitted(cls):
    X = data()[0]
    y = frame() if issubclass(cls, LabelDistributionMixin) else target(cls)
    aux = {"aux": X[:, :2]} if cls.__name__ == "AuxGraphLDLClassifier" else {}
    return make(cls).fit(X, y, **aux)


def cases():
    for cls in CONVERTS:
        for dtype in TOLERANCE:
            if dtype == "float64" or not is_network(cls) or cls.__name__ in BOTH:
                yield pytest.param(cls, dtype, id=f"{cls.__name__}-{dtype}")


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(("cls", "dtype"), list(cases()))
def test_runtime_answers_as_the_estimator(cls, dtype):
    estimator = fitted(cls)
    model = to_onnx(estimator, rows(dtype))
    answers = assert_same(model, estimator, rows(dtype), TOLERANCE[dtype])
    outputs = {
        "distribution": issubclass(cls, LabelDistributionMixin),
        "label": is_classifier(estimator),
        "value": not is_classifier(estimator) and not issubclass(cls, LabelDistributionMixin),
    }
    assert next(iter(answers)) == next(name for name, there in outputs.items() if there)
    for name, answer in answers.items():
        assert output_shape(model, name) == [None, *answer.shape[1:]]
        if name != "label":
            assert answer.dtype == dtype


@pytest.mark.parametrize("name", DOES_NOT_CONVERT)
def test_others_say_why_not(name):
    [cls] = [cls for cls in ESTIMATORS if cls.__name__ == name]
    reason = re.escape(DOES_NOT_CONVERT[name])
    with pytest.raises(NotConvertibleError, match=f"{name} does not convert to ONNX: {reason}"):
        to_onnx(make(cls), data()[0])


def test_the_page_lists_what_does_not_convert():
    table = PAGE[PAGE.index("What does not convert") :]
    listed = re.findall(r"\* - :class:`~sklearn_ldl\.(\w+)`\n +- (.+(?:\n {5,}\S.*)*)", table)
    assert {name: re.sub(r"\s+", " ", reason) for name, reason in listed} == DOES_NOT_CONVERT


def test_the_page_lists_what_converts():
    start, end = PAGE.index("What converts"), PAGE.index("What does not convert")
    listed = re.findall(r":class:`~sklearn_ldl\.(\w+)`", PAGE[start:end])
    assert sorted(set(listed)) == sorted(cls.__name__ for cls in CONVERTS)


def test_names_are_in_the_metadata():
    estimator = fitted(next(cls for cls in CONVERTS if cls.__name__ == "BFGSLDL"))
    metadata = {p.key: p.value for p in to_onnx(estimator, data()[0]).metadata_props}
    assert json.loads(metadata["label_names"]) == NAMES
    assert "sklearn_ldl_version" in metadata
