import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.base import clone

import sklearn_ldl
from sklearn_ldl import BFGSLDL, PTSVMLDL, LDLRegressor
from sklearn_ldl.testing import (
    EXPECTED_FAILURES,
    SKIPPED_CHECKS,
    as_regressor,
    expected_failures,
    skipped_checks,
)


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


@pytest.mark.parametrize(
    ("look_up", "table"),
    [(expected_failures, EXPECTED_FAILURES), (skipped_checks, SKIPPED_CHECKS)],
)
def test_checks_come_with_reasons(look_up, table):
    pytest.importorskip("skorch")
    assert look_up(as_regressor(BFGSLDL())) == {}
    assert look_up(PTSVMLDL()) == {}
    for name, checks in table.items():
        estimator = getattr(sklearn_ldl, name)()
        assert look_up(estimator) == look_up(as_regressor(estimator)) == checks
        for check, reason in checks.items():
            assert check.startswith("check_")
            assert len(reason) > 20


def test_what_holds_for_a_class_holds_for_its_subclasses():
    class Own(LDLRegressor):
        pass

    assert expected_failures(Own()) == expected_failures(LDLRegressor()) != {}


def test_what_is_skipped_is_not_expected_to_fail():
    for name in SKIPPED_CHECKS.keys() & EXPECTED_FAILURES.keys():
        assert not SKIPPED_CHECKS[name].keys() & EXPECTED_FAILURES[name].keys()
