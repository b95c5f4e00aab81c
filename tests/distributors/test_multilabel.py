import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sklearn_ldl.distributors import (
    MultiLabelDistributor,
)


def test_states_become_weights():
    D = MultiLabelDistributor().fit_transform([[1, 0, -1, -1]])
    assert_allclose(D.round(4), [[0.7640, 0.2310, 0.0025, 0.0025]])
    D = MultiLabelDistributor(2, 1, 0.5, eps=0).fit_transform([[1, 0, -1, -1], [-1, -1, -1, -1]])
    assert_allclose(D, [[0.5, 0.25, 0.125, 0.125], [0.25] * 4])


def test_samples_without_labels():
    y = [[1, -1, -1], [-1, -1, -1], [-1, 0, -1]]
    D = MultiLabelDistributor().fit_transform(y)
    assert_allclose(D[1], 1 / 3)
    assert D[2, 1] > 0.99
    for p_neg in (0, 0.1):
        distributor = MultiLabelDistributor(p_neg=p_neg, empty="error").fit(y)
        with pytest.raises(ValueError, match="Row 1 of y has no positive or difficult label"):
            distributor.transform(y)


def test_positive_states_come_back():
    rng = np.random.default_rng(0)
    y = np.where(rng.random((50, 6)) < 0.4, 1, -1)
    distributor = MultiLabelDistributor()
    back = distributor.inverse_transform(distributor.fit_transform(y))
    assert back.dtype == np.int8
    ambiguous = (y == 1).all(axis=1)
    assert_array_equal(back[~ambiguous], y[~ambiguous])


@pytest.mark.parametrize("n_labels", range(2, 30))
def test_the_uniform_distribution_has_no_positive_label(n_labels):
    distributor = MultiLabelDistributor().fit(np.full((1, n_labels), -1))
    for states in (np.ones((1, n_labels)), -np.ones((1, n_labels))):
        assert (distributor.inverse_transform(distributor.transform(states)) == -1).all()


def test_threshold_parameter():
    distributor = MultiLabelDistributor(threshold=0.5).fit([[1, -1, -1]])
    assert_array_equal(
        distributor.inverse_transform([[0.5, 0.5, 0], [0.4, 0.6, 0]]), [[-1, -1, -1], [-1, 1, -1]]
    )


def test_booleans_are_positive_and_negative():
    L = np.array([[True, False, False], [True, True, False]])
    expected = MultiLabelDistributor().fit_transform(2 * L.astype(int) - 1)
    assert_array_equal(MultiLabelDistributor().fit_transform(L), expected)
    assert_array_equal(MultiLabelDistributor().fit_transform(pd.DataFrame(L)), expected)


@pytest.mark.parametrize(
    ("kwargs", "y", "message"),
    [
        ({}, [[1, 0, 0], [0, 1, 0]], "but no -1.*pass booleans"),
        ({}, [[1, -1], [2, -1]], "Row 1 of y has states other than -1, 0 and 1"),
        ({}, [[0.5, -1]], "Row 0 of y has states other"),
        ({}, [["+", "-"]], "Row 0 of y has states other"),
        ({}, [[np.nan, -1]], "NaN"),
        ({}, [[1], [-1]], "minimum of 2 is required"),
        ({}, [1, -1], "1D array"),
        ({"p_dif": 1}, [[1, -1]], "p_pos > p_dif > p_neg"),
        ({"p_neg": 0.5}, [[1, -1]], "p_pos > p_dif > p_neg"),
        ({"p_neg": -0.5}, [[1, -1]], "'p_neg' parameter"),
        ({"eps": 1}, [[1, -1]], "'eps' parameter"),
        ({"empty": "drop"}, [[1, -1]], "'empty' parameter"),
        ({"threshold": 2}, [[1, -1]], "'threshold' parameter"),
    ],
)
def test_bad_states_and_settings(kwargs, y, message):
    with pytest.raises(ValueError, match=message):
        MultiLabelDistributor(**kwargs).fit(y)


def test_a_batch_may_lack_negative_states_but_not_columns():
    distributor = MultiLabelDistributor().fit([[1, 0, -1]])
    assert_allclose(distributor.transform([[1, 0, 1]]).sum(), 1)
    with pytest.raises(ValueError, match="y has 2 columns, but fit saw 3"):
        distributor.transform([[1, -1]])
    with pytest.raises(ValueError, match="D has 2 columns"):
        distributor.inverse_transform([[0.5, 0.5]])
