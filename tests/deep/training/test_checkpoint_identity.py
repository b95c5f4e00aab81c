from functools import partial

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone

torch = pytest.importorskip("torch")
pytest.importorskip("skorch")

from sklearn.frozen import FrozenEstimator  # noqa: E402
from skorch.callbacks import EpochTimer, LRScheduler, ProgressBar  # noqa: E402
from torch import nn  # noqa: E402

from sklearn_ldl import (  # noqa: E402
    AuxGraphLDLClassifier,
    DeepLDLClassifier,
    DeepLDLRegressor,
    OnlineLDLClassifier,
)
from sklearn_ldl.deep import CheckpointError  # noqa: E402
from tests.deep.training.test_checkpoint import (  # noqa: E402
    D,
    Interruption,
    Noisy,
    X,
    Y,
    assert_same,
    fit,
    model,
    settings,
)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "runs" / "fit.pt"


OTHER = {
    "lr was 0.01 and is 0.02": {"lr": 0.02},
    "it has 6 epochs and max_epochs=5": {"max_epochs": 5},
    "random_state was 0 and is 1": {"random_state": 1},
    r"hidden_layer_sizes was \(6,\) \(.*\) and is \(7,\) ": {"hidden_layer_sizes": (7,)},
    "loss was 'kl' and is 'mse'": {"loss": "mse"},
}


@pytest.mark.parametrize("match", OTHER)
def test_other_parameters_are_an_error(match, path):
    model(checkpoint=path).fit(X, D)
    before = path.read_bytes()
    with pytest.raises(ValueError, match=f"{path} is that of another fit: .*{match}"):
        model(checkpoint=path, **OTHER[match]).fit(X, D)
    assert path.read_bytes() == before


ROWS = 4 * len(X)


def other(X, rows, change):
    changed = X.copy()
    changed[rows] = change(X[rows])
    return changed


DATA = {
    "other rows": lambda X, D, w: (X[:-1], D[:-1], w[:-1], "X was array of shape (212, 3)"),
    "other features": lambda X, D, w: (X + 1, D, w, "X was"),
    "another last row": lambda X, D, w: (other(X, -1, np.negative), D, w, "X was"),
    "another row": lambda X, D, w: (other(X, 2, np.negative), D, w, "X was"),
    "one other target": lambda X, D, w: (X, other(D, 1, np.flip), w, "the targets was"),
    "one other weight": lambda X, D, w: (X, D, other(w, 1, np.sqrt), "the weights of the rows was"),
    "no weights": lambda X, D, w: (X, D, None, "the weights of the rows was"),
}


def stored(X, kind, folder):
    if kind == "csr":
        return sparse.csr_array(X)
    np.save(folder / "X.npy", X.astype(np.float32))
    return np.load(folder / "X.npy", mmap_mode="r")


@pytest.mark.parametrize("kind", ["csr", "a memory map"])
def test_one_other_row_of_stored_data_is_an_error(kind, path, tmp_path):
    first = model(checkpoint=path, max_epochs=2).fit(stored(X, kind, tmp_path), D)
    assert_same(model(checkpoint=path, max_epochs=2).fit(stored(X, kind, tmp_path), D), first)
    with pytest.raises(CheckpointError, match="X was "):
        model(checkpoint=path).fit(stored(other(X, 2, np.negative), kind, tmp_path), D)


def test_other_auxiliary_labels_are_an_error(path):
    estimator = AuxGraphLDLClassifier(**settings(checkpoint=path, max_epochs=1))
    estimator.fit(X, Y, aux=X)
    with pytest.raises(CheckpointError, match="aux was array of shape"):
        estimator.fit(X, Y, aux=other(X, 2, np.negative))


@pytest.mark.parametrize("name", DATA)
def test_other_data_are_an_error(name, path, rng):
    many = rng.standard_normal((ROWS, 3)), rng.dirichlet(np.ones(3), ROWS), rng.random(ROWS)
    features, targets, weight, match = DATA[name](*many)
    model(checkpoint=path, max_epochs=1).fit(*many[:2], sample_weight=many[2])
    with pytest.raises(ValueError, match="another fit") as error:
        model(checkpoint=path, max_epochs=1).fit(features, targets, sample_weight=weight)
    assert match in str(error.value)


def test_other_modules_and_estimators_are_an_error(path):
    model(checkpoint=path, module=nn.Linear(3, 3)).fit(X, D)
    with pytest.raises(ValueError, match=r"the weights of the module was .*another file, or rem"):
        model(checkpoint=path, module=nn.Linear(3, 3, bias=False)).fit(X, D)
    with pytest.raises(
        ValueError, match=r"the estimator was DeepLDLRegressor \(.*\) and is DeepLDLC"
    ):
        DeepLDLClassifier(**settings(checkpoint=path)).fit(X, D)


