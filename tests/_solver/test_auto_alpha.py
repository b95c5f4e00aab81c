import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import softmax
from sklearn.linear_model import Ridge

from sklearn_ldl import BFGSLDL
from sklearn_ldl._solver.auto_alpha import (
    choose_alpha,
    deviations,
    effective_size,
    sample_of_rows,
    sampled_rows,
)
from sklearn_ldl._solver.label_basis import basis_of, smooth_covariance


@pytest.fixture(scope="module")
def data():
    rng = np.random.RandomState(0)
    X = rng.normal(size=(120, 6)) + 3
    D = softmax(X @ rng.normal(size=(6, 4)) * 0.3 + rng.normal(size=(120, 4)), axis=1)
    return X, D


def chosen(X, D, weight=None, **options):
    weight = np.ones(len(D)) if weight is None else weight
    return choose_alpha(*sample_of_rows(X, D, weight), **options)


def literal_score(X, D, alpha, n_free=1):
    """Generalised cross-validation of one Newton step, from hat matrices of ridge regressions."""
    n = len(X)
    pi = D.mean(axis=0)
    g, Q = np.linalg.eigh(np.diag(pi) - np.outer(pi, pi))
    Y = (D - pi) @ Q[:, 1:] / np.sqrt(g[1:])
    score = 0
    for curvature, y in zip(g[1:], Y.T, strict=True):
        penalty = n * alpha / curvature  # scikit-learn's has no mean over rows
        H = np.array([Ridge(penalty).fit(X, e).predict(X) for e in np.eye(n)]).T
        score += ((y - H @ y) ** 2).mean() / (1 - 1.05 * np.trace(H) / n) ** 2
    return score


def test_it_is_the_minimum_of_generalised_cross_validation(data):
    X, D = data
    alpha, standardize, basis, scale, unexplained = chosen(X, D)
    assert (standardize, basis) == (False, 0)
    assert_allclose(scale, np.sqrt(X.var(axis=0).mean()))
    best = alpha / np.sqrt(unexplained)
    value = literal_score(X, D, best)
    for factor in (0.5, 0.9, 1.1, 2):
        assert value < literal_score(X, D, factor * best)
    n, n_directions = len(X), 3
    total = n_directions  # whitened residuals have unit variance, where they follow the mean
    pi = D.mean(axis=0)
    R = D - pi
    total = np.trace(np.linalg.pinv(np.diag(pi) - np.outer(pi, pi)) @ R.T @ R) / n
    assert_allclose(unexplained, value * (1 - 1.05 / n) ** 2 / total)


@pytest.mark.parametrize("factor", [1e-6, 1e6])
def test_a_common_scale_of_features_and_weights_changes_nothing(factor, data):
    X, D = data
    weight = np.random.RandomState(1).uniform(0.5, 2, len(D))
    expected = chosen(X, D, weight, scalings=(False, True))
    choice = chosen(factor * X, D, weight / factor, scalings=(False, True))
    power = 0 if choice.standardize else 2
    assert_allclose(choice.alpha, expected.alpha * factor**power, rtol=1e-6)
    assert choice.standardize == expected.standardize


def test_sparse_and_single_precision_features_choose_the_same(data):
    X, D = data
    expected = chosen(X, D).alpha
    assert_allclose(chosen(sp.csr_array(X), D).alpha, expected)
    assert_allclose(chosen(X.astype(np.float32), D).alpha, expected, rtol=1e-3)


def test_more_features_than_rows(data):
    X, D = data
    wide = np.hstack([X, np.random.RandomState(2).normal(size=(120, 200))])
    alpha = chosen(wide[:60], D[:60]).alpha
    # The rotation of the features does not matter, and zeros add nothing.
    rotation = np.linalg.qr(np.random.RandomState(3).normal(size=(206, 206)))[0]
    assert_allclose(chosen(wide[:60] @ rotation, D[:60]).alpha, alpha, rtol=2e-3)
    assert_allclose(chosen(np.hstack([X, 0 * X]), D).alpha, chosen(X, D).alpha, rtol=2e-3)


def test_noise_is_shrunk_away_and_a_signal_is_not(data):
    X, D = data
    order = np.random.RandomState(4).permutation(len(D))
    assert chosen(X, D[order]).alpha > 20 * chosen(X, D).alpha


def test_features_that_need_scaling_are_standardised(data):
    X, D = data
    noise = 1e3 * np.random.RandomState(5).normal(size=(len(X), 3))
    assert chosen(np.hstack([X, noise]), D, scalings=(False, True)).standardize
    # Many small features of noise had better stay small.
    small = 1e-3 * np.random.RandomState(5).normal(size=(len(X), 60))
    assert not chosen(np.hstack([X, small]), D, scalings=(False, True)).standardize


def test_a_smooth_basis_is_chosen_where_labels_have_an_order():
    rng = np.random.RandomState(6)
    X = rng.normal(size=(150, 10))
    grid = np.linspace(0, 1, 30)[:, None]
    centre = 0.5 + 0.1 * X[:, 0]
    D = softmax(-(((grid[:, 0] - centre[:, None]) / 0.05) ** 2), axis=1)
    bases = [None, basis_of(smooth_covariance(grid, 0.4))]
    assert chosen(X, D, bases=bases).basis == 1
    shuffled = rng.permutation(30)
    assert chosen(X, D[:, shuffled], bases=bases).basis == 0


