import pickle

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose
from scipy.special import softmax
from scipy.stats import norm
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ldl import BFGSLDL, BFGSLDLCV, MultinomialInference, SmoothBFGSLDL
from sklearn_ldl.datasets import make_ldl

TRUTH = np.array([[0.0, 0.0, 0.0], [1.0, -0.5, 0.3], [-0.5, 0.0, -0.4]])
NAMES = ["a", "b", "c"]


def drawn(n=300, n_votes=1, seed=0, concentration=np.inf):
    """Votes of the model; with a concentration, rows differ more than their features tell."""
    rng = np.random.default_rng(seed)
    X = np.column_stack([rng.normal(size=n), rng.integers(0, 2, n)])
    P = softmax(X @ TRUTH[:, :2].T + TRUTH[:, 2], axis=1)
    if np.isfinite(concentration):
        gammas = rng.gamma(concentration * P)
        P = gammas / gammas.sum(axis=1, keepdims=True)
    votes = np.broadcast_to(n_votes, n)
    return X, rng.multinomial(votes, P) / votes[:, None]


def fitted(X, D, weight=None, alpha=0, **options):
    return BFGSLDL(alpha, tol=1e-11, **options).fit(X, D, sample_weight=weight)


def inference(X, D, weight=None, alpha=0, **options):
    return MultinomialInference(fitted(X, D, weight, alpha), X, D, weight, **options)


@pytest.fixture(scope="module")
def one_hot():
    X, D = drawn()
    return 3 * X + 1, D


@pytest.fixture(scope="module")
def mnlogit(one_hot):
    discrete = pytest.importorskip("statsmodels.discrete.discrete_model")
    X, D = one_hot
    model = discrete.MNLogit(D.argmax(axis=1), np.column_stack([X, np.ones(len(X))]))

    def fit(**options):
        return model.fit(method="newton", tol=1e-12, maxiter=100, disp=0, **options)

    return fit


# --- against statsmodels


def test_one_hot_rows_are_the_multinomial_logit_of_statsmodels(one_hot, mnlogit):
    result, found = mnlogit(), inference(*one_hot, cov_type="model")
    assert_allclose(found.contrasts, result.params.T, atol=1e-6)
    assert_allclose(found.standard_errors, result.bse.T, atol=1e-6)
    assert_allclose(found.covariance, result.cov_params(), atol=1e-6)
    assert_allclose(found.log_likelihood, result.llf, rtol=1e-9)
    assert found.effective_df == pytest.approx(result.df_model + 2)  # its two intercepts, too
    table = found.summary()
    assert_allclose(table["z"], result.tvalues.T.ravel(), atol=1e-6)
    assert_allclose(table["p_value"], result.pvalues.T.ravel(), atol=1e-6)
    assert_allclose(table[["lower", "upper"]], result.conf_int().reshape(-1, 2), atol=1e-6)
    ratio = found.likelihood_ratio_test()
    assert_allclose(ratio, [result.llr, result.df_model, result.llr_pvalue], atol=1e-6)


def test_wald_tests_of_statsmodels(one_hot, mnlogit):
    result, found = mnlogit(), inference(*one_hot, cov_type="model")
    R = np.zeros((2, 6))
    R[0, 0] = R[1, 3] = 1  # the first feature, for both labels
    expected = result.wald_test(R, scalar=True)
    for test in (found.wald_test("x0"), found.wald_test([0]), found.wald_test(constraints=R)):
        assert_allclose(test, [expected.statistic, 2, expected.pvalue], atol=1e-6)
    expected = result.wald_test((R[:1], np.array([0.2])), scalar=True)
    test = found.wald_test(constraints=R[:1], value=0.2)
    assert_allclose(test, [expected.statistic, 1, expected.pvalue], atol=1e-6)


def test_sandwiches_of_statsmodels(one_hot, mnlogit):
    n = len(one_hot[0])
    expected = mnlogit(cov_type="HC0").cov_params()
    assert_allclose(inference(*one_hot).covariance, n / (n - 1) * expected, atol=1e-6)
    groups = np.arange(n) // 7
    keywords = {"groups": groups, "use_correction": False}
    expected = mnlogit(cov_type="cluster", cov_kwds=keywords).cov_params()
    n_groups = groups[-1] + 1
    found = inference(*one_hot, cov_type="cluster", groups=[f"g{k}" for k in groups])
    assert_allclose(found.covariance, n_groups / (n_groups - 1) * expected, atol=1e-6)


