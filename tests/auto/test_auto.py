"""The choice and mixture of learners within a limit of time."""

import pickle
import time
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator, clone
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags

from sklearn_ldl import BFGSLDL, AutoLDL, KNeighborsLDL, LabelDistributionMixin
from sklearn_ldl._core.extras import MissingExtraError
from sklearn_ldl.auto.candidates import CANDIDATES, compressed
from sklearn_ldl.datasets import make_ldl
from sklearn_ldl.ensemble.pooling import Pool
from sklearn_ldl.metrics import chebyshev_distance, get_ldl_scorer, kl_divergence

CHEAP = ["linear", "nystroem", "neighbors"]
CLASSICAL = [name for name in CANDIDATES if name != "network"]


@pytest.fixture(scope="module")
def data():
    return make_ldl(150, n_votes=20, random_state=0)


def auto(candidates=CHEAP, **params):
    return AutoLDL(**{"time_limit": None, "candidates": candidates, "random_state": 0, **params})


def notes(model):
    return {row["candidate"]: row["note"] for row in model.leaderboard_}


class Recording(LabelDistributionMixin, BaseEstimator):
    """Predicts the mean, and keeps what it was fitted to; may take long, fail or interrupt."""

    seen: list = []

    def __init__(self, seconds=0.0, error=None):
        self.seconds = seconds
        self.error = error

    def fit(self, X, y, sample_weight=None):
        self.seen.append((X, sample_weight))
        time.sleep(self.seconds)
        if self.error is not None:
            raise self.error
        self.mean_ = np.average(y, axis=0, weights=sample_weight)
        return self

    def predict(self, X):
        return np.tile(self.mean_, (X.shape[0], 1))


class WithoutWeights(Recording):
    def fit(self, X, y):
        return super().fit(X, y)


class Slower(BFGSLDL):
    """The last fold takes long."""

    n_fits = 0

    def fit(self, X, y, sample_weight=None):
        Slower.n_fits += 1
        time.sleep(0.9 if Slower.n_fits == 5 else 0)
        return super().fit(X, y, sample_weight)


@pytest.fixture(autouse=True)
def nothing_seen():
    Recording.seen.clear()


# --- the mixture


def test_prediction_is_the_mixture_of_learners_of_all_rows(data):
    X, D = data
    model = auto().fit(X, D)
    members = model.predict_members(X)
    assert members.shape == (len(model.weights_), *D.shape)
    pool = Pool(model.weights_, model.intercept_)
    assert_allclose(model.predict(X), pool(members), atol=1e-12)
    assert model.weights_.all()
    for member, P in zip(model.estimators_, members, strict=True):
        assert_allclose(clone(member).fit(X, D).predict(X), P)


def test_held_out_scores(data):
    X, D = data
    learner = BFGSLDL(alpha=0.01)
    model = auto([("mine", learner)]).fit(X, D)
    held_out = np.empty_like(D)
    for train, test in KFold(5, shuffle=True, random_state=0).split(X):
        held_out[test] = clone(learner).fit(X[train], D[train]).predict(X[test])
    row = next(row for row in model.leaderboard_ if row["candidate"] == "mine")
    assert_allclose(row["score"], -kl_divergence(D, held_out))
    assert model.best_score_ >= row["score"] - 1e-12


@pytest.mark.parametrize("scoring", ["neg_kl_divergence", "neg_chebyshev_distance", "r2"])
def test_the_mixture_scores_no_worse_than_any_candidate(data, scoring):
    X, D = data
    model = auto(scoring=scoring).fit(X, D)
    assert len(model.leaderboard_) == 4
    scores = [row["score"] for row in model.leaderboard_]
    assert scores == sorted(scores, reverse=True)
    assert model.best_score_ >= scores[0] - 1e-12
    shares = [row["weight"] for row in model.leaderboard_]
    assert_allclose(sorted(w for w in shares if w), sorted(model.weights_))


def test_noise_is_left_to_the_mean():
    rng = np.random.default_rng(0)
    X, D = rng.normal(size=(60, 5)), rng.dirichlet(np.ones(3), 60)
    model = auto(["neighbors", ("overfits", BFGSLDL(alpha=1e-6))]).fit(X, D)
    mean = next(row for row in model.leaderboard_ if row["candidate"] == "mean")
    assert mean["weight"] > 0.5
    assert model.best_score_ >= mean["score"] - 1e-12


