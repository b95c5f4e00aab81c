"""ONNX models of pipelines, of estimators around others, and of all their settings."""

import sys

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy.sparse import csr_array
from sklearn.compose import make_column_transformer
from sklearn.ensemble import ExtraTreesRegressor, RandomForestRegressor
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsRegressor
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, QuantileTransformer, StandardScaler

from sklearn_ldl import (
    BFGSLDL,
    DFLDL,
    LDSVR,
    GaussianLabelDistributor,
    GradientBoostingLDL,
    KNeighborsLDL,
    LabelEnhancementClassifier,
    LabelShiftCorrector,
    LDLClassifier,
    LDLRegressor,
    MultiLabelLDLClassifier,
    ProportionalOddsLDL,
    StackingLDL,
    TemperatureCalibrator,
)
from sklearn_ldl.deploy import NotConvertibleError, register_converters, to_onnx
from tests.deploy.sessions import TOLERANCE, assert_same, run
from tests.trust.cases import NAMES, SHUFFLED, data, frame

X, D = data()
LABELS = D.argmax(axis=1)
VALUES, POINTS = X[:, 0], X[:, :2]
NEW = np.random.default_rng(0).normal(size=(30, X.shape[1]))
# Among them rows of the training data, and rows far away.
ROWS = np.vstack([X[:5], NEW, 20 * NEW[:5]])

TREES = ExtraTreesRegressor(5, min_samples_leaf=5, random_state=0)
MEMBERS = [
    ("linear", make_pipeline(StandardScaler(), BFGSLDL(alpha=0.01))),
    ("trees", TREES),
    ("ridge", Ridge()),
    ("neighbours", KNeighborsRegressor()),
    ("boosting", GradientBoostingLDL(n_estimators=5, random_state=0)),
]
SEARCH = GridSearchCV(BFGSLDL(), {"alpha": [1e-3, 1]}, cv=2)

MODELS = {
    "pipeline": lambda: make_pipeline(StandardScaler(), BFGSLDL()).fit(X, D),
    "nystroem": lambda: make_pipeline(
        StandardScaler(), Nystroem(n_components=10, random_state=0), BFGSLDL(alpha=0.1)
    ).fit(X, D),
    "linear pool": lambda: StackingLDL(MEMBERS, cv=2).fit(X, D),
    "log pool": lambda: StackingLDL(MEMBERS, pool="log", cv=2).fit(X, D),
    "fixed weights": lambda: StackingLDL(MEMBERS, weights=[1, 2, 3, 0, 4]).fit(X, D),
    "names of a frozen member": lambda: StackingLDL(
        [("frozen", FrozenEstimator(BFGSLDL().fit(X, frame()))), ("b", BFGSLDL(alpha=1))],
        weights=[1, 1],
    ).fit(X, frame(SHUFFLED)),
    "calibrated pipeline": lambda: TemperatureCalibrator(MEMBERS[0][1], cv=2).fit(X, D),
    "calibrated trees": lambda: TemperatureCalibrator(TREES, cv=2).fit(X, D),
    "calibrated frozen": lambda: TemperatureCalibrator(
        FrozenEstimator(BFGSLDL(alpha=0.1).fit(X, D))
    ).fit(X, D),
    "shift": lambda: LabelShiftCorrector(BFGSLDL(), target_prior=[0.1, 0.2, 0.7]).fit(X, D),
    "shift of calibrated": lambda: LabelShiftCorrector(
        TemperatureCalibrator(BFGSLDL(alpha=0.1), cv=2), target_prior="uniform"
    ).fit(X, D),
    "search": lambda: GridSearchCV(
        make_pipeline(StandardScaler(), BFGSLDL()), {"bfgsldl__alpha": [1e-3, 1]}, cv=2
    ).fit(X, D),
    "classifier": lambda: LDLClassifier(MEMBERS[0][1]).fit(X, LABELS),
    "text": lambda: LDLClassifier().fit(X, np.array(NAMES)[LABELS]),
    "truth": lambda: LDLClassifier().fit(X, LABELS > 0),
    "a search inside": lambda: LDLClassifier(SEARCH).fit(X, LABELS),
    "a forest inside": lambda: LDLClassifier(RandomForestRegressor(5, random_state=0)).fit(
        X, LABELS
    ),
    "off the simplex": lambda: LDLClassifier(MLPRegressor(max_iter=5, random_state=0)).fit(
        X, LABELS
    ),
    "expectation": lambda: LDLRegressor(decode="expectation").fit(X, VALUES),
    "median": lambda: LDLRegressor(decode="median").fit(X, VALUES),
    "argmax": lambda: LDLRegressor(BFGSLDL(), GaussianLabelDistributor(decode="argmax")).fit(
        X, VALUES
    ),
    "mean point": lambda: LDLRegressor(BFGSLDL(alpha=0.1)).fit(X, POINTS),
    "median point": lambda: LDLRegressor(BFGSLDL(alpha=0.1), decode="median").fit(X, POINTS),
    "label sets": lambda: MultiLabelLDLClassifier(threshold=0.4).fit(X, (D > 0.3).astype(int)),
    "sets of one label": lambda: MultiLabelLDLClassifier().fit(X, LABELS),
    "enhanced sets": lambda: LabelEnhancementClassifier(threshold=0.3).fit(
        X, np.eye(3, dtype=int)[LABELS]
    ),
    "near rows count more": lambda: KNeighborsLDL(weights="distance").fit(X, D),
    **{
        f"{kernel} kernel": lambda kernel=kernel: LDSVR(kernel=kernel).fit(X, D)
        for kernel in ("linear", "poly", "rbf", "laplacian")
    },
}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("name", MODELS)
def test_runtime_answers_as_the_estimator(name):
    estimator = MODELS[name]()
    assert_same(to_onnx(estimator, X), estimator, ROWS, TOLERANCE["float64"])
    rows = NEW.astype(np.float32)
    assert_same(to_onnx(estimator, rows), estimator, rows, TOLERANCE["float32"])