def test_marginal_effects_of_statsmodels(one_hot, mnlogit):
    margins, found = mnlogit().get_margeff(), inference(*one_hot, cov_type="model")
    table = found.marginal_effects()
    assert_allclose(table["effect"], margins.margeff.ravel(), atol=1e-6)
    assert_allclose(table["std_error"], margins.margeff_se.ravel(), atol=1e-6)
    X, D = one_hot
    X = np.column_stack([X[:, 0], X[:, 1] > 2])
    found = inference(X, D, cov_type="model")
    discrete = pytest.importorskip("statsmodels.discrete.discrete_model")
    model = discrete.MNLogit(D.argmax(axis=1), np.column_stack([X, np.ones(len(X))]))
    margins = model.fit(method="newton", tol=1e-12, disp=0).get_margeff(dummy=True)
    table = found.marginal_effects(discrete=1)
    assert_allclose(table["effect"], margins.margeff.ravel(), atol=1e-6)
    assert_allclose(table["std_error"], margins.margeff_se.ravel(), atol=1e-6)


# --- against other calculations


def test_shares_with_their_votes_are_the_votes():
    votes = np.random.default_rng(1).integers(1, 6, 200)
    X, D = drawn(200, votes)
    rows, labels = np.nonzero(np.rint(D * votes[:, None]))
    counts = np.rint(D * votes[:, None]).astype(int)[rows, labels]
    X_votes, D_votes = np.repeat(X[rows], counts, axis=0), np.eye(3)[np.repeat(labels, counts)]
    shares = inference(X, D, votes, cov_type="model")
    single = inference(X_votes, D_votes, cov_type="model")
    assert_allclose(shares.covariance, single.covariance, rtol=1e-6)
    assert_allclose(shares.likelihood_ratio_test(0), single.likelihood_ratio_test(0), rtol=1e-6)
    assert_allclose(shares.log_likelihood, single.log_likelihood, rtol=1e-9)
    # All votes of a row are a group: the same sandwich, but for the weights that rows have there.
    groups = np.repeat(rows, counts)
    clusters = inference(X_votes, D_votes, cov_type="cluster", groups=groups)
    assert_allclose(inference(X, D, votes).covariance, clusters.covariance, rtol=1e-6)


def test_weights_of_any_size_and_rows_without_weight():
    X, D = drawn(n_votes=4)
    weight = np.random.default_rng(0).integers(0, 3, len(X)).astype(float)
    found = inference(X, D, weight)
    assert_allclose(inference(X, D, 100 * weight).covariance, found.covariance, rtol=1e-6)
    kept = weight > 0
    fewer = inference(X[kept], D[kept], weight[kept])
    assert_allclose(fewer.covariance, found.covariance, rtol=1e-6)


@pytest.mark.parametrize("alpha", [0, 0.02])
@pytest.mark.parametrize("standardize", [False, True])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_information_is_the_hessian_of_what_is_minimised(alpha, standardize, fit_intercept):
    X, D = drawn(120, 3)
    weight = np.random.default_rng(0).uniform(0.5, 2, len(X))
    options = {"standardize": standardize, "fit_intercept": fit_intercept}
    model = fitted(X, D, weight, alpha, **options)
    found = MultinomialInference(model, X, D, weight, cov_type="model")
    Z = np.column_stack([X, np.ones(len(X))]) if fit_intercept else X
    mean = np.average(X, axis=0, weights=weight) if fit_intercept else 0
    scale = np.sqrt(np.average((X - mean) ** 2, axis=0, weights=weight)) if standardize else 1

    def objective(delta):
        W = np.vstack([np.zeros(Z.shape[1]), delta.reshape(found.contrasts.shape)])
        L = np.log(softmax(Z @ W.T, axis=1))
        slopes = (W - W.mean(axis=0))[:, :2] * scale
        return -weight @ (D * L).sum(axis=1) + weight.sum() * alpha / 2 * (slopes**2).sum()

    delta = found.contrasts.ravel()
    steps = 1e-3 * np.eye(delta.size)
    hessian = np.empty((delta.size, delta.size))
    for i, a in enumerate(steps):
        assert abs(objective(delta + a) - objective(delta - a)) < 1e-6  # the optimum
        for j, b in enumerate(steps):
            signs = [(s * t, objective(delta + s * a + t * b)) for s in (1, -1) for t in (1, -1)]
            hessian[i, j] = sum(sign * value for sign, value in signs) / (4 * 1e-6)
    information = found._softmax.sums(X, D, weight).information
    assert_allclose(information + found._penalty(), hessian, rtol=1e-4, atol=1e-4)
    outer = np.linalg.inv(hessian)
    assert_allclose(found.covariance, outer @ information @ outer, rtol=1e-3, atol=1e-7)
    assert_allclose(found.effective_df, np.trace(outer @ information), rtol=1e-3)
    if alpha:
        assert found.effective_df < delta.size - 0.1


