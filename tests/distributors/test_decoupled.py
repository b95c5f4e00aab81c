import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import rel_entr
from sklearn.compose import TransformedTargetRegressor
from sklearn.neighbors import KNeighborsRegressor

from sklearn_ldl import check_distribution
from sklearn_ldl._core.simplex import normalize
from sklearn_ldl.distributors import (
    DecoupledLabelSplitter,
    split_dominant,
)

distributions = st.integers(2, 8).flatmap(
    lambda n_labels: arrays(float, (4, n_labels), elements=st.floats(0, 1)).map(normalize)
)


def test_kl_divergence_decouples_along_the_split():
    rng = np.random.default_rng(0)
    D = np.vstack(
        [rng.dirichlet(np.ones(5), 50), [[0, 0.5, 0, 0.5, 0], [0.2] * 5, [0, 1, 0, 0, 0]]]
    )
    P = rng.dirichlet(np.ones(5), len(D))
    dominant, q, complement, T = split_dominant(D)
    rows = np.arange(len(D))
    p = P[rows, dominant]
    P_rest = P.copy()
    P_rest[rows, dominant] = 0
    P_rest /= P_rest.sum(axis=1, keepdims=True)
    binary = rel_entr(q, p) + rel_entr(complement, 1 - p)
    decoupled = binary + complement * rel_entr(T, P_rest).sum(axis=1)
    assert_allclose(decoupled, rel_entr(D, P).sum(axis=1), rtol=1e-10)


def test_ties_go_to_the_first_label_and_one_hot_rows_share_equally():
    split = split_dominant([[0.2, 0.4, 0.4], [0.25, 0.25, 0.5], [0, 1, 0]])
    assert_array_equal(split.dominant, [1, 2, 1])
    assert_allclose(split.degree, [0.4, 0.5, 1])
    assert_allclose(split.complement, [0.6, 0.5, 0])
    assert_allclose(split.nondominant, [[1 / 3, 0, 2 / 3], [0.5, 0.5, 0], [0.5, 0, 0.5]])


@given(distributions)
@settings(max_examples=50, deadline=None)
def test_splits_come_back_with_every_digit(D):
    # Small degrees next to a dominant one are where 1 - q would lose digits.
    D = check_distribution(normalize(D**12))
    splitter = DecoupledLabelSplitter()
    parts = splitter.fit_transform(D)
    n_labels = D.shape[1]
    assert parts.shape == (4, 2 * n_labels + 1)
    for block in (parts[:, : n_labels + 1], parts[:, n_labels + 1 :]):
        assert (block >= 0).all()
        assert_allclose(block.sum(axis=1), 1, rtol=1e-12)
    back = splitter.inverse_transform(parts)
    assert_allclose(back, D, rtol=1e-15 * n_labels, atol=1e-300)
    assert_array_equal(np.argmax(parts[:, :n_labels], axis=1), D.argmax(axis=1))


def test_tiny_tails_keep_their_shape():
    D = np.array([[1 - 3e-14, 1e-14, 2e-14]])
    split = split_dominant(D)
    assert_allclose(split.nondominant, [[0, 1 / 3, 2 / 3]])
    splitter = DecoupledLabelSplitter()
    assert_allclose(splitter.inverse_transform(splitter.fit_transform(D)), D, rtol=1e-15)


def test_one_hot_rows_and_two_labels_come_back_exactly():
    for D in (np.eye(5), np.array([[0.25, 0.75], [0.5, 0.5], [1, 0]])):
        splitter = DecoupledLabelSplitter().fit(D)
        assert_array_equal(splitter.inverse_transform(splitter.transform(D)), D)


def test_predicted_parts_become_distributions():
    rng = np.random.default_rng(0)
    D = rng.dirichlet(np.ones(4), 40)
    X = rng.normal(size=(40, 2))
    model = TransformedTargetRegressor(KNeighborsRegressor(3), transformer=DecoupledLabelSplitter())
    check_distribution(model.fit(X, D).predict(X))
    noise = rng.normal(size=(5, 9))
    back = DecoupledLabelSplitter().fit(D).inverse_transform(noise)
    assert (back >= 0).all()
    assert_allclose(back.sum(axis=1), 1, rtol=1e-12)


def test_bad_distributions_to_split():
    with pytest.raises(ValueError, match="row 1 sums to 2"):
        DecoupledLabelSplitter().fit([[0.5, 0.5], [1, 1]])
    splitter = DecoupledLabelSplitter().fit([[0.5, 0.5]])
    with pytest.raises(ValueError, match="y has 3 columns, but fit saw 2"):
        splitter.transform([[0.5, 0.5, 0]])
    with pytest.raises(ValueError, match="parts has 4 columns, expected 5"):
        splitter.inverse_transform(np.ones((1, 4)))
    with pytest.raises(ValueError, match="parts contains NaN"):
        splitter.inverse_transform(np.full((1, 5), np.nan))
