import csv
import importlib
import json
import os
import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from scipy.io import savemat
from sklearn.base import BaseEstimator

from sklearn_ldl.__main__ import _over_sets, main
from sklearn_ldl._core.extras import MissingExtraError
from sklearn_ldl.compare import compare as compare_estimators
from sklearn_ldl.compare.estimators import BASELINES, ESTIMATORS, Entry
from sklearn_ldl.compare.measures import MEASURES, SIMILARITIES, SIX
from sklearn_ldl.compare.problem import artificial, load_problem
from sklearn_ldl.datasets import list_datasets, make_ldl

QUIET = ["--quiet", "--no-plot"]
DEFAULT = [name for name, entry in ESTIMATORS.items() if entry.by_default]


@pytest.fixture
def out(tmp_path):
    return tmp_path / "results"


@pytest.fixture
def compare(out, capsys):
    """Run a small comparison; return exit code, stdout and stderr."""

    def run(*argv, plot=False, quiet=True):
        options = ["--out", str(out), *([] if plot else ["--no-plot"])]
        options += ["--quiet"] if quiet else []
        code = main([*argv, *options])
        return code, *capsys.readouterr()

    return run


@pytest.fixture
def small(compare):
    def run(*argv, **options):
        return compare("--n-samples", "60", "--cv", "2", *argv, **options)

    return run


@pytest.fixture
def mat_file(tmp_path):
    X, D = make_ldl(n_samples=40, n_votes=10, random_state=0)
    savemat(tmp_path / "votes.mat", {"features": X, "labels": D})
    return tmp_path / "votes.mat"


def usage_error(capsys, *argv):
    """Stderr of a call that must be refused: one line, exit code 2, nothing on stdout."""
    with pytest.raises(SystemExit) as caught:
        main(list(argv))
    captured = capsys.readouterr()
    assert caught.value.code == 2
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    return captured.err


class Failing(BaseEstimator):
    def __init__(self, exception):
        self.exception = exception

    def fit(self, X, y):
        raise self.exception


class TestDefaultRun:
    def test_every_estimator_and_both_baselines_in_table_and_csv(self, small, out):
        code, stdout, _ = small()
        assert code == 0
        assert stdout.startswith("artificial: n = 60 rows, p = 3 features, C = 3 labels; 2 folds")
        table = pd.read_csv(out / "artificial.csv")
        assert table.estimator.tolist() == DEFAULT
        for name in DEFAULT:
            assert f"\n{name} " in stdout
        assert max(map(len, stdout.splitlines())) <= 120
        assert str(out / "artificial.csv") in stdout

    def test_csv_columns(self, small, out):
        small("--estimators", "knn")
        table = pd.read_csv(out / "artificial.csv")
        measured = [f"{measure}_{statistic}" for measure in SIX for statistic in ("mean", "std")]
        assert table.columns.tolist() == ["dataset", "estimator", *measured, "fit_seconds", "folds"]
        assert (table.dataset == "artificial").all()
        assert np.isfinite(table[[*measured, "fit_seconds"]]).all(axis=None)

    def test_picture(self, small, out):
        pytest.importorskip("matplotlib")
        code, stdout, _ = small("--estimators", "bfgs-alpha", plot=True)
        assert code == 0
        assert "distributions (bfgs-alpha)" in stdout
        assert (out / "artificial.png").read_bytes().startswith(b"\x89PNG")

    def test_picture_of_a_baseline_when_there_is_nothing_else(self, small, out):
        pytest.importorskip("matplotlib")
        _, stdout, _ = small("--estimators", "mean", "--metrics", "cosine_similarity", plot=True)
        assert "distributions (mean)" in stdout

    def test_without_any_argument(self, tmp_path, monkeypatch, capsys):
        pytest.importorskip("matplotlib")
        pytest.importorskip("rich")
        monkeypatch.chdir(tmp_path)
        every = dict(ESTIMATORS)
        for name in set(ESTIMATORS) - {*BASELINES, "bfgs-alpha"}:
            del ESTIMATORS[name]
        try:
            assert main([]) == 0
        finally:  # in their order, which is that of tables
            ESTIMATORS.clear()
            ESTIMATORS.update(every)
        assert "n = 1000 rows" in capsys.readouterr().out
        assert {path.name for path in (tmp_path / "ldl_results").iterdir()} == {
            "artificial.csv",
            "artificial.png",
            "scores.jsonl",
        }

    def test_same_seed_same_scores_whatever_the_number_of_jobs(self, small, out):
        tables = []
        for seed, jobs in [("0", "1"), ("0", "2"), ("1", "1")]:
            small("--estimators", "forest", "pt-svm", "--seed", seed, "--n-jobs", jobs)
            tables.append(pd.read_csv(out / "artificial.csv").drop(columns="fit_seconds"))
        pd.testing.assert_frame_equal(tables[0], tables[1])
        assert not tables[0].equals(tables[2])


