"""Raters of uneven reliability."""

import pickle
import sys

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import binom
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError

from sklearn_ldl import RaterModel, vote_table_to_distribution
from sklearn_ldl.distributors import krippendorff_alpha
from sklearn_ldl.distributors.raters import _chance_of_agreement


def simulate(seed, n_items=300, n_raters=40, n_votes=6, n_labels=4, concentration=3.0):
    """Votes of which every fifth is of a spammer: half of them at random, half one label."""
    rng = np.random.default_rng(seed)
    truth = rng.dirichlet(np.full(n_labels, concentration / n_labels), n_items)
    kind = np.repeat([0, 1, 2], [n_raters - 2 * (n_raters // 10), *[n_raters // 10] * 2])
    favourite = rng.integers(n_labels, size=n_raters)
    rows = []
    for i, p in enumerate(truth):
        for r in rng.choice(n_raters, n_votes, replace=False):
            said = rng.choice(n_labels, p=p), rng.integers(n_labels), favourite[r]
            rows.append((i, r, said[kind[r]]))
    return truth, kind > 0, np.transpose(rows)


def total_variation(D, P):
    return np.abs(D - P).sum(axis=1).mean() / 2


@pytest.mark.parametrize("concentration", [1.0, 3.0, 10.0])
def test_closer_to_the_truth_than_shares(concentration):
    truth, spammer, votes = simulate(0, concentration=concentration)
    model = RaterModel().fit(*votes)
    found = model.transform(*votes).D
    items, _, labels = votes
    shares = vote_table_to_distribution(items, labels).D
    assert total_variation(truth, found) < total_variation(truth, shares)
    if (
        concentration < 5
    ):  # where people hardly agree on anything, spam looks like everybody's votes
        smoothed = vote_table_to_distribution(items, labels, prior="empirical").D
        assert total_variation(truth, found) < total_variation(truth, smoothed)
    assert model.reliability_[spammer].mean() < model.reliability_[~spammer].mean() - 0.2
    assert_allclose(found.sum(axis=1), 1, rtol=1e-12)


def test_flagged_are_spammers():
    for seed in range(2):
        _, spammer, votes = simulate(seed, n_items=700, concentration=1.0)
        model = RaterModel().fit(*votes)
        assert not model.flagged_[~spammer].any()
        assert model.flagged_[spammer].mean() > 0.7
        assert (model.agreement_ < model.expected_agreement_)[spammer].all()


def test_without_spam_nobody_is_flagged(rng):
    truth = rng.dirichlet([1, 1, 1], 500)
    items, raters = (index.ravel() for index in np.indices((500, 8)))
    labels = np.array([rng.choice(3, 8, p=p) for p in truth]).ravel()
    model = RaterModel().fit(items, raters, labels)
    assert not model.flagged_.any()
    assert model.reliability_.min() > 0.8
    assert_allclose(model.agreement_, model.expected_agreement_, atol=0.07)
    assert_allclose(model.expected_agreement_, (truth**2).sum(axis=1).mean(), atol=0.03)


def test_test_items_tell_nothing_of_raters():
    """What is learnt of raters does not change with the votes that are transformed."""
    _, _, (items, raters, labels) = simulate(0)
    train = items < 200
    model = RaterModel().fit(items[train], raters[train], labels[train])
    before = pickle.dumps(model)
    both = model.transform(items[~train], raters[~train], labels[~train])
    half = ~train & (items < 250)
    one = model.transform(items[half], raters[half], labels[half])
    assert_allclose(one.D, both.D[:50], atol=2e-4)
    assert pickle.dumps(model) == before


def test_new_raters_and_names():
    _, _, (items, raters, labels) = simulate(0)
    names = np.array(["a", "b", "c", "d"])[labels]
    levels = pd.Categorical(names, categories=["d", "c", "b", "a", "e"])
    who = np.char.add("rater ", raters.astype(str))
    model = RaterModel().fit(items, who, levels)
    assert_array_equal(model.labels_, ["d", "c", "b", "a", "e"])
    table = model.transform(
        ["new", "new", "old"], ["rater 1", "nobody", "rater 2"], ["a", "b", "c"]
    )
    assert_array_equal(table.items, ["new", "old"])
    assert table.D.shape == (2, 5)
    assert (table.D > 0).all()
    with pytest.raises(ValueError, match=r"labels contains unknown labels: \['f'\]"):
        model.transform(["new"], ["rater 1"], ["f"])


def test_dawid_skene_is_that_of_crowd_kit():
    aggregation = pytest.importorskip("crowdkit.aggregation")
    _, _, votes = simulate(0, concentration=0.3)
    table = pd.DataFrame(dict(zip(("task", "worker", "label"), votes, strict=True)))
    theirs = aggregation.DawidSkene(n_iter=1000, tol=1e-12).fit_predict_proba(table)
    model = RaterModel("dawid-skene", tol=1e-12).fit(*votes)
    assert_allclose(model.transform(*votes).D, theirs.sort_index()[range(4)], atol=1e-4)
    assert_allclose(model.confusion_.sum(axis=2), 1, atol=1e-6)
    spammer = simulate(0, concentration=0.3)[1]
    assert model.reliability_[spammer].mean() < model.reliability_[~spammer].mean() - 0.2


def test_dawid_skene_without_crowd_kit(monkeypatch):
    monkeypatch.setitem(sys.modules, "crowdkit.aggregation", None)
    with pytest.raises(ImportError, match=r'crowd-kit: pip install "sklearn-ldl\[crowd\]"'):
        RaterModel("dawid-skene").fit(*simulate(0)[2])


def test_clone_pickle_and_repeated_fits():
    _, _, votes = simulate(0)
    model = RaterModel().fit(*votes)
    again = clone(model).fit(*votes)
    assert_array_equal(again.reliability_, model.reliability_)
    copy = pickle.loads(pickle.dumps(model))
    assert_array_equal(copy.transform(*votes).D, model.transform(*votes).D)


def test_a_rater_alone_with_his_items():
    items, raters, labels = [0, 0, 1, 1, 2], ["a", "b", "a", "b", "c"], [0, 1, 0, 0, 1]
    model = RaterModel().fit(items, raters, labels)
    assert np.isnan(model.agreement_[2])
    assert not model.flagged_[2]


def test_stopped_too_early():
    with pytest.warns(ConvergenceWarning, match="RaterModel stopped after 2 iterations"):
        RaterModel(max_iter=2).fit(*simulate(0)[2])


@pytest.mark.parametrize(
    ("votes", "message"),
    [
        (([0, 0], ["a"], [1, 2]), "inconsistent numbers of samples"),
        (([], [], []), "There are no votes"),
        (([0, 0, 1, 1], ["a", "b", None, "b"], [0, 1, 0, 1]), "raters has missing entries"),
        (([0, 0, 1, 1], ["a", "b", "a", "b"], [1, 1, 1, 1]), "All votes name one label"),
        (([0, 1, 2], ["a", "b", "a"], [0, 1, 0]), "two rows of counts need more than one vote"),
    ],
)
def test_bad_votes(votes, message):
    with pytest.raises(ValueError, match=message):
        RaterModel().fit(*votes)


def test_bad_parameters_and_not_fitted():
    votes = simulate(0)[2]
    for options in {"method": "mace"}, {"flag": 2}, {"max_iter": 0}, {"tol": -1}:
        with pytest.raises(ValueError, match=f"'{next(iter(options))}' parameter"):
            RaterModel(**options).fit(*votes)
    with pytest.raises(NotFittedError):
        RaterModel().transform(*votes)


def test_krippendorff_alpha_of_the_literature():
    """The example of Krippendorff (2011), with missing data."""
    counts = np.zeros((11, 5))
    votes = ["111", "2232", "3333", "3333", "2222", "1234", "4444", "1121", "2222", "555", "11"]
    for row, said in enumerate(votes):
        for label in said:
            counts[row, int(label) - 1] += 1
    assert_allclose(krippendorff_alpha(counts), 0.743, atol=5e-4)
    assert_allclose(krippendorff_alpha(counts, level="ordinal"), 0.815, atol=5e-4)
    assert_allclose(krippendorff_alpha(counts, level="interval"), 0.849, atol=5e-4)
    same = krippendorff_alpha(counts, level="interval", values=[10, 12, 14, 16, 18])
    assert_allclose(same, krippendorff_alpha(counts, level="interval"))


def test_krippendorff_alpha_is_that_of_crowd_kit():
    data = pytest.importorskip("crowdkit.metrics.data")
    _, _, (items, raters, labels) = simulate(0, n_items=50)
    table = pd.DataFrame({"task": items, "worker": raters, "label": labels})
    counts = pd.crosstab(items, labels)
    assert_allclose(krippendorff_alpha(counts), data.alpha_krippendorff(table), rtol=1e-10)


def test_krippendorff_alpha_at_its_ends():
    assert krippendorff_alpha([[3, 0], [0, 2]]) == 1
    assert krippendorff_alpha([[3, 0], [2, 0]]) == 1
    assert krippendorff_alpha([[1, 1], [1, 1]]) < 0
    with pytest.raises(ValueError, match="No row of counts has two votes"):
        krippendorff_alpha([[1, 0], [0, 1]])
    with pytest.raises(ValueError, match="expected one per label"):
        krippendorff_alpha([[2, 1]], level="interval", values=[1])


def votes_without_spam(seed, n_items, n_raters, n_votes):
    rng = np.random.default_rng(seed)
    items = np.repeat(np.arange(n_items), n_votes)
    raters = [rng.choice(n_raters, n_votes, replace=False) for _ in range(n_items)]
    labels = [rng.choice(3, n_votes, p=p) for p in rng.dirichlet([0.1] * 3, n_items)]
    return items, np.concatenate(raters), np.concatenate(labels)


def test_few_votes_flag_nobody_by_chance():
    flagged = [RaterModel().fit(*votes_without_spam(s, 100, 30, 3)).flagged_ for s in range(5)]
    assert not np.any(flagged)
    # One vote against three that agree is no spam yet.
    items, raters = np.repeat(np.arange(20), 4), np.tile(np.arange(4), 20)
    labels = np.repeat(np.arange(20) % 2, 4)
    model = RaterModel().fit(np.append(items, 0), np.append(raters, 4), np.append(labels, 1))
    assert not model.flagged_.any()
    assert_allclose(model.agreement_[4], 0)
    assert_allclose(model.expected_agreement_[4], 1)


def test_chance_of_agreement_is_a_bound():
    """Against the exact distribution: votes of one rater among ten of equal items."""
    counts = np.tile([4.0, 1.0], (10, 1))
    for n_dissent in range(2, 6):
        label = np.r_[np.ones(n_dissent, int), np.zeros(10 - n_dissent, int)]
        bound = _chance_of_agreement(counts, label, np.zeros(10, int), np.ones(10), 1)
        exact = binom.sf(n_dissent - 1, 10, 0.2)
        assert exact <= bound[0] <= 1
        if n_dissent > 2:
            assert bound[0] < 5 * exact


def test_own_votes_are_none_of_others():
    items, labels = np.tile(np.arange(10), 4), np.repeat([0, 1, 0, 1], 10)
    alone = RaterModel().fit(items, ["a"] * 40, labels)
    assert np.isnan(alone.agreement_).all()
    assert np.isnan(alone.expected_agreement_).all()
    assert not alone.flagged_.any()
    pairs = RaterModel().fit(items, np.repeat(["a", "b"], 20), labels)
    assert_allclose(pairs.agreement_, 0.5)
    one_other = RaterModel().fit(items[:20], np.repeat(["a", "b"], 10), labels[:20])
    assert_allclose(one_other.agreement_, 0)
    assert np.isnan(one_other.expected_agreement_).all()


def test_raters_of_another_type_are_an_error():
    items, raters, labels = simulate(0, n_items=50)[2]
    for first, second in [(raters, raters.astype(str)), (raters.astype(str), raters)]:
        model = RaterModel().fit(items, first, labels)
        with pytest.raises(ValueError, match="raters are text here or were in fit"):
            model.transform(items, second, labels)


def test_underflow_is_no_error_of_raters():
    votes = simulate(0, n_items=50)[2]
    with np.errstate(all="raise"):
        model = RaterModel().fit(*votes)
        model.transform(*votes)


@pytest.mark.parametrize("values", [[0, np.nan], [0, np.inf]])
def test_values_that_are_not_finite(values):
    with pytest.raises(ValueError, match="values contains"):
        krippendorff_alpha([[3, 1], [1, 3]], level="interval", values=values)


def test_a_table_given_twice_says_no_more_of_agreement():
    rng = np.random.default_rng(0)
    items, raters = np.repeat(np.arange(30), 5), np.tile(np.arange(5), 30)
    votes = items, raters, rng.integers(0, 3, 150)
    once, twice = (RaterModel().fit(*(np.tile(v, k) for v in votes)) for k in (1, 3))
    assert not once.flagged_.any()
    assert_array_equal(twice.flagged_, once.flagged_)
    assert_allclose(twice.agreement_, once.agreement_)
    assert_allclose(twice.expected_agreement_, once.expected_agreement_)


def test_values_are_matched_with_names_of_columns():
    counts = np.random.default_rng(0).multinomial(8, [0.2, 0.5, 0.3], 30)
    alpha = krippendorff_alpha(counts, level="interval", values=[1, 2, 7])
    for names in ([7, 1, 2], ["7", "1", "2"]):
        frame = pd.DataFrame(counts[:, [2, 0, 1]], columns=names)
        assert_allclose(krippendorff_alpha(frame, level="interval", values=[1, 2, 7]), alpha)