def test_all_candidates_and_the_same_result(data):
    X, D = data
    found = [AutoLDL(time_limit=None, candidates=CLASSICAL, random_state=0) for _ in range(2)]
    first, second = (model.fit(X, D).predict(X) for model in found)
    assert_array_equal(first, second)
    assert {row["candidate"] for row in found[0].leaderboard_} == set(CLASSICAL)
    assert all(row["score"] is not None for row in found[0].leaderboard_)
    other = clone(found[0]).set_params(random_state=1, n_jobs=2).fit(X, D)
    assert kl_divergence(first, other.predict(X)) < 1e-2


def test_jobs_change_nothing(data):
    X, D = data
    expected = auto(["linear", "extra-trees"]).fit(X, D).predict(X)
    assert_allclose(auto(["linear", "extra-trees"], n_jobs=2).fit(X, D).predict(X), expected)


def test_the_better_scaling_is_kept():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 6))
    D = BFGSLDL(alpha=1.0).fit(X, np.eye(3)[(X[:, :2] > 0).sum(axis=1)]).predict(X)
    X[:, 2:] *= 1000  # of no use
    model = auto(["neighbors"]).fit(X, D)
    row = next(row for row in model.leaderboard_ if row["candidate"] == "neighbors")
    assert row["scaling"] in ("standard", "quantile")


# --- time


def test_the_limit_holds(data):
    X, D = data
    slow = [(f"slow {k}", Recording(0.1)) for k in range(20)]
    start = time.monotonic()
    model = auto(slow, time_limit=2.0).fit(X, D)
    assert time.monotonic() - start < 4  # of ten
    without = [name for name, note in notes(model).items() if note == "no time left"]
    assert 10 <= len(without) < 20


def test_what_is_too_slow_is_not_started(data):
    X, D = data
    candidates = [("slow", Recording(0.5)), ("linear-2", BFGSLDL())]
    start = time.monotonic()
    model = auto(candidates, time_limit=1.5).fit(X, D)
    assert time.monotonic() - start < 2.5  # what the slow one would take
    assert len(Recording.seen) == 1  # the first fold
    assert notes(model)["slow"] == "no time left"
    assert notes(model)["linear-2"] is None


def test_slow_fits_are_expected_from_a_few_rows():
    X, D = make_ldl(2000, random_state=0)
    model = auto([("slow", Recording(0.3))], time_limit=1.5).fit(X, D)
    assert [len(X) for X, _ in Recording.seen] == [250]
    assert notes(model)["slow"] == "no time left"


def test_more_rows_tell_what_a_fit_costs_anyhow(monkeypatch):
    clock = SimpleNamespace(now=0.0)

    class Constant(Recording):
        def fit(self, X, y, sample_weight=None):
            clock.now += 0.1
            return super().fit(X, y, sample_weight)

    fake = SimpleNamespace(monotonic=lambda: clock.now)
    monkeypatch.setattr("sklearn_ldl.auto.search.time", fake)
    X, D = make_ldl(6000, random_state=0)
    model = auto([("constant", Constant())], time_limit=9.0).fit(X, D)
    # 19 times a tenth of a second for each of five folds are too much; what 1,000 rows say is not.
    assert [len(X) for X, _ in Recording.seen] == [250, 1000, *[4800] * 5]
    assert notes(model)["constant"] == "predicts what mean does"


def test_time_is_kept_for_what_is_in_the_mixture_only(data, monkeypatch):
    clock = SimpleNamespace(now=0.0)

    class Useless(Recording):
        def fit(self, X, y, sample_weight=None):
            clock.now += 1.0
            super().fit(X, y, sample_weight)
            self.mean_ = np.eye(3)[0]
            return self

    fake = SimpleNamespace(monotonic=lambda: clock.now)
    monkeypatch.setattr("sklearn_ldl.auto.search.time", fake)
    candidates = [("linear-2", BFGSLDL()), ("useless", Useless()), ("again", Useless())]
    # Two times five seconds: nothing is left for fits of the useless ones to all rows.
    model = auto(candidates, time_limit=12.0).fit(*data)
    assert clock.now == 10
    assert notes(model)["again"] == "predicts what useless does"
    assert not {"useless", "again"} & set(model.names_)


