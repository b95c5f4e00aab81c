import inspect
import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose, assert_array_equal
from scipy.spatial import distance as scipy_distance
from scipy.special import rel_entr

from sklearn_ldl import metrics
from sklearn_ldl.metrics import (
    canberra_distance,
    chebyshev_distance,
    clark_distance,
    cosine_similarity,
    d2_kl_score,
    euclidean_distance,
    fidelity_similarity,
    head_euclidean_distance,
    head_labels,
    intersection_similarity,
    jeffreys_divergence,
    jensen_shannon_divergence,
    kl_divergence,
    sorensen_distance,
    squared_chi2_distance,
    tail_euclidean_distance,
    zero_one_loss,
)

SIMILARITIES = (cosine_similarity, intersection_similarity, fidelity_similarity)
# Metric -> largest value for C labels.
BOUNDS = {
    chebyshev_distance: lambda C: 1,
    euclidean_distance: lambda C: np.sqrt(2),
    sorensen_distance: lambda C: 1,
    squared_chi2_distance: lambda C: 2,
    clark_distance: lambda C: np.sqrt(C),
    canberra_distance: lambda C: C,
    cosine_similarity: lambda C: 1,
    intersection_similarity: lambda C: 1,
    fidelity_similarity: lambda C: 1,
    zero_one_loss: lambda C: 1,
    kl_divergence: lambda C: -np.log(1e-14),
    jeffreys_divergence: lambda C: -2 * np.log(1e-14),
    jensen_shannon_divergence: lambda C: np.log(2),
    metrics.wasserstein_distance: lambda C: C - 1,
    metrics.cumulative_absolute_distance: lambda C: C - 1,
    metrics.quadratic_form_distance: lambda C: np.sqrt(2),
    metrics.ranked_probability_score_loss: lambda C: C - 1,
}
ORDERED = (
    metrics.wasserstein_distance,
    metrics.cumulative_absolute_distance,
    metrics.quadratic_form_distance,
    metrics.ranked_probability_score_loss,
)
SYMMETRIC = [metric for metric in BOUNDS if metric not in (kl_divergence, zero_one_loss)]

every_metric = pytest.mark.parametrize("metric", BOUNDS, ids=lambda m: m.__name__)
quick = settings(max_examples=50, deadline=None)


@st.composite
def distribution_pairs(draw, max_rows=4, max_labels=6):
    """Two arrays of distributions with many exact zeros, one-hot rows and tiny degrees."""
    shape = (draw(st.integers(1, max_rows)), draw(st.integers(2, max_labels)))
    degrees = st.one_of(st.just(0.0), st.floats(0, 1), st.sampled_from([5e-324, 1e-300, 1e-15]))

    def distributions():
        masses = draw(arrays(np.float64, shape, elements=degrees))
        masses[masses.max(axis=1) < 1e-3, 0] = 1
        return masses / masses.sum(axis=1, keepdims=True)

    return distributions(), distributions()


@every_metric
@quick
@given(pair=distribution_pairs())
def test_values_are_finite_and_within_their_range(metric, pair):
    D, P = pair
    values = metric(D, P, per_row=True)
    assert values.shape == (len(D),)
    assert np.isfinite(values).all()
    assert values.min() >= 0
    assert values.max() <= BOUNDS[metric](D.shape[1]) * (1 + 1e-14)


@every_metric
@quick
@given(pair=distribution_pairs())
def test_equal_distributions_are_recognised(metric, pair):
    D, _ = pair
    best = 1.0 if metric in SIMILARITIES else 0.0
    if metric is zero_one_loss:
        best = 1 - D.max(axis=1)
    assert_allclose(metric(D, D, per_row=True), best, rtol=0, atol=1e-14)


@every_metric
@quick
@given(pair=distribution_pairs())
def test_different_distributions_are_told_apart(metric, pair):
    D, P = pair
    differ = np.abs(D - P).max(axis=1) > 1e-3
    if metric is zero_one_loss:
        differ = D.argmax(axis=1) != P.argmax(axis=1)
    values = metric(D, P, per_row=True)[differ]
    assert np.all(values < 1 - 1e-8 if metric in SIMILARITIES else values > 1e-8)


