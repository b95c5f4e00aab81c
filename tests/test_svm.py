import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import check_grad, minimize
from scipy.special import softmax
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process.kernels import RBF
from sklearn.metrics import pairwise_distances
from sklearn.model_selection import GridSearchCV

from sklearn_ldl.datasets import make_ldl
from sklearn_ldl.metrics import chebyshev_distance, intersection_similarity, kl_divergence
from sklearn_ldl.svm import LDSVR, insensitive_norm


@pytest.fixture(scope="module")
def data():
    return make_ldl(60, n_votes=6, random_state=0)


def objective(model, X, D, weight=None):
    """Mean loss and share of the penalty, from the fitted coefficients alone."""
    weight = np.ones(len(X)) if weight is None else weight
    norm = np.linalg.norm(model.predict(X) - D, axis=1)
    loss = weight @ (np.sqrt(norm**2 + model.epsilon**2) - model.epsilon)
    A = model.dual_coef_
    K = model._kernel(model.landmarks_)
    return (loss + np.einsum("ji,ik,jk->", A, K, A) / (2 * model.C)) / weight.sum()


def test_loss_has_the_gradient_it_reports(data):
    D = data[1][:7]
    weight = np.linspace(0.5, 2, len(D))
    loss = insensitive_norm(0.1, scale=0.7)
    Z = np.random.default_rng(0).normal(size=D.shape)
    error = check_grad(
        lambda z: loss(z.reshape(D.shape), D, weight)[0],
        lambda z: loss(z.reshape(D.shape), D, weight)[1].ravel(),
        Z.ravel(),
    )
    assert error < 1e-6
    value, gradient = loss(Z, D, weight)
    out = Z.copy()
    again, written = loss(out, D, weight, out=out)
    assert written is out
    assert again == value
    assert_array_equal(written, gradient)
    norm = np.linalg.norm(softmax(Z, axis=1) - D, axis=1)
    assert_allclose(value, weight @ (np.hypot(norm, 0.1) - 0.1) / 0.7)


def test_loss_vanishes_with_its_gradient_at_a_perfect_fit(data):
    D = data[1] + 0.01
    D /= D.sum(axis=1, keepdims=True)
    value, gradient = insensitive_norm(0.1)(np.log(D), D, np.ones(len(D)))
    assert abs(value) < 1e-12
    assert_allclose(gradient, 0, atol=1e-12)


@pytest.mark.parametrize("kernel", ["laplacian", "rbf", "poly", "linear"])
def test_reported_objective_is_that_of_the_coefficients(kernel, data):
    X, D = data
    model = LDSVR(kernel=kernel).fit(X, D)
    assert_allclose(model.objective_curve_[-1], objective(model, X, D), rtol=1e-8)
    assert (np.diff(model.objective_curve_) <= 1e-12).all()
    assert len(model.objective_curve_) == model.n_iter_ + 1
    assert model.gradient_norm_ <= model.tol


def test_no_better_point_is_near(data):
    X, D = data
    model = LDSVR(5.0, kernel="rbf", tol=1e-9).fit(X, D)

    def value(coefficients):
        other = clone(model)
        other.__dict__.update(model.__dict__)
        A = coefficients.reshape(D.shape[1], -1)
        other.dual_coef_, other.intercept_ = A[:, :-1], A[:, -1]
        return objective(other, X, D)

    start = np.column_stack([model.dual_coef_, model.intercept_]).ravel()
    found = minimize(value, start, method="BFGS", options={"maxiter": 3})
    assert found.fun >= value(start) - 1e-9


def test_widths(data):
    X, D = data
    laplacian = LDSVR(max_iter=0, tol=1).fit(X, D)
    assert_allclose(laplacian.gamma_, 0.5 / pairwise_distances(X, metric="manhattan").mean())
    rbf = LDSVR(kernel="rbf", max_iter=0, tol=1).fit(X, D)
    assert_allclose(rbf.gamma_, 0.5 / pairwise_distances(X).mean() ** 2)
    scale = LDSVR(gamma="scale", max_iter=0, tol=1).fit(X, D)
    assert_allclose(scale.gamma_, 1 / X.var(axis=0).sum())
    given = LDSVR(kernel="rbf", gamma=0.3).fit(X, D)
    assert given.gamma_ == 0.3
    assert_allclose(given._kernel(X), RBF(np.sqrt(1 / 0.6))(X, X))


def test_decreasing_c_leads_to_the_best_constant(data):
    X, D = data
    P = LDSVR(1e-9).fit(X, D).predict(X)
    assert_allclose(P, P[:1].repeat(len(X), axis=0), atol=1e-6)

    def loss(z):
        return np.hypot(np.linalg.norm(softmax(z) - D, axis=1), 0.1).mean()

    assert_allclose(P[0], softmax(minimize(loss, np.zeros(D.shape[1])).x), atol=1e-4)


def test_odd_rows_have_little_influence():
    X, D = make_ldl(200, random_state=0)
    odd = D.copy()
    odd[:20] = np.eye(D.shape[1])[D[:20].argmin(axis=1)]
    squared, robust = LDSVR(epsilon=10.0, C=5e3), LDSVR(epsilon=0.02)
    damage = [
        chebyshev_distance(D[20:], model.fit(X, odd).predict(X[20:])) for model in (squared, robust)
    ]
    assert damage[1] < 0.8 * damage[0]


@pytest.mark.parametrize("kernel", ["laplacian", "rbf"])
def test_weights_equal_repetitions(kernel, data):
    X, D = data
    weight = np.arange(len(X)) % 4
    model = LDSVR(kernel=kernel, tol=1e-10)
    weighted = clone(model).fit(X, D, sample_weight=weight)
    repeated = clone(model).fit(np.repeat(X, weight, axis=0), np.repeat(D, weight, axis=0))
    assert_allclose(weighted.gamma_, repeated.gamma_)
    assert_allclose(weighted.predict(X), repeated.predict(X), atol=1e-6)
    assert len(weighted.landmarks_) == np.count_nonzero(weight)


