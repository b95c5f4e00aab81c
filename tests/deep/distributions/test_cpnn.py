import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from scipy.special import expit, softmax, xlogy
from sklearn.base import clone
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

torch = pytest.importorskip("torch")
pytest.importorskip("skorch")

from torch.utils.data import TensorDataset  # noqa: E402

from sklearn_ldl import (  # noqa: E402
    GaussianLabelDistributor,
    LDLRegressor,
    gaussian_label_distribution,
)
from sklearn_ldl.datasets import make_ldl  # noqa: E402
from sklearn_ldl.deep.distributions.cpnn import CPNN, augmented_target  # noqa: E402
from sklearn_ldl.deep.losses.distributions import kl_divergence as kl_loss  # noqa: E402
from sklearn_ldl.deep.networks import conditional  # noqa: E402
from sklearn_ldl.deep.networks.conditional import ConditionalNet  # noqa: E402
from sklearn_ldl.deep.training.optimization import Rprop  # noqa: E402
from sklearn_ldl.metrics import kl_divergence  # noqa: E402

X, D = make_ldl(60, n_votes=10, random_state=0)
ENCODINGS = ["ordinal", "onehot"]
every_encoding = pytest.mark.parametrize("encoding", ENCODINGS)
STILL = {"max_epochs": 1, "optimizer": "sgd", "lr": 1e-12}


def model(encoding="ordinal", **parameters):
    defaults = {"hidden_dim": 8, "max_epochs": 6, "early_stopping": False, "random_state": 0}
    return CPNN(encoding, **(defaults | parameters))


def on_simplex(P):
    assert P.dtype == np.float64
    assert P.min() >= 0
    assert_allclose(P.sum(axis=1), 1, rtol=0, atol=1e-12)


def divergence(D, P):
    return xlogy(D, D).sum(axis=1) - xlogy(D, P).sum(axis=1)


def copies(D, n_augment):
    """What the publication trains on: every row several times, the dominant degree enlarged."""
    augmented = np.repeat(D[:, None], n_augment, axis=1)
    rows = np.arange(len(D))
    for r in range(1, n_augment + 1):
        augmented[rows, r - 1, D.argmax(axis=1)] *= 1 + 1 / r
    return augmented / augmented.sum(axis=2, keepdims=True)


# The network


@every_encoding
def test_logits_are_those_of_pairs_of_a_row_and_a_label(encoding, rng):
    fitted = model(encoding).fit(X, D)
    weights = {
        name: weight.detach().double().numpy()
        for name, weight in fitted.net_.module_.named_parameters()
    }
    codes = np.eye(3) if encoding == "onehot" else np.array([[-1.0], [0.0], [1.0]])
    W = np.hstack([weights["features.weight"], weights["label.weight"]])
    for j in range(3):
        pairs = np.hstack([X, np.tile(codes[j], (60, 1))])
        hidden = expit(pairs @ W.T + weights["features.bias"])
        z = hidden @ weights["head.weight"][0]
        assert_allclose(fitted.decision_function(X)[:, j], z, rtol=1e-6)
    assert_allclose(fitted.predict(X), softmax(fitted.decision_function(X), axis=1), rtol=1e-12)


@every_encoding
def test_hidden_units_in_parts_give_the_same_logits_and_gradients(encoding, monkeypatch):
    values = None if encoding == "onehot" else np.linspace(-1, 1, 3)
    net = ConditionalNet(X.shape[1], 3, 8, values).double()

    def result():
        net.zero_grad()
        Z = net(torch.from_numpy(X))
        kl_loss(Z, torch.from_numpy(D)).mean().backward()
        return [Z.detach(), *(weight.grad.clone() for weight in net.parameters())]

    whole = result()
    monkeypatch.setattr(conditional, "_LARGEST", 7 * 3 * 8)
    parts = result()
    for expected, got in zip(whole, parts, strict=True):
        assert_allclose(got, expected, rtol=1e-10, atol=1e-14)
    with torch.no_grad():
        assert_allclose(net(torch.from_numpy(X)), whole[0], rtol=1e-12)


@every_encoding
def test_number_of_weights(encoding):
    fitted = model(encoding, max_epochs=0).fit(X, D)
    inputs = 3 if encoding == "onehot" else 1
    sizes = [weight.numel() for weight in fitted.net_.module_.parameters()]
    assert sum(sizes) == 8 * X.shape[1] + 8 + 8 * inputs + 8


