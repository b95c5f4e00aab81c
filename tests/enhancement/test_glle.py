import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.spatial.distance import cdist
from scipy.special import softmax
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.preprocessing import StandardScaler

from sklearn_ldl.datasets import make_ldl
from sklearn_ldl.enhancement import glle, to_logical_labels
from sklearn_ldl.enhancement.glle import GLLEEnhancer
from sklearn_ldl.enhancement.graph import knn_affinity, nearest_neighbors
from sklearn_ldl.metrics import kl_divergence


def labels(rng, n_samples, n_labels):
    """Logical labels, one at least for each sample."""
    L = rng.integers(0, 2, size=(n_samples, n_labels))
    L[np.arange(n_samples), rng.integers(0, n_labels, size=n_samples)] = 1
    return L


def dense_affinity(X, n_neighbors, sigma):
    distances = cdist(X, X)
    order = np.array(
        [[j for j in np.argsort(row, kind="stable") if j != i] for i, row in enumerate(distances)]
    )[:, :n_neighbors]
    if sigma == "median":
        sigma = np.median(np.take_along_axis(distances, order, axis=1))
    A = np.zeros_like(distances)
    values = np.exp(-(np.take_along_axis(distances, order, axis=1) ** 2) / (2 * sigma**2))
    np.put_along_axis(A, order, values, axis=1)
    return (A + A.T) / 2, sigma


def closed_form(X, L, graph_weight, n_neighbors, sigma="median"):
    A, _ = dense_affinity(X, n_neighbors, sigma)
    G = np.diag(A.sum(axis=1)) - A
    return np.linalg.solve(np.eye(len(X)) + graph_weight * G, L)


# The graph


@pytest.mark.parametrize("n_neighbors", [1, 4, 50])
@pytest.mark.parametrize("sigma", ["median", 0.5])
def test_affinity_equals_brute_force(rng, n_neighbors, sigma):
    X = rng.normal(size=(30, 4))
    affinity, used = knn_affinity(X, n_neighbors, sigma=sigma)
    expected, expected_sigma = dense_affinity(X, n_neighbors, sigma)
    assert_allclose(affinity.toarray(), expected, rtol=1e-10)
    assert used == pytest.approx(expected_sigma)
    assert affinity.nnz <= 2 * 30 * n_neighbors
    assert not affinity.diagonal().any()


def test_nearest_neighbors_are_others_however_far_or_equal():
    X = np.array([[0.0], [0.0], [0.0], [1.0], [1e8]])
    neighbors = nearest_neighbors(X, 2)
    assert_array_equal(neighbors[:3], [[1, 2], [0, 2], [0, 1]])
    assert_array_equal(neighbors[4, 1], 3)
    assert nearest_neighbors(X, 10).shape == (5, 4)


def test_one_sample_has_no_neighbor():
    assert nearest_neighbors(np.ones((1, 3)), 4).shape == (1, 0)
    affinity, sigma = knn_affinity(np.ones((1, 3)), 4, sigma="median")
    assert_array_equal(affinity.toarray(), [[0]])
    assert sigma == 1.0


def test_affinity_of_copies():
    X = np.repeat([[0.0], [5.0]], 3, axis=0)
    affinity, sigma = knn_affinity(X, 2, sigma="median")
    assert sigma == 0
    assert_array_equal(affinity.toarray(), np.kron(np.eye(2), 1 - np.eye(3)))


# The scores


def test_two_samples_by_hand():
    # G = w [[1, -1], [-1, 1]] with w = exp(-1/2), so (I + G)^-1 = (I + w J) / (1 + 2 w).
    w = np.exp(-0.5)
    D = GLLEEnhancer(graph_weight=1.0, sigma=1.0, normalization="sum").fit_transform(
        [[0.0], [1.0]], [[1, 0], [0, 1]]
    )
    assert_allclose(D, np.array([[1 + w, w], [w, 1 + w]]) / (1 + 2 * w))


