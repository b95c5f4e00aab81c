import pickle
from importlib.util import find_spec

import numpy as np
import pytest
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.ensemble import BaggingClassifier
from sklearn.exceptions import UnsetMetadataPassedError
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_validate
from sklearn.neighbors import KNeighborsTransformer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, scale

torch = pytest.importorskip("torch")
pytest.importorskip("skorch")

from torch import nn  # noqa: E402
from torch.utils.data import TensorDataset  # noqa: E402

from sklearn_ldl.deep.classifiers.aux_graph import AuxGraphLDLClassifier  # noqa: E402
from sklearn_ldl.deep.classifiers.deep_ldl import DeepLDLClassifier  # noqa: E402
from sklearn_ldl.graphs import AuxGraphNeighbors  # noqa: E402
from tests.deep import single_net  # noqa: E402

N_ROWS = 60


@pytest.fixture
def data(rng):
    """Features, labels and auxiliary labels; the first of both tells the row."""
    y = np.arange(N_ROWS) % 3
    X = np.column_stack(
        [np.linspace(0, 1, N_ROWS), np.eye(3)[y] + 0.5 * rng.normal(size=(N_ROWS, 3))]
    )
    A = np.column_stack([X[:, 0], np.eye(3)[y] + 0.3 * rng.normal(size=(N_ROWS, 3))])
    return X, y, A


def small(**options):
    return AuxGraphLDLClassifier(
        **{"max_epochs": 3, "hidden_layer_sizes": (5,), "random_state": 0, **options}
    )


def weights_of(model):
    return torch.cat([weight.detach().ravel() for weight in model.net_.module_.parameters()])


def test_settings_without_gradients_and_without_detach_contradict(data):
    X, y, A = data
    with pytest.raises(ValueError, match='neighbor_forward="joint"'):
        small(detach=False, neighbor_forward="no_grad").fit(X, y, aux=A)


# The graph


def test_graph_is_that_of_the_auxiliary_labels_alone(data, rng):
    X, y, A = data
    expected = AuxGraphNeighbors().fit(A).graph_.toarray()
    for labels in (y, rng.permutation(y), np.eye(3)[y]):
        assert_array_equal(small().fit(X, labels, aux=A).graph_.toarray(), expected)
    other = small().fit(X, y, aux=rng.permutation(A)).graph_.toarray()
    assert not np.array_equal(other, expected)


def test_loss_has_the_similarities_of_the_graph(data):
    X, y, A = data
    # The network hardly moves, so that predictions are those that were trained on.
    model = small(lr=1e-9, max_epochs=1, aux_weight=0.3).fit(X, y, aux=A)
    log_P = model.predict_log_proba(X)
    P, graph = np.exp(log_P), model.graph_
    divergence = np.sum(P * log_P, axis=1) - log_P @ P.T  # KL(f_j | f_i) at [i, j]
    expected = 0.3 * graph.multiply(divergence).sum() / N_ROWS
    assert_allclose(model.history_["train_graph"], [expected], rtol=1e-4)


def test_rows_set_aside_are_neither_centres_nor_neighbours(data):
    X, y, A = data
    model = small(max_epochs=1, early_stopping=True, validation_fraction=0.3)
    order = np.random.RandomState(0).permutation(N_ROWS)
    valid, train = np.sort(order[:18]), np.sort(order[18:])
    # The nearest neighbours of the first training rows are validation rows.
    A[valid] = A[train[: len(valid)]]
    fitted = clone(model).fit(X, y, aux=A)
    assert_array_equal(fitted.graph_.toarray(), AuxGraphNeighbors().fit(A[train]).graph_.toarray())
    for rows, matters in [(valid, False), (train, True)]:
        changed = X.copy()
        changed[rows] *= -2
        same = torch.equal(weights_of(clone(model).fit(changed, y, aux=A)), weights_of(fitted))
        assert same is not matters


