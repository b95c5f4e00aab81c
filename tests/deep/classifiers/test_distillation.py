import numpy as np
import pytest
from scipy.special import log_softmax, softmax
from sklearn.datasets import load_iris
from sklearn.frozen import FrozenEstimator
from sklearn.naive_bayes import GaussianNB
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from sklearn_ldl import DeepLDLClassifier
from sklearn_ldl.deep.classifiers.distillation import DistillationClassifier
from sklearn_ldl.deep.classifiers.offline import OfflineLDLClassifier
from tests.deep import single_net

X, Y = load_iris(return_X_y=True)
X = StandardScaler().fit_transform(X)
SMALL = {"hidden_layer_sizes": (8,), "max_epochs": 3, "random_state": 0}
TEACHER = FrozenEstimator(GaussianNB(var_smoothing=0.5).fit(X, Y))


def first_losses(**params):
    """Losses of the untrained student, and its logits: a rate of almost nothing moves neither."""
    settings = {"lr": 1e-12, "max_epochs": 1, "random_state": 0, "batch_size": "all"}
    model = DistillationClassifier(TEACHER, **params, **settings).fit(X, Y)
    return {name: values[0] for name, values in model.history_.items()}, model.decision_function(X)


@pytest.mark.parametrize("squared", [True, False])
def test_the_loss_is_that_of_the_formula(squared):
    w, tau = 0.3, 2.5
    losses, Z = first_losses(teacher_weight=w, temperature=tau, temperature_squared=squared)
    log_P = log_softmax(Z, axis=1)
    label = -(1 - w) * log_P[np.arange(len(Y)), Y].mean()
    log_Q = TEACHER.predict_log_proba(X) / tau
    Q = softmax(log_Q, axis=1)
    divergence = (Q * (np.log(Q) - log_softmax(Z / tau, axis=1))).sum(1).mean()
    teacher = w * (tau**2 if squared else 1) * divergence
    assert losses["train_label"] == pytest.approx(label, rel=1e-5)
    assert losses["train_teacher"] == pytest.approx(teacher, rel=1e-5)
    assert losses["train_loss"] == pytest.approx(label + teacher, rel=1e-5)


def test_a_deep_teacher_is_softened_as_its_logits_would_be():
    teacher = DeepLDLClassifier(random_state=0).fit(X, Y)
    settings = {"lr": 1e-12, "max_epochs": 1, "random_state": 1, "batch_size": "all"}
    # The entropy of its softened targets is what a perfect student could not get below.
    model = DistillationClassifier(
        FrozenEstimator(teacher), teacher_weight=1, temperature=4, loss="cross_entropy", **settings
    ).fit(X, Y)
    Q = softmax(teacher.decision_function(X) / 4, axis=1)
    expected = -16 * (Q * log_softmax(model.decision_function(X) / 4, axis=1)).sum(1).mean()
    assert model.history_["train_teacher"][0] == pytest.approx(expected, rel=1e-5)


def test_without_weight_the_teacher_does_not_count():
    plain = single_net(DeepLDLClassifier, label_smoothing=0.1, **SMALL).fit(X, Y)
    model = DistillationClassifier(TEACHER, teacher_weight=0, label_smoothing=0.1, **SMALL)
    np.testing.assert_allclose(model.fit(X, Y).predict_proba(X), plain.predict_proba(X), atol=1e-6)


def test_with_all_the_weight_it_is_offline_learning():
    offline = OfflineLDLClassifier(TEACHER, **SMALL).fit(X, Y)
    model = DistillationClassifier(TEACHER, teacher_weight=1, temperature=1, **SMALL).fit(X, Y)
    np.testing.assert_allclose(model.predict_proba(X), offline.predict_proba(X), atol=1e-5)


def test_zeros_of_a_teacher_stay_zeros():
    teacher = DecisionTreeClassifier(random_state=0)
    model = DistillationClassifier(teacher, teacher_weight=1, temperature=10, **SMALL).fit(X, Y)
    # One-hot targets have no entropy: the divergence is the cross entropy, finite.
    assert np.isfinite(model.history_["train_loss"]).all()
    one_hot = DistillationClassifier(
        teacher, teacher_weight=1, temperature=10, loss="cross_entropy", **SMALL
    ).fit(X, Y)
    np.testing.assert_allclose(
        model.history_["train_loss"], one_hot.history_["train_loss"], rtol=1e-6
    )


def test_a_wrong_teacher_gains_with_its_weight():
    wrong = FrozenEstimator(GaussianNB().fit(X, (Y + 1) % 3))
    scores = [
        DistillationClassifier(wrong, teacher_weight=w, temperature=1, random_state=0)
        .fit(X, Y)
        .score(X, Y)
        for w in (0.1, 0.9)
    ]
    assert scores[0] > 0.9
    assert scores[1] < 0.1


@pytest.mark.parametrize(
    "params", [{"teacher_weight": 1.1}, {"temperature": 0}, {"temperature_squared": "yes"}]
)
def test_bad_parameters_are_errors(params):
    with pytest.raises(ValueError, match=next(iter(params))):
        DistillationClassifier(TEACHER, **params, **SMALL).fit(X, Y)
