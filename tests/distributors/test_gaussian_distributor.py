import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import RandomForestRegressor
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsRegressor
from sklearn.neural_network import MLPRegressor

from sklearn_ldl.distributors import (
    GaussianLabelDistributor,
    gaussian_label_distribution,
    product_grid,
)

RNG = np.random.default_rng(0)


TARGETS = {
    "ages": RNG.integers(0, 100, 60),
    "column": RNG.normal(size=(60, 1)),
    "float32": RNG.normal(size=60).astype(np.float32),
    "constant": np.full(60, 3.0),
    "skewed": RNG.exponential(50, 60),
    "far from zero": 1e5 + 10 * RNG.normal(size=60),
    "points": RNG.uniform(0, 10, (60, 2)),
}


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize("sigma", [1.0, 2.0, 20.0])
def test_the_inverse_is_exact_with_default_settings(name, sigma):
    y = TARGETS[name]
    distributor = GaussianLabelDistributor(sigma=sigma)
    D = distributor.fit_transform(y)
    assert D.shape == (60, distributor.n_labels_) == (60, len(distributor.grid_))
    assert_allclose(D.sum(axis=1), 1, rtol=1e-12)
    decoded = distributor.inverse_transform(D)
    assert decoded.shape == y.shape
    assert_allclose(decoded, y, rtol=1e-10, atol=1e-9)


def test_grid_from_the_data_covers_the_range_and_pads_by_seven_sigmas():
    distributor = GaussianLabelDistributor(sigma=2.0).fit([0.0, 10.0, 4.0])
    assert_allclose(distributor.grid_, np.arange(-14, 25))
    assert_array_equal(distributor.range_, [0, 10])
    assert distributor.n_features_in_ == 1
    assert_allclose(GaussianLabelDistributor(pad=0).fit([0, 1]).grid_, [0, 0.5, 1])


@pytest.mark.parametrize("n_dims", [1, 2, 3])
@pytest.mark.parametrize("span", [0.1, 5, 8, 10, 14, 50, 56, 500, 1990])
def test_default_grids_have_at_most_1000_labels_or_there_is_an_error(n_dims, span):
    most = {1: 1990, 2: 56, 3: 14}[n_dims]  # standard deviations
    y = span * RNG.uniform(size=(50, n_dims))
    y[:2] = [[0] * n_dims, [span] * n_dims]
    distributor = GaussianLabelDistributor()
    if span > most:
        with pytest.raises(ValueError, match=r"labels.*raise sigma"):
            distributor.fit(y)
        return
    D = distributor.fit_transform(y)
    assert distributor.n_labels_ <= 1000
    # In standard deviations, at the ends of the data where the padding is narrow.
    assert np.abs(distributor.inverse_transform(D) - y).max() < 0.1


def test_the_finest_layout_of_1000_labels_is_taken():
    for span, n_labels in ((100, 229), (485.5, 1000), (486, 835)):
        assert GaussianLabelDistributor().fit([0.0, span]).n_labels_ == n_labels
    # What is given stays.
    assert GaussianLabelDistributor(spacing=0.5).fit([0.0, 1000.0]).n_labels_ == 2029
    assert GaussianLabelDistributor(pad=0).fit([0.0, 500.0]).n_labels_ == 835
    assert GaussianLabelDistributor(pad=0, spacing=0.25).fit([0.0, 1.0]).n_labels_ == 5


def test_constant_targets_get_two_labels_even_without_padding():
    assert_allclose(GaussianLabelDistributor(pad=0).fit([5.0]).grid_, [5, 5.5])


def test_points_get_a_product_grid_with_one_spacing_per_dimension():
    y = np.array([[0.0, 0.0], [1.0, 40.0]])
    distributor = GaussianLabelDistributor(sigma=[1, 20], pad=1).fit(y)
    assert_allclose(
        distributor.grid_, product_grid(np.arange(-1, 2.5, 0.5), np.arange(-20, 61, 10))
    )
    assert_array_equal(distributor.range_, y)
    assert distributor.n_features_in_ == 2