def test_without_an_intercept_the_step_starts_at_the_uniform_distribution(data):
    X, D = data
    one = np.ones((len(X), 1))
    tied = chosen(np.hstack([X, one]), D, fit_intercept=False)
    assert tied.unexplained < 0.95
    assert tied.alpha < 1
    assert_allclose(tied.scale, np.sqrt(np.append((X**2).mean(axis=0), 1).mean()))


@pytest.mark.parametrize("n_rows", [1, 2, 3])
def test_few_rows(n_rows, data):
    X, D = data
    choice = chosen(X[:n_rows], D[:n_rows], scalings=(False, True))
    assert np.isfinite(choice.alpha)
    assert choice.alpha > 0


@pytest.mark.parametrize("seed", range(12))
def test_fewer_rows_than_features_of_any_kind(seed):
    # Where features can explain everything, the residuals must not become negative by rounding.
    rng = np.random.RandomState(seed)
    n, p, n_labels = rng.randint(2, 40), rng.randint(40, 120), rng.randint(2, 30)
    X = rng.normal(size=(n, p))
    D = rng.dirichlet(np.full(n_labels, rng.choice([0.1, 1, 10])), n)
    grid = np.linspace(0, 1, n_labels)[:, None]
    bases = [None, basis_of(smooth_covariance(grid, 0.2)), basis_of(smooth_covariance(grid, 0.8))]
    choice = chosen(X, D, scalings=(False, True), bases=bases)
    assert 0 < choice.alpha < np.inf
    assert 0 <= choice.unexplained <= 1


def test_of_equal_scores_the_strongest_penalty_is_taken(data):
    # Two rows have one direction, and any penalty explains as much for its freedom.
    choice = chosen(np.random.RandomState(0).normal(size=(2, 50)), data[1][:2])
    assert choice.alpha > 1e3


def test_constant_features_and_rows(data):
    X, D = data
    for value in (0, 0.1, 1e9):
        assert chosen(np.full_like(X, value), D).alpha > 0
    varying = np.hstack([X, np.full((len(X), 1), 0.1)])
    expected = chosen(X, D, scalings=(True,))
    assert_allclose(chosen(varying, D, scalings=(True,)).alpha, expected.alpha, rtol=2e-3)
    assert chosen(X, np.tile(D[:1], (len(X), 1))).alpha > 0
    assert chosen(X, np.eye(4)[np.zeros(len(X), dtype=int)]).alpha > 0


def test_deviations_of_what_does_not_vary_are_one():
    assert_array_equal(deviations(np.array([4.0, 0, 1e-25]), np.array([0, 1, 0.1])), [2, 1, 1])


def test_rows_of_a_sample():
    assert_array_equal(sampled_rows(np.array([1.0, 0, 2]), 5), [0, 2])
    rows = sampled_rows(np.ones(10_000), 5)
    assert len(np.unique(rows)) == len(rows) == 2000
    assert_array_equal(np.sort(rows), rows)
    assert_array_equal(rows, sampled_rows(np.ones(10_000), 5))
    assert len(sampled_rows(np.ones(10_000), 501)) == 500
    assert len(sampled_rows(np.ones(400), 10_000)) == 400


def test_penalties_go_with_the_number_of_rows(data):
    X, D = data
    rng = np.random.RandomState(7)
    rows = rng.randint(len(X), size=20_000)
    noise = rng.normal(size=(20_000, 4))
    many = softmax(np.log(D[rows]) + noise, axis=1)
    few = chosen(X[rows[:2000]], many[:2000]).alpha
    assert 0.05 < chosen(X[rows], many).alpha / few < 0.2


def test_effective_size():
    assert effective_size(np.full(7, 1e300)) == 7
    assert_allclose(effective_size(np.array([1.0, 1, 2])), 16 / 6)


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("n_copies", [2, 5, 7])
def test_rows_that_the_features_explain_to_the_last_bit(n_copies, sparse):
    # Few distinct rows, each with one and the same target: nothing is left, but for rounding.
    rng = np.random.RandomState(0)
    X = np.tile(rng.uniform(size=(6, 9)) * (rng.uniform(size=(6, 9)) < 0.5), (n_copies, 1))
    D = np.tile(np.eye(2)[[0, 1, 1, 0, 0, 1]], (n_copies, 1))
    X = sp.csr_array(X) if sparse else X
    with np.errstate(invalid="raise"):
        for scaling in (False, True):
            assert 0 < chosen(X, D, scalings=[scaling]).alpha < 1e-6
    model = BFGSLDL().fit(X, D)
    assert_allclose(model.predict(X), D, atol=1e-3)


def test_noise_is_not_followed_where_there_are_as_many_features_as_rows():
    rng = np.random.RandomState(8)
    alphas = []
    for n_features in (60, 119, 120, 200):
        X = rng.normal(size=(120, n_features))
        D = softmax(X[:, :1] * [[1, 0, -1]] + rng.normal(size=(120, 3)), axis=1)
        alphas.append(chosen(X, D).alpha)
    assert min(alphas) > 1e-3
