import warnings

import pytest
from sklearn.exceptions import ConvergenceWarning

from sklearn_ldl._core.convergence import warn_not_converged


def method(tol):
    warn_not_converged("The search", "3 steps", "a gradient of 0.5", tol, "or scale the features")


def test_the_message_says_where_it_stopped_and_what_to_try():
    expected = (
        "The search stopped after 3 steps with a gradient of 0.5 > tol=1e-06. Increase max_iter, or"
        " scale the features."
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        method(1e-6)
    [warning] = caught
    assert warning.category is ConvergenceWarning
    assert str(warning.message) == expected
    # It points at whoever called the method.
    assert warning.filename == __file__


def test_it_is_a_convergence_warning():
    with pytest.warns(ConvergenceWarning, match="tol=0"):
        method(0.0)
