"""The list for skops, and what it makes of every estimator of the core."""

import subprocess
import sys
import warnings
from importlib import import_module

import pytest
import skops.io
from numpy.testing import assert_array_equal
from scipy.sparse import issparse
from sklearn import config_context
from sklearn.base import BaseEstimator
from sklearn.ensemble import BaggingRegressor, ExtraTreesRegressor, RandomForestRegressor
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ldl import BFGSLDL, BFGSLDLCV, AutoLDL, KNeighborsLDL, LDLClassifier, StackingLDL
from sklearn_ldl._core.plain_state import PlainState
from sklearn_ldl.datasets import make_ldl
from sklearn_ldl.deploy import skops_types
from sklearn_ldl.deploy.types import is_trusted
from sklearn_ldl.metrics import get_ldl_scorer
from tests.test_common import ESTIMATORS
from tests.test_pickles import build, training_data

TYPES = skops_types()
CORE = [cls for cls in ESTIMATORS if ".deep" not in cls.__module__]


def reloaded(model, trusted=TYPES):
    return skops.io.loads(skops.io.dumps(model), trusted=trusted)


def fitted(estimator, n=60):
    arguments = training_data(estimator, n)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # not converged, for example
        return estimator.fit(*arguments), arguments


def results(model, arguments):
    """What a model says of the rows that it was fitted to, by every method that it has."""
    if type(model).__name__ == "RaterModel":
        table = model.transform(*arguments)
        return {"distributions": table.D, "confusion": model.confusion_}
    found = {
        method: getattr(model, method)(arguments[0])
        for method in ("predict", "predict_proba", "transform")
        if hasattr(model, method)
    }
    return {name: R.toarray() if issparse(R) else R for name, R in found.items()}


@pytest.mark.parametrize("cls", CORE, ids=lambda cls: cls.__name__)
def test_every_estimator_of_the_core_loads_with_the_list_alone(cls):
    model, arguments = fitted(build(cls))
    loaded = reloaded(model)
    assert type(loaded) is cls
    assert vars(loaded).keys() == vars(model).keys()
    expected = results(model, arguments)
    for name, found in results(loaded, arguments).items():
        assert type(found) is type(expected[name])
        assert_array_equal(found, expected[name])
    assert expected or cls.__name__.endswith("Enhancer")


@pytest.mark.parametrize(
    "model",
    [
        make_pipeline(StandardScaler(), KNeighborsLDL(algorithm="ball_tree")),
        BaggingRegressor(BFGSLDL(), n_estimators=2, random_state=0),
        BFGSLDLCV(alphas=2, cv=KFold(2), scoring=get_ldl_scorer("neg_clark_distance")),
        StackingLDL(
            [
                ("forest", RandomForestRegressor(2, random_state=0)),
                ("extra", make_pipeline(StandardScaler(), KNeighborsLDL())),
            ],
            cv=2,
        ),
        AutoLDL(
            candidates=["neighbors", "extra-trees", "boosting"],
            cv=2,
            time_limit=None,
            random_state=0,
        ),
    ],
    ids=lambda model: type(model).__name__,
)
def test_pipelines_and_wrappers_load_with_the_list_alone(model):
    X, D = make_ldl(50, random_state=0)
    model.fit(X, D)
    assert_array_equal(reloaded(model).predict(X), model.predict(X))


def test_the_best_of_a_search_loads_and_the_search_needs_types_of_scikit_learn():
    X, D = make_ldl(50, random_state=0)
    scoring = get_ldl_scorer("neg_kl_divergence")
    search = GridSearchCV(BFGSLDL(), {"alpha": [0.1, 0.01]}, cv=2, scoring=scoring).fit(X, D)
    assert_array_equal(reloaded(search.best_estimator_).predict(X), search.predict(X))
    others = set(skops.io.get_untrusted_types(data=skops.io.dumps(search))) - set(TYPES)
    assert all(name.startswith("sklearn.") for name in others)  # such as its folds
    loaded = reloaded(search, [*TYPES, *others])
    assert loaded.score(X, D) == search.score(X, D)


def test_metadata_requests_are_kept():
    with config_context(enable_metadata_routing=True):
        X, D = make_ldl(30, random_state=0)
        learner = BFGSLDL().set_fit_request(sample_weight=True)
        model = LDLClassifier(learner).fit(X, D.argmax(axis=1))
        request = str(model.get_metadata_routing())
        assert "True" in request
        assert str(reloaded(model).get_metadata_routing()) == request


def test_random_forests_keep_their_identity():
    X, D = make_ldl(40, random_state=0)
    model = StackingLDL([("forest", ExtraTreesRegressor(2, random_state=0))], cv=2).fit(X, D)
    loaded = reloaded(model)
    assert loaded.named_estimators_["forest"] is loaded.estimators_[0]


def classes():
    for path in TYPES:
        module, _, name = path.rpartition(".")
        yield getattr(import_module(module), name)


def test_the_list_holds_classes_of_this_package_that_run_nothing():
    for cls in classes():
        assert cls.__module__.startswith("sklearn_ldl.")
        for base in cls.__mro__:
            root = base.__module__.partition(".")[0]
            assert root in ("builtins", "sklearn_ldl", "sklearn"), (cls, base)
        is_record = cls.__bases__ == (tuple,)
        assert is_record or issubclass(cls, (BaseEstimator, PlainState)), cls
        assert cls.__reduce__ is object.__reduce__, cls
        assert cls.__reduce_ex__ is object.__reduce_ex__, cls
        state = getattr(cls, "__setstate__", PlainState.__setstate__)
        assert state in (PlainState.__setstate__, BaseEstimator.__setstate__), cls
        assert is_trusted(f"{cls.__module__}.{cls.__name__}")
    assert len(TYPES) > len(CORE)
    assert sorted(TYPES) == TYPES


@pytest.mark.parametrize(
    "path",
    [
        "os.system",
        "sklearn_ldl.metrics.divergences.kl_divergence",
        "sklearn_ldl.datasets.fetchers.fetch_ldl",
        "sklearn_ldl.compare.cache.Cache",
        "sklearn_ldl.deploy.types.import_module",
        "sklearn_ldl.linear.maxent.BaseEstimator",
        "sklearn_ldl.deep.training.net.LDLNet",
        "sklearn_ldl.no_such.Thing",
        "sklearn_ldl._core.extras.MissingExtraError",
        "BFGSLDL",
    ],
)
def test_anything_else_is_not_trusted(path):
    assert not is_trusted(path)
    assert path not in TYPES


def test_linear_models_load_without_torch():
    code = (
        "import sys; from sklearn_ldl.deploy.types import is_trusted; "
        "assert is_trusted('sklearn_ldl.linear.maxent.BFGSLDL'); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
