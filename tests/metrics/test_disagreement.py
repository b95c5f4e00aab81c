from itertools import permutations
from math import factorial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.stats import entropy

from sklearn_ldl.metrics import entropy_calibration_error, rank_calibration_score

quick = settings(max_examples=100, deadline=None)


def votes(rng, n_rows, n_labels, n_votes=6):
    """Shares of few votes, with many ties and zeros."""
    return rng.multinomial(n_votes, rng.dirichlet(np.ones(n_labels)), n_rows) / n_votes


def test_entropy_error_by_hand():
    D, P = [[0.5, 0.5, 0], [1, 0, 0]], [[1, 0, 0], [0.5, 0.5, 0]]
    assert entropy_calibration_error(D, P) == pytest.approx(np.log(2))
    assert_allclose(
        entropy_calibration_error(D, P, signed=True, per_row=True), [-np.log(2), np.log(2)]
    )
    assert entropy_calibration_error(D, P, signed=True) == pytest.approx(0)
    assert entropy_calibration_error(D, P, signed=True, sample_weight=[0, 1]) > 0


def test_entropy_error_agrees_with_scipy():
    rng = np.random.default_rng(0)
    D, P = rng.dirichlet(np.ones(5), 20), votes(rng, 20, 5)
    assert_allclose(
        entropy_calibration_error(D, P, signed=True, per_row=True),
        entropy(P, axis=1) - entropy(D, axis=1),
    )


def literal_rank_score(d, p):
    """Share of the orders that the prediction allows in which no true degree rises."""
    allowed = [o for o in permutations(range(len(d))) if (np.diff(p[list(o)]) <= 0).all()]
    return np.mean([(np.diff(d[list(o)]) <= 0).all() for o in allowed])


@quick
@given(seed=st.integers(0, 2**32 - 1), n_labels=st.integers(2, 5))
def test_rank_score_follows_its_definition(seed, n_labels):
    rng = np.random.default_rng(seed)
    D, P = votes(rng, 4, n_labels), votes(rng, 4, n_labels)
    expected = [literal_rank_score(d, p) for d, p in zip(D, P, strict=True)]
    assert_allclose(rank_calibration_score(D, P, per_row=True), expected, rtol=1e-12)
    assert_allclose(rank_calibration_score(D, D), 1, rtol=1e-12)


@pytest.mark.parametrize(
    ("d", "p", "expected"),
    [
        ([0.5, 0.3, 0.2], [0.8, 0.15, 0.05], 1),
        ([0.5, 0.3, 0.2], [0.8, 0.05, 0.15], 0),
        ([0.8, 0.2, 0.0, 0.0], [0.6, 0.2, 0.05, 0.15], 1),  # nobody voted for the last two
        ([0.5, 0.3, 0.2], [0.4, 0.4, 0.2], 1 / 2),
        ([0.5, 0.3, 0.2], [1 / 3, 1 / 3, 1 / 3], 1 / 6),
        ([0.5, 0.25, 0.25], [1 / 3, 1 / 3, 1 / 3], 1 / 3),
        ([1 / 3, 1 / 3, 1 / 3], [0.7, 0.2, 0.1], 1),
    ],
)
def test_labels_that_tie(d, p, expected):
    for order in permutations(range(len(d))):
        D, P = np.array([d])[:, order], np.array([p])[:, order]
        assert rank_calibration_score(D, P) == pytest.approx(expected, rel=1e-12)


def test_rank_score_of_many_labels():
    d = np.arange(1, 21) / 210
    uniform = np.full((1, 20), 0.05)
    assert rank_calibration_score([d], uniform) == pytest.approx(1 / factorial(20), rel=1e-9)
    assert rank_calibration_score(uniform, [d]) == 1
    rng = np.random.default_rng(0)
    assert rank_calibration_score(rng.dirichlet(np.ones(500), 3), np.full((3, 500), 1 / 500)) >= 0