def test_hardly_any_time_leaves_the_mean(data):
    X, D = data
    model = auto(time_limit=1e-9).fit(X, D)
    assert model.names_ == ["mean"]
    assert_allclose(model.predict(X[:1])[0], D.mean(axis=0), atol=0.01)
    assert set(notes(model).values()) == {None, "no time left"}


# --- what candidates cannot take


def test_weights_act_in_every_fit(data):
    X, D = data
    weight = np.random.default_rng(0).integers(0, 3, len(X)).astype(float)
    model = auto([("mine", Recording())], cv=3).fit(X, D, sample_weight=weight)
    trains = [train for train, _ in KFold(3, shuffle=True, random_state=0).split(X)]
    for (rows, given), train in zip(Recording.seen, [*trains, np.arange(150)], strict=False):
        kept = train[weight[train] > 0]
        assert_array_equal(rows, X[kept])
        assert_allclose(given / given[0], weight[kept] / weight[kept[0]])
    held = next(row for row in model.leaderboard_ if row["candidate"] == "mean")
    plain = auto([]).fit(X, D).best_score_
    assert abs(held["score"] - plain) > 1e-4


def test_candidates_without_weights_are_left_out(data):
    X, D = data
    weight = np.ones(len(X))
    model = auto(["linear", "neighbors"]).fit(X, D, sample_weight=weight)
    assert notes(model)["neighbors"].startswith("KNeighborsLDL takes no sample_weight")
    with pytest.raises(ValueError, match="WithoutWeights takes no sample_weight"):
        auto([("mine", WithoutWeights())]).fit(X, D, sample_weight=weight)


def test_missing_values(data):
    X, D = data
    X = X.copy()
    X[::7, 0] = np.nan
    model = auto(["linear", "forest", "extra-trees"]).fit(X, D)
    assert notes(model)["linear"] == "BFGSLDL takes no missing values (NaN)."
    assert set(model.names_) & {"forest", "extra-trees"}
    assert model.score(X, D) > 0.3
    assert get_tags(AutoLDL()).input_tags.allow_nan
    assert not get_tags(auto(["linear"])).input_tags.allow_nan
    with pytest.raises(ValueError, match="contains NaN"):
        auto(["linear"]).fit(X, D)


def test_sparse_rows_stay_sparse(data):
    X, D = data
    X = sp.csr_array(np.where(np.abs(X) < 0.3, 0, X))
    model = auto([*CHEAP, "extra-trees", ("mine", Recording())]).fit(X, D)
    assert notes(model)["mine"] == "Recording takes no sparse features."
    scalings = {row["scaling"] for row in model.leaderboard_}
    assert scalings <= {"none", "maxabs", None}
    assert_allclose(model.predict(X).sum(axis=1), 1, atol=1e-12)


def test_large_dense_rows_of_zeros_are_sparse_inside(data):
    X, D = data
    wide = np.zeros((150, 7100))
    wide[:, :3] = X
    model = auto(["linear", ("mine", BFGSLDL(alpha=1.0))], cv=2).fit(wide, D)
    assert sp.issparse(compressed(wide))
    assert compressed(wide, ["linear", ("mine", Recording())]) is wide
    assert compressed(X) is X
    dense = auto(["linear"], cv=2).fit(sp.csr_array(wide), D)
    assert_allclose(model.predict(wide), dense.predict(wide), atol=1e-12)
    assert_allclose(model.predict(sp.csr_array(wide)), model.predict(wide), atol=1e-12)


def test_either_kind_of_rows_is_predicted_after_either_fit(data):
    X, D = data
    model = auto(CHEAP, cv=2)
    for rows, others in ((X, sp.csr_array(X)), (sp.csr_matrix(X), X), (X, sp.csc_matrix(X))):
        model.fit(rows, D)
        assert_allclose(model.predict(others), model.predict(rows), atol=1e-12)


def test_many_labels():
    X, D = make_ldl(60, random_state=0)
    D = np.repeat(D, 8, axis=1) / 8
    model = AutoLDL(time_limit=20, random_state=0, candidates=None)
    by_default = {n: c for n, c in CANDIDATES.items() if n in ("mean", "pairs")}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sklearn_ldl.auto.candidates.CANDIDATES", by_default)
        assert notes(model.fit(X, D))["pairs"] == "more than 20 labels"