def test_onehot_labels_have_no_order_and_ordinal_ones_have():
    # A target that goes up and down along the labels, with one hidden unit: no ordinal network
    # has it, since its logits are monotone in the label.
    targets = np.tile([0.4, 0.1, 0.4, 0.1], (20, 1))
    features = np.zeros((20, 1))
    parameters = {"hidden_dim": 1, "max_epochs": 400}
    P = model("onehot", **parameters).fit(features, targets).predict(features[:1])
    assert_allclose(P, targets[:1], atol=1e-3)
    ordinal = model("ordinal", **parameters).fit(features, targets).predict(features[:1])
    steps = np.diff(ordinal[0])
    assert (steps >= 0).all() or (steps <= 0).all()


# The values of labels


def test_values_default_to_equal_distances():
    fitted = model().fit(X, D)
    assert_array_equal(fitted.label_values_, [-1, 0, 1])
    given = model(label_values=[20, 30, 40]).fit(X, D)
    assert_array_equal(given.predict(X), fitted.predict(X))


@pytest.mark.parametrize("values", [[40, 20, 25], (4e6, 2e6, 2.5e6), np.array([40.0, 20.0, 25.0])])
def test_values_are_scaled_whatever_their_order_and_unit(values):
    before = np.array(values)
    fitted = model(label_values=values).fit(X, D)
    assert_allclose(fitted.label_values_, [1, -1, -0.5], atol=1e-15)
    assert_array_equal(values, before)
    order = np.argsort(before)
    ordered = model(label_values=before[order]).fit(X, D[:, order])
    assert_allclose(fitted.predict(X)[:, order], ordered.predict(X), atol=1e-5)


def test_values_are_of_the_last_fit():
    fitted = model().fit(X, D)
    fitted.set_params(label_encoding="onehot").fit(X, D)
    assert not hasattr(fitted, "label_values_")
    fitted.set_params(label_encoding="ordinal").fit(X, D[:, :2] / D[:, :2].sum(1, keepdims=True))
    assert_array_equal(fitted.label_values_, [-1, 1])


@pytest.mark.parametrize(
    ("encoding", "values", "match"),
    [
        ("onehot", [1, 2, 3], "has no use for them"),
        ("ordinal", [1, 2], r"shape \(2,\); expected one value for each of the 3 labels"),
        ("ordinal", [[1], [2], [3]], r"shape \(3, 1\)"),
        ("ordinal", [1, 2, 1], "must be distinct"),
        ("ordinal", [0, 1e-12, 1], "must be distinct"),
        ("ordinal", [1, 2, np.nan], "label_values contains NaN"),
        ("ordinal", [1, 2, np.inf], "label_values contains infinity"),
    ],
)
def test_bad_values_of_labels_are_refused(encoding, values, match):
    with pytest.raises(ValueError, match=match):
        model(encoding, label_values=values).fit(X, D)


def test_ages_are_learned_through_a_wrapper(rng):
    y = 20 + 10 * X[:, 0]
    grid = np.arange(y.min() - 5, y.max() + 5)
    wrapped = LDLRegressor(model(max_epochs=100), GaussianLabelDistributor(grid, sigma=2.0))
    assert wrapped.fit(X, y).score(X, y) > 0.9


# Augmentation


@pytest.mark.parametrize("n_augment", [1, 2, 5, 50])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_target_is_the_mean_copy(n_augment, dtype):
    target = augmented_target(torch.from_numpy(D.astype(dtype)), n_augment).numpy()
    assert target.dtype == dtype
    assert_allclose(target, copies(D, n_augment).mean(axis=1), atol=10 * np.finfo(dtype).eps)


def test_one_hot_rows_stay_and_of_equal_degrees_the_first_is_dominant():
    one_hot = torch.eye(3)
    assert_array_equal(augmented_target(one_hot, 5), one_hot)
    tied = augmented_target(torch.tensor([[0.2, 0.4, 0.4], [0.5, 0.5, 0.0]]), 1)
    expected = [[0.2 / 1.4, 0.8 / 1.4, 0.4 / 1.4], [1 / 1.5, 0.5 / 1.5, 0]]
    assert_allclose(tied, expected, rtol=1e-6)
    uniform = augmented_target(torch.full((1, 4), 0.25), 1)
    assert_allclose(uniform, [[0.4, 0.2, 0.2, 0.2]], rtol=1e-6)


