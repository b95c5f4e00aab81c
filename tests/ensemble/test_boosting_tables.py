"""Missing values and categories in boosted trees, with both kinds of trees."""

from importlib.util import find_spec

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import softmax
from sklearn.base import clone
from sklearn.model_selection import cross_val_score

from sklearn_ldl.ensemble import GradientBoostingLDL
from sklearn_ldl.ensemble.categories import CategoryEncoder, categorical_mask

LIGHTGBM = pytest.mark.skipif(find_spec("lightgbm") is None, reason="needs LightGBM")
NAMES = np.array(list("hgfedcba"))


@pytest.fixture(params=["sklearn", pytest.param("lightgbm", marks=LIGHTGBM)])
def model(request):
    """All rows and features in every round: nothing is random."""
    return GradientBoostingLDL(
        30,
        engine=request.param,
        subsample=1.0,
        max_features=None,
        learning_rate=0.3,
        random_state=0,
    )


@pytest.fixture(scope="module")
def data():
    """Two numbers around codes of eight categories, which have no order."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(500, 3))
    codes = rng.integers(8, size=500)
    X[:, 1] = codes
    Z = rng.normal(size=(8, 3))[codes] + X[:, :1] * [1, 0, -1]
    return X, codes, softmax(Z, axis=1)


# --- missing values


def test_what_is_missing_tells_something(model, rng):
    X = rng.normal(size=(300, 2))
    gone = rng.random(300) < 0.4
    X[gone, 1] = np.nan
    D = np.where(gone[:, None], [0.8, 0.2], [0.3, 0.7])
    assert model.fit(X, D).score(X, D) > 0.99
    assert_allclose(model.predict([[0.0, np.nan], [0.0, 1.0]])[:, 0], [0.8, 0.3], atol=0.02)


def test_a_share_of_values_may_be_missing(model, data, rng):
    X, _, D = data
    X = np.where(rng.random(X.shape) < 0.2, np.nan, X)
    assert model.set_params(categorical_features=[1]).fit(X, D).score(X, D) > 0.7
    P = model.predict(np.full((2, 3), np.nan))
    assert np.isfinite(P).all()
    assert_array_equal(P[0], P[1])


def test_values_may_be_missing_in_new_rows_only(model, data):
    X, _, D = data
    P = model.fit(X, D).predict(np.full((1, 3), np.nan))
    assert np.isfinite(P).all()


def test_infinite_values_are_an_error(model, data):
    X, _, D = data
    with pytest.raises(ValueError, match="infinity"):
        model.fit(np.where(X > 2, np.inf, X), D)
    with pytest.raises(ValueError, match="infinity"):
        model.fit(X, D).predict([[0.0, np.inf, 0.0]])


def test_sparse_tables_with_missing_values(data):
    X, _, D = data
    X = np.where(X < 0, 0, X)
    X[::7, 0] = np.nan
    with pytest.raises(ValueError, match='engine="lightgbm"'):
        GradientBoostingLDL(3).fit(sp.csr_array(X), D)
    model = GradientBoostingLDL(3, random_state=0).fit(X, D)
    with pytest.raises(ValueError, match='engine="lightgbm"'):
        model.predict(sp.csr_array(X))
    if find_spec("lightgbm"):
        model.set_params(engine="lightgbm")
        dense = clone(model).fit(X, D).predict(X)
        assert_allclose(model.fit(sp.csr_array(X), D).predict(sp.csr_array(X)), dense)


# --- categories


def test_codes_of_categories_have_no_order(model, data, rng):
    X, codes, D = data
    model.set_params(categorical_features=[1])
    P = clone(model).fit(X, D).predict(X)
    other = X.copy()
    other[:, 1] = 10 * rng.permutation(8)[codes]
    assert_allclose(clone(model).fit(other, D).predict(other), P, atol=1e-9)


def test_categories_beat_their_codes(model, data):
    X, _, D = data
    model.set_params(max_depth=2)
    as_numbers = cross_val_score(model, X, D, cv=3).mean()
    model.set_params(categorical_features=[1])
    assert cross_val_score(model, X, D, cv=3).mean() > as_numbers


def test_all_ways_to_declare_categories_are_the_same(model, data):
    X, codes, D = data
    names = NAMES[codes]
    expected = clone(model).set_params(categorical_features=[1]).fit(X, D).predict(X)
    reversed_codes = X.copy()
    reversed_codes[:, 1] = 7 - codes  # the order of their names
    objects = X.astype(object)
    objects[:, 1] = names
    strings = pd.DataFrame({"u": X[:, 0], "c": names, "v": X[:, 2]})
    typed = strings.astype({"c": "category"})
    polars = pl.DataFrame({"u": X[:, 0], "c": names, "v": X[:, 2]})
    enum = pl.Enum(sorted(NAMES))
    cases = [
        (reversed_codes, [False, True, False]),
        (objects, [1]),
        (objects.tolist(), [1]),
        (strings, ["c"]),
        (strings, [1]),
        (typed, "from_dtype"),
        (polars, ["c"]),
        (polars.cast({"c": pl.Categorical}), "from_dtype"),
        (polars.cast({"c": enum}), "from_dtype"),
    ]
    for table, declared in cases:
        fitted = clone(model).set_params(categorical_features=declared).fit(table, D)
        assert_array_equal(fitted.is_categorical_, [False, True, False])
        assert_allclose(fitted.predict(table), expected, atol=1e-9)
        assert fitted.n_features_in_ == len(fitted.feature_importances_) == 3
        assert fitted.feature_importances_.argmin() == 2
    assert_array_equal(fitted.feature_names_in_, ["u", "c", "v"])


def test_unknown_categories_are_missing_ones(model, data):
    X, codes, D = data
    frame = pd.DataFrame({"u": X[:, 0], "c": pd.Categorical(NAMES[codes])})
    frame.loc[::5, "c"] = np.nan
    model.fit(frame, D)
    new = frame[:40].astype({"c": object})
    P = [model.predict(new.assign(c=value)) for value in ("zz", 3, None, np.nan, pd.NA)]
    for other in P[1:]:
        assert_array_equal(P[0], other)
    assert not np.allclose(P[0], model.predict(new.assign(c="a")))


def test_nothing_is_declared(model, data):
    X, _, D = data
    for declared in (None, [], [False] * 3):
        assert model.set_params(categorical_features=declared).fit(X, D).is_categorical_ is None
    frame = pd.DataFrame(X)
    assert model.set_params(categorical_features="from_dtype").fit(frame, D).is_categorical_ is None


def test_rare_categories_get_no_column(data):
    X, _, D = data
    X = X.copy()
    X[:3, 1] = 100
    model = GradientBoostingLDL(2, categorical_features=[1], random_state=0).fit(X, D)
    assert model.estimators_[0].n_features_in_ == 2 + 8
    assert model.set_params(min_samples_leaf=3).fit(X, D).estimators_[0].n_features_in_ == 2 + 9


@pytest.mark.parametrize(
    ("declared", "text"),
    [
        ([3], "must lie in 0..2, got"),
        ([-1], "must lie in 0..2"),
        ([True, False], r"mask of shape \(2,\), X has 3 features"),
        (["c"], r"names \['c'\], which X lacks"),
        ("c", "categorical_features"),
    ],
)
def test_declarations_that_do_not_fit(declared, text, data):
    X, _, D = data
    with pytest.raises(ValueError, match=text):
        GradientBoostingLDL(2, categorical_features=declared).fit(X, D)


def test_sparse_tables_have_no_categories(data):
    X, _, D = data
    with pytest.raises(ValueError, match="X is sparse"):
        GradientBoostingLDL(2, categorical_features=[1]).fit(sp.csr_array(X), D)


def test_new_tables_must_have_the_same_columns(data):
    X, codes, D = data
    frame = pd.DataFrame({"u": X[:, 0], "c": pd.Categorical(NAMES[codes])})
    model = GradientBoostingLDL(2).fit(frame, D)
    with pytest.raises(ValueError, match="feature names"):
        model.predict(frame[["c", "u"]])
    with pytest.raises(ValueError, match="feature names"):
        model.predict(frame.assign(v=0.0))


def test_encoder_keeps_the_order_of_columns():
    table = pd.DataFrame(
        {
            "few": pd.Categorical(["b", None, "a"], categories=["b", "a", "never"]),
            "number": [1.5, np.nan, 2.5],
            "mixed": [1, "one", 1.0],
            "nullable": pd.array([2, None, 1], dtype="Int64"),
        }
    )
    encoder = CategoryEncoder(categorical_mask(table, [0, 2, 3])).fit(table)
    expected = [[1, 1.5, 0, 1], [np.nan, np.nan, 1, np.nan], [0, 2.5, 0, 0]]
    codes = encoder.transform(table)
    assert codes.dtype == np.float32
    assert_array_equal(np.sort(np.unique(codes[:, 2])), [0, 1])
    assert_array_equal(codes[:, [0, 1, 3]], np.array(expected)[:, [0, 1, 3]])


@pytest.mark.parametrize("declared", [None, ["kind"]])
def test_text_that_is_not_declared_says_how_to_declare_it(declared):
    X = pd.DataFrame({"kind": ["a", "b"] * 20, "text": ["x", "y"] * 20})
    D = np.tile([[0.25, 0.75], [0.5, 0.5]], (20, 1))
    with pytest.raises(ValueError, match=r"could not convert string.*the dtype category"):
        GradientBoostingLDL(2, categorical_features=declared).fit(X, D)
