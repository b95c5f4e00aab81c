"""Corrections of predictions after the fact do no harm where there is nothing to correct."""

import numpy as np
import pytest
from scipy.special import log_softmax
from sklearn.exceptions import ConvergenceWarning
from sklearn.frozen import FrozenEstimator

import sklearn_ldl
from sklearn_ldl import BFGSLDL, TemperatureCalibrator
from sklearn_ldl.datasets import make_label_shift
from sklearn_ldl.metrics import kl_divergence
from sklearn_ldl.wrappers.posthoc import PostHocCorrection
from tests.test_common import ESTIMATORS
from tests.trust.cases import ids

CORRECTIONS = [cls for cls in ESTIMATORS if issubclass(cls, PostHocCorrection)]


def test_all_corrections_are_found():
    assert {sklearn_ldl.LabelShiftCorrector, TemperatureCalibrator} <= set(CORRECTIONS)


@pytest.mark.parametrize("cls", CORRECTIONS, ids=ids)
@pytest.mark.parametrize("alpha", [1e-6, 1e-3, 1.0])
def test_defaults_do_not_harm_where_nothing_has_changed(cls, alpha):
    X, D = make_label_shift(300, random_state=0)
    X_new, D_new = make_label_shift(300, random_state=1)
    model = cls(BFGSLDL(alpha=alpha)).fit(X, D)
    if hasattr(model, "adapt"):
        model.adapt(X_new)
    before = kl_divergence(D_new, model.estimator_.predict(X_new))
    # Weak penalties leave divergences of about 1e-5, of which a temperature may make 2e-5.
    assert kl_divergence(D_new, model.predict(X_new)) <= 1.02 * before + 1e-4


@pytest.mark.parametrize("sharpness", [1e-3, 0.1, 1, 10, 1e3])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_temperature_is_no_worse_than_none_on_its_rows(sharpness):
    X, D = make_label_shift(60, random_state=0)
    model = BFGSLDL().fit(X, D)
    model.coef_, model.intercept_ = sharpness * model.coef_, sharpness * model.intercept_
    for seed in range(5):
        noisy = np.random.default_rng(seed).dirichlet(np.ones(3), len(D))
        for truth in (D, noisy, np.eye(3)[noisy.argmax(axis=1)]):
            calibrated = TemperatureCalibrator(FrozenEstimator(model)).fit(X, truth)
            # The divergence without its floor, and up to the entropy of the truth.
            before, after = (
                -np.vdot(truth, log_softmax(learner.decision_function(X), axis=1))
                for learner in (model, calibrated)
            )
            assert after <= before * (1 + 1e-12)


def test_a_temperature_at_its_bound_warns():
    X, D = make_label_shift(60, random_state=0)
    model = FrozenEstimator(BFGSLDL().fit(X, D))
    with pytest.warns(ConvergenceWarning, match="at the bound"):
        calibrated = TemperatureCalibrator(model).fit(X, D[:, ::-1])
    assert calibrated.temperature_ == 20
