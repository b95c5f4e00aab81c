import numpy as np
from numpy.testing import assert_allclose
from sklearn.base import clone

from sklearn_ldl import BFGSLDL, LDLClassifier, LDLRegressor
from sklearn_ldl.testing import EXPECTED_FAILURES, as_regressor, expected_failures


def test_targets_survive_the_round_trip(rng):
    y = rng.standard_normal((20, 3)) * 30
    transformer = as_regressor(BFGSLDL()).transformer
    D = transformer.fit(y).transform(y)
    assert_allclose(D.sum(axis=1), 1, atol=1e-12)
    assert_allclose(transformer.inverse_transform(D), y, atol=1e-9)


def test_the_wrapped_estimator_is_fitted_to_distributions(rng):
    X, y = rng.standard_normal((30, 2)), rng.standard_normal(30)
    model = clone(as_regressor(BFGSLDL())).fit(X, y)
    assert model.regressor_.n_labels_ == 2
    assert model.predict(X).shape == (30,)
    assert np.isfinite(model.predict(1e6 * X)).all()


def test_expected_failures_come_with_reasons():
    assert expected_failures(as_regressor(BFGSLDL())) == {}
    assert expected_failures(LDLClassifier()) == {}
    assert expected_failures(LDLRegressor()) is EXPECTED_FAILURES["LDLRegressor"]
    for failures in EXPECTED_FAILURES.values():
        for check, reason in failures.items():
            assert check.startswith("check_")
            assert len(reason) > 20
