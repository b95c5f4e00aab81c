"""What differs on a graphics card; the other tests cover the rest."""

import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.datasets import load_iris
from sklearn.preprocessing import StandardScaler

torch = pytest.importorskip("torch")
pytest.importorskip("skorch")

from skorch.callbacks import Callback  # noqa: E402
from torch.utils.data import TensorDataset  # noqa: E402

from sklearn_ldl import DeepLDLClassifier  # noqa: E402
from sklearn_ldl.deep.losses.rebalanced import reshaped_kl  # noqa: E402
from sklearn_ldl.deep.training import stored_rows  # noqa: E402

pytestmark = [
    pytest.mark.cuda,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]

X, Y = load_iris(return_X_y=True)
X = StandardScaler().fit_transform(X).astype(np.float32)


def model(**parameters):
    defaults = {"max_epochs": 20, "random_state": 0, "device": "cuda"}
    return DeepLDLClassifier(**(defaults | parameters))


@pytest.fixture(scope="module")
def on_cpu():
    return model(device="cpu").fit(X, Y)


@pytest.mark.parametrize("device", ["cuda", "cuda:0", "auto"])
def test_the_same_labels_as_on_the_cpu(device, on_cpu):
    fitted = model(device=device).fit(X, Y)
    assert next(fitted.net_.module_.parameters()).is_cuda
    assert_array_equal(fitted.predict(X), on_cpu.predict(X))
    P = fitted.predict_proba(X)
    assert P.dtype == np.float64
    assert_allclose(P.sum(axis=1), 1, atol=1e-12)
    assert_allclose(P, on_cpu.predict_proba(X), atol=0.02)


def test_mixed_precision(on_cpu):
    fitted = model(amp=True).fit(X, Y)
    assert next(fitted.net_.module_.parameters()).dtype == torch.float32
    assert np.mean(fitted.predict(X) == on_cpu.predict(X)) > 0.98


@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_the_same_seed_gives_the_same_result(dropout):
    cuda_state, cpu_state = torch.cuda.get_rng_state(), torch.get_rng_state()
    first, second = (model(dropout=dropout).fit(X, Y).predict_proba(X) for _ in range(2))
    assert_array_equal(first, second)
    assert torch.equal(torch.cuda.get_rng_state(), cuda_state)
    assert torch.equal(torch.get_rng_state(), cpu_state)


@pytest.mark.parametrize(
    "options", [{}, {"early_stopping": True}, {"clip_norm": 0.5}, {"clip_norm": "adaptive"}]
)
def test_weights_and_options(options):
    weight = np.where(Y == 2, 0.0, 1.0)
    assert 2 not in model(**options).fit(X, Y, sample_weight=weight).predict(X)


def test_all_kinds_of_data_give_the_same_result(monkeypatch):
    expected = model().fit(X, Y).predict_proba(X)
    dataset = TensorDataset(torch.from_numpy(X), torch.from_numpy(Y))
    for data, y in ((sparse.csr_array(X), Y), (dataset, None)):
        fitted = model().fit(data, y)
        assert_allclose(fitted.predict_proba(X), expected, atol=1e-6)
        assert_allclose(fitted.predict_proba(data), expected, atol=1e-6)
    # Data too large for the device stay on the host.
    monkeypatch.setattr(stored_rows, "fits", lambda n_bytes, device: False)
    assert_allclose(model().fit(X, Y).predict_proba(X), expected, atol=1e-6)


def test_workers_and_two_warm_fits():
    dataset = TensorDataset(torch.from_numpy(X), torch.from_numpy(Y))
    helped = model(num_workers=2, max_epochs=4).fit(dataset)
    fitted = model(warm_start=True, max_epochs=2).fit(X, Y).fit(X, Y)
    assert_allclose(fitted.predict_proba(X), helped.predict_proba(X), atol=1e-6)


def test_a_pickle_predicts_where_there_is_no_cuda(tmp_path):
    fitted = model().fit(X, Y)
    (tmp_path / "model.pkl").write_bytes(pickle.dumps(fitted))
    np.save(tmp_path / "X.npy", X)
    code = (
        "import os; os.environ['CUDA_VISIBLE_DEVICES'] = ''\n"
        "import pickle, warnings, numpy as np; warnings.simplefilter('ignore')\n"
        "model = pickle.load(open('model.pkl', 'rb'))\n"
        "np.save('P.npy', model.predict_proba(np.load('X.npy')))"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path)
    P = np.load(tmp_path / "P.npy")
    assert_allclose(P, fitted.predict_proba(X), atol=1e-10)


def test_threads_give_the_results_of_one_fit_after_the_other():
    models = [model(dropout=0.3, lr=lr, max_epochs=5) for lr in (0.003, 0.01, 0.03)]
    cuda_state = torch.cuda.get_rng_state()
    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(lambda each: each.fit(X, Y).predict_proba(X), models))
    for each, P in zip(models, together, strict=True):
        assert_array_equal(each.fit(X, Y).predict_proba(X), P)
    assert torch.equal(torch.cuda.get_rng_state(), cuda_state)


