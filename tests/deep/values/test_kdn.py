import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import DataConversionWarning, NotFittedError
from sklearn.metrics import r2_score
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

torch = pytest.importorskip("torch")
pytest.importorskip("skorch")

from torch import nn  # noqa: E402
from torch.utils.data import TensorDataset  # noqa: E402

from sklearn_ldl import DeepLDLClassifier  # noqa: E402
from sklearn_ldl.deep.values.deep_regressor import DeepRegressor  # noqa: E402
from sklearn_ldl.deep.values.kdn import KernelDensityRegressor  # noqa: E402
from tests.deep import single_net  # noqa: E402

X = np.random.default_rng(1).uniform(-1, 1, (120, 2))
y = 3 * X[:, 0] + 0.3 * np.random.default_rng(2).standard_normal(120)
points = np.column_stack([y, 100 * X[:, 1]])
GRID = np.linspace(-4, 4, 17)


def model(grid=None, **parameters):
    defaults = {"hidden_layer_sizes": (8,), "max_epochs": 5, "random_state": 0}
    return KernelDensityRegressor(grid, **(defaults | parameters))


def held_out_density(fitted, X, y):
    return fitted.log_density(X, y).mean()


def test_defaults_cover_the_range_in_fifty_steps():
    fitted = KernelDensityRegressor(random_state=0).fit(X, y)
    assert fitted.score(X, y) > 0.9
    assert fitted.grid_.shape == (51,)
    assert_allclose(fitted.grid_[[0, -1]], [y.min(), y.max()])
    assert_allclose(fitted.bandwidth_, np.ptp(y) / 50)
    P = fitted.predict_proba(X)
    assert P.shape == (120, fitted.n_labels_)
    assert_allclose(P.sum(axis=1), 1, rtol=1e-12)


def test_distribution_of_noise_is_learned(rng):
    # Normal noise is a mixture of narrower kernels: nothing is lost by them.
    noise = 4.3 + 1.5 * rng.standard_normal(4000)
    fitted = model(np.arange(-3.0, 12), hidden_layer_sizes=(), max_epochs=30, lr=0.1)
    fitted.set_params(lr_schedule="cosine", batch_size=200).fit(np.zeros((4000, 1)), noise)
    mean, std = fitted.predict([[0.0]], return_std=True)
    assert mean[0] == pytest.approx(noise.mean(), abs=0.03)
    assert std[0] == pytest.approx(noise.std(), rel=0.03)


def test_one_deterministic_target_goes_to_the_nearest_centre():
    fitted = model(np.arange(10.0), hidden_layer_sizes=(), max_epochs=100, lr=1.0, bandwidth=2.0)
    fitted.fit(np.zeros((50, 1)), np.full(50, 4.49))
    assert fitted.predict_proba([[0.0]])[0, 4] > 0.95
    # The deviation stays above that of the kernel.
    assert 2 <= fitted.predict([[0.0]], return_std=True)[1][0] < 2.1


@pytest.mark.parametrize("kernel", ["gaussian", "uniform"])
def test_targets_far_outside_of_the_grid_are_harmless(kernel):
    far = y.copy()
    far[:6] = [1e3, -1e6, 1e12, -1e38, 1e200, -1e308]
    fitted = model(GRID, kernel=kernel, early_stopping=True).fit(X, far)
    assert np.isfinite(fitted.history_["train_loss"]).all()
    assert np.isfinite(fitted.predict(X)).all()
    assert not np.isnan(fitted.log_density(X, far)).any()
    # They teach what a target some kernels beyond the end of the grid teaches.
    near = model(GRID, kernel=kernel, early_stopping=True).fit(X, np.clip(far, -100, 100))
    assert_allclose(fitted.predict_proba(X), near.predict_proba(X), atol=1e-5)


def test_far_points_pull_in_their_own_direction():
    grid = [[0, 0], [1, 5], [5, 1]]
    for target, nearest in [([1e12, 2e12], 1), ([2e12, 1e12], 2), ([-1e12, -1e9], 0)]:
        fitted = model(grid, max_epochs=30, lr=0.1).fit(np.zeros((20, 1)), [target] * 20)
        assert fitted.predict_proba([[0.0]]).argmax() == nearest


