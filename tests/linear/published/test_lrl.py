"""EDLLRL: stationarity from outside, the nuclear norms, and the case without them."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import softmax
from sklearn.preprocessing import StandardScaler

from sklearn_ldl import BFGSLDL
from sklearn_ldl.datasets import make_ldl
from sklearn_ldl.linear.published import lrl
from sklearn_ldl.linear.published.lrl import EDLLRL


@pytest.fixture(scope="module")
def data():
    X, D = make_ldl(90, random_state=0)
    rng = np.random.default_rng(0)
    D = 0.7 * D + 0.3 * rng.dirichlet(np.ones(D.shape[1]), len(D))
    return np.hstack([X, X[:, :2] ** 2]), D, rng.integers(0, 3, len(X)) / 2


def loss_value(P, D, s, loss):
    if loss == "squared_error":
        return 0.5 * s @ ((P - D) ** 2).sum(axis=1)
    return s @ (D * np.log(D / P)).sum(axis=1)


def nuclear_norms(A, labels):
    groups = [A[labels == g] for g in range(labels.max() + 1)]
    return sum(np.linalg.svd(group, compute_uv=False).sum() for group in groups)


def objective(model, coef, intercept, X, D, s):
    P = softmax(X @ coef.T + intercept, axis=1)
    norms = nuclear_norms(np.sqrt(s)[:, None] * P, model.cluster_labels_)
    penalty = model.alpha / 2 * (coef**2).sum()
    return loss_value(P, D, s, model.loss) + penalty + model.rank_weight * norms


def differences(function, A, step=1e-5):
    gradient = np.empty_like(A)
    for index in np.ndindex(A.shape):
        delta = np.zeros_like(A)
        delta[index] = step
        gradient[index] = (function(A + delta) - function(A - delta)) / (2 * step)
    return gradient


@pytest.mark.parametrize("loss", ["squared_error", "kl"])
def test_the_gradient_of_the_objective_vanishes(loss, data):
    # Predictions of full rank: the nuclear norms are differentiable there.
    X, D, weight = data
    model = EDLLRL(1e-3, loss=loss, n_clusters=3, tol=1e-7, random_state=0)
    model.fit(X, D, sample_weight=weight)
    s = weight / weight.sum()
    W, b = model.coef_, model.intercept_
    in_coef = differences(lambda A: objective(model, A, b, X, D, s), W)
    in_intercept = differences(lambda a: objective(model, W, a, X, D, s), b)
    assert max(np.abs(in_coef).max(), np.abs(in_intercept).max()) <= 1e-5
    assert_allclose(model.objective_curve_[-1], objective(model, W, b, X, D, s), rtol=1e-9)
    start = BFGSLDL(1e-3).fit(X, D, sample_weight=weight)
    if loss == "kl":
        value = objective(model, start.coef_, start.intercept_, X, D, s)
        assert_allclose(model.objective_curve_[0], value, rtol=1e-7)
    assert model.objective_curve_[-1] < model.objective_curve_[0]


@pytest.mark.parametrize("rank_weight", [1e-2, 0.3])
@pytest.mark.parametrize("loss", ["squared_error", "kl"])
def test_multipliers_certify_stationarity(loss, rank_weight, data, monkeypatch):
    X, D, _ = data
    kept = []

    class Recorded(lrl._LowRankCopies):
        def __init__(self, *args):
            super().__init__(*args)
            kept.append(self)

    monkeypatch.setattr(lrl, "_LowRankCopies", Recorded)
    tol = 1e-6
    model = EDLLRL(
        rank_weight=rank_weight, loss=loss, n_clusters=3, tol=tol, max_iter=3000, random_state=0
    ).fit(X, D)
    s = np.full(len(X), 1 / len(X))
    U, P = kept[0].U, model.predict(X)
    norms = 0.0
    for group in range(3):
        rows = model.cluster_labels_ == group
        scaled = np.sqrt(s[rows])[:, None] * U[rows]
        assert np.linalg.norm(scaled, 2) <= rank_weight * (1 + 1e-9)
        norms += nuclear_norms(np.sqrt(s[rows])[:, None] * P[rows], np.zeros(rows.sum(), int))
    assert_allclose(s @ (U * P).sum(axis=1), rank_weight * norms, atol=10 * tol)

    def lagrangian(coef, intercept):
        P = softmax(X @ coef.T + intercept, axis=1)
        penalty = model.alpha / 2 * (coef**2).sum()
        return loss_value(P, D, s, loss) + penalty + s @ (U * P).sum(axis=1)

    W, b = model.coef_, model.intercept_
    scale = 1 + np.sqrt(s @ X**2).max()  # how features pass on what the logits miss
    assert np.abs(differences(lambda A: lagrangian(A, b), W)).max() <= scale * tol
    assert np.abs(differences(lambda a: lagrangian(W, a), b)).max() <= 2 * tol


def test_copies_are_the_proximal_point_and_multipliers_a_subgradient(rng):
    P, weight = rng.dirichlet(np.ones(4), 12), rng.uniform(0.5, 2, 12) / 12
    clusters = [np.arange(5), np.arange(5, 12)]
    copies = lrl._LowRankCopies(P.shape, weight, clusters, 0.05)
    copies.U[:] = 0.01 * rng.standard_normal(P.shape)
    before = copies.U.copy()
    copies.update(P, 2.0)
    root = np.sqrt(weight)[:, None]

    def augmented(Z):
        norms = sum(np.linalg.svd(root[g] * Z[g], compute_uv=False).sum() for g in clusters)
        gap = P - Z
        return 0.05 * norms + np.sum(root**2 * (before * gap + gap**2))

    for _ in range(20):
        other = copies.Z + 1e-2 * rng.standard_normal(P.shape)
        assert augmented(other) > augmented(copies.Z)
    for g in clusters:
        assert np.linalg.norm(root[g] * copies.U[g], 2) <= 0.05 * (1 + 1e-12)


def test_rank_weight_zero_is_maximum_entropy(data):
    X, D, weight = data
    model = EDLLRL(1e-3, rank_weight=0, loss="kl", tol=1e-9, random_state=0)
    model.fit(X, D, sample_weight=weight)
    reference = BFGSLDL(1e-3, tol=1e-9).fit(X, D, sample_weight=weight)
    assert_allclose(model.coef_, reference.coef_, atol=1e-6)
    assert_allclose(model.intercept_, reference.intercept_, atol=1e-6)
    assert_allclose(model.objective_curve_, reference.loss_, rtol=1e-9)
    assert model.n_iter_ == 1


def test_small_rank_weight_is_close_to_none(data):
    X, D, _ = data
    none = EDLLRL(rank_weight=0, random_state=0).fit(X, D)
    some = EDLLRL(rank_weight=1e-6, random_state=0).fit(X, D)
    assert_allclose(some.predict(X), none.predict(X), atol=1e-3)


def test_nuclear_norms_fall_with_their_weight(data):
    X, D, _ = data
    norms = []
    for rank_weight in (0, 1e-2, 1e-1):
        model = EDLLRL(rank_weight=rank_weight, n_clusters=3, random_state=0).fit(X, D)
        norms.append(nuclear_norms(model.predict(X), model.cluster_labels_))
    assert norms[0] > norms[1] > norms[2]


def test_singular_values_do_vanish(load_real):
    X, D = load_real("Yeast_alpha")
    X = StandardScaler().fit_transform(X)
    model = EDLLRL(rank_weight=0.1, n_clusters=2, random_state=0).fit(X, D)
    for group in range(2):
        P = model.predict(X)[model.cluster_labels_ == group]
        values = np.linalg.svd(P / np.sqrt(len(X)), compute_uv=False)
        assert values[1] < 3e-5 < 0.1 < values[0]


def test_clusters_of_features_or_labels():
    X = np.repeat([[0.0], [1.0]], 20, axis=0)
    D = np.tile([[0.2, 0.8], [0.9, 0.1]], (20, 1))
    on_features = EDLLRL(n_clusters=2, random_state=0).fit(X, D).cluster_labels_
    on_labels = EDLLRL(n_clusters=2, cluster_on="labels", random_state=0).fit(X, D).cluster_labels_
    assert_array_equal(np.abs(np.diff(on_features)).nonzero()[0], [19])
    assert (np.diff(on_labels) != 0).all()


def test_ten_thousand_labels(rng):
    X = rng.standard_normal((30, 2))
    L = -((np.arange(10_000) - 5000 - 1000 * X[:, :1]) ** 2) / (2 * 300**2)
    D = softmax(L, axis=1)
    model = EDLLRL(1e-6, rank_weight=1e-5, n_clusters=2, loss="kl", random_state=0).fit(X, D)
    assert_allclose(model.predict(X).sum(axis=1), 1, atol=1e-12)
    assert model.score(X, D) > 0.5


def test_unknown_loss(data):
    with pytest.raises(ValueError, match="'loss' parameter"):
        EDLLRL(loss="hinge").fit(*data[:2])
