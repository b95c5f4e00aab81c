"""Where the truth is a distribution, no measure sees its largest degree alone."""

import inspect

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import softmax
from sklearn.base import BaseEstimator, is_classifier

from sklearn_ldl import metrics
from sklearn_ldl.metrics import (
    brier_score_loss,
    expected_calibration_error,
    get_ldl_scorer,
    log_loss,
    uncertainty_calibration_error,
    zero_one_loss,
)
from tests.test_common import ESTIMATORS
from tests.trust.cases import CLASSIFIERS, METRICS, SCORERS, data, ids, make, options

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:No auxiliary labels:UserWarning"),
]

quick = settings(max_examples=50, deadline=None)
seeds = st.integers(0, 2**32 - 1)

# Metric -> why another prediction may be better than the truth.
OTHERS_ARE_BETTER = {"uncertainty_calibration_error": "an entropy is no error rate"}
# Metrics that see an order of the labels.
ORDINAL = {
    "wasserstein_distance": "mass moves along the labels",
    "cumulative_absolute_distance": "mass moves along the labels",
    "quadratic_form_distance": "labels that are neighbours are similar",
    "ranked_probability_score_loss": "mass up to every label",
}


def truths(seed, n_labels=3):
    """Distributions: some sure, some flat, some shares of few votes, with zeros and ties."""
    rng = np.random.default_rng(seed)
    D = rng.dirichlet(np.full(n_labels, rng.choice([0.1, 1, 10])), 30)
    votes = rng.multinomial(4, D[:15]) / 4
    return np.vstack([votes, D[15:], np.eye(n_labels), np.full((1, n_labels), 1 / n_labels)])


def scaled(D, factor):
    """The same distributions with their logits multiplied."""
    return softmax(factor * np.log(np.maximum(D, 1e-30)), axis=1)


def rivals(D, rng):
    """Predictions of all kinds that miss the truth `D`."""
    return {
        "surer": scaled(D, 3),
        "less sure": scaled(D, 1 / 3),
        "a little surer": scaled(D, 1.2),
        "a little less sure": 0.9 * D + 0.1 / D.shape[1],
        "noise": softmax(np.log(np.maximum(D, 1e-30)) + rng.normal(size=D.shape), axis=1),
        "modes": np.eye(D.shape[1])[D.argmax(axis=1)],
        "frequencies": np.tile(D.mean(axis=0), (len(D), 1)),
        "uniform": np.full(D.shape, 1 / D.shape[1]),
        "other labels": np.roll(D, 1, axis=1),
        "other rows": np.roll(D, 1, axis=0),
        "random": rng.dirichlet(np.ones(D.shape[1]), len(D)),
    }


# --- every metric, scorer and classifier


class Says(BaseEstimator):
    """Predicts what it is told."""

    def __init__(self, P):
        self.P = P

    def fit(self, X, y):
        self.is_fitted_ = True
        return self

    def predict(self, X):
        return self.P


@pytest.mark.parametrize("name", SCORERS)
@pytest.mark.parametrize("seed", range(5))
def test_nothing_scores_better_than_the_truth(name, seed):
    D = truths(seed)
    scorer = get_ldl_scorer(name, **options(name))

    def score(P):
        return scorer(Says(P).fit(D, D), D, D)

    others = {key: score(P) for key, P in rivals(D, np.random.default_rng(seed)).items()}
    if name.removeprefix("neg_") in OTHERS_ARE_BETTER:
        assert max(others.values()) > score(D)
    else:
        assert max(others.values()) <= score(D) + 1e-12
        assert min(others.values()) < score(D) - 1e-3


def test_metrics_are_scorers():
    """So that the tests of scorers here leave no metric out."""
    assert {name.removeprefix("neg_") for name in SCORERS} == {m.__name__ for m in METRICS}


