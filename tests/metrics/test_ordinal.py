import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy import stats

from sklearn_ldl.metrics import (
    cumulative_absolute_distance,
    quadratic_form_distance,
    ranked_probability_score_loss,
    wasserstein_distance,
)

quick = settings(max_examples=50, deadline=None)


@st.composite
def ordered_problems(draw):
    """Two sparse arrays of distributions and an uneven grid of labels."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n_rows, n_labels = draw(st.integers(1, 4)), draw(st.integers(2, 8))
    D, P = rng.dirichlet(np.full(n_labels, 0.3), (2, n_rows)).round(2)
    D, P = (np.where(A.sum(axis=1, keepdims=True) > 0, A, 1) for A in (D, P))
    grid = rng.uniform(-50, 50) + np.cumsum(rng.uniform(0.1, 10, n_labels))
    return D / D.sum(axis=1, keepdims=True), P / P.sum(axis=1, keepdims=True), grid


@quick
@given(problem=ordered_problems())
def test_wasserstein_distance_agrees_with_scipy(problem):
    D, P, grid = problem
    expected = [stats.wasserstein_distance(grid, grid, d, p) for d, p in zip(D, P, strict=True)]
    assert_allclose(
        wasserstein_distance(D, P, grid=grid, per_row=True), expected, rtol=1e-9, atol=1e-12
    )


@quick
@given(problem=ordered_problems())
def test_cumulative_absolute_distance_has_unit_steps(problem):
    D, P, _ = problem
    n_labels = D.shape[1]
    literal = np.abs(np.cumsum(D, axis=1) - np.cumsum(P, axis=1)).sum(axis=1)
    assert_allclose(
        cumulative_absolute_distance(D, P, per_row=True), literal, rtol=1e-12, atol=1e-13
    )
    assert (
        cumulative_absolute_distance(D, P)
        == wasserstein_distance(D, P)
        == wasserstein_distance(D, P, grid=np.arange(n_labels) + 7)
    )


@quick
@given(problem=ordered_problems())
def test_quadratic_form_equals_the_form_with_the_similarity_matrix(problem):
    D, P, grid = problem

    def by_matrix(positions):
        A = 1 - np.abs(positions[:, None] - positions) / (positions[-1] - positions[0])
        squares = np.einsum("ni,ij,nj->n", D - P, A, D - P)
        return np.sqrt(np.maximum(squares, 0))

    # The square root of a rounding error of 1e-16 is 1e-8.
    by_index = by_matrix(np.arange(D.shape[1]))
    assert_allclose(quadratic_form_distance(D, P, per_row=True), by_index, rtol=1e-7, atol=1e-7)
    with_grid = quadratic_form_distance(D, P, grid=grid, per_row=True)
    assert_allclose(with_grid, by_matrix(grid), rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize(
    "metric",
    [
        wasserstein_distance,
        cumulative_absolute_distance,
        quadratic_form_distance,
        ranked_probability_score_loss,
    ],
)
def test_a_near_miss_costs_less_than_a_far_one(metric):
    truth, near, far = [[1, 0, 0, 0]], [[0, 1, 0, 0]], [[0, 0, 0, 1]]
    assert metric(truth, near) < metric(truth, far)


@pytest.mark.parametrize(
    "metric",
    [
        wasserstein_distance,
        cumulative_absolute_distance,
        quadratic_form_distance,
        ranked_probability_score_loss,
    ],
)
@quick
@given(problem=ordered_problems())
def test_reversing_the_labels_changes_nothing(metric, problem):
    D, P, _ = problem
    forward = metric(D, P, per_row=True)
    assert_allclose(metric(D[:, ::-1], P[:, ::-1], per_row=True), forward, rtol=1e-9, atol=1e-13)


@quick
@given(problem=ordered_problems(), factor=st.floats(0.1, 10), shift=st.floats(-100, 100))
def test_the_unit_of_the_grid_scales_emd_and_leaves_the_quadratic_form(problem, factor, shift):
    D, P, grid = problem
    other = factor * grid + shift
    assert wasserstein_distance(D, P, grid=other) == pytest.approx(
        factor * wasserstein_distance(D, P, grid=grid), rel=1e-9
    )
    assert quadratic_form_distance(D, P, grid=other) == pytest.approx(
        quadratic_form_distance(D, P, grid=grid)
    )


@quick
@given(problem=ordered_problems())
def test_ranked_probability_score_is_a_sum_of_brier_scores_and_a_squared_form(problem):
    D, P, grid = problem
    steps = np.diff(grid)
    thresholds = [
        step * (D[:, : k + 1].sum(axis=1) - P[:, : k + 1].sum(axis=1)) ** 2
        for k, step in enumerate(steps)
    ]
    score = ranked_probability_score_loss(D, P, grid=grid, per_row=True)
    assert_allclose(score, np.sum(thresholds, axis=0), rtol=1e-9, atol=1e-13)
    form = quadratic_form_distance(D, P, grid=grid, per_row=True)
    assert_allclose(score, np.ptp(grid) / 2 * form**2, rtol=1e-9, atol=1e-13)


def test_ranked_probability_score_is_proper_and_the_quadratic_form_is_not():
    truth = np.array([0.7, 0.2, 0.1])
    labels = np.eye(3)  # single votes, drawn from the truth
    sharper = np.array([0.9, 0.08, 0.02])

    def expected(metric, prediction):
        return truth @ metric(labels, np.tile(prediction, (3, 1)), per_row=True)

    score = ranked_probability_score_loss
    rng = np.random.default_rng(0)
    rivals = [sharper, *rng.dirichlet(np.ones(3), 200)]
    assert all(expected(score, truth) < expected(score, rival) for rival in rivals)
    assert expected(quadratic_form_distance, sharper) < expected(quadratic_form_distance, truth)


def test_weights():
    D, P = [[1, 0, 0], [1, 0, 0]], [[0, 1, 0], [0, 0, 1]]
    assert wasserstein_distance(D, P, sample_weight=[3, 1]) == 1.25
    assert quadratic_form_distance(D, P, sample_weight=[0, 1]) == pytest.approx(np.sqrt(2))


@pytest.mark.parametrize(
    "metric", [wasserstein_distance, quadratic_form_distance, ranked_probability_score_loss]
)
@pytest.mark.parametrize(
    ("grid", "message"),
    [
        ([0, 1], r"grid has shape \(2,\), expected \(3,\)"),
        ([[0, 0], [0, 1], [1, 0]], "grid has shape"),
        ([0, 2, 1], "strictly increasing"),
        ([0, 1, 1], "strictly increasing"),
        ([0, 1, np.nan], "NaN"),
    ],
)
def test_grid_must_hold_increasing_values(metric, grid, message):
    with pytest.raises(ValueError, match=message):
        metric([[0.2, 0.3, 0.5]], [[0.5, 0.3, 0.2]], grid=grid)
