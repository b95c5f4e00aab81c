"""The declared order of labels is the order of every ordinal measure."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import LogisticRegression

from sklearn_ldl import BFGSLDL, metrics
from sklearn_ldl.distributors import vote_table_to_distribution, votes_to_distribution
from sklearn_ldl.metrics import get_ldl_scorer
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
