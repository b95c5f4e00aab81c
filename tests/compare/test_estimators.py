"""Estimators by name: all of the package are there, can be built, and have grids that fit."""

import subprocess
import sys

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.model_selection import ParameterGrid

import sklearn_ldl
from sklearn_ldl import LabelDistributionMixin
from sklearn_ldl.compare import compare
from sklearn_ldl.compare.estimators import BASELINES, ESTIMATORS, contenders, entry_of
from sklearn_ldl.compare.estimators.entry import variance
from sklearn_ldl.compare.measures import measures_of
from sklearn_ldl.compare.problem import Problem, artificial, as_problems, load_problem
from sklearn_ldl.datasets import make_ldl

X, D = make_ldl(60, random_state=0)
DENSE, SPARSE = Problem("dense", X, D), Problem("sparse", csr_array(np.abs(X)), D)
SCORER = measures_of("distributions", ["kl_divergence"])[0].scorer
#: Of the package, but not by name, and why.
NOT_BY_NAME = {
    "ConformalLDL": "wraps an estimator, and predicts what that does",
    "LabelDistributionMixin": "no estimator",
    "TemperatureCalibrator": "wraps an estimator, and is nothing without one",
    "LabelShiftCorrector": "wraps an estimator, and needs shifted labels",
}
BY_NAME = [name for name in ESTIMATORS if name not in BASELINES]


def test_every_estimator_of_distributions_is_there():
    public = {name: getattr(sklearn_ldl, name) for name in sklearn_ldl.__all__}
    found = {
        name
        for name, value in public.items()
        if isinstance(value, type) and issubclass(value, LabelDistributionMixin)
    }
    named = {entry.of for entry in ESTIMATORS.values()}
    assert found - named == NOT_BY_NAME.keys()
    for name in found & named:
        assert entry_of(name).of == name


def test_class_names_are_unique():
    names = [entry.of for entry in ESTIMATORS.values() if entry.of]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("problem", [DENSE, SPARSE], ids=lambda problem: problem.name)
@pytest.mark.parametrize("name", BY_NAME)
def test_every_candidate_can_be_set(name, problem):
    entry = ESTIMATORS[name]
    model, grid = entry.build(problem, 0), entry.grid(problem)
    candidates = list(ParameterGrid(grid)) if grid else []
    assert len(candidates) <= 12  # what a search of twenty sees as a whole
    for candidate in candidates:
        given = clone(model).set_params(**candidate).get_params()
        assert all(given[key] is not None for key in candidate)
    assert bool(candidates) is (name != "auto")


@pytest.mark.parametrize("problem", [DENSE, SPARSE], ids=lambda problem: problem.name)
@pytest.mark.parametrize("name", [name for name in BY_NAME if name not in ("auto", "stack")])
@pytest.mark.filterwarnings("ignore")
def test_defaults_and_the_last_candidate_fit(name, problem):
    entry = ESTIMATORS[name]
    if problem.sparse and not entry.takes_sparse:
        with pytest.raises(ValueError, match=f"{name} takes no sparse features"):
            contenders([name], problem, SCORER, 0)
        return
    model = entry.build(problem, 0)
    for candidate in ({}, list(ParameterGrid(entry.grid(problem)))[-1]):
        P = clone(model).set_params(**candidate).fit(problem.X, D).predict(problem.X)
        np.testing.assert_allclose(P.sum(axis=1), 1, atol=1e-6)


@pytest.mark.parametrize("sparse", [False, True])
def test_scaled_features_have_the_variance_that_penalties_are_in_units_of(sparse):
    features, degrees = make_ldl(2000, random_state=0)
    features = csr_array(np.abs(features)) if sparse else features
    problem = Problem("large", features, degrees)
    for part in ESTIMATORS["bfgs-alpha"].grid(problem):
        scaler, penalties = part["scale"][0], part["model__alpha"]
        scaled = problem.X if scaler == "passthrough" else scaler.fit_transform(problem.X)
        scaled = scaled.toarray() if problem.sparse else scaled
        np.testing.assert_allclose(penalties[1], 0.01 * scaled.var(axis=0).mean(), rtol=0.2)


