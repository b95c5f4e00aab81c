"""Grids that are made from the targets alone: small enough to fit, or an error that says so."""

import numpy as np
import pytest
from sklearn.base import is_regressor

from sklearn_ldl import BFGSLDL, LabelDistributionMixin
from tests.trust.cases import ids, make
from tests.trust.fits import DISTRIBUTORS, OF_SAMPLES

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def takes_values(cls):
    return is_regressor(cls()) and not issubclass(cls, LabelDistributionMixin)


def points(n_dims):
    rng = np.random.default_rng(0)
    Y = rng.normal(size=(1000, n_dims))
    X = np.column_stack([Y, rng.normal(size=1000)])
    return X, Y[:, 0] if n_dims == 1 else Y


def fit(cls, n_dims):
    X, y = points(n_dims)
    model = make(cls)
    if "estimator" in model.get_params():
        model.set_params(estimator=BFGSLDL(max_iter=20))
    return model.fit(y) if cls in DISTRIBUTORS else model.fit(X, y)


WITH_GRIDS = [
    *(cls for cls in OF_SAMPLES if takes_values(cls) and "grid_ :" in cls.__doc__),
    *(cls for cls in DISTRIBUTORS if cls.targets == "values"),
]
# One output of a network for each kernel costs little.
MOST = {"KernelDensityRegressor": 3000}


def test_estimators_with_grids_are_found():
    names = {cls.__name__ for cls in WITH_GRIDS}
    assert names == {"GaussianLabelDistributor", "KernelDensityRegressor", "LDLRegressor"}


@pytest.mark.parametrize("n_dims", [1, 2, 3])
@pytest.mark.parametrize("cls", WITH_GRIDS, ids=ids)
def test_default_grids_are_small(cls, n_dims):
    model = fit(cls, n_dims)
    assert len(model.grid_) <= MOST.get(cls.__name__, 1000)
    X, y = points(n_dims)
    if cls in DISTRIBUTORS:
        assert model.transform(y).shape == (1000, len(model.grid_))
    else:
        assert model.predict(X).shape == y.shape
        assert model.predict_proba(X).shape == (1000, len(model.grid_))


@pytest.mark.parametrize("cls", WITH_GRIDS, ids=ids)
def test_four_dimensions_fit_or_want_a_grid(cls):
    if cls.__name__ in MOST:
        assert len(fit(cls, 4).grid_) <= 5000
        return
    with pytest.raises(ValueError, match=r"give .*(a distributor with )?a grid"):
        fit(cls, 4)
