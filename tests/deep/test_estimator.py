import pickle

import joblib
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

torch = pytest.importorskip("torch")
pytest.importorskip("skorch")

from torch import nn  # noqa: E402

from sklearn_ldl import DeepLDLRegressor  # noqa: E402
from sklearn_ldl.datasets import make_ldl  # noqa: E402
from sklearn_ldl.deep.training import inference  # noqa: E402
from tests.deep import single_net  # noqa: E402

X, D = make_ldl(60, random_state=0)
# Exact in float32, so that all containers hold the same numbers.
X = X.astype(np.float32).astype(np.float64)


def model(module=None, **parameters):
    defaults = {"hidden_layer_sizes": (8,), "max_epochs": 3, "random_state": 0}
    return single_net(DeepLDLRegressor, module, **(defaults | parameters))


@pytest.fixture(scope="module")
def expected():
    return model().fit(X, D).predict(X)


class InPlace(nn.Linear):
    def __init__(self, n_features, n_labels):
        super().__init__(n_features, n_labels)

    def forward(self, X):
        return super().forward(X.relu_())


@pytest.mark.parametrize("inference_dtype", ["float32", "float64"])
def test_modules_that_work_in_place_do_not_touch_the_callers_array(inference_dtype):
    X32 = X.astype(np.float32)
    fitted = model(InPlace, inference_dtype=inference_dtype).fit(X32, D)
    fitted.predict(X32)
    assert_array_equal(X32, X)


def test_features_of_1e30_train_or_say_that_they_diverge():
    huge = 1e30 * X
    try:
        P = model().fit(huge, D).predict(huge)
    except ValueError as error:
        assert "diverged" in str(error)  # noqa: PT017
    else:
        assert_allclose(P.sum(axis=1), 1, atol=1e-12)


def test_outputs_that_are_not_finite_are_an_error_not_a_prediction():
    fitted = model(inference_dtype="float32").fit(X, D)
    with torch.no_grad():
        fitted.net_.module_.head.weight.mul_(1e30)
    with pytest.raises(ValueError, match="The network returns NaN or infinity"):
        fitted.predict(X * 1e30)


def test_one_row_one_feature_two_labels():
    fitted = model(early_stopping=False).fit([[1.0]], [[0.25, 0.75]])
    assert fitted.predict([[1.0], [5.0]]).shape == (2, 2)
    assert fitted.n_labels_ == 2
    stopping = model(early_stopping=True)
    # A single row is trained on.
    assert "valid_loss" not in stopping.fit([[1.0]], [[0.25, 0.75]]).history_
    stopping.set_params(validation_fraction=0.9)
    with pytest.raises(ValueError, match=r"validation_fraction=0.9 of n_samples=2 leaves none"):
        stopping.fit([[1.0], [2.0]], [[0.25, 0.75]] * 2)


def test_constant_columns_and_constant_targets():
    constant = np.ones((20, 2))
    P = (
        model(max_epochs=200, lr=0.1)
        .fit(constant, np.tile([0.5, 0.3, 0.2], (20, 1)))
        .predict([[1, 1]])
    )
    assert_allclose(P, [[0.5, 0.3, 0.2]], atol=1e-4)


def test_one_hot_rows_and_labels_that_never_occur():
    targets = np.zeros((60, 4))
    targets[np.arange(60), np.arange(60) % 3] = 1
    P = model(loss="jeffreys").fit(X, targets).predict(X)
    assert_allclose(P.sum(axis=1), 1, atol=1e-12)
    assert (P > 0).all()


def test_ten_thousand_labels():
    grid = np.arange(10_000)
    means = np.linspace(2000, 8000, 20)[:, None]
    targets = np.exp(-0.5 * ((grid - means) / 500) ** 2)
    targets /= targets.sum(axis=1, keepdims=True)
    fitted = model(max_epochs=30, lr=0.1, optimizer="adamw").fit(means / 1000 - 5, targets)
    P = fitted.predict(means / 1000 - 5)
    assert P.shape == (20, 10_000)
    assert_allclose(P.sum(axis=1), 1, atol=1e-12)
    assert fitted.score(means / 1000 - 5, targets) > 0.5


