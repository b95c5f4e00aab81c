import numpy as np
import pytest
import torch
from sklearn.datasets import load_iris
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch.utils.data import TensorDataset

from sklearn_ldl import DeepLDLClassifier
from sklearn_ldl.deep.classifiers.overfitting_ratio import OGRClassifier
from sklearn_ldl.deep.losses.distributions import kl_divergence

X, Y = load_iris(return_X_y=True)
X = StandardScaler().fit_transform(X)
SMALL = {"hidden_layer_sizes": (8,), "max_epochs": 5, "gap": 2, "random_state": 0}


class Recorder:
    """A loss that keeps the targets of training batches."""

    def __init__(self):
        self.targets = []

    def __call__(self, Z, D):
        if Z.requires_grad:
            self.targets.append(D.clone())
        return kl_divergence(Z, D)


def test_labels_are_smoothed_by_ratio_once_it_is_known():
    loss = Recorder()
    model = OGRClassifier(use="smooth", max_smoothing=0.3, loss=loss, batch_size="all", **SMALL)
    model.fit(X, Y)
    assert len(loss.targets) == 5
    for D in loss.targets[:2]:
        assert set(D.unique().tolist()) == {0, 1}
    last = loss.targets[-1].double()
    labels = last.argmax(1)
    share = 0.3 * torch.tensor(model.ratio_ / model.ratio_.max())[labels]
    expected = torch.eye(3)[labels] * (1 - share[:, None]) + share[:, None] / 3
    torch.testing.assert_close(last, expected.double(), rtol=0, atol=1e-6)
    assert len(share.unique()) > 1


def test_weights_change_training_once_they_are_known_and_no_sooner():
    settings = {**SMALL, "gap": 4, "optimizer": "sgd"}
    weighted = OGRClassifier(use="weight", **settings).fit(X, Y)
    plain = OGRClassifier(use="smooth", max_smoothing=0, **settings).fit(X, Y)
    assert weighted.ratio_.std() > 0
    ours, theirs = (model.history_["train_loss"] for model in (weighted, plain))
    np.testing.assert_array_equal(ours[:4], theirs[:4])
    assert abs(ours[4] - theirs[4]) > 1e-4


def test_weights_have_a_mean_of_one_over_classes():
    # A rate of almost nothing keeps the losses; the ratios are those of rounding errors.
    settings = {"use": "weight", "gap": 1, "max_epochs": 2, "batch_size": "all", "random_state": 0}
    model = OGRClassifier(lr=1e-5, **settings).fit(X, Y)
    rows, _ = train_test_split(np.arange(150), test_size=0.1, random_state=np.random.RandomState(0))
    losses = -model.predict_log_proba(X)[np.arange(150), Y]
    weights = (model.ratio_ / model.ratio_.mean())[Y]
    expected = (weights * losses)[rows].mean()
    assert model.history_["train_loss"][1] == pytest.approx(expected, rel=1e-3)


def test_without_smoothing_it_is_a_plain_network():
    rows = {"early_stopping": True, "validation_fraction": 0.2, "max_epochs": 60}
    ours = OGRClassifier(max_smoothing=0, random_state=0, **rows).fit(X, Y)
    plain = DeepLDLClassifier(random_state=0, **rows).fit(X, Y)
    assert abs(ours.score(X, Y) - plain.score(X, Y)) < 0.05


@pytest.mark.parametrize("use", ["smooth", "weight"])
def test_distributions_data_sets_and_weights(use):
    settings = {"use": use, "random_state": 0}
    names = np.array(["x", "y", "z"])[Y]
    assert OGRClassifier(**settings).fit(X, names, sample_weight=np.ones(150)).score(X, names) > 0.9
    assert OGRClassifier(**settings).fit(X, 0.8 * np.eye(3)[Y] + 0.2 / 3).score(X, Y) > 0.9
    dataset = TensorDataset(torch.tensor(X, dtype=torch.float32), torch.tensor(Y))
    assert OGRClassifier(**settings).fit(dataset, Y).score(dataset, Y) > 0.9
    with pytest.raises(ValueError, match="give y besides the Dataset"):
        OGRClassifier(**settings).fit(dataset)


def test_the_same_seed_gives_the_same_result():
    first, second = (OGRClassifier(**SMALL).fit(X, Y).predict_proba(X) for _ in range(2))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize(
    ("params", "match"),
    [
        ({"gap": 5}, "max_epochs=5 must be above gap=5"),
        ({"gap": 0}, "gap"),
        ({"use": "weights"}, "use"),
        ({"max_smoothing": 2}, "max_smoothing"),
    ],
)
def test_bad_parameters_are_errors(params, match):
    with pytest.raises(ValueError, match=match):
        OGRClassifier(**{**SMALL, **params}).fit(X, Y)
