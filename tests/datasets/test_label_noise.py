import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sklearn_ldl.datasets import make_annotators, make_noisy_labels

N_ROWS = 20_000
# Five standard deviations of a share of that many rows, of each of three classes.
NEAR = 5 * 0.5 / np.sqrt(N_ROWS / 3)


@pytest.fixture
def y(rng):
    return rng.integers(3, size=N_ROWS)


def shares(labels, truth):
    """Distribution of labels for every true class."""
    counts = np.zeros((3, 3))
    np.add.at(counts, (truth, labels), 1)
    return counts / counts.sum(axis=1, keepdims=True)


def test_annotators_are_wrong_as_often_as_said_each_in_its_way():
    T = make_annotators(4, 6, error=0.25, random_state=0)
    assert T.shape == (4, 6, 6)
    assert_allclose(T.sum(axis=2), 1)
    assert_allclose(T.diagonal(axis1=1, axis2=2), 0.75)
    assert (T >= 0).all()
    for a in range(4):
        for b in range(a):
            assert np.abs(T[a] - T[b]).max() > 0.05
    assert_array_equal(T, make_annotators(4, 6, error=0.25, random_state=0))


def test_concentration_tells_whether_one_class_is_the_usual_mistake():
    def largest(concentration):
        T = make_annotators(20, 6, error=1.0, concentration=concentration, random_state=0)
        return T.max(axis=2).mean()

    assert largest(0.01) > 0.95
    assert largest(1000.0) < 0.25


@pytest.mark.parametrize(
    "bad",
    [
        {"n_annotators": 0},
        {"n_classes": 1},
        {"n_classes": 2.5},
        {"error": 1.1},
        {"error": np.nan},
        {"concentration": 0},
        {"random_state": "seed"},
    ],
    ids=str,
)
def test_bad_annotators(bad):
    with pytest.raises(ValueError, match=f"The '{next(iter(bad))}' parameter"):
        make_annotators(**bad)


def test_symmetric_noise(y):
    labels = make_noisy_labels(y, 0.3, random_state=0)
    expected = np.where(np.eye(3, dtype=bool), 0.7, 0.15)
    assert_allclose(shares(labels, y), expected, atol=NEAR)


def test_more_noise_of_a_seed_leaves_wrong_labels_as_they_are(y):
    few, many = (make_noisy_labels(y, noise, random_state=3) for noise in (0.1, 0.4))
    wrong = few != y
    assert 0 < wrong.sum() < (many != y).sum()
    assert_array_equal(many[wrong], few[wrong])
    assert_array_equal(make_noisy_labels(y, 0), y)
    assert (make_noisy_labels(y, 1) != y).all()


def test_every_annotator_mistakes_by_its_matrix(y):
    T = make_annotators(2, 3, error=0.4, random_state=0)
    labels = make_noisy_labels(y, T, random_state=0)
    assert labels.shape == (N_ROWS, 2)
    for given, expected in zip(labels.T, T, strict=True):
        assert_allclose(shares(given, y), expected, atol=NEAR)
    # Mistakes of two annotators are independent.
    wrong = labels != y[:, None]
    assert np.mean(wrong.all(axis=1)) == pytest.approx(0.4**2, abs=NEAR)


def test_one_annotator_for_each_sample(y, rng):
    T = make_annotators(2, 3, error=0.4, random_state=0)
    who = rng.integers(2, size=N_ROWS)
    labels = make_noisy_labels(y, T, annotators=who, random_state=0)
    assert labels.shape == (N_ROWS,)
    for a in range(2):
        assert_allclose(shares(labels[who == a], y[who == a]), T[a], atol=1.5 * NEAR)
    one = make_noisy_labels(y, T[:1], annotators=np.zeros(N_ROWS), random_state=0)
    assert_array_equal(one, make_noisy_labels(y, T[0], random_state=0))


def test_true_distributions(rng):
    D = np.tile([0.5, 0.5, 0.0], (N_ROWS, 1))
    T = np.array([[0.8, 0.2, 0.0], [0.0, 0.6, 0.4], [0.0, 0.0, 1.0]])
    labels = make_noisy_labels(D, T, random_state=0)
    assert_allclose(np.bincount(labels) / N_ROWS, [0.4, 0.4, 0.2], atol=NEAR)


def test_classes_of_any_kind_in_their_order():
    y = np.array(["sad", "glad", "sad", "calm"] * 50)
    next_one = np.roll(np.eye(3), 1, axis=1)
    labels = make_noisy_labels(y, next_one)
    assert_array_equal(labels[:4], ["calm", "sad", "calm", "glad"])
    assert set(make_noisy_labels(y, 0.5, random_state=0)) == {"sad", "glad", "calm"}


@pytest.mark.parametrize(
    ("noise", "options", "match"),
    [
        (1.5, {}, "noise must be a probability or matrices, got 1.5"),
        (np.eye(2), {}, r"matrices of shape \(3, 3\), as y has 3 classes; got shape \(2, 2\)"),
        ([0.1, 0.2, 0.3], {}, r"got shape \(3,\)"),
        (2 * np.eye(3), {}, "must be a distribution of labels"),
        (np.eye(3) - 0.5 + 1 / 6, {}, "must be a distribution of labels"),
        (0.2, {"annotators": [0, 1, 0]}, "numbers from 0 to 0, got 1"),
        (np.eye(3)[None], {"annotators": [0, 0]}, "inconsistent numbers of samples"),
        (np.eye(3)[None], {"annotators": [0, -1, 0]}, "got -1"),
        (np.eye(3)[None], {"annotators": [0, 0.5, 0]}, "got 0.5"),
    ],
)
def test_bad_labels_or_noise(noise, options, match):
    with pytest.raises(ValueError, match=match):
        make_noisy_labels([0, 1, 2], noise, **options)


def test_names_of_columns_are_the_classes():
    D = pd.DataFrame(np.eye(3)[[2, 0, 1]], columns=["calm", "glad", "sad"])
    assert_array_equal(make_noisy_labels(D, 0.0), ["sad", "calm", "glad"])


@pytest.mark.parametrize("y", [[0.0, 1.0, np.nan], ["a", None, "b"]])
def test_missing_classes_are_no_class(y):
    with pytest.raises(ValueError, match="y has missing entries"):
        make_noisy_labels(np.array(y, dtype=object), 0.1)


def test_tiny_concentrations_take_a_class_for_one_other():
    """All draws of the gamma distribution may underflow."""
    transitions = make_annotators(200, 4, error=0.3, concentration=1e-4, random_state=0)
    assert_allclose(transitions.sum(axis=2), 1)
    assert_allclose(np.sort(transitions, axis=2)[..., 2:].mean(axis=(0, 1)), [0.3, 0.7], atol=1e-3)
    assert_allclose(transitions[:, 0, 1:].mean(axis=0), 0.1, atol=0.03)