def test_targets_inside_a_grid_of_any_width_are_not_far():
    # The ends of this grid are further from its middle than what is far from other grids.
    grid = np.arange(-20_000.0, 20_001, 10_000)
    fitted = model(grid, bandwidth=1.0, max_epochs=30, lr=0.1)
    for target, nearest in ((-19_999.0, 0), (14_000.0, 3), (20_000.0, 4)):
        fitted.fit(np.zeros((20, 1)), np.full(20, target))
        assert fitted.predict_proba([[0.0]]).argmax() == nearest


def test_uniform_kernel_is_classification_of_rounded_targets():
    rounded = model(np.arange(-4.0, 5), kernel="uniform").fit(X, y)
    labels = np.r_[np.round(y), np.arange(-4, 5)].astype(int)
    rows = np.r_[X, np.zeros((9, 2))]
    settings = {"hidden_layer_sizes": (8,), "max_epochs": 5, "random_state": 0}
    weight = np.r_[np.ones(120), np.zeros(9)]
    classifier = single_net(DeepLDLClassifier, **settings).fit(rows, labels, sample_weight=weight)
    assert_allclose(rounded.predict_proba(X), classifier.predict_proba(X), atol=1e-6)
    assert_allclose(rounded.history_["train_loss"], classifier.history_["train_loss"], rtol=1e-5)


def test_losses_of_different_kernels_and_grids_compare():
    # A network that does nothing predicts the same density on a grid of twice the resolution.
    still = {"lr": 1e-30, "hidden_layer_sizes": (), "init": _zero, "max_epochs": 1}
    for kernel in ("gaussian", "uniform"):
        losses = []
        for step in (0.5, 0.25):
            grid = np.arange(-4 + step / 2, 4, step)
            fitted = model(grid, kernel=kernel, **still).fit(X, y)
            losses.append(fitted.history_["train_loss"][0])
            assert losses[-1] == pytest.approx(-fitted.log_density(X, y).mean(), abs=1e-5)
        assert_allclose(losses, np.log(8), atol=0.02)


def _zero(module):
    for parameter in module.parameters():
        nn.init.zeros_(parameter)


def test_offset_and_scale_of_the_targets_do_not_matter():
    plain = model(bandwidth=0.25).fit(X, y)
    moved = model(bandwidth=250.0).fit(X, 1e9 + 1000 * y)
    assert_allclose(moved.predict(X), 1e9 + 1000 * plain.predict(X), rtol=1e-12, atol=1)
    assert_allclose(moved.predict_proba(X), plain.predict_proba(X), atol=1e-4)


def test_decoding_rules():
    fitted = model(GRID, bandwidth=0.7, max_epochs=20).fit(X, y)
    P = fitted.predict_proba(X)
    assert_allclose(fitted.predict(X), P @ GRID, atol=1e-12)
    fitted.decode = "argmax"
    assert_array_equal(fitted.predict(X), GRID[P.argmax(axis=1)])
    fitted.decode = "mode"
    peak = fitted.predict(X)
    for step in (-0.05, 0.05):
        assert (fitted.log_density(X, peak) > fitted.log_density(X, peak + step)).all()


def test_deviation_covariance_and_uncertainty_agree():
    fitted = model(GRID, bandwidth=0.7).fit(X, y)
    P = fitted.predict_proba(X)
    expected = np.sqrt(P @ GRID**2 - (P @ GRID) ** 2 + 0.7**2)
    assert_allclose(fitted.predict(X, return_std=True)[1], expected)
    assert_allclose(fitted.uncertainty(X), expected)
    assert_allclose(fitted.covariance(X)[:, 0, 0], expected**2)
    mean, covariance = fitted.predict(X, return_cov=True)
    assert_array_equal(mean, fitted.predict(X))
    assert_array_equal(covariance, fitted.covariance(X))
    with pytest.raises(ValueError, match="one of return_std and return_cov"):
        fitted.predict(X, return_std=True, return_cov=True)


