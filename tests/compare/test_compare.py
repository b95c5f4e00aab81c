import json
import re
import sys
import time

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy.sparse import csr_matrix
from scipy.stats import loguniform
from sklearn import config_context
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import get_scorer, log_loss, make_scorer, max_error, mean_absolute_error
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold
from sklearn.utils import Bunch

from sklearn_ldl import BFGSLDL, KNeighborsLDL
from sklearn_ldl.compare import Comparison, compare
from sklearn_ldl.compare.cache import ScoreCache
from sklearn_ldl.compare.measures import MEASURES, SIMILARITIES, measures_of
from sklearn_ldl.datasets import make_ldl
from sklearn_ldl.metrics import get_ldl_scorer, kl_divergence

X, D = make_ldl(60, n_votes=10, random_state=0)
ONES = np.ones(60)


class Bare:
    """Not of scikit-learn."""

    def fit(self, X, y):
        return self


class Counting(DummyRegressor):
    """Counts its fits in this process."""

    n_fits = 0

    def fit(self, X, y, sample_weight=None):
        type(self).n_fits += 1
        return super().fit(X, y, sample_weight)


@pytest.fixture(autouse=True)
def _no_fits_yet():
    Counting.n_fits = 0


class Slow(DummyRegressor):
    def fit(self, X, y):
        time.sleep(0.04)
        return super().fit(X, y)


class Truth(DummyRegressor):
    def predict(self, X):
        return X


