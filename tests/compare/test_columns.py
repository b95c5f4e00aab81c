"""Columns of any kind in a comparison: who gets them as they are, and who gets numbers."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from sklearn_ldl import BFGSLDL, GradientBoostingLDL
from sklearn_ldl.__main__ import main
from sklearn_ldl.compare import compare
from sklearn_ldl.compare.columns import width, with_columns
from sklearn_ldl.compare.estimators import BASELINES, ESTIMATORS, contenders, names_for
from sklearn_ldl.compare.problem import Problem, load_problem
from sklearn_ldl.datasets import make_ldl, make_reviews

skrub = pytest.importorskip("skrub")

STARS = [f"stars_{k}" for k in range(1, 6)]
QUIET = ["--quiet", "--no-plot"]


def table(n_rows=120, *, kinds="number category text date", missing=True):
    """A frame of some kinds of columns, and distributions that depend on all of them."""
    random = np.random.RandomState(0)
    columns = {
        "number": random.normal(size=n_rows),
        "category": pd.Categorical(random.choice(["red", "green", "blue"], n_rows)),
        "text": [f"{random.choice(['good', 'bad'])} thing, number {i}" for i in range(n_rows)],
        "date": pd.Timestamp("2024-01-01") + pd.to_timedelta(random.randint(0, 999, n_rows), "D"),
    }
    frame = pd.DataFrame({name: columns[name] for name in kinds.split()})
    if missing:
        frame = frame.mask(random.uniform(size=frame.shape) < 0.1)
    return frame, make_ldl(n_rows, n_votes=10, random_state=0)[1]


def before(estimator, X, grid=None):
    """Names of what is put before an estimator."""
    made, _ = with_columns(estimator, grid, X, 0)
    if made is estimator:
        return []
    n_own = len(estimator.steps) if hasattr(estimator, "steps") else 1
    return [type(step).__name__ for _, step in made.steps[:-n_own]]


class Own(BaseEstimator):
    """An estimator that says what it takes."""

    def __init__(self, **tags):
        self.tags = tags

    def get_params(self, deep=True):
        return self.tags

    def fit(self, X, y):
        return self

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        for name, value in self.tags.items():
            setattr(tags.input_tags, name, value)
        return tags


WITH_CATEGORIES = ["TableVectorizer"]
NUMBERS = ["TableVectorizer", "FunctionTransformer", "StandardScaler"]
BOTH = ["TableVectorizer", "FunctionTransformer", "SimpleImputer", "StandardScaler"]


class TestRule:
    @pytest.mark.parametrize(
        ("estimator", "steps"),
        [
            (BFGSLDL(), BOTH),
            (make_pipeline(StandardScaler(), BFGSLDL()), BOTH[:-1]),
            (GridSearchCV(make_pipeline(StandardScaler(), BFGSLDL()), {}), BOTH),
            (TransformedTargetRegressor(Ridge()), BOTH),
            (RandomForestRegressor(), NUMBERS),
            (make_pipeline(StandardScaler(), RandomForestRegressor()), NUMBERS[:-1]),
            (make_pipeline(SimpleImputer(), BFGSLDL()), NUMBERS),
            (make_pipeline("passthrough", BFGSLDL()), BOTH),
            (GradientBoostingLDL(), WITH_CATEGORIES),
            (GradientBoostingLDL(categorical_features=None), NUMBERS),
            (HistGradientBoostingRegressor(), WITH_CATEGORIES),
            (Own(), BOTH),
            (Own(allow_nan=True), NUMBERS),
            (Own(categorical=True), BOTH),
            (Own(string=True), []),
            (DummyRegressor(), []),
            (make_pipeline(Own(string=True), BFGSLDL()), []),
            (make_pipeline(ColumnTransformer([]), BFGSLDL()), []),
            (make_pipeline(OneHotEncoder(), BFGSLDL()), []),
            (make_pipeline(FunctionTransformer(), BFGSLDL()), []),
            (skrub.tabular_pipeline(BFGSLDL()), []),
            (GridSearchCV(skrub.tabular_pipeline(BFGSLDL()), {}), []),
        ],
        ids=str,
    )
    def test_all_kinds_of_columns(self, estimator, steps):
        assert before(estimator, table()[0]) == steps

    def test_numbers_stay_as_they_are(self):
        X, _ = table(kinds="number", missing=False)
        for given in (X, X.to_numpy(), pl.from_pandas(X)):
            assert before(BFGSLDL(), given) == []
        assert before(BFGSLDL(), table(kinds="number")[0]) == ["SimpleImputer"]
        assert before(RandomForestRegressor(), table(kinds="number")[0]) == []

    @pytest.mark.parametrize("given", [pd.DataFrame, pl.from_pandas])
    def test_categories_and_missing_values_for_who_takes_them(self, given):
        X = given(table(kinds="number category")[0])
        assert before(GradientBoostingLDL(), X) == []
        assert before(Own(categorical=True, allow_nan=True), X) == []
        assert before(Own(categorical=True), X) == BOTH
        complete = given(table(kinds="number category", missing=False)[0])
        assert before(Own(categorical=True), complete) == []
        assert before(BFGSLDL(), X) == BOTH
        text = given(table(kinds="category text")[0])
        made, _ = with_columns(GradientBoostingLDL(), None, text, 0)
        seen = made[:-1].fit_transform(text)
        assert str(seen["category"].dtype).lower().startswith("categor")
        assert seen.shape[1] == 31

    @pytest.mark.parametrize(
        "dtype", ["str", "string", "string[pyarrow]", "object", "category", pd.ArrowDtype]
    )
    def test_text_of_any_type(self, dtype):
        if dtype is pd.ArrowDtype:
            dtype = dtype(pytest.importorskip("pyarrow").string())
        words = [f"{'good' if i % 2 else 'bad'} word {i % 50}" for i in range(100)]
        X = pd.DataFrame({"t": pd.Series(words, dtype=dtype)})
        D = np.tile([[0.5, 0.5], [1, 0]], (50, 1))
        made, _ = with_columns(BFGSLDL(), None, X, 0)
        P = made.fit(X, D).predict(X)
        np.testing.assert_allclose(P, D, atol=0.2)
        assert width(X) == 30

    def test_text_of_polars(self):
        X, D = table()
        made, _ = with_columns(BFGSLDL(), None, X, 0)
        P = pickle.loads(pickle.dumps(made.fit(X, D))).predict(X)
        other = pl.from_pandas(X)
        np.testing.assert_allclose(made.fit(other, D).predict(other), P, atol=1e-3)

    def test_grids_follow_their_estimators(self):
        X, D = table()
        grid = {"alpha": [0.1, 1]}
        made, below = with_columns(BFGSLDL(), [grid], X, 0)
        assert below == [{"bfgsldl__alpha": [0.1, 1]}]
        GridSearchCV(made, below, cv=2).fit(X, D)
        pipe = make_pipeline(StandardScaler(), BFGSLDL(), memory=None, verbose=False)
        made, below = with_columns(pipe, {"bfgsldl__alpha": [1]}, X, 0)
        assert below == {"bfgsldl__alpha": [1]}
        assert list(made.named_steps) == [
            "tablevectorizer", "functiontransformer", "simpleimputer", "standardscaler", "bfgsldl",
        ]  # fmt: skip

    def test_categories_of_test_rows_alone_give_no_warning(self, recwarn):
        X, D = table(kinds="category", missing=False)
        X["category"] = X["category"].cat.add_categories("new")
        made, _ = with_columns(BFGSLDL(), None, X, 0)
        other = X.assign(category=pd.Categorical(["new"] * len(X)))
        assert np.isfinite(made.fit(X, D).predict(other)).all()
        assert not recwarn.list

    @pytest.mark.parametrize("engine", ["sklearn", "lightgbm"])
    def test_categories_are_the_same_whatever_their_codes(self, engine):
        pytest.importorskip("lightgbm")
        names = np.array(list("bcd") * 50)
        X = pd.DataFrame({"c": pd.Categorical(names), "t": [f"w {i}" for i in range(150)]})
        degree = np.select([names == "b", names == "c"], [0.9, 0.5], 0.1)
        made, _ = with_columns(GradientBoostingLDL(engine=engine, random_state=0), None, X, 0)
        made.fit(X, np.column_stack([degree, 1 - degree]))
        other = pd.DataFrame({"c": pd.Categorical(["d", "b", "c", "a"]), "t": ["w 1"] * 4})
        P = made.predict(other)
        np.testing.assert_allclose(P[:3, 0], [0.1, 0.9, 0.5], atol=0.1)
        assert np.isfinite(P).all()


class TestComparison:
    @pytest.fixture(scope="class")
    @staticmethod
    def problem(tmp_path_factory):
        path = tmp_path_factory.mktemp("reviews") / "reviews.csv"
        make_reviews(150, random_state=0).to_csv(path)
        return load_problem(str(path), vote_columns=STARS, drop_unlabelled=True)

    def test_all_that_are_compared_by_default(self, problem):
        found = compare(None, problem, cv=0.3)
        assert found.failures == []
        assert not [record["warnings"] for record in found.records if "warnings" in record]
        names = found.estimators()
        # Neighbours take no weights.
        by_default = {name for name, entry in ESTIMATORS.items() if entry.by_default}
        assert by_default - set(names) == {"knn"}
        best = found.mean("reviews", found.best("reviews"), "kl_divergence")
        assert best < 0.7 * found.mean("reviews", "mean", "kl_divergence")

    def test_who_takes_no_weights_takes_part_where_there_are_none(self, problem):
        alike = Problem(problem.name, problem.X, problem.y)
        assert set(names_for(alike)) - set(names_for(problem)) == {"knn"}
        assert compare("knn", alike, cv=0.3).failures == []

    def test_names_are_tuned(self, problem):
        found = compare(["bfgs-alpha", "boosting"], problem, cv=0.3, tune=True)
        assert found.failures == []
        chosen = {r["estimator"]: r["chosen"] for r in found.records if "chosen" in r}
        assert chosen["bfgs-alpha"].keys() == {"scale", "model__alpha"}
        assert "model__max_depth" in chosen["boosting"]

    def test_own_estimators_and_grids(self, problem):
        own = {
            "forest": RandomForestRegressor(n_estimators=5, min_samples_leaf=5, random_state=0),
            "tuned": (BFGSLDL(), {"alpha": [1e-2, 1]}),
            "pipe": skrub.tabular_pipeline(BFGSLDL()),
        }
        found = compare(own, problem, cv=0.3)
        assert found.failures == []
        rows = contenders(own, problem, None, 0)
        assert rows["pipe"].estimator is own["pipe"]
        assert all(rows[name].estimator.steps[0][0] == "tablevectorizer" for name in list(own)[:2])

    def test_what_was_fitted_is_found_again(self, problem, tmp_path):
        kept = tmp_path / "scores.jsonl"
        compare(["bfgs-alpha", "boosting"], problem, cv=0.3, cache=kept)
        lines = kept.read_text()
        again = Problem(
            problem.name, problem.X.copy(), problem.y, problem.labels, None, problem.sample_weight
        )
        compare(["bfgs-alpha", "boosting"], again, cv=0.3, cache=kept)
        assert kept.read_text() == lines

    def test_frames_of_users(self):
        X, D = table()
        X[["u", "v", "w"]] = D
        found = compare("bfgs-alpha", (X, ["u", "v", "w"]), cv=2)
        assert found.failures == []

    def test_frames_of_polars(self):
        polars = pytest.importorskip("polars")
        decimals = polars.DataFrame(
            {"a": polars.Series([1.5, 2.5] * 60).cast(polars.Decimal(9, 2))}
        )
        assert before(BFGSLDL(), decimals) == []
        numbers, D = table(kinds="number")
        numbers[["u", "v", "w"]] = D
        both = {"pandas": numbers, "polars": polars.DataFrame(numbers.to_dict("list"))}
        found = compare("knn", {name: (both[name], ["u", "v", "w"]) for name in both}, cv=2)
        assert found.failures == []
        assert found.summary("kl_divergence")["pandas"].equals(
            found.summary("kl_divergence")["polars"]
        )

    def test_number_of_features_is_that_of_who_learns(self, problem):
        made, _ = with_columns(BFGSLDL(), None, problem.X, 0)
        n_seen = made[0].fit_transform(problem.X).shape[1]
        assert problem.n_features == n_seen > problem.X.shape[1] == 6
        nystroem = ESTIMATORS["nystroem"].build(problem, 0)["model"][0]
        assert nystroem.gamma == 1 / (2 * n_seen)


class TestCommandLine:
    @pytest.fixture
    def csv(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        make_reviews(80, random_state=0).to_csv("reviews.csv")
        return tmp_path

    def run(self, capsys, *argv):
        options = ["--estimators", "bfgs-alpha", "--cv", "2", *QUIET]
        code = main(["compare", "reviews.csv", *argv, *options])
        assert code == 0
        return capsys.readouterr()

    def test_what_was_left_out_is_said(self, csv, capsys):
        said = self.run(capsys, "--vote-columns", *STARS, "--drop-unlabelled").err.splitlines()
        assert said[0] == "reviews: column A has no name and numbers the rows: left out"
        assert (
            said[2]
            == "reviews: column B (sku) is an identifier, each row has its own text: left out"
        )
        assert len(said) == 3

    def test_rows_without_votes_name_both_remedies(self, csv, capsys):
        with pytest.raises(SystemExit):
            main(["compare", "reviews.csv", "--vote-columns", *STARS, *QUIET])
        message = capsys.readouterr().err
        assert message.count("\n") == 1
        assert "reviews.csv, row " in message
        assert "--drop-unlabelled" in message
        assert "--prior 1" in message
        self.run(capsys, "--vote-columns", *STARS, "--prior", "0.5")

    @pytest.fixture
    def few(self):
        every = dict(ESTIMATORS)
        for name in set(ESTIMATORS) - {*BASELINES, "knn", "bfgs-alpha"}:
            del ESTIMATORS[name]
        yield
        ESTIMATORS.clear()  # in their order, which is that of tables
        ESTIMATORS.update(every)

    def test_default_leaves_out_who_takes_no_weights(self, csv, capsys, few):
        command = ["compare", "reviews.csv", "--vote-columns", *STARS, "--drop-unlabelled"]
        assert main([*command, "--cv", "2", *QUIET]) == 0
        said = capsys.readouterr()
        assert "left out, as they take no weights: knn (--weights uniform " in said.err
        assert "\nknn" not in said.out
        assert main([*command, "--weights", "uniform", "--cv", "2", *QUIET]) == 0
        said = capsys.readouterr()
        assert "take no weights" not in said.err
        assert "\nknn" in said.out

    def test_who_takes_no_weights_fails_with_a_hint(self, csv, capsys):
        command = ["compare", "reviews.csv", "--vote-columns", *STARS, "--drop-unlabelled"]
        assert main([*command, "--cv", "2", "--estimators", "knn", *QUIET]) == 1
        said = capsys.readouterr().err
        assert "error: knn on reviews: ValueError: KNeighborsLDL takes no sample_weight" in said
        assert "hint: --weights uniform " in said

    def test_weights_change_scores(self, csv, capsys):
        table = pd.read_csv("reviews.csv", index_col=0)
        table.assign(stars=np.arange(len(table))).to_csv("reviews.csv")
        command = ["--vote-columns", *STARS, "--drop-unlabelled"]
        column = ["--weights", "stars", "--drop-columns", "listed"]
        scores = set()
        for options in ([], column, ["--weights", "uniform"]):
            said = self.run(capsys, *command, *options)
            assert f"p = {5 if options == column else 7} features" in said.out
            scores.add(pd.read_csv("ldl_results/reviews.csv").kl_divergence_mean[1])
        assert len(scores) == 3

    def test_groups(self, csv, capsys):
        command = ["--vote-columns", *STARS, "--drop-unlabelled", "--groups", "kind"]
        assert "p = 5 features" in self.run(capsys, *command).out
        with pytest.raises(SystemExit):
            main(["compare", "reviews.csv", *command, "--cv", "6", *QUIET])
        assert "cv=6 needs as many groups, reviews has 5" in capsys.readouterr().err

    def test_raters_and_long_tables_give_the_same_scores(self, csv, capsys):
        random = np.random.RandomState(0)
        said = random.choice(["no", "yes", "maybe"], (40, 3))
        wide = pd.DataFrame(said, columns=["r1", "r2", "r3"]).assign(x=random.normal(size=40))
        wide.to_csv("wide.csv", index=False)
        long = wide.rename_axis("item").reset_index()
        long = long.melt(["item", "x"], var_name="who", value_name="said")
        long.to_csv("long.csv", index=False)
        options = ["--estimators", "bfgs-alpha", "--cv", "2", *QUIET]
        assert main(["compare", "wide.csv", "--rater-columns", "r1", "r2", "r3", *options]) == 0
        assert main(["compare", "long.csv", "--long", "item", "who", "said", *options]) == 0
        tables = [
            pd.read_csv(f"ldl_results/{name}.csv").drop(columns=["dataset", "fit_seconds"])
            for name in ("wide", "long")
        ]
        pd.testing.assert_frame_equal(*tables)

    def test_sparse_needs_numbers(self, csv, capsys):
        with pytest.raises(SystemExit):
            main(
                [
                    "compare",
                    "reviews.csv",
                    "--vote-columns",
                    *STARS,
                    "--prior",
                    "1",
                    "--sparse",
                    *QUIET,
                ]
            )
        message = capsys.readouterr().err
        assert "--sparse needs numbers in all cells, reviews.csv has other ones in price" in message

    def test_picture(self, csv, capsys):
        pytest.importorskip("matplotlib")
        command = ["--vote-columns", *STARS, "--drop-unlabelled", "--estimators", "bfgs-alpha"]
        assert main(["compare", "reviews.csv", *command, "--cv", "2", "--quiet"]) == 0
        assert (csv / "ldl_results" / "reviews.png").read_bytes().startswith(b"\x89PNG")

    def test_own_estimator(self, csv, capsys):
        (csv / "of_mine.py").write_text(
            "from sklearn.ensemble import ExtraTreesRegressor\n"
            "def build():\n    return ExtraTreesRegressor(n_estimators=5, random_state=0)\n"
        )
        command = ["--vote-columns", *STARS, "--drop-unlabelled", "--estimators", "of_mine:build"]
        assert main(["compare", "reviews.csv", *command, "--cv", "2", *QUIET]) == 0
        assert "of_mine:build" in capsys.readouterr().out