@pytest.mark.parametrize(("correlation", "atol"), [(0.6, 1e-9), (0.95, 2e-3)])
def test_a_correlated_covariance_is_resolved_and_inverted(correlation, atol):
    y = RNG.uniform(0, 3, (30, 2))
    covariance = [[1, correlation], [correlation, 1]]
    distributor = GaussianLabelDistributor(covariance=covariance)
    # The second takes a narrower padding, to resolve the ridge with 1,000 labels.
    assert_allclose(distributor.inverse_transform(distributor.fit_transform(y)), y, atol=atol)
    assert distributor.n_labels_ <= 1000
    fine = GaussianLabelDistributor(covariance=covariance, spacing=0.5)
    assert_allclose(fine.inverse_transform(fine.fit_transform(y)), y, atol=1e-9)
    diagonal = GaussianLabelDistributor(covariance=[[1, 0], [0, 4]]).fit(y)
    assert_allclose(diagonal.grid_, GaussianLabelDistributor(sigma=[1, 2]).fit(y).grid_)


def test_a_given_grid_is_kept_as_it_is():
    grid = [70.0, 10.0, 30.0, 20.0]
    distributor = GaussianLabelDistributor(grid).fit([12.0])
    assert_array_equal(distributor.grid_, grid)
    assert_array_equal(distributor.range_, [10, 70])
    assert_array_equal(
        distributor.transform([12.0, 25.0]), gaussian_label_distribution([12.0, 25.0], grid)
    )


def test_padding_continues_a_given_grid_and_removes_the_bias():
    ages = np.arange(70)
    distributor = GaussianLabelDistributor(ages, sigma=2, pad=7).fit(ages)
    assert_array_equal(distributor.grid_, np.arange(-14, 84))
    assert_array_equal(distributor.range_, [0, 69])
    assert_allclose(distributor.inverse_transform(distributor.transform(ages)), ages, atol=1e-9)


def test_padding_continues_at_the_spacing_of_either_end_in_any_order():
    distributor = GaussianLabelDistributor([4.0, 0.0, 1.0], sigma=1, pad=2).fit([1.0])
    assert_array_equal(distributor.grid_, [-2, -1, 4, 0, 1, 7])


def test_decoded_values_are_clipped_to_the_range():
    distributor = GaussianLabelDistributor(sigma=1).fit([0.0, 10.0])
    outer = np.zeros((2, distributor.n_labels_))
    outer[[0, 1], [0, -1]] = 1
    for rule in ("expectation", "argmax", "median", "mode"):
        assert_array_equal(distributor.inverse_transform(outer, decode=rule), [0, 10])


def test_decode_parameter_and_argument():
    D = [[0.5, 0.1, 0.4]]
    distributor = GaussianLabelDistributor([0, 1, 2], decode="argmax").fit([0, 1])
    assert distributor.inverse_transform(D) == 0
    assert_allclose(distributor.inverse_transform(D, decode="expectation"), 0.9)
    with pytest.raises(ValueError, match="rule must be one of"):
        distributor.inverse_transform(D, decode="mean")


def test_sigma_per_sample_goes_to_transform():
    y, sigma = np.array([1.0, 2.0]), np.array([0.5, 2.0])
    distributor = GaussianLabelDistributor(range(5)).fit(y)
    expected = gaussian_label_distribution(y, range(5), sigma)
    assert_array_equal(distributor.transform(y, sigma=sigma), expected)
    with pytest.raises(ValueError, match=r"passed to transform\(y, sigma="):
        GaussianLabelDistributor(range(5), sigma=sigma).fit(y)
    column = GaussianLabelDistributor(range(5)).fit(y[:, None])
    assert_array_equal(column.transform(y[:, None], sigma=sigma), expected)