@pytest.mark.parametrize("engine", ["sklearn", "lightgbm"])
@pytest.mark.parametrize("missing", ["never", "later", "always"])
def test_boosted_trees(engine, missing):
    if engine == "lightgbm":
        pytest.importorskip("lightgbm")
    train, rows = X.copy(), np.vstack([X, NEW])
    if missing == "always":
        train[::4, 0] = np.nan
    if missing != "never":
        rows[::3, 0] = np.nan
    model = GradientBoostingLDL(n_estimators=10, engine=engine, random_state=0).fit(train, D)
    assert_same(to_onnx(model, X), model, rows, TOLERANCE["float64"])
    rows = rows.astype(np.float32)
    assert_same(to_onnx(model, rows), model, rows, TOLERANCE["float32"])


@pytest.mark.parametrize("engine", ["sklearn", "lightgbm"])
def test_boosting_that_stopped_at_once(engine):
    if engine == "lightgbm":
        pytest.importorskip("lightgbm")
    model = GradientBoostingLDL(engine=engine, early_stopping=True, tol=10, random_state=0)
    model.fit(X, D)
    assert model.n_iter_ == 0
    assert_same(to_onnx(model, X), model, NEW, TOLERANCE["float64"])


def test_skl2onnx_knows_the_estimators():
    import skl2onnx

    register_converters()
    classifier = make_pipeline(StandardScaler(), LDLClassifier())
    for estimator in (MODELS["pipeline"](), classifier.fit(X, np.array(NAMES)[LABELS])):
        model = skl2onnx.to_onnx(estimator, X[:1])
        assert_same(model, estimator, NEW, TOLERANCE["float64"])
    with pytest.raises(NotConvertibleError, match="DFLDL"):
        skl2onnx.to_onnx(make_pipeline(StandardScaler(), DFLDL()).fit(X, D), X[:1])


@pytest.mark.parametrize("dtype", ["int64", "int32", "bool", "uint8"])
def test_whole_numbers(dtype):
    rows = (X > 0).astype(dtype)
    estimator = BFGSLDL().fit(rows, D)
    model = to_onnx(estimator, rows)
    assert_same(model, estimator, rows, TOLERANCE["float64"])
    assert run(model, rows)["distribution"].dtype == np.float64


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_columns_of_a_table(dtype):
    table = pd.DataFrame(X[:, :2].astype(dtype), columns=["age", "income"])
    table["town"] = np.array(["A", "B", "C"])[np.arange(len(X)) % 3]
    columns = make_column_transformer(
        (StandardScaler(), ["age", "income"]), (OneHotEncoder(handle_unknown="ignore"), ["town"])
    )
    rows = table.assign(town=["A", "B", "nowhere"] * 20)
    pipeline = make_pipeline(columns, BFGSLDL()).fit(table, D)
    assert_same(to_onnx(pipeline, table), pipeline, rows, TOLERANCE[dtype])
    classifier = LDLClassifier(make_pipeline(columns, BFGSLDL())).fit(
        table, np.array(NAMES)[LABELS]
    )
    assert_same(to_onnx(classifier, table), classifier, rows, TOLERANCE[dtype])
    numbers = BFGSLDL().fit(table[["age", "income"]], D)
    assert_same(to_onnx(numbers, table[["age", "income"]]), numbers, rows.iloc[:, :2], 1e-5)