class TestRealData:
    def test_mat_file_with_chosen_measures_in_the_given_order(self, compare, mat_file, out):
        code, stdout, _ = compare(
            "compare", str(mat_file), "--estimators", "knn", "--cv", "3",
            "--metrics", "intersection_similarity", "wasserstein_distance", "wasserstein_distance",
        )  # fmt: skip
        assert code == 0
        assert stdout.startswith("votes: n = 40 rows")
        table = pd.read_csv(out / "votes.csv")
        assert table.estimator.tolist() == [*BASELINES, "knn"]
        assert table.columns[2:-2].tolist() == [
            "intersection_similarity_mean", "intersection_similarity_std",
            "wasserstein_distance_mean", "wasserstein_distance_std",
        ]  # fmt: skip

    def test_csv_file(self, compare, tmp_path, out):
        X, D = make_ldl(n_samples=30, random_state=0)
        frame = pd.DataFrame(np.hstack([X, D]), columns=["a", "b", "c", "bad", "fair", "good"])
        frame.to_csv(tmp_path / "votes.csv", index=False)
        labels = ["bad", "fair", "good"]
        argv = ["compare", str(tmp_path / "votes.csv"), "--label-columns", *labels, "--cv", "2"]
        code, stdout, _ = compare(*argv, "--estimators", "bfgs-alpha")
        assert code == 0
        assert "p = 3 features, C = 3 labels" in stdout
        assert load_problem(argv[1], label_columns=labels).labels == labels

    def test_results_never_take_the_place_of_the_data(self, tmp_path, capsys):
        X, D = make_ldl(n_samples=30, random_state=0)
        path = tmp_path / "votes.csv"
        pd.DataFrame(np.hstack([X, D]), columns=list("abcdef")).to_csv(path, index=False)
        before = path.read_bytes()
        argv = ["compare", str(path), "--label-columns", *"def", "--out", str(tmp_path)]
        message = "votes.csv would be overwritten by the results: choose another --out"
        assert message in usage_error(capsys, *argv, "--no-plot", "--quiet")
        assert path.read_bytes() == before

    @pytest.mark.parametrize("sparse", [False, True])
    def test_csv_file_of_votes(self, tmp_path, sparse):
        path = tmp_path / "votes.csv"
        path.write_text("a,like,dislike\n0,3,1\n2,0,5\n1,2,2\n")
        names = ["like", "dislike"]
        problem = load_problem(str(path), vote_columns=names, sparse=sparse)
        np.testing.assert_allclose(problem.y, [[0.75, 0.25], [0, 1], [0.5, 0.5]])
        assert problem.X.shape == (3, 1)
        assert problem.sparse is sparse
        assert problem.labels == names

    def test_sparse_leaves_out_what_needs_dense_features(self, compare, mat_file, out):
        code, stdout, _ = compare("compare", str(mat_file), "--sparse", "--cv", "2")
        assert code == 0
        assert "p = 3 features, sparse," in stdout
        names = pd.read_csv(out / "votes.csv").estimator.tolist()
        assert names == [name for name in DEFAULT if name != "pt-bayes"]

    def test_sparse_does_not_standardise(self, mat_file):
        for sparse in (True, False):
            problem = load_problem(str(mat_file), sparse=sparse)
            steps = ESTIMATORS["knn"].build(problem, 0).named_steps
            assert (steps["scale"] == "passthrough") is sparse

    def test_hint_for_mostly_zero_features(self, compare, tmp_path):
        X, D = np.eye(30), make_ldl(30, random_state=0)[1]
        np.savez(tmp_path / "wide.npz", features=X, labels=D)
        argv = ["compare", str(tmp_path / "wide.npz"), "--cv", "2", "--estimators", "mean"]
        assert "hint: most features are zero; --sparse" in compare(*argv)[2]
        assert compare(*argv, "--sparse")[2] == ""

    def test_public_set_by_name(self, capsys, monkeypatch, tmp_path):
        monkeypatch.setenv("SCIKIT_LEARN_DATA", str(tmp_path))
        (tmp_path / "sklearn_ldl").mkdir()
        (tmp_path / "sklearn_ldl" / "SJAFFE.mat").write_bytes(b"damaged")
        message = usage_error(capsys, "compare", "SJAFFE", *QUIET)
        assert "SJAFFE.mat is not the public SJAFFE file" in message

    def test_published_set(self, compare, ldl_data, out):
        compare("compare", str(ldl_data / "SJAFFE.mat"), "--cv", "2", "--estimators", "knn")
        table = pd.read_csv(out / "SJAFFE.csv").set_index("estimator")
        assert table.kl_divergence_mean["knn"] < table.kl_divergence_mean["mean"]