def test_sigma_of_transform_replaces_the_covariance():
    y, grid = np.array([[0.2, 0.4]]), np.eye(2)
    distributor = GaussianLabelDistributor(grid, covariance=[[1, 0.5], [0.5, 1]]).fit(y)
    assert_array_equal(distributor.transform(y, sigma=3), gaussian_label_distribution(y, grid, 3))


def test_zero_sigma_with_a_given_grid_rounds():
    distributor = GaussianLabelDistributor(range(4), sigma=0).fit([0.0])
    y = [0.2, 2.5, 2.6, 9.0]
    assert_array_equal(distributor.inverse_transform(distributor.transform(y)), [0, 2, 3, 3])


@pytest.mark.parametrize(
    ("kwargs", "y", "message"),
    [
        ({}, [1.0, np.nan], "y contains NaN"),
        ({}, ["old", "young"], "could not convert"),
        ({"sigma": 0}, [1.0], "sigma must be positive to build a grid"),
        ({"sigma": [1, 0]}, np.ones((2, 2)), "sigma must be positive to build a grid"),
        ({"sigma": -1}, [1.0], "'sigma' parameter"),
        ({"sigma": [-1]}, [1.0], "sigma must be finite and at least 0"),
        ({"sigma": [1, 2, 3]}, np.ones((2, 2)), r"sigma has shape \(3,\) but y has 2"),
        ({"sigma": 1e-3}, [0.0, 1e6], "2,000,000,0.. labels, more than 100,000"),
        ({"sigma": 0.1}, np.eye(3) * 10, "labels, more than 100,000: raise sigma"),
        ({"sigma": 1e-20}, [1.0], "sigma is too small"),
        ({"grid": [0, 1], "pad": 1e9}, [1.0], "labels, more than 100,000"),
        ({"grid": np.eye(2), "pad": 1}, np.eye(2), "pad continues scalar grids only"),
        ({"grid": [0, 1]}, np.eye(2), "y has 2 dimensions but grid has 1"),
        ({"grid": [0, 0]}, [1.0], "repeats a label"),
        ({"covariance": [[-1.0]]}, [1.0], "not positive definite"),
        ({"pad": -1}, [1.0], "'pad' parameter"),
        ({"spacing": 0}, [1.0], "'spacing' parameter"),
        ({"sigma": 1e-2}, [0.0, 100.0], "at most 1,000 labels.*raise sigma"),
        ({"sigma": 0.1, "spacing": 0.5}, [0.0, 1e4], "more than 100,000"),
        ({"decode": "mean"}, [1.0], "'decode' parameter"),
    ],
)
def test_bad_settings(kwargs, y, message):
    with pytest.raises(ValueError, match=message):
        GaussianLabelDistributor(**kwargs).fit(y)


def test_bad_predictions():
    distributor = GaussianLabelDistributor(range(3)).fit([1.0])
    with pytest.raises(ValueError, match="D has 2 columns, expected 3"):
        distributor.inverse_transform([[0.5, 0.5]])
    with pytest.raises(ValueError, match="D contains NaN"):
        distributor.inverse_transform([[0.5, np.nan, 0.5]])


def test_predictions_off_the_simplex_are_projected():
    distributor = GaussianLabelDistributor(range(3)).fit([1.0])
    D = np.array([[0.6, 0.6, -1.0], [0.2, 0.3, 0.5]])
    assert_allclose(distributor.inverse_transform(D), [0.5, 1.3])
    assert_array_equal(D[0], [0.6, 0.6, -1.0])


def test_pandas_and_polars_targets():
    y = TARGETS["ages"]
    expected = GaussianLabelDistributor(sigma=5).fit_transform(y)
    distributor = GaussianLabelDistributor(sigma=5)
    assert_array_equal(distributor.fit_transform(pd.Series(y, name="age")), expected)
    assert_array_equal(distributor.fit_transform(pd.DataFrame({"age": y})), expected)
    assert distributor.inverse_transform(expected).shape == (60, 1)
    polars = pytest.importorskip("polars")
    assert_array_equal(distributor.fit_transform(polars.Series(y)), expected)
    assert distributor.inverse_transform(expected).shape == (60,)