def test_marginal_effects_are_finite_differences():
    X, D = drawn(n_votes=5)
    weight = np.random.default_rng(0).uniform(0, 2, len(X))
    found = inference(X, D, weight)
    step = 1e-4
    moved = np.array([step, 0])

    def differences(contrasts):
        W = np.vstack([np.zeros(3), contrasts.reshape(2, 3)])

        def mean(X):
            P = softmax(X @ W[:, :2].T + W[:, 2], axis=1)
            return np.average(P, axis=0, weights=weight)

        first = (mean(X + moved) - mean(X - moved)) / (2 * step)
        one, zero = X.copy(), X.copy()
        one[:, 1], zero[:, 1] = 1, 0
        return np.concatenate([first, mean(one) - mean(zero)])

    table = found.marginal_effects(discrete="x1", coverage=0.9)
    delta = found.contrasts.ravel()
    assert_allclose(table["effect"], differences(delta), atol=1e-7)
    J = np.array(
        [(differences(delta + h) - differences(delta - h)) / 2e-4 for h in 1e-4 * np.eye(6)]
    ).T
    errors = np.sqrt(np.diag(J @ found.covariance @ J.T))
    assert_allclose(table["std_error"], errors, rtol=1e-5)
    assert_allclose(table["upper"] - table["effect"], norm.ppf(0.95) * errors, rtol=1e-5)
    assert_allclose(table["effect"].groupby("feature").sum(), 0, atol=1e-12)
    assert_allclose(found.marginal_effects("x0"), found.marginal_effects().iloc[:3])


def test_probability_intervals_are_the_delta_method_on_logits():
    X, D = drawn(n_votes=5)
    found = inference(X, D)
    new = np.array([[0.3, 1.0], [-2.0, 0.0]])
    bounds = found.probability_interval(new, coverage=0.8)
    assert bounds.shape == (2, 3, 2)

    def logits(contrasts):
        W = np.vstack([np.zeros(3), contrasts.reshape(2, 3)])
        P = softmax(new @ W[:, :2].T + W[:, 2], axis=1)
        return (np.log(P) - np.log1p(-P)).ravel()

    delta = found.contrasts.ravel()
    J = np.array([(logits(delta + h) - logits(delta - h)) / 2e-4 for h in 1e-4 * np.eye(6)]).T
    half = norm.ppf(0.9) * np.sqrt(np.diag(J @ found.covariance @ J.T))
    ends = np.log(bounds) - np.log1p(-bounds)
    assert_allclose(ends[..., 1].ravel(), logits(delta) + half, rtol=1e-6, atol=1e-6)
    assert_allclose(ends[..., 0].ravel(), logits(delta) - half, rtol=1e-6, atol=1e-6)
    far = found.probability_interval([[1e6, 0.0]])
    assert np.isfinite(far).all()
    assert (far >= 0).all()
    assert (far <= 1).all()


def test_the_base_is_a_matter_of_presentation():
    X, D = drawn(n_votes=5)
    D = pd.DataFrame(D, columns=NAMES)
    first, last = (inference(X, D, base=base) for base in (None, "c"))
    assert (first.base, first.labels, last.labels) == ("a", ["b", "c"], ["a", "b"])
    assert_allclose(last.contrasts[0], -first.contrasts[1])
    assert_allclose(last.standard_errors[0], first.standard_errors[1])
    for name in ("wald_test", "likelihood_ratio_test", "marginal_effects"):
        assert_allclose(getattr(last, name)(0), getattr(first, name)(0), rtol=1e-6)
    assert_allclose(last.probability_interval(X), first.probability_interval(X), rtol=1e-6)


# --- what intervals cover


def coverage(n_simulations, cov_type="sandwich", n=150):
    """Share of 95 % intervals that hold the truth, pooled over the contrasts."""
    held = []
    for seed in range(n_simulations):
        votes = np.random.default_rng([seed, 1]).integers(1, 9, n)
        X, D = drawn(n, votes, seed, concentration=3)
        model = BFGSLDL(alpha=0).fit(X, D, sample_weight=votes)
        found = MultinomialInference(model, X, D, votes, cov_type=cov_type)
        off = np.abs(found.contrasts - TRUTH[1:])
        held.append(off <= norm.ppf(0.975) * found.standard_errors)
    return np.mean(held)


def test_coverage_with_votes():
    assert 0.93 < coverage(800) < 0.97
    # People differ more than independent votes do, which only the sandwich knows.
    assert coverage(100, "model") < 0.9