def test_files_of_the_same_name_are_told_apart(tmp_path, compare, out):
    for seed, folder in enumerate(("one", "two")):
        (tmp_path / folder).mkdir()
        X, D = make_ldl(60, random_state=seed)
        np.savez(tmp_path / folder / "data.npz", features=X, labels=D)
    paths = [str(tmp_path / folder / "data.npz") for folder in ("one", "two")]
    code, *_ = compare("compare", *paths, "--estimators", "bfgs-auto", "--cv", "2")
    assert code == 0
    assert {path.name for path in out.glob("*data.csv")} == {"one-data.csv", "two-data.csv"}


class TestErrors:
    @pytest.mark.parametrize(
        ("argv", "message"),
        [
            (["compare", "nowhere.mat"], "No such file: nowhere.mat"),
            (["compare", "Nowhere"], "Nowhere is neither a file nor a public data set"),
            (["compare", "table.txt"], "suffix must be .mat, .npz or .csv"),
            (["--estimators", "nonsense"], "There is no 'nonsense' for distributions"),
            (["--metrics", "neg_chebyshev_distance"], "invalid choice: 'neg_chebyshev_distance'"),
            (["--cv", "1"], "must be at least 2, got 1"),
            (["--cv", "11", "--n-samples", "10"], "cv=11 needs as many rows, artificial has 10"),
            (["--n-jobs", "0"], "n_jobs == 0"),
            (["--time-limit", "-1"], "must be at least 0, got -1"),
            (["--time-limit", "nan"], "must be at least 0, got nan"),
            (["--sparse"], "--sparse needs a FILE"),
            (["--label-columns", "a", "b"], "--label-columns needs a FILE"),
            (["--drop-unlabelled"], "--drop-unlabelled needs a FILE"),
            (["compare", "a.csv"], "--vote-columns for counts, --label-columns for degrees"),
            (["compare", "a.mat", "--vote-columns", "a"], "--vote-columns is for .csv files only"),
            (["compare", "SJAFFE", "--label-columns", "a"], "--label-columns is for .csv files"),
            (["compare", "a.npz", "--groups", "a"], "--groups is for .csv files only"),
            (["compare", "a.csv", "--vote-columns", *"ab", "--long", *"ab"], "not allowed with"),
            (["compare", "a.mat", "--n-samples", "9"], "--n-samples is for the artificial data"),
            (["--estimators", "no_module:A"], "no_module:A: No module named 'no_module'"),
            (["--estimators", "math:A"], "math:A: module 'math' has no attribute 'A'"),
            (["compare", "a.npz", "b/a.npz"], "No such file: a.npz"),
            (["nonsense"], "invalid choice: 'nonsense'"),
        ],
    )
    def test_one_line_and_exit_code_2(self, argv, message, capsys, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        command = argv if argv == ["nonsense"] else [*argv, *QUIET]
        assert message in usage_error(capsys, *command)
        assert not list(tmp_path.iterdir())

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("def f(:", "broken_module:f: SyntaxError: invalid syntax"),
            ("1 / 0", "broken_module:f: ZeroDivisionError"),
            ("f = 3", "broken_module:f: 3 is no estimator"),
            ("def f(x): pass", "broken_module:f: TypeError: f() missing 1 required"),
            ("class f:\n    fit = print", "broken_module:f: f has no get_params"),
        ],
    )
    def test_own_modules_that_are_broken(self, text, message, capsys, tmp_path, monkeypatch):
        (tmp_path / "broken_module.py").write_text(text)
        monkeypatch.chdir(tmp_path)
        monkeypatch.delitem(sys.modules, "broken_module", raising=False)
        importlib.invalidate_caches()
        argv = ["--estimators", "broken_module:f", "--n-samples", "20", *QUIET]
        assert message in usage_error(capsys, *argv)

    def test_labels_that_are_no_distribution(self, capsys, tmp_path):
        path = tmp_path / "counts.npz"
        np.savez(path, features=np.ones((4, 1)), labels=np.ones((4, 2)))
        message = usage_error(capsys, "compare", str(path), *QUIET)
        assert "row 0 sums to 2, not to 1" in message

    def test_dense_estimator_with_sparse_features(self, capsys, mat_file):
        argv = ["compare", str(mat_file), "--sparse", "--estimators", "pt-bayes", *QUIET]
        assert "pt-bayes takes no sparse features" in usage_error(capsys, *argv)

    def test_out_is_a_file(self, capsys, mat_file):
        argv = ["--n-samples", "20", "--out", str(mat_file), *QUIET]
        assert str(mat_file) in usage_error(capsys, *argv)

    @pytest.mark.parametrize(
        ("package", "extra", "way_out"),
        [("matplotlib.pyplot", "plot", "--no-plot"), ("rich.progress", "progress", "--quiet")],
    )
    def test_missing_extra(self, package, extra, way_out, capsys, tmp_path, monkeypatch):
        monkeypatch.setitem(sys.modules, package, None)
        other = {"--no-plot", "--quiet"} - {way_out}
        argv = ["--n-samples", "30", "--cv", "2", "--estimators", "mean"]
        argv += ["--out", str(tmp_path)]
        message = usage_error(capsys, *argv, *other)
        assert f'pip install "sklearn-ldl[{extra}]"' in message
        assert way_out in message
        assert main([*argv, *QUIET]) == 0

    def test_failing_estimator_does_not_stop_the_others(self, small, out, monkeypatch):
        failing = Entry("", lambda problem, seed: Failing(ValueError("too bad\nsecond line")))
        monkeypatch.setitem(ESTIMATORS, "bfgs", failing)
        code, stdout, stderr = small("--estimators", "bfgs", "knn")
        assert code == 1
        assert stderr == "error: bfgs on artificial: ValueError: too bad\n"
        assert pd.read_csv(out / "artificial.csv").estimator.tolist() == [*BASELINES, "knn"]
        assert "\nknn " in stdout

    def test_results_that_cannot_be_written(self, small, out):
        (out / "artificial.csv").mkdir(parents=True)
        code, _, stderr = small("--estimators", "mean")
        assert code == 1
        assert "artificial.csv" in stderr

    def test_interrupt_keeps_what_was_finished(self, small, out, monkeypatch):
        interrupted = Entry("", lambda problem, seed: Failing(KeyboardInterrupt()))
        monkeypatch.setitem(ESTIMATORS, "knn", interrupted)
        code, stdout, stderr = small("--estimators", "bfgs-alpha", "knn", "forest", plot=True)
        assert code == 130
        assert stderr == "interrupted: 6 of 10 folds were finished; they are kept\n"
        finished = [*BASELINES, "bfgs-alpha"]
        assert pd.read_csv(out / "artificial.csv").estimator.tolist() == finished
        assert "\nbfgs-alpha " in stdout
        assert not (out / "artificial.png").exists()

    def test_interrupt_before_the_second_set(self, compare, mat_file, monkeypatch):
        other = mat_file.with_name("other.mat")
        other.write_bytes(mat_file.read_bytes())
        interrupted = Entry("", lambda problem, seed: Failing(KeyboardInterrupt()))
        monkeypatch.setitem(ESTIMATORS, "knn", interrupted)
        argv = ["compare", str(mat_file), str(other), "--cv", "2", "--estimators", "knn"]
        code, stdout, stderr = compare(*argv)
        assert code == 130
        assert stderr == "interrupted: 4 of 12 folds were finished; they are kept\n"
        assert re.search(r"^votes\nestimator .*\n-+\nuniform .*\nmean ", stdout, re.MULTILINE)
        assert not re.search("^other\n", stdout, re.MULTILINE)

    def test_interrupt_before_anything_was_finished(self, small, out, monkeypatch):
        interrupted = Entry("", lambda problem, seed: Failing(KeyboardInterrupt()))
        monkeypatch.setitem(ESTIMATORS, "uniform", interrupted)
        code, stdout, stderr = small()
        assert code == 130
        n_folds = 2 * len(DEFAULT)
        assert stderr == f"interrupted: 0 of {n_folds} folds were finished; they are kept\n"
        assert "estimator" not in stdout
        assert not list(out.iterdir())

    def test_over_the_time_limit_is_no_failure(self, small):
        code, stdout, stderr = small("--estimators", "knn", "--time-limit", "0")
        assert code == 0
        assert (
            "stopped: knn on artificial: over limit: more than 0 s after 1 of 2 folds\n" in stderr
        )
        assert "\nknn " in stdout

    @pytest.mark.filterwarnings("default::sklearn.exceptions.ConvergenceWarning")
    def test_warnings_of_an_estimator_are_told_once(self, small, monkeypatch):
        unfinished = ESTIMATORS["bfgs-alpha"]
        monkeypatch.setitem(
            ESTIMATORS,
            "bfgs-alpha",
            Entry("", lambda p, s: unfinished.build(p, s).set_params(model__max_iter=0)),
        )
        _, _, stderr = small("--estimators", "bfgs-alpha", "--cv", "3")
        assert all(
            line.startswith("warning: bfgs-alpha on artificial: ") for line in stderr.splitlines()
        )
        assert "Increase max_iter" in stderr
        # Once, though every fold has other numbers in it.
        assert stderr.count("\n") == 1
        assert stderr.endswith(" (3 folds)\n")