class TestScores:
    def test_are_those_of_the_measures_on_the_folds(self):
        found = compare({"linear": BFGSLDL(0.1)}, (X, D), cv=3, random_state=5)
        for fold, (train, test) in enumerate(KFold(3, shuffle=True, random_state=5).split(X)):
            P = BFGSLDL(0.1).fit(X[train], D[train]).predict(X[test])
            values = found.values("data", "linear", "kl_divergence")
            assert values[0, fold] == kl_divergence(D[test], P)

    @pytest.mark.parametrize("measure", MEASURES)
    def test_every_measure_prefers_the_truth(self, measure):
        found = compare({"truth": Truth()}, (D, D), cv=2, scoring=measure)
        assert found.best("data", measure) == "truth"
        assert (measure in SIMILARITIES) == (found.mean("data", "truth", measure) > 0.5)

    def test_baselines_come_first_and_once(self):
        names = compare(["knn", "mean", BFGSLDL()], (X, D), cv=2).estimators()
        assert names == ["uniform", "mean", "knn", "BFGSLDL"]

    def test_jobs_change_nothing(self):
        one, two = (
            compare("extra-trees", (X, D), cv=3, n_jobs=n_jobs).scores for n_jobs in (None, 2)
        )
        drop = ["fit_seconds"]
        pd.testing.assert_frame_equal(one.drop(columns=drop), two.drop(columns=drop))

    def test_labels_and_values(self):
        y = np.array(["no", "yes"])[(X[:, 0] > 0).astype(int)]
        sets = {"labels": (X, y), "values": (X, X[:, 0] * 2.0)}
        found = compare(None, sets, cv=3)
        assert found.estimators("labels") == ["prior", "logistic", "ldl"]
        assert found.estimators("values") == ["mean", "median", "ridge", "ldl"]
        assert list(found.measures["labels"]) == ["log_loss", "accuracy"]
        assert found.mean("values", "ridge", "r2") > 0.9
        assert not found.failures
        own = compare(LogisticRegression(), (X, y), cv=3, scoring="f1_macro")
        assert own.best("data") == "LogisticRegression"

    def test_frames_bunches_and_sparse(self):
        frame = pd.DataFrame(np.hstack([X, D]), columns=["a", "b", "c", "x", "y", "z"])
        sets = {
            "frame": (frame, ["x", "y", "z"]),
            "bunch": Bunch(data=X, target=D, target_names=["x", "y", "z"]),
            "sparse": (csr_matrix(X), D),
        }
        found = compare(BFGSLDL(0.1), sets, cv=3)
        values = [found.mean(name, "BFGSLDL", "kl_divergence") for name in sets]
        assert_allclose(values, values[0], rtol=1e-6)

    def test_custom_scorers_and_repeats(self):
        scoring = {"mine": get_ldl_scorer("neg_kl_divergence")}
        found = compare("mean", (X, D), cv=4, n_repeats=2, scoring=scoring)
        values = found.values("data", "mean", "mine")
        assert list(values) == [(repeat, fold) for repeat in (0, 1) for fold in range(4)]
        assert len(set(values.values())) == 8
        assert found.measures == {"data": {"mine": True}}
        assert min(values.values()) > 0

    def test_scorers_that_negate_a_loss(self):
        loss = make_scorer(mean_absolute_error, greater_is_better=False)
        scoring = {"MAE": loss, "neg_MAE": loss, "plain": lambda model, X, y: 1.0}
        found = compare("mean", (X, D), cv=2, scoring=scoring)
        assert found.measures["data"] == {"MAE": True, "neg_MAE": False, "plain": False}
        pair = [found.mean("data", "mean", name) for name in ("MAE", "neg_MAE")]
        assert pair[0] == -pair[1] > 0

    def test_scorers_without_weights_are_an_error_where_rows_have_some(self):
        weighted = Bunch(data=X, target=X[:, 0], sample_weight=np.arange(60.0))
        for scoring in ({"plain": lambda model, X, y: 1.0}, {"plain": make_scorer(max_error)}):
            with pytest.raises(ValueError, match="plain takes no sample_weight, and the rows of"):
                compare("ridge", weighted, cv=2, scoring=scoring)
        scoring = {"plain": lambda model, X, y, sample_weight: sample_weight.sum()}
        found = compare("ridge", weighted, cv=2, scoring=scoring)
        assert sum(found.values("data", "ridge", "plain").values()) == np.arange(60).sum()

    @pytest.mark.parametrize("rare", [["c"], []])
    def test_labels_that_some_test_rows_lack(self, rare):
        y = np.array([*rare, *"ab" * 30][:60])
        found = compare("logistic", (X, y), cv=[(np.arange(40), np.arange(40, 60))])
        assert found.failures == []
        model = DummyRegressor().fit(X[:40], np.eye(3)[np.searchsorted(["a", "b", "c"], y[:40])])
        expected = log_loss(y[40:], model.predict(X[40:])[:, : 2 + len(rare)], labels=np.unique(y))
        assert found.mean("data", "prior", "log_loss") == pytest.approx(expected)

    def test_names_that_are_no_text(self, tmp_path):
        found = compare({5: KNeighborsLDL(5)}, {1: (X, D), 2: (X, D)}, cv=2, scoring={3: "r2"})
        found.save(tmp_path / "c.json")
        assert Comparison.load(tmp_path / "c.json").best("1") == "5"
        assert "5" in found.to_latex() + found.to_markdown("3")

    def test_splits_that_can_be_read_once(self):
        rows = iter([(range(30), range(30, 60))])
        found = compare("mean", {"a": (X, D), "b": (X, D)}, cv=rows)
        assert [r["dataset"] for r in found.records] == ["a", "a", "b", "b"]
        masks = [(np.arange(60) < 30, np.arange(60) >= 30)]
        again = compare("mean", (X, D), cv=masks)
        assert again.records[1]["scores"] == found.records[1]["scores"]
        assert again.records[1]["n_test"] == 30

    def test_files_of_the_same_name(self, tmp_path):
        for folder in "ab":
            (tmp_path / folder).mkdir()
            np.savez(tmp_path / folder / "s.npz", features=X, labels=D)
        paths = [tmp_path / folder / "s.npz" for folder in "ab"]
        with pytest.raises(ValueError, match="not unique: s, s; rename one, or give a dict"):
            compare("mean", paths)
        assert compare("mean", dict(zip("ab", paths, strict=True)), cv=2).datasets == ["a", "b"]

    def test_holdout(self):
        found = compare("mean", (X, D), cv=0.25)
        [record] = [r for r in found.records if r["estimator"] == "mean"]
        assert (record["n_train"], record["n_test"]) == (45, 15)