@pytest.mark.parametrize("metric", METRICS, ids=ids)
def test_more_than_the_mode_of_the_truth_counts(metric):
    rng = np.random.default_rng(0)
    D, P = rng.dirichlet(np.ones(3), 30), rng.dirichlet(np.ones(3), 30)
    modes, more = np.eye(3)[D.argmax(axis=1)], options(metric.__name__)
    assert abs(metric(D, P, **more) - metric(modes, P, **more)) > 1e-3
    if "truth" in inspect.signature(metric).parameters:
        assert metric(D, P, truth="mode") == metric(modes, P)
        sign = 1 if metric.__name__.endswith("_score") else -1
        name = ("neg_" if sign < 0 else "") + metric.__name__
        scorer = get_ldl_scorer(name, truth="mode")
        assert scorer(Says(P).fit(D, D), D, D) == sign * metric(modes, P)


@pytest.mark.parametrize("metric", METRICS, ids=ids)
@quick
@given(seed=seeds)
def test_the_order_of_the_columns_does_not_matter(metric, seed):
    D, more = truths(seed), options(metric.__name__)
    P = truths(seed + 1)
    order = np.random.default_rng(seed).permutation(3)
    if metric.__name__ in ORDINAL:
        order = np.array([2, 1, 0])
    reordered = {key: np.array(value)[order] for key, value in more.items()}
    value = metric(D[:, order], P[:, order], **reordered)
    assert_allclose(value, metric(D, P, **more), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", sorted(ORDINAL))
def test_ordinal_metrics_see_the_order(name):
    D, P, metric = truths(0), truths(1), getattr(metrics, name)
    assert abs(metric(D[:, [1, 0, 2]], P[:, [1, 0, 2]]) - metric(D, P)) > 1e-3


@pytest.mark.parametrize("cls", CLASSIFIERS, ids=ids)
def test_classifiers_score_the_true_degree_of_their_label(cls):
    X, D = data()
    weights = np.arange(1.0, len(D) + 1)
    for model in (make(cls).fit(X, D), make(cls).fit(X, D.argmax(axis=1))):
        hit = D[np.arange(len(D)), model.predict(X)]
        assert_allclose(model.score(X, D), hit.mean())
        expected = np.average(hit, weights=weights)
        assert_allclose(model.score(X, D, sample_weight=weights), expected)
        scorer = get_ldl_scorer("neg_zero_one_loss")
        assert_allclose(model.score(X, D), 1 + scorer(model, X, D))
        with pytest.raises(ValueError, match="shapes"):
            model.score(X, D[:, :2] / D[:, :2].sum(axis=1, keepdims=True))


@pytest.mark.parametrize("cls", CLASSIFIERS, ids=ids)
def test_labels_that_tie_share_the_score(cls, monkeypatch):
    X, D = data()
    model = make(cls).fit(X, D)
    monkeypatch.setattr(cls, "_outputs", lambda self, X: np.tile([2.0, 1.0, 2.0], (len(X), 1)))
    assert_allclose(model.score(X, D), D[:, [0, 2]].mean())


@pytest.mark.parametrize(
    "cls", [cls for cls in ESTIMATORS if is_classifier(cls()) and cls not in CLASSIFIERS], ids=ids
)
def test_classifiers_of_labels_refuse_distributions(cls):
    X, D = data()
    takes_sets = cls.__name__ in ("LabelEnhancementClassifier", "MultiLabelLDLClassifier")
    model = make(cls).fit(X, (D > 0.3).astype(int) if takes_sets else D.argmax(axis=1))
    with pytest.raises(ValueError):
        model.score(X, D)


# --- calibration


@quick
@given(seed=seeds, n_labels=st.integers(2, 6), n_bins=st.integers(1, 20))
def test_the_truth_is_calibrated(seed, n_labels, n_bins):
    D = truths(seed, n_labels)
    rng = np.random.default_rng(seed)
    weights = rng.integers(0, 4, len(D)) + np.eye(len(D), dtype=int)[0]
    for sample_weight in (None, weights):
        error = expected_calibration_error(D, D, n_bins=n_bins, sample_weight=sample_weight)
        assert error <= 1e-12
    assert brier_score_loss(D, D) <= 1e-30
    assert brier_score_loss(D, D, kind="top_label") <= 1e-30
    assert expected_calibration_error(D, D.astype(np.float32), n_bins=n_bins) <= 1e-6


@quick
@given(seed=seeds, n_labels=st.integers(2, 6))
def test_the_brier_score_is_least_at_the_truth(seed, n_labels):
    D, rng = truths(seed, n_labels), np.random.default_rng(seed)
    for P in rivals(D, rng).values():
        assert brier_score_loss(D, P) >= brier_score_loss(D, D)
        for step in (0.5, 1e-2, 1e-4):
            near = (1 - step) * D + step * P
            missed = ((near - D) ** 2).sum() / len(D)
            assert_allclose(brier_score_loss(D, near), missed, rtol=1e-6, atol=1e-14)


@pytest.fixture(scope="module")
def simulated():
    """True distributions, and what is observed of them: themselves, labels and shares of votes."""
    rng = np.random.default_rng(0)
    D = softmax(1.5 * rng.normal(size=(20_000, 4)), axis=1)
    seen = {n: rng.multinomial(n, D) / n for n in (1, 5, 20, 100)}
    return D, {"the truth": D, "labels": seen[1].argmax(axis=1), **seen}


@pytest.mark.parametrize("kind", ["the truth", "labels", 1, 5, 20, 100])
def test_calibration_ranks_the_truth_first(simulated, kind):
    D, seen = simulated
    error = expected_calibration_error(seen[kind], D)
    for factor in (3, 1 / 3):
        assert expected_calibration_error(seen[kind], scaled(D, factor)) > error + 0.1


@pytest.mark.parametrize("kind", ["the truth", "labels", 1, 5, 20, 100])
@pytest.mark.parametrize("loss", [brier_score_loss, log_loss], ids=ids)
def test_proper_losses_rank_the_truth_first(simulated, loss, kind):
    D, seen = simulated
    best = loss(seen[kind], D)
    for name, P in rivals(D, np.random.default_rng(1)).items():
        assert loss(seen[kind], P) > best + 1e-4, name


def test_more_votes_do_not_make_the_truth_less_calibrated():
    rng = np.random.default_rng(0)
    D = rng.dirichlet(np.ones(5), 2000)
    errors, by_mode = [], []
    for n_votes in (1, 5, 20, 100):
        seen = [rng.multinomial(n_votes, D) / n_votes for _ in range(5)]
        errors.append(np.mean([expected_calibration_error(V, D) for V in seen]))
        by_mode.append(np.mean([expected_calibration_error(V, D, truth="mode") for V in seen]))
    assert_array_equal(np.sort(errors)[::-1], errors)
    assert errors[0] < 0.03
    assert errors[-1] < 0.005
    # The measure of papers, against the majority, does the opposite.
    assert by_mode[-1] > by_mode[-2] > by_mode[-3] > 0.1


@pytest.mark.parametrize(
    "metric",
    [expected_calibration_error, uncertainty_calibration_error, zero_one_loss, log_loss],
    ids=ids,
)
def test_distributions_are_many_labels(simulated, metric):
    """What a measure says of labels drawn from the truth, it says of the truth."""
    D, seen = simulated
    for P in (D, scaled(D, 3), scaled(D, 1 / 3)):
        assert_allclose(metric(seen[1], P), metric(D, P), atol=0.02 * max(1, metric(D, P)))


# --- the diagram


def test_the_truth_lies_on_the_diagonal():
    plotting = pytest.importorskip("sklearn_ldl.plotting")
    pytest.importorskip("matplotlib").use("agg")
    import matplotlib.pyplot as plt

    D = truths(0)
    display = plotting.ReliabilityDisplay.from_predictions(D, D)
    assert_allclose(display.accuracy, display.confidence, atol=1e-12)
    by_mode = plotting.ReliabilityDisplay.from_predictions(D, D, truth="mode")
    assert by_mode.ece == expected_calibration_error(D, D, truth="mode") > 0.05
    plt.close("all")
