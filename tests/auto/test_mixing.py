"""Weights of mixtures."""

import numpy as np
from numpy.testing import assert_allclose, assert_array_equal

from sklearn_ldl.auto.leaderboard import Leaderboard
from sklearn_ldl.auto.mixing import best_weights, greedy_weights
from sklearn_ldl.metrics import chebyshev_distance, kl_divergence


def members(n=200):
    """Two halves of the truth with noise of their own, and one that knows nothing."""
    rng = np.random.default_rng(0)
    D = rng.dirichlet(np.ones(3), n)
    noisy = [0.5 * D + 0.5 * rng.dirichlet(np.ones(3), n) for _ in range(2)]
    return D, [*noisy, np.full_like(D, 1 / 3)]


def test_the_least_divergence():
    D, P = members()
    weight = np.ones(len(D))
    weights = best_weights(P, D, weight, lambda Q: -kl_divergence(D, Q), by_divergence=True)
    assert_allclose(weights.sum(), 1)
    found = kl_divergence(D, np.tensordot(weights, P, axes=1))
    for a in np.linspace(0, 1, 11):
        for b in np.linspace(0, 1 - a, 11):
            # Weights below 0.02 are left out, which costs next to nothing.
            mixture = np.tensordot([a, b, 1 - a - b], P, axes=1)
            assert found <= kl_divergence(D, mixture) * (1 + 1e-3)


def test_weights_of_rows_count():
    D, P = members()
    rows = np.arange(len(D)) < 50
    P[0] = np.where(rows[:, None], D, P[2])
    score = lambda Q: -kl_divergence(D, Q, sample_weight=rows.astype(float))  # noqa: E731
    weights = best_weights(P, D, rows.astype(float), score, by_divergence=True)
    assert_array_equal(weights, [1, 0, 0])


def test_greedy_weights():
    D, P = members()
    score = lambda Q: -chebyshev_distance(D, Q)  # noqa: E731
    weights = greedy_weights(P, score)
    assert_allclose(weights.sum(), 1)
    mixture = score(np.tensordot(weights, P, axes=1))
    assert mixture > max(map(score, P))
    assert mixture >= score((P[0] + P[1]) / 2) - 1e-3
    # Ones for a single perfect member.
    assert_array_equal(greedy_weights([*P, D], score), [0, 0, 0, 1])


def test_a_mixture_that_scores_worse_is_not_taken():
    D, P = members()
    only_the_third = lambda Q: -float(np.abs(Q - P[2]).max())  # noqa: E731
    ones = np.ones(len(D))
    weights = best_weights(P, D, ones, only_the_third, by_divergence=True)
    assert_array_equal(weights, [0, 0, 1])


def test_the_table_is_sorted():
    rows = [
        {"candidate": "none", "note": "why"},
        {"candidate": "second", "score": -2.0, "weight": 0.25},
        {"candidate": "first", "score": -1.0, "seconds": 0.123456},
    ]
    table = Leaderboard(rows)
    assert [row["candidate"] for row in table] == ["first", "second", "none"]
    assert all(list(row) == list(table[0]) for row in table)
    lines = str(table).splitlines()
    assert lines[1].split() == ["first", "-1", "0.1235"]
    assert lines[3].split() == ["none", "why"]