class TestRows:
    def test_groups_stay_together_in_folds_and_searches(self):
        seen = []

        class Watching(DummyRegressor):
            def fit(self, X, y):
                seen.append(set(X[:, -1]))
                return super().fit(X, y)

            def predict(self, X):
                assert not seen[-1] & set(X[:, -1])
                return super().predict(X)

        groups = np.repeat(np.arange(12), 5)
        data = Bunch(data=np.column_stack([X, groups]), target=D, groups=groups)
        grid = {"quantile": [0.1, 0.2]}
        found = compare({"watching": (Watching(), grid)}, data, cv=3, scoring="kl_divergence")
        assert not found.failures
        # Two candidates in three inner folds, and one fit to all training rows, in each fold.
        assert len(seen) == 3 * (2 * 3 + 1)

    def test_weights_in_fit_and_score(self):
        weight = np.ones(60)
        weight[30:] = 0
        given = compare("mean", Bunch(data=X, target=D, sample_weight=weight), cv=KFold(2))
        # Test rows of the second fold weigh nothing, and those of the first see none.
        errors = [record["error"] for record in given.failures if record["estimator"] == "mean"]
        assert errors
        weight[30:] = 1e-9
        given = compare("mean", Bunch(data=X, target=D, sample_weight=weight), cv=KFold(2))
        plain = compare("mean", (X, D), cv=KFold(2))
        pair = [found.values("data", "mean", "kl_divergence") for found in (given, plain)]
        assert_allclose(list(pair[0].values()), list(pair[1].values()), rtol=1e-6)

    def test_corruption_is_of_training_rows_alone(self):
        def shuffled(X, y, random_state):
            return X, y[random_state.permutation(len(y))]

        clean = compare(BFGSLDL(0.01), (X, D), cv=3)
        noisy = compare(BFGSLDL(0.01), (X, D), cv=3, corrupt=shuffled)
        again = compare(BFGSLDL(0.01), (X, D), cv=3, corrupt=shuffled)
        for name in ("uniform", "mean"):
            pair = [found.mean("data", name, "kl_divergence") for found in (clean, noisy)]
            assert_allclose(*pair)
        values = [f.mean("data", "BFGSLDL", "kl_divergence") for f in (clean, noisy, again)]
        assert values[0] < values[1] == values[2]


class TestSearch:
    def test_chosen_parameters_are_kept(self):
        found = compare((KNeighborsLDL(), {"n_neighbors": [1, 10]}), (X, D), cv=2)
        chosen = [record["chosen"] for record in found.records if "chosen" in record]
        assert chosen == [{"n_neighbors": 10}] * 2

    def test_large_grids_are_sampled(self):
        found = compare(
            {"counting": (Counting(), {"quantile": np.linspace(0, 1, 50).tolist()})},
            (X, D),
            cv=2,
            inner_cv=2,
            n_candidates=3,
        )
        assert not found.failures
        assert Counting.n_fits == 2 * (3 * 2 + 1)

    def test_corruption_that_leaves_rows_out(self):
        def half(X, y, random_state):
            return X[::2], y[::2]

        assert compare("knn", (X, D), cv=2, corrupt=half).failures == []
        weighted = Bunch(data=X, target=D, sample_weight=ONES)
        with pytest.raises(ValueError, match="corrupt has returned 15 rows for 30, and those of"):
            compare("bfgs-alpha", weighted, cv=2, corrupt=half)

    def test_metadata_routing_changes_nothing(self):
        weighted = Bunch(data=X, target=D, sample_weight=np.arange(60.0))
        given = {"one": BFGSLDL(1.0), "two": (BFGSLDL(), {"alpha": [0.1, 1.0]})}
        plain = compare(BFGSLDL(1.0), weighted, cv=2).scores.iloc[-1]
        with config_context(enable_metadata_routing=True):
            found = compare(given, weighted, cv=2)
        assert found.failures == []
        assert found.values("data", "one", "kl_divergence")[0, 1] == plain["kl_divergence"]

    def test_rows_without_weight_count_for_nothing(self):
        """Most rows, which weigh next to nothing, are of another kind than the others."""
        few = np.arange(60) < 15
        rows = {"data": X, "target": np.where(few, 0.0, 9.0)}
        tuned = (DummyRegressor(strategy="constant"), {"constant": [0.0, 9.0]})
        for weight, best in [(np.where(few, 1.0, 1e-9), 0.0), (None, 9.0)]:
            found = compare({"tuned": tuned}, Bunch(**rows, sample_weight=weight), cv=2)
            assert {r["chosen"]["constant"] for r in found.records if "chosen" in r} == {best}

    def test_the_defaults_may_be_a_candidate(self):
        grid = [{}, {"n_neighbors": [500]}]
        found = compare({"k": (KNeighborsLDL(3), grid)}, (X, D), cv=2)
        assert found.failures == []
        assert found.mean("data", "k", "kl_divergence") == pytest.approx(
            compare({"k": KNeighborsLDL(3)}, (X, D), cv=2).mean("data", "k", "kl_divergence")
        )

    def test_candidates_that_fail_lose(self):
        grid = {"n_neighbors": [10_000, 10]}
        found = compare({"knn": (KNeighborsLDL(), grid)}, (X, D), cv=2)
        assert not found.failures
        records = [record for record in found.records if record["estimator"] == "knn"]
        assert [record["chosen"] for record in records] == [{"n_neighbors": 10}] * 2
        assert all("{'n_neighbors': 10000} failed" in r["warnings"][0] for r in records)
        found = compare({"knn": (KNeighborsLDL(), {"n_neighbors": [10_000]})}, (X, D), cv=2)
        assert "n_neighbors" in found.failures[0]["error"]

    @pytest.mark.parametrize("own_search", [True, False])
    def test_groups_reach_what_takes_them(self, own_search):
        class Grouped(DummyRegressor):
            def fit(self, X, y, groups=None):
                assert own_search or list(groups) == list(X[:, -1])
                return super().fit(X, y)

        groups = np.repeat(np.arange(12), 5)
        data = Bunch(data=np.column_stack([X, groups]), target=D, groups=groups)
        search = GridSearchCV(Grouped(), {"quantile": [0.1]}, cv=GroupKFold(2))
        found = compare({"grouped": search if own_search else Grouped()}, data, cv=3)
        assert not found.failures


