"""What the guide shows for Spark is run as it stands there, on rows in a Parquet file."""

import os
import re
import shutil
import textwrap

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sklearn_ldl import BFGSLDL, as_weighted_rows
from sklearn_ldl.datasets import make_ldl
from tests import ROOT

sql = pytest.importorskip("pyspark.sql")
functions = pytest.importorskip("pyspark.ml.functions")
pytestmark = [
    pytest.mark.slow,  # Java takes half a minute to start
    pytest.mark.filterwarnings("ignore:PySpark does not yet fully support pandas"),
]

GUIDE = (ROOT / "doc" / "guide" / "clusters.rst").read_text("utf-8")
BLOCKS = [
    textwrap.dedent(block)
    for block in re.findall(r"^\.\. code-block:: python\n\n((?: .*\n|\n)+)", GUIDE, re.MULTILINE)
]
EXPLODE_AND_FIT = next(block for block in BLOCKS if "posexplode" in block)
IMPORTS, _ = EXPLODE_AND_FIT.split("examples = ", 1)
FIT = EXPLODE_AND_FIT[EXPLODE_AND_FIT.index("spark_model = ") :]
DECLARED = re.search(r"``(examples.withMetadata\(.*?\))``", GUIDE, re.DOTALL).group(1)
BACK = next(block for block in BLOCKS if "from_coefficients" in block)


@pytest.fixture(scope="module")
def spark():
    if not (shutil.which("java") or "JAVA_HOME" in os.environ):
        pytest.skip("Spark needs Java")
    builder = sql.SparkSession.builder.master("local[2]")
    options = {"ui.enabled": False, "sql.shuffle.partitions": 2, "driver.host": "127.0.0.1"}
    for name, value in options.items():
        builder = builder.config(f"spark.{name}", value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    yield session
    session.stop()


@pytest.fixture(scope="module")
def data():
    X, D = make_ldl(200, n_votes=6, random_state=0)
    assert (D == 0).any()
    return X * [1, 5, 0.2], D, np.random.default_rng(0).uniform(0, 2, 200)


@pytest.fixture
def frame(spark, data, tmp_path):
    rows = [(x.tolist(), d.tolist(), float(s)) for x, d, s in zip(*data, strict=True)]
    path = os.fspath(tmp_path / "rows.parquet")
    spark.createDataFrame(rows, ["x", "d", "s"]).repartition(2).write.parquet(path)
    return spark.read.parquet(path)


def examples_of(spark, X, D, sample_weight=None):
    """The same examples, made here."""
    rows, labels, weights = as_weighted_rows(D, sample_weight)
    columns = X[rows].tolist(), labels.tolist(), weights.tolist()
    examples = spark.createDataFrame(list(zip(*columns, strict=True)), ["x", "label", "weight"])
    return examples.withColumn("x", functions.array_to_vector("x"))


def centred(values):
    return values - values.mean(axis=0)


def run(code, namespace):
    exec(compile(code, "clusters.rst", "exec"), namespace)
    return namespace


def test_the_guide_finds_the_minimum_of_the_linear_model(frame, data):
    X, D, s = data
    found = run(EXPLODE_AND_FIT + BACK, {"frame": frame})
    model = found["model"]
    expected = BFGSLDL(alpha=1e-2, tol=1e-9).fit(X, D, sample_weight=s)
    assert_allclose(centred(model.coef_), centred(expected.coef_), atol=1e-6)
    assert_allclose(centred(model.intercept_), centred(expected.intercept_), atol=1e-6)
    assert_allclose(model.predict(X), expected.predict(X), atol=1e-6)
    assert model.alpha == 1e-2
    # The same distributions, in Spark.
    rows = frame.select(found["array_to_vector"]("x").alias("x"), "x").toDF("x", "raw")
    rows = found["spark_model"].transform(rows).select("raw", "probability").collect()
    assert_allclose(
        np.array([row.probability.toArray() for row in rows]),
        expected.predict(np.array([row.raw for row in rows])),
        atol=1e-6,
    )
    # As near as the guide says with Spark's own tolerance.
    loose = run(EXPLODE_AND_FIT.replace("tol=1e-9", "tol=1e-6"), {"frame": frame})["spark_model"]
    found = centred(loose.coefficientMatrix.toArray())
    assert_allclose(found, centred(expected.coef_), atol=1e-4)


def test_the_number_of_classes_is_that_of_labels_with_mass(spark, data):
    X, D, _ = data
    D = np.column_stack([D, np.zeros(len(D))])
    examples = examples_of(spark, X, D)
    assert run(IMPORTS + FIT, {"examples": examples})["spark_model"].numClasses == 3
    declared = run(f"examples = {DECLARED}", {"examples": examples, "C": 4})["examples"]
    assert run(IMPORTS + FIT, {"examples": declared})["spark_model"].numClasses == 4


@pytest.mark.parametrize(("fit_intercept", "alpha"), [(True, 1e-3), (False, 1e-2)])
def test_labels_without_mass(spark, data, fit_intercept, alpha):
    X, D, s = data
    zero = np.zeros(len(D))
    D = np.column_stack([D[:, 0], zero, 1 - D[:, 0], zero])
    code = FIT.replace("1e-2", str(alpha)).replace("=True", f"={fit_intercept}")
    code = f"{IMPORTS}\nexamples = {DECLARED}\n{code}\n{BACK}"
    model = run(code, {"examples": examples_of(spark, X, D, s), "C": 4})["model"]
    expected = BFGSLDL(alpha, fit_intercept=fit_intercept, tol=1e-9)
    expected.fit(X, D, sample_weight=s)
    assert_allclose(model.predict(X), expected.predict(X), atol=1e-6)