# --- failures


@pytest.mark.parametrize("error", [ValueError, RuntimeError, TypeError])
def test_failures_are_noted(data, error):
    X, D = data
    broken = ("broken", Recording(error=error("no luck")))
    model = auto([broken, "linear"]).fit(X, D)
    assert notes(model)["broken"] == "failed: no luck"
    with pytest.raises(error, match="no luck"):
        auto([broken]).fit(X, D)


def test_scores_that_are_no_numbers(data):
    with pytest.raises(ValueError, match="No candidate has a finite score"):
        auto(["linear"], scoring=lambda model, X, y: np.nan).fit(*data)
    with pytest.raises(ValueError, match="continuous"):
        auto(["linear"], scoring="accuracy").fit(*data)


def test_what_has_not_converged_is_noted(data):
    model = auto([("short", BFGSLDL(alpha=1e-3, max_iter=1))]).fit(*data)
    assert notes(model)["short"] == "not converged in 5 of 5 folds"


def test_interrupts_keep_what_was_reached(data):
    X, D = data
    model = auto(["linear", ("stop", Recording(error=KeyboardInterrupt())), "neighbors"])
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, D)
    assert {row["candidate"] for row in model.leaderboard_} == {"mean", "linear"}
    assert model.score(X, D) > 0.3
    k = model.names_.index("linear")
    folds = [e.predict(X) for e in model.estimators_[k].estimators_]
    assert len(folds) == 5
    assert_allclose(model.predict_members(X)[k], np.mean(folds, axis=0))


def test_the_same_predictions_are_one_member(data):
    model = auto([("one", BFGSLDL()), ("two", BFGSLDL())]).fit(*data)
    assert notes(model)["two"] == "predicts what one does"
    assert "two" not in model.names_


def test_members_for_which_no_time_is_left(data):
    Slower.n_fits = 0
    model = auto([("slow", Slower())], time_limit=1.0).fit(*data)
    assert len(model.estimators_[model.names_.index("slow")].estimators_) == 5
    assert "Slower" in repr(model.estimators_)


def test_missing_extras(data, monkeypatch):
    def build(problem, scaling):
        raise MissingExtraError("the network", "torch and skorch", "deep")

    entry = CANDIDATES["network"]._replace(build=build)
    few = {"mean": CANDIDATES["mean"], "linear": CANDIDATES["linear"], "network": entry}
    monkeypatch.setattr("sklearn_ldl.auto.candidates.CANDIDATES", few)
    model = auto(None).fit(*data)
    assert notes(model)["network"].startswith("the network needs torch and skorch: pip install")
    assert not get_tags(model).input_tags.allow_nan
    with pytest.raises(MissingExtraError):
        auto(["network"]).fit(*data)


def test_networks(data):
    pytest.importorskip("skorch")
    X, D = data
    with pytest.MonkeyPatch.context() as patch:
        build = CANDIDATES["network"].build
        entry = CANDIDATES["network"]._replace(
            build=lambda *args: build(*args).set_params(max_epochs=3)
        )
        patch.setitem(CANDIDATES, "network", entry)
        model = auto(["network"], cv=2).fit(X, D)
    row = next(row for row in model.leaderboard_ if row["candidate"] == "network")
    assert row["score"] is not None
    # The mean over the folds is as good as one network of all rows, and there already.
    for name, estimator in zip(model.names_, model.estimators_, strict=True):
        assert name != "network" or len(estimator.estimators_) == 2


@pytest.mark.parametrize("n", [2, 5, 20])
def test_few_rows(n):
    X, D = make_ldl(n, n_votes=20, random_state=0)
    model = AutoLDL(time_limit=None, candidates=CLASSICAL, random_state=0).fit(X, D)
    assert_allclose(model.predict(X).sum(axis=1), 1, atol=1e-12)


@pytest.mark.parametrize(
    ("candidates", "message"),
    [
        (["lineal"], "'lineal' is no candidate: choose from mean, linear"),
        ([("linear", BFGSLDL())], "'linear' is a candidate already"),
        ([("mine", BFGSLDL()), ("mine", BFGSLDL())], "'mine' is a candidate already"),
        ([BFGSLDL()], r"BFGSLDL\(\) is no candidate: give a name, or \(name, estimator\)"),
    ],
)
def test_wrong_candidates(data, candidates, message):
    with pytest.raises(ValueError, match=message):
        auto(candidates).fit(*data)