class TestFailures:
    def test_are_kept_and_others_go_on(self):
        class Odd(DummyRegressor):
            def fit(self, X, y):
                if X[0, 0] == first:
                    raise RuntimeError("not this one")
                return super().fit(X, y)

        first = X[next(KFold(3, shuffle=True, random_state=0).split(X))[0][0], 0]
        found = compare({"odd": Odd(), "linear": BFGSLDL()}, (X, D), cv=3)
        assert {record["error"] for record in found.failures} == {"RuntimeError: not this one"}
        assert not found.is_complete("data", "odd")
        assert found.best("data") == "linear"
        n_done = 3 - len(found.failures)
        assert f"({n_done})" in str(found)

    def test_warnings_are_kept(self):
        found = compare(BFGSLDL(1e-9, max_iter=1), (X, D), cv=2)
        for record in found.records:
            if record["estimator"] == "BFGSLDL":
                assert "ConvergenceWarning: The solver stopped" in record["warnings"][0]

    def test_folds_that_nobody_has_finished_are_told(self):
        found = compare(Counting(), (X, D), cv=3, time_limit=0)
        assert found.estimators() == ["uniform", "mean", "Counting"]
        assert str(found).count("±0.000") == str(found).count("(1)") > 0

    def test_time_limit(self):
        found = compare({"counting": Counting()}, (X, D), cv=3, time_limit=0)
        assert Counting.n_fits == 1
        assert "over limit: more than 0 s after 1 of 3 folds" in {
            r["error"] for r in found.failures
        }

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"estimators": "nonsense"}, "There is no 'nonsense'"),
            ({"estimators": [BFGSLDL(), BFGSLDL(1)]}, "Two estimators are called 'BFGSLDL'"),
            ({"estimators": {"a": 3}}, "a: 3 is no estimator"),
            ({"estimators": {"a": BFGSLDL}}, "a: BFGSLDL is a class"),
            ({"estimators": "logistic", "datasets": (X, X[:, 0])}, "labels are integers or text"),
            ({"scoring": "nonsense"}, "'nonsense' is no measure"),
            ({"cv": 61}, "cv=61 needs as many rows, data has 60"),
            ({"datasets": 3}, "A data set is a name, a path"),
            ({"datasets": []}, "There is no data set"),
            ({"datasets": {"a": (X, D[:-1])}}, "a: .* inconsistent numbers of samples"),
            ({"datasets": {"a": (X, 2 * D)}}, "a: y is not a label distribution: row 0 sums to 2"),
            ({"datasets": (X, X[:, 0] * np.nan)}, "data: Input y contains"),
            ({"datasets": (X, [*"ab" * 29, "a", None])}, "data: the label of row 59 is missing"),
            ({"datasets": Bunch(data=X, target=D, sample_weight=-ONES)}, "must be non-negative"),
            ({"datasets": Bunch(data=X, target=D, sample_weight=ONES[:, None])}, "has shape"),
            ({"cv": [(range(9), range(9, 61))]}, "cv has rows that data, of 60 rows, has not"),
            ({"scoring": get_scorer("r2")}, "scoring is a name, a list of names, or a dict"),
            ({"scoring": [get_scorer("r2")]}, "scoring is a name, a list of names, or a dict"),
            ({"scoring": {"a": 3}}, "'a' is 3, and no scorer"),
            ({"estimators": ("bfgs", "knn")}, "Several estimators are a list"),
            ({"estimators": (BFGSLDL(), 3)}, "BFGSLDL: a pair is an estimator and its grid"),
            ({"estimators": (BFGSLDL(), {"odd": [1]})}, "has no parameter 'odd'; there are alpha"),
            ({"estimators": (BFGSLDL(), {"alpha": []})}, "BFGSLDL: Parameter grid .* non-empty"),
            ({"estimators": (BFGSLDL(), {"alpha": 1})}, "BFGSLDL: Parameter grid .* needs to be"),
            ({"datasets": (X[:, 0], D)}, r"data: X must have rows and columns, and has shape \(6"),
            ({"datasets": (pd.DataFrame(X).rename(columns={0: 1}), D)}, "2 columns are called 1"),
            ({"datasets": (pd.DataFrame(X).rename(columns={0: "a"}), D)}, "one has 1, which is no"),
            ({"n_repeats": 0}, "n_repeats"),
            ({"inner_cv": 1}, "inner_cv"),
            ({"n_candidates": 0}, "n_candidates"),
            ({"time_limit": -1}, "time_limit"),
            ({"random_state": None}, "random_state"),
            ({"estimators": {"a": Bare()}}, "a: Bare has no get_params.* derive it from"),
        ],
    )
    def test_are_found_before_any_fit(self, options, message):
        given = {"estimators": Counting(), "datasets": (X, D), **options}
        with pytest.raises(ValueError, match=message):
            compare(**given)
        assert Counting.n_fits == 0


