import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import norm
from sklearn.base import clone
from sklearn.exceptions import DataConversionWarning, NotFittedError
from sklearn.metrics import r2_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

torch = pytest.importorskip("torch")
pytest.importorskip("skorch")

from torch import nn  # noqa: E402
from torch.utils.data import TensorDataset  # noqa: E402

from sklearn_ldl.datasets import make_faces  # noqa: E402
from sklearn_ldl.deep.values.deep_regressor import DeepRegressor  # noqa: E402
from tests.deep import single_net  # noqa: E402

X = np.random.default_rng(1).uniform(-1, 1, (120, 2))
y = 3 * X[:, 0] + 0.3 * np.random.default_rng(2).standard_normal(120)
points = np.column_stack([y, 100 * X[:, 1]])
BOUNDED = ["l2", "l1", "epsilon_insensitive"]
every_loss = pytest.mark.parametrize("loss", [*BOUNDED, "gaussian"])


def model(loss="l2", **parameters):
    defaults = {"hidden_layer_sizes": (8,), "max_epochs": 5, "random_state": 0}
    return single_net(DeepRegressor, loss=loss, **(defaults | parameters))


@every_loss
@pytest.mark.parametrize("targets", [y, points], ids=["values", "points"])
def test_learns_values_and_points(loss, targets):
    fitted = model(loss, max_epochs=60).fit(X, targets)
    assert fitted.predict(X).shape == targets.shape
    assert fitted.score(X, targets) > 0.9


@every_loss
def test_landmarks_are_points_in_a_row(loss):
    landmarks = np.stack([points, -2 * points, 1 + points], axis=1)
    fitted = model(loss).fit(X, landmarks)
    flat = model(loss).fit(X, landmarks.reshape(120, 6))
    assert fitted.center_.shape == fitted.scale_.shape == (6,)
    assert_array_equal(fitted.predict(X), flat.predict(X).reshape(120, 3, 2))
    assert_array_equal(fitted.predict_members(X)[0], fitted.predict(X))
    assert fitted.score(X, landmarks) == flat.score(X, landmarks.reshape(120, 6))
    weight = np.arange(120)
    assert fitted.score(X, landmarks, weight) == pytest.approx(
        r2_score(landmarks.reshape(120, 6), flat.predict(X), sample_weight=weight)
    )
    if loss == "gaussian":
        std = fitted.predict(X, return_std=True)[1]
        assert_array_equal(std, flat.predict(X, return_std=True)[1].reshape(120, 3, 2))
        expected = flat.log_density(X, landmarks.reshape(120, 6))
        assert_allclose(fitted.log_density(X, landmarks), expected)


def test_landmarks_of_images_are_learnt():
    faces = make_faces(300, image_size=16, n_landmarks=3, random_state=0)
    module = nn.Sequential(nn.Flatten(), nn.Linear(256, 64), nn.ReLU(), nn.Linear(64, 6))
    fitted = model(module=module, max_epochs=40, lr=3e-3)
    fitted.fit(faces.images[:200], faces.landmarks[:200])
    assert fitted.predict(faces.images[200:]).shape == (100, 3, 2)
    assert fitted.score(faces.images[200:], faces.landmarks[200:]) > 0.5


@pytest.mark.parametrize("loss", BOUNDED)
def test_predictions_stay_inside_the_range_of_the_training_targets(loss):
    fitted = model(loss, max_epochs=30).fit(X, points)
    far = fitted.predict(1e6 * X)
    assert_allclose([far.min(axis=0), far.max(axis=0)], [points.min(axis=0), points.max(axis=0)])


@every_loss
def test_units_of_the_targets_do_not_matter(loss):
    plain = model(loss).fit(X, points)
    moved = model(loss).fit(X, [1e3, -1e6] + points * [1e-3, 1e3])
    expected = [1e3, -1e6] + plain.predict(X) * [1e-3, 1e3]
    assert_allclose(moved.predict(X), expected, rtol=1e-6)


def test_l2_network_equals_a_loop_written_by_hand():
    fitted = model(hidden_layer_sizes=(), batch_size="all", optimizer="sgd", lr=0.1).fit(X, y)
    low, high = y.min(), y.max()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(np.random.RandomState(0).randint(np.iinfo(np.int32).max))
        net = nn.Linear(2, 1)
        inputs = torch.tensor(X, dtype=torch.float32)
        targets = torch.tensor(2 * (y - low) / (high - low) - 1, dtype=torch.float32)
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
        for _ in range(5):
            loss = 0.5 * (net(inputs)[:, 0].tanh() - targets).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        scaled = net.double()(torch.tensor(X))[:, 0].tanh().detach().numpy()
    assert_allclose(fitted.predict(X), low + (scaled + 1) / 2 * (high - low), atol=1e-5)


