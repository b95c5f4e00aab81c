"""Integers, several inputs, items of Datasets and precisions, through the public API."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_validate

torch = pytest.importorskip("torch")
pytest.importorskip("skorch")

from skorch.helper import SliceDict  # noqa: E402
from torch import nn  # noqa: E402
from torch.utils.data import Dataset  # noqa: E402

from sklearn_ldl import (  # noqa: E402
    AuxGraphLDLClassifier,
    DeepLDLClassifier,
    DeepLDLRegressor,
    OfflineLDLClassifier,
    OnlineLDLClassifier,
)
from sklearn_ldl.datasets import make_ldl  # noqa: E402
from sklearn_ldl.deep.training.stored_rows import FeatureStore  # noqa: E402

N = 60
rng = np.random.default_rng(0)
X, D = make_ldl(N, random_state=0)
TOKENS = rng.integers(0, 30, (N, 7))
SMALL = {"max_epochs": 3, "early_stopping": False, "random_state": 0, "batch_size": 16}


def model(module=None, make=DeepLDLRegressor, **parameters):
    return make(module=module, **(SMALL | parameters))


class BagOfWords(nn.Module):
    """Mean of the embeddings of tokens."""

    def __init__(self, n_labels, n_tokens=30):
        super().__init__()
        self.embedding = nn.Embedding(n_tokens, 8)
        self.head = nn.Linear(8, n_labels)

    def forward(self, tokens):
        return self.head(self.embedding(tokens).mean(1))


class OneHot(nn.Linear):
    """Has no layer by which it could be told that it takes integers."""

    def __init__(self, n_features, n_labels):
        super().__init__(30 * n_features, n_labels)

    def forward(self, tokens):
        return super().forward(nn.functional.one_hot(tokens, 30).flatten(1).to(self.weight.dtype))


class Both(nn.Module):
    """Tokens, numbers and an optional mask."""

    def __init__(self, input_shape, n_labels):
        super().__init__()
        shapes = input_shape if isinstance(input_shape, tuple) else input_shape.values()
        n_numbers = next(shape[0] for shape in shapes if shape == (3,))
        self.words = BagOfWords(n_labels)
        self.body = nn.Linear(n_numbers, n_labels)

    def forward(self, tokens, numbers, mask=None):
        if mask is not None:
            assert mask.dtype == torch.bool
        return self.words(tokens) + self.body(numbers)


@pytest.mark.parametrize("dtype", ["int64", "int32", "int16", "uint16", "uint8", "uint32"])
@pytest.mark.parametrize("module", [BagOfWords, OneHot])
def test_integers_stay_integers_for_a_module_that_takes_nothing_else(module, dtype):
    expected = model(module).fit(TOKENS, D).predict(TOKENS)
    tokens = TOKENS.astype(dtype)
    fitted = model(module).fit(tokens, D)
    assert_array_equal(fitted.predict(tokens), expected)
    # Whatever holds the same numbers later.
    assert_array_equal(fitted.predict(tokens.astype(float)), expected)
    assert_array_equal(fitted.predict(tokens.tolist()), expected)
    assert_array_equal(pickle.loads(pickle.dumps(fitted)).predict(tokens), expected)
    assert expected.std(axis=0).min() > 0


def test_integers_are_numbers_for_all_other_modules():
    tokens = TOKENS[:, :3]
    linear = model(nn.Linear(3, 3)).fit(tokens, D)
    assert_array_equal(linear.predict(tokens), linear.predict(tokens.astype(float)))
    assert not linear.net_.keeps_integers


def test_integers_from_other_containers(tmp_path):
    expected = model(BagOfWords).fit(TOKENS, D).predict(TOKENS)
    np.save(tmp_path / "tokens.npy", TOKENS)
    mapped = np.load(tmp_path / "tokens.npy", mmap_mode="r")
    for tokens in (mapped, sparse.csr_array(TOKENS), Items(TOKENS)):
        fitted = model(BagOfWords).fit(tokens, D)
        assert_array_equal(fitted.predict(tokens), expected)


def test_a_second_fit_decides_anew():
    estimator = model(BagOfWords).fit(TOKENS, D)
    estimator.set_params(module=nn.Linear(7, 3)).fit(TOKENS, D)
    assert not estimator.net_.keeps_integers
    again = model(BagOfWords, warm_start=True).fit(TOKENS, D).fit(TOKENS, D)
    assert again.net_.keeps_integers


def test_samples_that_suit_neither_as_numbers_nor_as_integers():
    with pytest.raises(ValueError, match=r"shape \(7,\), neither as numbers .* nor as integers .*"):
        model(BagOfWords, net_params={"module__n_tokens": 5}).fit(TOKENS, D)


def test_numbers_for_an_embedding_are_told_to_be_integers():
    with pytest.raises(ValueError, match=r"Long.*give features of an integer type"):
        model(BagOfWords).fit(TOKENS.astype(float), D)


def test_integers_are_not_mixed():
    with pytest.raises(TypeError, match="floating-point"):
        model(BagOfWords, make=DeepLDLClassifier, augment="mixup").fit(TOKENS, D)


class Items(Dataset):
    """Rows of arrays as items, with targets if there are some."""

    def __init__(self, X, y=None):
        self.X, self.y = X, y

    def __len__(self):
        return N

    def __getitem__(self, index):
        if isinstance(self.X, dict):
            x = {name: array[index] for name, array in self.X.items()}
        elif isinstance(self.X, tuple):
            x = tuple(array[index] for array in self.X)
        else:
            x = self.X[index]
        if self.y is not None:
            return x, self.y[index]
        return (x,) if isinstance(x, tuple) else x


SEVERAL = {"tokens": TOKENS, "numbers": X, "mask": TOKENS > 0}


@pytest.fixture(scope="module")
def expected():
    return model(Both).fit(SEVERAL, D).predict(SEVERAL)


def test_a_dictionary_of_arrays_is_several_inputs(expected):
    fitted = model(Both).fit(SEVERAL, D)
    assert fitted.input_shape_ == {"tokens": (7,), "numbers": (3,), "mask": (7,)}
    assert not hasattr(fitted, "n_features_in_")
    assert_array_equal(fitted.predict(dict(reversed(SEVERAL.items()))), expected)
    # Both inputs count.
    for name in ("tokens", "numbers"):
        other = fitted.predict(SEVERAL | {name: SEVERAL[name][::-1]})
        assert np.abs(other - expected).max() > 1e-3


@pytest.mark.parametrize(
    "container",
    [
        lambda X: SliceDict(**X),
        lambda X: X | {"numbers": sparse.csr_array(X["numbers"])},
        lambda X: X | {"numbers": X["numbers"].astype(">f8"), "tokens": X["tokens"].tolist()},
        lambda X: {name: torch.as_tensor(array) for name, array in X.items()},
        Items,
        lambda X: Items({name: torch.as_tensor(array) for name, array in X.items()}),
        lambda X: Items(tuple(X.values())),
    ],
)
def test_containers_of_several_inputs_give_the_same_result(container, expected):
    inputs = container(SEVERAL)
    assert_array_equal(model(Both).fit(inputs, D).predict(inputs), expected)


@pytest.mark.parametrize("inputs", [SEVERAL, tuple(SEVERAL.values())])
@pytest.mark.parametrize("num_workers", [0, 1])
def test_targets_may_come_with_several_inputs(inputs, num_workers, expected):
    pairs = Items(inputs, D.astype(np.float32))
    fitted = model(Both, num_workers=num_workers).fit(pairs)
    assert_allclose(fitted.predict(pairs), expected, atol=1e-6)


def test_searches_slice_several_inputs():
    inputs = SliceDict(**SEVERAL)
    search = GridSearchCV(model(Both), {"lr": [1e-6, 1e-2]}, cv=3).fit(inputs, D)
    assert search.best_params_ == {"lr": 1e-2}
    assert search.predict(inputs).shape == D.shape
    assert len(cross_validate(model(Both), inputs, D, cv=3)["test_score"]) == 3
    assert cross_val_predict(model(Both), inputs, D, cv=3).shape == D.shape


def test_several_inputs_with_early_stopping_weights_and_all_rows():
    weight = rng.uniform(size=N)
    for options in ({"early_stopping": True}, {"batch_size": "all"}, {"warm_start": True}):
        fitted = model(Both, **options).fit(SEVERAL, D, sample_weight=weight)
        assert_allclose(fitted.predict(SEVERAL).sum(axis=1), 1, atol=1e-12)


def test_several_inputs_of_other_estimators():
    y = D.argmax(axis=1)
    graph = model(Both, make=AuxGraphLDLClassifier).fit(SEVERAL, y, aux=X)
    taught = model(Both, make=OfflineLDLClassifier).fit(SEVERAL, y)
    for fitted in (graph, taught):
        assert fitted.predict_proba(SEVERAL).shape == D.shape
    with pytest.raises(ValueError, match="OnlineLDLClassifier takes a single input"):
        model(Both, make=OnlineLDLClassifier).fit(SEVERAL, y)


@pytest.mark.parametrize(
    ("inputs", "match"),
    [
        ({}, "needs their names"),
        ({0: X}, "names, which are strings"),
        (SEVERAL | {"numbers": X[:5]}, "inconsistent numbers of samples"),
        (SEVERAL | {"numbers": np.where(X[3, 1] == X, np.nan, X)}, "contains NaN"),
        (SEVERAL | {"numbers": X[:, :0]}, "0 feature"),
        (SEVERAL | {"more": X}, "does not take samples of shape .*'more'"),
        ({"tokens": TOKENS, "numbers": X + 0j}, "Complex data not supported"),
        ({"tokens": TOKENS, "numbers": np.array(["a"] * N)}, "not compatible with .*strings"),
    ],
)
def test_wrong_inputs_are_refused(inputs, match):
    with pytest.raises(ValueError, match=match):
        model(Both).fit(inputs, D)


def test_other_inputs_at_predict_are_refused():
    fitted = model(Both).fit(SEVERAL, D)
    for inputs in ({"tokens": TOKENS}, SEVERAL | {"numbers": X[:, :2]}, X, TOKENS):
        with pytest.raises(ValueError, match=r"X has samples of shape .* was fitted to samples"):
            fitted.predict(inputs)
    with pytest.raises(ValueError, match="samples of shape"):
        model(nn.Linear(3, 3)).fit(X, D).predict(SEVERAL)


def test_several_inputs_need_a_module_and_no_input_shape():
    with pytest.raises(ValueError, match="Several inputs need a module"):
        model().fit(SEVERAL, D)
    with pytest.raises(ValueError, match="Several inputs need a module"):
        model().fit(Items(SEVERAL), D)
    with pytest.raises(ValueError, match="input_shape is that of a single input"):
        model(Both, input_shape=(7,)).fit(SEVERAL, D)


def test_items_of_three_entries_are_refused():
    class Triples(Items):
        def __getitem__(self, index):
            return self.X[index], self.X[index], index

    with pytest.raises(ValueError, match=r"a tuple of 3: .* a pair of a tuple or dict"):
        model(nn.Linear(3, 3)).fit(Triples(X), D)


class Texts(Dataset):
    """Sequences of different lengths, in dictionaries with their targets."""

    targets = D

    def __init__(self):
        self.sequences = [TOKENS[i, : 2 + i % 5] for i in range(N)]

    def __len__(self):
        return N

    def __getitem__(self, index):
        return {"ids": torch.from_numpy(self.sequences[index]), "target": D[index]}


def padded(items):
    ids = nn.utils.rnn.pad_sequence([item["ids"] for item in items], batch_first=True)
    return {"tokens": ids, "mask": ids > 0}, np.stack([item["target"] for item in items])


class Masked(BagOfWords):
    def forward(self, tokens, mask):
        H = (self.embedding(tokens) * mask[..., None]).sum(1) / mask.sum(1, keepdim=True).clamp(1)
        return self.head(H)


@pytest.mark.parametrize("num_workers", [0, 1])
def test_batches_may_be_collated_by_a_function_of_the_user(num_workers):
    fitted = model(Masked, collate_fn=padded, num_workers=num_workers).fit(Texts())
    P = fitted.predict(Texts())
    assert_allclose(P.sum(axis=1), 1, atol=1e-12)
    # Padding does not count, hence neither do the texts beside one.
    one = torch.utils.data.Subset(Texts(), [3])
    assert_allclose(fitted.predict(one), P[[3]], atol=1e-12)
    given = model(Masked, collate_fn=padded).fit(Texts(), D)
    assert_allclose(given.predict(Texts()), P, atol=1e-6)


def test_what_cannot_be_collated_says_so():
    class Words(Texts):
        def __getitem__(self, index):
            return {"ids": "some words"}

    with pytest.raises(TypeError, match=r"hold list, not tensors: .* tokens of a text"):
        model(Masked).fit(Words())
    with pytest.raises(TypeError, match="collate_fn returns list, not tensors"):
        model(Masked, collate_fn=lambda items: {"ids": ["a"]}).fit(Words())

    class NoTargets(Texts):
        targets = None

    with pytest.raises(ValueError, match=r"must give pairs .* or have all targets"):
        model(Masked, collate_fn=padded).fit(NoTargets())


class Convolution(nn.Sequential):
    def __init__(self, n_labels, dtype=torch.float32):
        super().__init__(nn.Conv1d(1, 4, 3), nn.Flatten(), nn.Linear(4, n_labels))
        self.to(dtype)


@pytest.mark.parametrize("inference_dtype", ["float32", "float64"])
@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8", "float16"])
def test_modules_in_double_precision(dtype, inference_dtype):
    images = (100 * X[:, None] + 100).astype(dtype)
    options = {"net_params": {"module__dtype": torch.float64}, "inference_dtype": inference_dtype}
    for data in (images, Items(images)):
        double = model(Convolution, early_stopping=True, **options).fit(data, D)
        weights = list(double.net_.module_.parameters())
        assert all(weight.dtype == torch.float64 for weight in weights)
        P = double.predict(images)
        single = model(Convolution, early_stopping=True).fit(images, D).predict(images)
        assert_allclose(P, single, atol=0.02)
        assert not np.array_equal(P, single)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_modules_in_half_precision_are_refused(dtype):
    with pytest.raises(ValueError, match=f"in {dtype}, .* set amp=True"):
        model(Convolution, net_params={"module__dtype": dtype}).fit(X[:, None], D)


@pytest.mark.parametrize("make", [str, torch.device])
def test_devices_may_be_objects(make):
    fitted = model(nn.Linear(3, 3), device=make("cpu")).fit(X, D)
    assert_array_equal(pickle.loads(pickle.dumps(fitted)).predict(X), fitted.predict(X))
    for name in ("mps", "cuda:99", "xpu"):
        if not getattr(torch, name.partition(":")[0]).is_available():
            with pytest.raises(ValueError, match=f"device=.*{name}.*(not available|CUDA devices)"):
                model(nn.Linear(3, 3), device=make(name)).fit(X, D)


def test_modules_in_double_precision_are_given_doubles_from_the_first_row(monkeypatch):
    asked = []
    take = FeatureStore.take

    def spy(store, rows, dtype):
        asked.append(dtype)
        return take(store, rows, dtype)

    monkeypatch.setattr(FeatureStore, "take", spy)
    model(nn.Linear(X.shape[1], D.shape[1]).double()).fit(X, D)
    assert set(asked) == {torch.float64}