def test_features_that_are_no_numbers_count_as_standard_ones():
    text = np.array([["a"], ["b"]], dtype=object)
    assert variance(Problem("text", text, np.eye(2)), "none") == 1.0
    assert variance(Problem("flat", np.ones((2, 1)), np.eye(2)), "none") == 1.0


def test_tune_is_of_names_only():
    own = ESTIMATORS["knn"].build(DENSE, 0)
    given = {
        "named": "knn",
        "of the class": "KNeighborsLDL",
        "own": own,
        "own grid": ("knn", {"model__p": [1]}),
    }
    found = contenders(given, DENSE, SCORER, 0, tune=True)
    for name in ("named", "of the class"):
        candidates = [
            candidate["model__n_neighbors"] for candidate in ParameterGrid(found[name].grid)
        ]
        assert sorted(set(candidates)) == [5, 10, 20]
        assert found[name].scorer is SCORER
    assert found["own grid"].grid == {"model__p": [1]}
    assert all(found[name].grid is None for name in (*BASELINES, "own"))
    assert contenders("knn", DENSE, SCORER, 0)["knn"].grid is None
    assert contenders("auto", DENSE, SCORER, 0, tune=True)["auto"].grid is None


@pytest.mark.parametrize(
    ("y", "tuned"),
    [(D.argmax(axis=1), "logistic"), (D[:, 0], "ridge")],
    ids=["labels", "values"],
)
def test_tune_for_labels_and_values(y, tuned):
    comparison = compare([tuned, "ldl"], (X, y), cv=2, tune=True)
    chosen = {record["estimator"] for record in comparison.records if "chosen" in record}
    assert chosen == {tuned}
    assert not comparison.failures


def test_tuned_scores_are_those_of_the_best_candidate():
    grid = ESTIMATORS["knn"].grid(as_problems((X, D), 0)[0])
    by_name = compare("knn", (X, D), cv=2, tune=True)
    by_grid = compare({"knn": (ESTIMATORS["knn"].build(DENSE, 0), grid)}, (X, D), cv=2)
    for comparison in (by_name, by_grid):
        assert len(comparison.values("data", "knn", "kl_divergence")) == 2
    assert by_name.values("data", "knn", "kl_divergence") == by_grid.values(
        "data", "knn", "kl_divergence"
    )


def test_torch_is_loaded_when_a_network_is_built():
    program = (
        "import sys; from sklearn_ldl.compare.estimators import ESTIMATORS;"
        "assert not {'torch', 'skorch', 'lightgbm', 'matplotlib'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_predictions_are_distributions(name):
    problem = artificial(60, 0)
    model = ESTIMATORS[name].build(problem, 0)
    if name == "auto":
        model.set_params(time_limit=1)
    P = model.fit(problem.X, problem.y).predict(problem.X)
    assert P.shape == problem.y.shape
    np.testing.assert_allclose(P.sum(axis=1), 1, atol=1e-12)
    assert P.min() >= 0


def test_uniform_is_uniform():
    problem = artificial(10, 0)
    P = ESTIMATORS["uniform"].build(problem, 0).fit(problem.X, problem.y).predict(problem.X)
    np.testing.assert_array_equal(P, np.full((10, 3), 1 / 3))


def test_constant_sparse_features(tmp_path):
    np.savez(tmp_path / "zeros.npz", features=np.zeros((20, 2)), labels=np.full((20, 2), 0.5))
    problem = load_problem(str(tmp_path / "zeros.npz"), sparse=True)
    model = ESTIMATORS["nystroem"].build(problem, 0).fit(problem.X, problem.y)
    np.testing.assert_allclose(model.predict(problem.X), 0.5, atol=1e-6)
