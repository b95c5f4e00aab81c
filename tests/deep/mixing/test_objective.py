import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from sklearn_ldl import DeepLDLClassifier, DeepLDLRegressor, OnlineLDLClassifier
from sklearn_ldl.deep import RICAP, CutMix, MixUp
from sklearn_ldl.deep.mixing.mixed import Mixed, mix_targets, mix_weighted_targets
from sklearn_ldl.deep.mixing.objective import mixing_objective
from sklearn_ldl.deep.training.batches import Batch

N = 400
AUGMENTATIONS = [None, "mixup", "cutmix", "ricap", MixUp(0.2), CutMix(prob=0.5), RICAP(1.0)]
SETTINGS = {"hidden_layer_sizes": (), "max_epochs": 60, "batch_size": 100, "random_state": 0}


@pytest.fixture(scope="module")
def noise():
    X = np.random.default_rng(0).normal(size=(N, 1, 4, 4)).astype(np.float32)
    y = np.arange(N) % 2
    return X, y, np.where(y == 0, 9.0, 1.0)


@pytest.mark.parametrize("augment", AUGMENTATIONS, ids=repr)
@pytest.mark.parametrize("cls", [DeepLDLClassifier, DeepLDLRegressor])
def test_weights_act_on_mixed_rows(noise, cls, augment):
    X, y, weight = noise
    model = cls(augment=augment, **SETTINGS)
    model.fit(X, y if cls is DeepLDLClassifier else np.eye(2)[y], sample_weight=weight)
    assert 0.88 < model.predict_proba(X)[:, 0].mean() < 0.92


@pytest.mark.parametrize("augment", ["mixup", "cutmix", "ricap"])
def test_weights_of_teachers_act_on_mixed_rows(noise, augment):
    X, y, weight = noise
    teacher = DeepLDLClassifier(**SETTINGS)
    model = OnlineLDLClassifier(teacher, augment=augment, **SETTINGS)
    P = model.fit(X, y, sample_weight=weight).predict_proba(X)
    assert 0.88 < P[:, 0].mean() < 0.92


@pytest.mark.parametrize("augment", ["mixup", "cutmix", "ricap"])
def test_equal_weights_change_nothing(noise, augment):
    X, y, _ = noise
    model = DeepLDLClassifier(augment=augment, **{**SETTINGS, "max_epochs": 3})
    plain = model.fit(X, y).predict_proba(X)
    equal = model.fit(X, y, sample_weight=np.full(N, 7.0)).predict_proba(X)
    assert_allclose(equal, plain, atol=1e-6)


def parts(weights, indices):
    X = torch.zeros(len(indices[0]), 1)
    return Mixed(X, torch.tensor(weights, dtype=torch.float64), torch.tensor(indices))


def test_each_part_counts_by_its_own_weight():
    rng = np.random.default_rng(0)
    D = torch.from_numpy(rng.dirichlet(np.ones(3), size=4))
    weight = torch.tensor([4.0, 1.0, 0.5, 2.0], dtype=torch.float64)
    logits = torch.from_numpy(rng.normal(size=(4, 3)))
    mixed = parts([0.7, 0.3], [[0, 1, 2, 3], [2, 0, 3, 1]])
    target, total = mix_weighted_targets(D, weight, mixed)
    assert_allclose(target.sum(1), 1)

    def loss(D):  # a cross entropy, which is linear in the target
        return -(D * logits.log_softmax(1)).sum(1)

    by_hand = sum(
        share * weight[rows] * loss(D[rows])
        for share, rows in zip(mixed.weights, mixed.indices, strict=True)
    )
    assert_allclose(total * loss(target), by_hand)


def test_targets_of_any_shape_and_rows_without_weight():
    D = torch.rand(3, 2, 4)
    mixed = parts([0.5, 0.5], [[0, 1, 2], [1, 2, 0]])
    target, total = mix_weighted_targets(D, torch.ones(3), mixed)
    assert_allclose(target, mix_targets(D, mixed), rtol=1e-6)
    assert_allclose(total, 1)
    target, total = mix_weighted_targets(D, torch.tensor([1.0, 0.0, 0.0]), mixed)
    assert_allclose(total, [0.5, 0, 0.5])
    assert_allclose(target[[0, 2]], D[[0, 0]], rtol=1e-6)
    assert_allclose(target[1], 0)


def test_rows_of_another_process_are_partners_with_their_weight():
    # The first row is this process's; the second one fills up its part of the batch.
    batch = Batch(
        torch.tensor([[0.0], [1.0]]),
        torch.eye(2),
        torch.tensor([1.0, 3.0]),
        torch.arange(2),
        None,
        share=0.5,
        n_own=1,
    )

    def swap(X, rng):
        return Mixed(
            X.mean(0).expand(2, 1), torch.tensor([0.5, 0.5]), torch.tensor([[0, 1], [1, 0]])
        )

    objective = mixing_objective(lambda output, target: target[:, 0], swap)
    losses, weight = objective(lambda X: X, batch)
    assert_allclose(losses, [0.25, 0.25])
    assert_allclose(weight, [2, 2])