def linear(weight):
    module = nn.Linear(3, 3)
    nn.init.constant_(module.weight, weight)
    nn.init.zeros_(module.bias)
    return module


def teacher(seed):
    fitted = DeepLDLClassifier(**settings(random_state=seed, max_epochs=1)).fit(X, Y)
    return FrozenEstimator(fitted.set_params(random_state=0))


def start(module, bias):
    module.head.bias.data.copy_(torch.from_numpy(bias))


def offset(Z, D, by=0.5):
    return (Z - D + by).square().sum(1)


#: What each fit but the first has changed.
OTHERS = {
    "weights of a module": [model(module=linear(weight)) for weight in (0.1, 0.2)],
    "a function": [model(loss=partial(offset, by=by)) for by in (0.5, 0.7)],
    "an array": [
        model(init=partial(start, bias=np.array([0.0, 1.0, last]))) for last in (2.0, 3.0)
    ],
    "what a teacher has learnt": [
        OnlineLDLClassifier(teacher(seed), **settings()) for seed in (0, 1)
    ],
    "a scheduler": [model(callbacks=[LRScheduler("StepLR", step_size=size)]) for size in (2, 3)],
}


@pytest.mark.parametrize("name", OTHERS)
def test_what_parameters_hold_counts(name, path):
    one, another = (estimator.set_params(checkpoint=path) for estimator in OTHERS[name])
    targets = D if isinstance(one, DeepLDLRegressor) else Y
    assert_same(clone(one).fit(X, targets), one.fit(X, targets))
    with pytest.raises(CheckpointError, match="is that of another fit"):
        another.fit(X, targets)


def closure(factor):
    def loss(Z, D):
        return factor * (Z - D).square().sum(1)

    return loss


UNKNOWN = {
    "loss is or holds closure.loss, defined inside a function": {"loss": closure(2.0)},
    "module is or holds a lambda": {"module": lambda: nn.Linear(3, 3)},
    "callbacks is or holds a lambda": {
        "callbacks": [LRScheduler("LambdaLR", lr_lambda=lambda epoch: 0.9**epoch)]
    },
}


@pytest.mark.parametrize("match", UNKNOWN)
def test_the_user_answers_for_what_cannot_be_compared(match, path):
    estimator = model(checkpoint=path, **UNKNOWN[match])
    with pytest.raises(ValueError, match=f"{match}.* such as checkpoint_key="):
        estimator.fit(X, D)
    first = clone(estimator).set_params(checkpoint_key="one", max_epochs=3).fit(X, D)
    assert first.n_iter_ == 3
    whole = clone(estimator).set_params(checkpoint=None).fit(X, D)
    assert_same(clone(estimator).set_params(checkpoint_key="one").fit(X, D), whole)
    with pytest.raises(CheckpointError, match="checkpoint_key was 'one' and is 'two'"):
        clone(estimator).set_params(checkpoint_key="two").fit(X, D)
    # The rest is compared all the same.
    with pytest.raises(CheckpointError, match="X was "):
        clone(estimator).set_params(checkpoint_key="one").fit(-X, D)


def test_the_user_answers_for_datasets_before_any_work(path):
    class Never(DeepLDLClassifier):
        def fit(self, *args, **kwargs):
            raise AssertionError

    for estimator in (model(), OnlineLDLClassifier(Never(), **settings())):
        with pytest.raises(ValueError, match=r"X is or holds a Dataset \(Noisy\)\. Answer for"):
            estimator.set_params(checkpoint=path).fit(Noisy(), None)


def test_loggers_of_skorch_may_come_and_go(path):
    with_bar = {"callbacks": [Interruption(), ("bar", ProgressBar()), EpochTimer()]}
    fit("adam", checkpoint=path, max_epochs=3)
    resumed = fit("adam", checkpoint=path, **with_bar)
    assert_same(resumed, fit("adam"))
    assert_same(fit("adam", checkpoint=path, max_epochs=7), fit("adam", max_epochs=7))


def test_parameters_that_change_no_result_may_change(path):
    first = model(checkpoint=path).fit(X, D)
    moved = path.rename(path.with_name("moved.pt"))
    second = model(checkpoint=str(moved), inference_dtype="float32", num_workers=1, verbose=1)
    assert_same(second.fit(X, D), first)


def test_functions_count_by_their_names_and_code(path):
    first = model(checkpoint=path, init=nn.Module.float).fit(X, D)
    assert_same(model(checkpoint=path, init=nn.Module.float).fit(X, D), first)
    with pytest.raises(ValueError, match=r"init was <function Module.float> .* and is <function M"):
        model(checkpoint=path, init=nn.Module.eval).fit(X, D)
