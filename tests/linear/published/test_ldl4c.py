"""LDL4C and LDLHR: their objectives, and inputs that users fear."""

import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose
from scipy.special import log_softmax, softmax, xlogy
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import KFold

from sklearn_ldl import BFGSLDL, LDL4C, LDLHR
from sklearn_ldl.datasets import make_ldl

KINDS = [LDL4C, LDLHR]


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    X = rng.normal([0, 1, -2], size=(80, 3))
    Z = X @ rng.standard_normal((3, 4)) + 0.3 * rng.standard_normal((80, 4))
    return X, np.exp(log_softmax(Z, axis=1))


def smooth(x, width):
    x = np.maximum(x, 0)
    return np.where(x < width, x**2 / (2 * width), x - width / 2)


def objective(model, coef, intercept, X, D, sample_weight):
    """Straight from the docstrings, row by row, for data without ties."""
    total = model.alpha / 2 * (coef**2).sum()
    P = softmax(X @ coef.T + intercept, axis=1)
    for d, p, s in zip(D, P, sample_weight / sample_weight.sum(), strict=True):
        order = np.argsort(-d)
        rest = order[1:]
        if isinstance(model, LDL4C):
            error = -xlogy(d, d).sum() * smooth(np.abs(d - p), model.smoothing).sum()
            rest = order[1:2]
        else:
            t = np.zeros_like(d)
            t[order[0]] = 1
            error = smooth(np.abs(t - p), model.smoothing).sum()
            error += model.rest_weight * smooth(np.abs(d - p)[rest], model.smoothing).sum()
        lack = smooth(model.margin - p[order[0]] + p[rest], model.smoothing).sum() / model.margin
        total += s * (error + model.margin_weight * lack)
    return total


def numerical_gradient(model, X, D, weight, step=1e-5):
    largest = 0.0
    for A in (model.coef_, model.intercept_):
        for index in np.ndindex(A.shape):
            values = []
            for sign in (1, -1):
                moved = A.copy()
                moved[index] += sign * step
                at = (moved, model.intercept_) if A is model.coef_ else (model.coef_, moved)
                values.append(objective(model, *at, X, D, weight))
            largest = max(largest, abs(values[0] - values[1]) / (2 * step))
    return largest


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("options", [{}, {"margin_weight": 1.0, "margin": 0.3}])
def test_reaches_a_stationary_point_of_the_documented_objective(kind, options, data, rng):
    X, D = data
    weight = rng.uniform(0.5, 2, len(D))
    model = kind(**options).fit(X, D, sample_weight=weight)
    final = objective(model, model.coef_, model.intercept_, X, D, weight)
    assert_allclose(model.objective_curve_[-1], final, rtol=1e-9)
    assert len(model.objective_curve_) == model.n_iter_ + 1
    assert np.diff(model.objective_curve_).max() <= 1e-12
    assert model.gradient_norm_ <= 1e-6
    assert numerical_gradient(model, X, D, weight) <= 2e-6


@pytest.mark.parametrize("kind", KINDS)
def test_begins_at_the_least_divergence(kind, data):
    X, D = data
    plain = BFGSLDL(alpha=0.02).fit(X, D)
    model = kind(alpha=0.02).fit(X, D)
    start = objective(model, plain.coef_, plain.intercept_, X, D, np.ones(len(D)))
    assert_allclose(model.objective_curve_[0], start, rtol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_order_of_labels_does_not_matter_also_with_ties(kind):
    X, D = make_ldl(120, n_votes=4, random_state=0)  # four votes: many ties
    order = [2, 0, 1]
    P = kind(tol=1e-8).fit(X, D).predict(X)
    assert_allclose(kind(tol=1e-8).fit(X, D[:, order]).predict(X), P[:, order], atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_weights_repeat_rows_and_sparse_input_is_the_same(kind, data):
    X, D = data
    counts = np.arange(len(X)) % 3
    options = {"alpha": 0.1, "tol": 1e-9}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        weighted = kind(**options).fit(X, D, sample_weight=counts).predict(X)
        repeated = kind(**options).fit(np.repeat(X, counts, 0), np.repeat(D, counts, 0)).predict(X)
        sparse = kind(**options).fit(sp.csr_array(X), D, sample_weight=counts).predict(X)
    assert_allclose(repeated, weighted, atol=1e-6)
    assert_allclose(sparse, weighted, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_data_at_the_edge(kind, data):
    X, _ = data
    certain = np.eye(4)[np.arange(len(X)) % 4]
    for D in (certain, np.full((len(X), 4), 0.25), np.eye(2)[np.arange(len(X)) % 2]):
        P = kind().fit(X, D).predict(X)
        assert np.isfinite(P).all()
        assert_allclose(P.sum(axis=1), 1, atol=1e-12)
    assert kind().fit(X.astype(np.float32), certain).coef_.dtype == np.float32


@pytest.mark.parametrize("kind", KINDS)
def test_says_when_it_has_not_converged(kind, data):
    with pytest.warns(ConvergenceWarning, match="1 iterations"):
        kind(max_iter=1).fit(*data)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "wrong", [{"margin": 0}, {"margin": 1}, {"smoothing": 0}, {"margin_weight": -1}]
)
def test_refuses_wrong_parameters(kind, wrong, data):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        kind(**wrong).fit(*data)


@pytest.mark.parametrize("kind", KINDS)
def test_the_label_of_a_real_file_is_predicted_better_than_by_the_divergence(kind, load_real):
    X, D = load_real("SJAFFE")
    errors = {}
    for name, model in {"plain": BFGSLDL(alpha=1e-7), "mine": kind(alpha=1e-7)}.items():
        splits = KFold(10, shuffle=True, random_state=0).split(X)
        wrong = [
            model.fit(X[a], D[a]).predict(X[b]).argmax(axis=1) != D[b].argmax(axis=1)
            for a, b in splits
        ]
        errors[name] = np.concatenate(wrong).mean()
    assert errors["mine"] < errors["plain"] - 0.02