def test_points():
    fitted = model(max_epochs=60).fit(X, points)
    assert_allclose(fitted.bandwidth_, np.ptp(points, axis=0) / 50)
    assert fitted.grid_.shape == (51**2, 2)
    mean, std = fitted.predict(X, return_std=True)
    assert mean.shape == std.shape == (120, 2)
    covariance = fitted.covariance(X)
    assert_allclose(np.sqrt(covariance[:, [0, 1], [0, 1]]), std)
    assert_allclose(fitted.uncertainty(X) ** 2, np.linalg.det(covariance))
    assert (np.linalg.eigvalsh(covariance)[:, 0] > 0).all()
    assert fitted.score(X, points) > 0.8
    assert fitted.log_density(X, points).shape == (120,)
    for method in (fitted.quantile, fitted.interval):
        with pytest.raises(ValueError, match="fitted to points"):
            method(X, 0.5)


def test_quantiles_and_intervals():
    fitted = model(max_epochs=20).fit(X, y)
    q = fitted.quantile(X, [0.05, 0.5, 0.95])
    assert q.shape == (120, 3)
    assert (np.diff(q, axis=1) > 0).all()
    assert_array_equal(fitted.quantile(X, 0.5), q[:, 1])
    assert_allclose(fitted.interval(X, coverage=0.9), q[:, [0, 2]])
    for method in (fitted.quantile, fitted.interval):
        for level in (0, 1, np.nan, -0.1):
            with pytest.raises(ValueError, match=r"\(0, 1\)"):
                method(X, level)
    with pytest.raises(ValueError, match="number or a vector"):
        fitted.quantile(X, [[0.5]])


def test_two_branches_have_a_mean_between_and_modes_on_them(rng):
    side = rng.choice([-1, 1], 600, p=[0.4, 0.6])
    rows = rng.uniform(-1, 1, (600, 1))
    fitted = model(bandwidth=0.3, max_epochs=30).fit(rows, 5 * side + 0.3 * side)
    assert_allclose(fitted.predict(rows).mean(), 1.06, atol=0.5)
    fitted.decode = "mode"
    assert_allclose(fitted.predict(rows), 5.3, atol=0.3)
    # The interval that both branches need.
    low, high = fitted.interval(rows).T
    assert (low < -5).all()
    assert (high > 5).all()


def bimodal(x, rng):
    side = np.where(rng.random(len(x)) < 0.5 + 0.2 * x, 1, -1)
    return side * (1 + x) + 0.25 * rng.standard_normal(len(x))


def skewed(x, rng):
    return np.sin(3 * x) + 0.3 * rng.gamma(2.0, size=len(x))


@pytest.mark.parametrize("noise", [bimodal, pytest.param(skewed, marks=pytest.mark.slow)])
def test_intervals_cover_what_they_promise_where_a_normal_distribution_does_not(noise, rng):
    (x, x_test), levels = (rng.uniform(-1, 1, n) for n in (4000, 20_000)), [0.5, 0.8, 0.9, 0.95]
    targets, test_targets = noise(x, rng), noise(x_test, rng)
    net = {"hidden_layer_sizes": (50, 50), "lr": 0.03, "lr_schedule": "cosine", "batch_size": 200}
    shares = []
    for regressor in (KernelDensityRegressor(**net), DeepRegressor(loss="gaussian", **net)):
        regressor.set_params(random_state=0).fit(x[:, None], targets)
        bounds = [regressor.interval(x_test[:, None], coverage=level).T for level in levels]
        shares.append([np.mean((a <= test_targets) & (test_targets <= b)) for a, b in bounds])
    assert_allclose(shares[0], levels, rtol=0, atol=0.03)
    assert np.abs(np.subtract(shares[1], levels)).max() > 0.05


def test_score_is_r2_of_the_decoded_values():
    fitted = model(GRID, decode="argmax").fit(X, y)
    weight = np.arange(120.0)
    expected = r2_score(y, fitted.predict(X), sample_weight=weight)
    assert fitted.score(X, y, sample_weight=weight) == pytest.approx(expected)
    assert fitted.score(X, list(y)) == pytest.approx(r2_score(y, fitted.predict(X)))