@pytest.mark.parametrize("metric", SYMMETRIC, ids=lambda m: m.__name__)
@quick
@given(pair=distribution_pairs())
def test_symmetry(metric, pair):
    D, P = pair
    assert_allclose(metric(D, P), metric(P, D), rtol=1e-12, atol=1e-14)


def test_kl_divergence_is_not_symmetric():
    D, P = [[0.9, 0.1]], [[0.5, 0.5]]
    assert kl_divergence(D, P) == pytest.approx(0.9 * np.log(1.8) + 0.1 * np.log(0.2))
    assert kl_divergence(P, D) == pytest.approx(0.5 * np.log(5 / 9) + 0.5 * np.log(5))


@pytest.mark.parametrize(
    "metric", [m for m in BOUNDS if m not in ORDERED], ids=lambda m: m.__name__
)
@quick
@given(pair=distribution_pairs(), seed=st.integers(0, 2**32 - 1))
def test_the_order_of_the_labels_does_not_matter(metric, pair, seed):
    D, P = pair
    order = np.random.default_rng(seed).permutation(D.shape[1])
    assert_allclose(metric(D[:, order], P[:, order]), metric(D, P), rtol=1e-12, atol=1e-14)


@every_metric
@quick
@given(pair=distribution_pairs(), data=st.data())
def test_weights_repeat_rows(metric, pair, data):
    D, P = pair
    weights = data.draw(arrays(np.int64, len(D), elements=st.integers(0, 3)))
    weights[0] += 1
    repeated = metric(np.repeat(D, weights, axis=0), np.repeat(P, weights, axis=0))
    assert metric(D, P, sample_weight=weights) == pytest.approx(repeated, rel=1e-12)


def test_huge_weights_do_not_overflow():
    D, P = [[1, 0], [1, 0]], [[1, 0], [0, 1]]
    assert chebyshev_distance(D, P, sample_weight=[1e308, 1e308]) == 0.5


@every_metric
@quick
@given(pair=distribution_pairs())
def test_the_result_is_the_mean_of_the_rows(metric, pair):
    D, P = pair
    result = metric(D, P)
    assert isinstance(result, float)
    assert result == pytest.approx(metric(D, P, per_row=True).mean(), rel=1e-14)


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        (chebyshev_distance, 0.5),
        (euclidean_distance, np.sqrt(0.5**2 + 0.25**2 + 0.25**2)),
        (sorensen_distance, 0.5),
        (squared_chi2_distance, 0.5**2 / 1.5 + 2 * 0.25),
        (clark_distance, np.sqrt((0.5 / 1.5) ** 2 + 2)),
        (canberra_distance, 0.5 / 1.5 + 2),
        (cosine_similarity, 0.5 / np.sqrt(0.5**2 + 0.25**2 + 0.25**2)),
        (intersection_similarity, 0.5),
        (fidelity_similarity, np.sqrt(0.5)),
        (zero_one_loss, 0),
        (kl_divergence, np.log(2)),
        (jeffreys_divergence, 0.5 * np.log(2) + 2 * 0.25 * np.log(0.25 / 1e-14)),
        (
            jensen_shannon_divergence,
            (np.log(4 / 3) + 0.5 * np.log(2 / 3) + 2 * 0.25 * np.log(2)) / 2,
        ),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_hand_computed_values(metric, expected):
    # The last label has no mass in either distribution.
    assert metric([[1, 0, 0, 0]], [[0.5, 0.25, 0.25, 0]]) == pytest.approx(expected, rel=1e-12)


@quick
@given(pair=distribution_pairs(max_rows=1))
def test_agreement_with_scipy(pair):
    (d,), (p,) = D, P = pair
    tolerance = {"rel": 1e-10, "abs": 1e-12}
    assert chebyshev_distance(D, P) == pytest.approx(scipy_distance.chebyshev(d, p), **tolerance)
    assert euclidean_distance(D, P) == pytest.approx(scipy_distance.euclidean(d, p), **tolerance)
    assert canberra_distance(D, P) == pytest.approx(scipy_distance.canberra(d, p), **tolerance)
    assert sorensen_distance(D, P) == pytest.approx(scipy_distance.braycurtis(d, p), **tolerance)
    assert cosine_similarity(D, P) == pytest.approx(1 - scipy_distance.cosine(d, p), **tolerance)