@pytest.mark.parametrize("graph_weight", [0.0, 1e-2, 1.0, 100.0])
@pytest.mark.parametrize("sigma", ["median", 1.0])
def test_equals_the_closed_form(rng, graph_weight, sigma):
    X, L = rng.normal(size=(80, 5)), labels(rng, 80, 4)
    expected = closed_form(X, L, graph_weight, 5, sigma)
    enhancer = GLLEEnhancer(graph_weight, sigma=sigma)
    assert_allclose(enhancer.fit_transform(X, L), softmax(expected, axis=1), rtol=0, atol=1e-9)
    enhancer.set_params(normalization="sum")
    expected /= expected.sum(axis=1, keepdims=True)
    assert_allclose(enhancer.fit_transform(X, L), expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize("graph_weight", [1e-2, 100.0])
def test_real_data(load_real, graph_weight):
    X, D = load_real("SJAFFE")
    X, L = StandardScaler().fit_transform(X), to_logical_labels(D)
    expected = softmax(closed_form(X, L, graph_weight, 7), axis=1)
    assert_allclose(GLLEEnhancer(graph_weight).fit_transform(X, L), expected, rtol=0, atol=1e-9)


def test_number_of_neighbors(rng):
    X, L = rng.normal(size=(40, 3)), labels(rng, 40, 3)
    expected = softmax(closed_form(X, L, 1.0, 9), axis=1)
    D = GLLEEnhancer(1.0, n_neighbors=9).fit_transform(X, L)
    assert_allclose(D, expected, rtol=0, atol=1e-9)
    assert np.abs(GLLEEnhancer(1.0).fit_transform(X, L) - expected).max() > 1e-3


def test_kernel_expansion_of_the_published_objective_has_the_same_scores(rng):
    # Minimise |K T - L|^2 + graph_weight tr((K T)' G (K T)) over T instead.
    X, L, graph_weight = rng.normal(size=(15, 3)), labels(rng, 15, 2), 0.7
    A, _ = dense_affinity(X, 3, "median")
    G = np.diag(A.sum(axis=1)) - A
    K = np.exp(-cdist(X, X, "sqeuclidean"))
    T = np.linalg.solve(K @ K + graph_weight * K @ G @ K, K @ L)
    D = GLLEEnhancer(graph_weight).fit_transform(X, L)
    assert_allclose(D, softmax(K @ T, axis=1), atol=1e-7)


def test_vanishing_affinities_leave_the_labels_alone(rng):
    X, L = 1e3 * rng.normal(size=(20, 3)), labels(rng, 20, 3)
    D = GLLEEnhancer(100.0, sigma=1.0).fit_transform(X, L)
    assert_allclose(D, softmax(L, axis=1), atol=1e-15)


def test_strong_smoothing_makes_connected_samples_equal(rng):
    X, L = rng.normal(size=(20, 2)), labels(rng, 20, 3)
    D = GLLEEnhancer(1e6, n_neighbors=19, max_iter=10_000).fit_transform(X, L)
    assert_allclose(D, np.tile(softmax(L.mean(axis=0)), (20, 1)), atol=1e-4)


def test_smoothing_helps_on_artificial_data():
    X, D = make_ldl(500, random_state=0)
    L = to_logical_labels(D)
    weak, strong = (
        kl_divergence(D, GLLEEnhancer(graph_weight).fit_transform(X, L))
        for graph_weight in (0.0, 10.0)
    )
    assert strong < 0.6 * weak


def test_order_of_samples_and_labels_and_scale_do_not_matter(rng):
    X, L = rng.normal(size=(40, 4)), labels(rng, 40, 5)
    D = GLLEEnhancer(1.0).fit_transform(X, L)
    rows, columns = rng.permutation(40), rng.permutation(5)
    moved = GLLEEnhancer(1.0).fit_transform(50 * X[rows], L[rows][:, columns])
    assert_allclose(moved, D[rows][:, columns], atol=1e-9)


def test_copies_share_their_labels():
    X = np.repeat([[0.0], [5.0]], 3, axis=0)
    L = [[1, 0], [0, 1], [1, 0], [0, 1], [0, 1], [0, 1]]
    enhancer = GLLEEnhancer(1e8, normalization="sum").fit(X, L)
    assert enhancer.sigma_ == 0
    assert_allclose(enhancer.label_distributions_[:3], [[2 / 3, 1 / 3]] * 3, atol=1e-6)
    assert_allclose(enhancer.label_distributions_[3:], [[0, 1]] * 3, atol=1e-12)


def test_constant_labels_stay_constant(rng):
    X = rng.normal(size=(30, 3))
    L = np.c_[labels(rng, 30, 1), np.ones(30), np.zeros(30)]
    D = GLLEEnhancer(1.0, normalization="sum").fit_transform(X, L)
    assert_array_equal(D[:, 2], 0)
    assert_allclose(D[:, 0] + D[:, 1], 1)
    first = closed_form(X, L, 1.0, 4)[:, 0]
    assert_allclose(D[:, 1], 1 / (1 + first), atol=1e-9)


@pytest.mark.parametrize("n_samples", [2, 3])
def test_fewer_samples_than_neighbors(rng, n_samples):
    X, L = rng.normal(size=(n_samples, 1)), labels(rng, n_samples, 5)
    D = GLLEEnhancer(1.0, n_neighbors=10).fit_transform(X, L)
    assert_allclose(D, softmax(closed_form(X, L, 1.0, 10), axis=1), atol=1e-9)


def test_one_sample_keeps_its_labels():
    enhancer = GLLEEnhancer(1.0, inductive=True).fit([[3.0]], [[1, 0]])
    assert_allclose(enhancer.label_distributions_, softmax([[1, 0]], axis=1))
    assert enhancer.transform([[3.0]])[0, 0] > 0.7


def test_class_labels(rng):
    X = np.r_[rng.normal(size=(20, 2)), 5 + rng.normal(size=(20, 2))]
    y = np.repeat(["cat", "dog"], 20)
    y[3] = "dog"
    enhancer = GLLEEnhancer(10.0).fit(X, y)
    assert_array_equal(enhancer.classes_, ["cat", "dog"])
    smooth = enhancer.classes_[enhancer.label_distributions_.argmax(axis=1)]
    assert_array_equal(smooth, np.repeat(["cat", "dog"], 20))


def test_samples_without_labels_become_uniform(rng):
    X, L = rng.normal(size=(20, 2)), labels(rng, 20, 3)
    L[4] = 0
    with pytest.raises(ValueError, match="row 4 has no label"):
        GLLEEnhancer().fit(X, L)
    D = GLLEEnhancer(allow_empty=True).fit_transform(X, L)
    assert_array_equal(D[4], 1 / 3)


def test_says_when_it_stops_early(rng):
    X, L = rng.normal(size=(50, 2)), labels(rng, 50, 3)
    with pytest.warns(ConvergenceWarning, match="after 2 steps with a relative residual of"):
        enhancer = GLLEEnhancer(100.0, max_iter=2).fit(X, L)
    assert enhancer.n_iter_ == 2


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("graph_weight", -1.0),
        ("n_neighbors", 0),
        ("sigma", 0.0),
        ("sigma", "mean"),
        ("inductive", "yes"),
        ("gamma", 0.0),
        ("l2_regularization", 0.0),
        ("max_iter", 0),
        ("tol", 0.0),
    ],
)
def test_bad_parameters(name, value):
    with pytest.raises(ValueError, match=f"'{name}' parameter of GLLEEnhancer"):
        GLLEEnhancer(**{name: value}).fit(np.eye(2), np.eye(2))