def test_bandwidth_is_found_by_a_search_over_held_out_density():
    search = GridSearchCV(
        model(GRID, max_epochs=20),
        {"bandwidth": [0.01, 0.3, 5.0]},
        scoring=held_out_density,
        cv=2,
    ).fit(X, y)
    assert search.best_params_ == {"bandwidth": 0.3}


def test_in_a_pipeline():
    pipeline = make_pipeline(StandardScaler(), model(max_epochs=30))
    assert cross_val_score(pipeline, 100 * X, y, cv=2).min() > 0.5
    assert pipeline.fit(100 * X, y).predict_proba(X).shape == (120, 51)


def test_clone_and_pickle_and_seed():
    fitted = model().fit(X, y)
    again = clone(fitted).fit(X, y)
    assert_array_equal(again.predict_proba(X), fitted.predict_proba(X))
    copied = pickle.loads(pickle.dumps(fitted))
    assert_array_equal(copied.interval(X), fitted.interval(X))
    other = clone(fitted).set_params(random_state=1).fit(X, y)
    assert (other.predict_proba(X) != fitted.predict_proba(X)).any()


def test_weight_zero_is_absence():
    outlier = np.r_[y, 1e6]
    weight = np.r_[np.ones(120), 0.0]
    fitted = model().fit(np.r_[X, [[9.0, 9.0]]], outlier, sample_weight=weight)
    assert_array_equal(fitted.grid_, model().fit(X, y).grid_)


def test_weights_move_the_density():
    half = np.where(np.arange(120) < 60, -2.0, 2.0)
    weight = np.where(half > 0, 3.0, 1.0)
    fitted = model(GRID, hidden_layer_sizes=(), max_epochs=100, lr=0.1)
    fitted.fit(np.zeros((120, 1)), half, sample_weight=weight)
    assert_allclose(fitted.predict([[0.0]]), 0.75 * 2 - 0.25 * 2, atol=0.15)


def test_warm_start_keeps_the_grid():
    fitted = model(warm_start=True).fit(X, y)
    grid = fitted.grid_
    fitted.set_params(max_epochs=2).fit(X[:60], 3 * y[:60])
    assert_array_equal(fitted.grid_, grid)
    assert_allclose(fitted.bandwidth_, np.ptp(y) / 50)
    assert fitted.n_iter_ == 7
    with pytest.raises(ValueError, match="same grid"):
        fitted.set_params(grid=GRID).fit(X, y)


def test_bandwidth_may_change_with_a_warm_start():
    fitted = model(warm_start=True, bandwidth=1.0).fit(X, y)
    grid = fitted.grid_
    fitted.set_params(bandwidth=0.5).fit(X, y)
    assert_array_equal(fitted.grid_, grid)
    assert_array_equal(fitted.bandwidth_, [0.5])


def test_parameters_changed_after_the_fit_leave_the_density_alone():
    fitted = model(GRID).fit(X, y)
    before = fitted.log_density(X, y)
    fitted.set_params(kernel="uniform", bandwidth=3.0, grid=[0, 1])
    assert_array_equal(fitted.log_density(X, y), before)


def test_weights_of_a_dataset_that_brings_its_targets():
    data = TensorDataset(torch.tensor(X), torch.tensor(y))
    weight = np.linspace(0, 1, 120)
    expected = model(GRID).fit(X, y, sample_weight=weight)
    fitted = model(GRID).fit(data, sample_weight=weight)
    assert_allclose(fitted.predict(X), expected.predict(X), atol=1e-5)


