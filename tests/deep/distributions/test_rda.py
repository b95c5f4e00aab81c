import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

torch = pytest.importorskip("torch")
pytest.importorskip("skorch")

from torch.utils.data import TensorDataset  # noqa: E402

from sklearn_ldl import DILDLRegressor, OFRRegressor, RDARegressor  # noqa: E402
from sklearn_ldl.datasets import make_ldl  # noqa: E402
from sklearn_ldl.deep.losses.distributions import kl_divergence  # noqa: E402
from sklearn_ldl.deep.losses.rebalanced import reshaped_kl  # noqa: E402

X, D = make_ldl(60, n_votes=10, random_state=0)
ALONE = {"align_weight": 0, "similarity_weight": 0, "reconstruction_weight": 0}
# One epoch in one step that changes nothing: the history holds the losses of the net at hand.
STILL = {"batch_size": "all", "max_epochs": 1, "optimizer": "sgd", "lr": 1e-12}


def model(**parameters):
    defaults = {"hidden_dim": 8, "max_epochs": 4, "batch_size": 16, "random_state": 0}
    defaults["early_stopping"] = False
    return RDARegressor(**(defaults | parameters))


def on_simplex(P):
    assert P.dtype == np.float64
    assert P.min() >= 0
    assert_allclose(P.sum(axis=1), 1, rtol=0, atol=1e-12)


def squared_error(Z, D):
    return (Z.softmax(1) - D).square().sum(1)


@pytest.mark.parametrize("base_loss", ["db", "fl", "cb", "kl", squared_error])
def test_base_losses(base_loss):
    fitted = model(base_loss=base_loss, **STILL).fit(X, D)
    assert_allclose(fitted.label_frequency_, D.sum(axis=0), rtol=1e-6)
    if base_loss == "kl":
        loss = kl_divergence
    else:
        loss = (
            base_loss
            if callable(base_loss)
            else reshaped_kl(base_loss, fitted.label_frequency_, len(D))
        )
    expected = loss(torch.from_numpy(fitted.decision_function(X)), torch.from_numpy(D)).mean()
    assert_allclose(fitted.history_["train_base"], expected, rtol=1e-4)
    trained = model(base_loss=base_loss, lr=0.02, max_epochs=40).fit(X, D)
    assert trained.history_["train_base"][-1] < trained.history_["train_base"][0]
    on_simplex(trained.predict(X))


def test_history_holds_the_terms_of_the_loss():
    history = model().fit(X, D).history_
    loss = history.pop("train_loss")
    expected = {"train_base", "train_align", "train_similarity", "train_reconstruction"}
    assert history.keys() == expected
    assert_allclose(sum(history.values()), loss, rtol=1e-5)


@pytest.mark.parametrize("weight", list(ALONE))
def test_a_weight_of_zero_leaves_its_term_out(weight):
    term = f"train_{weight.removesuffix('_weight')}"
    assert term not in model(**{weight: 0}).fit(X, D).history_
    one, two = (model(**{**ALONE, weight: w}, **STILL).fit(X, D).history_[term] for w in (0.1, 0.2))
    assert_allclose(2 * one, two, rtol=1e-6)


@pytest.mark.parametrize("reshape", ["db", "fl", "cb"])
def test_without_alignment_this_is_ofr(reshape):
    def init(module):
        layers = [layer for layer in module.children() if isinstance(layer, torch.nn.Linear)]
        for layer, seed in zip(layers, (1, 2), strict=True):
            torch.nn.init.normal_(layer.weight, generator=torch.Generator().manual_seed(seed))
            torch.nn.init.zeros_(layer.bias)

    settings = {"init": init, "batch_size": "all", "max_epochs": 30, "early_stopping": False}
    fitted = model(base_loss=reshape, **settings, **ALONE).fit(X, D)
    assert fitted.history_.keys() == {"train_loss", "train_base"}
    ofr = OFRRegressor(reshape, hidden_layer_sizes=(8,), random_state=0, **settings).fit(X, D)
    assert_allclose(fitted.predict(X), ofr.predict(X), atol=1e-5)


def test_the_divergence_trains_the_features_alone():
    settings = {"similarity_weight": 0, "reconstruction_weight": 0, "weight_decay": 0}
    start, end = (
        dict(model(max_epochs=n, **settings).fit(X, D).net_.module_.named_parameters())
        for n in (0, 4)
    )
    changed = {name for name in start if not torch.equal(start[name], end[name])}
    assert changed == {name for name in start if not name.startswith("label_gaussian")}


