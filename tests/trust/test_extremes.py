"""Numbers at the ends of what can be computed with, and parameters that are no numbers."""

import warnings
from contextlib import contextmanager
from numbers import Integral, Real

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from scipy.linalg import LinAlgWarning
from sklearn.utils import get_tags

from sklearn_ldl import BFGSLDL, IISLDL, KNeighborsLDL, PTBayesLDL, StackingLDL, metrics
from sklearn_ldl._core.sklearn_compat import InvalidParameterError
from sklearn_ldl.distributors import gaussian_label_distribution
from tests.test_common import ESTIMATORS
from tests.trust.cases import METRICS, data, ids, make, options
from tests.trust.fits import OF_SAMPLES, fit, outputs

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

TOO_LARGE = r"X holds values .*(overflow|too large for float32).*scale the features"
TOO_SMALL = r"X holds values .* vanish: scale the features first, for example by StandardScaler"


def only_the_first_row(X):
    return np.where(np.arange(len(X))[:, None] > 0, X, 1e300)


# Those that can do with numbers of any size.
ANY_SCALE = [IISLDL]
EXTREMES = {
    "huge": (lambda X: 1e300 * X, TOO_LARGE),
    "above the bound": (lambda X: 1e72 * X, TOO_LARGE),
    "both scales": (lambda X: X * [1e300, 1, 1e-300], TOO_LARGE),
    "one row": (only_the_first_row, TOO_LARGE),
    "constant": (lambda X: np.column_stack([X, np.full(len(X), 1e300)]), TOO_LARGE),
    "tiny": (lambda X: 1e-300 * X, TOO_SMALL),
}


@pytest.mark.parametrize("cls", OF_SAMPLES, ids=ids)
@pytest.mark.parametrize("name", EXTREMES)
def test_extreme_numbers_are_refused_with_advice(cls, name):
    change, message = EXTREMES[name]
    X = change(data()[0])
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        if cls in ANY_SCALE:
            assert all(np.isfinite(A).all() for A in outputs(fit(cls, X), X))
            return
        with pytest.raises(ValueError, match=message):
            fit(cls, X)


@contextmanager
def refused_in_single():
    """Networks and trees may refuse with advice what they would compute in single precision."""
    try:
        yield
    except ValueError as exc:
        if "scale the features" not in str(exc):
            raise


WITHIN = {
    "large": lambda X: 1e69 * X / np.abs(X).max(),
    "small": lambda X: 1e-69 * X / np.abs(X).max(),
    "both": lambda X: X * [1e60, 1, 1e-300],
    "constant": lambda X: np.column_stack([X, np.full(len(X), 1e69)]),
    "single": lambda X: (1e30 * X).astype(np.float32),
}


@pytest.mark.parametrize("cls", OF_SAMPLES, ids=ids)
@pytest.mark.parametrize("name", WITHIN)
@pytest.mark.filterwarnings("ignore:No two different rows:UserWarning")
def test_what_is_not_refused_is_finite(cls, name):
    X = WITHIN[name](data()[0])
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        # Ridge regression may say so of features of very different sizes.
        warnings.simplefilter("ignore", LinAlgWarning)
        with refused_in_single():
            assert all(np.isfinite(A).all() for A in outputs(fit(cls, X), X))


@pytest.mark.parametrize("cls", OF_SAMPLES, ids=ids)
def test_extreme_numbers_to_predict(cls):
    X, _ = data()
    model = fit(cls, X)
    if not any(hasattr(model, name) for name in ("predict", "transform")):
        return
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        if cls not in ANY_SCALE:
            with pytest.raises(ValueError, match=TOO_LARGE):
                outputs(model, 1e300 * X)
        for scale in (1e-300, 1e30, *([1e300] if cls in ANY_SCALE else [])):
            for A in outputs(model, scale * X):
                assert np.isfinite(A).all()


