import pickle

import numpy as np
import pandas as pd
import pytest
import sklearn
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import rel_entr
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.exceptions import NotFittedError
from sklearn.neighbors import KNeighborsRegressor
from sklearn.utils import estimator_checks, get_tags

from sklearn_ldl import check_distribution
from sklearn_ldl._simplex import normalize
from sklearn_ldl.distributors import (
    DecoupledLabelSplitter,
    GaussianLabelDistributor,
    LabelSmoother,
    MultiLabelDistributor,
    smooth_labels,
    split_dominant,
)

DISTRIBUTORS = {
    "gaussian": (GaussianLabelDistributor(), np.array([1.0, 2.0, 4.0])),
    "smoother": (LabelSmoother(), np.array(["b", "a", "c"])),
    "multilabel": (MultiLabelDistributor(), np.array([[1, -1, -1], [-1, 1, -1], [1, 0, -1]])),
    "splitter": (DecoupledLabelSplitter(), np.array([[0.5, 0.5], [0.2, 0.8], [1, 0]])),
}
each_distributor = pytest.mark.parametrize(
    ("distributor", "y"), DISTRIBUTORS.values(), ids=DISTRIBUTORS
)

distributions = st.integers(2, 8).flatmap(
    lambda n_labels: arrays(float, (4, n_labels), elements=st.floats(0, 1)).map(normalize)
)


# ------------------------------------------------------------------ all transformers


@pytest.mark.parametrize(
    "check",
    [
        estimator_checks.check_estimator_cloneable,
        estimator_checks.check_estimator_repr,
        estimator_checks.check_get_params_invariance,
        estimator_checks.check_mixin_order,
        estimator_checks.check_no_attributes_set_in_init,
        estimator_checks.check_parameters_default_constructible,
        estimator_checks.check_set_params,
    ],
    ids=lambda check: check.__name__,
)
@each_distributor
def test_estimator_checks_that_need_no_features(distributor, y, check):
    check(type(distributor).__name__, clone(distributor))


@each_distributor
def test_tags_say_that_targets_are_transformed(distributor, y):
    tags = get_tags(distributor)
    assert tags.transformer_tags is not None
    assert tags.target_tags.one_d_labels
    assert not tags.input_tags.two_d_array


@each_distributor
def test_fit_accepts_a_second_argument_and_fit_transform_agrees(distributor, y):
    distributor = clone(distributor)
    transformed = distributor.fit(y, None).transform(y)
    assert_array_equal(distributor.fit_transform(y), transformed)
    assert_array_equal(distributor.fit_transform(y, np.ones((3, 2))), transformed)


@each_distributor
def test_targets_stay_arrays_under_any_output_configuration(distributor, y):
    with sklearn.config_context(transform_output="pandas"):
        assert type(clone(distributor).fit_transform(y)) is np.ndarray


@each_distributor
def test_unfitted(distributor, y):
    distributor = clone(distributor)
    with pytest.raises(NotFittedError):
        distributor.transform(y)
    with pytest.raises(NotFittedError):
        distributor.inverse_transform(np.eye(3))


@each_distributor
def test_pickled_and_cloned_distributors_agree(distributor, y):
    fitted = clone(distributor).fit(y)
    again = clone(fitted).fit(y)
    restored = pickle.loads(pickle.dumps(fitted))
    D = fitted.transform(y)
    assert_array_equal(again.transform(y), D)
    assert_array_equal(restored.transform(y), D)
    assert_array_equal(restored.inverse_transform(D), fitted.inverse_transform(D))


@each_distributor
def test_one_row_and_no_change_of_the_input(distributor, y):
    before = y.copy()
    fitted = clone(distributor).fit(y)
    D = fitted.transform(y)
    copy = D.copy()
    fitted.inverse_transform(D)
    assert_array_equal(y, before)
    assert_array_equal(D, copy)
    assert_allclose(fitted.transform(y[:1]), D[:1])


@each_distributor
def test_only_sigma_is_routable_metadata(distributor, y):
    routing = distributor.get_metadata_routing()
    assert not routing.fit.requests
    assert not routing.inverse_transform.requests
    names = {"sigma"} if isinstance(distributor, GaussianLabelDistributor) else set()
    assert set(routing.transform.requests) == names


# ------------------------------------------------------------------ smoothing


def test_uniform_and_exclusive_smoothing():
    D = [[1, 0, 0, 0], [0.5, 0.5, 0, 0]]
    assert_allclose(smooth_labels(D, 0.2), [[0.85, 0.05, 0.05, 0.05], [0.45, 0.45, 0.05, 0.05]])
    assert_allclose(
        smooth_labels(D, 0.3, kind="exclusive"), [[0.7, 0.1, 0.1, 0.1], [0.4, 0.4, 0.1, 0.1]]
    )


