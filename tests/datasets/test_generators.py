import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import norm

from sklearn_ldl.datasets import make_label_shift, make_ldl, make_ldl_surface


def degrees_by_hand(x):
    t = [v + v**2 / 2 + v**3 / 5 + 1 for v in x]
    psi1 = (4 * t[0] + 2 * t[1] + t[2]) ** 2
    psi2 = (t[0] + 2 * t[1] + 4 * t[2] + 0.01 * psi1) ** 2
    psi3 = (t[0] + 4 * t[1] + 2 * t[2] + 0.01 * psi2) ** 2
    total = psi1 + psi2 + psi3
    return [psi1 / total, psi2 / total, psi3 / total]


def test_make_ldl_follows_the_formula():
    X, D = make_ldl(20, random_state=1)
    assert X.shape == D.shape == (20, 3)
    assert_allclose(D, [degrees_by_hand(x) for x in X], rtol=1e-13)


def test_formula_at_a_point_worked_out_by_hand():
    # At the origin t = (1, 1, 1): psi = 49, 7.49^2 = 56.1001, 7.561001^2.
    psi = np.array([49, 56.1001, 57.168736122001])
    X, D = make_ldl_surface(3)
    assert_array_equal(X[4], 0)
    assert_allclose(D[4], psi / psi.sum(), rtol=1e-12)


def test_make_ldl_features_are_uniform_on_the_cube():
    X, D = make_ldl(5000, random_state=0)
    assert np.abs(X).max() <= 1
    assert_allclose(X.mean(axis=0), 0, atol=0.03)
    assert_allclose(X.var(axis=0), 1 / 3, atol=0.02)
    assert D.min() > 0
    assert_allclose(D.sum(axis=1), 1, rtol=0, atol=1e-15)


def test_votes_are_shares_of_the_true_distribution():
    X, D = make_ldl(2000, random_state=0)
    X_votes, D_votes = make_ldl(2000, n_votes=10, random_state=0)
    assert_array_equal(X_votes, X)
    assert_allclose(D_votes * 10, np.round(D_votes * 10), atol=1e-12)
    assert_allclose(D_votes.sum(axis=1), 1, rtol=0, atol=1e-15)
    assert_allclose(D_votes.mean(axis=0), D.mean(axis=0), atol=0.01)
    # The variance of a share is d (1 - d) / n_votes.
    assert_allclose((D_votes - D).var(axis=0), (D * (1 - D)).mean(axis=0) / 10, rtol=0.15)


def test_one_vote_is_one_hot():
    D = make_ldl(50, n_votes=1, random_state=0)[1]
    assert set(np.unique(D)) == {0, 1}
    assert_array_equal(D.sum(axis=1), 1)


def test_one_sample():
    assert make_ldl(1, random_state=0)[1].shape == (1, 3)


def test_seeds():
    assert_array_equal(make_ldl(5, random_state=3)[0], make_ldl(5, random_state=3)[0])
    assert_array_equal(
        make_ldl(5, n_votes=4, random_state=np.random.RandomState(3))[1],
        make_ldl(5, n_votes=4, random_state=3)[1],
    )
    assert not np.array_equal(make_ldl(5, random_state=3)[0], make_ldl(5, random_state=4)[0])


def test_a_seed_leaves_the_global_random_state_alone():
    before = np.random.get_state()  # noqa: NPY002
    make_ldl(5, n_votes=3, random_state=0)
    make_ldl_surface(3)
    np.testing.assert_equal(np.random.get_state(), before)  # noqa: NPY002


@pytest.mark.parametrize("value", [0, -1, 2.0, True, "5", None])
def test_bad_n_samples(value):
    with pytest.raises(ValueError, match="n_samples must be an integer of at least 1"):
        make_ldl(value)


@pytest.mark.parametrize("value", [0, 2.5, False])
def test_bad_n_votes(value):
    with pytest.raises(ValueError, match="n_votes must be an integer of at least 1"):
        make_ldl(5, n_votes=value)


def test_surface():
    X, D = make_ldl_surface()
    assert X.shape == D.shape == (51 * 51, 3)
    assert_allclose(X[:, 2], np.sin(np.pi * (X[:, 0] + X[:, 1])), atol=1e-15)
    assert_allclose(D[::97], [degrees_by_hand(x) for x in X[::97]], rtol=1e-13)
    assert_allclose(D.sum(axis=1), 1, rtol=0, atol=1e-15)