# New samples


def test_expansion_of_the_scores(rng):
    X, L, new = rng.normal(size=(30, 3)), labels(rng, 30, 3), rng.normal(size=(7, 3))
    enhancer = GLLEEnhancer(1.0, inductive=True, gamma=0.5, l2_regularization=0.2).fit(X, L)
    K = np.exp(-0.5 * cdist(X, X, "sqeuclidean"))
    theta = np.linalg.solve(K + 0.2 * np.eye(30), closed_form(X, L, 1.0, 4))
    assert_allclose(enhancer.dual_coef_, theta, atol=1e-8)
    expected = softmax(np.exp(-0.5 * cdist(new, X, "sqeuclidean")) @ theta, axis=1)
    assert_allclose(enhancer.transform(new), expected, atol=1e-8)


@pytest.mark.parametrize("normalization", ["softmax", "sum"])
def test_a_small_ridge_returns_the_distributions_of_the_samples(rng, normalization):
    X, L = rng.normal(size=(30, 3)), labels(rng, 30, 3)
    enhancer = GLLEEnhancer(
        1.0, inductive=True, gamma=1.0, l2_regularization=1e-8, normalization=normalization
    ).fit(X, L)
    assert_allclose(enhancer.transform(X), enhancer.label_distributions_, atol=1e-5)


