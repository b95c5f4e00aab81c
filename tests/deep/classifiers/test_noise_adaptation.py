import numpy as np
import pytest
import sklearn
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import make_blobs
from sklearn.model_selection import GridSearchCV, cross_validate
from torch.utils.data import TensorDataset

from sklearn_ldl import DeepLDLClassifier
from sklearn_ldl.datasets import make_annotators, make_noisy_labels
from sklearn_ldl.deep.classifiers.noise_adaptation import NoiseAdaptationClassifier
from tests.deep import single_net

SMALL = {"hidden_layer_sizes": (), "max_epochs": 6, "random_state": 0}
N_ROWS = 600


@pytest.fixture(scope="module")
def data():
    """Samples, true classes, the matrices of three annotators, who labels what, and the labels."""
    X, y = make_blobs(N_ROWS, centers=[[0, 4], [4, 0], [-4, -4]], random_state=0)
    T = make_annotators(3, 3, error=0.4, random_state=1)
    who = np.random.default_rng(0).integers(3, size=N_ROWS)
    return X / 4, y, T, who, make_noisy_labels(y, T, annotators=who, random_state=0)


def weights_of(model):
    return torch.cat([weight.detach().ravel() for weight in model.net_.module_.parameters()])


def counted(P, codes, D, transitions=None, weight=None):
    """Matrices after one step from predictions, by loops over rows."""
    n_annotators, n_classes = codes.max() + 1, P.shape[1]
    counts = np.zeros((n_annotators, n_classes, n_classes))
    for i, a in enumerate(codes):
        for k in range(n_classes):
            joint = P[i] if transitions is None else P[i] * transitions[a, :, k]
            share = D[i, k] * joint / joint.sum()
            counts[a, :, k] += share if weight is None else weight[i] * share
    total = counts.sum(axis=(1, 2), keepdims=True)
    counts += 0.01 * total / n_classes * (0.5 * np.eye(n_classes) + 0.5 / n_classes)
    return counts / counts.sum(axis=2, keepdims=True)


def still(**options):
    """A network that hardly moves, so that predictions are those that were trained on."""
    return NoiseAdaptationClassifier(**{**SMALL, "lr": 1e-9, "batch_size": 100, **options})


def test_first_matrices_are_what_the_network_mistakes(data):
    X, _, _, who, labels = data
    weight = np.random.default_rng(1).uniform(size=N_ROWS)
    for options in ({}, {"sample_weight": weight}):
        model = still(max_epochs=1).fit(X, labels, annotators=who, **options)
        mean_one = weight / weight.mean() if options else None
        expected = counted(model.predict_proba(X), who, np.eye(3)[labels], weight=mean_one)
        assert_allclose(model.transitions_, expected, rtol=1e-4)
    assert_array_equal(model.annotators_, [0, 1, 2])


def test_every_epoch_is_a_step_of_expectation_maximisation(data):
    X, _, _, who, labels = data
    model = still(max_epochs=3, warmup=0.34).fit(X, labels, annotators=who)
    P, D = model.predict_proba(X), np.eye(3)[labels]
    T = counted(P, who, D)
    first = -np.log(P[np.arange(N_ROWS), labels]).mean()
    second = -np.log(np.einsum("ij,ij->i", P, T[who, :, labels])).mean()
    T = counted(P, who, D, T)
    third = -np.log(np.einsum("ij,ij->i", P, T[who, :, labels])).mean()
    assert_allclose(model.history_["train_loss"], [first, second, third], rtol=1e-4)
    assert third < second < first
    assert_allclose(model.transitions_, counted(P, who, D, T), rtol=1e-4)


def test_without_a_warmup_matrices_begin_near_the_identity(data):
    X, _, _, _, labels = data
    model = still(max_epochs=1, warmup=0).fit(X, labels)
    P = model.predict_proba(X)
    T = 0.5 * np.eye(3) + 0.5 / 3
    expected = -np.log((P @ T)[np.arange(N_ROWS), labels]).mean()
    assert_allclose(model.history_["train_loss"], [expected], rtol=1e-4)