@pytest.mark.parametrize(
    ("X_bad", "D_bad", "match"),
    [
        (X[:5], D, r"inconsistent numbers of samples: \[5, 60\]"),
        (X, D[:5], r"inconsistent numbers of samples: \[60, 5\]"),
        (X[:, 0], D, "Expected 2D array, got 1D array"),
        (X[:0], D[:0], r"0 sample\(s\)"),
        (X[:, :0], D, r"0 feature\(s\)"),
        (X, None, "requires y to be passed, but the target y is None"),
        (X, D[:, 0], "not a label distribution"),
        (X, 2 * D, "row 0 sums to 2"),
        (X, np.where(D[7, 1] == D, np.nan, D), "row 7 contains NaN"),
    ],
)
def test_wrong_shapes_and_targets_are_refused(X_bad, D_bad, match):
    with pytest.raises(ValueError, match=match):
        model().fit(X_bad, D_bad)


IMAGES = np.random.default_rng(0).standard_normal((60, 2, 4, 5))


class ConvNet(nn.Sequential):
    def __init__(self, input_shape, n_labels):
        channels, height, width = input_shape
        super().__init__(
            nn.Conv2d(channels, 4, 3, padding=1),
            nn.BatchNorm2d(4),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(4 * height * width, n_labels),
        )


def test_batch_normalisation_survives_a_trailing_batch_of_one():
    norm = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 3))
    fitted = model(norm, batch_size=10).fit(X[:51], D[:51])
    assert_allclose(fitted.predict(X).sum(axis=1), 1, atol=1e-12)
    assert fitted.net_.module_[1].num_batches_tracked == 3 * 5


@pytest.mark.parametrize("batch_size", ["all", 1, 60, 1000])
def test_all_batch_sizes_train(batch_size):
    fitted = model(batch_size=batch_size, max_epochs=5).fit(X, D)
    assert fitted.history_["train_loss"].shape == (5,)
    assert_allclose(fitted.predict(X).sum(axis=1), 1, atol=1e-12)


def test_batches_of_all_rows_are_full_batches():
    assert_allclose(
        model(batch_size="all").fit(X, D).predict(X),
        model(batch_size=60).fit(X, D).predict(X),
        rtol=0,
        atol=0,
    )


def test_no_epochs_only_initialise():
    for early_stopping in (False, True):
        fitted = model(max_epochs=0, early_stopping=early_stopping).fit(X, D)
        assert fitted.n_iter_ == 0
        assert fitted.history_ == {}
        assert_allclose(fitted.predict(X).sum(axis=1), 1, atol=1e-12)


class ListOf(nn.Linear):
    def __init__(self, n_features, n_labels):
        super().__init__(n_features, n_labels)

    def forward(self, X):
        return [super().forward(X)]


@pytest.mark.parametrize(
    ("module", "error", "match"),
    [
        (lambda: nn.Linear(3, 2), ValueError, r"shape \(2, 2\) for 2 samples; expected \(2, 3\)"),
        (lambda: nn.Unflatten(1, (3, 1)), ValueError, "optimizer got an empty parameter list"),
        (lambda: nn.Linear(4, 3), ValueError, r"does not take samples of shape \(3,\): mat1 and"),
        (lambda: nn.LSTM(3, 2), ValueError, r"shape \(2, 2\) for 2 samples; expected \(2, 3\)"),
        (ListOf, TypeError, r"returns a list; expected a tensor of shape \(2, 3\), or a tuple"),
        (lambda: "net", TypeError, "must build a torch.nn.Module, got str"),
    ],
)
def test_modules_that_do_not_fit_are_refused_before_training(module, error, match):
    with pytest.raises(error, match=match):
        model(module).fit(X, D)


class Float32(nn.Linear):
    def __init__(self, n_features, n_labels):
        super().__init__(n_features, n_labels)

    def forward(self, X):
        return super().forward(X.float())


def test_modules_that_compute_in_float32_only_are_told_so_before_training():
    with pytest.raises(ValueError, match=r'compute in float64, .* set inference_dtype="float32"'):
        model(Float32).fit(X, D)
    P = model(Float32, inference_dtype="float32").fit(X, D).predict(X)
    assert P.dtype == np.float64
    assert_allclose(P.sum(axis=1), 1, atol=1e-12)