class TestProgress:
    def test_bar_leaves_stdout_alone(self, small):
        pytest.importorskip("rich")
        _, with_bar, _ = small("--estimators", "mean", quiet=False)
        _, without, _ = small("--estimators", "mean")
        # But for the seconds that a fit takes, in the last column.
        with_bar, without = (re.sub(r" +\d+\.\d\d\n", "\n", text) for text in (with_bar, without))
        assert "mean" in without
        assert with_bar == without


def test_list(capsys):
    assert main(["list"]) == 0
    shown = capsys.readouterr().out
    for name in (*ESTIMATORS, *list_datasets()):
        assert f"\n  {name} " in shown
    for measure in MEASURES:
        assert measure + ("↑" if measure in SIMILARITIES else "↓") in shown
    assert max(map(len, shown.splitlines())) <= 100


def test_list_of_one(capsys):
    assert main(["list", "knn"]) == 0
    shown = capsys.readouterr().out
    assert "  n_neighbors = 10\n" in shown
    assert "  n_neighbors: 5 | 10 | 20 | 33\n" in shown
    assert main(["list", "KNeighborsLDL"]) == 0
    assert capsys.readouterr().out == shown
    assert "There is no 'nonsense'; choose from uniform" in usage_error(capsys, "list", "nonsense")