@pytest.mark.parametrize("kernel", ["laplacian", "rbf", "poly", "linear"])
@pytest.mark.parametrize("gamma", ["mean_distance", "scale"])
def test_sparse_features_equal_dense_ones(kernel, gamma, data):
    X, D = data
    X = np.where(X > 0, X, 0)
    model = LDSVR(kernel=kernel, gamma=gamma, tol=1e-9)
    P = clone(model).fit(sp.csr_array(X), D).predict(sp.csr_array(X))
    assert_allclose(P, clone(model).fit(X, D).predict(X), atol=1e-6)


def test_landmarks(data):
    X, D = data
    model = LDSVR(max_landmarks=15, random_state=0).fit(X, D)
    assert model.landmarks_.shape == (15, X.shape[1])
    assert model.dual_coef_.shape == (D.shape[1], 15)
    assert_array_equal(model.predict(X), clone(model).fit(X, D).predict(X))
    assert model.score(X, D) > 0.3
    weight = (np.arange(len(X)) < 20).astype(float)
    some = clone(model).fit(X, D, sample_weight=weight)
    assert {tuple(row) for row in some.landmarks_} <= {tuple(row) for row in X[:20]}
    every = LDSVR(max_landmarks=len(X)).fit(X, D)
    assert_array_equal(every.landmarks_, X)


def test_awkward_data(data):
    X, D = data
    constant = LDSVR().fit(np.full((len(X), 2), 3.0), D)
    P = constant.predict([[3.0, 3.0]])
    assert np.isfinite(P).all()
    one_hot = np.eye(3)[np.arange(len(X)) % 3]
    two = np.array([[1, 0], [0, 1.0]])
    for X_, D_ in [(X, one_hot), (X[:1], D[:1]), (X[:, :1], D), (X[:2], two), (X[:3], D[:3])]:
        P = LDSVR().fit(X_, D_).predict(X_)
        assert_allclose(P.sum(axis=1), 1, atol=1e-12)
        assert np.isfinite(P).all()
    # A label that never occurs stays next to zero.
    absent = np.column_stack([D, np.zeros(len(D))])
    assert LDSVR().fit(X, absent).predict(X)[:, -1].max() < 1e-6
    wide = np.random.default_rng(0).normal(size=(20, 500))
    assert LDSVR().fit(wide, D[:20]).score(wide, D[:20]) > 0.5
    single = LDSVR().fit(X.astype(np.float32), D)
    assert_allclose(single.predict(X), LDSVR().fit(X, D).predict(X), atol=1e-3)
    assert np.isfinite(single.predict(1e8 * X)).all()


def test_ten_thousand_labels():
    X = np.linspace(0, 1, 12)[:, None]
    grid = np.linspace(0, 1, 10_000)
    D = np.exp(-0.5 * ((grid - X) / 0.1) ** 2)
    D /= D.sum(axis=1, keepdims=True)
    P = LDSVR(1e4).fit(X, D).predict(X)
    assert P.shape == D.shape
    assert_allclose(P.sum(axis=1), 1, atol=1e-12)


def test_keeps_names_and_pickles(data):
    X, D = data
    X = pd.DataFrame(X).add_prefix("x")
    D = pd.DataFrame(D).add_prefix("label")
    model = LDSVR().fit(X, D)
    assert_array_equal(model.label_names_, D.columns)
    assert_array_equal(model.feature_names_in_, X.columns)
    again = pickle.loads(pickle.dumps(model))
    assert_array_equal(again.predict(X), model.predict(X))


def test_grid_search():
    X, D = make_ldl(100, random_state=0)
    search = GridSearchCV(LDSVR(), {"C": [1, 30], "kernel": ["rbf", "linear"]}, cv=2).fit(X, D)
    assert search.best_score_ > 0.8


def test_warns_when_it_stops_early(data):
    with pytest.warns(ConvergenceWarning, match=r"Increase max_iter.*decrease C"):
        LDSVR(max_iter=1).fit(*data)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        LDSVR().fit(*data)


@pytest.mark.parametrize(
    "parameters",
    [
        {"C": 0},
        {"epsilon": 0},
        {"kernel": "sigmoid"},
        {"gamma": "auto"},
        {"gamma": -1},
        {"degree": 0},
        {"coef0": -1},
        {"max_landmarks": 0},
        {"tol": -1},
    ],
)
def test_parameters(parameters, data):
    with pytest.raises(ValueError, match=f"The '{next(iter(parameters))}' parameter of LDSVR"):
        LDSVR(**parameters).fit(*data)


def test_errors(data):
    X, D = data
    with pytest.raises(ValueError, match=r"inconsistent numbers of samples"):
        LDSVR().fit(X[:-1], D)
    with pytest.raises(ValueError, match=r"(?i)sample weights.*zero"):
        LDSVR().fit(X, D, sample_weight=np.zeros(len(X)))
    with pytest.raises(ValueError, match="NaN"):
        LDSVR().fit(np.where(X > 0, np.nan, X), D)
    with pytest.raises(ValueError, match="not a label distribution"):
        LDSVR().fit(X, 2 * D)


def test_facial_expressions(load_real):
    X, D = load_real("SJAFFE")
    X = (X - X[::2].mean(axis=0)) / X[::2].std(axis=0)
    P = LDSVR().fit(X[::2], D[::2]).predict(X[1::2])
    assert kl_divergence(D[1::2], P) < 0.06
    assert intersection_similarity(D[1::2], P) > 0.86