def test_repeated_fits_forget_the_past():
    distributor = GaussianLabelDistributor()
    distributor.fit(TARGETS["points"])
    assert distributor.fit([0.0, 1.0]).grid_.ndim == 1
    assert distributor.range_.shape == (2,)
    assert distributor.inverse_transform(distributor.transform([0.5])).shape == (1,)


# ------------------------------------------------------------------ inside scikit-learn


X = RNG.normal(size=(60, 3))


@pytest.mark.parametrize("name", TARGETS)
def test_target_transformer_without_a_warning(name):
    y = TARGETS[name]
    model = TransformedTargetRegressor(
        KNeighborsRegressor(3), transformer=GaussianLabelDistributor(sigma=2)
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(X, y)
    # The mean of distributions has the mean of their means.
    direct = KNeighborsRegressor(3).fit(X, y.astype(float)).predict(X)
    assert_allclose(model.predict(X), direct, rtol=1e-9, atol=1e-8)


@pytest.mark.parametrize(
    "regressor",
    [
        RandomForestRegressor(5, random_state=0),
        MLPRegressor(hidden_layer_sizes=(10,), max_iter=3, random_state=0),
    ],
    ids=["forest", "mlp"],
)
@pytest.mark.parametrize("columns", [None, 2])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_target_transformer_with_any_multi_output_regressor(regressor, columns):
    y = X[:, 0] if columns is None else X[:, :columns]
    model = TransformedTargetRegressor(
        regressor, transformer=GaussianLabelDistributor(sigma=1, pad=7, decode="expectation")
    )
    predicted = model.fit(X, y).predict(X)
    assert predicted.shape == y.shape
    assert (predicted >= y.min(axis=0)).all()
    assert (predicted <= y.max(axis=0)).all()


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_grid_search_over_sigma(n_jobs):
    y = X[:, 0] ** 2
    search = GridSearchCV(
        TransformedTargetRegressor(
            KNeighborsRegressor(),
            transformer=GaussianLabelDistributor(),
            check_inverse=False,  # the median picks labels
        ),
        {"transformer__sigma": [0.2, 1.0], "transformer__decode": ["expectation", "median"]},
        cv=3,
        n_jobs=n_jobs,
        error_score="raise",
    ).fit(X, y)
    scores = search.cv_results_["mean_test_score"].reshape(2, 2)
    assert_allclose(scores[0, 0], scores[0, 1])  # the expectation does not depend on sigma
    assert scores[1, 0] != scores[1, 1]


def test_clone_and_pickle():
    distributor = GaussianLabelDistributor(np.arange(5), sigma=np.array([2.0]), pad=1)
    assert_array_equal(clone(distributor).grid, np.arange(5))
    fitted = clone(distributor).fit([1.0, 2.0])
    restored = pickle.loads(pickle.dumps(fitted))
    assert_array_equal(restored.transform([1.3]), fitted.transform([1.3]))


@pytest.mark.parametrize(
    ("grid", "y", "text"),
    [
        (range(70), [3, 85], "Row 1 of y, 85.0, lies outside of the grid from 0.0 to 69.0"),
        (range(70), [-0.6], "Row 0 of y, -0.6, lies outside"),
        ([[0, 0], [1, 1]], [[0, 3]], "outside of the grid"),
    ],
)
def test_labels_outside_of_a_given_grid(grid, y, text):
    with pytest.raises(ValueError, match=text):
        GaussianLabelDistributor(grid).fit(y)


def test_half_a_spacing_beyond_a_given_grid_is_allowed():
    distributor = GaussianLabelDistributor(range(70)).fit([-0.5, 69.5])
    # Rows that are only scored may lie anywhere: they lean on the nearest label.
    assert distributor.transform([85.0]).argmax() == 69
