"""Thresholds that control the risk: against the definition, and what they promise."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sklearn_ldl.uncertainty.set_scores import adaptive_scores
from sklearn_ldl.uncertainty.thresholds import Scores

rng = np.random.default_rng(0)
N = 40
P, D = rng.dirichlet(np.ones(5), size=N), rng.dirichlet(np.full(5, 0.3), size=N)
WEIGHT = rng.exponential(size=N)
ONE = np.ones(N)
SCORES = adaptive_scores(P, np.zeros(N))
RANDOM = adaptive_scores(P, rng.uniform(size=N))


def collect(rows=slice(None), scores=SCORES, share=D, weight=ONE, part=ONE):
    return Scores.collect(scores[rows], share[rows], weight[rows], part[rows])


def risk(q, weight, new):
    return ((weight @ (D * (q < SCORES)).sum(axis=1)) + new) / (weight.sum() + new)


@pytest.mark.parametrize("weight", [ONE, WEIGHT], ids=["equal", "weighted"])
@pytest.mark.parametrize("alpha", [0.05, 0.1, 0.3, 0.8])
@pytest.mark.parametrize("new", [0.5, 1.0])
def test_the_least_threshold_that_controls_the_risk(alpha, weight, new):
    (q,) = collect(weight=weight).threshold(alpha, np.array([new]))
    assert risk(q, weight, new) <= alpha
    below = np.max(SCORES[q > SCORES], initial=-1.0)
    assert risk(below, weight, new) > alpha


@pytest.mark.parametrize("alpha", [0.05, 0.1, 0.3])
def test_one_hot_rows_make_it_split_conformal_prediction(alpha):
    labels = rng.integers(5, size=N)
    (q,) = collect(share=np.eye(5)[labels]).threshold(alpha)
    rank = int(np.ceil((N + 1) * (1 - alpha)))
    assert q == np.sort(SCORES[np.arange(N), labels])[rank - 1]


@pytest.mark.parametrize("n", [1, 9, 19, 99])
@pytest.mark.parametrize("alpha", [0.01, 0.05, 0.1, 0.3, 0.5, 0.7])
def test_rounding_asks_for_no_other_row(n, alpha):
    one = np.ones(n)
    scores = Scores.collect(np.arange(float(n))[:, None], one[:, None], one, one)
    rank = -(-(n + 1) * round(100 * (1 - alpha)) // 100)
    assert scores.threshold(alpha) == (np.inf if rank > n else rank - 1)


@pytest.mark.parametrize("scores", [SCORES, RANDOM], ids=["whole", "random"])
@pytest.mark.parametrize("weight", [ONE, WEIGHT], ids=["equal", "weighted"])
@pytest.mark.parametrize("alpha", [0.1, 0.2, 0.5])
def test_the_promise_is_kept_where_each_row_may_be_the_new_one(alpha, weight, scores):
    missed = np.empty(N)
    for k in range(N):
        others = np.arange(N) != k
        (q,) = collect(others, scores=scores, weight=weight).threshold(alpha, weight[[k]])
        missed[k] = D[k] @ (scores[k] > q)
    mean = np.average(missed, weights=weight)
    assert mean <= alpha + 1e-12
    if scores is RANDOM and weight is ONE:
        assert mean > alpha - 2 / N


def test_only_ratios_of_weights_matter():
    expected = collect(weight=WEIGHT).threshold(0.1)
    assert_allclose(collect(weight=1e6 * WEIGHT).threshold(0.1), expected)
    assert_allclose(collect(weight=7 * ONE).threshold(0.1), collect().threshold(0.1))


def test_the_expected_weight_is_that_of_a_row_of_the_target():
    target = rng.choice(N, size=200_000, p=WEIGHT / WEIGHT.sum())
    assert_allclose(collect(weight=WEIGHT).expected_weight, WEIGHT[target].mean(), rtol=0.01)


def test_rows_held_out_twice_count_once():
    twice = np.repeat(np.arange(N), 2)
    found = collect(twice, part=ONE / 2).expected_weight, collect(twice).threshold(0.1)
    half = Scores.collect(SCORES[twice], D[twice], ONE[twice], ONE[twice] / 2)
    assert found[0] == 1
    assert_allclose(half.threshold(0.1), collect().threshold(0.1))
    assert found[1] <= half.threshold(0.1)


def test_nothing_to_go_by():
    assert collect(slice(0, 0)).threshold(0.1) == np.inf
    assert collect(weight=0 * ONE).threshold(0.1) == np.inf
    assert collect(slice(0, 8)).threshold(0.1) == np.inf
    assert collect(weight=ONE).threshold(0.1, np.array([1e9])) == np.inf
