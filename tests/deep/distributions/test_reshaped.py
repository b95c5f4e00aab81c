import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from scipy.special import expit, softmax, xlogy
from sklearn.base import clone

torch = pytest.importorskip("torch")
pytest.importorskip("skorch")

from torch.utils.data import TensorDataset  # noqa: E402

from sklearn_ldl import DeepLDLRegressor, OFRRegressor  # noqa: E402
from sklearn_ldl.datasets import make_imbalanced_ldl, make_ldl  # noqa: E402
from sklearn_ldl.deep import PRESETS  # noqa: E402
from sklearn_ldl.deep.parameters import NET_PARAMETERS  # noqa: E402

X, D = make_ldl(60, n_votes=10, random_state=0)
RESHAPES = ["db", "cb", "fl"]
every_reshape = pytest.mark.parametrize("reshape", RESHAPES)


def model(reshape="db", **parameters):
    defaults = {"hidden_layer_sizes": (8,), "max_epochs": 4, "batch_size": 16, "random_state": 0}
    defaults["early_stopping"] = False
    return OFRRegressor(reshape, **(defaults | parameters))


def on_simplex(P):
    assert P.dtype == np.float64
    assert P.min() >= 0
    assert_allclose(P.sum(axis=1), 1, rtol=0, atol=1e-12)


def published_loss(reshape, Z, D, frequency, n_rows):
    """The mean over all elements with the published settings, in NumPy."""
    weight = np.ones(D.shape)
    if reshape == "cb":
        v = (1 - 0.9) / (1 - 0.9**frequency)
        weight = np.tile((D @ v)[:, None], D.shape[1])
    if reshape == "db":
        ratio = (1 / frequency) / (D @ (1 / frequency))[:, None]
        weight = (expit(10 * (ratio - 0.9)) + 0.1) * ((1 - D) / 2 + D)
        Z = (Z - 0.05 * np.log(n_rows / frequency - 1)) * (2 * (1 - D) + D)
    P = softmax(Z, axis=1)
    return (weight * (1 - P) ** 2 * (xlogy(D, D) - D * np.log(P))).mean()


def test_defaults_are_the_published_recipe():
    parameters = OFRRegressor().get_params()
    assert {name: parameters[name] for name in PRESETS["imbalanced"]} == PRESETS["imbalanced"]
    assert "loss" not in parameters


@every_reshape
@pytest.mark.parametrize("weighted", [False, True])
def test_training_minimises_the_published_loss(reshape, weighted, rng):
    weight = rng.integers(1, 3, 60) if weighted else None
    parameters = {"batch_size": "all", "max_epochs": 1, "optimizer": "sgd", "lr": 1e-9}
    fitted = model(reshape, **parameters).fit(X, D, sample_weight=weight)
    rows = np.arange(60) if weight is None else np.repeat(np.arange(60), weight)
    frequency = np.average(D, axis=0, weights=weight) * 60
    assert_allclose(fitted.label_frequency_, frequency, rtol=1e-6)
    Z = fitted.decision_function(X)
    expected = published_loss(reshape, Z[rows], D[rows], frequency, 60)
    assert_allclose(fitted.history_["train_loss"], expected, rtol=1e-4)


@every_reshape
def test_losses_fall_and_predictions_are_distributions(reshape):
    fitted = model(reshape, max_epochs=40, lr=0.02).fit(X, D)
    losses = fitted.history_["train_loss"]
    assert losses[-1] < losses[0] - 0.2 * abs(losses[0])
    assert fitted.n_iter_ == len(losses) == 40
    on_simplex(fitted.predict(X))
    assert_allclose(fitted.predict(X), softmax(fitted.decision_function(X), axis=1), rtol=1e-12)


