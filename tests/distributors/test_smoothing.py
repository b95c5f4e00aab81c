import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose, assert_array_equal

from sklearn_ldl._core.simplex import normalize
from sklearn_ldl.distributors import (
    LabelSmoother,
    smooth_labels,
)

distributions = st.integers(2, 8).flatmap(
    lambda n_labels: arrays(float, (4, n_labels), elements=st.floats(0, 1)).map(normalize)
)


def test_uniform_and_exclusive_smoothing():
    D = [[1, 0, 0, 0], [0.5, 0.5, 0, 0]]
    assert_allclose(smooth_labels(D, 0.2), [[0.85, 0.05, 0.05, 0.05], [0.45, 0.45, 0.05, 0.05]])
    assert_allclose(
        smooth_labels(D, 0.3, kind="exclusive"), [[0.7, 0.1, 0.1, 0.1], [0.4, 0.4, 0.1, 0.1]]
    )


@given(distributions, st.floats(0, 1))
@settings(max_examples=50, deadline=None)
def test_the_two_kinds_agree_after_rescaling_smoothing(D, smoothing):
    n_labels = D.shape[1]
    uniform = smooth_labels(D, smoothing)
    exclusive = smooth_labels(D, smoothing * (n_labels - 1) / n_labels, kind="exclusive")
    assert_allclose(uniform, exclusive, atol=1e-14)
    assert_allclose(uniform.sum(axis=1), 1, rtol=1e-12)
    assert (smooth_labels(D, smoothing, kind="exclusive") >= -1e-15).all()


def test_the_ends_of_smoothing():
    D = np.array([[0.2, 0.8], [1, 0]])
    assert_array_equal(smooth_labels(D, 0), D)
    assert_array_equal(smooth_labels(D, 1), np.full((2, 2), 0.5))
    assert_allclose(smooth_labels(D, 1, kind="exclusive"), 1 - D)


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"smoothing": 1.1}, "'smoothing' parameter"),
        ({"smoothing": -0.1}, "'smoothing' parameter"),
        ({"kind": "other"}, "'kind' parameter"),
    ],
)
def test_bad_smoothing_parameters(kwargs, message):
    with pytest.raises(ValueError, match=message):
        smooth_labels([[0.5, 0.5]], **kwargs)
    with pytest.raises(ValueError, match=message):
        LabelSmoother(**kwargs).fit([0, 1])


@pytest.mark.parametrize(
    "y",
    [
        np.array([3, 1, 1, 7]),
        np.array(["b", "a", "a", "c"]),
        np.array(["b", "a", "a", "c"], dtype=object),
        np.array([True, False, False, True]),
        np.array([1.0, 0.0, 2.0, 0.0], dtype=np.float32),
        pd.Series(["b", "a", "a", "c"]),
        pd.Series(["b", "a", "a", "c"], dtype="category"),
        ["b", "a", "a", "c"],
        np.array([[3], [1], [1], [7]]),
    ],
    ids=lambda y: type(y).__name__ + str(getattr(y, "dtype", "")),
)
@pytest.mark.parametrize("kind", ["uniform", "exclusive"])
def test_labels_of_any_type_come_back(y, kind):
    smoother = LabelSmoother(0.2, kind=kind).fit(y)
    D = smoother.transform(y)
    assert_array_equal(smoother.classes_, np.unique(np.asarray(y)))
    assert smoother.n_labels_ == len(smoother.classes_)
    assert_allclose(D.sum(axis=1), 1, rtol=1e-12)
    back = smoother.inverse_transform(D)
    assert back.dtype == np.asarray(y).dtype
    assert_array_equal(back, np.asarray(y))


def test_smoothed_degrees_and_one_hot():
    y = [0, 1, 2, 3]
    assert_array_equal(LabelSmoother(0).fit_transform(y), np.eye(4))
    D = LabelSmoother(0.1).fit_transform(y)
    assert_allclose(np.diag(D), 0.925)
    assert_allclose(D[0, 1:], 0.025)
    assert_allclose(np.diag(LabelSmoother(0.1, kind="exclusive").fit_transform(y)), 0.9)


def test_unknown_labels_are_named():
    smoother = LabelSmoother().fit([1, 2])
    with pytest.raises(ValueError, match=r"y contains unknown labels: \[3, 5\]; known are"):
        smoother.transform([1, 5, 3])
    with pytest.raises(ValueError, match=r"unknown labels: \['1'\]"):
        smoother.transform(["1"])


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([1, 1, 1], "at least 2 classes, got one class"),
        ([0.5, 1.7, 2.2], "continuous"),
        ([1.0, np.nan, 2.0], "y has missing entries"),
        (np.array(["a", None, "b"], dtype=object), "y has missing entries or mixes types"),
        (np.array(["a", 1, "b"], dtype=object), "mixes types"),
        (pd.Series(["a", pd.NA, "b"], dtype="string"), "missing entries"),
        (np.eye(3), "1d array"),
        ([], "class"),
    ],
)
def test_bad_labels(y, message):
    with pytest.raises(ValueError, match=message):
        LabelSmoother().fit(y)


def test_many_classes_do_not_warn(recwarn):
    LabelSmoother().fit(np.arange(1000).repeat(3))
    assert not len(recwarn)
