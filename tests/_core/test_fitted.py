from types import SimpleNamespace

import numpy as np
import pytest

from sklearn_ldl._core.fitted import forget
from sklearn_ldl._core.label_names import describe_labels


def test_forgets_what_is_there():
    estimator = SimpleNamespace(a_=1, b_=2)
    forget(estimator, "a_", "c_")
    assert vars(estimator) == {"b_": 2}


def test_names_of_labels_are_those_of_the_last_fit():
    pandas = pytest.importorskip("pandas")
    estimator = SimpleNamespace()
    describe_labels(estimator, pandas.DataFrame(np.eye(2), columns=["like", "dislike"]), 2)
    assert estimator.n_labels_ == 2
    assert list(estimator.label_names_) == ["like", "dislike"]
    describe_labels(estimator, np.eye(3), 3)
    assert vars(estimator) == {"n_labels_": 3}
