import copy

import numpy as np
import pytest
import torch
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.datasets import load_digits, load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from torch import nn

from sklearn_ldl import DeepLDLClassifier
from sklearn_ldl.deep import CutMix, MixUp
from sklearn_ldl.deep.classifiers.online import OnlineLDLClassifier
from sklearn_ldl.deep.losses.distributions import kl_divergence, soft_cross_entropy
from sklearn_ldl.deep.mixing.objective import mixing_objective
from sklearn_ldl.deep.networks.dropout import MCDropout
from sklearn_ldl.deep.training.batches import Batch
from tests.deep import single_net

X, Y = load_iris(return_X_y=True)
X = StandardScaler().fit_transform(X)
DIGITS, DIGIT = (part[:200] for part in load_digits(return_X_y=True))
IMAGES = (DIGITS / 16).reshape(-1, 1, 8, 8)
SMALL = {"hidden_layer_sizes": (8,), "max_epochs": 3, "random_state": 0}


class Recorder:
    """A loss that keeps logits and targets."""

    def __init__(self):
        self.pairs = []

    def __call__(self, Z, D):
        self.pairs.append((Z.detach().clone(), D.detach().clone()))
        return kl_divergence(Z, D)


class Echo(nn.Module):
    """A student whose logits are its features: it shows what it was given."""

    def __init__(self):
        super().__init__()
        self.shift = nn.Parameter(torch.zeros(1))

    def forward(self, X):
        return X.flatten(1) + self.shift


class Convolution(nn.Module):
    """Small network for images, with dropout and batch normalisation."""

    def __init__(self, n_labels):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout2d(0.3), nn.Flatten()
        )
        self.head = nn.Linear(4 * 36, n_labels)

    def forward(self, X):
        return self.head(self.body(X))


class ByNumPy(ClassifierMixin, BaseEstimator):
    """A classifier behind a mask, to be asked by arrays."""

    def __init__(self, estimator):
        self.estimator = estimator

    def fit(self, X, y):
        self.estimator_ = clone(self.estimator).fit(X, y)
        self.classes_ = self.estimator_.classes_
        return self

    def predict_proba(self, X):
        assert isinstance(X, np.ndarray)
        return self.estimator_.predict_proba(X)


def echoed(teacher, X, y, **params):
    """Samples that the student was given in one epoch, and what the teacher said of them."""
    loss = Recorder()
    student = OnlineLDLClassifier(teacher, module=Echo, loss=loss, optimizer="sgd", lr=1e-9)
    student.set_params(max_epochs=1, random_state=0, **params).fit(X, y)
    Z, Q = zip(*loss.pairs, strict=True)
    return torch.cat(Z).double().numpy(), torch.cat(Q).double().numpy()


# As many features as classes, for the echo.
X3 = X[:, :3]


@pytest.mark.parametrize("augment", [None, "mixup"])
@pytest.mark.parametrize("make", [DeepLDLClassifier, LogisticRegression, GaussianNB])
def test_student_and_teacher_see_the_same_batch(make, augment):
    settings = SMALL if make is DeepLDLClassifier else {}
    teacher = make(**settings).fit(X3, Y)
    seen, said = echoed(FrozenEstimator(teacher), X3, Y, augment=augment, batch_size=40)
    np.testing.assert_allclose(said, teacher.predict_proba(seen), atol=1e-5)
    rows = {tuple(row) for row in X3.astype(np.float32).astype(float).round(4)}
    known = sum(tuple(row) in rows for row in seen.round(4))
    assert (known == len(Y)) is (augment is None)


def test_deep_teachers_are_asked_on_tensors_as_they_would_be_on_arrays():
    teacher = DeepLDLClassifier(dropout=0.3, **SMALL).fit(X, Y)
    by_tensors = OnlineLDLClassifier(FrozenEstimator(teacher), augment="mixup", **SMALL)
    by_arrays = clone(by_tensors).set_params(teacher=ByNumPy(FrozenEstimator(teacher)))
    np.testing.assert_allclose(
        by_tensors.fit(X, Y).predict_proba(X), by_arrays.fit(X, Y).predict_proba(X), atol=1e-5
    )


def test_arrays_come_in_the_form_of_the_training_set():
    shapes = set()

    class Sees(GaussianNB):
        def predict_proba(self, X):
            shapes.add(X.shape[1:])
            assert X.dtype == np.float64
            return np.full((len(X), 10), 0.1)

        def fit(self, X, y):
            assert isinstance(X, np.ndarray)
            self.classes_ = np.unique(y)
            return self

    for samples, params in (
        (DIGITS, {}),
        (DIGITS, {"input_shape": (1, 8, 8), "augment": "cutmix"}),
        (IMAGES, {"augment": "ricap"}),
        (DIGITS.tolist(), {"augment": "mixup"}),
    ):
        shapes.clear()
        OnlineLDLClassifier(Sees(), **params, **SMALL).fit(samples, DIGIT)
        assert shapes == {np.shape(samples)[1:]}


