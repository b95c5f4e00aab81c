"""What every deep estimator keeps: its promises as a scikit-learn citizen, one test each."""

import pickle

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal, assert_equal
from sklearn.base import clone, is_classifier
from sklearn.datasets import make_blobs
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ldl import LabelDistributionMixin
from sklearn_ldl.deep.estimator import DeepEstimator
from tests.test_common import ESTIMATORS

DEEP = [cls for cls in ESTIMATORS if issubclass(cls, DeepEstimator)]
EXTRA = {"OGRClassifier": {"gap": 1}}


@pytest.fixture(params=DEEP, ids=lambda cls: cls.__name__)
def estimator(request):
    return build(request.param, dropout=0.2, max_epochs=4)


def build(cls, **settings):
    """A small estimator, with those of the settings that it knows."""
    settings |= {"hidden_layer_sizes": (8,), "hidden_dim": 8, "random_state": 0}
    known = cls().get_params()
    settings = {name: value for name, value in settings.items() if name in known}
    return cls(**settings, **EXTRA.get(cls.__name__, {}))


def problem(estimator):
    """Features, targets of the kind that the estimator wants, and parameters of fit."""
    X, y = make_blobs(60, centers=3, n_features=4, random_state=0)
    if type(estimator).__name__ == "AuxGraphLDLClassifier":
        return X, y, {"aux": X[:, :2]}
    if isinstance(estimator, LabelDistributionMixin):
        return X, np.eye(3)[y] * 0.7 + 0.1, {}
    return X, y if is_classifier(estimator) else X[:, 0] + 0.1 * y, {}


def grid_search(estimator, **settings):
    X, y, params = problem(estimator)
    search = GridSearchCV(estimator, {"lr": [1e-3, 3e-2]}, cv=2, error_score="raise", **settings)
    return search.fit(X, y, **params)


def test_there_are_deep_estimators():
    assert len(DEEP) >= 9


def test_same_seed_same_result_and_no_other_random_state_moves(estimator):
    X, y, params = problem(estimator)
    before = np.random.get_state(), torch.get_rng_state()  # noqa: NPY002
    first = clone(estimator).fit(X, y, **params)
    again = first.predict(X)
    assert_array_equal(clone(estimator).fit(X, y, **params).predict(X), again)
    assert_array_equal(first.fit(X, y, **params).predict(X), again)
    assert_equal(np.random.get_state(), before[0])  # noqa: NPY002
    assert torch.equal(torch.get_rng_state(), before[1])


def test_torchs_default_precision_may_be_double(estimator):
    X, y, params = problem(estimator)
    torch.set_default_dtype(torch.float64)
    try:
        fitted = clone(estimator).fit(X, y, **params)
        fitted.predict(X)
    finally:
        torch.set_default_dtype(torch.float32)
    assert {weight.dtype for weight in fitted.net_.module_.parameters()} == {torch.float64}
    P = fitted.predict(X)
    assert np.isfinite(P).all() if P.dtype.kind == "f" else set(P) <= set(y)


def test_other_seeds_other_results(estimator):
    X, y, params = problem(estimator)
    proba = "predict_proba" if hasattr(estimator, "predict_proba") else "predict"
    fits = [clone(estimator).set_params(random_state=seed).fit(X, y, **params) for seed in (0, 1)]
    assert (getattr(fits[0], proba)(X) != getattr(fits[1], proba)(X)).any()


def test_pickle(estimator):
    X, y, params = problem(estimator)
    estimator.fit(X, y, **params)
    loaded = pickle.loads(pickle.dumps(estimator))
    assert_array_equal(loaded.predict(X), estimator.predict(X))
    assert loaded.score(X, y) == estimator.score(X, y)


def test_pipeline(estimator):
    X, y, params = problem(estimator)
    pipeline = make_pipeline(StandardScaler(), estimator)
    name = pipeline.steps[-1][0]
    pipeline.fit(X, y, **{f"{name}__{key}": value for key, value in params.items()})
    alone = clone(estimator).fit(StandardScaler().fit_transform(X), y, **params)
    assert_array_equal(pipeline.predict(X), alone.predict(StandardScaler().fit_transform(X)))


def test_grid_search(estimator):
    search = grid_search(estimator)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    X, _, _ = problem(estimator)
    assert len(search.predict(X)) == len(X)


def test_jobs_do_not_change_results():
    # One test for all: the workers take their time to import torch.
    for cls in DEEP:
        estimator = build(cls, max_epochs=3)
        scores = [
            grid_search(estimator, n_jobs=n_jobs).cv_results_["mean_test_score"]
            for n_jobs in (1, 2)
        ]
        assert_array_equal(*scores, err_msg=cls.__name__)