# --- folds


def test_groups_stay_together(data):
    X, D = data
    groups = np.repeat(np.arange(30), 5)
    auto([("mine", Recording())], cv=4).fit(X, D, groups=groups)
    expected = GroupKFold(4, shuffle=True, random_state=0).split(X, D, groups)
    for (rows, _), (train, test) in zip(Recording.seen, expected, strict=False):
        assert_array_equal(rows, X[train])
        assert not set(groups[train]) & set(groups[test])
    Recording.seen.clear()
    auto([("mine", Recording())]).fit(X, D, groups=groups % 3)
    assert [len(rows) for rows, _ in Recording.seen[:3]] == [100, 100, 100]
    with pytest.raises(ValueError, match="All rows are of one group, which leaves none to hold"):
        auto([("mine", Recording())]).fit(X, D, groups=np.zeros(len(X)))


def test_splits_that_are_no_partition_are_an_error(data):
    rows = np.arange(150)
    with pytest.raises(ValueError, match="cover every row once"):
        auto(cv=[(rows[:100], rows[100:])]).fit(*data)


# --- scikit-learn


def test_names_pickles_and_searches(data):
    X, D = data
    frame = pd.DataFrame(D, columns=["a", "b", "c"])
    model = auto(["linear"]).fit(pd.DataFrame(X, columns=["x", "y", "z"]), frame)
    assert model.label_names_.tolist() == ["a", "b", "c"]
    assert model.feature_names_in_.tolist() == ["x", "y", "z"]
    again = pickle.loads(pickle.dumps(model))
    new = pd.DataFrame(X, columns=["x", "y", "z"])
    assert_array_equal(again.predict(new), model.predict(new))
    search = GridSearchCV(
        make_pipeline(StandardScaler(), auto(["linear"])),
        {"autoldl__candidates": [["linear"], ["neighbors"]]},
        scoring=get_ldl_scorer("neg_kl_divergence"),
        cv=2,
    ).fit(X, D)
    assert search.best_params_ == {"autoldl__candidates": ["linear"]}


def test_own_candidates_are_not_touched(data):
    learners = [("near", KNeighborsLDL(20)), ("trees", ExtraTreesRegressor(5, random_state=0))]
    model = auto(learners).fit(*data)
    assert not hasattr(learners[0][1], "n_labels_")
    assert set(model.names_) <= {"near", "trees", "mean"}
    assert clone(model).get_params()["candidates"][0][0] == "near"


def test_progress_and_the_table(data, capsys):
    model = auto(["linear", "neighbors"], verbose=1).fit(*data, sample_weight=np.ones(150))
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines] == [
        ["[AutoLDL]", "mean"],
        ["[AutoLDL]", "linear"],
        ["[AutoLDL]", "neighbors"],
    ]
    assert "score -0." in lines[1]
    assert "takes no sample_weight" in lines[2]
    table = str(model.leaderboard_).splitlines()
    assert table[0].split() == ["candidate", "scaling", "score", "weight", "seconds", "note"]
    assert table[1].startswith("linear")
    assert len(pd.DataFrame(model.leaderboard_)) == 3
    auto(["linear"]).fit(*data)
    assert not capsys.readouterr().out


def test_other_scores_choose_other_mixtures(data):
    X, D = data
    learners = [("a", KNeighborsLDL(3)), ("b", BFGSLDL()), ("c", DummyRegressor())]
    scoring = get_ldl_scorer("neg_chebyshev_distance")
    model = auto(learners, scoring=scoring).fit(X, D)
    held_out = np.zeros_like(D)
    for train, test in KFold(5, shuffle=True, random_state=0).split(X):
        for w, member in zip(model.weights_, model.estimators_, strict=True):
            held_out[test] += w * clone(member).fit(X[train], D[train]).predict(X[test])
    assert_allclose(model.best_score_, -chebyshev_distance(D, held_out), rtol=1e-9)
    divergence = auto(learners).fit(X, D)
    assert divergence.weights_.tolist() != model.weights_.tolist()