def test_list_without_an_extra(capsys, monkeypatch):
    monkeypatch.setitem(ESTIMATORS, "network", ESTIMATORS["network"]._replace(learner=_no_torch))
    for argv in (["list"], ["list", "network"]):
        assert main(argv) == 0
        assert 'pip install "sklearn-ldl[deep]"' in " ".join(capsys.readouterr().out.split())


def _no_torch(problem, seed):
    raise MissingExtraError("The network", "torch", "deep")


def test_tune(small, out):
    # Inner folds have fewer rows than the scaling by quantiles has quantiles: no word of that.
    assert small("--estimators", "knn", "--tune")[2] == ""
    lines = [json.loads(line) for line in (out / "scores.jsonl").read_text().splitlines()]
    assert {line["estimator"]: "chosen" in line for line in lines} == {
        "uniform": False,
        "mean": False,
        "knn": True,
    }


def test_as_a_module():
    command = [sys.executable, "-m", "sklearn_ldl", "list"]
    ascii_only = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=ascii_only)
    assert "chebyshev_distance?, clark_distance?" in done.stdout
    assert done.stderr == ""


def test_csv_keeps_all_digits(small, out):
    small("--estimators", "mean", "--metrics", "clark_distance")
    with (out / "artificial.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    found = compare_estimators("mean", artificial(60, 0), cv=2, scoring="clark_distance")
    mean = found.mean("artificial", "mean", "clark_distance")
    assert float(rows[1]["clark_distance_mean"]) == mean


OWN = """
from sklearn.dummy import DummyRegressor

class MyLDL(DummyRegressor):
    pass

def build():
    return MyLDL(quantile=0.5)
"""


def test_estimators_of_a_file_beside_the_data_on_two_sets(tmp_path):
    for name in ("a", "b"):
        X, D = make_ldl(30, random_state=ord(name))
        np.savez(tmp_path / f"{name}.npz", features=X, labels=D)
    (tmp_path / "mine.py").write_text(OWN)
    argv = "compare a.npz b.npz --cv 2 --quiet --no-plot --format latex --estimators"
    done = subprocess.run(
        [sys.executable, "-m", "sklearn_ldl", *argv.split(), "mine:MyLDL", "mine:build", "knn"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    # Nothing but tables, so that it can go to a file: one for each set, and one with ranks.
    assert done.stdout.startswith("% a\n\\begin{tabular}")
    assert done.stdout.endswith("\\end{tabular}\n")
    assert done.stdout.count(r"\begin{tabular}") == 3
    assert r"a$\downarrow$ & b$\downarrow$ & rank \\" in done.stdout
    assert "Best average rank on 2 data sets, by kl_divergence: " in done.stderr
    tests = pd.read_csv(tmp_path / "ldl_results" / "scores_tests.csv")
    assert tests.dataset.tolist() == ["a"] * 4 + ["b"] * 4 + ["all"] * 4
    assert tests.against.nunique() == 1
    for name in ("a", "b"):
        table = pd.read_csv(tmp_path / "ldl_results" / f"{name}.csv")
        assert table.estimator.tolist() == [*BASELINES, "mine:MyLDL", "mine:build", "knn"]
        assert table.kl_divergence_mean[1] == table.kl_divergence_mean[2]


@pytest.mark.parametrize(
    ("n_sets", "p", "told"),
    [
        (3, 0.01, "needs at least six"),
        (8, 0.01, "chance (Wilcoxon's test, Holm's correction): b."),
        (8, 0.2, "correction): none."),
    ],
)
def test_sentence_on_several_sets(n_sets, p, told):
    row = {"dataset": "all", "estimator": "b", "against": "a", "p_holm": p}
    sentence = _over_sets([row], "kl_divergence", n_sets)
    assert sentence.startswith(f"Best average rank on {n_sets} data sets, by kl_divergence: a.")
    assert told in sentence


def test_ranks_are_drawn_and_no_picture_is_of_another_run(compare, mat_file, out):
    other = mat_file.with_name("other.mat")
    other.write_bytes(mat_file.read_bytes())
    argv = ["compare", str(mat_file), str(other), "--estimators", "bfgs-alpha", "--cv", "2"]
    pictures = [out / f"{name}.png" for name in ("votes", "other", "scores_ranks")]
    _, told, _ = compare(*argv, plot=True)
    assert f"Average ranks with their critical difference: {pictures[-1]}\n" in told
    assert all(picture.stat().st_size > 1000 for picture in pictures)
    compare(*argv)
    assert not any(picture.exists() for picture in pictures)


def test_closed_pipe_is_silent():
    command = [sys.executable, "-m", "sklearn_ldl", "list"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
