"""Subclasses of the deep estimators, by the idioms of Python and scikit-learn, lose nothing."""

import inspect
import pickle
import re
from numbers import Integral

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone, is_classifier
from sklearn.datasets import make_blobs
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.utils.estimator_checks import check_estimator

pytest.importorskip("skorch")

from sklearn_ldl import (
    CPNN,
    DeepLDLClassifier,
    DeepLDLRegressor,
    DeepRegressor,
    LabelDistributionMixin,
    OFRRegressor,
)
from sklearn_ldl._core.sklearn_compat import Interval, InvalidParameterError
from sklearn_ldl.deep import PRESETS, DeepDistributionRegressor, DeepValueRegressor
from sklearn_ldl.deep.losses.distributions import kl_divergence
from sklearn_ldl.deep.parameter_table import NET_PARAMETERS
from sklearn_ldl.deep.parameters import NetConstructor
from sklearn_ldl.testing import as_regressor, expected_failures, skipped_checks
from tests.deep import single_net


class Plain(DeepLDLRegressor):
    """The plain idiom."""

    def __init__(self, module=None, *, own=1.0, **net):
        super().__init__(module, **net)
        self.own = own


class PlainClassifier(DeepLDLClassifier):
    """The plain idiom, on labels."""

    def __init__(self, module=None, *, own=1.0, **net):
        super().__init__(module, **net)
        self.own = own


class PlainValues(DeepRegressor):
    """The plain idiom, on values."""

    def __init__(self, module=None, *, own=1.0, **net):
        super().__init__(module, **net)
        self.own = own


class Bare(DeepLDLRegressor):
    """Nothing of its own."""


class OtherDefaults(DeepLDLRegressor, defaults={"lr": 0.5, "max_epochs": 3}):
    """Other defaults and no constructor."""


class Restated(Plain, omit=["label_smoothing", "compile"], defaults={"max_epochs": 3, "lr": 0.02}):
    """Other defaults and fewer parameters, behind a constructor of its own."""

    label_smoothing, compile = 0.0, False

    def __init__(self, module=None, *, more=None, **net):
        super().__init__(module, **net)
        self.more = more


class OfSubclass(Restated):
    """One more parameter, in the third generation."""

    _parameter_constraints = {"third": [Interval(Integral, 0, None, closed="left")]}

    def __init__(self, module=None, *, third=3, **net):
        super().__init__(module, **net)
        self.third = third


class Positional(OFRRegressor):
    """A positional parameter of its own, before that of its base class."""

    def __init__(self, strength=1.0, *, reshape="fl", **net):
        super().__init__(reshape, **net)
        self.strength = strength


class LastSay(DeepLDLRegressor):
    """Another default by a constructor alone."""

    def __init__(self, module=None, *, lr=0.5, **net):
        super().__init__(module, lr=lr, **net)


class Fixed(DeepLDLRegressor, omit=["loss"]):
    """A parameter that is fixed by a class attribute."""

    loss = "mse"


class Few(DeepLDLRegressor):
    """A constructor without the parameters of the net."""

    def __init__(self, lr=0.5):
        super().__init__(lr=lr, max_epochs=3, random_state=0)


class Noise:
    """A mixin with a parameter, which passes on the others."""

    def __init__(self, *args, noise=0.0, **others):
        super().__init__(*args, **others)
        self.noise = noise


class NoisyMixin:
    """A mixin with a parameter, and without positional ones."""

    def __init__(self, *, noise=0.0, **others):
        super().__init__(**others)
        self.noise = noise


class Mixed(NoisyMixin, Plain):
    """A mixin, and no constructor."""


class Left(Plain):
    def __init__(self, *, left=1, **net):
        super().__init__(**net)
        self.left = left


class Right(Plain):
    def __init__(self, *, right=2, **net):
        super().__init__(**net)
        self.right = right


class Diamond(Left, Right):
    """Two base classes, each with parameters."""


class OwnKernel(CPNN):
    """Of a class without a module."""

    def __init__(self, label_encoding="ordinal", *, own=1.0, **net):
        super().__init__(label_encoding, **net)
        self.own = own


class Hook(DeepDistributionRegressor, omit=["loss"]):
    """What it minimises, and a parameter of that."""

    def __init__(self, module=None, *, power=2.0, **net):
        super().__init__(module, **net)
        self.power = power

    def _losses(self, data):
        return lambda Z, D: (Z.softmax(1) - D).abs().pow(self.power).sum(1)