@pytest.mark.parametrize("cls", [KNeighborsLDL, PTBayesLDL], ids=ids)
def test_the_unit_of_features_changes_nothing(cls):
    X, _ = data()
    expected = fit(cls, X).predict(X)
    for unit in (1e-60, 1e60):
        assert_allclose(fit(cls, unit * X).predict(unit * X), expected, rtol=1e-9)


def test_wide_features_beyond_the_squares_of_single_precision():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 200))
    expected = BFGSLDL(alpha=0.1).fit(X, data()[1])
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        model = BFGSLDL(alpha=0.1 * 1e60).fit(1e30 * X, data()[1])
    assert_allclose(model.predict(1e30 * X), expected.predict(X), rtol=1e-4)


# --- underflow


def with_outliers():
    X = data()[0].copy()
    X[3] *= 1e6
    X[7, 1] = -1e8
    return X


@pytest.mark.parametrize("cls", OF_SAMPLES, ids=ids)
@pytest.mark.parametrize("far", [False, True])
def test_underflow_is_no_error(cls, far):
    X = with_outliers() if far else data()[0]
    expected = outputs(fit(cls, X), X)
    with np.errstate(all="raise"):
        found = outputs(fit(cls, X), X)
    for A, B in zip(found, expected, strict=True):
        assert_array_equal(A, B)


def test_underflow_is_no_error_in_measures_and_distributors():
    P = np.array([[1 - 2e-300, 1e-300, 1e-300], [0.0, 1.0, 0.0]])
    D = np.array([[1.0, 0.0, 0.0], [1e-310, 0.5, 0.5]])
    with np.errstate(all="raise"):
        for metric in METRICS:
            for first, second in ((D, P), (P, D), (D, D)):
                assert np.isfinite(metric(first, second, **options(metric.__name__)))
        far = gaussian_label_distribution([0.0, 1e4], np.arange(100.0))
        assert metrics.wasserstein_distance(far, far) == 0


# --- numbers that are none


def numeric(constraints):
    """Whether a parameter is a number, and nothing that True is a word for."""
    words = ("boolean", "verbose", "random_state")
    kinds = [getattr(c, "type", c) for c in constraints]
    return not any(word in constraints for word in words) and any(
        isinstance(kind, type) and issubclass(kind, Real) for kind in kinds
    )


@pytest.mark.parametrize("cls", ESTIMATORS, ids=ids)
@pytest.mark.parametrize("value", [True, np.True_])
def test_booleans_are_no_numbers(cls, value):
    constraints = getattr(cls, "_parameter_constraints", {})
    assert not any(kind in (Integral, Real, int, float) for c in constraints.values() for kind in c)
    for name in filter(lambda name: numeric(constraints[name]), constraints):
        with pytest.raises(InvalidParameterError, match=f"The '{name}' parameter"):
            make(cls).set_params(**{name: value})._validate_params()


# --- sparse


def int64(X):
    X = X.copy()
    X.indices, X.indptr = X.indices.astype(np.int64), X.indptr.astype(np.int64)
    return X


SPARSE = [cls for cls in OF_SAMPLES if get_tags(make(cls)).input_tags.sparse]


def test_estimators_of_sparse_samples_are_found():
    assert len(SPARSE) > 20


@pytest.mark.parametrize("cls", SPARSE, ids=ids)
def test_sparse_matrices_of_any_kind(cls):
    X = np.where(np.abs(data()[0]) < 0.3, 0, data()[0])
    expected = outputs(fit(cls, sp.csr_matrix(X)), sp.csr_matrix(X))
    for kind in (sp.csr_array, sp.csr_matrix):
        given = int64(kind(X))
        for A, B in zip(outputs(fit(cls, given), given), expected, strict=True):
            assert_array_equal(A, B)
        assert given.indices.dtype == given.indptr.dtype == np.int64  # inputs are not modified


def test_default_mixture_of_long_indices():
    X, D = data()
    given = int64(sp.csr_array(X))
    model = StackingLDL(cv=2).fit(given, D)
    assert_array_equal(model.predict(given), model.predict(sp.csr_array(X)))