def test_rows_are_not_copied_but_the_gradient_is_that_of_the_copies(rng):
    weight = torch.from_numpy(rng.uniform(0.5, 2, 60))
    Z = torch.from_numpy(rng.normal(size=(60, 3))).requires_grad_()
    target = augmented_target(torch.from_numpy(D), 5)
    (weight * kl_loss(Z, target)).mean().backward()
    gradient, Z.grad = Z.grad, None
    repeated = Z.repeat_interleave(5, dim=0)
    rows = kl_loss(repeated, torch.from_numpy(copies(D, 5).reshape(-1, 3)))
    (weight.repeat_interleave(5) * rows).mean().backward()
    assert_allclose(gradient, Z.grad, rtol=1e-10, atol=1e-15)


@every_encoding
@pytest.mark.parametrize("weighted", [False, True])
def test_training_minimises_the_divergence_from_the_mean_copy(encoding, weighted, rng):
    weight = rng.integers(1, 4, 60) if weighted else None
    fitted = model(encoding, n_augment=5, **STILL).fit(X, D, sample_weight=weight)
    rows = divergence(copies(D, 5).mean(axis=1), fitted.predict(X))
    expected = np.average(rows, weights=weight)
    assert_allclose(fitted.history_["train_loss"], expected, rtol=1e-5)


def test_augmentation_gives_more_to_dominant_labels():
    features, targets = np.zeros((20, 1)), np.tile([0.5, 0.3, 0.2], (20, 1))
    fitted = model("onehot", n_augment=5, max_epochs=300).fit(features, targets)
    expected = copies(targets[:1], 5).mean(axis=1)
    assert_allclose(fitted.predict(features[:1]), expected, atol=1e-3)


def test_validation_takes_rows_as_they_are():
    parameters = {"early_stopping": True, "validation_fraction": 0.3, "n_augment": 5}
    fitted = model("onehot", **parameters, **STILL).fit(X, D)
    valid = np.random.RandomState(0).permutation(60)[:18]
    expected = divergence(D[valid], fitted.predict(X[valid])).mean()
    assert_allclose(fitted.history_["valid_loss"], expected, rtol=1e-5)


# Training


def test_defaults_are_rprop_on_all_rows_with_decay_of_the_features_alone():
    fitted = CPNN(max_epochs=2, warm_start=True, random_state=0).fit(X, D)
    optimizer = fitted.net_.optimizer_
    assert isinstance(optimizer, Rprop)
    assert [group["etas"] for group in optimizer.param_groups] == [(0.5, 1.2)] * 2
    assert [group["step_sizes"] for group in optimizer.param_groups] == [(1e-6, 50)] * 2
    shapes = [[tuple(p.shape) for p in group["params"]] for group in optimizer.param_groups]
    assert shapes == [[(64, 3)], [(64,), (64, 1), (1, 64)]]
    assert [group["weight_decay"] for group in optimizer.param_groups] == [3e-3, 0.0]


@pytest.mark.parametrize("decay", [0.0, 0.3])
def test_rprop_decays_as_if_squares_were_added_to_the_loss(decay, rng):
    start = torch.from_numpy(rng.normal(size=5))
    goal = torch.from_numpy(rng.normal(size=5))

    def path(make, penalty):
        weight, unused = start.clone().requires_grad_(), torch.zeros(1, requires_grad=True)
        optimizer, points = make([weight, unused]), []
        for _ in range(30):

            def closure():
                optimizer.zero_grad()
                loss = (weight - goal).abs().pow(1.5).sum() + penalty / 2 * weight.square().sum()
                loss.backward()
                return loss

            optimizer.step(closure)
            points.append(weight.detach().clone())
        return torch.stack(points)

    ours = path(lambda weights: Rprop(weights, weight_decay=decay), 0.0)
    assert_allclose(ours, path(torch.optim.Rprop, decay), rtol=1e-12)


@pytest.mark.parametrize("optimizer", ["rprop", torch.optim.Rprop])
@pytest.mark.parametrize(
    ("name", "value"),
    [("batch_size", 50), ("batch_size", 10_000), ("lr_schedule", "cosine"), ("clip_norm", 1.0)],
)
def test_rprop_refuses_what_it_cannot_heed(optimizer, name, value):
    with pytest.raises(ValueError, match=rf"Rprop goes by the signs .* it wants {name}=") as error:
        model(optimizer=optimizer, **{name: value}).fit(X, D)
    assert repr(value) in str(error.value)