def test_rows_without_weight_are_neither_centres_nor_neighbours(data):
    X, y, A = data
    weight = np.where(np.arange(N_ROWS) < 20, 0.0, 2.0)
    A[:20] = A[20:40]
    model = small(aux_weight=1.0)
    fitted = clone(model).fit(X, y, aux=A, sample_weight=weight)
    assert_array_equal(fitted.graph_.toarray(), AuxGraphNeighbors().fit(A[20:]).graph_.toarray())
    for rows, matters in [(slice(20), False), (slice(20, None), True)]:
        changed = [values.copy() for values in (X, A)]
        for values in changed:
            values[rows] *= -2
        other = clone(model).fit(changed[0], y, aux=changed[1], sample_weight=weight)
        assert torch.equal(weights_of(other), weights_of(fitted)) is not matters


def test_several_tasks(data):
    X, y, A = data
    graph = AuxGraphNeighbors(3, aux_groups=[slice(0, 2), [2, 3]])
    model = small(graph=graph).fit(X, y, aux=A)
    tasks = [AuxGraphNeighbors(3).fit(part).graph_ for part in (A[:, :2], A[:, 2:])]
    assert_allclose(model.graph_.toarray(), sum(tasks).toarray())
    assert not hasattr(graph, "graph_")


def test_strong_graph_makes_neighbours_agree(data, rng):
    X, y, A = data
    y = rng.permutation(y)

    def disagreement(aux_weight):
        model = small(aux_weight=aux_weight, max_epochs=30).fit(X, y, aux=A)
        P, (i, j) = model.predict_proba(X), model.graph_.nonzero()
        return np.abs(P[i] - P[j]).sum(axis=1).mean()

    assert disagreement(5.0) < 0.5 * disagreement(0.0)


def test_weight_zero_is_the_plain_classifier(data):
    X, y, A = data
    graph = AuxGraphNeighbors(random_state=0)
    model = small(graph=graph, aux_weight=0).fit(X, y, aux=A)
    plain = single_net(
        DeepLDLClassifier, hidden_layer_sizes=(5,), max_epochs=3, random_state=0
    ).fit(X, y)
    assert_allclose(model.predict_proba(X), plain.predict_proba(X), atol=1e-5)


@pytest.mark.filterwarnings("ignore:No two different rows of task 0 are similar")
def test_without_similar_rows_there_is_nothing_to_learn_from(data):
    X, y, A = data
    with pytest.raises(ValueError, match="No two rows are similar"):
        small(graph=AuxGraphNeighbors(sigma=1e-200)).fit(X, y, aux=A)


# What auxiliary labels may be


def test_no_auxiliary_labels(data):
    X, y, A = data
    model = small().fit(X, y, aux=A)
    with pytest.warns(UserWarning, match="No auxiliary labels") as caught:
        model.fit(X, y)
    if find_spec("sklearn.callback"):
        assert caught[0].filename == __file__  # the line of the user
    assert not hasattr(model, "graph_")
    assert list(model.history_) == ["train_loss"]


def test_one_array_with_a_row_per_sample_in_any_form(data):
    X, y, A = data
    expected = weights_of(small().fit(X, y, aux=A))
    points = A.reshape(N_ROWS, 2, 2)
    before = points.copy()
    for aux in (A.tolist(), points, list(points), np.asfortranarray(A)):
        assert torch.equal(weights_of(small().fit(X, y, aux=aux)), expected)
    assert_array_equal(points, before)
    single = small().fit(X, y, aux=A.astype(np.float32))
    assert_allclose(weights_of(single), expected, atol=1e-4)


def test_precomputed_distances(data):
    X, y, A = data
    distances = KNeighborsTransformer(n_neighbors=N_ROWS - 1).fit_transform(A)
    weight = np.where(np.arange(N_ROWS) < 10, 0.0, 1.0)
    for options, fit in [({}, {}), ({"early_stopping": True}, {"sample_weight": weight})]:
        expected = small(**options).fit(X, y, aux=A, **fit)
        graph = AuxGraphNeighbors(neighbors="precomputed")
        model = small(graph=graph, **options).fit(X, y, aux=distances, **fit)
        assert_allclose(model.graph_.toarray(), expected.graph_.toarray(), rtol=1e-6)
        assert_allclose(weights_of(model), weights_of(expected), atol=1e-5)


