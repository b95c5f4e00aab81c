"""What every label enhancer promises."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import softmax
from sklearn.base import clone
from sklearn.exceptions import DataConversionWarning, NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ldl.datasets import make_ldl
from sklearn_ldl.enhancement import (
    FCMEnhancer,
    GLLEEnhancer,
    KMEnhancer,
    LPEnhancer,
    MLEnhancer,
    to_logical_labels,
)
from sklearn_ldl.enhancement.base import (
    MAX_DENSE,
    InductiveLabelEnhancer,
    LabelEnhancer,
    check_dense,
    encode_labels,
)
from sklearn_ldl.metrics import kl_divergence

ENHANCERS = [
    FCMEnhancer(n_clusters=5, random_state=0),
    KMEnhancer(),
    LPEnhancer(),
    LPEnhancer(n_neighbors=3),
    GLLEEnhancer(),
    MLEnhancer(),
]
every_enhancer = pytest.mark.parametrize("enhancer", ENHANCERS, ids=repr)
every_normalization = pytest.mark.parametrize("normalization", ["softmax", "sum"])


def problem(n_samples=30, n_features=3, n_labels=4, seed=0):
    """Random samples whose logical labels depend on them, one at least for each."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_samples, n_features))
    scores = X @ rng.normal(size=(n_features, n_labels))
    L = (scores > 0).astype(int)
    L[np.arange(n_samples), scores.argmax(axis=1)] = 1
    return X, L


def on_simplex(D, atol=1e-12):
    return bool(np.isfinite(D).all() and (D >= 0).all()) and np.allclose(
        D.sum(axis=1), 1, rtol=0, atol=atol
    )


class Scores(InductiveLabelEnhancer):
    """Enhancer whose scores are the features."""

    def __init__(self, normalization="softmax", allow_empty=False):
        self.normalization = normalization
        self.allow_empty = allow_empty

    def _scores(self, X, L):
        assert X.dtype == np.float64
        assert L.dtype == np.int8
        return X

    def _new_scores(self, X):
        return X


# Normalisation


def test_softmax_of_the_scores():
    X = np.array([[1.0, -2.0], [3e5, 0.0]])
    enhancer = Scores().fit(X, [[1, 0], [1, 1]])
    assert_allclose(enhancer.label_distributions_, softmax(X, axis=1))


def test_sum_clips_and_falls_back_to_the_labels():
    X = [[3.0, 1.0, -5.0], [0.0, -1.0, 0.0]]
    D = Scores(normalization="sum").fit_transform(X, [[1, 1, 0], [0, 1, 1]])
    assert_allclose(D, [[0.75, 0.25, 0], [0, 0.5, 0.5]])


def test_sum_of_new_samples_falls_back_to_uniform():
    enhancer = Scores(normalization="sum").fit([[1.0, 0.0]], [[1, 0]])
    assert_allclose(enhancer.transform([[0.0, -1.0], [1.0, 3.0]]), [[0.5, 0.5], [0.25, 0.75]])


@every_normalization
def test_rows_without_labels_become_uniform_on_request(normalization):
    X, L = [[5.0, 1.0], [2.0, 1.0]], [[0, 0], [1, 0]]
    with pytest.raises(ValueError, match=r"row 0 has no label.*allow_empty=True"):
        Scores(normalization).fit(X, L)
    D = Scores(normalization, allow_empty=True).fit_transform(X, L)
    assert_array_equal(D[0], [0.5, 0.5])
    assert D[1, 0] > D[1, 1]


# Targets


def test_class_labels_are_logical_labels_of_one_class():
    L, classes = encode_labels(["b", "c", "a", "b"])
    assert_array_equal(L, [[0, 1, 0], [0, 0, 1], [1, 0, 0], [0, 1, 0]])
    assert_array_equal(classes, ["a", "b", "c"])
    assert L.dtype == np.int8