def test_matrices_and_truth_are_found(data):
    X, y, T, who, labels = data
    settings = {**SMALL, "max_epochs": 30, "lr": 0.1}
    model = NoiseAdaptationClassifier(**settings).fit(X, labels, annotators=who)
    # Of about 67 labels of each annotator for each class: three standard deviations.
    assert np.abs(model.transitions_ - T).max() < 3 * 0.5 / np.sqrt(67)
    assert model.score(X, y) > 0.97
    given = model.predict_proba(X)[:, None] @ model.transitions_[who]
    assert_allclose(given.sum(axis=2), 1)
    mean = NoiseAdaptationClassifier(**settings).fit(X, labels)
    assert mean.transitions_.shape == (1, 3, 3)
    assert np.abs(mean.transitions_[0] - T.mean(axis=0)).max() < 0.2


def test_warm_up_alone_is_the_plain_network(data):
    X, _, _, who, labels = data
    model = NoiseAdaptationClassifier(warmup=1, **SMALL).fit(X, labels, annotators=who)
    plain = single_net(DeepLDLClassifier, **SMALL).fit(X, labels)
    assert torch.equal(weights_of(model), weights_of(plain))
    assert model.transitions_.shape == (3, 3, 3)


def test_validation_rows_are_scored_by_the_mean_of_the_matrices(data):
    X, _, _, who, labels = data
    options = {"X_val": X[:100], "y_val": labels[:100]}
    model = still(max_epochs=2, warmup=0.5).fit(X[100:], labels[100:], who[100:], **options)
    P = model.predict_proba(X)
    T = counted(P[100:], who[100:], np.eye(3)[labels[100:]])
    shares = np.bincount(who[100:]) / 500
    plain = -np.log(P[np.arange(100), labels[:100]]).mean()
    mean = P[:100] @ np.tensordot(shares, T, 1)
    adapted = -np.log(mean[np.arange(100), labels[:100]]).mean()
    assert_allclose(model.history_["valid_loss"], [plain, adapted], rtol=1e-4)


def test_rows_set_aside_tell_nothing_of_annotators(data):
    X, _, _, who, labels = data
    model = still(max_epochs=2, early_stopping=True, validation_fraction=0.2, n_iter_no_change=5)
    order = np.random.RandomState(0).permutation(N_ROWS)
    valid, train = order[:120], order[120:]
    fitted = clone(model).fit(X, labels, annotators=who)
    for rows, matters in [(valid, False), (train, True)]:
        changed = who.copy()
        changed[rows] = (changed[rows] + 1) % 3
        other = clone(model).fit(X, labels, annotators=changed)
        assert np.array_equal(other.transitions_, fitted.transitions_) is not matters


def test_names_distributions_members_and_data_sets(data):
    X, y, _, who, labels = data
    names = np.array(["eve", "ann", "bob"])[who]
    expected = NoiseAdaptationClassifier(**SMALL).fit(X, labels, annotators=who)
    model = NoiseAdaptationClassifier(**SMALL).fit(X, labels, annotators=names.tolist())
    assert_array_equal(model.annotators_, ["ann", "bob", "eve"])
    assert_allclose(model.transitions_, expected.transitions_[[1, 2, 0]])
    soft = NoiseAdaptationClassifier(**SMALL).fit(X, np.eye(3)[labels], annotators=who)
    assert_allclose(soft.transitions_, expected.transitions_)
    dataset = TensorDataset(torch.tensor(X, dtype=torch.float32), torch.tensor(labels))
    loaded = NoiseAdaptationClassifier(**SMALL).fit(dataset, annotators=who)
    assert_allclose(loaded.transitions_, expected.transitions_, rtol=1e-4)
    members = NoiseAdaptationClassifier(n_members=3, **SMALL).fit(X, labels, annotators=who)
    assert_allclose(members.transitions_.sum(axis=2), 1)
    assert members.score(X, y) > 0.9
    model.fit(X, labels)
    assert not hasattr(model, "annotators_")