def test_instances_are_copied_and_trained_from_their_weights():
    module = nn.Linear(3, 3)
    weights = {name: value.clone() for name, value in module.state_dict().items()}
    estimator = model(module)
    fitted = estimator.fit(X, D)
    assert fitted.module is module
    assert fitted.net_.module_ is not module
    assert all(value.equal(weights[name]) for name, value in module.state_dict().items())
    start = model(module, max_epochs=0).fit(X, D)
    assert all(
        value.equal(weights[name]) for name, value in start.net_.module_.state_dict().items()
    )
    copied = clone(estimator)
    assert_array_equal(copied.fit(X, D).predict(X), fitted.predict(X))


def test_options_reach_a_module_class(expected):
    wide = model(net_params={"module__hidden_layer_sizes": (20,)}).fit(X, D)
    assert wide.net_.module_.hidden1.out_features == 20
    named = model(hidden_layer_sizes=(3,), net_params={"module__hidden_layer_sizes": (8,)})
    assert_array_equal(named.fit(X, D).predict(X), expected)


def test_predictions_of_a_row_do_not_depend_on_the_others(monkeypatch):
    fitted = model(ConvNet).fit(IMAGES, D)
    whole = fitted.predict(IMAGES)
    single = np.vstack([fitted.predict(image[None]) for image in IMAGES])
    assert_allclose(single, whole, rtol=0, atol=1e-12)
    monkeypatch.setattr(inference, "_ROWS", 7)
    fitted.set_params(batch_size=1)
    assert_allclose(fitted.predict(IMAGES), whole, rtol=0, atol=1e-12)


def test_inference_in_float32_differs_by_rounding_only():
    fitted = model().fit(X, D)
    P = fitted.predict(X)
    P32 = fitted.set_params(inference_dtype="float32").predict(X)
    assert P32.dtype == np.float64
    assert_allclose(P32.sum(axis=1), 1, atol=1e-12)
    assert 0 < np.abs(P - P32).max() < 1e-6
    assert next(fitted.net_.module_.parameters()).dtype == torch.float32


def test_predict_before_and_after_a_failed_fit():
    with pytest.raises(NotFittedError):
        model().predict(X)
    failed = model(nn.Linear(3, 2))
    with pytest.raises(ValueError, match="expected"):
        failed.fit(X, D)
    with pytest.raises(NotFittedError):
        failed.predict(X)


def test_a_failed_refit_leaves_the_error_to_the_caller():
    fitted = model().fit(X, D)
    with pytest.raises(ValueError, match="sums to"):
        fitted.fit(X, 3 * D)
    assert_allclose(fitted.predict(X).sum(axis=1), 1, atol=1e-12)


def test_fits_again_to_other_shapes(expected):
    fitted = model().fit(IMAGES, D[:, :2] / D[:, :2].sum(axis=1, keepdims=True))
    assert fitted.predict(IMAGES).shape == (60, 2)
    assert_array_equal(fitted.fit(X, D).predict(X), expected)
    assert (fitted.n_labels_, fitted.input_shape_, fitted.n_iter_) == (3, (3,), 3)


def test_the_same_seed_gives_the_same_result_and_others_do_not(expected):
    assert_array_equal(model().fit(X, D).predict(X), expected)
    assert_array_equal(model(random_state=np.random.RandomState(0)).fit(X, D).predict(X), expected)
    assert np.abs(model(random_state=1).fit(X, D).predict(X) - expected).max() > 1e-3
    assert np.abs(model(random_state=None).fit(X, D).predict(X) - expected).max() > 1e-3


def test_global_random_states_are_left_alone():
    torch_state, numpy_state = torch.get_rng_state(), np.random.get_state()  # noqa: NPY002
    fitted = model(dropout=0.5, early_stopping=True).fit(X, D)
    fitted.predict(X)
    assert torch.equal(torch.get_rng_state(), torch_state)
    np.testing.assert_equal(np.random.get_state(), numpy_state)  # noqa: NPY002


def test_pickles_are_small_and_predict_the_same(tmp_path):
    rows = np.tile(X, (50, 1))
    fitted = model().fit(rows, np.tile(D, (50, 1)))
    data = pickle.dumps(fitted)
    assert len(data) < 8000 < rows.nbytes
    assert_array_equal(pickle.loads(data).predict(X), fitted.predict(X))
    joblib.dump(fitted, tmp_path / "model.joblib")
    assert_array_equal(joblib.load(tmp_path / "model.joblib").predict(X), fitted.predict(X))
    with pytest.raises(ValueError, match="from a fit that had warm_start=True"):
        fitted.set_params(warm_start=True).fit(X, D)
