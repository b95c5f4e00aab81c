import pickle
from itertools import product

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import minimize
from scipy.special import softmax
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import StandardScaler

from sklearn_ldl._core.barycentric import barycentric_weights
from sklearn_ldl.datasets import make_ldl
from sklearn_ldl.enhancement import to_logical_labels
from sklearn_ldl.enhancement.graph import nearest_neighbors
from sklearn_ldl.enhancement.ml import MLEnhancer, minimize_above_one


def labels(rng, n_samples, n_labels):
    """Logical labels, one at least for each sample."""
    L = rng.integers(0, 2, size=(n_samples, n_labels))
    L[np.arange(n_samples), rng.integers(0, n_labels, size=n_samples)] = 1
    return L


def violations(X, L, scores, n_neighbors, margin=1.0, reg=1e-3, ridge=1e-5):
    """Violations of the optimality conditions of each label, of the published problem."""
    neighbors = nearest_neighbors(X, n_neighbors)
    E = np.eye(len(X))
    np.put_along_axis(E, neighbors, -barycentric_weights(X, neighbors, alpha=reg), axis=1)
    y = np.where(L > 0, 1, -1)
    slack = y * scores / margin - 1
    multiplier = y * (E.T @ (E @ scores) + ridge * scores) / margin
    assert (slack >= 0).all()
    return np.abs(np.minimum(slack, multiplier)).max(axis=0)


def positive_definite(rng, n_variables):
    A = rng.normal(size=(n_variables, n_variables))
    return A @ A.T + 0.01 * np.eye(n_variables)


# The solver


def by_enumeration(A):
    """Minimiser above one: the only set of active bounds that satisfies all conditions."""
    for active in product([True, False], repeat=len(A)):
        active = np.array(active)
        x = np.ones(len(A))
        x[~active] = np.linalg.solve(A[~active][:, ~active], -A[~active][:, active].sum(axis=1))
        if x.min() >= 1 and (A @ x)[active].min(initial=0) >= 0:
            return x
    raise AssertionError("a positive definite matrix has a minimiser")


@pytest.mark.parametrize("seed", range(20))
def test_equals_enumeration_of_active_bounds(seed):
    A = positive_definite(np.random.default_rng(seed), 7)
    x, _ = minimize_above_one(lambda v: A @ v, A.diagonal(), max_iter=1000, tol=1e-12)
    assert_allclose(x, by_enumeration(A), rtol=1e-9)
    assert x.min() >= 1


@pytest.mark.parametrize("seed", range(5))
def test_equals_another_solver(seed):
    A = positive_definite(np.random.default_rng(seed), 60)
    x, n_iter = minimize_above_one(lambda v: A @ v, A.diagonal(), max_iter=10_000, tol=1e-10)
    other = minimize(
        lambda v: (v @ A @ v / 2, A @ v),
        np.ones(60),
        jac=True,
        method="L-BFGS-B",
        bounds=[(1, None)] * 60,
        options={"maxiter": 10_000, "maxfun": 100_000, "ftol": 0, "gtol": 1e-9},
    )
    assert_allclose(x, other.x, rtol=1e-5)
    assert x @ A @ x / 2 <= other.fun * (1 + 1e-12)
    assert 1 < n_iter < 10_000


def test_objective_never_rises():
    A = positive_definite(np.random.default_rng(1), 30)
    values = [A.sum()]
    for max_iter in range(1, 60):
        x, n_iter = minimize_above_one(lambda v: A @ v, A.diagonal(), max_iter, tol=1e-12)
        assert n_iter <= max_iter
        values.append(x @ A @ x)
    assert (np.diff(values) <= 1e-12 * values[0]).all()
    assert values[-1] < 0.9 * values[0]


def test_no_step_where_the_bound_is_optimal():
    x, n_iter = minimize_above_one(lambda v: 2 * v, np.full(3, 2.0), max_iter=10, tol=1e-12)
    assert_array_equal(x, [1, 1, 1])
    assert n_iter == 0


# The estimator


def test_two_samples_by_hand():
    # Each reconstructs the other: the objective is 2 (mu_1 - mu_2)^2 + ridge |mu|^2.
    X, L = [[0.0], [1.0]], [[1, 1], [0, 1]]
    enhancer = MLEnhancer().fit(X, L)
    assert_array_equal(enhancer.scores_, [[1, 1], [-1, 1]])
    assert_allclose(enhancer.label_distributions_, softmax([[1, 1], [-1, 1]], axis=1))


