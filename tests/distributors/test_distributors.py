import pickle

import numpy as np
import pytest
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils import estimator_checks, get_tags

from sklearn_ldl.distributors import (
    DecoupledLabelSplitter,
    GaussianLabelDistributor,
    LabelSmoother,
    MultiLabelDistributor,
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