def test_similarity_and_reconstruction_train_the_labels():
    for weight in ("similarity_weight", "reconstruction_weight"):
        settings = {**ALONE, weight: 0.1}
        start, end = (
            dict(model(max_epochs=n, **settings).fit(X, D).net_.module_.named_parameters())
            for n in (0, 4)
        )
        labels = [name for name in start if name.startswith("label_gaussian")]
        assert labels
        assert not any(torch.equal(start[name], end[name]) for name in labels)


def test_frequencies_and_validation_are_those_of_their_rows():
    fitted = model(early_stopping=True, validation_fraction=0.3, max_epochs=1).fit(X, D)
    order = np.random.RandomState(0).permutation(60)
    valid, rows = order[:18], order[18:]
    assert_allclose(fitted.label_frequency_, D[rows].sum(axis=0), rtol=1e-6)
    Z = torch.from_numpy(fitted.decision_function(X[valid]))
    expected = kl_divergence(Z, torch.from_numpy(D[valid])).mean()
    assert_allclose(fitted.history_["valid_loss"], expected, rtol=1e-5)


def test_sparse_features_and_datasets():
    expected = model().fit(X, D).predict(X)
    assert_array_equal(model().fit(sparse.csr_matrix(X), D).predict(X), expected)
    dataset = TensorDataset(torch.from_numpy(X).float(), torch.from_numpy(D))
    assert_array_equal(model().fit(dataset).predict(X), expected)
    images = X[:, None, None, :]
    assert_array_equal(model().fit(images, D).predict(images), expected)


@pytest.mark.parametrize(
    "targets",
    [
        np.eye(3)[D.argmax(axis=1)],
        np.column_stack([D[:, 0], 1 - D[:, 0]]),
        np.column_stack([D, np.zeros(60)]),
        np.tile([1.0, 0.0], (60, 1)),
        np.full((60, 3), 1 / 3),
    ],
    ids=["one_hot", "two_labels", "absent_label", "a_label_that_takes_all", "uniform"],
)
@pytest.mark.parametrize("batch_size", [1, 16])
def test_edge_cases(targets, batch_size):
    rows = slice(None) if batch_size > 1 else slice(4)
    fitted = model(lr=0.05, max_epochs=20, batch_size=batch_size).fit(X[rows], targets[rows])
    assert np.isfinite(fitted.history_["train_loss"]).all()
    on_simplex(fitted.predict(X))
    on_simplex(fitted.predict(1e3 * X))


def test_rows_of_weight_zero_are_not_there(rng):
    kept = rng.uniform(size=60) < 0.6
    expected = model().fit(X[kept], D[kept])
    fitted = model().fit(X, D, sample_weight=kept)
    assert_array_equal(fitted.predict(X), expected.predict(X))
    assert_array_equal(fitted.label_frequency_, expected.label_frequency_)


def test_pipeline_and_search():
    learner = make_pipeline(StandardScaler(), model())
    grid = {"rdaregressor__base_loss": ["db", "kl"], "rdaregressor__align_weight": [0, 0.5]}
    search = GridSearchCV(learner, grid, cv=2, error_score="raise").fit(X, D)
    assert len(set(search.cv_results_["mean_test_score"])) == 4
    on_simplex(search.predict(X))


@pytest.mark.parametrize(
    ("name", "value"),
    [("base_loss", "mse"), ("align_weight", -1), ("hidden_dim", 0.5), ("similarity_weight", None)],
)
def test_parameters_that_make_no_sense(name, value):
    with pytest.raises(ValueError, match=f"The '{name}' parameter of RDARegressor must be"):
        model(**{name: value}).fit(X, D)


@pytest.mark.parametrize("cls", [RDARegressor, DILDLRegressor])
def test_similarities_of_very_many_rows_are_warned_of(cls, monkeypatch, recwarn):
    monkeypatch.setattr("sklearn_ldl.deep.distributions.aligned._LARGEST", 30)
    X, D = make_ldl(60, random_state=0)
    settings = {"max_epochs": 1, "early_stopping": False, "random_state": 0}
    with pytest.warns(UserWarning, match=r"batch_size='all': similarities of 60 rows") as caught:
        cls(batch_size="all", **settings).fit(X, D)
    assert caught[0].filename == __file__
    with pytest.warns(UserWarning, match="batch_size=50: similarities of 50 rows"):
        cls(batch_size=50, **settings).fit(X, D)
    recwarn.clear()
    cls(batch_size=20, **settings).fit(X, D)
    cls(batch_size="all", similarity_weight=0, **settings).fit(X, D)
    assert not recwarn.list