def test_a_search_cannot_slice_precomputed_distances(data):
    X, y, A = data
    distances = KNeighborsTransformer(n_neighbors=5).fit_transform(A)
    model = small(graph=AuxGraphNeighbors(neighbors="precomputed"))
    with pytest.raises(ValueError, match=r"aux of shape \(40, 60\) is no graph .* transformer"):
        GridSearchCV(model, GRID, **SEARCH).fit(X, y, aux=distances)
    with pytest.raises(TypeError, match="sparse"):
        model.fit(X, y, aux=distances.toarray())


def test_data_frames(data, make_frame):
    X, y, A = data
    model = small().fit(X, y, aux=make_frame(A, ["mouth", "brow", "eyes", "nose"]))
    assert torch.equal(weights_of(model), weights_of(small().fit(X, y, aux=A)))
    assert_array_equal(model.graph_.toarray(), AuxGraphNeighbors().fit(A).graph_.toarray())


@pytest.mark.parametrize(
    "make_aux",
    [
        lambda A: [A, A],
        lambda A: (A, A[:, :1]),
        lambda A: {"landmarks": A, "units": A},
        lambda A: A[:-1],
        lambda A: np.stack([A, A]),
    ],
    ids=["list", "tuple", "dict", "too short", "tasks first"],
)
def test_what_is_not_one_row_per_sample_is_rejected(data, make_aux):
    X, y, A = data
    with pytest.raises(ValueError, match=r"row per sample: got .* rows for 60 .* aux_groups"):
        small().fit(X, y, aux=make_aux(A))


@pytest.mark.parametrize(
    ("make_aux", "error", "message"),
    [
        (lambda A: np.where(A > 0, A, np.nan), ValueError, "Input aux contains NaN"),
        (lambda A: np.where(A > 0, A, np.inf), ValueError, "Input aux contains infinity"),
        (lambda A: A[:, 0], ValueError, "Expected 2D array, got 1D array"),
        (csr_array, TypeError, "Sparse data was passed"),
    ],
    ids=["NaN", "infinity", "1-D", "sparse"],
)
def test_bad_values(data, make_aux, error, message):
    X, y, A = data
    with pytest.raises(error, match=message):
        small().fit(X, y, aux=make_aux(A))


def test_one_training_row_has_no_neighbour(data):
    X, y, A = data
    with pytest.raises(ValueError, match="minimum of 2 is required by AuxGraphNeighbors"):
        small().fit(X, y, aux=A, sample_weight=np.eye(N_ROWS)[5])


@pytest.mark.parametrize(
    "bad",
    [
        {"aux_weight": -1},
        {"direction": "both"},
        {"neighbor_forward": "eval"},
        {"ramp": 1.5},
        {"detach": None},
        {"graph": "knn"},
    ],
    ids=str,
)
def test_bad_parameters(data, bad):
    X, y, A = data
    with pytest.raises(ValueError, match=f"The '{next(iter(bad))}' parameter"):
        small(**bad).fit(X, y, aux=A)


# Auxiliary labels through scikit-learn's splitters, with and without metadata routing


class Recorder(AuxGraphLDLClassifier):
    """Classifier that remembers how many rows reached `fit`."""

    n_rows: list = []

    def fit(self, X, y=None, aux=None, sample_weight=None):
        """Check that features and auxiliary labels tell the same rows."""
        assert_array_equal(X[:, 0], aux[:, 0])
        self.n_rows.append(len(X))
        return super().fit(X, y, aux=aux, sample_weight=sample_weight)


@pytest.fixture
def recorder():
    Recorder.n_rows.clear()
    return Recorder(max_epochs=1, hidden_layer_sizes=(), random_state=0)


@pytest.fixture(params=[False, True], ids=["routing off", "routing on"])
def routing(request):
    with sklearn.config_context(enable_metadata_routing=request.param):
        yield request.param


@pytest.fixture
def requesting(recorder, routing):
    return recorder.set_fit_request(aux=True) if routing else recorder


GRID = {"aux_weight": [0.1, 1.0]}
SEARCH = {"cv": 3, "error_score": "raise"}
FOLDS_AND_REFIT = [40] * 6 + [60]


