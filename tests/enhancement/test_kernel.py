"""Widths of Gaussian kernels."""

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose
from scipy.spatial.distance import pdist

from sklearn_ldl.enhancement.kernel import kernel_width


@pytest.mark.parametrize("kind", [np.asarray, sp.csr_matrix, sp.csr_array])
def test_median_distance_is_the_standard_deviation(rng, kind):
    X = rng.normal(size=(50, 3))
    assert_allclose(kernel_width(kind(X), "median"), 1 / (2 * np.median(pdist(X)) ** 2))


@pytest.mark.parametrize("kind", [np.asarray, sp.csr_matrix, sp.csr_array])
def test_scale_is_that_of_scikit_learn(rng, kind):
    X = rng.normal(loc=2, size=(50, 3))
    assert_allclose(kernel_width(kind(X), "scale"), 1 / (3 * X.var()))


def test_numbers_pass():
    assert kernel_width(np.ones((2, 1)), 3) == 3.0


@pytest.mark.parametrize("gamma", ["median", "scale"])
@pytest.mark.parametrize("X", [np.full((5, 2), 0.1), np.ones((1, 2)), np.zeros((3, 1))])
def test_equal_samples(gamma, X):
    assert kernel_width(X, gamma) == 1.0


def test_equal_samples_do_not_count_for_the_median():
    X = np.r_[np.full((20, 2), 0.3), [[0.3, 2.3]]]
    assert_allclose(kernel_width(X, "median"), 1 / 8)


def test_a_thousand_samples_tell_the_median(rng):
    X = rng.normal(size=(5000, 2))
    assert_allclose(kernel_width(X, "median"), 1 / (2 * np.median(pdist(X[::2])) ** 2), rtol=0.1)
