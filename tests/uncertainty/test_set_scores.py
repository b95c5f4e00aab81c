"""Scores by which labels enter a set."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sklearn_ldl.uncertainty.set_scores import (
    SET_SCORES,
    adaptive_scores,
    ordinal_scores,
    threshold_scores,
)

P = np.random.default_rng(0).dirichlet(np.ones(6), size=200)
ZERO = np.zeros(200)


def sets(scores, q):
    return scores <= q


def test_labels_above_a_bound():
    assert_array_equal(sets(threshold_scores(P, ZERO), 0.7), P >= 1 - 0.7)


def test_likeliest_labels_until_there_is_enough_mass():
    members = sets(adaptive_scores(P, ZERO), 0.6)
    for p, member in zip(P, members, strict=True):
        taken = np.sort(p[member])
        assert p[~member].max(initial=0) <= taken[0]
        assert taken.sum() > 0.6  # enough, and not without the least of them
        assert taken[1:].sum() <= 0.6


def test_intervals_grow_to_the_side_of_the_larger_degree():
    scores = ordinal_scores(P, ZERO)
    for p, row in zip(P, scores, strict=True):
        order = np.argsort(row)
        assert order[0] == p.argmax()
        for k in range(1, 6):
            inside = np.sort(order[:k])
            assert_array_equal(np.diff(inside), 1)
            below, above = inside[0] - 1, inside[-1] + 1
            sides = [j for j in (below, above) if 0 <= j < 6]
            assert p[order[k]] == p[sides].max()
            assert_allclose(row[order[k]], p[inside].sum())


def test_intervals_of_a_single_peak_are_the_sets_of_likeliest_labels():
    peaked = np.exp(-np.square(np.arange(6) - np.linspace(0.1, 5.2, 40)[:, None]) / 2)
    peaked /= peaked.sum(axis=1, keepdims=True)
    u = np.random.default_rng(1).uniform(size=40)
    assert_allclose(ordinal_scores(peaked, u), adaptive_scores(peaked, u))


@pytest.mark.parametrize("method", SET_SCORES)
def test_ties_and_zeros(method):
    uniform = np.full((2, 4), 0.25)
    certain = np.array([[0.0, 1.0, 0.0, 0.0]] * 2)
    for degrees in (uniform, certain):
        scores = SET_SCORES[method](degrees, np.array([0.0, 0.5]))
        assert scores.min() >= 0
        assert scores.max() <= 1
    assert SET_SCORES[method](certain, np.zeros(2)).argmin(axis=1).tolist() == [1, 1]
    if method != "threshold":
        assert sorted(SET_SCORES[method](uniform, np.array([0.0, 0.5]))[1]) == [
            0.125,
            0.375,
            0.625,
            0.875,
        ]


@pytest.mark.parametrize("method", ["adaptive", "ordinal"])
def test_random_shares_keep_the_order(method):
    u = np.random.default_rng(1).uniform(size=200)
    whole, part = SET_SCORES[method](P, ZERO), SET_SCORES[method](P, u)
    assert_array_equal(np.argsort(part, axis=1), np.argsort(whole, axis=1))
    assert_allclose(part - whole, u[:, None] * P, atol=1e-12)