def test_tolerance_is_in_units_of_half_the_range():
    # No error exceeds the whole range: there is nothing to learn.
    still = model("epsilon_insensitive", epsilon=2.0).fit(X, y)
    assert_array_equal(still.history_["train_loss"], 0)
    assert (model("epsilon_insensitive", epsilon=0.5).fit(X, y).history_["train_loss"] > 0).all()


def test_gaussian_learns_where_noise_widens(rng):
    rows = rng.uniform(0, 1, (2000, 1))
    noise = (0.2 + 0.8 * rows[:, 0]) * rng.standard_normal(2000)
    fitted = model("gaussian", max_epochs=40).fit(rows, 50 + 10 * noise)
    mean, std = fitted.predict([[0.0], [0.5], [1.0]], return_std=True)
    assert_allclose(mean, 50, atol=1)
    assert_allclose(std, [2, 6, 10], rtol=0.2)


def test_gaussian_density_quantiles_and_intervals_are_those_of_the_normal_distribution():
    fitted = model("gaussian").fit(X, y)
    normal = norm(*fitted.predict(X, return_std=True))
    assert_allclose(fitted.log_density(X, y), normal.logpdf(y))
    assert_allclose(fitted.quantile(X, 0.2), normal.ppf(0.2))
    levels = np.array([0.2, 0.5, 0.9])
    assert_allclose(fitted.quantile(X, levels), normal.ppf(levels[:, None]).T)
    assert_allclose(fitted.interval(X, coverage=0.8), np.transpose(normal.interval(0.8)))


def test_gaussian_density_of_points_is_the_product():
    fitted = model("gaussian").fit(X, points)
    normal = norm(*fitted.predict(X, return_std=True))
    assert_allclose(fitted.log_density(X, points), normal.logpdf(points).sum(axis=1))
    with pytest.raises(ValueError, match="fitted to points"):
        fitted.interval(X)


def test_gaussian_stays_finite_far_from_the_data():
    fitted = model("gaussian", max_epochs=30).fit(X, y)
    for scale in (1e6, 1e30):
        mean, std = fitted.predict(scale * X, return_std=True)
        assert np.isfinite(mean).all()
        assert np.isfinite(std).all()
        assert (std > 0).all()


@pytest.mark.parametrize("loss", BOUNDED)
def test_only_a_distribution_has_quantiles(loss):
    fitted = model(loss).fit(X, y)
    for name in ("quantile", "interval", "log_density"):
        assert not hasattr(fitted, name)
        assert hasattr(model("gaussian"), name)
    with pytest.raises(ValueError, match='needs loss="gaussian"'):
        fitted.predict(X, return_std=True)


@every_loss
def test_constant_targets(loss):
    constant = np.column_stack([y, np.full(120, 7.0), np.full(120, -1e9)])
    fitted = model(loss, max_epochs=60).fit(X, constant)
    predicted = fitted.predict(X)
    assert r2_score(y, predicted[:, 0]) > 0.9
    # A normal distribution has a width, and its network learns the mean up to that.
    tolerance = 0.5 if loss == "gaussian" else 0
    assert_allclose(predicted[:, 1], 7.0, rtol=0, atol=tolerance)
    assert_allclose(predicted[:, 2], -1e9, rtol=0, atol=tolerance)


@every_loss
def test_scale_of_a_constant_dimension(loss):
    fitted = model(loss, max_epochs=1).fit(X, np.column_stack([y, np.full(120, 0.1)]))
    assert fitted.scale_[0] > 0
    assert fitted.scale_[1] == (1 if loss == "gaussian" else 0)


def test_a_dimension_that_was_constant_counts_in_its_own_unit():
    # A network that does nothing, in the middle of a range without extent.
    still = model("l1", lr=1e-30, hidden_layer_sizes=(), init=_zero, max_epochs=1, warm_start=True)
    assert still.fit(X, np.full(120, 7.0)).history_["train_loss"][-1] == 0
    assert still.fit(X, np.full(120, 7.25)).history_["train_loss"][-1] == pytest.approx(0.25)


def _zero(module):
    for parameter in module.parameters():
        nn.init.zeros_(parameter)


@every_loss
def test_targets_of_any_size(loss):
    huge = model(loss).fit(X, 1e150 * y)
    assert_allclose(huge.predict(X), 1e150 * model(loss).fit(X, y).predict(X), rtol=1e-4)
    far = np.r_[1.7e308, -1.7e308, y[2:]]
    with pytest.raises(ValueError, match="overflows: scale the targets"):
        model(loss).fit(X, far)


@every_loss
def test_clone_pickle_and_seed(loss):
    fitted = model(loss).fit(X, y)
    assert_array_equal(clone(fitted).fit(X, y).predict(X), fitted.predict(X))
    assert_array_equal(pickle.loads(pickle.dumps(fitted)).predict(X), fitted.predict(X))
    other = clone(fitted).set_params(random_state=1).fit(X, y)
    assert (other.predict(X) != fitted.predict(X)).any()