def test_teachers_that_work_in_place_do_not_touch_the_batch():
    def double(X):
        X *= 2
        return X

    teacher = make_pipeline(FunctionTransformer(double), GaussianNB()).fit(X3.copy(), Y)
    seen, said = echoed(FrozenEstimator(teacher), X3, Y)
    np.testing.assert_allclose(seen[np.lexsort(seen.T)], X3[np.lexsort(X3.T)], atol=1e-6)
    np.testing.assert_allclose(said, teacher.predict_proba(seen.copy()), atol=1e-5)


@pytest.mark.parametrize("teacher", [None, DeepLDLClassifier(module=Convolution, max_epochs=2)])
@pytest.mark.parametrize("augment", ["mixup", "cutmix", "ricap", CutMix(beta=0.5, prob=0.5)])
def test_images_flat_or_not_are_mixed_alike(teacher, augment):
    model = OnlineLDLClassifier(
        teacher, augment=augment, module=Convolution, max_epochs=2, random_state=0
    )
    images, flat = IMAGES.astype(np.float32), IMAGES.reshape(len(IMAGES), -1)
    before = images.copy()
    by_images = clone(model).fit(images, DIGIT).predict_proba(images)
    np.testing.assert_array_equal(images, before)
    if teacher is not None:
        teacher = clone(teacher).set_params(input_shape=(1, 8, 8))
    model.set_params(input_shape=(1, 8, 8), teacher=teacher)
    np.testing.assert_array_equal(model.fit(flat, DIGIT).predict_proba(flat), by_images)


def test_mixing_and_dropout_leave_global_random_states_alone():
    numpy_state, torch_state = np.random.get_state(), torch.get_rng_state()  # noqa: NPY002
    OnlineLDLClassifier(augment="mixup", dropout=0.1, mc_samples=2, **SMALL).fit(X, Y)
    np.testing.assert_equal(np.random.get_state(), numpy_state)  # noqa: NPY002
    assert torch.equal(torch.get_rng_state(), torch_state)


def test_teachers_may_want_other_shapes_than_the_student():
    images = DeepLDLClassifier(module=Convolution, input_shape=(1, 8, 8), max_epochs=1)
    model = OnlineLDLClassifier([images, GaussianNB()], **SMALL).fit(IMAGES.reshape(200, -1), DIGIT)
    assert model.input_shape_ == (64,)


def test_what_cannot_be_mixed_fails_before_a_teacher_is_fitted():
    class Never(GaussianNB):
        def fit(self, X, y):
            raise AssertionError

    for augment in ("cutmix", "ricap"):
        with pytest.raises(ValueError, match="needs images"):
            OnlineLDLClassifier(Never(), augment=augment, **SMALL).fit(X, Y)
    with pytest.raises(ValueError, match="augment"):
        OnlineLDLClassifier(Never(), augment="blur", **SMALL).fit(X, Y)
    with pytest.raises(ValueError, match="callable such as"):
        OnlineLDLClassifier(Never(), augment=MixUp, **SMALL).fit(X, Y)


def test_a_frozen_teacher_of_other_samples_is_an_error():
    teacher = FrozenEstimator(DeepLDLClassifier(**SMALL).fit(X3, Y))
    with pytest.raises(ValueError, match=r"samples of shape \(3,\), but X has .* \(4,\)"):
        OnlineLDLClassifier(teacher, **SMALL).fit(X, Y)


def test_a_frozen_teacher_of_more_classes_leaves_them_out():
    teacher = DeepLDLClassifier(random_state=0).fit(X3, Y)
    two = Y > 0
    loss = Recorder()
    OnlineLDLClassifier(FrozenEstimator(teacher), loss=loss, **SMALL).fit(X3[two], Y[two])
    said = torch.cat([Q for _, Q in loss.pairs])
    assert said.shape == (300, 2)
    torch.testing.assert_close(said.sum(1), torch.ones(300))


def test_several_teachers_are_averaged_or_added():
    teachers = [FrozenEstimator(GaussianNB(var_smoothing=v).fit(X, Y)) for v in (0.1, 1)]
    common = {"optimizer": "sgd", "augment": "mixup", **SMALL}
    mean = OnlineLDLClassifier(teachers, lr=0.02, **common).fit(X, Y)
    added = OnlineLDLClassifier(teachers, combine="sum", lr=0.01, **common).fit(X, Y)
    np.testing.assert_allclose(added.predict_proba(X), mean.predict_proba(X), atol=1e-5)
    np.testing.assert_allclose(added.history_["train_loss"], 2 * mean.history_["train_loss"], 1e-5)