def piped(estimator):
    return Pipeline([("same", FunctionTransformer()), ("net", estimator)])


def test_fit_takes_auxiliary_labels(data, requesting):
    X, y, A = data
    requesting.fit(X, y, aux=A)
    assert Recorder.n_rows == [60]


def test_search_slices(data, requesting):
    X, y, A = data
    GridSearchCV(requesting, GRID, **SEARCH).fit(X, y, aux=A)
    assert Recorder.n_rows == FOLDS_AND_REFIT


def test_cross_validation_slices(data, requesting):
    X, y, A = data
    cross_validate(requesting, X, y, cv=3, params={"aux": A}, error_score="raise")
    cross_val_predict(requesting, X, y, cv=3, params={"aux": A}, method="predict_proba")
    assert Recorder.n_rows == [40] * 6


def test_pipeline_has_one_name_for_auxiliary_labels(data, requesting, routing):
    X, y, A = data
    name, other = ("aux", "net__aux") if routing else ("net__aux", "aux")
    piped(requesting).fit(X, y, **{name: A})
    assert Recorder.n_rows == [60]
    with pytest.raises((TypeError, ValueError), match="aux"):
        piped(requesting).fit(X, y, **{other: A})
    assert Recorder.n_rows == [60]


def test_search_over_a_pipeline_slices(data, requesting, routing):
    X, y, A = data
    name, other = ("aux", "net__aux") if routing else ("net__aux", "aux")
    search = GridSearchCV(piped(requesting), {"net__aux_weight": [0.1, 1.0]}, **SEARCH)
    search.fit(X, y, **{name: A})
    assert Recorder.n_rows == FOLDS_AND_REFIT
    with pytest.raises((TypeError, ValueError), match="aux"):
        search.fit(X, y, **{other: A})


def test_bagging_needs_routing(data, requesting, routing):
    X, y, A = data
    bagging = BaggingClassifier(requesting, n_estimators=2, random_state=0)
    if routing:
        bagging.fit(X, y, aux=A)
        assert Recorder.n_rows == [60, 60]
    else:
        with pytest.raises(ValueError, match="aux"):
            bagging.fit(X, y, aux=A)


def test_routing_wants_a_request(data, recorder):
    X, y, A = data
    with (
        sklearn.config_context(enable_metadata_routing=True),
        pytest.raises(UnsetMetadataPassedError, match="aux"),
    ):
        GridSearchCV(recorder, GRID, **SEARCH).fit(X, y, aux=A)


def test_list_of_tasks_that_no_search_slices_is_rejected(data):
    X, y, A = data
    search = GridSearchCV(small(), GRID, **SEARCH)
    with pytest.raises(ValueError, match="row per sample: got 2 rows for 40 samples"):
        search.fit(X, y, aux=[A, A])


def test_search_over_weight_and_neighbours(data):
    X, y, A = data
    grid = {"aux_weight": [0.1, 1.0], "graph__n_neighbors": [2, 5]}
    search = GridSearchCV(small(graph=AuxGraphNeighbors()), grid, **SEARCH).fit(X, y, aux=A)
    best = search.best_estimator_
    assert len(search.cv_results_["params"]) == 4
    assert np.diff(best.graph_.indptr).max() == search.best_params_["graph__n_neighbors"]
    assert search.predict(X).shape == (N_ROWS,)


# Training


class Normalised(nn.Sequential):
    """Linear model of batch-normalised features."""

    def __init__(self, n_features, n_labels):
        super().__init__(nn.BatchNorm1d(n_features), nn.Linear(n_features, n_labels))


@pytest.mark.parametrize("neighbor_forward", ["joint", "no_grad"])
def test_batch_normalisation_counts_every_step_once(data, neighbor_forward):
    X, y, A = data
    # All 20 rows from the 40th on are neighbours, and pass the network a second time if joint.
    A[:40, 0] += 100 * np.arange(40)
    model = small(module=Normalised, neighbor_forward=neighbor_forward, max_epochs=1)
    model.set_params(graph=AuxGraphNeighbors(1), batch_size="all").fit(X, y, aux=A)
    norm = model.net_.module_[0]
    assert norm.num_batches_tracked == 1
    near = np.unique(model.graph_.indices)
    assert len(near) < N_ROWS
    seen = np.concatenate([X, X[near]]) if neighbor_forward == "joint" else X
    assert_allclose(norm.running_mean, 0.1 * seen.mean(axis=0), rtol=1e-4)