@pytest.mark.parametrize("own_targets", [False, True])
@pytest.mark.parametrize("targets", [y, points], ids=["values", "points"])
def test_a_dataset_gives_the_same_as_arrays(targets, own_targets):
    tensors = [torch.tensor(array, dtype=torch.float64) for array in (X, targets)]
    data = TensorDataset(*tensors[: 1 + own_targets])
    expected = model(bandwidth=4.0).fit(X, targets)
    fitted = model(bandwidth=4.0).fit(data, None if own_targets else targets)
    assert_array_equal(fitted.grid_, expected.grid_)
    assert_allclose(fitted.predict(data), expected.predict(X), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("frame", ["pandas", "polars"])
def test_frames(frame):
    library = pytest.importorskip(frame)
    rows, series = library.DataFrame({"a": X[:, 0], "b": X[:, 1]}), library.Series(y)
    expected = model().fit(X, y)
    fitted = model().fit(rows, series)
    assert_allclose(fitted.predict(rows), expected.predict(X), rtol=1e-10)
    assert_allclose(fitted.log_density(rows, series), expected.log_density(X, y), rtol=1e-10)
    assert fitted.score(rows, series) == pytest.approx(expected.score(X, y))


def test_small_and_awkward_data():
    constant = model().fit(X, np.full(120, 7.0))
    assert_allclose(constant.predict(X), 7, atol=0.02)
    one = model().fit(X[:1, :1], y[:1])
    assert_allclose(one.predict(X[:1, :1]), y[:1], atol=0.1)
    single = model().fit(X.astype(np.float32), y.astype(np.float32))
    assert single.predict(X[:3].astype(np.float32)).dtype == np.float64
    with pytest.warns(DataConversionWarning):
        column = model().fit(X, y[:, None])
    assert_array_equal(column.predict(X), model().fit(X, y).predict(X))


def test_ten_thousand_labels():
    fitted = model(np.linspace(-4, 4, 10_000), max_epochs=1, bandwidth=0.1).fit(X, y)
    assert fitted.interval(X).shape == (120, 2)
    assert_allclose(fitted.predict_proba(X).sum(axis=1), 1, rtol=1e-12)
    fitted.decode = "mode"
    assert np.isfinite(fitted.predict(X[:5])).all()


def test_inputs_stay_as_they_are():
    rows, targets, grid = X.copy(), y.copy(), GRID.copy()
    state = torch.get_rng_state()
    fitted = model(grid).fit(rows, targets)
    fitted.log_density(rows, targets)
    assert_array_equal(rows, X)
    assert_array_equal(targets, y)
    assert_array_equal(grid, GRID)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize(
    ("parameters", "targets", "message"),
    [
        ({}, None, "requires y to be passed"),
        ({}, y[:-1], "inconsistent numbers of samples"),
        ({}, np.where(y > 0, np.nan, y), "NaN"),
        ({}, np.zeros((120, 2, 2)), "need a heatmap_shape"),
        ({"grid": [0, 1]}, points, "y has 2 dimensions but grid has 1"),
        ({"grid": [0, 0, 1]}, y, "repeats a label"),
        ({"grid": [0, 1, 3], "kernel": "uniform"}, y, "evenly spaced"),
        ({"bandwidth": 0.0}, y, "bandwidth"),
        ({"bandwidth": [1.0, -1.0]}, points, "positive and finite"),
        ({"bandwidth": [1.0, 1.0]}, y, "bandwidth has shape"),
        ({"bandwidth": 1e-9}, y, "too small to build a grid"),
        ({"kernel": "epanechnikov"}, y, "kernel"),
        ({"decode": "mean"}, y, "decode"),
        ({"loss": "mse"}, y, "loss"),
        ({"module": nn.Linear(2, 3)}, y, "output of shape"),
    ],
)
def test_bad_fits(parameters, targets, message):
    with pytest.raises(ValueError, match=message):
        model(**parameters).fit(X, targets)


@pytest.mark.parametrize(
    ("targets", "message"),
    [(y[:-1], "y has shape"), (points, "y has shape"), (np.full(120, np.inf), "infinity")],
)
def test_bad_targets_of_a_density(targets, message):
    fitted = model().fit(X, y)
    with pytest.raises(ValueError, match=message):
        fitted.log_density(X, targets)


def test_not_fitted():
    for method in ("predict", "predict_proba", "covariance", "uncertainty", "interval"):
        with pytest.raises(NotFittedError):
            getattr(model(), method)(X)
    with pytest.raises(NotFittedError):
        model().log_density(X, y)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_gives_the_result_of_the_cpu():
    expected = model().fit(X, y).predict(X)
    assert_allclose(model(device="cuda").fit(X, y).predict(X), expected, atol=1e-3)