# Class, and parameters that differ from the defaults.
CASES = {
    Plain: {"own": 2.0, "lr": 0.3, "random_state": 4},
    PlainClassifier: {"own": 2.0, "lr": 0.3, "augment": "mixup"},
    PlainValues: {"own": 2.0, "lr": 0.3, "loss": "l1"},
    Bare: {"lr": 0.3, "logit_adjustment": 1.0},
    OtherDefaults: {"lr": 0.3, "dropout": 0.1},
    Restated: {"own": 2.0, "more": 1, "lr": 0.3, "batch_size": 7},
    OfSubclass: {"own": 2.0, "more": 1, "third": 5, "lr": 0.3},
    Positional: {"strength": 2.0, "reshape": "cb", "gamma": 1.0, "lr": 0.3},
    LastSay: {"lr": 0.3, "loss": "mse"},
    Fixed: {"lr": 0.3},
    Few: {"lr": 0.3},
    Mixed: {"noise": 1.0, "own": 2.0, "lr": 0.3},
    Diamond: {"left": 3, "right": 4, "own": 2.0, "lr": 0.3},
    OwnKernel: {"own": 2.0, "hidden_dim": 5, "lr": 0.3, "max_epochs": 3},
    Hook: {"power": 1.5, "lr": 0.3},
}
SMALL = {"hidden_layer_sizes": (4,), "hidden_dim": 4, "max_epochs": 3, "random_state": 0}


@pytest.fixture(params=CASES, ids=lambda cls: cls.__name__)
def cls(request):
    return request.param


@pytest.fixture
def changed(cls):
    return cls(**CASES[cls])


@pytest.fixture
def small(cls):
    known = inspect.signature(cls).parameters
    return cls(**{name: value for name, value in SMALL.items() if name in known})


def problem(estimator):
    X, y = make_blobs(40, centers=3, n_features=3, random_state=0)
    if isinstance(estimator, LabelDistributionMixin):
        return X, np.eye(3)[y] * 0.7 + 0.1
    return X, y if is_classifier(estimator) else X[:, 0] + 0.1 * y


def test_get_params_knows_all_parameters(cls, changed):
    params = changed.get_params(deep=False)
    assert params.items() >= CASES[cls].items()
    assert params.keys() == inspect.signature(cls).parameters.keys()
    assert params.keys() >= {"lr"}
    defaults = {name: p.default for name, p in inspect.signature(cls).parameters.items()}
    assert cls().get_params(deep=False) == defaults
    assert {name: getattr(changed, name) for name in params} == params


def test_clone_and_pickle_keep_all_parameters(changed):
    params = changed.get_params()
    assert clone(changed).get_params() == params
    assert pickle.loads(pickle.dumps(changed)).get_params() == params
    assert clone(clone(changed)).get_params() == params


def test_set_params_changes_what_it_names_alone(cls, changed):
    before = changed.get_params()
    after = cls().set_params(**CASES[cls]).get_params()
    assert after == before
    with pytest.raises(ValueError, match="Invalid parameter 'nonsense'"):
        changed.set_params(nonsense=1)


def test_repr_shows_what_differs_from_the_defaults(cls, changed):
    assert repr(cls()) == f"{cls.__name__}()"
    shown = re.findall(r"(\w+)=", repr(changed))
    assert sorted(shown) == sorted(CASES[cls])


def test_unknown_keywords_are_refused(cls):
    with pytest.raises(TypeError, match="unexpected keyword argument 'learning_rate'"):
        cls(learning_rate=0.1)


def test_grid_search_fits_what_it_says(cls, small):
    X, y = problem(small)
    search = GridSearchCV(small, {"lr": [1e-9, 0.1]}, cv=2, error_score="raise").fit(X, y)
    expected = {**small.get_params(), **search.best_params_}
    assert search.best_estimator_.get_params() == expected
    for lr, scores in zip([1e-9, 0.1], zip(*split_scores(search), strict=True), strict=True):
        by_hand = cls(**{**small.get_params(), "lr": lr})
        assert_array_equal(cross_val_score(by_hand, X, y, cv=2), scores)


def split_scores(search):
    return [search.cv_results_[f"split{split}_test_score"] for split in range(2)]


def test_fitted_models_pickle(small):
    X, y = problem(small)
    loaded = pickle.loads(pickle.dumps(small.fit(X, y)))
    assert_array_equal(loaded.predict(X), small.predict(X))


@pytest.mark.parametrize("own", [1.0, 5.0])
def test_what_is_not_used_does_not_change_training(own):
    X, D = problem(Plain())
    expected = DeepLDLRegressor(**{**SMALL_NET, "lr": 0.3}).fit(X, D).predict(X)
    assert_array_equal(Plain(own=own, lr=0.3, **SMALL_NET).fit(X, D).predict(X), expected)


SMALL_NET = {"hidden_layer_sizes": (4,), "max_epochs": 3, "random_state": 0}
CHECKED = [Plain, PlainClassifier, PlainValues, Restated, OfSubclass, Positional, Hook]