def test_tests_hold_their_level():
    """For a feature without influence, p-values are uniform: within 4 standard errors."""
    rejected = []
    for seed in range(100):
        rng = np.random.default_rng(seed)
        votes = rng.integers(1, 6, 120)
        X, D = drawn(120, votes, seed)
        X = np.column_stack([X, rng.normal(size=120)])
        sandwich = inference(X, D, votes)
        rejected.append(
            [
                test.pvalue < 0.1
                for test in (sandwich.wald_test(2), sandwich.likelihood_ratio_test(2))
            ]
        )
    level = np.mean(rejected, axis=0)
    assert np.abs(level - 0.1).max() < 4 * np.sqrt(0.1 * 0.9 / 100)
    assert sandwich.wald_test(0).pvalue < 1e-3


# --- models, inputs, errors


def test_penalties():
    X, D = drawn(n_votes=3)
    free = inference(X, D)
    chosen = MultinomialInference(BFGSLDL().fit(X, D), X, D)
    assert 2 < chosen.effective_df < 6
    assert (chosen.standard_errors < free.standard_errors).all()
    by_folds = MultinomialInference(BFGSLDLCV().fit(X, D), X, D)
    assert by_folds.effective_df < 6
    test = chosen.likelihood_ratio_test("x0")
    assert 0 < test.df < 2
    assert test.pvalue < 1e-3
    for result in (chosen, by_folds):
        assert np.isfinite(result.summary()).all(axis=None)
        assert np.isfinite(result.marginal_effects()).all(axis=None)


def test_kinds_of_features():
    X, D = drawn(n_votes=3)
    expected = inference(X, D)
    frame = pd.DataFrame(X, columns=["age", "smokes"])
    named = inference(frame, pd.DataFrame(D, columns=NAMES))
    table = named.summary()
    assert list(table.index.names) == ["label", "feature"]
    assert table.loc[("b", "smokes"), "contrast"] == named.contrasts[0, 1]
    assert named.marginal_effects("age").loc[("age", "a"), "effect"] < 0
    assert named.wald_test("age") == named.wald_test(0)
    shuffled = pd.DataFrame(D, columns=NAMES)[["c", "a", "b"]]
    other = MultinomialInference(fitted(frame, pd.DataFrame(D, columns=NAMES)), frame, shuffled)
    assert_allclose(other.covariance, named.covariance)
    sparse = MultinomialInference(fitted(X, D), sp.csr_array(X), D)
    assert_allclose(sparse.covariance, expected.covariance, rtol=1e-9)
    assert_allclose(sparse.probability_interval(X), expected.probability_interval(X), rtol=1e-9)
    single = BFGSLDL(alpha=0).fit(X.astype(np.float32), D)
    assert single.coef_.dtype == np.float32
    found = MultinomialInference(single, X.astype(np.float32), D)
    assert_allclose(found.standard_errors, expected.standard_errors, rtol=1e-3)


def test_blocks_of_rows_add_up(monkeypatch):
    X, D = drawn(n_votes=3)
    groups = np.arange(len(X)) % 40
    expected = inference(X, D, cov_type="cluster", groups=groups)
    monkeypatch.setattr("sklearn_ldl.linear.multinomial._AT_A_TIME", 100)
    found = inference(X, D, cov_type="cluster", groups=groups)
    assert_allclose(found.covariance, expected.covariance, rtol=1e-9)
    for name in ("marginal_effects", "summary"):
        assert_allclose(getattr(found, name)(), getattr(expected, name)(), rtol=1e-9)


def test_pickles_and_later_fits():
    X, D = drawn(n_votes=3)
    found = inference(X, D)
    expected = found.likelihood_ratio_test(0)
    again = pickle.loads(pickle.dumps(found))
    assert_allclose(again.covariance, found.covariance)
    assert again.likelihood_ratio_test(0) == expected
    model = fitted(X, D)
    found = MultinomialInference(model, X, D)
    model.set_params(alpha=1.0).fit(X[::2], D[::2])
    assert found.likelihood_ratio_test(0) == expected  # of the fit that it was given


def test_two_labels():
    X, D = drawn(n_votes=4)
    D = np.column_stack([D[:, 0], 1 - D[:, 0]])
    found = inference(X, D)
    P = fitted(X, D).predict(X)
    Z = np.column_stack([X, np.ones(len(X))])
    outer = np.linalg.inv((Z * P.prod(axis=1)[:, None]).T @ Z)
    scores = (D - P)[:, 1:] * Z
    n = len(X)
    assert_allclose(found.covariance, n / (n - 1) * outer @ scores.T @ scores @ outer, rtol=1e-6)
    table = found.marginal_effects()
    assert_allclose(table.loc[("x0", 0), "effect"], -table.loc[("x0", 1), "effect"])