def test_three_samples_on_a_line_by_hand():
    # The middle is half of each end, and each end reconstructed by extrapolation (2, -1). With
    # scores (a, 1, -1) only a is free: the derivative of (1 - a/2 + 1/2)^2 + (a - 2 - 1)^2
    # + (-1 - 2 + a)^2 vanishes at a = 3.
    X, L = [[0.0], [1.0], [2.0]], [[1, 1], [1, 1], [0, 1]]
    enhancer = MLEnhancer(barycenter_alpha=1e-12, l2_regularization=1e-9).fit(X, L)
    assert_allclose(enhancer.scores_, [[3, 1], [1, 1], [-1, 1]], atol=1e-5)


@pytest.mark.parametrize("n_features", [1, 2, 5, 40])
@pytest.mark.parametrize("margin", [1.0, 0.3])
def test_optimality_conditions(rng, n_features, margin):
    X, L = rng.normal(size=(60, n_features)), labels(rng, 60, 3)
    enhancer = MLEnhancer(margin=margin).fit(X, L)
    violated = violations(X, L, enhancer.scores_, n_neighbors=4, margin=margin)
    assert_allclose(violated, enhancer.residuals_, atol=1e-10)
    assert (enhancer.residuals_ <= 1e-8).all()
    assert (np.where(L > 0, 1, -1) * enhancer.scores_ >= margin).all()


def test_settings_reach_the_problem(rng):
    X, L = rng.normal(size=(40, 3)), labels(rng, 40, 2)
    enhancer = MLEnhancer(n_neighbors=7, barycenter_alpha=0.1, l2_regularization=0.2).fit(X, L)
    assert (violations(X, L, enhancer.scores_, n_neighbors=7, reg=0.1, ridge=0.2) <= 1e-8).all()
    assert (violations(X, L, enhancer.scores_, n_neighbors=7) > 1e-3).any()


def test_scores_are_proportional_to_the_margin(rng):
    X, L = rng.normal(size=(40, 3)), labels(rng, 40, 3)
    one, two = (MLEnhancer(margin=margin).fit(X, L).scores_ for margin in (1.0, 2.0))
    assert_allclose(two, 2 * one)


@pytest.mark.parametrize("name", ["Yeast_alpha", "Natural_Scene"])
def test_real_data(load_real, name):
    X, D = load_real(name)
    X, L = StandardScaler().fit_transform(X), to_logical_labels(D)
    enhancer = MLEnhancer().fit(X, L)
    assert (violations(X, L, enhancer.scores_, n_neighbors=L.shape[1] + 1) <= 1e-7).all()
    assert enhancer.n_iter_ < 2000


def test_recovers_the_ranking_of_relevant_labels():
    X, D = make_ldl(300, random_state=0)
    L = to_logical_labels(D, threshold=0.6)
    pair = L.sum(axis=1) == 2
    scores = MLEnhancer(n_neighbors=10).fit(X, L).scores_
    both = np.where(L[pair] > 0, scores[pair], -np.inf)
    right = both.argmax(axis=1) == D[pair].argmax(axis=1)
    assert pair.sum() > 100
    assert right.mean() > 0.7  # guessing is right half of the time


def test_softmax_and_sum(rng):
    X, L = rng.normal(size=(30, 3)), labels(rng, 30, 4)
    enhancer = MLEnhancer().fit(X, L)
    D, scores = enhancer.label_distributions_, enhancer.scores_
    assert_allclose(D, softmax(scores, axis=1))
    relevant = np.where(L > 0, D, np.inf).min(axis=1)
    irrelevant = np.where(L > 0, 0, D).max(axis=1)
    assert (relevant >= np.exp(2) * irrelevant * (1 - 1e-12)).all()

    by_sum = enhancer.set_params(normalization="sum").fit(X, L).label_distributions_
    positive = np.maximum(scores, 0)
    assert_allclose(by_sum, positive / positive.sum(axis=1, keepdims=True))
    assert (by_sum[L == 0] == 0).all()


def test_labels_of_all_or_no_samples_score_the_margin(rng):
    X = rng.normal(size=(30, 3))
    L = np.c_[labels(rng, 30, 2), np.ones(30), np.zeros(30)]
    enhancer = MLEnhancer(margin=0.5).fit(X, L)
    assert_array_equal(enhancer.scores_[:, 2], 0.5)
    assert_array_equal(enhancer.scores_[:, 3], -0.5)
    assert_array_equal(enhancer.residuals_[2:], 0)


def test_labels_do_not_influence_each_other(rng):
    X, L = rng.normal(size=(30, 3)), labels(rng, 30, 4)
    enhancer = MLEnhancer(n_neighbors=5).fit(X, L)
    D, scores = enhancer.label_distributions_, enhancer.scores_
    order = [2, 0, 3, 1]
    assert_array_equal(enhancer.fit_transform(X, L[:, order]), softmax(scores[:, order], axis=1))
    assert_allclose(D[:, order], enhancer.label_distributions_, rtol=1e-12)