class TestCache:
    @pytest.fixture
    def path(self, tmp_path):
        return tmp_path / "scores.jsonl"

    def run(self, path, **options):
        given = {"estimators": {"counting": Counting()}, "datasets": (X, D), "cv": 3, **options}
        Counting.n_fits = 0
        found = compare(**given, cache=path)
        return found, Counting.n_fits

    def test_nothing_is_fitted_twice(self, path):
        first, n_first = self.run(path)
        second, n_second = self.run(path)
        assert (n_first, n_second) == (3, 0)
        pd.testing.assert_frame_equal(first.scores, second.scores)

    @pytest.mark.parametrize("cut", ["line", "half", "all but one byte"])
    def test_goes_on_where_it_was_killed(self, path, cut):
        whole, _ = self.run(path)
        content = path.read_bytes()
        *_, last = content.rstrip(b"\n").split(b"\n")
        lost = {"line": len(last) + 1, "half": len(last) // 2, "all but one byte": len(last)}[cut]
        path.write_bytes(content[:-lost])
        again, n_fits = self.run(path)
        assert n_fits == 1
        drop = ["fit_seconds"]
        pd.testing.assert_frame_equal(
            whole.scores.drop(columns=drop), again.scores.drop(columns=drop)
        )
        assert self.run(path)[1] == 0

    @pytest.mark.parametrize(
        "change",
        [
            {"estimators": {"counting": Counting(strategy="median")}},
            {"datasets": (X + 1e-9, D)},
            {"datasets": (X, D[::-1].copy())},
            {"random_state": 1},
            {"corrupt": lambda X, y, random_state: (X, y)},
            {"scoring": {"one": get_ldl_scorer("neg_kl_divergence")}},
        ],
    )
    def test_whatever_changes_scores_is_fitted(self, path, change):
        self.run(path)
        assert self.run(path, **change)[1] == 3
        # What was there before is still there.
        assert self.run(path)[1] == 0

    def test_another_measure_costs_no_fit(self, path):
        self.run(path)
        found, n_fits = self.run(path, scoring=["wasserstein_distance", "kl_divergence"])
        assert n_fits == 0
        assert list(found.scores.columns[-2:]) == ["wasserstein_distance", "kl_divergence"]
        # One of another package does once, and what was known stays.
        assert self.run(path, scoring="explained_variance")[1] == 3
        assert self.run(path, scoring=["explained_variance", "clark_distance"])[1] == 0

    def test_what_is_tuned_for_counts(self, path):
        tuned = {"counting": (Counting(), {"quantile": [0.1, 0.2]})}
        n_fits = self.run(path, estimators=tuned, inner_cv=2)[1]
        again = self.run(path, estimators=tuned, inner_cv=2, scoring="clark_distance")[1]
        assert n_fits == again == 3 * (2 * 2 + 1)
        # Among the six it is the one that names the best.
        assert self.run(path, estimators=tuned, inner_cv=2, scoring="kl_divergence")[1] == 0

    def test_changed_code_is_fitted(self, path, tmp_path, monkeypatch):
        monkeypatch.syspath_prepend(tmp_path)
        text = "from sklearn.dummy import DummyRegressor\nfrom helper_of_mine import NAME\n"
        (tmp_path / "mine.py").write_text(text + "class Mine(DummyRegressor):\n    pass\n")
        helper = tmp_path / "helper_of_mine.py"
        helper.write_text("NAME = 'a'\n")
        import mine

        def n_lines():
            compare(mine.Mine(), (X, D), cv=2, cache=path)
            return len(path.read_text().splitlines())

        first = n_lines()
        assert n_lines() == first
        source = tmp_path / "mine.py"
        source.write_text(source.read_text() + "# changed\n")
        assert n_lines() == first + 2
        for name in ("mine", "helper_of_mine"):
            del sys.modules[name]

    def test_renamed_estimators_and_data_sets_are_known(self, path):
        self.run(path)
        found, n_fits = self.run(
            path, estimators={"other": Counting()}, datasets={"renamed": (X, D)}
        )
        assert n_fits == 0
        assert found.estimators("renamed") == ["uniform", "mean", "other"]

    def test_errors_are_not_kept(self, path):
        compare({"odd": LinearRegression(n_jobs="wrong")}, (X, D), cv=2, cache=path)
        names = {json.loads(line)["estimator"] for line in path.read_text().splitlines()}
        assert names == {"uniform", "mean"}

    def test_scorers_and_corruptions_are_told_apart_by_more_than_their_names(self, path):
        def options(value):
            return {
                "scoring": {"score": lambda estimator, X, y: value},
                "corrupt": lambda X, y, random_state: (X, y * value),
            }

        for name in ("scoring", "corrupt"):
            self.run(path, **{name: options(1.0)[name]})
            assert self.run(path, **{name: options(1.0)[name]})[1] == 0
            assert self.run(path, **{name: options(0.5)[name]})[1] == 3

    def test_grids_with_distributions_are_known_in_another_process(self, path):
        tuned = {"estimators": (BFGSLDL(), {"alpha": loguniform(1e-3, 1)}), "n_candidates": 2}
        first, _ = self.run(path, **tuned)
        # Distributions of scipy hold the global state.
        np.random.rand()  # noqa: NPY002
        again, _ = self.run(path, **tuned)
        pd.testing.assert_frame_equal(first.scores, again.scores)  # with the same times
        assert {len(record["chosen"]) for record in first.records if "chosen" in record} == {1}

    def test_two_processes_may_share_a_file(self, path):
        self.run(path)
        whole = path.read_bytes()
        path.write_bytes(whole[:-9])  # the other one is writing
        ours = ScoreCache(path)
        path.write_bytes(whole)
        ours.add("new", {"scores": {"a": 1.0}})
        assert path.read_bytes().startswith(whole)
        assert ScoreCache(path).get("new") == {"scores": {"a": 1.0}}
        assert self.run(path)[1] == 0

    def test_the_time_limit_goes_on_where_it_was(self, path):
        limited = {"estimators": {"slow": Slow()}, "cv": 4, "time_limit": 0.05}
        first, _ = self.run(path, **limited)
        again, _ = self.run(path, **limited)
        assert [r["error"] for r in first.failures] == [r["error"] for r in again.failures]
        pd.testing.assert_frame_equal(first.scores, again.scores)

    @pytest.mark.parametrize("line", ["nonsense", "[1]", "3", '{"a": 1}', '"text"'])
    def test_damaged_lines_are_named(self, path, line):
        self.run(path)
        path.write_text(f"{line}\n{path.read_text()}")
        with pytest.raises(ValueError, match=r"scores\.jsonl, line 1, is no score"):
            self.run(path)

    def test_lines_without_scores_are_fitted_again(self, path):
        found, n_fits = self.run(path)
        path.write_text(re.sub('"scores": {[^}]*}', '"scores": 3', path.read_text()))
        again, n_again = self.run(path)
        assert n_again == n_fits
        assert str(again).splitlines()[0] == str(found).splitlines()[0]


@pytest.mark.parametrize("everywhere", [True, False])
def test_scores_that_are_no_numbers(everywhere):
    def score(estimator, X, y):
        return np.nan if everywhere or estimator.strategy == "constant" else 1.0

    found = compare({"own": DummyRegressor()}, [(X, D), (X, D)], cv=2, scoring={"odd": score})
    assert "nan" in str(found)
    assert "nan" in found.to_latex("odd")
    if everywhere:
        with pytest.raises(ValueError, match="No estimator has finished"):
            found.best("data0")
    else:
        assert found.best("data0") == "mean"
        assert list(found.ranks("odd")) == [1.5, 1.5]


def test_labels_in_a_list():
    assert compare("logistic", (X, ["a", "b"] * 30), cv=2).failures == []
    frame = pd.DataFrame(X)
    assert compare("logistic", (frame, ["a", "b"] * 30), cv=2).failures == []
    with pytest.raises(ValueError, match="data0 has no column 'typo'; its columns are 0, 1, 2"):
        compare("mean", [(frame, ["typo", "b"])], cv=2)


def test_progress_counts_batches():
    told = []
    compare("mean", (X, D), cv=5, n_jobs=2, on_progress=lambda *args: told.append(args))
    assert [args[1:] for args in told if args[1] == "mean"] == [
        ("mean", 2, 5, 2),
        ("mean", 4, 5, 2),
        ("mean", 5, 5, 1),
    ]


def test_provenance_and_saving(tmp_path):
    found = compare(BFGSLDL(0.5), {"votes": (X, D)}, cv=2, scoring="kl_divergence")
    about = found.provenance["estimators"]["votes"]["BFGSLDL"]["estimator"]
    assert next(iter(about.values()))["alpha"] == 0.5
    assert found.provenance["datasets"]["votes"]["folds"] == 2
    found.save(tmp_path / "c.json")
    loaded = Comparison.load(tmp_path / "c.json")
    assert str(loaded) == str(found)
    assert loaded.provenance == found.provenance


def test_measures_of_scikit_learn_by_either_name():
    for name in ("neg_log_loss", "log_loss"):
        [measure] = measures_of("labels", name)
        assert (measure.name, measure.is_loss) == ("log_loss", True)
        assert measure.value(-2.0) == 2


def test_measures_of_ours_by_either_name():
    scoring = ["neg_kl_divergence", "kl_divergence", "log_loss", "rank_calibration_score"]
    found = compare("mean", (X, D), cv=2, scoring=scoring)
    assert found.failures == []
    losses = {"kl_divergence": True, "log_loss": True, "rank_calibration_score": False}
    assert found.measures["data"] == losses
    with pytest.raises(ValueError, match="'neg_cosine_similarity' is no measure"):
        compare("mean", (X, D), scoring="neg_cosine_similarity")