def test_search_in_a_pipeline():
    pipeline = make_pipeline(StandardScaler(), model(max_epochs=30))
    search = GridSearchCV(pipeline, {"deepregressor__loss": ["l2", "gaussian"]}, cv=2)
    assert search.fit(100 * X, y).score(100 * X, y) > 0.8


def test_weight_zero_is_absence():
    outlier = np.r_[y, 1e6]
    weight = np.r_[np.ones(120), 0.0]
    for loss in ("l2", "gaussian"):
        fitted = model(loss).fit(np.r_[X, [[9.0, 9.0]]], outlier, sample_weight=weight)
        expected = model(loss).fit(X, y)
        assert_array_equal(fitted.center_, expected.center_)
        assert_array_equal(fitted.scale_, expected.scale_)


def test_warm_start_keeps_the_units():
    fitted = model(warm_start=True).fit(X, y)
    centre, scale = fitted.center_, fitted.scale_
    fitted.fit(X, 3 * y)
    assert fitted.n_iter_ == 10
    assert_array_equal(fitted.center_, centre)
    assert_array_equal(fitted.scale_, scale)


@pytest.mark.parametrize("own_targets", [False, True])
@pytest.mark.parametrize("targets", [y, points], ids=["values", "points"])
def test_a_dataset_gives_the_same_as_arrays(targets, own_targets):
    tensors = [torch.tensor(array, dtype=torch.float64) for array in (X, targets)]
    data = TensorDataset(*tensors[: 1 + own_targets])
    fitted = model().fit(data, None if own_targets else targets)
    assert_allclose(fitted.predict(data), model().fit(X, targets).predict(X), rtol=1e-5)


def test_a_dataset_without_targets_is_an_error():
    with pytest.raises(ValueError, match=r"must give pairs \(x, y\)"):
        model().fit(TensorDataset(torch.tensor(X)))


class TargetsKnown(TensorDataset):
    def __init__(self):
        super().__init__(torch.tensor(X), torch.tensor(y))
        self.targets = y


def test_a_dataset_may_know_its_targets():
    assert_allclose(model().fit(TargetsKnown()).scale_, np.ptp(y) / 2)


@pytest.mark.parametrize("frame", ["pandas", "polars"])
def test_frames(frame):
    library = pytest.importorskip(frame)
    rows = library.DataFrame({"a": X[:, 0], "b": X[:, 1]})
    targets = library.DataFrame({"c": points[:, 0], "d": points[:, 1]})
    expected = model("gaussian").fit(X, points)
    fitted = model("gaussian").fit(rows, targets)
    assert_allclose(fitted.predict(rows), expected.predict(X), rtol=1e-10)
    assert_allclose(fitted.log_density(rows, targets), expected.log_density(X, points), rtol=1e-10)


def test_a_column_of_values_is_values_with_a_warning():
    with pytest.warns(DataConversionWarning):
        fitted = model().fit(X, y[:, None])
    assert_array_equal(fitted.predict(X), model().fit(X, y).predict(X))


def test_one_row_and_one_feature():
    for loss in ("l2", "gaussian"):
        fitted = model(loss).fit(X[:1, :1], y[:1])
        assert np.isfinite(fitted.predict(X[:, :1])).all()


@pytest.mark.parametrize(
    ("parameters", "targets", "message"),
    [
        ({}, None, "requires y to be passed"),
        ({}, y[:-1], "inconsistent numbers of samples"),
        ({}, np.where(y > 0, np.nan, y), "NaN"),
        ({}, np.zeros((120, 2, 2, 2)), "y has shape"),
        ({"loss": "kl"}, y, "loss"),
        ({"epsilon": -1.0}, y, "epsilon"),
        ({"module": nn.Linear(2, 3)}, y, "output of shape"),
        ({"module": nn.Linear(2, 1), "loss": "gaussian"}, y, r"expected \(2, 2\)"),
    ],
)
def test_bad_fits(parameters, targets, message):
    with pytest.raises(ValueError, match=message):
        model(**parameters).fit(X, targets)


def test_bad_arguments_of_the_distribution():
    fitted = model("gaussian").fit(X, y)
    with pytest.raises(ValueError, match="y has shape"):
        fitted.log_density(X, points)
    with pytest.raises(ValueError, match="NaN"):
        fitted.log_density(X, np.full(120, np.nan))
    for method in (fitted.quantile, fitted.interval):
        with pytest.raises(ValueError, match=r"\(0, 1\)"):
            method(X, 1.0)


def test_not_fitted():
    for loss in ("l2", "gaussian"):
        with pytest.raises(NotFittedError):
            model(loss).predict(X)
    with pytest.raises(NotFittedError):
        model("gaussian").interval(X)
