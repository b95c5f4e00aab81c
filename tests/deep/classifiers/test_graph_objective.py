import copy

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import log_softmax, softmax

torch = pytest.importorskip("torch")
pytest.importorskip("skorch")

from torch import nn  # noqa: E402

from sklearn_ldl import AuxGraphLDLClassifier  # noqa: E402
from sklearn_ldl.deep.classifiers.graph_objective import (  # noqa: E402
    GraphObjective,
    graph_divergence,
)
from sklearn_ldl.deep.losses.registry import get_loss  # noqa: E402
from sklearn_ldl.deep.training.batches import ArraySource, Batch  # noqa: E402
from sklearn_ldl.deep.training.conversion import Conversion  # noqa: E402
from sklearn_ldl.deep.training.net import Forward  # noqa: E402
from sklearn_ldl.deep.training.stored_rows import FeatureStore  # noqa: E402

# The divergence


def random_graph(rng, n_centers=5, n_near=4, n_neighbors=3, n_labels=6):
    Z, Z_near = (torch.from_numpy(3 * rng.normal(size=(n, n_labels))) for n in (n_centers, n_near))
    position = torch.from_numpy(rng.integers(n_near, size=(n_centers, n_neighbors)))
    weights = torch.from_numpy(rng.random((n_centers, n_neighbors)))
    return Z, Z_near, position, weights


@pytest.mark.parametrize("center_first", [False, True])
def test_divergence_equals_a_loop(rng, center_first):
    Z, Z_near, position, weights = random_graph(rng)
    expected = np.zeros(len(Z))
    for i, k in np.ndindex(*position.shape):
        log_p, log_q = log_softmax(Z[i].numpy()), log_softmax(Z_near[position[i, k]].numpy())
        if not center_first:
            log_p, log_q = log_q, log_p
        expected[i] += weights[i, k] * np.sum(np.exp(log_p) * (log_p - log_q))
    divergence = graph_divergence(Z, Z_near, position, weights, center_first=center_first)
    assert_allclose(divergence, expected, rtol=1e-12)


def test_gradient_is_the_weighted_difference_of_the_predictions(rng):
    Z, Z_near, position, weights = random_graph(rng)
    Z.requires_grad_()
    graph_divergence(Z, Z_near, position, weights).sum().backward()
    F, F_near = softmax(Z.detach().numpy(), axis=1), softmax(Z_near.numpy(), axis=1)
    differences = F[:, None] - F_near[position]
    assert_allclose(Z.grad, np.einsum("nk,nkc->nc", weights, differences), atol=1e-14)


@pytest.mark.parametrize("center_first", [False, True])
def test_gradients_of_centres_and_neighbours_equal_numeric_ones(rng, center_first):
    Z, Z_near, position, weights = random_graph(rng)

    def divergence(Z, Z_near):
        return graph_divergence(Z, Z_near, position, weights, center_first=center_first)

    assert torch.autograd.gradcheck(divergence, (Z.requires_grad_(), Z_near.requires_grad_()))


@pytest.mark.parametrize("center_first", [False, True])
def test_divergence_of_certain_predictions_is_finite(center_first):
    Z = torch.tensor([[1e4, -1e4], [-1e4, 1e4]]).requires_grad_()
    position, weights = torch.tensor([[1], [0]]), torch.ones(2, 1)
    divergence = graph_divergence(Z, Z, position, weights, center_first=center_first)
    divergence.sum().backward()
    assert divergence.isfinite().all()
    assert Z.grad.isfinite().all()


# The objective: on identity features, a linear layer holds the logits of each row in a column

NEIGHBORS = (np.arange(5)[:, None] + [1, 2]) % 5
WEIGHTS = np.linspace(0.1, 1, 10).reshape(5, 2)


def row_terms(rows, module, **settings):
    """Terms of a batch of `rows` out of 5."""
    target = np.eye(3)[np.arange(5) % 3]
    cpu = torch.device("cpu")
    source = ArraySource(
        FeatureStore(np.eye(5), cpu),
        target,
        torch.arange(5),
        batch_size=5,
        shuffle=False,
        weight=None,
        device=cpu,
    )
    source.conversion = Conversion(torch.float64)
    rows = torch.as_tensor(rows)
    batch = Batch(source.take(rows), source.target[rows], None, rows, source)
    graph = torch.from_numpy(NEIGHBORS), torch.from_numpy(WEIGHTS)
    return GraphObjective(AuxGraphLDLClassifier(**settings), get_loss("kl"), *graph)(
        Forward(module), batch
    )


@pytest.fixture
def logits():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Linear(5, 3, bias=False).double()


@pytest.mark.parametrize("neighbor_forward", ["joint", "no_grad"])
def test_no_gradient_flows_to_neighbours(logits, neighbor_forward):
    terms = row_terms([0, 3], logits, aux_weight=0.2, neighbor_forward=neighbor_forward)
    terms["graph"].sum().backward()
    F = logits.weight.detach().softmax(0).T.numpy()
    expected = np.zeros((5, 3))
    for i in (0, 3):
        expected[i] = 0.2 * WEIGHTS[i] @ (F[i] - F[NEIGHBORS[i]])
    assert_allclose(logits.weight.grad.T, expected, atol=1e-15)


@pytest.mark.parametrize("direction", ["neighbor_first", "center_first"])
def test_neighbours_learn_without_detach(logits, direction):
    def disagreement(weight):
        module = copy.deepcopy(logits)
        del module.weight
        module.weight = weight
        return row_terms([0, 3], module, direction=direction, detach=False)["graph"]

    weight = logits.weight.detach().clone().requires_grad_()
    assert torch.autograd.gradcheck(disagreement, (weight,))
    disagreement(weight).sum().backward()
    assert (weight.grad[:, [1, 2, 4]] != 0).all()


def test_detach_changes_gradients_but_not_values(logits):
    values = [row_terms([0, 1, 2], logits, detach=detach)["graph"] for detach in (True, False)]
    assert torch.equal(*values)