def test_logarithmic_divergences_agree_with_scipy():
    rng = np.random.default_rng(0)
    D, P = rng.dirichlet(np.ones(5), 20), rng.dirichlet(np.ones(5), 20)
    kl = rel_entr(D, P).sum(axis=1)
    assert_allclose(kl_divergence(D, P, per_row=True), kl, rtol=1e-12)
    assert_allclose(
        jeffreys_divergence(D, P, per_row=True), kl + rel_entr(P, D).sum(axis=1), rtol=1e-12
    )
    roots = scipy_distance.jensenshannon(D, P, axis=1)
    assert_allclose(jensen_shannon_divergence(D, P, per_row=True), roots**2, rtol=1e-12)


def test_jensen_shannon_of_the_smallest_degree():
    assert jensen_shannon_divergence([[1, 5e-324]], [[1, 0]]) == pytest.approx(0, abs=1e-300)


def test_a_missed_label_costs_32_nats_times_its_mass_by_default():
    assert kl_divergence([[0.75, 0.25]], [[1, 0]]) == pytest.approx(
        0.75 * np.log(0.75) + 0.25 * np.log(0.25 / 1e-14)
    )
    assert kl_divergence([[0, 1]], [[1, 0]], floor=1e-3) == pytest.approx(np.log(1000))
    assert jeffreys_divergence([[0, 1]], [[1, 0]], floor=1e-3) == pytest.approx(2 * np.log(1000))


def test_a_floor_above_the_degrees_never_makes_the_divergence_negative():
    D = np.full((1, 100), 0.01)
    assert kl_divergence(D, D, floor=0.5) == 0


@pytest.mark.parametrize("metric", [kl_divergence, jeffreys_divergence, d2_kl_score])
@pytest.mark.parametrize("floor", [0, -1e-3, 1, np.nan, None, "1e-14"])
def test_floor_must_lie_between_zero_and_one(metric, floor):
    with pytest.raises(ValueError, match="floor must be a number between 0 and 1"):
        metric([[0.5, 0.5]], [[0.5, 0.5]], floor=floor)


@pytest.mark.parametrize(
    ("p", "degree", "mode"),
    [
        ([0.4, 0.3, 0.3], 0.4, 0.5),
        ([0.2, 0.3, 0.5], 0.2, 0),
        ([0.4, 0.2, 0.4], 0.3, 0.25),
        ([0.4, 0.4, 0.2], 0.4, 0.5),
        ([1 / 3, 1 / 3, 1 / 3], 1 / 3, 1 / 3),
    ],
)
def test_zero_one_loss_shares_rows_among_labels_that_tie(p, degree, mode):
    D = [[0.4, 0.4, 0.2]]
    assert zero_one_loss(D, [p]) == pytest.approx(1 - degree)
    assert zero_one_loss(D, [p], truth="mode") == pytest.approx(1 - mode)
    with pytest.raises(ValueError, match="truth must be"):
        zero_one_loss(D, [p], truth="first")


def test_d2_kl_score_of_perfect_mean_and_worse_predictions():
    D = np.array([[0.8, 0.2], [0.4, 0.6], [0.1, 0.9]])
    mean = np.tile(D.mean(axis=0), (3, 1))
    assert d2_kl_score(D, D) == 1
    assert d2_kl_score(D, mean) == pytest.approx(0, abs=1e-14)
    assert d2_kl_score(D, D[::-1]) < 0
    P = (D + mean) / 2
    assert d2_kl_score(D, P) == pytest.approx(1 - kl_divergence(D, P) / kl_divergence(D, mean))


@quick
@given(pair=distribution_pairs(), data=st.data())
def test_d2_kl_score_weights_repeat_rows(pair, data):
    D, P = pair
    weights = data.draw(arrays(np.int64, len(D), elements=st.integers(0, 3)))
    weights[0] += 1
    repeated = d2_kl_score(np.repeat(D, weights, axis=0), np.repeat(P, weights, axis=0))
    weighted = d2_kl_score(D, P, sample_weight=weights)
    assert np.isfinite(weighted)
    assert weighted <= 1
    mean = np.tile(np.average(D, axis=0, weights=weights), (len(D), 1))
    if kl_divergence(D, mean, sample_weight=weights) > 1e-6:  # otherwise a ratio of roundings
        assert weighted == pytest.approx(repeated, rel=1e-8)


