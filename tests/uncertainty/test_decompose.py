"""Total, aleatoric and epistemic uncertainty."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import entropy
from sklearn.ensemble import BaggingRegressor

from sklearn_ldl import BFGSLDL
from sklearn_ldl.datasets import make_ldl
from sklearn_ldl.uncertainty import decompose_uncertainty, predict_members


@pytest.fixture
def members(rng):
    return rng.dirichlet([0.5, 1, 2, 0.2], size=(5, 30))


def test_entropy_form(members):
    total, aleatoric, epistemic = decompose_uncertainty(members)
    mean = members.mean(axis=0)
    assert_allclose(total, entropy(mean, axis=1), rtol=1e-10)
    assert_allclose(aleatoric, entropy(members, axis=2).mean(axis=0), rtol=1e-10)
    assert_allclose(epistemic, entropy(members, mean[None], axis=2).mean(axis=0), rtol=1e-9)
    assert (epistemic <= np.log(5)).all()


def test_kl_form(members):
    total, aleatoric, epistemic = decompose_uncertainty(members, form="kl")
    pairs = entropy(members[:, None], members[None], axis=3).mean(axis=(0, 1))
    assert_allclose(epistemic, pairs, rtol=1e-9)
    assert_allclose(total, aleatoric + epistemic)
    assert (epistemic >= decompose_uncertainty(members).epistemic).all()


@pytest.mark.parametrize("form", ["entropy", "kl"])
def test_members_that_agree_and_members_that_are_sure(form):
    alike = decompose_uncertainty(np.full((3, 2, 4), 0.25), form=form)
    assert_allclose(alike.epistemic, 0, atol=1e-15)
    assert_allclose(alike.total, np.log(4))
    sure = decompose_uncertainty(np.eye(2)[:, None], form=form)
    assert_allclose(sure.aleatoric, 0, atol=1e-15)
    assert np.isfinite(sure.total).all()
    assert (sure.epistemic > 0.6).all()
    one = decompose_uncertainty([[[0.3, 0.7]]], form=form)
    assert_allclose(one.epistemic, 0, atol=1e-15)


def test_more_rows_reduce_the_epistemic_part_alone():
    X, D = make_ldl(3000, n_votes=10, random_state=0)
    found = []
    for n_rows in (100, 400, 1600):
        bag = BaggingRegressor(BFGSLDL(), n_estimators=10, random_state=0)
        members = predict_members(bag.fit(X[:n_rows], D[:n_rows]), X[2000:])
        found.append([part.mean() for part in decompose_uncertainty(members)])
    _, aleatoric, epistemic = np.transpose(found)
    assert (epistemic[1:] < epistemic[:-1] / 2).all()
    assert_allclose(aleatoric, aleatoric[-1], rtol=0.02)


@pytest.mark.parametrize(
    ("members", "message"),
    [
        (np.full((3, 4), 0.25), r"shape \(3, 4\): expected \(n_members, n_samples, n_labels\)"),
        (np.empty((0, 2, 3)), r"shape \(0, 2, 3\)"),
        (np.ones((2, 3, 4)), "members is not a label distribution: row 0 sums to 4"),
        (np.full((2, 3, 4), np.nan), "NaN"),
    ],
)
def test_bad_members(members, message):
    with pytest.raises(ValueError, match=message):
        decompose_uncertainty(members)


def test_bad_form(members):
    with pytest.raises(ValueError, match="'form' parameter"):
        decompose_uncertainty(members, form="variance")
