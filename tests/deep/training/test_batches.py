import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy import sparse

torch = pytest.importorskip("torch")
pytest.importorskip("skorch")

from torch.utils.data import Dataset  # noqa: E402

from sklearn_ldl.deep.training.batches import (  # noqa: E402
    ArraySource,
    DatasetSource,
    RowSource,
    read_only_features,
)
from sklearn_ldl.deep.training.conversion import Conversion  # noqa: E402
from sklearn_ldl.deep.training.items import Collate  # noqa: E402
from sklearn_ldl.deep.training.stored_rows import FeatureStore  # noqa: E402

CPU = torch.device("cpu")


class Pairs(Dataset):
    def __init__(self, X, y=None):
        self.X, self.y = X, y

    def __len__(self):
        return len(self.X)

    def __getitem__(self, index):
        return self.X[index] if self.y is None else (self.X[index], self.y[index])


@pytest.fixture
def data():
    X = np.arange(36, dtype=np.float32).reshape(12, 3)
    return X, np.eye(12, dtype=np.float32)


def settings(**more):
    return {"batch_size": 4, "shuffle": True, "weight": None, "device": CPU} | more


def array_source(X, D, rows=None, **more):
    rows = torch.arange(12) if rows is None else torch.tensor(rows)
    return ArraySource(FeatureStore(X, CPU), D, rows, **settings(**more))


def dataset_source(X, D, rows=None, **more):
    rows = torch.arange(12) if rows is None else torch.tensor(rows)
    return DatasetSource(Pairs(X, D), None, lambda y: y, rows, **settings(**more))


SOURCES = [array_source, dataset_source]


@pytest.mark.parametrize(
    ("n_rows", "batch_size", "sizes"),
    [
        (12, 4, [4, 4, 4]),
        (11, 4, [4, 4, 3]),
        (9, 4, [4, 5]),  # a batch of one row joins the one before it
        (1, 4, [1]),
        (3, 1, [1, 1, 1]),
        (3, 2, [3]),
        (12, 100, [12]),
    ],
)
def test_sizes_of_batches(n_rows, batch_size, sizes):
    source = RowSource(torch.arange(n_rows), **settings(batch_size=batch_size))
    assert source.sizes == sizes
    assert source.n_batches == len(sizes)
    assert len(source) == n_rows


@pytest.mark.parametrize("make", SOURCES)
def test_an_epoch_visits_every_row_once_in_a_new_order(make, data):
    X, D = data
    source = make(X, D, rows=[0, 2, 3, 5, 7, 8, 9])
    torch.manual_seed(0)
    epochs = [list(source) for _ in range(2)]
    orders = [torch.cat([batch.rows for batch in epoch]).tolist() for epoch in epochs]
    assert [sorted(order) for order in orders] == [[0, 2, 3, 5, 7, 8, 9]] * 2
    assert orders[0] != orders[1]
    for batch in (*epochs[0], *epochs[1]):
        assert_array_equal(batch.X, X[batch.rows])
        assert_array_equal(batch.target, D[batch.rows])
        assert batch.weight is None
        assert batch.source is source


@pytest.mark.parametrize("make", SOURCES)
def test_without_shuffling_rows_keep_their_order(make, data):
    source = make(*data, rows=[7, 2, 5], shuffle=False, batch_size=2)
    assert [batch.rows.tolist() for batch in source] == [[7, 2, 5]]


@pytest.mark.parametrize("make", SOURCES)
def test_weights_follow_their_rows(make, data):
    weight = torch.arange(12.0)
    for batch in make(*data, weight=weight):
        assert torch.equal(batch.weight, batch.rows.float())


@pytest.mark.parametrize("make", SOURCES)
def test_take_gives_features_of_any_rows(make, data):
    X, D = data
    source = make(X, D, rows=[0, 1])
    taken = source.take(torch.tensor([11, 0, 11]))
    assert taken.dtype == torch.float32
    assert_array_equal(taken, X[[11, 0, 11]])