def test_focal_loss_without_its_factor_is_the_divergence_over_the_number_of_labels():
    # Without what does not scale with the loss.
    parameters = {"optimizer": "sgd", "clip_norm": None, "weight_decay": 0.0, "param_groups": ()}
    focal = model("fl", gamma=0, lr=0.3, **parameters).fit(X, D)
    shared = {name: focal.get_params()[name] for name in NET_PARAMETERS if name != "loss"}
    plain = DeepLDLRegressor(**{**shared, "lr": 0.1}).fit(X, D)
    assert_allclose(focal.predict(X), plain.predict(X), atol=1e-5)
    assert_allclose(3 * focal.history_["train_loss"], plain.history_["train_loss"], rtol=1e-3)


def test_frequencies_are_those_of_the_training_rows(rng):
    order = np.random.RandomState(0).permutation(60)
    rows = order[18:]
    parameters = {"early_stopping": True, "validation_fraction": 0.3, "max_epochs": 1}
    fitted = model(**parameters).fit(X, D)
    assert_allclose(fitted.label_frequency_, D[rows].sum(axis=0), rtol=1e-6)
    weight = rng.integers(1, 4, 60)
    fitted.fit(X, D, sample_weight=weight)
    expected = np.average(D[rows], axis=0, weights=weight[rows]) * 42
    assert_allclose(fitted.label_frequency_, expected, rtol=1e-6)


@every_reshape
def test_validation_compares_raw_predictions_with_the_targets(reshape):
    fitted = model(reshape, early_stopping=True, validation_fraction=0.3, max_epochs=1).fit(X, D)
    valid = np.random.RandomState(0).permutation(60)[:18]
    P = fitted.predict(X[valid])
    expected = (xlogy(D[valid], D[valid]) - xlogy(D[valid], P)).sum(axis=1).mean()
    assert_allclose(fitted.history_["valid_loss"], expected, rtol=1e-5)


def test_biases_do_not_decay():
    fitted = model(warm_start=True, max_epochs=1).fit(X, D)
    groups = fitted.net_.optimizer_.param_groups
    decays = {len(p.shape): group["weight_decay"] for group in groups for p in group["params"]}
    assert decays == {1: 0.0, 2: 1e-4}


OWN = {
    "db": {"db_alpha": 0.5, "db_beta": 1.0, "db_gamma": 0.2, "neg_scale": 4.0, "init_bias": 0.5},
    "cb": {"cb_beta": 0.99, "cb_mode": "by_class"},
    "fl": {},
}


@every_reshape
def test_parameters_of_a_loss_matter_to_this_loss_alone(reshape):
    before = model(reshape).fit(X, D).predict(X)
    for owner, values in OWN.items():
        for name, value in values.items():
            other = model(reshape, **{name: value}).fit(X, D).predict(X)
            assert np.array_equal(other, before) == (owner != reshape), name
    assert not np.array_equal(model(reshape, gamma=0.5).fit(X, D).predict(X), before)


@pytest.mark.parametrize(
    ("name", "values"),
    {
        "reshape": ["kl", None],
        "gamma": [-0.1],
        "cb_beta": [-0.1, 1.0],
        "cb_mode": ["by_row"],
        "db_alpha": [-1],
        "db_beta": [-1],
        "db_gamma": [None],
        "neg_scale": [0],
        "init_bias": [-0.1],
    }.items(),
)
def test_bad_values_are_refused(name, values):
    for value in values:
        with pytest.raises(ValueError, match=f"'{name}' parameter"):
            model().set_params(**{name: value}).fit(X, D)


def test_balance_gives_more_to_rare_labels():
    rows, targets = make_imbalanced_ldl(
        *make_ldl(400, random_state=0), head=2, tail=0, head_max=0.7, tail_min=1.1
    )
    parameters = {"max_epochs": 60, "lr": 0.01}
    rare = targets.mean(axis=0).argmin()
    degrees = {
        name: model(name, **parameters).fit(rows, targets).predict(rows)[:, rare].mean()
        for name in RESHAPES
    }
    assert degrees["db"] > 1.2 * max(degrees["cb"], degrees["fl"])


# What real data hold