@pytest.mark.parametrize("optimizer", ["adam", torch.optim.SGD])
def test_other_optimizers_take_batches(optimizer):
    parameters = {"batch_size": 16, "lr_schedule": "cosine", "clip_norm": 1.0, "max_epochs": 40}
    fitted = model("onehot", optimizer=optimizer, lr=0.1, **parameters).fit(X, D)
    losses = fitted.history_["train_loss"]
    assert losses[-1] < losses[0]
    on_simplex(fitted.predict(X))


@every_encoding
def test_the_noise_free_problem_is_learned(encoding):
    rows, targets = make_ldl(200, random_state=0)
    parameters = {"hidden_dim": 64, "max_epochs": 400, "param_groups": ()}
    assert model(encoding, **parameters).fit(rows, targets).score(rows, targets) > 0.99


def test_early_stopping_keeps_the_best_epoch():
    rows, targets = make_ldl(200, n_votes=10, random_state=0)
    fitted = CPNN("onehot", random_state=0).fit(rows, targets)
    losses = fitted.history_["valid_loss"]
    best = losses.argmin()
    assert best > 0
    assert fitted.n_iter_ == len(losses) == best + 1 + 40
    valid = np.random.RandomState(0).permutation(200)[:20]
    kept = divergence(targets[valid], fitted.predict(rows[valid])).mean()
    assert_allclose(kept, losses[best], rtol=1e-5)


@every_encoding
def test_weights_are_repetitions(encoding, rng):
    weight = rng.integers(0, 4, 60)
    fitted = model(encoding, n_augment=2).fit(X, D, sample_weight=weight)
    repeated = model(encoding, n_augment=2).fit(
        np.repeat(X, weight, axis=0), np.repeat(D, weight, axis=0)
    )
    # Sums of other orders; signs, and so steps, are the same.
    assert_allclose(fitted.predict(X), repeated.predict(X), atol=1e-4)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_warm_start_goes_on(encoding):
    whole = model(encoding, max_epochs=6).fit(X, D)
    parts = model(encoding, max_epochs=3, warm_start=True).fit(X, D).fit(X, D)
    assert_array_equal(parts.predict(X), whole.predict(X))


@every_encoding
@pytest.mark.parametrize(
    "extra", [{"amp": True}, {"init": "normal_head"}, {"label_smoothing": 0.1}]
)
def test_shared_parameters(encoding, extra):
    before, fitted = (model(encoding, max_epochs=30, **more).fit(X, D) for more in ({}, extra))
    on_simplex(fitted.predict(X))
    assert not np.array_equal(fitted.predict(X), before.predict(X))


def test_parameters_that_make_no_sense_are_absent():
    parameters = CPNN().get_params()
    assert parameters.keys().isdisjoint({"module", "hidden_layer_sizes", "dropout", "loss"})


@pytest.mark.parametrize(
    ("name", "values"),
    {
        "label_encoding": ["binary", None],
        "n_augment": [-1, 1.5, None],
        "label_values": ["ages", 3],
        "hidden_dim": [0, 2.5],
    }.items(),
)
def test_bad_values_are_refused(name, values):
    for value in values:
        with pytest.raises(ValueError, match=f"'{name}' parameter"):
            model().set_params(**{name: value}).fit(X, D)


@pytest.mark.parametrize(
    ("name", "encoding"),
    [("SJAFFE", "ordinal"), ("SJAFFE", "onehot"), ("SCUT_FBP", "ordinal")],
)
def test_defaults_are_better_than_the_mean_on_real_files(name, encoding, load_real):
    rows, test_rows, targets, truth = train_test_split(
        *load_real(name), test_size=0.2, random_state=0
    )
    fitted = make_pipeline(StandardScaler(), CPNN(encoding, random_state=0)).fit(rows, targets)
    mean = np.tile(targets.mean(axis=0), (len(truth), 1))
    assert kl_divergence(truth, fitted.predict(test_rows)) < kl_divergence(truth, mean)


# What real data hold


@every_encoding
@pytest.mark.parametrize("n_augment", [0, 5])
@pytest.mark.parametrize(
    "targets",
    [
        np.eye(3)[D.argmax(axis=1)],
        np.tile([1.0, 0.0, 0.0], (60, 1)),
        np.full((60, 3), 1 / 3),
        D[:, :2] / D[:, :2].sum(axis=1, keepdims=True),
    ],
    ids=["one-hot", "constant", "uniform", "two labels"],
)
def test_extreme_targets(encoding, n_augment, targets):
    fitted = model(encoding, n_augment=n_augment, max_epochs=30).fit(X, targets)
    on_simplex(fitted.predict(X))
    on_simplex(fitted.predict(1e6 * X))
    assert np.isfinite(fitted.history_["train_loss"]).all()