def test_every_batch_is_mixed_anew_also_after_a_warm_start():
    draws = []

    def augment(X, rng):
        draws.append(rng.random())
        return MixUp()(X, rng)

    teacher = FrozenEstimator(GaussianNB().fit(X, Y))
    model = OnlineLDLClassifier(teacher, augment=augment, warm_start=True, **SMALL)
    model.fit(X, Y).fit(X, Y)
    # The first draw of each fit is a trial, before the seeded part.
    n_batches = 1 + 3 * 3
    assert len(draws) == 2 * n_batches
    once = draws[1:n_batches] + draws[n_batches + 1 :]
    assert len(set(once)) == len(once)
    assert draws[0] == draws[n_batches]


def test_sparse_features():
    model = OnlineLDLClassifier(RandomForestClassifier(3), augment="mixup", **SMALL)
    dense = clone(model).fit(X, Y).predict_proba(X)
    np.testing.assert_allclose(
        model.fit(sparse.csr_matrix(X), Y).predict_proba(X), dense, atol=1e-6
    )


def test_teachers_with_dropout_say_the_mean_of_many_passes():
    teacher = single_net(
        DeepLDLClassifier, dropout=0.5, random_state=0, hidden_layer_sizes=(8,)
    ).fit(X3, Y)
    module = copy.deepcopy(teacher.net_.module_)
    frozen = FrozenEstimator(teacher)
    seen, said = echoed(frozen, X3, Y, mc_samples=500)
    samples = torch.tensor(seen, dtype=torch.float32)
    with torch.no_grad(), torch.random.fork_rng():
        torch.manual_seed(0)
        expected = sum(module.train()(samples).softmax(1) for _ in range(2000)) / 2000
    np.testing.assert_allclose(said, expected, atol=0.08)
    _, once = echoed(frozen, X3, Y)
    assert np.abs(once - said).max() > 0.1
    assert not teacher.net_.module_.training


def test_only_dropout_layers_are_random_in_monte_carlo_passes():
    module = Convolution(3)
    module.train()(torch.randn(8, 1, 8, 8))
    statistics = module.body[1].running_mean.clone()
    monte_carlo = MCDropout(module, 4)
    monte_carlo(torch.randn(8, 1, 8, 8))
    assert torch.equal(module.body[1].running_mean, statistics)
    log_P = monte_carlo(torch.randn(5, 1, 8, 8))
    torch.testing.assert_close(log_P.exp().sum(1), torch.ones(5))
    assert [layer.training for layer in module.body] == [False, False, False, True, False]


@pytest.mark.parametrize("name", ["mc_samples", "predict_mc_samples"])
def test_monte_carlo_needs_dropout(name):
    with pytest.raises(ValueError, match="needs dropout layers"):
        OnlineLDLClassifier(**{name: 2}, **SMALL).fit(X, Y)


def test_monte_carlo_needs_deep_teachers():
    with pytest.raises(ValueError, match="needs teachers that are deep classifiers; GaussianNB"):
        OnlineLDLClassifier(GaussianNB(), mc_samples=2, **SMALL).fit(X, Y)


def test_students_predict_the_mean_of_many_passes_and_the_same_every_time():
    model = OnlineLDLClassifier(dropout=0.3, random_state=0, predict_mc_samples=5).fit(X, Y)
    state = torch.get_rng_state()
    P = model.predict_proba(X)
    np.testing.assert_array_equal(model.predict_proba(X), P)
    assert torch.equal(torch.get_rng_state(), state)
    np.testing.assert_allclose(P.sum(1), 1, atol=1e-12)
    np.testing.assert_array_equal(model.predict(X), P.argmax(1))
    plain = model.set_params(predict_mc_samples=0).predict_proba(X)
    assert np.abs(P - plain).max() > 1e-3
    many = model.set_params(predict_mc_samples=400).predict_proba(X)
    assert np.abs(many - plain).mean() < np.abs(P - plain).mean()
    assert model.score(X, Y) > 0.9


def test_mixed_samples_may_have_the_mixture_of_their_labels():
    D = torch.eye(4)
    batch = Batch(torch.eye(4), D, None, torch.arange(4), None)
    given = []

    def forward(X):
        given.append(X)
        return X

    torch.manual_seed(0)
    loss = mixing_objective(soft_cross_entropy, MixUp())(forward, batch)
    # Features are the labels here, and so are their mixtures.
    torch.testing.assert_close(loss, soft_cross_entropy(given[0], given[0]))
    assert not torch.equal(given[0], D)
    assert torch.equal(batch.X, torch.eye(4))