@pytest.mark.parametrize("n_rows", [1, 7, 50, 1000])
def test_d2_kl_score_of_equal_rows_is_one_or_zero(n_rows):
    D = np.tile([0.1, 0.2, 0.7], (n_rows, 1))
    weights = np.random.default_rng(0).random(n_rows)
    for sample_weight in (None, weights):
        assert d2_kl_score(D, D, sample_weight=sample_weight) == 1
        assert d2_kl_score(D, np.roll(D, 1, axis=1), sample_weight=sample_weight) == 0


def test_d2_kl_score_of_equal_rows_takes_rounding_errors_for_none():
    D = np.tile([0.1, 0.2, 0.7], (6, 1))
    for error, skill in ((1e-16, 1), (1e-8, 1), (1e-6, 0)):
        assert d2_kl_score(D, D + np.array([error, 0, -error])) == skill


def test_d2_kl_score_of_nearly_equal_rows_is_a_ratio_as_of_any():
    D = [0.1, 0.2, 0.7] + 1e-5 * np.array([[1, 0, -1], [-1, 0, 1]])
    mean = D.mean(axis=0)
    assert d2_kl_score(D, D) == 1
    assert d2_kl_score(D, (D + mean) / 2) == pytest.approx(0.75, abs=1e-3)
    assert d2_kl_score(D, mean[None] + 3 * (D - mean)) == pytest.approx(-3, abs=1e-2)


def test_d2_kl_score_ignores_rows_without_weight():
    D, P = np.eye(3), np.full((3, 3), 1 / 3)
    assert d2_kl_score(D, P, sample_weight=[1, 1, 0]) == pytest.approx(
        1 - np.log(3) / np.log(2), rel=1e-12
    )


def test_head_labels_need_more_than_ratio_times_the_rarest():
    D = [[0.5, 0.25, 0.25], [0.75, 0.125, 0.125], [0.25, 0.5, 0.25]]  # sums 1.5, 0.875, 0.625
    assert_array_equal(head_labels(D, ratio=1), [True, True, False])
    assert_array_equal(head_labels(D, ratio=1.4), [True, False, False])
    assert_array_equal(head_labels(D, ratio=2.4), [False, False, False])
    assert_array_equal(head_labels([[0.5, 0.5, 0.0]]), [True, True, False])


@pytest.mark.parametrize("ratio", [0.5, np.inf, np.nan, "10"])
def test_head_labels_reject_a_bad_ratio(ratio):
    with pytest.raises(ValueError, match="ratio must be a finite number >= 1"):
        head_labels([[0.5, 0.5]], ratio=ratio)


@quick
@given(pair=distribution_pairs(), data=st.data())
def test_head_and_tail_errors_make_up_the_euclidean_distance(pair, data):
    D, P = pair
    head = data.draw(arrays(bool, D.shape[1]))
    head[:2] = [True, False]
    parts = [
        m(D, P, head=head, per_row=True) for m in (head_euclidean_distance, tail_euclidean_distance)
    ]
    assert_allclose(
        np.hypot(*parts), euclidean_distance(D, P, per_row=True), rtol=1e-12, atol=1e-15
    )


def test_head_and_tail_errors_of_known_rows():
    D, P = [[0.5, 0.2, 0.3], [1, 0, 0]], [[0.2, 0.6, 0.2], [1, 0, 0]]
    head = [True, True, False]
    assert head_euclidean_distance(D, P, head=head) == pytest.approx(0.25)
    assert tail_euclidean_distance(D, P, head=head) == pytest.approx(0.05)
    assert tail_euclidean_distance(D, P, head=head, sample_weight=[1, 3]) == pytest.approx(0.025)