def test_underflow_is_no_error():
    X, D = drawn(n_votes=3)
    found = inference(X, D)
    new = np.vstack([X, [[2000.0, 0.0], [-2000.0, 1.0]]])
    with np.errstate(all="raise"):
        found.summary(), found.marginal_effects()
        assert np.isfinite(found.probability_interval(new)).all()


def test_other_rows_than_those_of_the_fit():
    X, D = drawn(n_votes=3)
    model = fitted(X, D)
    with pytest.warns(UserWarning, match="no optimum for these rows"):
        MultinomialInference(model, X[:200], D[:200])
    with pytest.warns(UserWarning, match="no optimum"):
        MultinomialInference(model, X, D, np.arange(1.0, len(X) + 1))


def test_errors():
    X, D = drawn(n_votes=3)
    model = fitted(X, D)
    pipeline = make_pipeline(StandardScaler(), BFGSLDL()).fit(X, D)
    for other in (pipeline, SmoothBFGSLDL().fit(X, D)):
        with pytest.raises(TypeError, match=r"fitted BFGSLDL or BFGSLDLCV.*model\[-1\]"):
            MultinomialInference(other, X, D)
    with pytest.raises(ValueError, match="not fitted"):
        MultinomialInference(BFGSLDL(), X, D)
    with pytest.raises(ValueError, match="cov_type must be"):
        MultinomialInference(model, X, D, cov_type="HC1")
    for options in ({"groups": np.arange(len(X))}, {"cov_type": "cluster"}):
        with pytest.raises(ValueError, match="groups belong to cov_type='cluster'"):
            MultinomialInference(model, X, D, **options)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        MultinomialInference(model, X, D, cov_type="cluster", groups=[1, 2])
    with pytest.raises(ValueError, match="y has 2 labels, the model 3"):
        MultinomialInference(model, X, D[:, :2] / 2 + 0.25 * (1 - D[:, :2].sum(1)[:, None]) + 0.25)
    with pytest.raises(ValueError, match=r"base='d' is no label of the model; it has \[0, 1, 2\]"):
        MultinomialInference(model, X, D, base="d")
    found = MultinomialInference(model, X, D)
    with pytest.raises(ValueError, match=r"'x7' is no feature of the model; it has \['x0', 'x1'\]"):
        found.wald_test("x7")
    with pytest.raises(ValueError, match="not both"):
        found.wald_test(0, constraints=np.eye(6))
    with pytest.raises(ValueError, match="constraints have 2 columns, there are 6 parameters"):
        found.wald_test(constraints=np.eye(2))
    with pytest.raises(ValueError, match="The hypothesis is singular"):
        found.wald_test(constraints=np.ones((2, 6)))
    with pytest.raises(ValueError, match=r"coverage must lie in \(0, 1\)"):
        found.summary(coverage=95)
    with pytest.raises(ValueError, match="'x0' is not discrete"):
        found.marginal_effects(discrete=["x1", "x0"])


def test_contrasts_that_are_not_determined():
    X, D = drawn(n_votes=3)
    collinear = np.column_stack([X, X.sum(axis=1)])
    with pytest.raises(ValueError, match="The information is singular"):
        inference(collinear, D)
    inference(collinear, D, alpha=0.01)  # which a penalty determines
    empty = np.column_stack([D, np.zeros(len(D))])
    with pytest.raises(ValueError, match=r"labels \[3\] have no mass in y"):
        inference(X, empty)


def test_masks_and_empty_lists_are_no_features():
    X, D = make_ldl(60, random_state=0)
    inference = MultinomialInference(BFGSLDL(alpha=0).fit(X, D), X, D)
    with pytest.raises(ValueError, match="not a mask"):  # True is no position 1
        inference.wald_test([True, False, False])
    with pytest.raises(ValueError, match="not a mask"):
        inference.marginal_effects(discrete=np.array([True, False, False]))
    for method in (
        inference.wald_test,
        inference.likelihood_ratio_test,
        inference.marginal_effects,
    ):
        with pytest.raises(ValueError, match="no features in an empty list"):
            method([])


@pytest.mark.parametrize("missing", [None, np.nan])
def test_missing_groups_are_no_group(missing):
    X, D = make_ldl(60, random_state=0)
    groups = [missing] * 20 + list(range(40))
    with pytest.raises(ValueError, match="groups has missing entries"):
        MultinomialInference(BFGSLDL(alpha=0).fit(X, D), X, D, cov_type="cluster", groups=groups)