def test_surface_is_a_picture():
    picture = make_ldl_surface(5)[0].reshape(5, 5, 3)
    axis = [-1, -0.5, 0, 0.5, 1]
    assert_array_equal(picture[0, :, 0], axis)
    assert_array_equal(picture[:, 0, 1], axis)


@pytest.mark.parametrize("value", [1, 0, 5.0])
def test_bad_n_grid(value):
    with pytest.raises(ValueError, match="n_grid must be an integer of at least 2"):
        make_ldl_surface(value)


def test_label_shift_gives_class_probabilities():
    prior = np.array([0.5, 0.3, 0.15, 0.05])
    X, D = make_label_shift(50, prior=prior, separation=1.5, random_state=0)
    assert X.shape == D.shape == (50, 4)
    # Bayes' rule with the normal densities.
    joint = prior * np.array([norm.pdf(X - 1.5 * label).prod(axis=1) for label in np.eye(4)]).T
    assert_allclose(D, joint / joint.sum(axis=1, keepdims=True), rtol=1e-10)
    assert_allclose(D.sum(axis=1), 1, rtol=0, atol=1e-12)


@pytest.mark.parametrize("prior", [(0.6, 0.3, 0.1), (0.1, 0.2, 0.7)])
def test_label_shift_changes_the_prior_alone(prior):
    X, D = make_label_shift(40_000, prior=prior, random_state=0)
    assert_allclose(D.mean(axis=0), prior, atol=0.01)
    for label, weight in enumerate(D.T):
        weight = weight / weight.sum()
        # Moments of p(x | y), which no prior changes.
        assert_allclose(weight @ X, 2 * np.eye(3)[label], atol=0.06)
        assert_allclose(np.cov(X, rowvar=False, aweights=weight), np.eye(3), atol=0.08)


def test_separation_of_labels():
    blurred = make_label_shift(2000, separation=0.1, random_state=0)[1]
    clear = make_label_shift(2000, separation=9, random_state=0)[1]
    assert np.abs(blurred - [0.6, 0.3, 0.1]).max() < 0.2
    assert clear.max(axis=1).min() > 0.99


def test_label_shift_with_unusual_priors():
    X, D = make_label_shift(500, prior=[1, 0], random_state=0)
    assert_allclose(D, np.tile([1.0, 0.0], (500, 1)), atol=1e-200)
    assert abs(X.mean(axis=0)[0] - 2) < 0.2
    X, D = make_label_shift(3, prior=np.full(1000, 1e-3), random_state=0)
    assert X.shape == D.shape == (3, 1000)
    assert make_label_shift(1, random_state=0)[1].shape == (1, 3)


def test_label_shift_seeds():
    first = make_label_shift(20, random_state=3)
    for again in (
        make_label_shift(20, random_state=3),
        make_label_shift(20, random_state=np.random.RandomState(3)),
        make_label_shift(20, prior=np.array([0.6, 0.3, 0.1]), random_state=3),
    ):
        assert_array_equal(again[0], first[0])
        assert_array_equal(again[1], first[1])
    assert not np.array_equal(make_label_shift(20, random_state=4)[0], first[0])
    before = np.random.get_state()  # noqa: NPY002
    make_label_shift(5, random_state=0)
    np.testing.assert_equal(np.random.get_state(), before)  # noqa: NPY002


@pytest.mark.parametrize(
    ("parameters", "text"),
    [
        ({"n_samples": 0}, "n_samples must be an integer of at least 1"),
        ({"n_samples": 2.0}, "n_samples must be an integer of at least 1"),
        ({"prior": [0.5, 0.6]}, "prior is not a label distribution: row 0 sums to 1.1"),
        ({"prior": [1.5, -0.5]}, "prior is not a label distribution: .*negative"),
        ({"prior": [np.nan, 1]}, "prior is not a label distribution: .*NaN"),
        ({"prior": [1.0]}, "prior is not a label distribution: expected shape"),
        ({"prior": 1.0}, "prior is not a label distribution: expected shape"),
        ({"prior": np.eye(2)}, "prior must be one distribution, got 2 rows"),
        ({"separation": 0}, "separation must be a positive number"),
        ({"separation": -1.0}, "separation must be a positive number"),
        ({"separation": np.inf}, "separation must be a positive number"),
        ({"separation": np.nan}, "separation must be a positive number"),
        ({"separation": "far"}, "separation must be a positive number"),
    ],
)
def test_bad_label_shift(parameters, text):
    with pytest.raises(ValueError, match=text):
        make_label_shift(**parameters)
