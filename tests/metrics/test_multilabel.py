"""Average precision: against scikit-learn, and against the definitions, row by row."""

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import metrics
from sklearn.exceptions import UndefinedMetricWarning

from sklearn_ldl.metrics import average_precision_score

FORMS = [None, "voc2007", "voc2010"]
seeds = st.integers(0, 2**32 - 1)
quick = settings(max_examples=50, deadline=None)


def drawn(seed, n=40, n_labels=4):
    """States, scores with ties, and weights with zeros; every label has a positive row."""
    rng = np.random.default_rng(seed)
    states = rng.choice([-1, 0, 1], size=(n, n_labels), p=[0.5, 0.2, 0.3])
    states[0], states[1] = 1, -1
    scores = rng.integers(0, 15, size=(n, n_labels)) / 15 + 0.3 * (states == 1)
    weight = rng.integers(0, 4, n).astype(float)
    weight[0] = 1
    return states, scores, weight


def by_hand(states, scores, weight, form):
    """Average precision of one label by its definition, at every distinct score."""
    keep = (states != 0) & (weight > 0)
    positive, scores, weight = states[keep] > 0, scores[keep], weight[keep]
    points = []
    for level in sorted(set(scores), reverse=True):
        above = scores >= level
        hit = weight[above & positive].sum()
        points.append((hit / weight[positive].sum(), hit / weight[above].sum()))
    if form == "voc2007":
        levels = [k / 10 for k in range(11)]
        return np.mean([max(p for r, p in points if r >= level - 1e-9) for level in levels])
    area, before = 0.0, 0.0
    for k, (recall, precision) in enumerate(points):
        best = precision if form is None else max(p for _, p in points[k:])
        area, before = area + (recall - before) * best, recall
    return area


