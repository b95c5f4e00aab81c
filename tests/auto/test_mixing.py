"""Weights of mixtures."""

import numpy as np
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.model_selection import KFold

from sklearn_ldl.auto.leaderboard import Leaderboard
from sklearn_ldl.auto.mixing import best_pool, greedy_weights
from sklearn_ldl.ensemble.pooling import linear_pool
from sklearn_ldl.metrics import chebyshev_distance, kl_divergence


def members(n=200):
    """Two halves of the truth with noise of their own, and one that knows nothing."""
    rng = np.random.default_rng(0)
    D = rng.dirichlet(np.ones(3), n)
    noisy = [0.5 * D + 0.5 * rng.dirichlet(np.ones(3), n) for _ in range(2)]
    return D, [*noisy, np.full_like(D, 1 / 3)]


def found(P, D, weight=None, score=None, *, folds=(), **options):
    weight = np.ones(len(D)) if weight is None else weight
    score = score or (lambda Q: -kl_divergence(D, Q, sample_weight=weight))
    return best_pool(P, D, weight, score, by_divergence=True, folds=folds, **options)


def splits(D):
    return list(KFold(5, shuffle=True, random_state=0).split(D))


def test_the_least_divergence():
    D, P = members()
    P = np.array(P)
    # Here all that is there is known: a linear pool.
    pool = found(P, (P[0] + P[1]) / 2, folds=splits(D))
    assert pool.intercept is None
    assert_allclose(pool.weights, [0.5, 0.5, 0], atol=1e-3)


def test_what_is_flattened_is_sharpened():
    D, P = members()
    P = np.array(P)
    pool = found(P, D, folds=splits(D))
    assert pool.intercept is not None
    assert pool.weights.sum() > 1
    linear = linear_pool(P, D, np.full(len(D), 1 / len(D)))
    assert kl_divergence(D, pool(P)) < 0.9 * kl_divergence(D, linear(P))


def test_members_that_know_nothing_have_a_pool():
    rng = np.random.default_rng(0)
    D, P = rng.dirichlet(np.full(3, 20.0), 400), rng.dirichlet(np.ones(3), (4, 400))
    pool = found(P, D)
    assert np.abs(pool.weights).max() < 0.02
    assert kl_divergence(D, pool(P)) < min(kl_divergence(D, p) for p in P)


def test_few_rows_make_a_linear_pool():
    rng = np.random.default_rng(1)
    D, P = rng.dirichlet(np.ones(6), 24), rng.dirichlet(np.ones(6), (4, 24))
    P[0] = 0.7 * D + 0.3 * P[0]
    pool = found(P, 0.5 * P[0] + 0.5 * P[1], folds=splits(D))
    assert pool.intercept is None


def test_weights_of_rows_count():
    D, P = members()
    rows = np.arange(len(D)) < 50
    P[0] = np.where(rows[:, None], D, P[2])
    pool = found(P, D, rows.astype(float), folds=splits(D))
    assert_allclose(pool(np.array(P))[rows], D[rows], atol=1e-2)


def test_rows_without_weight_may_be_a_fold():
    D, P = members()
    rows = np.arange(len(D)) < 100
    halves = [
        (np.flatnonzero(~rows), np.flatnonzero(rows)),
        (np.flatnonzero(rows), np.flatnonzero(~rows)),
    ]
    first = rows.astype(float)
    first[100:110] = 1.0
    assert np.isfinite(found(P, D, first, folds=halves).weights).all()


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
    pool = found(P, D, score=only_the_third, folds=splits(D))
    assert_array_equal(pool.weights, [0, 0, 1])


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