def test_order_of_samples_rotation_and_scale_do_not_matter(rng):
    X, L = rng.normal(size=(40, 4)), labels(rng, 40, 3)
    D = MLEnhancer(tol=1e-11).fit_transform(X, L)
    order = rng.permutation(40)
    assert_allclose(MLEnhancer(tol=1e-11).fit_transform(X[order], L[order]), D[order], atol=1e-6)
    rotation = np.linalg.qr(rng.normal(size=(4, 4)))[0]
    assert_allclose(MLEnhancer(tol=1e-11).fit_transform(100 * X @ rotation, L), D, atol=1e-6)


def test_duplicates_are_distinct_neighbors(rng):
    X = np.repeat(rng.normal(size=(10, 2)), 4, axis=0)
    L = labels(rng, 40, 3)
    enhancer = MLEnhancer(n_neighbors=3).fit(X, L)
    assert (violations(X, L, enhancer.scores_, n_neighbors=3) <= 1e-7).all()
    # Each is the mean of its copies, so nothing is gained by scores beyond the margin.
    same = (L.reshape(10, 4, 3) == L.reshape(10, 4, 3)[:, :1]).all(axis=(1, 2))
    assert_allclose(np.abs(enhancer.scores_).reshape(10, 4, 3)[same], 1, atol=1e-6)


def test_equal_samples(rng):
    L = labels(rng, 12, 3)
    enhancer = MLEnhancer().fit(np.ones((12, 2)), L)
    assert (enhancer.residuals_ <= 1e-8).all()
    assert_allclose(enhancer.label_distributions_.sum(axis=1), 1, atol=1e-12)


@pytest.mark.parametrize("n_samples", [1, 2, 3])
def test_fewer_samples_than_neighbors(rng, n_samples):
    X, L = rng.normal(size=(n_samples, 2)), labels(rng, n_samples, 5)
    enhancer = MLEnhancer(n_neighbors=10).fit(X, L)
    scores = enhancer.scores_
    if n_samples == 1:
        assert_array_equal(scores, np.where(L > 0, 1, -1))
    else:
        assert (violations(X, L, scores, n_neighbors=n_samples - 1) <= 1e-8).all()


def test_class_labels(rng):
    X = np.r_[rng.normal(size=(20, 2)), 5 + rng.normal(size=(20, 2))]
    y = np.repeat(["cat", "dog"], 20)
    enhancer = MLEnhancer().fit(X, y)
    assert_array_equal(enhancer.classes_, ["cat", "dog"])
    assert_array_equal(enhancer.classes_[enhancer.label_distributions_.argmax(axis=1)], y)


def test_samples_without_labels_become_uniform(rng):
    X, L = rng.normal(size=(20, 2)), labels(rng, 20, 3)
    L[4] = 0
    with pytest.raises(ValueError, match="row 4 has no label"):
        MLEnhancer().fit(X, L)
    enhancer = MLEnhancer(allow_empty=True).fit(X, L)
    assert_array_equal(enhancer.label_distributions_[4], 1 / 3)
    assert (enhancer.scores_[4] <= -1).all()


def test_says_when_it_stops_early(rng):
    X, L = rng.normal(size=(50, 2)), labels(rng, 50, 3)
    message = r"after 3 steps .* > tol=.* Increase max_iter, l2_regularization"
    with pytest.warns(ConvergenceWarning, match=message):
        enhancer = MLEnhancer(max_iter=3).fit(X, L)
    assert enhancer.n_iter_ == 3
    assert enhancer.residuals_.max() > 1e-8
    assert (np.where(L > 0, 1, -1) * enhancer.scores_ >= 1).all()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n_neighbors", 0),
        ("margin", 0.0),
        ("barycenter_alpha", 0.0),
        ("l2_regularization", 0.0),
        ("max_iter", 0),
        ("tol", 0.0),
    ],
)
def test_bad_parameters(name, value):
    with pytest.raises(ValueError, match=f"'{name}' parameter of MLEnhancer"):
        MLEnhancer(**{name: value}).fit(np.eye(2), np.eye(2))


def test_pickles_clones_and_repeats(rng):
    X, L = rng.normal(size=(30, 2)), labels(rng, 30, 3)
    before = X.copy(), L.copy()
    enhancer = MLEnhancer(n_neighbors=4, margin=0.5)
    D = enhancer.fit_transform(X, L)
    assert_array_equal(pickle.loads(pickle.dumps(enhancer)).label_distributions_, D)
    assert_array_equal(clone(enhancer).fit(X[:20], L[:20]).fit_transform(X, L), D)
    assert_array_equal(X, before[0])
    assert_array_equal(L, before[1])
    assert not hasattr(enhancer, "transform")