@quick
@given(seed=seeds)
def test_without_difficult_labels_it_is_that_of_scikit_learn(seed):
    states, scores, weight = drawn(seed)
    positive = states == 1
    for average in ("macro", None):
        for sample_weight in (None, weight):
            expected = metrics.average_precision_score(
                positive, scores, average=average, sample_weight=sample_weight
            )
            for truth in (positive, positive.astype(int), np.where(positive, 1, -1)):
                found = average_precision_score(
                    truth, scores, average=average, sample_weight=sample_weight
                )
                assert_allclose(found, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("form", FORMS)
@quick
@given(seed=seeds)
def test_every_form_is_its_definition(form, seed):
    states, scores, weight = drawn(seed)
    for w, given_weight in ((np.ones(len(states)), None), (weight, weight)):
        found = average_precision_score(
            states, scores, average=None, interpolation=form, sample_weight=given_weight
        )
        expected = [by_hand(s, v, w, form) for s, v in zip(states.T, scores.T, strict=True)]
        assert_allclose(found, expected, rtol=0, atol=1e-12)
        mean = average_precision_score(
            states, scores, interpolation=form, sample_weight=given_weight
        )
        assert_allclose(mean, np.mean(expected), rtol=0, atol=1e-12)


def test_known_values():
    # Ranks of the positive rows: 1, 3 and 4 of five.
    states, scores = [[1, 1], [-1, 1], [1, 1], [1, 1], [-1, 1]], [[5, 0]] + [[k, 0] for k in "4321"]
    scores = np.array(scores, dtype=float)
    first = {
        None: (1 + 2 / 3 + 3 / 4) / 3,
        "voc2007": (4 * 1 + 7 * 3 / 4) / 11,
        "voc2010": (1 + 3 / 4 + 3 / 4) / 3,
    }
    for form, expected in first.items():
        found = average_precision_score(states, scores, average=None, interpolation=form)
        assert_allclose(found, [expected, 1.0])


@pytest.mark.parametrize("form", FORMS)
def test_difficult_labels_do_not_count(form):
    states, scores, _ = drawn(0)
    found = average_precision_score(states, scores, average=None, interpolation=form)
    for j, state in enumerate(states.T):
        rows = state != 0
        alone = np.column_stack([state[rows], state[rows]])
        same = np.column_stack([scores[rows, j]] * 2)
        expected = average_precision_score(alone, same, interpolation=form)
        assert_allclose(found[j], expected)
    moved = scores + 10 * (states == 0)
    assert_array_equal(
        average_precision_score(states, moved, average=None, interpolation=form), found
    )


def test_recalls_of_a_tenth_are_reached_whatever_their_rounding():
    """Of ten positive rows, the n-th reaches a recall of n / 10 exactly."""
    states = np.repeat([[1, -1], [-1, 1]], [10, 10], axis=0)
    scores = np.linspace(1, 0, 20)[:, None] * [1, -1]
    found = average_precision_score(
        states, scores, interpolation="voc2007", sample_weight=[0.1] * 20
    )
    assert found == 1


def test_what_zeros_mean():
    states, scores = [[1, 0], [0, 1], [1, 1]], [[1, 3], [2, 2], [3, 1]]
    indicator = np.array(states, dtype=bool)
    expected = average_precision_score(indicator, scores)
    assert expected < 1
    assert average_precision_score(states, scores) == expected
    assert average_precision_score(states, scores, zeros="negative") == expected
    assert average_precision_score(states, scores, zeros="difficult") == 1
    assert average_precision_score([*states, [-1, 1]], [*scores, [0, 3]]) == 1


def test_a_label_without_positive_rows_is_left_out():
    states, scores, _ = drawn(0)
    states[:, 1] = -1
    each = average_precision_score(states, scores, average=None)
    assert_array_equal(np.isnan(each), [False, True, False, False])
    with pytest.warns(UndefinedMetricWarning, match=r"Labels \[1\] have no positive row"):
        mean = average_precision_score(states, scores)
    assert_allclose(mean, np.nanmean(each))
    weight = (states[:, 0] < 1).astype(float)
    with pytest.warns(UndefinedMetricWarning, match=r"Labels \[0, 1\] have"):
        average_precision_score(states, scores, sample_weight=weight)
    with pytest.raises(ValueError, match="No label has a positive row"):
        average_precision_score(np.full((3, 2), -1), np.zeros((3, 2)))


def test_no_warning_where_every_label_is_defined():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        average_precision_score([[True, True]], [[0.5, 0.5]])


def test_labels_are_matched_by_name():
    states, scores, _ = drawn(0, n_labels=3)
    truth = pd.DataFrame(states, columns=["a", "b", "c"])
    found = average_precision_score(
        truth[["c", "a", "b"]], pd.DataFrame(scores, columns=["a", "b", "c"]), average=None
    )
    assert_array_equal(found, average_precision_score(states, scores, average=None))
    with pytest.raises(ValueError, match="labels do not match"):
        average_precision_score(truth, pd.DataFrame(scores, columns=["a", "b", "z"]))


@pytest.mark.parametrize(
    ("states", "scores", "options", "message"),
    [
        ([[1, 2]], [[0, 1]], {}, "Row 0 of Y_true has states other than"),
        ([[1.0, np.nan]], [[0, 1]], {}, "Y_true contains NaN"),
        ([[1, 0]], [[0, np.nan]], {}, "Y_score contains NaN"),
        ([[1], [0]], [[0], [1]], {}, "minimum of 2 is required"),
        ([[1, 0, 0]], [[0, 1]], {}, "different shapes"),
        ([[1, 0]], [[0, 1]], {"average": "micro"}, "average must be 'macro' or None"),
        ([[1, 0]], [[0, 1]], {"interpolation": "11"}, "interpolation must be one of"),
        ([[1, 0]], [[0, 1]], {"zeros": "absent"}, "zeros must be"),
        ([[1, 0]], [[0, 1]], {"sample_weight": [-1]}, "non-negative"),
    ],
)
def test_bad_arguments(states, scores, options, message):
    with pytest.raises(ValueError, match=message):
        average_precision_score(states, scores, **options)