def test_ways_of_passing_neighbours_agree(data):
    X, y, A = data
    joint, apart = (
        small(neighbor_forward=way, aux_weight=2.0).fit(X, y, aux=A) for way in ("joint", "no_grad")
    )
    assert_allclose(weights_of(joint), weights_of(apart), atol=1e-5)


def test_history_has_the_parts_of_the_loss(data):
    X, y, A = data
    history = small(early_stopping=True).fit(X, y, aux=A).history_
    assert set(history) == {"train_loss", "train_label", "train_graph", "valid_loss"}
    assert all(values.shape == (3,) for values in history.values())
    parts = history["train_label"] + history["train_graph"]
    assert_allclose(history["train_loss"], parts, rtol=1e-5)
    assert (history["train_graph"] > 0).all()


@pytest.mark.parametrize(
    ("ramp", "factors"), [(0.5, [0.5, 1, 1, 1]), (1.0, [0.25, 0.5, 0.75, 1]), (0.1, [1, 1, 1, 1])]
)
def test_ramp(data, ramp, factors):
    X, y, A = data
    # The network hardly moves, so the weight alone makes the difference.
    still = small(lr=1e-9, max_epochs=4, batch_size="all")
    full = clone(still).fit(X, y, aux=A).history_["train_graph"]
    rising = still.set_params(ramp=ramp).fit(X, y, aux=A).history_["train_graph"]
    assert_allclose(rising / full, factors, rtol=1e-4)


def test_ramp_counts_steps_within_epochs(data):
    X, y, A = data
    model = small(lr=1e-9, max_epochs=2, batch_size=20, ramp=0.5)
    first, second = model.fit(X, y, aux=A).history_["train_graph"]
    assert 0.5 < first / second < 0.85  # the mean of 1/3, 2/3 and 1 is 2/3


def test_same_seed_same_network(data):
    X, y, A = data
    first, again, other = (
        small(random_state=seed, dropout=0.2).fit(X, y, aux=A) for seed in (0, 0, 1)
    )
    assert torch.equal(weights_of(first), weights_of(again))
    assert not torch.equal(weights_of(first), weights_of(other))
    assert torch.equal(weights_of(again.fit(X, y, aux=A)), weights_of(first))


def test_global_random_states_and_inputs_are_untouched(data):
    X, y, A = data
    before = [values.copy() for values in data]
    states = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    small(dropout=0.2).fit(X, y, aux=A)
    assert torch.equal(torch.get_rng_state(), states[0])
    assert_array_equal(np.random.get_state()[1], states[1])  # noqa: NPY002
    for values, expected in zip(data, before, strict=True):
        assert_array_equal(values, expected)


def test_pickle_and_clone(data):
    X, y, A = data
    model = small(graph=AuxGraphNeighbors(2), aux_weight=0.3).fit(X, y, aux=A)
    loaded = pickle.loads(pickle.dumps(model))
    assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))
    copied = clone(model)
    assert copied.graph is not model.graph
    assert copied.graph.n_neighbors == 2
    assert not hasattr(copied, "net_")
    assert torch.equal(weights_of(copied.fit(X, y, aux=A)), weights_of(model))
    assert model.net_.objective is None


def test_warm_start_goes_on_with_the_graph(data):
    X, y, A = data
    model = small(warm_start=True).fit(X, y, aux=A)
    first = weights_of(model).clone()
    assert model.fit(X, y, aux=A).n_iter_ == 6
    assert not torch.equal(weights_of(model), first)
    assert model.history_["train_graph"].shape == (6,)


# What features and targets may be