@every_enhancer
def test_class_labels_or_their_indicators(enhancer):
    X, L = problem()
    y = np.array(["w", "x", "y", "z"])[L.argmax(axis=1)]
    enhancer = clone(enhancer)
    D = enhancer.fit_transform(X, y)
    assert_array_equal(enhancer.classes_, ["w", "x", "y", "z"])
    assert enhancer.n_labels_ == 4
    indicators = (y[:, None] == enhancer.classes_).astype(int)
    assert_array_equal(enhancer.fit_transform(X, indicators), D)
    assert not hasattr(enhancer, "classes_")


def test_a_column_of_class_labels_warns():
    with pytest.warns(DataConversionWarning):
        assert Scores().fit(np.eye(2), [["a"], ["b"]]).n_labels_ == 2


@pytest.mark.parametrize(
    ("y", "error", "text"),
    [
        (None, ValueError, "requires y"),
        ([[1, 0], [2, 0]], ValueError, "row 1 has entries other than 0 and 1"),
        ([[1, 0], [np.nan, 1]], ValueError, "row 1 has entries other than 0 and 1"),
        ([[0.5, 0.5], [1, 0]], ValueError, "row 0 has entries other than 0 and 1"),
        ([0.5, 1.25], ValueError, "continuous"),
        ([1.0, np.nan], ValueError, "NaN"),
        (["a", "a"], ValueError, "one class"),
        ([[1, 0]], ValueError, "inconsistent numbers of samples"),
        (["a", "b", "c"], ValueError, "inconsistent numbers of samples"),
    ],
)
def test_bad_targets(y, error, text):
    with pytest.raises(error, match=text):
        Scores().fit(np.eye(2), y)


@every_enhancer
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_features_must_be_finite(enhancer, bad):
    X, L = problem()
    X[3, 1] = bad
    with pytest.raises(ValueError, match=r"NaN|infinity"):
        clone(enhancer).fit(X, L)


@every_enhancer
def test_normalization_is_checked(enhancer):
    with pytest.raises(ValueError, match="'normalization' parameter"):
        clone(enhancer).set_params(normalization="l2").fit(*problem())


@every_enhancer
def test_names_of_frames(enhancer, make_frame):
    X, L = problem()
    enhancer = clone(enhancer).fit(make_frame(X, "abc"), make_frame(L, "wxyz"))
    assert_array_equal(enhancer.feature_names_in_, list("abc"))
    assert_array_equal(enhancer.label_names_, list("wxyz"))
    D = enhancer.label_distributions_
    assert_allclose(enhancer.fit_transform(X, L), D, rtol=1e-9)
    assert not hasattr(enhancer, "label_names_")


# Results


@every_enhancer
@every_normalization
@settings(max_examples=15, deadline=None)
@given(
    shape=st.tuples(st.integers(4, 30), st.integers(1, 5), st.integers(2, 6)),
    scale=st.sampled_from([1e-6, 1.0, 1e4]),
    ties=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_every_row_is_a_distribution(enhancer, normalization, shape, scale, ties, seed):
    X, L = problem(*shape, seed=seed)
    X = scale * (X.round() if ties else X)
    enhancer = clone(enhancer).set_params(normalization=normalization).fit(X, L)
    assert on_simplex(enhancer.label_distributions_)
    assert enhancer.label_distributions_.shape == L.shape
    assert enhancer.label_distributions_.dtype == np.float64


@every_enhancer
@every_normalization
@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 1000))
def test_the_order_of_the_labels_does_not_matter(enhancer, normalization, seed):
    X, L = problem(seed=seed)
    order = np.random.default_rng(seed).permutation(L.shape[1])
    enhancer = clone(enhancer).set_params(normalization=normalization)
    D = enhancer.fit_transform(X, L)
    assert_allclose(enhancer.fit_transform(X, L[:, order]), D[:, order], atol=1e-10)


@pytest.mark.parametrize("enhancer", [KMEnhancer(), LPEnhancer(), LPEnhancer(n_neighbors=3)])
@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 1000))
def test_the_order_of_the_samples_does_not_matter(enhancer, seed):
    X, L = problem(seed=seed)
    order = np.random.default_rng(seed).permutation(len(X))
    D = enhancer.fit_transform(X, L)
    assert_allclose(enhancer.fit_transform(X[order], L[order]), D[order], atol=1e-7)