@given(distributions, st.floats(0, 1))
@settings(max_examples=50, deadline=None)
def test_the_two_kinds_agree_after_rescaling_alpha(D, alpha):
    n_labels = D.shape[1]
    uniform = smooth_labels(D, alpha)
    exclusive = smooth_labels(D, alpha * (n_labels - 1) / n_labels, kind="exclusive")
    assert_allclose(uniform, exclusive, atol=1e-14)
    assert_allclose(uniform.sum(axis=1), 1, rtol=1e-12)
    assert (smooth_labels(D, alpha, kind="exclusive") >= -1e-15).all()


def test_the_ends_of_alpha():
    D = np.array([[0.2, 0.8], [1, 0]])
    assert_array_equal(smooth_labels(D, 0), D)
    assert_array_equal(smooth_labels(D, 1), np.full((2, 2), 0.5))
    assert_allclose(smooth_labels(D, 1, kind="exclusive"), 1 - D)


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"alpha": 1.1}, "'alpha' parameter"),
        ({"alpha": -0.1}, "'alpha' parameter"),
        ({"kind": "other"}, "'kind' parameter"),
    ],
)
def test_bad_smoothing_parameters(kwargs, message):
    with pytest.raises(ValueError, match=message):
        smooth_labels([[0.5, 0.5]], **kwargs)
    with pytest.raises(ValueError, match=message):
        LabelSmoother(**kwargs).fit([0, 1])


@pytest.mark.parametrize(
    "y",
    [
        np.array([3, 1, 1, 7]),
        np.array(["b", "a", "a", "c"]),
        np.array(["b", "a", "a", "c"], dtype=object),
        np.array([True, False, False, True]),
        np.array([1.0, 0.0, 2.0, 0.0], dtype=np.float32),
        pd.Series(["b", "a", "a", "c"]),
        pd.Series(["b", "a", "a", "c"], dtype="category"),
        ["b", "a", "a", "c"],
        np.array([[3], [1], [1], [7]]),
    ],
    ids=lambda y: type(y).__name__ + str(getattr(y, "dtype", "")),
)
@pytest.mark.parametrize("kind", ["uniform", "exclusive"])
def test_labels_of_any_type_come_back(y, kind):
    smoother = LabelSmoother(0.2, kind=kind).fit(y)
    D = smoother.transform(y)
    assert_array_equal(smoother.classes_, np.unique(np.asarray(y)))
    assert smoother.n_labels_ == len(smoother.classes_)
    assert_allclose(D.sum(axis=1), 1, rtol=1e-12)
    back = smoother.inverse_transform(D)
    assert back.dtype == np.asarray(y).dtype
    assert_array_equal(back, np.asarray(y))


def test_smoothed_degrees_and_one_hot():
    y = [0, 1, 2, 3]
    assert_array_equal(LabelSmoother(0).fit_transform(y), np.eye(4))
    D = LabelSmoother(0.1).fit_transform(y)
    assert_allclose(np.diag(D), 0.925)
    assert_allclose(D[0, 1:], 0.025)
    assert_allclose(np.diag(LabelSmoother(0.1, kind="exclusive").fit_transform(y)), 0.9)


def test_unknown_labels_are_named():
    smoother = LabelSmoother().fit([1, 2])
    with pytest.raises(ValueError, match=r"y contains unknown labels: \[3, 5\]"):
        smoother.transform([1, 5, 3])
    with pytest.raises(ValueError, match=r"unknown labels: \['1'\]"):
        smoother.transform(["1"])


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([1, 1, 1], "at least 2 classes, got one class"),
        ([0.5, 1.7, 2.2], "continuous"),
        ([1.0, np.nan, 2.0], "y has missing entries"),
        (np.array(["a", None, "b"], dtype=object), "y has missing entries or mixes types"),
        (np.array(["a", 1, "b"], dtype=object), "mixes types"),
        (pd.Series(["a", pd.NA, "b"], dtype="string"), "missing entries"),
        (np.eye(3), "1d array"),
        ([], "class"),
    ],
)
def test_bad_labels(y, message):
    with pytest.raises(ValueError, match=message):
        LabelSmoother().fit(y)


def test_many_classes_do_not_warn(recwarn):
    LabelSmoother().fit(np.arange(1000).repeat(3))
    assert not len(recwarn)


# ------------------------------------------------------------------ multi-label states


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


# ------------------------------------------------------------------ dominant and rest


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
