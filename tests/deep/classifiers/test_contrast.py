"""Distillation of features: the contrastive part of DistillationClassifier."""

import pickle

import numpy as np
import pytest
import torch
from sklearn.datasets import load_iris
from sklearn.frozen import FrozenEstimator
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from sklearn_ldl import DeepLDLClassifier, DistillationClassifier
from sklearn_ldl.deep.losses.contrastive import contrastive

X, Y = load_iris(return_X_y=True)
X = StandardScaler().fit_transform(X)
SMALL = {"hidden_layer_sizes": (8,), "max_epochs": 3, "random_state": 0}
TEACHER = FrozenEstimator(
    DeepLDLClassifier(n_members=1, hidden_layer_sizes=(30,), max_epochs=40, random_state=1).fit(
        X, Y
    )
)
#: A rate of almost nothing leaves the first weights as they are.
STILL = {"lr": 1e-12, "max_epochs": 1, "batch_size": "all"}


def student(teacher=TEACHER, **params):
    return DistillationClassifier(teacher, **{**SMALL, "contrast_weight": 0.8, **params})


@pytest.mark.parametrize("teacher", [TEACHER, [TEACHER, TEACHER]])
def test_the_loss_is_that_of_the_formula(teacher):
    model = student(teacher, contrast_temperature=0.5, warm_start=True, **STILL).fit(X, Y)
    A, B = (
        model.net_.module_.get_parameter(f"contrast_{of}").detach() for of in ("student", "teacher")
    )
    n_teachers = len(model.teachers_)
    assert A.shape == (8, 128)
    assert B.shape == (n_teachers * 30, 128)
    T = np.tile(TEACHER.transform_features(X), n_teachers)
    S, T = (torch.from_numpy(part).float() for part in (model.transform_features(X), T))
    expected = 0.8 * contrastive(S @ A, T @ B, 0.5).mean()
    assert model.history_["train_contrast"][0] == pytest.approx(float(expected), rel=1e-5)
    parts = [model.history_[f"train_{name}"][0] for name in ("label", "teacher", "contrast")]
    assert model.history_["train_loss"][0] == pytest.approx(sum(parts), rel=1e-6)


def test_it_is_learnt():
    model = student(max_epochs=60, lr=0.01).fit(X, Y)
    losses = model.history_["train_contrast"]
    assert losses[-1] < 0.7 * losses[0]
    assert model.score(X, Y) > 0.9


def relations(model):
    """Cosines of the features of all samples."""
    F = model.transform_features(X)
    F = F / np.linalg.norm(F, axis=1, keepdims=True)
    return (F @ F.T).ravel()


def test_features_become_more_like_those_of_the_teacher():
    likeness = []
    for weight in (0.0, 2.0):
        model = student(contrast_weight=weight, max_epochs=60, lr=0.01, hidden_layer_sizes=(30,))
        likeness.append(np.corrcoef(relations(model.fit(X, Y)), relations(TEACHER))[0, 1])
    assert likeness[1] > likeness[0] + 0.02


def test_maps_serve_training_alone():
    plain = student(contrast_weight=0.0).fit(X, Y)
    model = student().fit(X, Y)
    for other in model, pickle.loads(pickle.dumps(model)):
        assert (
            dict(other.net_.module_.named_parameters()).keys()
            == dict(plain.net_.module_.named_parameters()).keys()
        )
        np.testing.assert_array_equal(other.predict_proba(X), model.predict_proba(X))
    assert "train_contrast" not in plain.history_


def test_modules_in_a_row_get_no_further_layer():
    def build(n_features, n_labels):
        return nn.Sequential(nn.Linear(n_features, 6), nn.ReLU(), nn.Linear(6, n_labels))

    model = student(module=build, warm_start=True).fit(X, Y)
    assert len(model.net_.module_) == 3
    assert model.transform_features(X).shape == (150, 6)


def test_the_same_seed_gives_the_same_student():
    first, second = (student().fit(X, Y).predict_proba(X) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(student(random_state=1).fit(X, Y).predict_proba(X), first)


def test_a_warm_start_goes_on_with_the_maps():
    model = student(warm_start=True, max_epochs=20, lr=0.01).fit(X, Y)
    model.fit(X, Y)
    assert model.n_iter_ == 40
    losses = model.history_["train_contrast"]
    assert losses[20] < losses[:10].min()


def test_a_warm_start_cannot_begin_with_them():
    model = student(contrast_weight=0.0, warm_start=True).fit(X, Y)
    with pytest.raises(ValueError, match="only from a fit that had a contrast_weight"):
        model.set_params(contrast_weight=0.5).fit(X, Y)


def test_default_teachers_and_weights_of_rows():
    weight = np.where(Y == 2, 0.0, 1.0)
    model = student(None, max_epochs=30, lr=0.01).fit(X, Y, sample_weight=weight)
    assert model.score(X[Y < 2], Y[Y < 2]) > 0.95


@pytest.mark.parametrize(
    ("params", "match"),
    [
        ({"teacher": GaussianNB()}, "deep estimators; GaussianNB is not"),
        ({"teacher": [TEACHER, make_pipeline(GaussianNB())]}, "deep estimators; Pipeline is not"),
        ({"teacher_cv": 3}, "teacher_cv fits several"),
        ({"compile": True}, "compile=False"),
        ({"n_members": 2}, "MLPEnsemble ends in MemberLinear"),
        ({"contrast_weight": -1.0}, "contrast_weight"),
        ({"contrast_temperature": 0.0}, "contrast_temperature"),
    ],
)
def test_what_has_no_features_to_compare_is_an_error(params, match):
    with pytest.raises(ValueError, match=match):
        student(**params).fit(X, Y)
