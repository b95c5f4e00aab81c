import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold
from sklearn.preprocessing import StandardScaler

from sklearn_ldl import BFGSLDL, BFGSLDLCV
from sklearn_ldl.datasets import make_ldl
from sklearn_ldl.metrics import get_ldl_scorer

ALPHAS = np.logspace(-4, 1, 6)


@pytest.fixture(scope="module")
def data():
    X, D = make_ldl(120, n_votes=10, random_state=0)
    rng = np.random.default_rng(0)
    return np.hstack([X, rng.standard_normal((120, 15))]), D


@pytest.mark.parametrize(
    "scoring", [None, "neg_chebyshev_distance", "r2", get_ldl_scorer("cosine_similarity")]
)
def test_agrees_with_grid_search(data, scoring):
    X, D = data
    ours = BFGSLDLCV(ALPHAS, cv=KFold(4), scoring=scoring, tol=1e-9).fit(X, D)
    name = "neg_kl_divergence" if scoring is None else scoring
    scorer = get_ldl_scorer(name) if isinstance(name, str) and name != "r2" else name
    search = GridSearchCV(BFGSLDL(tol=1e-9), {"alpha": ALPHAS}, cv=KFold(4), scoring=scorer)
    search.fit(X, D)
    folds = np.array([search.cv_results_[f"split{k}_test_score"] for k in range(4)])
    assert_array_equal(ours.alphas_, ALPHAS[::-1])
    assert_allclose(ours.scores_, folds[:, ::-1], rtol=1e-6, atol=1e-7)
    assert ours.alpha_ == search.best_params_["alpha"]
    assert_allclose(ours.best_score_, search.best_score_, rtol=1e-6)
    assert_allclose(ours.coef_, search.best_estimator_.coef_, atol=1e-6)


def test_the_path_costs_less_than_separate_fits(data, monkeypatch):
    from sklearn_ldl._solver import whitening

    calls = []
    eigh = whitening.eigh

    def counted(A, **kwargs):
        calls.append(A.shape)
        return eigh(A, **kwargs)

    monkeypatch.setattr(whitening, "eigh", counted)
    X, D = data
    BFGSLDLCV(10, cv=3).fit(X, D)
    # Per fold, and once for the final fit: one factorisation of each side.
    assert calls.count((X.shape[1], X.shape[1])) == 4
    assert len(calls) == 8


def test_default_grid_spans_under_to_over_regularised(data):
    X, D = data
    X = StandardScaler().fit_transform(X)
    model = BFGSLDLCV(cv=KFold(5)).fit(X, D)
    assert len(model.alphas_) == 15
    assert_allclose([model.alphas_[0], model.alphas_[-1]], [1e2, 1e-5])
    assert model.alphas_[0] > model.alpha_ > model.alphas_[-1]


def test_default_grid_follows_the_scale_of_the_features(data):
    X, D = data
    model = BFGSLDLCV(5, standardize=False)
    one, other = clone(model).fit(X, D), model.fit(100 * X, D)
    assert_allclose(other.alphas_, 1e4 * one.alphas_)
    assert_allclose(other.alpha_, 1e4 * one.alpha_)
    assert_allclose(other.predict(100 * X), one.predict(X), atol=1e-5)


def test_constant_features_have_a_grid():
    model = BFGSLDLCV(3, cv=2).fit(np.ones((6, 2)), np.tile([0.3, 0.7], (6, 1)))
    assert_allclose(model.predict([[1, 1]]), [[0.3, 0.7]])
    assert model.alpha_ == model.alphas_[0]  # the larger of equals


def test_sparse_and_parallel_agree(data):
    X, D = data
    X = np.where(np.abs(X) < 0.3, 0, X)
    dense = BFGSLDLCV(ALPHAS).fit(X, D)
    sparse = BFGSLDLCV(ALPHAS, n_jobs=2).fit(sp.csr_array(X), D)
    assert dense.alpha_ == sparse.alpha_
    assert_allclose(dense.scores_, sparse.scores_, atol=1e-6)
    assert_array_equal(BFGSLDLCV(ALPHAS, n_jobs=2).fit(X, D).coef_, dense.coef_)


def test_groups_and_weights_reach_folds_and_scores(data):
    X, D = data
    groups = np.arange(len(X)) % 3
    model = BFGSLDLCV(ALPHAS, cv=GroupKFold(3)).fit(X, D, groups=groups)
    expected = BFGSLDLCV(ALPHAS, cv=list(GroupKFold(3).split(X, D, groups))).fit(X, D)
    assert_array_equal(model.scores_, expected.scores_)

    # Rows of weight zero count neither in training nor in scoring.
    keep = np.arange(len(X)) < 100
    splits = [(np.arange(50, 120), np.arange(50)), (np.arange(50), np.arange(50, 120))]
    kept = [(train[train < 100], test[test < 100]) for train, test in splits]
    weighted = BFGSLDLCV(ALPHAS, cv=splits, tol=1e-9).fit(X, D, sample_weight=keep.astype(float))
    dropped = BFGSLDLCV(ALPHAS, cv=kept, tol=1e-9).fit(X[keep], D[keep])
    assert_allclose(weighted.scores_, dropped.scores_, rtol=1e-6)
    assert_allclose(weighted.coef_, dropped.coef_, atol=1e-6)


def test_errors_and_warnings(data):
    X, D = data
    with pytest.raises(ValueError, match="alphas must be a 1-D array of finite penalties"):
        BFGSLDLCV([0.1, -1]).fit(X, D)
    with pytest.raises(ValueError, match="alphas"):
        BFGSLDLCV(0).fit(X, D)
    with pytest.raises(ValueError, match="'nonsense' is no scorer"):
        BFGSLDLCV(scoring="nonsense").fit(X, D)
    with pytest.raises(ValueError, match="Did you mean 'neg_kl_divergence'"):
        BFGSLDLCV(scoring="kl_divergence").fit(X, D)
    with pytest.raises(ValueError, match="No penalty has a finite score"):
        BFGSLDLCV(3, scoring=lambda estimator, X, y: np.nan).fit(X, D)
    with pytest.raises(ValueError, match="n_samples=1"):
        BFGSLDLCV(3).fit(X[:1], D[:1])
    with pytest.warns(ConvergenceWarning, match="Increase max_iter"):
        BFGSLDLCV([1e-4], max_iter=1).fit(X, D)


def test_verbose_prints_scores(data, capsys):
    BFGSLDLCV([1.0, 0.1], verbose=1).fit(*data)
    out = capsys.readouterr().out
    assert "BFGSLDLCV alpha 1: score -" in out
    assert "BFGSLDLCV iteration    0" in out