def test_a_fit_on_the_cpu_leaves_the_generator_of_the_device_alone():
    cuda_state = torch.cuda.get_rng_state()
    model(device="cpu", dropout=0.3, max_epochs=2).fit(X, Y)
    assert torch.equal(torch.cuda.get_rng_state(), cuda_state)


def test_members_and_features():
    fitted = model(dropout=0.4, n_members=2, predict_mc_samples=3, max_epochs=3).fit(X, Y)
    cuda_state = torch.cuda.get_rng_state()
    members = fitted.predict_members(X)
    assert members.shape == (6, 150, 3)
    assert_array_equal(fitted.predict_members(X), members)
    assert_allclose(members.mean(axis=0), fitted.predict_proba(X), atol=1e-10)
    assert len(fitted.transform_features(X)) == 150
    assert torch.equal(torch.cuda.get_rng_state(), cuda_state)


def test_rebalanced_losses_copy_nothing_to_the_device_at_a_step():
    loss = reshaped_kl("db", [50, 50, 50], 150)
    Z, D = torch.zeros(4, 3, device="cuda"), torch.full((4, 3), 1 / 3, device="cuda")
    loss(Z, D)
    activities = [torch.profiler.ProfilerActivity.CPU, torch.profiler.ProfilerActivity.CUDA]
    with torch.profiler.profile(activities=activities) as profile:
        loss(Z, D)
        torch.cuda.synchronize()
    assert not [event.key for event in profile.key_averages() if "HtoD" in event.key]


def test_settings_of_cudnn():
    seen = []

    class Seeing(Callback):
        def on_epoch_end(self, net, **kwargs):
            cudnn = torch.backends.cudnn
            seen.append((cudnn.benchmark, cudnn.deterministic))

    before = torch.backends.cudnn.benchmark, torch.backends.cudnn.deterministic
    for benchmark in (False, True):
        model(callbacks=[Seeing()], max_epochs=1, cudnn_benchmark=benchmark).fit(X, Y)
    assert seen == [(False, True), (True, False)]
    assert (torch.backends.cudnn.benchmark, torch.backends.cudnn.deterministic) == before


def test_an_absent_device_is_an_error():
    count = torch.cuda.device_count()
    with pytest.raises(ValueError, match=f"torch sees {count} CUDA devices"):
        model(device=f"cuda:{count}").fit(X, Y)


IMAGES = np.random.default_rng(0).integers(0, 255, (2000, 3, 16, 16), dtype=np.uint8)


def small_net(n_labels):
    return torch.nn.Sequential(
        torch.nn.AvgPool2d(4), torch.nn.Flatten(), torch.nn.Linear(48, n_labels)
    )


@pytest.mark.parametrize("dtype", ["uint8", "float32", "float64", "uint16", ">f4"])
def test_features_move_once_in_no_wider_a_type_than_the_module(dtype, monkeypatch):
    moved = []

    def place(store, dtype, place=stored_rows.FeatureStore._place):
        moved.append(place(store, dtype))
        return moved[-1]

    monkeypatch.setattr(stored_rows.FeatureStore, "_place", place)
    images, y = IMAGES.astype(dtype), np.arange(2000) % 3
    images.setflags(write=False)
    fitted = model(module=small_net, max_epochs=2).fit(images, y)
    (tensor,) = moved
    assert tensor.is_cuda
    assert tensor.element_size() <= min(4, images.itemsize * 2)
    host = model(module=small_net, max_epochs=2, device="cpu").fit(images, y)
    assert_allclose(fitted.predict_proba(images), host.predict_proba(images), atol=1e-3)


def test_inputs_of_all_kinds():
    rng = np.random.default_rng(0)
    tokens, y = rng.integers(0, 30, (150, 7)), Y

    class Words(torch.nn.Module):
        def __init__(self, n_labels):
            super().__init__()
            self.embedding = torch.nn.Embedding(30, 8)
            self.head = torch.nn.Linear(8, n_labels)

        def forward(self, tokens, numbers=None):
            Z = self.head(self.embedding(tokens).mean(1))
            return Z if numbers is None else Z + numbers[:, :3]

    class Items(torch.utils.data.Dataset):
        def __len__(self):
            return 150

        def __getitem__(self, index):
            return {"tokens": tokens[index], "numbers": X[index]}, y[index]

    for data, targets in (
        (tokens, y),
        ({"tokens": tokens, "numbers": X}, y),
        (Items(), None),
    ):
        on_cuda, on_cpu = (
            model(module=Words, max_epochs=3, device=device).fit(data, targets)
            for device in (torch.device("cuda"), "cpu")
        )
        assert_allclose(on_cuda.predict_proba(data), on_cpu.predict_proba(data), atol=1e-3)


def test_the_converted_net_follows_changes_of_the_weights():
    fitted = model().fit(X, Y)
    before = fitted.predict_proba(X)
    copy = fitted.net_.converted
    assert_array_equal(fitted.predict_proba(X), before)
    assert fitted.net_.converted is copy
    next(fitted.net_.module_.parameters()).data.mul_(2)
    assert np.abs(fitted.predict_proba(X) - before).max() > 1e-6
