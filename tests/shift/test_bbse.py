"""Black-box shift estimation: what holds for it alone; test_shift_corrector has the rest."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import softmax
from sklearn.base import BaseEstimator
from sklearn.frozen import FrozenEstimator

from sklearn_ldl import LabelDistributionMixin, LabelShiftCorrector
from sklearn_ldl.datasets import make_label_shift
from sklearn_ldl.shift.confusion import soft_confusion

SOURCE, TARGET = np.array([0.6, 0.3, 0.1]), np.array([0.15, 0.25, 0.6])
X, D = make_label_shift(3000, prior=SOURCE, random_state=0)
X_target, D_target = make_label_shift(3000, prior=TARGET, random_state=1)


class Degrees(LabelDistributionMixin, BaseEstimator):
    """A black box: fixed functions of the features as degrees."""

    def __init__(self, function):
        self.function = function

    def fit(self, X, y):
        X, _ = self._validate_fit(X, y)
        return self

    def predict(self, X):
        return self.function(np.asarray(X))


def true_degrees(X):
    return softmax(2 * X + np.log(SOURCE), axis=1)


def estimate(function=true_degrees, rows=(X, D), target=X_target, **parameters):
    learner = FrozenEstimator(Degrees(function).fit(*rows))
    model = LabelShiftCorrector(learner, method="bbse", random_state=0, significance=1)
    return model.set_params(**{"n_bootstrap": 30, **parameters}).fit(*rows, X_target=target)


@pytest.mark.parametrize(
    "function",
    [
        true_degrees,
        lambda X: softmax(6 * X, axis=1),
        lambda X: softmax(0.7 * X + [2, 0, -1], axis=1),
        lambda X: true_degrees(X)[:, ::-1],
        lambda X: np.eye(3)[X.argmax(axis=1)],
    ],
    ids=["true", "over-confident", "biased and shy", "labels confused", "one-hot"],
)
def test_any_black_box_will_do(function):
    assert_allclose(estimate(function).target_prior_, TARGET, atol=0.08)


def test_without_regularisation_the_linear_system_is_solved():
    model = estimate(strength=1e-9)
    K = soft_confusion(true_degrees(X), D, np.full(len(D), 1 / len(D))).K
    solution = np.linalg.solve(K, true_degrees(X_target).mean(axis=0))
    assert (solution > 0.05).all()
    # The estimate averages over the bootstrap.
    assert_allclose(model.target_prior_, solution, atol=0.5 * model.target_prior_std_.max())
    assert model.strength_ == 1e-9


def test_regularisation_draws_to_the_uniform_prior():
    distances = [
        np.abs(estimate(strength=strength).target_prior_ - 1 / 3).sum()
        for strength in (1e-9, 1e2, 1e4, 1e12)
    ]
    assert (np.diff(distances) < 0).all()
    assert distances[-1] < 1e-3


@pytest.mark.filterwarnings("ignore:The estimated prior is in a corner:UserWarning")
def test_a_label_that_training_hardly_knows_stays_nearer_to_the_uniform_prior():
    target_prior, error = np.array([0.05, 0.9, 0.05]), np.zeros(3)
    for seed in range(6):
        rows = make_label_shift(300, prior=[0.5, 0.48, 0.02], random_state=seed)
        target, _ = make_label_shift(3000, prior=target_prior, random_state=100 + seed)
        error += estimate(rows=rows, target=target, strength=10).target_prior_ - target_prior
    # The first label is as far from the uniform prior as the last, but well known.
    assert error[2] / 6 > 0.05
    assert error[2] > 3 * error[0]


def test_labels_that_cannot_be_told_apart_both_keep_mass():
    # The black box does not know the first label from the second.
    def merged(X):
        P = true_degrees(X)
        half = P[:, :2].mean(axis=1)
        return np.column_stack([half, half, P[:, 2]])

    model = estimate(merged, strength=1)
    assert model.target_prior_[2] == pytest.approx(TARGET[2], abs=0.1)
    assert model.target_prior_[:2].min() > 0.1


def test_deviations_shrink_with_the_rows():
    options = {"strength": 1e-9, "n_bootstrap": 200}
    few = estimate(rows=(X[:300], D[:300]), target=X_target[:300], **options)
    ratio = few.target_prior_std_.sum() / estimate(**options).target_prior_std_.sum()
    assert 1.8 < ratio < 5
