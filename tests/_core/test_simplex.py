import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import minimize

from sklearn_ldl import check_distribution, project_simplex
from sklearn_ldl._core.simplex import (
    centred_logits,
    check_logical_labels,
    check_prediction,
    normalize,
    safe_log,
)

SHAPES = array_shapes(min_dims=2, max_dims=2, min_side=2, max_side=8)
quick = settings(max_examples=50, deadline=None)


def numbers(low, high):
    return arrays(np.float64, SHAPES, elements=st.floats(low, high, allow_nan=False))


def on_simplex(D, atol=1e-12):
    assert np.isfinite(D).all()
    assert D.min() >= 0
    assert_allclose(D.sum(axis=1), 1, atol=atol)


# --- check_distribution


@quick
@given(numbers(0, 1e3), st.floats(-9e-4, 9e-4))
def test_what_nearly_sums_to_one_is_renormalised(A, error):
    D = normalize(A)
    checked = check_distribution(D * (1 + error))
    on_simplex(checked, atol=1e-15)
    assert_allclose(checked, D, atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("n_labels", [2, 3, 5, 10, 19])
def test_rounding_to_three_decimals_passes_in_any_order(n_labels, dtype, rng):
    D = rng.dirichlet(np.ones(n_labels), 5000).round(3).astype(dtype)
    assert np.abs(D.sum(axis=1) - 1).max() > 0.9e-3 or n_labels == 2
    for order in (slice(None), slice(None, None, -1), rng.permutation(n_labels)):
        on_simplex(check_distribution(D[:, order]), atol=1e-15)


@pytest.mark.parametrize("n_labels", [2, 5, 20, 200])
@pytest.mark.parametrize("sign", [-1, 1])
def test_bound_of_row_sums(n_labels, sign, rng):
    bound = min(1e-3 + 5e-4 * n_labels, 1e-2)
    D = rng.dirichlet(np.ones(n_labels), 200)
    on_simplex(check_distribution(D * (1 + sign * bound)), atol=1e-15)
    with pytest.raises(ValueError, match="row 0 sums to"):
        check_distribution(D * (1 + sign * (bound + 1e-6)))


def test_the_verdict_on_a_row_does_not_depend_on_the_order(rng):
    """Sums within the last digits of the bound, where those of shuffled columns differ."""
    d = rng.dirichlet(np.ones(40))
    verdicts = []
    for excess in np.linspace(-2e-15, 2e-15, 41):
        scaled = d * (1 + 1e-2 + 1e-7 + excess)
        rows = [scaled[rng.permutation(40)] for _ in range(20)]
        passed = [not _is_refused(row) for row in rows]
        assert len(set(passed)) == 1
        verdicts.append(passed[0])
    assert verdicts[0]
    assert not verdicts[-1]


def _is_refused(row):
    try:
        check_distribution([row])
    except ValueError:
        return True
    return False


def test_input_stays_as_it_was_and_output_is_new():
    D = np.array([[0.5, 0.5 + 5e-4], [1.0, 0.0]])
    before = D.copy()
    checked = check_distribution(D)
    assert_array_equal(D, before)
    assert not np.shares_memory(check_distribution(np.array([[0.5, 0.5]])), D)
    assert checked.dtype == np.float64


@pytest.mark.parametrize(
    "D",
    [
        [[1, 0], [0, 1]],
        [[True, False], [False, True]],
        np.array([[0.3, 0.7]], dtype=np.float32),
        np.array([[0.3, 0.7]], dtype=object),
        pd.DataFrame({"a": [0.3], "b": [0.7]}),
        pl.DataFrame({"a": [0.3], "b": [0.7]}),
        [[1 + 1e-7, -1e-7]],
    ],
    ids=["one-hot", "boolean", "float32", "object", "pandas", "polars", "rounding"],
)
def test_legal_distributions(D):
    checked = check_distribution(D)
    on_simplex(checked, atol=1e-15)
    assert checked.dtype == np.float64


@pytest.mark.parametrize(
    ("D", "error", "text"),
    [
        ([0, 1, 2], ValueError, r"got \(3,\).*For class labels use LDLClassifier"),
        ([[0.1], [0.2]], ValueError, r"got \(2, 1\).*for real values LDLRegressor"),
        (np.ones((2, 2, 2)) / 2, ValueError, r"got \(2, 2, 2\)"),
        ([[0.5, 0.5], [0.5, 0.6]], ValueError, "row 1 sums to 1.1, not to 1. Divide every row"),
        ([[0.5, 0.5], [3, 1]], ValueError, "row 1 sums to 4"),
        ([[0, 1], [3, 1]], ValueError, "All entries are integers.*votes_to_distribution"),
        ([[0, 2], [1, 0]], ValueError, "rank codes"),
        ([[30, 70], [50, 51]], ValueError, "votes_to_distribution turns percentages"),
        ([[33.3, 66.7], [0.5, 99.5]], ValueError, "votes_to_distribution turns percentages"),
        ([[0.5, 0.5], [1.1, -0.1]], ValueError, r"row 1 has a negative degree \(-0.1\)"),
        ([[0.5, 0.5], [np.nan, 1]], ValueError, "row 1 contains NaN or infinity"),
        ([[0.5, 0.5], [-np.inf, 1]], ValueError, "row 1 contains NaN or infinity"),
        ([["x", "y"]], ValueError, "not numbers.*vote_table_to_distribution"),
        ([[0.5 + 1j, 0.5]], ValueError, "[Cc]omplex data not supported"),
        (np.empty((0, 3)), ValueError, "0 sample"),
        (sp.csr_array(np.eye(2)), TypeError, "[Ss]parse"),
    ],
)
def test_illegal_distributions(D, error, text):
    with pytest.raises(error, match=text):
        check_distribution(D)


def test_errors_name_the_array():
    with pytest.raises(ValueError, match="D_pred is not a label distribution"):
        check_distribution([[2.0, 3.5]], input_name="D_pred")


@pytest.mark.parametrize("D", [[0, 1], [[2, 3]], [["x", "y"]]])
def test_errors_on_what_is_no_target_name_no_estimators(D):
    with pytest.raises(ValueError, match=r"Vote counts .* LabelSmoother\(smoothing=0\)") as caught:
        check_distribution(D, input_name="D_true")
    assert "LDL" not in str(caught.value)
    assert "cross_val_predict" not in str(caught.value)


def test_ten_thousand_labels(rng):
    D = rng.dirichlet(np.full(10_000, 0.01), 20)
    on_simplex(check_distribution(D))


# --- logical labels


def test_logical_labels():
    L = check_logical_labels(np.array([[0.0, 1.0], [1.0, 1.0]]))
    assert L.dtype == np.int8
    assert_array_equal(L, [[0, 1], [1, 1]])
    assert_array_equal(check_logical_labels([[True, False]]), [[1, 0]])
    for bad, text in (
        ([[0, 1], [2, 0]], "row 1 has entries other than 0 and 1"),
        ([[0, np.nan]], "row 0 has entries"),
        ([[1], [0]], "at least 2 label columns"),
        ([0, 1], "2D array"),
    ):
        with pytest.raises(ValueError, match=text):
            check_logical_labels(bad)


# --- normalize


@quick
@given(numbers(0, 1e308))
def test_normalize_lands_on_the_simplex(A):
    D = normalize(A)
    on_simplex(D)
    empty = ~A.any(axis=1)
    assert_allclose(D[empty], 1 / A.shape[1])


def test_normalize_keeps_float32_and_survives_the_ends_of_the_range():
    assert normalize(np.ones((2, 3), dtype=np.float32)).dtype == np.float32
    assert_allclose(normalize([[1e308, 1e308], [5e-324, 5e-324]]), 0.5)
    assert_array_equal(normalize([[3, 1]]), [[0.75, 0.25]])


# --- projection


@quick
@given(numbers(-1e6, 1e6))
def test_projection_lands_on_the_simplex_and_stays(V):
    D = project_simplex(V)
    on_simplex(D)
    assert_allclose(project_simplex(D), D, atol=1e-12)


@quick
@given(numbers(-10, 10))
def test_projection_is_optimal(V):
    """Kuhn-Tucker: v - d is constant on the support and no larger elsewhere."""
    D = project_simplex(V)
    for v, d in zip(V, D, strict=True):
        gap = v - d
        support = d > 1e-9
        assert np.ptp(gap[support]) < 1e-8
        assert (gap[~support] <= gap[support].max() + 1e-8).all()


def test_projection_agrees_with_a_general_solver(rng):
    v = rng.standard_normal(5)
    found = minimize(
        lambda d: ((d - v) ** 2).sum(),
        np.full(5, 0.2),
        bounds=[(0, 1)] * 5,
        constraints={"type": "eq", "fun": lambda d: d.sum() - 1},
        tol=1e-12,
    )
    assert_allclose(project_simplex([v])[0], found.x, atol=1e-6)


def test_projection_known_values():
    assert_allclose(project_simplex([[0.2, 0.8]]), [[0.2, 0.8]])
    assert_allclose(project_simplex([[5, 5, 5]]), [[1 / 3] * 3])
    assert_allclose(project_simplex([[1e300, 0]]), [[1, 0]])
    assert_allclose(project_simplex([[1.7e308, *[-1.7e308] * 6]]), [[1, *[0] * 6]])
    assert project_simplex(np.zeros((1, 2), dtype=np.float32)).dtype == np.float32


@quick
@given(numbers(-2, 2))
def test_predictions_become_distributions(A):
    D = check_prediction(A, A.shape[1])
    on_simplex(D)
    off = (A.min(axis=1) < 0) | (np.abs(A.sum(axis=1) - 1) > 1e-3)
    assert_allclose(D[off], project_simplex(A[off]), atol=1e-12)


def test_bad_predictions():
    with pytest.raises(ValueError, match="D has 2 columns, expected 3"):
        check_prediction([[0.5, 0.5]], 3)
    for array in (list, np.array):  # of which the latter is not validated by scikit-learn
        for bad in (np.nan, np.inf):
            with pytest.raises(ValueError, match=r"D contains (NaN|infinity)"):
                check_prediction(array([[0.5, bad]]), 2)
    with pytest.raises(ValueError, match="D has 1 column, but distributions have 2 at least"):
        check_prediction(np.ones((3, 1)), 1)


def test_predictions_are_not_changed_in_place():
    raw = np.array([[0.2, 0.9], [0.25, 0.75]])
    before = raw.copy()
    check_prediction(raw, 2)
    assert_array_equal(raw, before)


# --- logarithm


def test_safe_log():
    assert_allclose(safe_log([1, 0]), [0, np.log(np.finfo(np.float64).tiny)])
    assert_allclose(safe_log([0.5, 0], floor=1e-14), [np.log(0.5), np.log(1e-14)])
    small = safe_log(np.zeros(1, dtype=np.float32))
    assert small.dtype == np.float32
    assert np.isfinite(small).all()


# --- centred_logits


def test_centred_logits_invert_the_softmax_and_survive_absent_labels():
    d = np.array([0.7, 0.3, 0.0])
    z = centred_logits(d)
    assert_allclose(z.sum(), 0, atol=1e-12)
    assert_allclose(np.exp(z) / np.exp(z).sum(), d, atol=1.1e-8)