def test_sources_of_the_same_rows_draw_the_same_batches(data):
    orders = []
    for make in SOURCES:
        torch.manual_seed(3)
        orders.append([batch.rows.tolist() for batch in make(*data)])
    assert orders[0] == orders[1]


class Noise(Dataset):
    """Items that are drawn."""

    def __len__(self):
        return 6

    def __getitem__(self, index):
        return torch.randn(2), 0.0


def test_workers_draw_by_the_seed_and_anew_in_every_epoch():
    def epochs(seed):
        torch.manual_seed(seed)
        source = DatasetSource(
            Noise(), None, lambda y: y, torch.arange(6), num_workers=1, **settings(shuffle=False)
        )
        return [torch.cat([batch.X for batch in source]) for _ in range(2)]

    first, again, other = epochs(1), epochs(1), epochs(2)
    for one, same in zip(first, again, strict=True):
        assert torch.equal(one, same)
    assert not torch.equal(first[0], first[1])
    assert not torch.equal(first[0], other[0])


@pytest.mark.parametrize("container", [sparse.csr_matrix, sparse.csr_array])
def test_sparse_features_become_dense_batch_by_batch(container, data):
    X, D = data
    for batch in array_source(container(X), D):
        assert_array_equal(batch.X, X[batch.rows])


def test_batches_of_arrays_are_copies(data):
    X, D = data
    for batch in array_source(X, D, batch_size=12, shuffle=False):
        batch.X.zero_()
    assert X.any()


def test_dataset_batches_take_targets_from_outside_or_encode_their_own(data):
    X, D = data
    labels = np.array(list("abcdefghijkl"))
    rows = torch.arange(12)

    def encode(y):
        return (y[:, None] == labels).astype(np.float32)

    for dataset, target in ((Pairs(X, labels), None), (Pairs(X), D), (Pairs(X, labels), D)):
        for batch in DatasetSource(dataset, target, encode, rows, **settings()):
            assert_array_equal(batch.target, D[batch.rows])


def test_batches_of_one_item_take_its_target(data):
    X, D = data
    source = dataset_source(X, D, batch_size=1, shuffle=False)
    for row, batch in enumerate(source):
        assert_array_equal(batch.X, X[[row]])
        assert_array_equal(batch.target, D[[row]])
    assert row == len(X) - 1


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [
        ("uint8", torch.uint8),
        ("uint16", torch.int32),
        ("int64", torch.int64),
        (">f8", torch.float64),
        ("float16", torch.float16),
        ("longdouble", torch.float64),
        ("bool", torch.bool),
    ],
)
def test_items_are_collated_in_their_own_type(dtype, expected):
    array = np.array([[1, 0], [1, 1]], dtype=dtype)
    (batch,) = read_only_features(Pairs(array), 5, 0, Collate())
    assert batch.dtype == expected
    assert batch.tolist() == [[1, 0], [1, 1]]


@pytest.mark.parametrize("make", SOURCES)
@pytest.mark.parametrize("dtype", ["uint8", "uint32", "float16", ">f4", "float64"])
def test_batches_are_what_the_module_takes(make, dtype, data):
    X, D = data
    source = make(X.astype(dtype), D, shuffle=False, batch_size=12)
    for conversion, expected in (
        (Conversion(torch.float32), torch.float32),
        (Conversion(torch.float64), torch.float64),
        (Conversion(torch.float32, keeps_integers=True), torch.int64),
    ):
        source.conversion = conversion
        (batch,) = source
        assert batch.X.dtype == source.take(source.rows).dtype == expected
        assert_array_equal(batch.X, X)


def test_read_only_features_keeps_order_and_torchs_random_state(data):
    X, D = data
    before = torch.get_rng_state()
    batches = list(read_only_features(Pairs(X, D), 5, 0, Collate()))
    assert torch.equal(before, torch.get_rng_state())
    assert [len(batch) for batch in batches] == [5, 5, 2]
    assert_array_equal(torch.cat(batches), X)
