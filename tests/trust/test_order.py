"""The declared order of labels is the order of every ordinal measure."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from sklearn_ldl import BFGSLDL, metrics
from sklearn_ldl.distributors import vote_table_to_distribution, votes_to_distribution
from sklearn_ldl.metrics import get_ldl_scorer
from sklearn_ldl.plotting import LabelDistributionDisplay, LabelErrorDisplay, RGBSurfaceDisplay
from tests.trust.cases import data, renamed


@pytest.mark.parametrize("labels", [["10", "9", "1"], ["0.5", "10", "9.5"], [10, 9, 0.5]], ids=str)
def test_numbers_as_text_are_in_the_order_of_numbers(labels):
    for votes in (labels, pd.Series(labels), np.array(labels, dtype=object)):
        table = vote_table_to_distribution([0, 1, 2], votes)
        assert table.labels.tolist() == sorted(labels, key=float)
        assert_array_equal(table.labels[table.D.argmax(axis=1)], labels)
    levels = vote_table_to_distribution([0, 1, 2], labels, label_names=labels)
    assert levels.labels.tolist() == labels
    assert vote_table_to_distribution([0, 1], ["9", "10+"]).labels.tolist() == ["10+", "9"]


def test_a_table_of_votes_has_its_declared_order_to_the_end():
    X, D = data()
    levels = ["low", "medium", "high"]
    votes = votes_to_distribution(renamed(levels, (20 * D).round()))
    classes = np.array(levels)[D.argmax(axis=1)]
    scorer = get_ldl_scorer("neg_wasserstein_distance")
    model = BFGSLDL().fit(X, votes)
    assert model.label_names_.tolist() == levels
    assert_allclose(scorer(model, X, votes), scorer(model, X, votes.to_numpy()))
    classifier = LogisticRegression().fit(X, classes)  # high, low, medium
    P = classifier.predict_proba(X)[:, [1, 2, 0]]
    expected = metrics.wasserstein_distance(votes.to_numpy(), P)
    assert_allclose(-scorer(classifier, X, votes), expected)


def test_the_declared_order_of_class_labels_counts_in_scores_and_displays():
    levels = ["low", "unused", "medium", "high"]
    X, D = data()
    y = pd.Categorical(np.array(["low", "medium", "high"])[D.argmax(axis=1)], levels, ordered=True)
    model = LogisticRegression().fit(X, y)
    assert model.classes_.tolist() == ["high", "low", "medium"]
    P = model.predict_proba(X)[:, [1, 2, 0]]
    truth = np.eye(3)[D.argmax(axis=1)]
    scorer = get_ldl_scorer("neg_wasserstein_distance")
    expected = -metrics.wasserstein_distance(truth, P)
    assert abs(scorer(model, X, np.asarray(y)) - expected) > 1e-3
    for labels in (y, pd.Series(y), pl.Series(np.asarray(y), dtype=pl.Enum(levels))):
        assert_allclose(scorer(model, X, labels), expected)
        assert_allclose(scorer(make_pipeline(model), X, labels), expected)
    display = LabelDistributionDisplay.from_estimator(model, X, y, rows=[0, 1])
    assert list(display.labels) == ["low", "medium", "high"]
    assert_allclose(display.D_pred, P[:2])
    assert_allclose(display.D_true, truth[:2])
    errors = LabelErrorDisplay.from_estimator(model, X, y, sort=False)
    assert list(errors.labels) == ["low", "medium", "high"]
    assert_allclose(errors.mean_degree, truth.mean(axis=0))
    models = {"one": model, "two": model}
    surface = RGBSurfaceDisplay.from_estimator(models, X, y, grid_shape=(6, 10))
    assert list(surface.labels) == ["low", "medium", "high"]
    assert_allclose(list(surface.scores.values()), metrics.kl_divergence(truth, P))
