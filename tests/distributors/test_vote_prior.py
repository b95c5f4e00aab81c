"""The empirical prior of votes, and what is read from it."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import approx_fprime
from scipy.special import digamma, gammaln
from scipy.stats import dirichlet

from sklearn_ldl import (
    expected_vote_error,
    vote_dispersion,
    vote_table_to_distribution,
    votes_to_distribution,
)
from sklearn_ldl.datasets import make_ldl
from sklearn_ldl.distributors.vote_prior import _Votes, fit_vote_prior
from sklearn_ldl.metrics import kl_divergence


def total_variation(D, P):
    return np.abs(D - P).sum(axis=1).mean() / 2


def draw(D, n_votes, rng):
    return rng.multinomial(n_votes, D / D.sum(axis=1, keepdims=True))


def better_than_shares(D, n_draws, rng):
    """Mean errors over draws of three votes."""
    scores = []
    for _ in range(n_draws):
        counts = draw(D, 3, rng)
        found = votes_to_distribution(counts, prior="empirical")
        smoothed = votes_to_distribution(counts, prior=1)
        scores.append(
            (
                total_variation(D, counts / 3),
                total_variation(D, found),
                kl_divergence(D, smoothed),
                kl_divergence(D, found),
            )
        )
    shares, found, smoothed, found_kl = np.mean(scores, axis=0)
    assert found < 0.95 * shares
    assert found_kl < 0.95 * smoothed


def test_three_votes_say_more_with_the_prior(rng):
    better_than_shares(make_ldl(random_state=0)[1], 5, rng)


FILES = "SJAFFE", "SCUT_FBP", "Natural_Scene", "emotion6", "Movie", "Yeast_alpha", "FG-Net", "M2B"


@pytest.mark.parametrize("name", FILES)
def test_three_votes_of_real_distributions_say_more_with_the_prior(name, load_real, rng):
    better_than_shares(load_real(name)[1], 2, rng)


def test_likelihood_is_that_of_every_row(rng):
    counts = rng.multinomial(5, [0.2, 0.3, 0.5], size=20).astype(float)
    alpha = np.array([[0.5, 1.0, 2.0], [3.0, 0.1, 1.0]])
    found = _Votes(counts).log_likelihoods(alpha)
    for k, a in enumerate(alpha):
        for i, n in enumerate(counts):
            one = (
                gammaln(a.sum()) - gammaln(n.sum() + a.sum()) + (gammaln(n + a) - gammaln(a)).sum()
            )
            assert_allclose(found[i, k], one, rtol=1e-12)


def test_one_distribution_of_the_items_needs_one_component(rng):
    counts = draw(rng.dirichlet([1, 2, 3], size=2000), 6, rng)
    prior = fit_vote_prior(counts.astype(float))
    assert_array_equal(prior.weights, [1])
    assert_allclose(prior.alpha, [[1, 2, 3]], rtol=0.15)


def test_items_of_two_kinds_are_told_apart(rng):
    clear, mixed = rng.dirichlet([30, 1, 1], size=700), rng.dirichlet([2, 20, 20], size=300)
    counts = draw(np.vstack([clear, mixed]), 8, rng).astype(float)
    prior = fit_vote_prior(counts)
    assert_allclose(np.sort(prior.weights), [0.3, 0.7], atol=0.05)
    assert prior.responsibilities(counts)[:700, prior.weights.argmax()].mean() > 0.95


def test_mean_is_the_posterior_mean(rng):
    prior = fit_vote_prior(draw(rng.dirichlet([1, 2], size=300), 4, rng).astype(float))
    n = np.array([[3.0, 1.0]])
    p = np.linspace(5e-4, 1 - 5e-4, 1000)
    density = sum(
        w * dirichlet.pdf([p, 1 - p], a) for w, a in zip(prior.weights, prior.alpha, strict=True)
    )
    density = density * p**3 * (1 - p)
    assert_allclose(prior.mean(n)[0, 0], density @ p / density.sum(), rtol=1e-3)


def test_rows_lie_on_the_simplex_and_keep_their_names():
    counts = pd.DataFrame({"a": [3, 0, 1, 0], "b": [0, 3, 2, 0], "c": [0] * 4}, index=list("wxyz"))
    D = votes_to_distribution(counts, prior="empirical")
    assert_array_equal(D.columns, ["a", "b", "c"])
    assert_array_equal(D.index, list("wxyz"))
    assert_allclose(D.sum(axis=1), 1, rtol=1e-12)
    assert (D > 0).all(axis=None)  # also of the label that nobody named, and without votes
    assert D["c"].max() < 0.1


def test_order_of_rows_and_labels_does_not_matter(rng):
    counts = draw(rng.dirichlet([1, 2, 3], size=200), 4, rng)
    D = votes_to_distribution(counts, prior="empirical")
    rows, labels = rng.permutation(200), [2, 0, 1]
    again = votes_to_distribution(counts[rows][:, labels], prior="empirical")
    assert_allclose(again, D[rows][:, labels], atol=1e-3)


@pytest.mark.parametrize("scale", [1.0, 0.37])
def test_weighted_votes(rng, scale):
    counts = draw(rng.dirichlet([1, 2, 3], size=50), 9, rng) * scale
    D = votes_to_distribution(counts, prior="empirical")
    assert_allclose(D.sum(axis=1), 1, rtol=1e-12)


def test_many_votes_are_what_they_are(rng):
    truth = rng.dirichlet([1, 2, 3], size=20)
    for size in (1e6, 1e12, 1e250):
        D = votes_to_distribution(truth * size, prior="empirical")
        assert_allclose(D, truth, atol=1e-4)


def test_long_table(rng):
    items, labels = rng.integers(30, size=200), rng.choice(["a", "b", "c"], size=200)
    table = vote_table_to_distribution(items, labels, prior="empirical")
    counts = pd.crosstab(items, labels)
    assert_allclose(table.D, votes_to_distribution(counts.to_numpy(), prior="empirical"))


@pytest.mark.parametrize("total", [0.5, 6.0, 40.0])
def test_dispersion(rng, total):
    truth = 1 / (1 + total)
    counts = draw(rng.dirichlet(total * np.array([0.2, 0.3, 0.5]), size=1000), 10, rng)
    found = vote_dispersion(counts)
    assert_allclose(found.dispersion, truth, rtol=0.1 if total < 10 else 0.25)
    assert abs(found.dispersion - truth) < 3.5 * found.standard_error
    assert_allclose(found.dispersion, 1 / (1 + found.prior.sum()))


def test_standard_error_of_the_dispersion_is_the_spread_over_tables(rng):
    found = [vote_dispersion(draw(rng.dirichlet([2, 3, 1], size=300), 5, rng)) for _ in range(100)]
    spread = np.std([one.dispersion for one in found])
    assert_allclose(np.mean([one.standard_error for one in found]), spread, rtol=0.25)


def test_dispersion_of_items_that_are_all_alike_or_all_clear(rng):
    assert vote_dispersion(draw(np.tile([0.3, 0.7], (500, 1)), 10, rng)).dispersion < 0.01
    clear = 10 * np.eye(3)[rng.integers(3, size=500)]
    assert vote_dispersion(clear).dispersion > 0.99


def test_gradient_of_the_mixture(rng):
    """Sums of differences are derivatives of the likelihood by the parameters."""
    votes = _Votes(rng.multinomial(5, [0.2, 0.3, 0.5], size=20).astype(float))
    alpha = np.array([[0.5, 1.0, 2.0]])
    of_labels, of_sizes = votes.sums(digamma, alpha, np.ones((20, 1)))
    numeric = approx_fprime(alpha[0], lambda a: votes.log_likelihoods(a[None]).sum(), 1e-7)
    assert_allclose((of_labels - of_sizes[:, None])[0], numeric, rtol=1e-4)


@pytest.mark.parametrize("n_votes", [2, 5, 40])
@pytest.mark.parametrize("prior", [0.0, 1.0, "empirical"])
def test_expected_error_is_the_error(rng, n_votes, prior):
    truth = rng.dirichlet([2, 3, 1], size=2000)
    counts = draw(truth, n_votes, rng)
    expected = expected_vote_error(counts, prior=prior).total_variation
    D = votes_to_distribution(counts, prior=prior)
    assert_allclose(expected.mean(), total_variation(truth, D), rtol=0.1)


def test_four_times_the_votes_halve_the_error_of_shares(rng):
    truth = rng.dirichlet([2, 3, 1], size=2000)
    few = draw(truth, 30, rng)
    error = expected_vote_error(few)
    assert_allclose(error.more_votes.mean(), 90, rtol=0.1)
    more = few + np.array(
        [rng.multinomial(n, p) for n, p in zip(error.more_votes.astype(int), truth, strict=True)]
    )
    shares = more / more.sum(axis=1, keepdims=True)
    assert_allclose(total_variation(truth, shares), error.total_variation.mean() / 2, rtol=0.1)


def test_items_without_votes_have_an_error_with_a_prior(rng):
    counts = np.vstack([draw(rng.dirichlet([2, 3], size=100), 5, rng), [[0, 0]]])
    with pytest.raises(ValueError, match="Row 100 of counts has no votes"):
        expected_vote_error(counts)
    error = expected_vote_error(counts, prior="empirical")
    assert error.total_variation[-1] > error.total_variation[:-1].max()
    assert error.more_votes[-1] > 0


@pytest.mark.parametrize(
    "function",
    [
        vote_dispersion,
        expected_vote_error,
        lambda counts: votes_to_distribution(counts, prior="empirical"),
    ],
)
@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ([[0.2, 0.8], [0.5, 0.5]], "two rows of counts need more than one vote. Give counts, not"),
        ([[3, 1]], "two rows of counts need more than one vote"),
        ([[1, 0], [0, 1], [0, 1]], "two rows of counts need more than one vote"),
        ([[1, -1], [2, 2]], "Row 0 of counts has a negative count"),
        ([[1, np.nan], [2, 2]], "Row 0 of counts contains NaN"),
        ([1, 2], r"counts has shape \(2,\)"),
    ],
)
def test_bad_counts(function, counts, message):
    with pytest.raises(ValueError, match=message):
        function(counts)


@pytest.mark.parametrize("prior", ["uniform", -1, None])
def test_bad_prior(prior):
    for function in (votes_to_distribution, expected_vote_error):
        with pytest.raises(ValueError, match="'prior' parameter"):
            function([[2, 1], [1, 2]], prior=prior)


@pytest.mark.parametrize("function", [vote_dispersion, expected_vote_error])
@pytest.mark.parametrize("counts", [[[300, 100]] * 5, [[3e15, 1e15], [1e15, 5e15]]])
def test_underflow_is_no_error(function, counts):
    with np.errstate(all="raise"):
        function(counts)
        votes_to_distribution(counts, prior="empirical")
