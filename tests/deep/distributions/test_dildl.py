import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import expit, softmax, xlogy
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

torch = pytest.importorskip("torch")
pytest.importorskip("skorch")

from sklearn_ldl import (  # noqa: E402
    DeepLDLRegressor,
    DILDLRegressor,
    RDARegressor,
    split_dominant,
)
from sklearn_ldl.datasets import make_ldl  # noqa: E402
from sklearn_ldl.deep import PRESETS  # noqa: E402
from sklearn_ldl.deep.losses.decoupled import decoupled_kl  # noqa: E402
from sklearn_ldl.deep.losses.distributions import kl_divergence  # noqa: E402
from sklearn_ldl.deep.losses.rebalanced import DistributionBalance, whole_loss  # noqa: E402
from tests.deep import single_net  # noqa: E402

X, D = make_ldl(60, n_votes=10, random_state=0)
ALONE = {"align_weight": 0, "similarity_weight": 0, "reconstruction_weight": 0}
# One epoch in one step that changes nothing: the history holds the losses of the net at hand.
STILL = {"batch_size": "all", "max_epochs": 1, "optimizer": "sgd", "lr": 1e-12}
LONG = {"batch_size": "all", "max_epochs": 200, "lr": 0.05, **ALONE}
TERMS = ["train_dominant", "train_nondominant"]


def model(**parameters):
    defaults = {"hidden_dim": 8, "max_epochs": 4, "batch_size": 16, "random_state": 0}
    defaults["early_stopping"] = False
    return DILDLRegressor(**(defaults | parameters))


def on_simplex(P):
    assert P.dtype == np.float64
    assert P.min() >= 0
    assert_allclose(P.sum(axis=1), 1, rtol=0, atol=1e-12)


def decoupled(D, Z, nondominant_target="renormalize", dominant_target="degree", k=None):
    """Both terms per row, from probabilities, in NumPy."""
    rows = np.arange(len(D))
    split = split_dominant(D)
    k = split.dominant if k is None else k
    P, q, T = softmax(Z, axis=1), D[rows, k], D.copy()
    T[rows, k] = -np.inf if nondominant_target == "softmax" else 0
    T = softmax(T, axis=1) if nondominant_target == "softmax" else T / T.sum(axis=1)[:, None]
    q = np.ones_like(q) if dominant_target == "onehot" else q
    p = P[rows, k]
    dominant = xlogy(q, q / p) + xlogy(1 - q, (1 - q) / (1 - p))
    P[rows, k] = 0
    nondominant = xlogy(T, T) - xlogy(T, P / (1 - p)[:, None])
    return dominant, nondominant.sum(axis=1)


@pytest.mark.parametrize("nondominant_target", ["renormalize", "softmax"])
@pytest.mark.parametrize("dominant_target", ["degree", "onehot"])
def test_training_minimises_the_decoupled_terms(nondominant_target, dominant_target):
    kinds = {"nondominant_target": nondominant_target, "dominant_target": dominant_target}
    positive = 0.9 * D + 0.1 / 3
    fitted = model(alpha=0.7, **kinds, **STILL).fit(X, positive)
    terms = decoupled(positive, fitted.decision_function(X), **kinds)
    for name, share, expected in zip(TERMS, (0.7, 0.3), terms, strict=True):
        assert_allclose(fitted.history_[name], share * expected.mean(), rtol=1e-5)


def test_rebalanced_terms_have_the_dominant_label_of_the_raw_targets():
    # The last label is rare: reweighted, it becomes the largest of the first row.
    targets = np.tile([[0.5, 0.1, 0.4], [0.7, 0.29, 0.01]], (30, 1))
    targets[1:20:2] = targets[1]
    targets[2::2] = [0.2, 0.79, 0.01]
    frequency = np.maximum(targets.sum(axis=0), 1)
    ratio = (1 / frequency) / (targets @ (1 / frequency))[:, None]
    weighted = (expit(10 * (ratio - 0.9)) + 0.1) * targets
    weighted /= weighted.sum(axis=1, keepdims=True)
    k = targets.argmax(axis=1)
    assert (weighted.argmax(axis=1) != k).any()

    fitted = model(rebalance="db", **STILL).fit(X, targets)
    assert_allclose(fitted.label_frequency_, frequency, rtol=1e-6)
    Z = fitted.decision_function(X) - 0.05 * np.log(60 / frequency - 1)
    terms = decoupled(weighted, Z * (2 - targets), k=k)
    for name, share, expected in zip(TERMS, (0.6, 0.4), terms, strict=True):
        assert_allclose(fitted.history_[name], share * expected.mean(), rtol=1e-5)


def test_history_holds_the_terms_of_the_loss():
    history = model().fit(X, D).history_
    loss = history.pop("train_loss")
    assert history.keys() == {
        *TERMS,
        "train_align_dominant",
        "train_align_nondominant",
        "train_similarity",
        "train_reconstruction",
    }
    assert all((values > 0).all() for values in history.values())
    assert_allclose(sum(history.values()), loss, rtol=1e-6)


