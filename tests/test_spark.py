"""What the guide shows for Spark is run as it stands there, on rows in a Parquet file."""

import os
import re
import textwrap
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sklearn_ldl import BFGSLDL, as_weighted_rows
from sklearn_ldl.datasets import make_ldl

sql = pytest.importorskip("pyspark.sql")
pytestmark = [
    pytest.mark.slow,  # Java takes half a minute to start
    pytest.mark.filterwarnings("ignore:PySpark does not yet fully support pandas"),
]

GUIDE = (Path(__file__).parents[1] / "doc" / "guide" / "scaling.rst").read_text("utf-8")
BLOCKS = [
    textwrap.dedent(block)
    for block in re.findall(r"^\.\. code-block:: python\n\n((?: .*\n|\n)+)", GUIDE, re.MULTILINE)
]
EXPLODE_AND_FIT = next(block for block in BLOCKS if "posexplode" in block)
BACK = next(block for block in BLOCKS if "from_coefficients" in block)


@pytest.fixture(scope="module")
def spark():
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


def centred(values):
    return values - values.mean(axis=0)


def run(code, namespace):
    exec(compile(code, "scaling.rst", "exec"), namespace)
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
    # Spark's own tolerance: a few digits.
    loose = run(EXPLODE_AND_FIT.replace("tol=1e-9", "tol=1e-6"), {"frame": frame})["spark_model"]
    assert_allclose(
        centred(loose.coefficientMatrix.toArray()), centred(expected.coef_), rtol=0.05, atol=0.05
    )


@pytest.mark.parametrize(("fit_intercept", "alpha"), [(True, 1e-3), (False, 1e-2)])
def test_examples_made_here(spark, data, fit_intercept, alpha):
    # Two labels of four without mass, one of them the last.
    X, D, s = data
    D = np.column_stack([D[:, 0], np.zeros(len(D)), 1 - D[:, 0], np.zeros(len(D))])
    rows, labels, weights = as_weighted_rows(D, s)
    columns = [X[rows].tolist(), labels.tolist(), weights.tolist()]
    examples = spark.createDataFrame(list(zip(*columns, strict=True)), ["x", "label", "weight"])
    declared = re.search(r'\{"ml_attr.*?\}\}', GUIDE, re.DOTALL).group()
    code = EXPLODE_AND_FIT[EXPLODE_AND_FIT.index("spark_model = ") :]
    code = code.replace("1e-2", str(alpha)).replace(
        "fitIntercept=True", f"fitIntercept={fit_intercept}"
    )
    imports = EXPLODE_AND_FIT[: EXPLODE_AND_FIT.index("examples = ")]
    declare = (
        'examples = examples.withColumn("x", array_to_vector("x"))\n'
        f'examples = examples.withMetadata("label", {declared})\n'
    )
    model = run(imports + declare + code + BACK, {"examples": examples, "C": 4})["model"]
    expected = BFGSLDL(alpha, fit_intercept=fit_intercept, tol=1e-9)
    expected.fit(X, D, sample_weight=s)
    assert model.n_labels_ == 4
    print(model.coef_, expected.coef_, model.intercept_, expected.intercept_, sep="\n")
    assert_allclose(model.predict(X), expected.predict(X), atol=1e-6)
