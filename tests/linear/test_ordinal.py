import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose
from scipy.optimize import approx_fprime, check_grad
from scipy.special import expit
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ldl import BFGSLDL, ProportionalOddsLDL
from sklearn_ldl._solver.design import Design
from sklearn_ldl._solver.ordered import OrderedRows
from sklearn_ldl.metrics import get_ldl_scorer, kl_divergence


def drawn(n=300, n_labels=5, n_votes=1, seed=0, n_features=4):
    """Votes of the model itself, on features of several scales and places."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, n_features)) * [1, 3, 0.2, 1] + [0, 10, 0, 1]
    score = X @ [1.0, -0.3, 2.0, 0.0] + 3
    thresholds = np.linspace(-2, 1.5, n_labels - 1)
    draws = score[:, None] + rng.logistic(size=(n, n_votes))
    labels = (draws[..., None] > thresholds).sum(axis=2)
    return X, np.eye(n_labels)[labels].mean(axis=1)


def plainly(model, X):
    """Degrees as differences of the cumulative probabilities."""
    up_to = expit(model.thresholds_ - (X @ model.coef_)[:, None])
    return np.diff(up_to, axis=1, prepend=0, append=1)


# Its search is asked for more than rounding permits.
@pytest.mark.filterwarnings("ignore:Maximum Likelihood optimization failed")
@pytest.mark.parametrize("n_labels", [2, 3, 6])
def test_one_hot_rows_are_the_ordered_logit_of_statsmodels(n_labels):
    ordinal = pytest.importorskip("statsmodels.miscmodels.ordinal_model")
    X, D = drawn(n_labels=n_labels)
    model = ProportionalOddsLDL(alpha=0, tol=1e-9).fit(X, D)
    reference = ordinal.OrderedModel(D.argmax(axis=1), X, distr="logit")
    result = reference.fit(method="bfgs", gtol=1e-9, maxiter=1000, disp=0)
    assert_allclose(model.coef_, result.params[:4], atol=1e-5)
    thresholds = reference.transform_threshold_params(result.params)[1:-1]
    assert_allclose(model.thresholds_, thresholds, atol=1e-5)
    assert_allclose(model.predict(X), result.predict(X), atol=1e-5)
    assert_allclose(-len(X) * model.loss_, result.llf, rtol=1e-9)


@pytest.mark.parametrize("alpha", [0, 0.01])
def test_it_minimises_its_objective(alpha):
    X, D = drawn(n_votes=6)
    weight = np.random.default_rng(1).uniform(0, 2, len(X))
    model = ProportionalOddsLDL(alpha, tol=1e-9).fit(X, D, sample_weight=weight)
    P = plainly(model, X)
    assert_allclose(model.predict(X), P, atol=1e-12)

    def objective(parameters):
        w, thresholds = parameters[:4], parameters[4:]
        up_to = expit(thresholds - (X @ w)[:, None])
        degrees = np.diff(up_to, axis=1, prepend=0, append=1)
        divergence = kl_divergence(D, degrees, sample_weight=weight)
        return divergence + alpha / 2 * w @ w

    found = np.concatenate([model.coef_, model.thresholds_])
    assert_allclose(model.loss_, objective(found), rtol=1e-9)
    assert np.abs(approx_fprime(found, objective, 1e-7)).max() < 1e-5
    rng = np.random.default_rng(2)
    for _ in range(20):
        assert objective(found + 1e-3 * rng.normal(size=found.size)) > objective(found)


def test_gradient_of_the_rows():
    X, D = drawn(60, n_votes=3)
    design = Design(X, np.full(60, 1 / 60), center=True)

    def value(z):
        return OrderedRows(design, D).start(z[None, :4], z[4:])[0]

    def gradient(z):
        _, G, total = OrderedRows(design, D).start(z[None, :4], z[4:])
        return np.concatenate([G[0], total])

    rng = np.random.default_rng(0)
    for _ in range(5):
        z = np.concatenate([rng.normal(size=4), np.sort(rng.normal(size=4))[::-1]])
        assert check_grad(value, gradient, z) < 1e-5
    rows = OrderedRows(design, D)
    rows.start(np.zeros((1, 4)), np.array([2.0, 1, 0, -1]))
    rows.aim(np.zeros((1, 4)), np.array([-1.0, 0, 0, 0]))
    assert np.isfinite(rows.at(0.9)).all()
    assert rows.at(1.0) == (np.inf, np.inf)  # thresholds that meet


def test_two_labels_are_the_softmax_model():
    X, D = drawn(n_labels=2, n_votes=4)
    # A difference of two coefficients has twice the square of a centred pair of them.
    model = ProportionalOddsLDL(0.01, tol=1e-9).fit(X, D)
    softmax = BFGSLDL(0.02, tol=1e-9).fit(X, D)
    assert_allclose(model.predict(X), softmax.predict(X), atol=1e-7)


def test_reversing_the_labels_turns_the_sign():
    X, D = drawn(n_votes=3)
    for alpha in (0.01, "auto"):
        model = ProportionalOddsLDL(alpha, tol=1e-9).fit(X, D)
        other = ProportionalOddsLDL(alpha, tol=1e-9).fit(X, D[:, ::-1])
        assert_allclose(other.coef_, -model.coef_, atol=1e-7)
        assert_allclose(other.thresholds_, -model.thresholds_[::-1], atol=1e-7)


def test_labels_without_mass():
    X, D = drawn(n_votes=3)
    model = ProportionalOddsLDL(tol=1e-9).fit(X, D)
    empty = [0, 1, 4, 5, 9]
    wider = ProportionalOddsLDL(tol=1e-9).fit(X, np.insert(D, [0, 0, 2, 2, 5], 0, axis=1))
    assert_allclose(wider.coef_, model.coef_)
    assert np.diff(wider.thresholds_).min() > 0
    P = wider.predict(X)
    assert 0 < P[:, empty].min() < P[:, empty].max() < 1e-5
    assert_allclose(np.delete(P, empty, axis=1), model.predict(X), atol=1e-5)
    constant = ProportionalOddsLDL().fit(X, np.tile([0, 1.0, 0, 0], (len(X), 1)))
    assert_allclose(constant.predict(X), np.tile([0, 1, 0, 0], (len(X), 1)), atol=1e-7)


def test_automatic_penalty():
    """It is about the one that is best on new rows, among multiples of it."""
    losses = []
    for seed in range(10):
        X, D = drawn(60, n_votes=2, seed=seed)
        noise = np.random.default_rng(seed).normal(size=(1060, 30))
        X_new, D_new = drawn(1000, n_votes=20, seed=100 + seed)
        X, X_new = np.hstack([X, noise[:60]]), np.hstack([X_new, noise[60:]])
        auto = ProportionalOddsLDL().fit(X, D)
        models = [auto] + [
            ProportionalOddsLDL(auto.alpha_ * factor, standardize=auto.standardized_).fit(X, D)
            for factor in (1 / 30, 30)
        ]
        losses.append([kl_divergence(D_new, model.predict(X_new)) for model in models])
    chosen, weaker, stronger = np.mean(losses, axis=0)
    assert chosen < 0.9 * weaker
    assert chosen < 0.9 * stronger


def test_fewer_rows_than_the_softmax_model_needs():
    scorer = get_ldl_scorer("neg_ranked_probability_score_loss")
    scores = []
    for seed in range(5):
        X, D = drawn(40, n_votes=3, seed=seed)
        new = drawn(1000, n_votes=50, seed=100 + seed)
        models = [ProportionalOddsLDL().fit(X, D), BFGSLDL().fit(X, D)]
        scores.append([scorer(model, *new) for model in models])
    ordered, free = np.mean(scores, axis=0)
    assert ordered > 0.8 * free


def test_sparse_wide_and_single_precision_features():
    X, D = drawn(n_votes=3)
    model = ProportionalOddsLDL(0.01, tol=1e-8)
    expected = clone(model).fit(X, D).predict(X)
    assert_allclose(clone(model).fit(sp.csr_array(X), D).predict(X), expected, atol=1e-6)
    assert_allclose(clone(model).fit(X, D).predict(sp.csr_array(X)), expected, atol=1e-12)
    single = ProportionalOddsLDL(0.01).fit(X.astype(np.float32), D)
    assert single.coef_.dtype == np.float32
    assert single.predict(X.astype(np.float32)).dtype == np.float32
    assert_allclose(single.predict(X.astype(np.float32)), expected, atol=1e-4)
    wide = np.hstack([X, np.zeros((300, 600))])
    assert_allclose(clone(model).fit(wide, D).predict(wide), expected, atol=1e-6)


def test_warm_start_and_its_shapes():
    X, D = drawn(n_votes=3)
    model = ProportionalOddsLDL(warm_start=True).fit(X, D)
    P, n_iter = model.predict(X), model.n_iter_
    model.fit(X, D)
    assert model.n_iter_ < n_iter / 2
    assert_allclose(model.predict(X), P, atol=1e-5)
    fewer = D.copy()
    fewer[:, 1] += fewer[:, 2]
    fewer[:, 2] = 0
    model.fit(X, fewer)  # a threshold less
    assert_allclose(model.predict(X), ProportionalOddsLDL().fit(X, fewer).predict(X), atol=1e-5)
    with pytest.raises(ValueError, match="had 5 labels and 4 features, these data have 5 and 3"):
        model.fit(X[:, :3], D)


def test_warnings_where_there_is_no_minimiser():
    X, D = drawn(30)
    separable = np.linspace(-1, 1, 30)[:, None]
    sure = np.eye(3)[np.repeat([0, 1, 2], 10)]
    with pytest.warns(ConvergenceWarning, match="Increase max_iter"):
        ProportionalOddsLDL(alpha=0, max_iter=5).fit(separable, sure)
    with pytest.warns(ConvergenceWarning, match="no more rows than features"):
        ProportionalOddsLDL(alpha=0, max_iter=1000).fit(X[:4], D[:4])


def test_far_rows_have_finite_logarithms():
    X, D = drawn(n_votes=3)
    model = ProportionalOddsLDL().fit(X, D)
    L = model.predict_log_proba(1e4 * X)
    assert np.isfinite(L).all()
    assert L.min() < -1000
    assert_allclose(model.predict(1e4 * X).sum(axis=1), 1, atol=1e-12)


def test_pipelines_and_searches():
    X, D = drawn(n_votes=3)
    model = make_pipeline(StandardScaler(), ProportionalOddsLDL())
    search = GridSearchCV(
        model,
        {"proportionaloddsldl__alpha": [1e-3, 10.0]},
        cv=3,
        scoring=get_ldl_scorer("neg_ranked_probability_score_loss"),
    ).fit(X, D)
    assert search.best_params_ == {"proportionaloddsldl__alpha": 1e-3}
    assert search.score(X, D) < 0