@pytest.mark.parametrize("metric", [head_euclidean_distance, tail_euclidean_distance])
@pytest.mark.parametrize(
    ("head", "message"),
    [
        ([0, 2], "one bool per label"),
        ([True, False], "one bool per label"),
        ([[True, False, False]], "one bool per label"),
        ([False, False, False], "no head label"),
        ([True, True, True], "no tail label"),
    ],
)
def test_head_must_be_a_mask_with_both_kinds(metric, head, message):
    with pytest.raises(ValueError, match=message):
        metric([[0.2, 0.3, 0.5]], [[0.2, 0.3, 0.5]], head=head)


@every_metric
def test_invalid_distributions_are_refused(metric):
    good, counts = [[0.5, 0.5]], [[3, 1]]
    with pytest.raises(ValueError, match="D_true is not a label distribution: row 0 sums to 4"):
        metric(counts, good)
    with pytest.raises(ValueError, match="D_pred is not a label distribution: row 0 contains NaN"):
        metric(good, [[np.nan, 0.5]])
    with pytest.raises(ValueError, match="D_true is not a label distribution: expected shape"):
        metric([0.5, 0.5], good)
    with pytest.raises(ValueError, match=r"different shapes: \(1, 2\) and \(1, 3\)"):
        metric(good, [[0.2, 0.3, 0.5]])
    with pytest.raises(ValueError, match=r"different shapes: \(1, 2\) and \(2, 2\)"):
        metric(good, good * 2)


@every_metric
@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1], "sample_weight has shape"),
        ([[1, 1]], "sample_weight has shape"),
        ([1, -1], "non-negative"),
        ([0, 0], "at least one positive"),
        ([1, np.nan], "NaN"),
        ([1, np.inf], "infinity"),
    ],
)
def test_bad_weights_are_refused(metric, weights, message):
    D = [[0.5, 0.5], [0.2, 0.8]]
    with pytest.raises(ValueError, match=message):
        metric(D, D, sample_weight=weights)


@every_metric
def test_weights_and_per_row_exclude_each_other(metric):
    with pytest.raises(ValueError, match="sample_weight has no effect with per_row=True"):
        metric([[0.5, 0.5]], [[0.5, 0.5]], sample_weight=[1], per_row=True)


def test_an_option_that_a_metric_does_not_have_is_refused():
    message = r"chebyshev_distance\(\) got an unexpected keyword argument 'grid'"
    with pytest.raises(TypeError, match=message):
        chebyshev_distance([[0.5, 0.5]], [[0.5, 0.5]], grid=[0, 1])


@every_metric
def test_array_types_do_not_matter_and_inputs_stay_as_they_are(metric):
    rng = np.random.default_rng(1)
    D, P = rng.dirichlet(np.ones(4), 6), rng.dirichlet(np.ones(4), 6)
    before = D.copy(), P.copy()
    expected = metric(D, P)
    assert_array_equal(before, (D, P))
    assert metric(pd.DataFrame(D, index=range(6, 0, -1)), pd.DataFrame(P)) == expected
    assert metric(pl.DataFrame(D), pl.DataFrame(P)) == expected
    assert metric(D.tolist(), np.asfortranarray(P)) == pytest.approx(expected, rel=1e-14)
    assert metric(D.astype(np.float32), P.astype(np.float32)) == pytest.approx(expected, rel=1e-4)


@every_metric
def test_ten_thousand_labels(metric):
    rng = np.random.default_rng(2)
    D, P = rng.dirichlet(np.full(10_000, 0.1), 20), rng.dirichlet(np.full(10_000, 0.1), 20)
    values = metric(D, P, per_row=True)
    assert np.isfinite(values).all()
    assert values.max() <= BOUNDS[metric](10_000)


@every_metric
def test_signature_docstring_and_pickle(metric):
    parameters = inspect.signature(metric).parameters
    assert list(parameters)[:4] == ["D_true", "D_pred", "sample_weight", "per_row"]
    sections = ["Parameters", "sample_weight : ", "Returns", "Raises", "References", "Examples"]
    positions = [inspect.getdoc(metric).index(section) for section in sections]
    assert positions == sorted(positions)
    for option in list(parameters)[4:]:
        assert f"\n{option} : " in inspect.getdoc(metric)
    assert pickle.loads(pickle.dumps(metric)) is metric