def test_operators_of_another_version():
    estimator = MODELS["linear pool"]()
    model = to_onnx(estimator, X, target_opset={"": 15, "ai.onnx.ml": 3})
    assert {entry.domain: entry.version for entry in model.opset_import}[""] == 15
    assert_same(model, estimator, NEW, TOLERANCE["float64"])


@pytest.mark.parametrize(
    ("make", "least"),
    [
        (lambda: KNeighborsLDL(weights="distance").fit(X, D), 13),
        (lambda: LDSVR(kernel="laplacian").fit(X, D), 13),
        (lambda: ProportionalOddsLDL().fit(X, D), 11),
    ],
    ids=["neighbours", "kernels", "ordered"],
)
def test_least_version_of_operators(make, least):
    estimator = make()
    model = to_onnx(estimator, X, target_opset=least)
    assert_same(model, estimator, ROWS, TOLERANCE["float64"])
    name = type(estimator).__name__
    with pytest.raises(ValueError, match=f"{name} needs target_opset={least} at least"):
        to_onnx(estimator, X, target_opset=least - 1)


def test_rows_unlike_those_of_the_fit():
    table = pd.DataFrame(X, columns=[f"x{k}" for k in range(X.shape[1])])
    for estimator in (BFGSLDL(), make_pipeline(StandardScaler(), BFGSLDL())):
        estimator.fit(table, D)
        # Columns are counted: in another order the model would answer for others.
        for rows in (table.iloc[:, ::-1], table.iloc[:, 1:], table.add_prefix("new_")):
            with pytest.raises(ValueError, match="give the same ones in the same order"):
                to_onnx(estimator, rows)
        for rows in (X[:, 1:], X[0], None):
            with pytest.raises(ValueError, match=rf"{type(estimator).__name__} was fitted to"):
                to_onnx(estimator, rows)
        with pytest.raises(TypeError, match="sparse"):
            to_onnx(estimator, csr_array(X))


def test_names_of_inputs_come_in_the_order_of_columns():
    for names in (range(X.shape[1]), ["distribution", "a b", "é", *"xyz"][: X.shape[1]]):
        table = pd.DataFrame(X, columns=list(names))
        estimator = BFGSLDL().fit(table, D)
        model = to_onnx(estimator, table)
        inputs = [entry.name for entry in model.graph.input]
        rows = {name: X[:, [k]] for k, name in enumerate(inputs)}
        assert_allclose(run(model, rows)["distribution"], estimator.predict(table), atol=1e-12)


class Sharper(BFGSLDL):
    """Changes what its base predicts."""

    def decision_function(self, X):
        return 2 * super().decision_function(X)


class Renamed(BFGSLDL):
    """Changes nothing."""


def test_subclasses():
    model = Renamed().fit(X, D)
    assert_same(to_onnx(model, X), model, NEW, TOLERANCE["float64"])
    with pytest.raises(NotConvertibleError, match="Sharper"):
        to_onnx(Sharper().fit(X, D), X)
    with pytest.raises(NotConvertibleError, match=r"Sharper .* other than BFGSLDL"):
        to_onnx(LDLClassifier(Sharper()).fit(X, LABELS), X)


REFUSED = {
    "mode": (lambda: LDLRegressor(decode="mode").fit(X, VALUES), r'LDLRegressor .*"mode"'),
    "metric": (lambda: KNeighborsLDL(metric="cosine").fit(X, D), r"KNeighborsLDL .*'cosine'"),
    "categories": (
        lambda: GradientBoostingLDL(n_estimators=2, categorical_features=[0]).fit(X.round(), D),
        "GradientBoostingLDL .*categories",
    ),
    "member": (
        lambda: StackingLDL([("a", DFLDL()), ("b", BFGSLDL())], weights=[1, 1]).fit(X, D),
        "DFLDL .*experts",
    ),
    "kernel": (
        lambda: make_pipeline(Nystroem("cosine", n_components=5), BFGSLDL()).fit(X, D),
        "Nystroem .*'cosine'",
    ),
    "step": (
        lambda: make_pipeline(
            QuantileTransformer(n_quantiles=9, output_distribution="normal"), BFGSLDL()
        ).fit(X, D),
        "Pipeline .*QuantileTransformer",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_settings_that_do_not_convert(name):
    make, message = REFUSED[name]
    with pytest.raises(NotConvertibleError, match=message):
        to_onnx(make(), X)


def test_not_fitted():
    with pytest.raises(NotFittedError):
        to_onnx(BFGSLDL(), X)


def test_missing_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "skl2onnx", None)
    with pytest.raises(ImportError, match=r'needs skl2onnx: pip install "sklearn-ldl\[onnx\]"'):
        to_onnx(BFGSLDL().fit(X, D), X)