@every_reshape
@pytest.mark.parametrize(
    "targets",
    [
        np.eye(3)[D.argmax(axis=1)],
        np.tile([1.0, 0.0, 0.0], (60, 1)),
        np.tile([0.6, 0.4, 0.0], (60, 1)),
        np.full((60, 3), 1 / 3),
        D[:, :2] / D[:, :2].sum(axis=1, keepdims=True),
    ],
    ids=["one-hot", "one label takes all", "absent label", "uniform", "two labels"],
)
def test_targets_at_the_edge(reshape, targets):
    fitted = model(reshape, max_epochs=20, lr=0.1).fit(X, targets)
    on_simplex(fitted.predict(X))
    on_simplex(fitted.predict(1e4 * X))
    assert np.isfinite(fitted.history_["train_loss"]).all()
    assert_allclose(fitted.label_frequency_, np.maximum(targets.sum(axis=0), 1), rtol=1e-6)


@every_reshape
def test_logits_far_out_train_on(reshape):
    far = torch.nn.Linear(3, 3)
    with torch.no_grad():
        far.bias.copy_(torch.tensor([1e4, -1e4, 0.0]))
    for targets in (D, np.eye(3)[D.argmax(axis=1)]):
        fitted = model(reshape, module=far, init=None).fit(X, targets)
        on_simplex(fitted.predict(X))
        assert np.isfinite(fitted.history_["train_loss"]).all()


@every_reshape
@pytest.mark.parametrize("n_rows", [1, 2, 17])
@pytest.mark.parametrize("batch_size", [1, 16])
def test_few_rows_and_batches_of_one(reshape, n_rows, batch_size):
    fitted = model(reshape, batch_size=batch_size).fit(X[:n_rows], D[:n_rows])
    on_simplex(fitted.predict(X))


@every_reshape
def test_one_feature_and_constant_ones(reshape):
    on_simplex(model(reshape).fit(X[:, :1], D).predict(X[:, :1]))
    on_simplex(model(reshape).fit(np.zeros((60, 2)), D).predict(np.ones((5, 2))))


@every_reshape
def test_ten_thousand_labels(reshape, rng):
    targets = rng.dirichlet(np.full(10_000, 0.1), 5)
    fitted = model(reshape, max_epochs=1).fit(X[:5], targets)
    on_simplex(fitted.predict(X[:2]))
    assert (fitted.label_frequency_ >= 1).all()


@every_reshape
def test_sparse_float32_and_datasets_train_like_arrays(reshape):
    expected = model(reshape).fit(X.astype(np.float32), D)
    P = expected.predict(X)
    for fitted in (
        model(reshape).fit(X, D),
        model(reshape).fit(sparse.csr_matrix(X), D),
        model(reshape).fit(TensorDataset(torch.tensor(X).float(), torch.tensor(D))),
        model(reshape).fit(TensorDataset(torch.tensor(X).float()), D),
    ):
        assert_allclose(fitted.predict(X), P, atol=1e-6)
        assert_allclose(fitted.label_frequency_, expected.label_frequency_, rtol=1e-6)


def test_frames(make_frame):
    frame, targets = make_frame(X, ["a", "b", "c"]), make_frame(D, ["x", "y", "z"])
    fitted = model().fit(frame, targets)
    assert fitted.feature_names_in_.tolist() == ["a", "b", "c"]
    assert fitted.label_names_.tolist() == ["x", "y", "z"]
    assert_array_equal(fitted.predict(frame), model().fit(X, D).predict(X))


def test_fits_are_independent():
    fitted = model("db").fit(X, D)
    first = fitted.predict(X)
    fitted.fit(X[:, ::-1], D[:, :2] / D[:, :2].sum(axis=1, keepdims=True))
    assert fitted.label_frequency_.shape == (2,)
    assert_array_equal(fitted.fit(X, D).predict(X), first)
    assert_array_equal(clone(fitted).fit(X, D).predict(X), first)


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
