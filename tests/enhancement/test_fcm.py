"""Label enhancement by fuzzy clusters."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import softmax
from sklearn.exceptions import ConvergenceWarning

from sklearn_ldl.enhancement import FCMEnhancer
from sklearn_ldl.enhancement.fcm import critical_fuzziness, memberships


def blobs(n_samples=90, n_features=2, seed=0):
    """Three clusters with one label each, and one that all have."""
    rng = np.random.default_rng(seed)
    cluster = np.arange(n_samples) % 3
    X = 6 * np.eye(3, n_features)[cluster] + rng.normal(size=(n_samples, n_features))
    return X, np.c_[np.eye(3, dtype=int)[cluster], np.ones(n_samples, dtype=int)]


def objective(X, U, centers, m):
    return (U**m * ((X[:, None] - centers) ** 2).sum(axis=2)).sum()


@settings(max_examples=30, deadline=None)
@given(
    n_samples=st.integers(1, 40),
    n_clusters=st.integers(1, 8),
    fuzziness=st.sampled_from([1.001, 1.05, 1.5, 2.0, 5.0]),
    ties=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_memberships_sum_to_one(n_samples, n_clusters, fuzziness, ties, seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_samples, 2))
    X = X.round() if ties else X
    enhancer = FCMEnhancer(n_clusters, fuzziness=fuzziness, max_iter=2000, random_state=seed)
    enhancer.fit(X, np.ones((n_samples, 2)))
    assert (enhancer.memberships_ >= 0).all()
    assert_allclose(enhancer.memberships_.sum(axis=1), 1, atol=1e-12)
    assert enhancer.cluster_centers_.shape == (min(n_clusters, n_samples), 2)


@settings(max_examples=30, deadline=None)
@given(
    n_clusters=st.integers(1, 10),
    fuzziness=st.sampled_from([1.01, 1.2, 2.0, 4.0]),
    seed=st.integers(0, 1000),
)
def test_objective_falls(n_clusters, fuzziness, seed):
    X, L = blobs(30, seed=seed)
    enhancer = FCMEnhancer(n_clusters, fuzziness=fuzziness, max_iter=2000, random_state=seed)
    curve = enhancer.fit(X, L).objective_curve_
    assert (np.diff(curve) <= 1e-12 * curve[0]).all()
    assert len(curve) == enhancer.n_iter_ + 1
    final = objective(X, enhancer.memberships_, enhancer.cluster_centers_, fuzziness)
    assert_allclose(curve[-1], final, rtol=1e-9)


def test_memberships_are_optimal(rng):
    X, centers = rng.normal(size=(10, 3)), rng.normal(size=(4, 3))
    U, best = memberships(X, centers, 1.7)
    assert_allclose(best, objective(X, U, centers, 1.7))
    for _ in range(20):
        other = 0.9 * U + 0.1 * rng.dirichlet(np.ones(4), size=10)
        assert objective(X, other, centers, 1.7) > best


def test_sample_at_a_centre():
    U, _ = memberships(np.array([[0.0], [1.0]]), np.array([[0.0], [0.0], [3.0]]), 2.0)
    assert_array_equal(U[0], [0.5, 0.5, 0])
    assert_allclose(U[1], [4 / 9, 4 / 9, 1 / 9])


def test_centres_are_a_fixed_point():
    X, L = blobs()
    enhancer = FCMEnhancer(3, fuzziness=2.0, tol=1e-10, random_state=0).fit(X, L)
    weight = enhancer.memberships_**2
    assert_allclose(
        enhancer.cluster_centers_, weight.T @ X / weight.sum(axis=0)[:, None], atol=1e-8
    )


def test_clusters_are_found():
    X, L = blobs()
    U = FCMEnhancer(3, random_state=0).fit(X, L).memberships_
    found = U.argmax(axis=1)
    assert [len(np.unique(found[k::3])) for k in range(3)] == [1, 1, 1]
    assert len(np.unique(found)) == 3


@pytest.mark.parametrize(
    ("composition", "combine"), [("product", np.multiply), ("min", np.minimum)]
)
def test_definition_of_the_scores(composition, combine):
    X, L = blobs()
    enhancer = FCMEnhancer(4, composition=composition, random_state=0).fit(X, L)
    U = enhancer.memberships_
    A = np.array([[(u * label).sum() / u.sum() for u in U.T] for label in L.T])
    assert_allclose(enhancer.association_, A)
    assert_allclose(A[3], 1)  # the label that all have
    scores = combine(U[:, None, :], A[None]).max(axis=2)
    assert_allclose(enhancer.label_distributions_, softmax(scores, axis=1))


def test_labels_are_recovered_from_clusters():
    X, L = blobs()
    noisy = L.copy()
    noisy[0] = [0, 1, 0, 1]  # a sample of the first cluster
    D = FCMEnhancer(3, random_state=0).fit_transform(X, noisy)
    assert D[0, :3].argmax() == 0


@pytest.mark.parametrize("normalization", ["softmax", "sum"])
def test_new_samples_are_treated_like_the_others(normalization):
    X, L = blobs()
    enhancer = FCMEnhancer(5, normalization=normalization, random_state=0).fit(X, L)
    assert_allclose(enhancer.transform(X), enhancer.label_distributions_, atol=1e-12)
    far = enhancer.transform([[60.0, 0.0], [1e6, 1e6]])
    assert far[0, :3].argmax() == 0
    assert_allclose(far.sum(axis=1), 1)


def test_same_seed_same_result():
    X, L = blobs()
    first, second = (FCMEnhancer(5, random_state=3).fit_transform(X, L) for _ in range(2))
    assert_array_equal(first, second)
    state = np.random.RandomState(3)
    assert_array_equal(FCMEnhancer(5, random_state=state).fit_transform(X, L), first)


def test_many_features_do_not_make_memberships_equal(rng):
    cluster = np.arange(90) % 3
    X = rng.normal(size=(3, 100))[cluster] + rng.normal(size=(90, 100))
    automatic = FCMEnhancer(3, random_state=0).fit(X, cluster)
    assert automatic.fuzziness_ == critical_fuzziness(90, 100) < 1.2
    assert automatic.memberships_.max(axis=1).min() > 0.9
    published = FCMEnhancer(3, fuzziness=2.0, random_state=0).fit(X, cluster)
    assert published.memberships_.max() < 0.4


@pytest.mark.parametrize("n_samples", [1, 2, 10, 10**6])
@pytest.mark.parametrize("n_features", [1, 2, 50, 10**5])
def test_automatic_fuzziness_is_valid(n_samples, n_features):
    assert 1 < critical_fuzziness(n_samples, n_features) <= 2


def test_not_converged():
    X, L = blobs()
    with pytest.warns(
        ConvergenceWarning,
        match=r"after 1 updates with memberships .* > tol=.* Inc",
    ):
        enhancer = FCMEnhancer(10, max_iter=1, random_state=0).fit(X, L)
    assert enhancer.n_iter_ == 1


def test_more_clusters_than_distinct_samples():
    X, L = np.repeat(np.eye(2), 10, axis=0), np.repeat(np.eye(2), 10, axis=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        enhancer = FCMEnhancer(8, normalization="sum", random_state=0).fit(X, L)
    assert enhancer.cluster_centers_.shape == (8, 2)
    assert_allclose(enhancer.label_distributions_, L, atol=1e-12)


@pytest.mark.parametrize(
    ("name", "value"),
    [("n_clusters", 0), ("fuzziness", 1.0), ("composition", "max"), ("max_iter", 0), ("tol", -1)],
)
def test_bad_parameters(name, value):
    with pytest.raises(ValueError, match=f"'{name}' parameter"):
        FCMEnhancer(**{name: value}).fit(*blobs())
