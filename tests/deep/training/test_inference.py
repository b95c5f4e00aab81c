import copy
import pickle
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

torch = pytest.importorskip("torch")
pytest.importorskip("skorch")

from torch import nn  # noqa: E402

from sklearn_ldl import DeepLDLRegressor  # noqa: E402
from sklearn_ldl.datasets import make_ldl  # noqa: E402
from sklearn_ldl.deep.training import inference  # noqa: E402

X, D = make_ldl(60, random_state=0)


class Net(nn.Module):
    def __init__(self, n_features, n_labels):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(n_features, 8), nn.BatchNorm1d(8), nn.Tanh())
        self.head = nn.Linear(8, n_labels)
        self.factor = 1.0
        self.shift = torch.zeros(n_labels)

    def forward(self, X):
        return self.factor * self.head(self.body(X)) + self.shift


def model(module=Net, **parameters):
    defaults = {"max_epochs": 3, "early_stopping": False, "random_state": 0}
    return DeepLDLRegressor(module, **(defaults | parameters))


@pytest.fixture(scope="module")
def trained():
    return model().fit(X, D)


@pytest.fixture
def fitted(trained):
    return copy.deepcopy(trained)


@pytest.fixture
def copies(monkeypatch):
    """Modules that were converted."""
    found = []

    class Counted(inference.Converted):
        def __init__(self, module, dtype):
            found.append(module)
            super().__init__(module, dtype)

    monkeypatch.setattr(inference, "Converted", Counted)
    return found


def test_the_module_is_converted_once_for_all_predictions(fitted, copies):
    for _ in range(3):
        fitted.predict(X)
        fitted.predict_members(X[:2])
        fitted.score(X, D)
    assert copies == [fitted.net_.module_]
    fitted.fit(X, D).predict(X)
    assert copies[-1] is fitted.net_.module_


def test_in_its_own_precision_it_is_not_converted(fitted, copies):
    fitted.set_params(inference_dtype="float32").predict(X)
    fitted.net_.module_.double()
    fitted.net_.module_.shift = torch.zeros(3, dtype=torch.float64)
    fitted.set_params(inference_dtype="float64").predict(X)
    assert not copies


@torch.no_grad()
def in_place(module):
    module.head.weight.mul_(2)


def by_data(module):
    module.body[0].weight.data.mul_(2)


def by_numpy(module):
    module.head.bias.detach().numpy()[:] = [1, 2, 3]


def by_buffer(module):
    module.body[1].running_mean.add_(1)


def by_state(module):
    module.load_state_dict({name: 2 * value for name, value in module.state_dict().items()})


def by_layer(module):
    module.body[2] = nn.ReLU()


def by_parameter(module):
    module.head.bias = nn.Parameter(torch.arange(3.0))


def by_number(module):
    module.factor = 2.0


def by_plain_tensor(module):
    module.shift += torch.arange(3)


def by_hook(module):
    module.head.register_forward_hook(lambda module, args, output: 2 * output)


def by_method(module):
    module.forward = lambda X: 2 * Net.forward(module, X.float())


CHANGES = [
    in_place,
    by_data,
    by_numpy,
    by_buffer,
    by_state,
    by_layer,
    by_parameter,
    by_number,
    by_plain_tensor,
    by_hook,
    by_method,
]


@pytest.mark.parametrize("change", CHANGES)
def test_predictions_are_those_of_the_module_as_it_is(change, fitted):
    before = fitted.predict(X)
    change(fitted.net_.module_)
    after = fitted.predict(X)
    fitted.net_.converted = None
    assert_array_equal(after, fitted.predict(X))
    assert np.abs(after - before).max() > 1e-3


def test_the_converted_module_is_no_part_of_pickles(fitted):
    size = len(pickle.dumps(fitted))
    P = fitted.predict(X)
    assert fitted.net_.converted is not None
    again = pickle.loads(pickle.dumps(fitted))
    assert len(pickle.dumps(fitted)) == size
    assert again.net_.converted is None
    assert_array_equal(again.predict(X), P)


def test_training_does_not_keep_the_module_of_the_trial():
    assert model().fit(X, D).net_.converted is None


def large(n_labels):
    return nn.Sequential(
        nn.Conv2d(1, 512, 1),
        nn.ReLU(),
        nn.Conv2d(512, 2000, 3),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(2000, n_labels),
    )


@pytest.mark.parametrize("inference_dtype", ["float64", "float32"])
def test_one_row_takes_little_longer_than_the_forward_pass(inference_dtype):
    rows = np.random.default_rng(0).standard_normal((4, 1, 6, 6)).astype(np.float32)
    fitted = model(large, max_epochs=0, inference_dtype=inference_dtype).fit(rows, D[:4])
    P = fitted.predict(rows[:1])
    net = fitted.net_
    module = net.module_ if net.converted is None else net.converted.module
    weights = list(module.parameters())
    assert sum(weight.numel() for weight in weights) > 9e6
    assert {weight.dtype for weight in weights} == {getattr(torch, inference_dtype)}
    X1 = torch.from_numpy(rows[:1]).to(weights[0].dtype)

    @torch.no_grad()
    def forward():
        return module(X1).softmax(1).numpy()

    def seconds(function, *args):
        start = time.process_time()
        function(*args)
        return time.process_time() - start

    assert_allclose(P, forward(), atol=1e-6)
    # Others use the machine, too: the fastest of some calls, in turns.
    pairs = [(seconds(forward), seconds(fitted.predict, rows[:1])) for _ in range(60)]
    fastest_forward, fastest_predict = np.min(pairs, axis=0)
    assert fastest_predict < 1.5 * fastest_forward


def test_threads_share_a_net(fitted, monkeypatch):
    expected = fitted.predict(X)

    class Slow(inference.Converted):
        def __init__(self, module, dtype):
            time.sleep(0.01)
            super().__init__(module, dtype)

    monkeypatch.setattr(inference, "Converted", Slow)

    def predict(_):
        fitted.net_.converted = None
        return fitted.predict(X)

    with ThreadPoolExecutor(4) as pool:
        for P in pool.map(predict, range(12)):
            assert_array_equal(P, expected)