def test_without_alignment_this_is_a_perceptron_with_the_decoupled_loss():
    def init(module):
        layers = [layer for layer in module.children() if isinstance(layer, torch.nn.Linear)]
        for layer, seed in zip(layers, (1, 2), strict=True):
            torch.nn.init.normal_(layer.weight, generator=torch.Generator().manual_seed(seed))
            torch.nn.init.zeros_(layer.bias)

    own = {"init": init, "batch_size": "all", "max_epochs": 30, "early_stopping": False}
    settings = {**PRESETS["imbalanced"], **own}
    fitted = model(**settings, **ALONE).fit(X, D)
    assert fitted.history_.keys() == {"train_loss", *TERMS}
    plain = single_net(
        DeepLDLRegressor, loss="decoupled_kl", hidden_layer_sizes=(8,), random_state=0, **settings
    ).fit(X, D)
    assert_allclose(fitted.predict(X), plain.predict(X), atol=1e-5)
    assert_allclose(fitted.history_["train_loss"], plain.history_["train_loss"], rtol=1e-4)


# Ablations: what is left is what stands elsewhere under its own name.


def squared_error(Z, D):
    return (Z.softmax(1) - D).square().sum(1)


@pytest.mark.parametrize("base_loss", ["kl", "db", "fl", "cb", squared_error])
def test_another_loss_of_predictions_leaves_the_decoupling_to_the_alignment(base_loss):
    fitted = model(base_loss=base_loss, **STILL).fit(X, D)
    assert fitted.history_.keys() == {
        "train_loss",
        "train_base",
        "train_align_dominant",
        "train_align_nondominant",
        "train_similarity",
        "train_reconstruction",
    }
    loss = whole_loss(base_loss, fitted.label_frequency_, len(D))
    expected = loss(torch.from_numpy(fitted.decision_function(X)), torch.from_numpy(D)).mean()
    assert_allclose(fitted.history_["train_base"], expected, rtol=1e-4)
    other = model(**STILL).fit(X, D)
    for term in ("align_dominant", "align_nondominant"):
        assert_array_equal(fitted.history_[f"train_{term}"], other.history_[f"train_{term}"])


@pytest.mark.parametrize("base_loss", ["kl", "db", squared_error])
def test_the_alignment_switched_off_this_is_the_loss_alone(base_loss):
    settings = {"hidden_dim": 8, "max_epochs": 4, "batch_size": "all", "random_state": 0}
    settings |= {"early_stopping": False, "base_loss": base_loss, "init": constant_init, **ALONE}
    fitted, other = (cls(**settings).fit(X, D) for cls in (DILDLRegressor, RDARegressor))
    assert fitted.history_.keys() == {"train_loss", "train_base"}
    assert_allclose(fitted.predict(X), other.predict(X), atol=1e-6)


def constant_init(module):
    for child in module.modules():
        if isinstance(child, torch.nn.Linear):
            values = torch.linspace(-0.3, 0.3, child.weight.numel())
            torch.nn.init.zeros_(child.bias)
            child.weight.data.copy_(values.reshape(child.weight.shape))


def test_the_plain_divergence_takes_rebalanced_targets_and_logits():
    fitted = model(base_loss="kl", rebalance="db", **STILL).fit(X, D)
    balance = DistributionBalance(fitted.label_frequency_, len(D))
    target, Z = torch.from_numpy(D), torch.from_numpy(fitted.decision_function(X))
    expected = kl_divergence(balance.logits(Z, target), balance.targets(target)).mean()
    assert_allclose(fitted.history_["train_base"], expected, rtol=1e-4)


@pytest.mark.parametrize("base_loss", ["db", "fl", "cb"])
def test_nothing_is_rebalanced_twice(base_loss):
    with pytest.raises(ValueError, match=f"base_loss='{base_loss}' is re-balanced already"):
        model(base_loss=base_loss, rebalance="db").fit(X, D)


@pytest.mark.parametrize(("gradient", "learned"), [("both", True), ("features", False)])
def test_who_learns_from_the_divergences(gradient, learned):
    start, end = (
        dict(model(align_gradient=gradient, max_epochs=n).fit(X, D).net_.module_.named_parameters())
        for n in (0, 4)
    )
    changed = {name for name in start if not torch.equal(start[name], end[name])}
    labels = {name for name in start if name.startswith("label_gaussian")}
    branches = {name for name in labels if ".whole." not in name}
    assert labels - branches <= changed
    assert start.keys() - labels <= changed
    assert changed & branches == (branches if learned else set())


def test_more_weight_of_the_others_fits_them_better():
    def mean_of_others(alpha):
        fitted = model(alpha=alpha, **LONG).fit(X, D)
        Z = fitted.decision_function(X)
        return decoupled_kl(torch.from_numpy(Z), torch.from_numpy(D), alpha=0.0).mean().item()

    assert mean_of_others(0.05) < 0.9 * mean_of_others(0.95)


def test_rebalancing_flattens_and_raises_rare_labels():
    rows = np.zeros((60, 1))
    targets = np.tile([0.7, 0.25, 0.05], (60, 1))
    plain, rebalanced = (
        model(**preset, **LONG).fit(rows, targets).predict(rows[:1])[0]
        for preset in ({}, PRESETS["dildl_rebalanced"])
    )
    assert_allclose(plain, targets[0], atol=0.02)
    assert rebalanced.max() < 0.6
    assert rebalanced[2] > 0.1


