"""Estimation by expectation maximisation: what holds for it alone."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.special import log_softmax, softmax
from sklearn.base import BaseEstimator
from sklearn.frozen import FrozenEstimator

from sklearn_ldl import LabelDistributionMixin, LabelShiftCorrector
from sklearn_ldl.datasets import make_label_shift
from sklearn_ldl.metrics import kl_divergence
from sklearn_ldl.shift.em import fit_bias_corrected_temperature

SOURCE, TARGET = np.array([0.6, 0.3, 0.1]), np.array([0.15, 0.25, 0.6])
X, D = make_label_shift(1000, prior=SOURCE, random_state=0)
X_target, D_target = make_label_shift(1000, prior=TARGET, random_state=1)


class Logits(LabelDistributionMixin, BaseEstimator):
    """The true logits, times a factor, plus biases."""

    def __init__(self, factor=1.0, bias=0.0):
        self.factor = factor
        self.bias = bias

    def fit(self, X, y):
        X, _ = self._validate_fit(X, y)
        return self

    def decision_function(self, X):
        return self.factor * (2 * X + np.log(SOURCE)) + self.bias

    def predict(self, X):
        return softmax(self.decision_function(X), axis=1)


def estimate(learner=None, rows=(X, D), target=X_target, **parameters):
    learner = FrozenEstimator((Logits() if learner is None else learner).fit(*rows))
    model = LabelShiftCorrector(learner, method="em", random_state=0, significance=1)
    return model.set_params(**{"n_bootstrap": 10, **parameters}).fit(*rows, X_target=target)


# --- calibration


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), scale=st.floats(0.1, 5), n_labels=st.integers(2, 6))
def test_known_scale_and_biases_are_recovered(seed, scale, n_labels):
    rng = np.random.default_rng(seed)
    Z, bias = 2 * rng.standard_normal((100, n_labels)), rng.uniform(-2, 2, n_labels)
    found, biases = fit_bias_corrected_temperature(
        Z, softmax(scale * Z + bias, axis=1), rng.dirichlet(np.full(100, 5.0))
    )
    assert found == pytest.approx(scale, rel=0.02)
    assert_allclose(biases - biases.mean(), bias - bias.mean(), atol=0.05)


def test_calibration_is_the_minimum_and_weights_are_repetitions(rng):
    Z = rng.standard_normal((60, 4))
    D = softmax(2 * Z + rng.standard_normal((60, 4)), axis=1)
    counts = rng.integers(0, 4, 60)
    rows = np.repeat(np.arange(60), counts)
    scale, bias = fit_bias_corrected_temperature(Z, D, counts / counts.sum())
    again = fit_bias_corrected_temperature(Z[rows], D[rows], np.full(len(rows), 1 / len(rows)))
    assert scale == pytest.approx(again[0], abs=1e-3)
    assert_allclose(bias, again[1], atol=1e-3)

    def loss(scale, bias):
        return -(counts @ (D * log_softmax(scale * Z + bias, axis=1)).sum(axis=1))

    best = loss(scale, bias)
    for _ in range(50):
        other = loss(scale + 0.05 * rng.standard_normal(), bias + 0.05 * rng.standard_normal(4))
        assert other > best - 1e-6


def test_a_row_of_logits_may_be_moved_as_a_whole(rng):
    Z, D = rng.standard_normal((60, 4)), rng.dirichlet(np.ones(4), 60)
    weight = np.full(60, 1 / 60)
    first = fit_bias_corrected_temperature(Z, D, weight)
    moved = fit_bias_corrected_temperature(Z + 1e3 * rng.standard_normal((60, 1)), D, weight)
    assert first[0] == pytest.approx(moved[0], rel=1e-3, abs=1e-4)


def test_extreme_logits_give_finite_parameters(rng):
    D, weight = np.eye(3)[rng.integers(0, 3, 30)], np.full(30, 1 / 30)
    on_average = kl_divergence(D, np.tile(D.mean(axis=0), (30, 1)))
    for Z in (1e4 * D, np.zeros((30, 3)), 1e-8 * D):
        scale, bias = fit_bias_corrected_temperature(Z, D, weight)
        assert kl_divergence(D, softmax(scale * Z + bias, axis=1)) <= on_average + 1e-6
    scale, bias = fit_bias_corrected_temperature(-1e4 * D, D, weight)
    assert np.isfinite(scale)
    assert np.isfinite(bias).all()


# --- the estimate


@pytest.mark.parametrize("factor", [0.3, 1.0, 4.0])
@pytest.mark.parametrize("bias", [(0.0, 0.0, 0.0), (1.5, -1.0, 0.5)])
def test_the_estimate_is_right_whatever_the_calibration(factor, bias):
    model = estimate(Logits(factor, np.array(bias)))
    assert_allclose(model.target_prior_, TARGET, atol=0.05)
    # Predictions get the calibration, too.
    assert kl_divergence(D_target, model.predict(X_target)) < 0.01
    if factor != 1:
        assert kl_divergence(D, model.estimator_.predict(X)) > 0.05


def test_the_estimate_has_the_greatest_likelihood():
    model = estimate(strength=1e-9, n_bootstrap=30)
    ratio = softmax(2 * X_target + np.log(SOURCE), axis=1) / D.mean(axis=0)

    def likelihood(prior):
        return np.log(ratio @ prior).mean()

    best = likelihood(model.target_prior_)
    for direction in np.vstack([np.eye(3) - 1 / 3, 1 / 3 - np.eye(3)]):
        # A little off it is within the error of the bootstrap, and further off worse.
        assert likelihood(model.target_prior_ + 0.08 * direction) < best
    assert best > likelihood(D.mean(axis=0)) + 0.1


def test_strength_counts_rows_of_the_uniform_prior():
    rows, distances = (X[:200], D[:200]), []
    for strength in (1e-9, 1, 20, 1e9):
        model = estimate(rows=rows, strength=strength)
        assert model.strength_ == strength
        distances.append(np.abs(model.target_prior_ - 1 / 3).sum())
    assert (np.diff(distances) < 0).all()
    assert distances[-1] < 1e-6
    # Three labels of 100 rows each weigh more than half against 200 rows.
    half = np.abs(estimate(rows=rows, strength=100).target_prior_ - 1 / 3).sum()
    assert half < 0.5 * distances[0]


def test_labels_that_are_never_predicted_do_no_harm(rng):
    one_hot = np.eye(3)[rng.integers(0, 2, 100)]
    one_hot[0] = [0, 0, 1]
    model = estimate(rows=(X[:100], one_hot))
    assert np.isfinite(model.predict(X_target)).all()
    assert model.target_prior_.min() > 0


def test_deviations_shrink_with_the_rows():
    options = {"strength": 1e-9, "n_bootstrap": 50}
    few = estimate(rows=(X[:100], D[:100]), target=X_target[:100], **options)
    ratio = few.target_prior_std_.sum() / estimate(**options).target_prior_std_.sum()
    assert 1.8 < ratio < 6