@pytest.mark.filterwarnings("ignore:invalid value encountered in cast:RuntimeWarning:sklearn")
@pytest.mark.parametrize("cls", CHECKED)
def test_scikit_learn_suite(cls):
    estimator = cls(max_epochs=10, random_state=0)
    # What may fail by chance is no failure either.
    failing = {**expected_failures(estimator), **skipped_checks(estimator)}
    if isinstance(estimator, LabelDistributionMixin):
        estimator = as_regressor(estimator)
    results = check_estimator(estimator, on_skip=None, expected_failed_checks=failing)
    assert sum(result["status"] == "passed" for result in results) > 40


# The signature


def test_parameters_of_the_net_come_behind_those_of_the_class():
    names = list(inspect.signature(Plain).parameters)
    assert names[:4] == ["module", "own", "logit_adjustment", "augment"]
    assert set(names) == NET_PARAMETERS.keys() | {"own", "logit_adjustment", "augment", "grid"}
    assert list(inspect.signature(Positional).parameters)[:3] == ["strength", "reshape", "gamma"]


def test_what_is_passed_on_is_named():
    kinds = {name: p.kind for name, p in inspect.signature(Positional).parameters.items()}
    assert kinds.pop("strength") is inspect.Parameter.POSITIONAL_OR_KEYWORD
    assert set(kinds.values()) == {inspect.Parameter.KEYWORD_ONLY}
    for cls in (Bare, OtherDefaults, Fixed):
        kind = inspect.signature(cls).parameters["module"].kind
        assert kind is inspect.Parameter.POSITIONAL_OR_KEYWORD
        assert cls("net").module == "net"
        with pytest.raises(TypeError, match="positional argument"):
            cls("net", (100,))


def test_values_are_stored_as_they_are():
    groups = [("head.*", {"lr": 1.0})]
    assert Plain(param_groups=groups).param_groups is groups
    assert OtherDefaults().hidden_layer_sizes is DeepLDLRegressor().hidden_layer_sizes


def test_defaults_are_those_of_the_class_and_of_none_of_its_relatives():
    assert (OtherDefaults().lr, OtherDefaults().max_epochs) == (0.5, 3)
    assert (OfSubclass().lr, OfSubclass().max_epochs) == (0.02, 3)
    assert Plain().lr == DeepLDLRegressor().lr == PRESETS["tabular"]["lr"]
    assert Positional().lr == OFRRegressor().lr == 1e-3
    assert LastSay().lr == 0.5


def test_parameters_that_are_left_out_are_refused_and_class_attributes_say_their_value():
    with pytest.raises(TypeError, match="unexpected keyword argument 'label_smoothing'"):
        OfSubclass(label_smoothing=0.1)
    with pytest.raises(TypeError, match="unexpected keyword argument 'module'"):
        CPNN(module=None)
    assert "label_smoothing" not in OfSubclass().get_params()
    assert OfSubclass().label_smoothing == 0.0
    X, D = problem(Fixed())
    expected = DeepLDLRegressor(loss="mse", **SMALL_NET).fit(X, D).predict(X)
    assert_array_equal(Fixed(**SMALL_NET).fit(X, D).predict(X), expected)


def test_constraints_are_those_of_all_classes_and_the_last_one_wins():
    X, D = problem(OfSubclass())
    for name, value in {"third": -1, "lr": 0, "logit_adjustment": -1}.items():
        with pytest.raises(InvalidParameterError, match=f"'{name}' parameter of OfSubclass"):
            OfSubclass(**{name: value}).fit(X, D)

    class Lenient(DeepLDLRegressor):
        _parameter_constraints = {"lr": [None]}

    assert Lenient._parameter_constraints["lr"] == [None]
    assert DeepLDLRegressor._parameter_constraints["lr"] == NET_PARAMETERS["lr"].constraints
    assert "loss" not in Fixed._parameter_constraints
    assert DeepRegressor._parameter_constraints["loss"] != NET_PARAMETERS["loss"].constraints


def test_mistakes_in_a_class_statement_are_errors():
    message = re.escape("unknown net parameters: ['epochs', 'los']")
    with pytest.raises(TypeError, match=message):

        class Misspelt(DeepLDLRegressor, omit=["los"], defaults={"epochs": 3}):
            pass

    with pytest.raises(TypeError, match=re.escape("unknown net parameters: ['loss']")):

        class Twice(DeepValueRegressor, omit=["loss"]):
            pass

    with pytest.raises(TypeError, match=re.escape("a constructor states ['module'] itself")):

        class Stated(DeepLDLRegressor, omit=["module"]):
            pass

    with pytest.raises(TypeError, match=re.escape("a constructor states ['lr'] itself")):

        class Contradictory(LastSay, defaults={"lr": 0.1}):
            pass