@pytest.mark.parametrize("enhancer", [FCMEnhancer(random_state=0), KMEnhancer(), LPEnhancer()])
def test_features_tell_more_than_the_labels_alone(enhancer):
    X, D = make_ldl(500, random_state=0)
    L = to_logical_labels(D)
    loss = kl_divergence(D, enhancer.fit_transform(X, L))
    assert loss < 0.85 * kl_divergence(D, softmax(L, axis=1))
    assert loss < 0.65 * kl_divergence(D, np.full(D.shape, 1 / 3))


@every_enhancer
@every_normalization
@pytest.mark.parametrize(
    ("X", "L"),
    [
        (np.ones((5, 2)), np.eye(5)),
        (np.arange(5.0)[:, None], np.eye(5)[:, :2] + np.eye(5)[:, ::-1][:, :2] + [[0, 1]] > 0),
        (np.c_[np.arange(5.0), np.ones(5)], np.ones((5, 3))),
        (np.random.default_rng(0).normal(size=(5, 40)), np.c_[np.ones(5), np.zeros((5, 2))]),
        (np.arange(12.0).reshape(6, 2), np.eye(6, 10_000)),
    ],
    ids=["equal samples", "one feature", "constant column", "one label for all", "10,000 labels"],
)
def test_unusual_data(enhancer, normalization, X, L):
    enhancer = clone(enhancer).set_params(normalization=normalization)
    assert on_simplex(enhancer.fit_transform(X, L))


@every_enhancer
def test_one_sample(enhancer):
    D = clone(enhancer).fit_transform([[1.0, 2.0]], [[1, 1, 0]])
    assert on_simplex(D)
    assert D[0, 0] == D[0, 1] > D[0, 2]


@every_enhancer
def test_single_precision(enhancer):
    X, L = problem()
    D = clone(enhancer).fit_transform(X.astype(np.float32), L)
    assert D.dtype == np.float64
    assert_array_equal(D, clone(enhancer).fit_transform(X.astype(np.float32).astype(float), L))


@every_enhancer
def test_nothing_that_was_given_is_changed(enhancer):
    X, L = problem()
    copies = X.copy(), L.copy()
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    clone(enhancer).fit(X, L)
    assert_array_equal(X, copies[0])
    assert_array_equal(L, copies[1])
    assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002


@every_enhancer
def test_fits_repeat_and_pickle(enhancer):
    X, L = problem()
    enhancer = clone(enhancer).fit(X, L)
    D = enhancer.label_distributions_
    assert_array_equal(pickle.loads(pickle.dumps(enhancer)).label_distributions_, D)
    assert_array_equal(enhancer.fit(X[:20], L[:20]).fit(X, L).label_distributions_, D)


@every_enhancer
def test_ends_a_pipeline(enhancer):
    X, L = problem()
    pipeline = make_pipeline(StandardScaler(), clone(enhancer))
    D = pipeline.fit_transform(100 * X, L)
    assert_allclose(D, clone(enhancer).fit_transform(StandardScaler().fit_transform(100 * X), L))


# New samples


@pytest.mark.parametrize("cls", [KMEnhancer, LPEnhancer, MLEnhancer])
def test_transductive_enhancers_have_no_transform(cls):
    assert not hasattr(cls, "transform")


def test_transform_needs_a_fit_and_the_same_features():
    with pytest.raises(NotFittedError):
        Scores().transform(np.eye(2))
    with pytest.raises(ValueError, match="3 features, but Scores is expecting 2"):
        Scores().fit(np.eye(2), np.eye(2)).transform(np.eye(3))


# Memory


def test_full_matrices_of_many_samples_are_refused():
    check_dense(MAX_DENSE, "use less.")
    with pytest.raises(ValueError, match=r"20001 x 20001.*limit is 20000 samples: use less"):
        check_dense(MAX_DENSE + 1, "use less.")


def test_the_base_is_abstract():
    with pytest.raises(TypeError, match="_scores"):
        LabelEnhancer()