def test_copies_of_members_count_once(data):
    X, _, _, who, labels = data
    for n_members in (2, 8):
        model = still(max_epochs=1, n_members=n_members).fit(X, labels, annotators=who)
        members = model.predict_members(X).mean(axis=0)
        assert_allclose(model.transitions_, counted(members, who, np.eye(3)[labels]), rtol=1e-4)


def test_an_optimiser_that_repeats_steps_counts_rows_once(data):
    X, _, _, who, labels = data
    options = {"optimizer": torch.optim.LBFGS, "batch_size": "all", "max_epochs": 1}
    model = NoiseAdaptationClassifier(**{**SMALL, **options, "lr": 1e-9})
    model.fit(X, labels, annotators=who)
    expected = counted(model.predict_proba(X), who, np.eye(3)[labels])
    assert_allclose(model.transitions_, expected, rtol=1e-4)


def test_a_warm_start_goes_on_from_the_matrices(data):
    X, _, _, who, labels = data
    model = still(max_epochs=1, warm_start=True).fit(X, labels, annotators=who)
    P, T = model.predict_proba(X), model.transitions_
    model.fit(X, labels, annotators=who)
    assert_allclose(model.transitions_, counted(P, who, np.eye(3)[labels], T), rtol=1e-4)
    with pytest.raises(ValueError, match="same annotators only"):
        model.fit(X, labels)


def test_interrupted_training_keeps_what_was_found(data):
    X, _, _, who, labels = data

    def interrupt(net, **kwargs):
        if len(net.history) == 3:
            raise KeyboardInterrupt

    from skorch.callbacks import Callback

    class Interrupt(Callback):
        on_epoch_end = staticmethod(interrupt)

    model = NoiseAdaptationClassifier(callbacks=[Interrupt], **SMALL)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, labels, annotators=who)
    assert model.transitions_.shape == (3, 3, 3)
    assert np.abs(model.transitions_ - np.eye(3)).max() > 0.1


@pytest.mark.parametrize("routing", [False, True], ids=["routing off", "routing on"])
def test_searches_slice_annotators(data, routing):
    X, _, _, who, labels = data
    with sklearn.config_context(enable_metadata_routing=routing):
        model = NoiseAdaptationClassifier(**SMALL)
        model = model.set_fit_request(annotators=True) if routing else model
        search = GridSearchCV(model, {"warmup": [0.2, 1.0]}, cv=2, error_score="raise")
        assert search.fit(X, labels, annotators=who).best_estimator_.transitions_.shape[0] == 3
        params = {"annotators": who}
        cross_validate(model, X, labels, cv=2, params=params, error_score="raise")


@pytest.mark.parametrize(
    ("options", "fit", "match"),
    [
        ({"warmup": 1.5}, {}, "The 'warmup' parameter"),
        ({}, {"annotators": [0, 1]}, "inconsistent numbers of samples"),
        ({}, {"annotators": np.zeros((N_ROWS, 2))}, "1d array"),
        ({}, {"annotators": np.r_[np.nan, np.ones(N_ROWS - 1)]}, "annotators has missing entries"),
        ({}, {"annotators": [None, *["a"] * (N_ROWS - 1)]}, "annotators has missing entries"),
        ({}, {"annotators": np.linspace(0.1, 2, N_ROWS)}, "pass weights as sample_weight="),
    ],
    ids=["share", "too few", "two columns", "nan", "none", "weights"],
)
def test_bad_arguments(data, options, fit, match):
    X, _, _, _, labels = data
    with pytest.raises(ValueError, match=match):
        NoiseAdaptationClassifier(**{**SMALL, **options}).fit(X, labels, **fit)
