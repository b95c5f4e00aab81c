"""Sets and regions around any learner: what they promise, and how they fit in."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.ensemble import RandomForestRegressor
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    ShuffleSplit,
    cross_val_score,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ldl import BFGSLDL, ConformalLDL, KNeighborsLDL
from sklearn_ldl.datasets import make_ldl
from sklearn_ldl.metrics import kl_divergence, sorensen_distance, wasserstein_distance

X, D = make_ldl(300, n_votes=10, random_state=0)
X_new, D_new = make_ldl(200, n_votes=10, random_state=1)
SETS = ["threshold", "adaptive", "ordinal"]
REGIONS = ["total_variation", "kl", "wasserstein"]
RANDOM = {"randomize": True, "random_state": 0}


class Given(BaseEstimator):
    """Features are the distributions."""

    def fit(self, X, y):
        self.fitted_ = True
        return self

    def predict(self, X):
        return np.asarray(X)


def of(**parameters):
    return ConformalLDL(FrozenEstimator(Given().fit(None, None)), **parameters)


def predictions(n, seed=0):
    """Truths, and predictions that are worse for some rows than for others."""
    rng = np.random.default_rng(seed)
    truth = rng.dirichlet(np.full(6, 0.7), size=n)
    noise = rng.dirichlet(np.full(6, 0.7), size=n)
    share = rng.uniform(0, 0.7, size=(n, 1))
    return (1 - share) * truth + share * noise, truth


# --- the promise


@pytest.mark.parametrize("alpha", [0.1, 0.3])
@pytest.mark.parametrize("method", SETS)
@pytest.mark.parametrize("parameters", [{}, RANDOM], ids=["whole", "random"])
def test_sets_miss_as_many_voters_as_promised(method, parameters, alpha):
    found = []
    for seed in range(60):
        P, truth = predictions(250, seed)
        model = of(method=method, alpha=alpha, **parameters).fit(P[:50], truth[:50])
        found.append((truth[50:] * model.predict_set(P[50:])).sum(axis=1).mean())
    error = 3 * np.std(found) / np.sqrt(60)
    assert np.mean(found) > 1 - alpha - error
    if parameters or method == "threshold":
        assert np.mean(found) < 1 - alpha + 1 / 51 + error


@pytest.mark.parametrize("method", REGIONS)
def test_regions_miss_as_many_rows_as_promised(method):
    found = []
    for seed in range(60):
        P, truth = predictions(250, seed)
        model = of(method=method).fit(P[:50], truth[:50])
        found.append(model.region_contains(P[50:], truth[50:]).mean())
    error = 3 * np.std(found) / np.sqrt(60)
    assert 0.9 - error < np.mean(found) < 0.9 + 1 / 51 + error


def test_sets_with_labels_are_those_of_mapie():
    classification = pytest.importorskip("mapie.classification")

    class Classifier(ClassifierMixin, Given):
        classes_ = np.arange(6)
        predict_proba = Given.predict

        def predict(self, X):
            return X.argmax(axis=1)

    P, truth = predictions(300)
    labels = np.array([np.random.default_rng(i).choice(6, p=d) for i, d in enumerate(truth)])
    theirs = classification.SplitConformalClassifier(Classifier().fit(P, labels), 0.9)
    theirs.conformalize(P[:150], labels[:150])
    ours = of(method="threshold").fit(P[:150], np.eye(6)[labels[:150]])
    assert_array_equal(ours.predict_set(P[150:]), theirs.predict_set(P[150:])[1][:, :, 0])


def test_hard_rows_get_larger_sets():
    P, truth = predictions(2000)
    sizes = of().fit(P[:1000], truth[:1000]).predict_set(P[1000:]).sum(axis=1)
    peak = P[1000:].max(axis=1)
    assert sizes.min() >= 1
    assert sizes[peak < 0.4].mean() > sizes[peak > 0.6].mean() + 0.5


def test_ordinal_sets_have_no_gaps():
    P, truth = predictions(400)
    members = of(method="ordinal").fit(P[:200], truth[:200]).predict_set(P[200:])
    steps = np.abs(np.diff(np.pad(members.astype(int), [(0, 0), (1, 1)]), axis=1)).sum(axis=1)
    assert (steps == 2).all()


@pytest.mark.parametrize(
    ("method", "metric"),
    list(zip(REGIONS, [sorensen_distance, kl_divergence, wasserstein_distance], strict=True)),
)
def test_regions_are_balls(method, metric):
    model = ConformalLDL(method=method, cv=0.3).fit(X, D)
    centre, radius, low, high = model.predict_region(X_new)
    assert_allclose(centre, model.predict(X_new))
    assert_array_equal(radius, model.threshold_)
    inside = model.region_contains(X_new, D_new)
    assert_array_equal(inside, metric(D_new, centre, per_row=True) <= radius)
    assert 0.8 < inside.mean() < 0.98
    assert (low[inside] <= D_new[inside] + 1e-12).all()
    assert (D_new[inside] <= high[inside] + 1e-12).all()


# --- rows held out


def test_one_split_and_its_learner():
    split = ShuffleSplit(1, test_size=0.3, random_state=0)
    train, test = next(split.split(X))
    learner = BFGSLDL().fit(X[train], D[train])
    expected = ConformalLDL(FrozenEstimator(learner)).fit(X[test], D[test])
    for cv in (0.3, split, [(train, test)]):
        model = ConformalLDL(cv=cv).fit(X, D)
        assert_allclose(model.predict(X_new), learner.predict(X_new))
        assert model.threshold_ == pytest.approx(expected.threshold_)
        assert_array_equal(model.predict_set(X_new), expected.predict_set(X_new))
        assert model.n_calibration_ == 90


def test_several_splits_and_a_learner_of_all_rows():
    model = ConformalLDL(cv=3, method="kl").fit(X, D)
    assert_allclose(model.predict(X_new), BFGSLDL().fit(X, D).predict(X_new))
    distances = np.concatenate(
        [
            kl_divergence(D[test], BFGSLDL().fit(X[train], D[train]).predict(X[test]), per_row=True)
            for train, test in KFold(3, shuffle=True, random_state=0).split(X)
        ]
    )
    assert model.n_calibration_ == 300
    assert_allclose(model.threshold_, np.sort(distances)[int(np.ceil(301 * 0.9)) - 1], rtol=1e-6)


def test_cross_conformal_sets_cover_about_as_promised():
    found = []
    for seed in range(20):
        rows = make_ldl(560, n_votes=10, random_state=seed)
        model = ConformalLDL(cv=5).fit(rows[0][:60], rows[1][:60])
        members = model.predict_set(rows[0][60:])
        found.append((rows[1][60:] * members).sum(axis=1).mean())
    assert 0.88 < np.mean(found) < 0.95


def test_rows_held_out_several_times():
    train, test = np.arange(200), np.arange(200, 300)
    once, thrice = (ConformalLDL(cv=[(train, test)] * k).fit(X, D) for k in (1, 3))
    assert thrice.n_calibration_ == once.n_calibration_ == 100
    assert thrice.threshold_ == pytest.approx(once.threshold_)


def test_too_few_rows_promise_everything():
    for method in ("adaptive", "kl"):
        with pytest.warns(UserWarning, match=r"Too few rows are held out .* At least 19 rows"):
            model = ConformalLDL(method=method, alpha=0.05).fit(X[:18], D[:18])
        assert model.threshold_ == np.inf
        if method == "adaptive":
            assert model.predict_set(X_new).all()
        else:
            assert model.region_contains(X_new, D_new).all()
            assert_array_equal(model.predict_region(X_new).high, 1)
    assert ConformalLDL(alpha=0.05).fit(X[:19], D[:19]).threshold_ < np.inf


# --- groups


GROUPS = np.where(X[:, 0] > 0, "right", "left")
NEW_GROUPS = np.where(X_new[:, 0] > 0, "right", "left")


def test_groups_have_thresholds_of_their_own():
    frozen = FrozenEstimator(BFGSLDL().fit(*make_ldl(200, random_state=2)))
    model = ConformalLDL(frozen).fit(X, D, coverage_groups=GROUPS)
    assert model.groups_.tolist() == ["left", "right"]
    members = model.predict_set(X_new, coverage_groups=NEW_GROUPS)
    for k, group in enumerate(model.groups_):
        alone = ConformalLDL(frozen).fit(X[group == GROUPS], D[group == GROUPS])
        assert model.threshold_[k] == alone.threshold_
        new = group == NEW_GROUPS
        assert_array_equal(members[new], alone.predict_set(X_new[new]))
    assert not hasattr(model.fit(X, D), "groups_")


def one_half_is_guessed(seed):
    """Predictions that know of every second row nothing."""
    P, truth = predictions(2000, seed)
    half = np.arange(2000) % 2
    P[half == 1] = np.roll(P[half == 1], 1, axis=1)
    return P, truth, half


def test_every_group_is_covered():
    worst = {"all": [], "each": []}
    for seed in range(10):
        P, truth, half = one_half_is_guessed(seed)
        fit, new = slice(0, 1000), slice(1000, 2000)
        for promise, found in worst.items():
            of_fit, of_new = (half[fit], half[new]) if promise == "each" else (None, None)
            model = of().fit(P[fit], truth[fit], coverage_groups=of_fit)
            members = model.predict_set(P[new], coverage_groups=of_new)
            found.append((truth[new] * members).sum(axis=1)[half[new] == 1].mean())
    assert np.mean(worst["all"]) < 0.87
    assert 0.895 < np.mean(worst["each"]) < 0.91


def test_groups_by_a_function_or_a_column():
    expected = ConformalLDL().fit(X, D, coverage_groups=X[:, 0] > 0)
    by_function = ConformalLDL(group_by=right).fit(X, D)
    assert_allclose(by_function.threshold_, expected.threshold_)
    assert_array_equal(
        by_function.predict_set(X_new), expected.predict_set(X_new, coverage_groups=right(X_new))
    )
    assert_array_equal(
        pickle.loads(pickle.dumps(by_function)).predict_set(X_new), by_function.predict_set(X_new)
    )
    table = pd.DataFrame(X, columns=list("abc")).assign(side=right(X).astype(int))
    named = ConformalLDL(group_by="side").fit(table, D)
    numbered = ConformalLDL(group_by=3).fit(table.to_numpy(), D)
    assert named.groups_.tolist() == numbered.groups_.tolist() == [0, 1]
    assert_array_equal(named.predict_set(table), numbered.predict_set(table.to_numpy()))


def right(samples):
    return np.asarray(samples)[:, 0] > 0


def test_groups_that_do_not_fit():
    plain, grouped = ConformalLDL().fit(X, D), ConformalLDL().fit(X, D, coverage_groups=GROUPS)
    with pytest.raises(ValueError, match="were not given to fit"):
        plain.predict_set(X_new, coverage_groups=NEW_GROUPS)
    with pytest.raises(ValueError, match="coverage_groups are needed"):
        grouped.predict_set(X_new)
    with pytest.raises(ValueError, match=r"groups \['top'\] did not occur in fit.*'left', 'right'"):
        grouped.predict_set(X_new, coverage_groups=np.where(right(X_new), "top", "left"))
    with pytest.raises(ValueError, match="200 rows, but there are 3 groups"):
        grouped.predict_set(X_new, coverage_groups=["left"] * 3)
    with pytest.raises(ValueError, match="300 rows, but there are 3 groups"):
        ConformalLDL().fit(X, D, coverage_groups=["left"] * 3)
    with pytest.raises(ValueError, match="either group_by or coverage_groups"):
        ConformalLDL(group_by=0).fit(X, D, coverage_groups=GROUPS)
    small = np.where(np.arange(300) < 5, "few", "many")
    with pytest.warns(UserWarning, match=r"Too few rows of the groups \['few'\] are held out"):
        ConformalLDL().fit(X, D, coverage_groups=small)


# --- weights


def test_weights_keep_the_promise_under_a_known_shift():
    covered = {"unknown": [], "known": []}
    for seed in range(10):
        P, truth, half = one_half_is_guessed(seed)
        ratio = np.where(half, 1.8, 0.2)  # of the target, nine rows of ten are guessed
        fit, new = slice(0, 1000), slice(1000, 2000)
        for shift, found in covered.items():
            of_fit, of_new = (ratio[fit], ratio[new]) if shift == "known" else (None, None)
            model = of().fit(P[fit], truth[fit], sample_weight=of_fit)
            members = model.predict_set(P[new], sample_weight=of_new)
            found.append(np.average((truth[new] * members).sum(axis=1), weights=ratio[new]))
    assert np.mean(covered["unknown"]) < 0.88
    assert 0.895 < np.mean(covered["known"]) < 0.91


def test_weights_of_new_rows():
    P, truth = predictions(60)
    ratio = np.exp(-4 * P.max(axis=1))
    for method in ("adaptive", "kl"):
        model = of(method=method).fit(P, truth, sample_weight=1e6 * ratio)
        scaled = of(method=method).fit(P, truth, sample_weight=ratio)
        assert model.threshold_ == scaled.threshold_
        expected = np.average(ratio, weights=ratio)
        name = "predict_set" if method == "adaptive" else "predict_region"
        for weight in (None, np.full(60, 1e6 * expected)):
            assert_array_equal(
                getattr(model, name)(P, sample_weight=weight)[1], getattr(scaled, name)(P)[1]
            )
    wide = model.predict_region(P, sample_weight=np.r_[1e12, np.ones(59)])
    assert np.isinf(wide.radius[0])
    assert (wide.radius[1:] <= scaled.threshold_).all()
    with pytest.raises(ValueError, match="needs that of the rows of fit"):
        of(method="kl").fit(P, truth).predict_region(P, sample_weight=ratio)
    with pytest.raises(ValueError, match="must be non-negative"):
        model.predict_region(P, sample_weight=-ratio)
    with pytest.raises(ValueError, match="has shape"):
        model.predict_region(P, sample_weight=ratio[:5])


def test_weights_within_groups():
    P, truth = predictions(300)
    ratio, side = np.exp(-4 * P.max(axis=1)), np.arange(300) % 2
    model = of().fit(P, truth, sample_weight=ratio, coverage_groups=side)
    members = model.predict_set(P, sample_weight=ratio, coverage_groups=side)
    for k in (0, 1):
        rows = side == k
        alone = of().fit(P[rows], truth[rows], sample_weight=ratio[rows])
        assert_array_equal(members[rows], alone.predict_set(P[rows], sample_weight=ratio[rows]))


# --- randomness


def test_seeds():
    P, truth = predictions(200)
    model = of(**RANDOM).fit(P, truth)
    first = model.predict_set(P)
    assert_array_equal(model.predict_set(P), first)
    assert_array_equal(model.predict_set(P[:5]), first[:5])
    assert_array_equal(clone(model).fit(P, truth).predict_set(P), first)
    assert (of(randomize=True, random_state=1).fit(P, truth).predict_set(P) != first).any()
    drawn = of(randomize=True, random_state=np.random.RandomState(0)).fit(P, truth)
    assert (drawn.predict_set(P) != drawn.predict_set(P)).any()
    before = np.random.get_state()  # noqa: NPY002
    of(randomize=True).fit(P, truth).predict_set(P)
    np.testing.assert_equal(np.random.get_state(), before)  # noqa: NPY002


# --- how it fits in


def test_what_there_is_depends_on_the_method():
    for method in SETS:
        model = ConformalLDL(method=method)
        assert hasattr(model, "predict_set")
        assert not hasattr(model, "predict_region")
        assert not hasattr(model, "region_contains")
    for method in REGIONS:
        model = ConformalLDL(method=method)
        assert not hasattr(model, "predict_set")
        assert hasattr(model, "predict_region")
        assert hasattr(model, "region_contains")


def test_names_of_labels():
    names, order = ["like", "neutral", "dislike"], [2, 0, 1]
    frame = pd.DataFrame(D, columns=names)
    model = ConformalLDL(method="wasserstein").fit(X, frame)
    assert model.label_names_.tolist() == names
    expected = model.region_contains(X_new, D_new)
    shuffled = pd.DataFrame(D_new, columns=names).iloc[:, order]
    assert_array_equal(model.region_contains(X_new, shuffled), expected)
    assert_array_equal(model.region_contains(X_new, pl.from_pandas(shuffled)), expected)
    with pytest.raises(ValueError, match="labels do not match"):
        model.region_contains(X_new, shuffled.rename(columns={"like": "hate"}))
    frozen = FrozenEstimator(BFGSLDL().fit(X, frame))
    for method in SETS:
        straight = ConformalLDL(frozen, method=method).fit(X, frame)
        turned = ConformalLDL(frozen, method=method).fit(X, frame.iloc[:, order])
        assert turned.label_names_.tolist() == names
        assert_array_equal(turned.predict_set(X_new), straight.predict_set(X_new))


def test_pipelines_searches_and_other_learners():
    learner = make_pipeline(StandardScaler(), BFGSLDL())
    model = make_pipeline(StandardScaler(), ConformalLDL(learner)).fit(X, D)
    assert model[-1].predict_set(model[:-1].transform(X_new)).shape == D_new.shape
    search = GridSearchCV(ConformalLDL(BFGSLDL(), cv=2), {"estimator__alpha": [1e-3, 10.0]}, cv=2)
    assert search.fit(X, D).best_params_ == {"estimator__alpha": 1e-3}
    assert search.best_estimator_.predict_set(X_new).dtype == bool
    for other in (KNeighborsLDL(), RandomForestRegressor(10, random_state=0)):
        model = ConformalLDL(other, cv=0.5).fit(X, D)
        covered = (D_new * model.predict_set(X_new)).sum(axis=1).mean()
        assert 0.83 < covered < 0.98
        assert_allclose(model.predict(X_new), model.estimator_.predict(X_new), atol=1e-12)
    assert_allclose(
        cross_val_score(ConformalLDL(cv=2), X, D, cv=3), cross_val_score(BFGSLDL(), X, D, cv=3)
    )
    sparse = ConformalLDL(cv=2).fit(sp.csr_array(X), D)
    assert_allclose(sparse.threshold_, ConformalLDL(cv=2).fit(X, D).threshold_, rtol=1e-5)


def test_routing():
    ids, weight = np.arange(300) % 7, np.arange(1.0, 301)
    expected = ConformalLDL(cv=GroupKFold(3)).fit(X, D, weight, GROUPS, groups=ids)
    with config_context(enable_metadata_routing=True):
        learner = ConformalLDL(BFGSLDL().set_fit_request(sample_weight=True), cv=GroupKFold(3))
        learner.set_fit_request(coverage_groups=True, sample_weight=True)
        model = make_pipeline(StandardScaler(with_mean=False, with_std=False), learner)
        model[0].set_fit_request(sample_weight=False)
        model.fit(X, D, sample_weight=weight, coverage_groups=GROUPS, groups=ids)
    assert_allclose(model[-1].threshold_, expected.threshold_, rtol=1e-6)
    assert_array_equal(
        model[-1].predict_set(X_new, coverage_groups=NEW_GROUPS),
        expected.predict_set(X_new, coverage_groups=NEW_GROUPS),
    )


def test_pickles():
    for parameters in ({}, {"sample_weight": np.ones(300)}):
        for method, name in (("adaptive", "predict_set"), ("kl", "predict_region")):
            model = ConformalLDL(method=method).fit(X, D, **parameters)
            again = pickle.loads(pickle.dumps(model))
            for A, B in zip(getattr(model, name)(X_new), getattr(again, name)(X_new), strict=True):
                assert_array_equal(A, B)


@pytest.mark.parametrize(
    ("parameters", "text"),
    [
        ({"alpha": 0.0}, "'alpha'"),
        ({"alpha": 1}, "'alpha'"),
        ({"method": "lac"}, "'method'"),
        ({"cv": 1.5}, "'cv'"),
        ({"group_by": -1}, "'group_by'"),
        ({"randomize": 1.5}, "'randomize'"),
    ],
)
def test_bad_parameters(parameters, text):
    with pytest.raises(ValueError, match=text):
        ConformalLDL(**parameters).fit(X, D)


def test_bad_input():
    with pytest.raises(ValueError, match="row 0 sums to 2"):
        ConformalLDL().fit(X, 2 * D)
    with pytest.raises(NotFittedError):
        ConformalLDL().predict_set(X)
    model = ConformalLDL(method="kl")
    with pytest.raises(NotFittedError):
        model.predict_region(X)
    with pytest.raises(NotFittedError):
        model.region_contains(X, D)
    model.fit(X, D)
    with pytest.raises(ValueError, match="row 0 sums to 2"):
        model.region_contains(X, 2 * D)
    with pytest.raises(ValueError, match="different shapes"):
        model.region_contains(X, D[:5])
    with pytest.raises(ValueError, match="features"):
        model.predict_region(X[:, :2])


@pytest.mark.parametrize("changed", [{"method": "kl"}, {"alpha": 0.5}])
def test_promises_are_those_of_fit(changed):
    X, D = make_ldl(60, random_state=0)
    model = ConformalLDL(cv=0.5, method="total_variation").fit(X, D).set_params(**changed)
    with pytest.raises(ValueError, match="fit again"):
        model.predict_region(X)
    with pytest.raises(ValueError, match="fit again"):
        model.region_contains(X, D)


@pytest.mark.parametrize("missing", [None, np.nan])
def test_missing_groups(missing):
    X, D = make_ldl(60, random_state=0)
    groups = np.array([missing] * 20 + [1.0] * 40, dtype=object)
    with pytest.raises(ValueError, match="coverage_groups has missing entries"):
        ConformalLDL(cv=0.5).fit(X, D, coverage_groups=groups)


def test_groups_by_a_column_of_a_sparse_matrix():
    X, D = make_ldl(100, random_state=0)
    X = np.round(np.sign(X))
    dense, sparse = (ConformalLDL(cv=0.5, group_by=0).fit(Y, D) for Y in (X, sp.csr_array(X)))
    assert_array_equal(dense.groups_, sparse.groups_)
    assert_array_equal(dense.predict_set(X), sparse.predict_set(sp.csr_array(X)))