def test_labels_of_any_kind(data):
    X, y, A = data
    names = np.array(["calm", "glad", "sad"])
    model = small(max_epochs=30, batch_size=10).fit(X, names[y], aux=A)
    assert_array_equal(model.classes_, names)
    P = model.predict_proba(X)
    assert P.dtype == np.float64
    assert_allclose(P.sum(axis=1), 1, atol=1e-12)
    assert model.score(X, names[y]) > 0.7


def test_distributions(data, rng):
    X, y, A = data
    D = 0.8 * np.eye(3)[y] + 0.2 * rng.dirichlet(np.ones(3), size=N_ROWS)
    model = small().fit(X, D, aux=A)
    assert_array_equal(model.classes_, [0, 1, 2])
    assert not torch.equal(weights_of(model), weights_of(small().fit(X, y, aux=A)))


def test_sparse_features(data):
    X, y, A = data
    dense = small().fit(X, y, aux=A)
    assert torch.equal(weights_of(small().fit(csr_array(X), y, aux=A)), weights_of(dense))


class Convolution(nn.Sequential):
    """One small convolution."""

    def __init__(self, n_labels):
        super().__init__(nn.Conv2d(1, 2, 2), nn.Flatten(), nn.LazyLinear(n_labels))


def test_images(data):
    X, y, A = data
    images = X.reshape(N_ROWS, 1, 2, 2)
    model = small(module=Convolution).fit(images, y, aux=A)
    flat = small(module=Convolution, input_shape=(1, 2, 2)).fit(X, y, aux=A)
    assert model.input_shape_ == (1, 2, 2)
    assert_array_equal(flat.predict_proba(X), model.predict_proba(images))


def test_torch_dataset(data):
    X, y, A = data
    tensors = torch.from_numpy(X).float(), torch.from_numpy(y)
    # With one batch the order of the rows does not matter.
    model = small(batch_size="all", aux_weight=2.0)
    from_arrays = clone(model).fit(X, y, aux=A)
    for dataset, labels in [(TensorDataset(*tensors), None), (TensorDataset(tensors[0]), y)]:
        fitted = clone(model).fit(dataset, labels, aux=A)
        assert_allclose(weights_of(fitted), weights_of(from_arrays), atol=1e-5)
    with pytest.raises(ValueError, match="got 59 rows for 60 samples"):
        model.fit(TensorDataset(*tensors), aux=A[:-1])


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("neighbor_forward", ["joint", "no_grad"])
def test_cuda_gives_the_result_of_the_cpu(data, neighbor_forward):
    X, y, A = data
    model = small(neighbor_forward=neighbor_forward, batch_size="all", aux_weight=2.0)
    expected = weights_of(clone(model).fit(X, y, aux=A))
    on_device = model.set_params(device="cuda").fit(X, y, aux=A)
    assert_allclose(weights_of(on_device).cpu(), expected, atol=1e-3)


# Noisy labels


def noisy_digits(seed, n_train=600, noise=0.4):
    """Training features, labels of which a share is wrong, auxiliary labels; clean test rows."""
    rng = np.random.default_rng(seed)
    X, y = load_digits(return_X_y=True)
    images = X.reshape(-1, 8, 8)
    A = scale(np.hstack([images.sum(axis=1), images.sum(axis=2)]))
    A += 0.5 * rng.standard_normal(A.shape)
    X = X / 16 + 0.1 * rng.standard_normal(X.shape)
    order = rng.permutation(len(y))
    train, test = order[:n_train], order[n_train:]
    wrong = rng.random(n_train) < noise
    labels = np.where(wrong, (y[train] + rng.integers(1, 10, n_train)) % 10, y[train])
    return X[train], labels, A[train], X[test], y[test]


def test_ten_points_above_cross_entropy_when_four_labels_in_ten_are_wrong():
    gains = []
    for seed in range(2):
        X, y, A, X_test, y_test = noisy_digits(seed)
        options = {"batch_size": 100, "random_state": seed}
        search = GridSearchCV(AuxGraphLDLClassifier(**options), {"aux_weight": [0.3, 3.0]}, cv=2)
        plain = single_net(DeepLDLClassifier, **options).fit(X, y).score(X_test, y_test)
        gains.append(search.fit(X, y, aux=A).score(X_test, y_test) - plain)
    assert np.mean(gains) > 0.10