@pytest.mark.parametrize("normalization", ["softmax", "sum"])
def test_far_from_all_samples_nothing_is_known(rng, normalization):
    X, L = rng.normal(size=(20, 3)), labels(rng, 20, 4)
    enhancer = GLLEEnhancer(inductive=True, normalization=normalization).fit(X, L)
    assert_array_equal(enhancer.transform(np.full((1, 3), 1e6)), np.full((1, 4), 0.25))


def test_batches_change_nothing(rng, monkeypatch):
    X, L, new = rng.normal(size=(20, 3)), labels(rng, 20, 3), rng.normal(size=(9, 3))
    enhancer = GLLEEnhancer(inductive=True).fit(X, L)
    D = enhancer.transform(new)
    monkeypatch.setattr(glle, "_ENTRIES", 50)
    assert_allclose(enhancer.transform(new), D, rtol=1e-12)


def test_new_samples_are_nearly_as_good_as_fitted_ones(load_real):
    X, D = load_real("Yeast_alpha")
    X, L = StandardScaler().fit_transform(X[:1000]), to_logical_labels(D[:1000])
    enhancer = GLLEEnhancer(1.0, inductive=True).fit(X[:500], L[:500])
    new = kl_divergence(D[500:1000], enhancer.transform(X[500:]))
    known = kl_divergence(D[:500], enhancer.label_distributions_[:500])
    assert new < 2 * known


def test_transform_is_there_on_request_only(rng):
    X, L = rng.normal(size=(10, 2)), labels(rng, 10, 2)
    enhancer = GLLEEnhancer().fit(X, L)
    assert not hasattr(enhancer, "transform")
    assert not hasattr(enhancer, "X_fit_")
    with pytest.raises(AttributeError, match="has no attribute 'transform'"):
        enhancer.transform(X)
    enhancer.set_params(inductive=True)
    with pytest.raises(NotFittedError):
        enhancer.transform(X)
    assert enhancer.fit(X, L).transform(X).shape == (10, 2)
    enhancer.set_params(inductive=False).fit(X, L)
    assert not {"X_fit_", "dual_coef_", "gamma_"} & vars(enhancer).keys()


def test_expansion_of_too_many_samples_is_refused(rng, monkeypatch):
    monkeypatch.setattr("sklearn_ldl.enhancement.base.MAX_DENSE", 10)
    X, L = rng.normal(size=(11, 2)), labels(rng, 11, 2)
    with pytest.raises(ValueError, match=r"11 x 11 similarities is refused.*inductive=False"):
        GLLEEnhancer(inductive=True).fit(X, L)
    assert GLLEEnhancer().fit_transform(X, L).shape == (11, 2)


@pytest.mark.parametrize("inductive", [False, True])
def test_pickles_clones_and_repeats(rng, inductive):
    X, L = rng.normal(size=(30, 2)), labels(rng, 30, 3)
    before = X.copy(), L.copy()
    enhancer = GLLEEnhancer(inductive=inductive)
    D = enhancer.fit_transform(X, L)
    copy = pickle.loads(pickle.dumps(enhancer))
    assert_array_equal(copy.label_distributions_, D)
    assert_array_equal(clone(enhancer).fit(X[:20], L[:20]).fit_transform(X, L), D)
    assert_array_equal(X, before[0])
    assert_array_equal(L, before[1])
    if inductive:
        X += 1  # the fitted samples are a copy
        assert_array_equal(copy.transform(before[0]), enhancer.transform(before[0]))