def test_variable_arguments_are_refused_as_scikit_learn_does():
    class Variable(Noise, DeepLDLRegressor):
        pass

    with pytest.raises(RuntimeError, match="should always specify their parameters"):
        Variable().get_params()


class Documented(NetConstructor, omit=["loss"], defaults={"max_epochs": 3}):
    """Estimator.

    Parameters
    ----------
    own : float, default=1.0
        Its own.
    <net parameters>

    Attributes
    ----------
    none : None
        There are none.
    """

    def __init__(self, module=None, *, own=1.0, lr=0.5, **net):
        super().__init__(module, lr=lr, **net)
        self.own = own


def test_documentation_of_the_net_takes_the_place_that_is_kept_for_it():
    text, _ = Documented.__doc__.split("    Attributes\n")
    documented = re.findall(r"^    (\w+) : .*", text, flags=re.MULTILINE)
    assert documented[:2] == ["module", "own"]
    assert sorted(documented) == sorted(inspect.signature(Documented).parameters)
    assert re.search(r"max_epochs : int, default=3\n", text)
    assert re.search(r"lr : float, default=0.5\n", text)
    assert Plain.__doc__ == "The plain idiom."


# What is minimised


def test_bases_ask_for_what_is_minimised():
    X, D = problem(Hook())
    with pytest.raises(NotImplementedError, match="DeepDistributionRegressor does not say"):
        DeepDistributionRegressor().fit(X, D)


def test_the_hook_alone_makes_an_estimator():
    class Divergence(DeepDistributionRegressor):
        def _losses(self, data):
            return kl_divergence

    X, D = problem(Hook())
    expected = single_net(DeepLDLRegressor, **SMALL_NET).fit(X, D)
    fitted = Divergence(**SMALL_NET).fit(X, D)
    assert_array_equal(fitted.predict(X), expected.predict(X))
    assert_array_equal(fitted.history_["train_loss"], expected.history_["train_loss"])


def test_what_is_neither_passed_on_nor_stored_is_missing():
    class Forgetful(DeepLDLRegressor):
        def __init__(self, module=None, *, lr=0.5, **net):
            super().__init__(module, **net)

    estimator = Forgetful(lr=0.3)
    with pytest.raises(AttributeError, match="no attribute 'lr'"):
        estimator.get_params()


def test_what_is_stored_need_not_be_passed_on():
    class Storing(DeepLDLRegressor):
        def __init__(self, module=None, *, lr=0.5, **net):
            super().__init__(module, **net)
            self.lr = lr

    assert clone(Storing(lr=0.3)).lr == 0.3
    assert Storing().get_params()["lr"] == 0.5


@pytest.mark.parametrize("cls", [DeepLDLRegressor, Plain])
def test_an_unknown_parameter_is_an_error_that_names_the_class(cls):
    with pytest.raises(TypeError, match=rf"{cls.__name__}.*unexpected keyword argument 'rate'"):
        cls(rate=1)


def test_omit_is_a_list():
    with pytest.raises(TypeError, match="Wrong: omit is a list of names, got 'loss'"):

        class Wrong(DeepLDLRegressor, omit="loss"):
            pass


class Leveled:
    def __init__(self, *, level=0):
        self.level = level


class CallsBoth(Leveled, DeepLDLClassifier):
    def __init__(self, module=None, *, level=0, **net):
        Leveled.__init__(self, level=level)
        DeepLDLClassifier.__init__(self, module, **net)


def with_extra(cls):
    """Decorate a class, its constructor replaced after the class statement."""
    init = cls.__init__

    def __init__(self, module=None, *, extra=1, **net):
        init(self, module, **net)
        self.extra = extra

    cls.__init__ = __init__
    return cls


@with_extra
class Decorated(DeepLDLClassifier):
    pass


class OfDecorated(Decorated):
    pass


@with_extra
class DecoratedTwice(Plain):
    pass


@pytest.mark.parametrize(
    "estimator",
    [
        CallsBoth(level=3, lr=0.5, random_state=1, max_epochs=1),
        Decorated(extra=3, lr=0.5, random_state=1, max_epochs=1),
        OfDecorated(extra=3, lr=0.5, random_state=1, max_epochs=1),
        DecoratedTwice(extra=3, own=2.0, lr=0.5, random_state=1, max_epochs=1),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_nothing_is_lost_where_constructors_are_called_one_by_one_or_replaced(estimator):
    copy = clone(estimator)
    assert vars(copy).keys() == vars(estimator).keys()
    for name, value in vars(estimator).items():
        assert getattr(copy, name) == value, name
    assert estimator.get_params().keys() >= {"lr", "random_state", "max_epochs"}
    assert "lr=0.5" in repr(estimator)