@every_encoding
@pytest.mark.parametrize("n_rows", [1, 2])
def test_few_rows(encoding, n_rows):
    on_simplex(model(encoding).fit(X[:n_rows], D[:n_rows]).predict(X))
    fitted = CPNN(encoding, max_epochs=2).fit(X[:n_rows], D[:n_rows])
    assert ("valid_loss" in fitted.history_) == (n_rows > 1)


@every_encoding
def test_one_feature_and_constant_ones(encoding):
    on_simplex(model(encoding).fit(X[:, :1], D).predict(X[:, :1]))
    on_simplex(model(encoding).fit(np.zeros((60, 2)), D).predict(np.ones((5, 2))))


@every_encoding
def test_ten_thousand_labels(encoding, rng):
    targets = rng.dirichlet(np.full(10_000, 0.1), 5)
    fitted = model(encoding, hidden_dim=64, max_epochs=2, n_augment=5).fit(X[:5], targets)
    on_simplex(fitted.predict(X[:20]))


@every_encoding
def test_sparse_float32_and_datasets_train_like_arrays(encoding):
    P = model(encoding).fit(X.astype(np.float32), D).predict(X)
    for fitted in (
        model(encoding).fit(X, D),
        model(encoding).fit(sparse.csr_matrix(X), D),
        model(encoding).fit(TensorDataset(torch.tensor(X).float(), torch.tensor(D))),
        model(encoding).fit(TensorDataset(torch.tensor(X).float()), D),
    ):
        assert_allclose(fitted.predict(X), P, atol=1e-6)


def test_frames(make_frame):
    frame, targets = make_frame(X, ["a", "b", "c"]), make_frame(D, ["x", "y", "z"])
    fitted = model().fit(frame, targets)
    assert fitted.feature_names_in_.tolist() == ["a", "b", "c"]
    assert fitted.label_names_.tolist() == ["x", "y", "z"]
    assert_array_equal(fitted.predict(frame), model().fit(X, D).predict(X))


@every_encoding
def test_pickles_are_small_and_predict_the_same(encoding):
    fitted = model(encoding, n_augment=5).fit(np.tile(X, (100, 1)), np.tile(D, (100, 1)))
    stored = pickle.dumps(fitted)
    assert len(stored) < 30_000 < fitted.n_features_in_ * 6000 * 8
    assert_array_equal(pickle.loads(stored).predict(X), fitted.predict(X))


def test_fits_are_independent():
    fitted = model(label_values=[1, 2, 4]).fit(X, D)
    first = fitted.predict(X)
    fitted.fit(X[:, ::-1], D)
    assert_array_equal(fitted.fit(X, D).predict(X), first)
    assert_array_equal(clone(fitted).fit(X, D).predict(X), first)


def test_distributions_around_ages_of_uneven_distances():
    ages = np.array([0, 1, 2, 4, 8, 16, 32, 64])
    y = 20 + 10 * X[:, 0]
    targets = gaussian_label_distribution(y, ages, 5.0)
    fitted = model(hidden_dim=32, max_epochs=200, label_values=ages).fit(X, targets)
    assert fitted.score(X, targets) > 0.9
    assert np.corrcoef(fitted.predict(X) @ ages, y)[0, 1] > 0.9


@pytest.mark.parametrize(
    ("features", "targets", "match"),
    [
        (X * np.nan, D, "NaN"),
        (X, 2 * D, "row 0 sums to 2"),
        (X, D[:5], "inconsistent numbers of samples"),
        (X, None, "requires y to be passed"),
        (X, D.argmax(axis=1), "For class labels use LDLClassifier"),
    ],
)
def test_bad_data_are_refused(features, targets, match):
    with pytest.raises(ValueError, match=match):
        model().fit(features, targets)


@pytest.mark.parametrize(
    "change", [{"label_values": [0, 1, 5]}, {"label_encoding": "onehot", "label_values": None}]
)
def test_a_warm_start_with_other_labels_is_an_error(change):
    X, D = make_ldl(40, random_state=0)
    model = CPNN(label_values=[0, 1, 2], max_epochs=2, random_state=0, warm_start=True).fit(X, D)
    values = model.label_values_
    with pytest.raises(ValueError, match="warm_start goes on with the same labels only"):
        model.set_params(**change).fit(X, D)
    assert_array_equal(model.label_values_, values)
    model.set_params(label_encoding="ordinal", label_values=[10, 20, 30]).fit(X, D)
    assert_array_equal(model.label_values_, values)