def test_targets_as_printed_have_another_optimum():
    rows = np.zeros((60, 1))
    targets = np.tile([0.7, 0.25, 0.05], (60, 1))
    predicted = model(**LONG, **PRESETS["dildl_literal"]).fit(rows, targets).predict(rows[:1])[0]
    assert predicted[0] > 0.95
    assert_allclose(predicted[1] / predicted[2], np.exp(0.2), rtol=0.05)


# Edge cases, with everything switched on and as printed

every_preset = pytest.mark.parametrize("preset", [{}, {"rebalance": "db"}, "dildl_literal"])


def edge(preset, **parameters):
    preset = PRESETS[preset] if isinstance(preset, str) else preset
    return model(**preset, max_epochs=20, lr=0.05, **parameters)


@every_preset
def test_one_hot_rows(preset):
    targets = np.eye(3)[D.argmax(axis=1)]
    fitted = edge(preset).fit(X, targets)
    on_simplex(fitted.predict(X))
    if preset != "dildl_literal":
        assert_array_equal(fitted.history_["train_nondominant"], 0)


@every_preset
def test_two_labels(preset):
    targets = np.column_stack([D[:, 0], 1 - D[:, 0]])
    fitted = edge(preset).fit(X, targets)
    on_simplex(fitted.predict(X))
    assert_allclose(fitted.history_["train_nondominant"], 0, atol=1e-6)


@every_preset
def test_ties_and_uniform_rows(preset):
    targets = np.tile([[0.4, 0.4, 0.2], [0.2, 0.4, 0.4], [1 / 3, 1 / 3, 1 / 3]], (20, 1))
    on_simplex(edge(preset).fit(X, targets).predict(X))


@every_preset
def test_a_label_absent_from_training(preset):
    targets = np.column_stack([D, np.zeros(60)])
    fitted = edge(preset).fit(X, targets)
    on_simplex(fitted.predict(X))
    assert fitted.label_frequency_[3] == 1


@every_preset
def test_a_label_that_takes_all(preset):
    targets = np.tile([1.0, 0.0], (60, 1))
    fitted = edge(preset).fit(X, targets)
    on_simplex(fitted.predict(X))
    assert fitted.label_frequency_.tolist() == [60, 1]


@every_preset
def test_batches_of_one_row(preset):
    fitted = edge(preset, batch_size=1).fit(X[:5], D[:5])
    on_simplex(fitted.predict(X))
    assert_allclose(fitted.history_["train_similarity"], 0, atol=1e-12)
    on_simplex(edge(preset).fit(X[:1], D[:1]).predict(X))


@every_preset
def test_features_of_any_scale_train(preset):
    fitted = edge(preset, init="kaiming").fit(1e3 * X, D)
    assert np.isfinite(fitted.history_["train_loss"]).all()
    on_simplex(fitted.predict(1e3 * X))


# Citizenship


def test_only_ratios_of_weights_matter(rng):
    weight = rng.integers(0, 3, 60)
    fits = [model(rebalance="db").fit(X, D, sample_weight=f * weight) for f in (1, 0.25)]
    assert_array_equal(fits[0].predict(X), fits[1].predict(X))
    assert_allclose(
        fits[0].label_frequency_, np.average(D, axis=0, weights=weight) * (weight > 0).sum()
    )
    kept = weight > 0
    twice = model().fit(X, D, sample_weight=kept)
    assert_array_equal(twice.predict(X), model().fit(X[kept], D[kept]).predict(X))


def test_pipeline_and_search_over_alpha():
    learner = make_pipeline(StandardScaler(), model())
    grid = {"dildlregressor__alpha": [0.2, 0.8], "dildlregressor__hidden_dim": [2, 8]}
    search = GridSearchCV(learner, grid, cv=2, error_score="raise").fit(X, D)
    assert len(set(search.cv_results_["mean_test_score"])) == 4
    on_simplex(search.predict(X))


def test_warm_fits_go_on():
    # Adaptive clipping forgets.
    fitted = model(max_epochs=3, rebalance="db", warm_start=True, clip_norm=None)
    expected = clone(fitted).set_params(max_epochs=6, warm_start=False).fit(X, D)
    fitted.fit(X, D).fit(X, D)
    assert_array_equal(fitted.predict(X), expected.predict(X))
    assert_array_equal(fitted.history_["train_loss"], expected.history_["train_loss"])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("alpha", 0.0),
        ("alpha", 1.0),
        ("align_weight", -0.1),
        ("similarity_weight", -1),
        ("reconstruction_weight", -1),
        ("nondominant_target", "sum"),
        ("dominant_target", 1),
        ("rebalance", "cb"),
        ("base_loss", "mse"),
        ("align_gradient", None),
        ("hidden_dim", 0),
    ],
)
def test_parameters_that_make_no_sense(name, value):
    with pytest.raises(ValueError, match=f"The '{name}' parameter of DILDLRegressor must be"):
        model(**{name: value}).fit(X, D)
