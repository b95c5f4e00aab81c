import functools
import math
import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import softmax
from scipy.stats import norm

torch = pytest.importorskip("torch")

from sklearn_ldl import metrics  # noqa: E402
from sklearn_ldl.deep import losses  # noqa: E402
from sklearn_ldl.deep.losses import decoupled  # noqa: E402
from sklearn_ldl.deep.losses.registry import LOSSES, REGRESSION_LOSSES, get_loss  # noqa: E402
from sklearn_ldl.distributors import split_dominant  # noqa: E402

CENTRES = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.5, 1.5]], dtype=torch.float64)


def kernel_density(kernel, loss=losses.kernel_density_nll):
    return lambda Z, Y: loss(Z, Y, CENTRES.to(Z.dtype), bandwidth=0.7, kernel=kernel)


# Name -> (loss, number of output columns, kind of target).
ALL = {
    **{name: (loss, 4, "distribution") for name, loss in LOSSES.items()},
    **{name: (loss, 2, "value") for name, loss in REGRESSION_LOSSES.items()},
    "gaussian": (losses.gaussian_nll, 4, "value"),
    "decoupled_softmax": (
        functools.partial(losses.decoupled_kl, nondominant_target="softmax"),
        4,
        "distribution",
    ),
    "decoupled_onehot": (
        functools.partial(losses.decoupled_kl, dominant_target="onehot"),
        4,
        "distribution",
    ),
    "kl_expectation_of_points": (
        functools.partial(losses.kl_expectation, label_values=CENTRES, expectation_weight=0.3),
        4,
        "distribution",
    ),
    "mean_variance_of_points": (
        functools.partial(losses.mean_variance, label_values=CENTRES),
        4,
        "distribution",
    ),
    "kernel_density": (kernel_density("gaussian"), 4, "value"),
    "kernel_density_uniform": (kernel_density("uniform"), 4, "value"),
    "kernel_kl": (kernel_density("gaussian", losses.kernel_kl), 4, "value"),
    "heatmap_l2": (kernel_density("gaussian", losses.heatmap_l2), 4, "value"),
}
every_loss = pytest.mark.parametrize("name", ALL)


def make_problem(name, rng, n_samples=6, scale=1.0, dtype=torch.float64):
    """Outputs that ask for a gradient, and targets that include zeros."""
    _, n_columns, kind = ALL[name]
    Z = torch.tensor(scale * rng.standard_normal((n_samples, n_columns)), dtype=dtype)
    if kind == "distribution":
        target = rng.dirichlet(np.ones(4), n_samples)
        target[0] = [1, 0, 0, 0]
        target[1:2] = [0, 0.5, 0.5, 0]
    else:
        target = rng.standard_normal((n_samples, 2))
    return Z.requires_grad_(), torch.tensor(target, dtype=dtype)


def predicted(Z):
    return softmax(Z.detach().numpy(), axis=1)


def gradient(loss, Z, target):
    return torch.autograd.grad(loss(Z, target).sum(), Z)[0]


@every_loss
def test_gradient_is_that_of_finite_differences(name, rng):
    Z, target = make_problem(name, rng)
    assert torch.autograd.gradcheck(lambda Z: ALL[name][0](Z, target), Z)


@every_loss
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_value_per_row_in_the_dtype_of_the_output(name, dtype, rng):
    Z, target = make_problem(name, rng, dtype=dtype)
    values = ALL[name][0](Z, target)
    assert values.shape == (6,)
    assert values.dtype == dtype
    for row in range(6):
        single = ALL[name][0](Z[row : row + 1], target[row : row + 1])
        torch.testing.assert_close(single, values[row : row + 1])


@every_loss
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_extreme_outputs_have_finite_values_and_gradients(name, dtype):
    loss, n_columns, kind = ALL[name]
    signs = torch.tensor(np.array(list(np.ndindex((2,) * n_columns))), dtype=dtype)
    for Z in (1e4 * (2 * signs - 1), 1e4 * signs):
        Z.requires_grad_()
        for label in range(4):
            if kind == "distribution":
                target = torch.eye(4, dtype=dtype)[label].expand(len(Z), 4)
            else:
                target = torch.full((len(Z), 2), float(label), dtype=dtype)
            assert loss(Z, target).isfinite().all()
            assert gradient(loss, Z, target).isfinite().all()


@every_loss
def test_inputs_stay_as_they_are(name, rng):
    Z, target = make_problem(name, rng)
    copies = Z.detach().clone(), target.clone()
    ALL[name][0](Z, target).sum().backward()
    assert torch.equal(Z, copies[0])
    assert torch.equal(target, copies[1])


@every_loss
def test_a_target_of_another_shape_is_an_error(name, rng):
    Z, target = make_problem(name, rng)
    with pytest.raises((ValueError, RuntimeError), match=r"shape|columns"):
        ALL[name][0](Z, target[:, :1])


@pytest.mark.parametrize("name", [n for n in LOSSES if n not in ("cross_entropy", "mean_variance")])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_zero_for_a_perfect_prediction_of_ten_thousand_labels(name, dtype, rng):
    Z = torch.tensor(rng.standard_normal((3, 10_000)), dtype=dtype)
    D = Z.softmax(1)
    tolerance = 1e-3 if dtype == torch.float32 else 1e-10
    torch.testing.assert_close(
        LOSSES[name](Z, D), torch.zeros(3, dtype=dtype), rtol=0, atol=tolerance
    )


@pytest.mark.parametrize(
    ("name", "measure"),
    [
        ("kl", metrics.kl_divergence),
        ("mse", lambda D, P, per_row: metrics.euclidean_distance(D, P, per_row=per_row) ** 2),
        (
            "alpha",
            lambda D, P, per_row: 4 * (1 - metrics.fidelity_similarity(D, P, per_row=per_row)),
        ),
        ("jeffreys", metrics.jeffreys_divergence),
        ("jensen_shannon", metrics.jensen_shannon_divergence),
        ("cad", metrics.cumulative_absolute_distance),
        ("cad", metrics.wasserstein_distance),
        # Of four labels with unit steps, C - 1 = 3.
        (
            "emd",
            lambda D, P, per_row: (
                3 / 2 * metrics.quadratic_form_distance(D, P, per_row=per_row) ** 2
            ),
        ),
    ],
)
def test_agrees_with_the_metric(name, measure, rng):
    Z, D = make_problem(name, rng)
    expected = measure(D.numpy(), predicted(Z), per_row=True)
    assert_allclose(LOSSES[name](Z, D).detach(), expected, rtol=1e-10, atol=1e-14)


def test_cross_entropy_is_kl_plus_entropy(rng):
    Z, D = make_problem("kl", rng)
    entropy = -torch.xlogy(D, D).sum(1)
    torch.testing.assert_close(
        losses.soft_cross_entropy(Z, D), losses.kl_divergence(Z, D) + entropy
    )
    torch.testing.assert_close(
        losses.soft_cross_entropy(Z, D), torch.nn.functional.cross_entropy(Z, D, reduction="none")
    )


@pytest.mark.parametrize("name", ["kl", "cross_entropy"])
def test_gradient_of_kl_is_p_minus_d(name, rng):
    Z, D = make_problem(name, rng)
    assert_allclose(gradient(LOSSES[name], Z, D), predicted(Z) - D.numpy(), atol=1e-15)


def test_gradient_of_the_alpha_divergence(rng):
    Z, D = make_problem("alpha", rng)
    P = predicted(Z)
    roots = np.sqrt(D.numpy() * P)
    expected = 2 * (P * roots.sum(axis=1, keepdims=True) - roots)
    assert_allclose(gradient(losses.alpha_divergence, Z, D), expected, atol=1e-15)


def test_jeffreys_floor_bounds_the_cost_of_mass_on_an_absent_label():
    Z, D = torch.zeros(1, 2), torch.tensor([[1.0, 0.0]])
    expected = 0.5 * math.log(2) + 0.5 * (math.log(0.5) - math.log(1e-3))
    assert_allclose(losses.jeffreys(Z, D, floor=1e-3), [expected], rtol=1e-6)


# Decoupled divergence: k is the dominant label, q its degree, the others share 1 - q.


def decoupled_terms(Z, D, **settings):
    return decoupled.decoupled_terms(Z, decoupled.decouple(D, **settings))


def dominant_column(D):
    return torch.nn.functional.one_hot(D.argmax(1), D.shape[1]).bool()


def test_decoupling_in_torch_is_that_in_numpy(rng):
    D = rng.dirichlet(np.ones(5), 20)
    parts, expected = decoupled.decouple(torch.from_numpy(D)), split_dominant(D)
    assert_array_equal(parts.dominant[:, 0], expected.dominant)
    assert_allclose(parts.degree, expected.degree, rtol=1e-15)
    assert_allclose(parts.complement, expected.complement, rtol=1e-14)
    assert_allclose(parts.nondominant, expected.nondominant, rtol=1e-14)


def test_kl_is_the_dominant_term_plus_the_rest_times_the_other(rng):
    Z, D = make_problem("kl", rng)
    dominant, nondominant = decoupled_terms(Z, D)
    q = D.max(1).values
    torch.testing.assert_close(dominant + (1 - q) * nondominant, losses.kl_divergence(Z, D))
    torch.testing.assert_close(
        losses.decoupled_kl(Z, D, alpha=0.3), 0.3 * dominant + 0.7 * nondominant
    )


def test_gradients_of_the_decoupled_terms(rng):
    Z, D = make_problem("kl", rng, n_samples=20)
    Z, D = Z[2:].detach().requires_grad_(), D[2:]
    dominant, nondominant = (
        torch.autograd.grad(term.sum(), Z, retain_graph=True)[0] for term in decoupled_terms(Z, D)
    )
    P, at_k = Z.softmax(1).detach(), dominant_column(D)
    q, p_k = D[at_k][:, None], P[at_k][:, None]
    expected = torch.where(at_k, P - D, P * (1 - (1 - q) / (1 - p_k)))
    torch.testing.assert_close(dominant, expected, rtol=0, atol=1e-10)
    expected = torch.where(at_k, 0.0, P / (1 - p_k) - D / (1 - q))
    torch.testing.assert_close(nondominant, expected, rtol=0, atol=1e-10)


def test_of_two_labels_only_the_dominant_term_is_left(rng):
    Z = torch.tensor(rng.standard_normal((5, 2)), requires_grad=True)
    D = torch.tensor(rng.dirichlet([1, 1], 5))
    expected = 0.3 * losses.kl_divergence(Z, D)
    torch.testing.assert_close(losses.decoupled_kl(Z, D, alpha=0.3), expected)


def test_one_hot_rows_say_nothing_about_the_others(rng):
    Z = torch.tensor(rng.standard_normal((4, 4)), requires_grad=True)
    D = torch.eye(4, dtype=torch.float64)
    dominant, nondominant = decoupled_terms(Z, D)
    torch.testing.assert_close(dominant, losses.kl_divergence(Z, D))
    assert not nondominant.any()
    assert not torch.autograd.grad(nondominant.sum(), Z)[0].any()


def test_of_equally_dominant_labels_the_first_counts():
    D = torch.tensor([[0.1, 0.4, 0.4, 0.1], [0.25, 0.25, 0.25, 0.25]])
    parts = decoupled.decouple(D)
    assert_array_equal(parts.dominant, [[1], [0]])
    assert_allclose(parts.nondominant[1], [0, 1 / 3, 1 / 3, 1 / 3], rtol=1e-6)
    assert_allclose(losses.decoupled_kl(D.log(), D), [0, 0], atol=1e-6)


def test_dominant_label_of_other_targets(rng):
    Z, D = make_problem("kl", rng)
    k = D.argmin(1, keepdim=True)
    parts = decoupled.decouple(D, k)
    assert_allclose(parts.degree, D.min(1).values)
    dominant, nondominant = decoupled.decoupled_terms(Z, parts)
    torch.testing.assert_close(
        dominant + parts.complement * nondominant, losses.kl_divergence(Z, D)
    )


def test_targets_as_printed(rng):
    Z, D = make_problem("kl", rng)
    at_k = dominant_column(D)
    log_P = Z.log_softmax(1)
    dominant, _ = decoupled_terms(Z, D, dominant_target="onehot")
    torch.testing.assert_close(dominant, -log_P[at_k])
    _, nondominant = decoupled_terms(Z, D, nondominant_target="softmax")
    T = D[~at_k].reshape(-1, 3).softmax(1)
    expected = losses.kl_divergence(Z[~at_k].reshape(-1, 3), T)
    torch.testing.assert_close(nondominant, expected)


@pytest.mark.parametrize("name", ["nondominant_target", "dominant_target"])
def test_unknown_decoupled_target(name):
    with pytest.raises(ValueError, match=f"^{name} must be one of .* got 'both'"):
        losses.decoupled_kl(torch.zeros(1, 3), torch.eye(3)[:1], **{name: "both"})


@pytest.mark.parametrize(("name", "factor"), [("cad", 3.0), ("emd", 3.0), ("kl", 1.0)])
def test_only_ordinal_losses_see_how_far_a_miss_is(name, factor):
    Z = torch.tensor([[20.0, 0, 0, 0]])
    near, far = torch.eye(4)[[1, 3]]
    ratio = LOSSES[name](Z, far[None]) / LOSSES[name](Z, near[None])
    assert_allclose(ratio, [factor], rtol=1e-5)


def test_regression_losses_by_hand():
    T = torch.tensor([[1.0, -2.0], [0.01, 0.0]])
    Y = torch.tensor([[0.5, 1.0], [0.0, 0.0]])
    assert_allclose(losses.l1(T, Y), [3.5, 0.01])
    assert_allclose(losses.l2(T, Y), [0.5 * (0.25 + 9), 0.5e-4])
    assert_allclose(losses.epsilon_insensitive(T, Y), [3.5 - 4 / 180, 0], rtol=1e-6)
    assert_allclose(losses.epsilon_insensitive(T, Y, epsilon=1.0), [2, 0])


def test_gaussian_nll_is_that_of_scipy(rng):
    T, Y = make_problem("gaussian", rng)
    mean, log_variance = np.split(T.detach().numpy(), 2, axis=1)
    expected = -norm.logpdf(Y.numpy(), mean, np.exp(log_variance / 2)).sum(axis=1)
    assert_allclose(losses.gaussian_nll(T, Y).detach(), expected)


def test_gaussian_nll_comes_back_from_below_the_smallest_variance():
    T = torch.tensor([[0.0, -50.0]], requires_grad=True)
    values = losses.gaussian_nll(T, torch.tensor([[1.0]]), min_variance=1e-2)
    assert_allclose(values.detach(), [-norm.logpdf(1.0, scale=0.1)], rtol=1e-5)
    values.sum().backward()
    assert T.grad[0, 1] < 0  # a step against it raises the variance


def test_kernel_density_nll_is_that_of_the_mixture(rng):
    Z, Y = make_problem("kernel_density", rng)
    differences = Y.numpy()[:, None, :] - CENTRES.numpy()
    density = norm.pdf(differences, scale=0.7).prod(axis=2)
    expected = -np.log((predicted(Z) * density).sum(axis=1))
    assert_allclose(kernel_density("gaussian")(Z, Y).detach(), expected)


def test_gradient_of_the_kernel_density_nll_is_p_minus_the_posterior(rng):
    Z, Y = make_problem("kernel_density", rng)
    P = predicted(Z)
    squares = ((Y.numpy()[:, None, :] - CENTRES.numpy()) ** 2).sum(axis=2)
    posterior = softmax(np.log(P) - squares / (2 * 0.7**2), axis=1)
    assert_allclose(gradient(kernel_density("gaussian"), Z, Y), P - posterior, atol=1e-14)


@pytest.mark.parametrize("kernel", ["gaussian", "uniform"])
def test_kernel_density_nll_is_finite_far_from_the_grid(kernel):
    Z = torch.zeros(2, 3, requires_grad=True)
    Y = torch.tensor([[1e6], [-1e6]])
    centres = torch.tensor([[0.0], [1.0], [2.0]])
    values = losses.kernel_density_nll(Z, Y, centres, bandwidth=0.1, kernel=kernel)
    assert values.isfinite().all()
    values.sum().backward()
    assert Z.grad.isfinite().all()
    # The nearest centre takes it all.
    assert Z.grad[0, 2] < 0 < Z.grad[0, 0]
    assert Z.grad[1, 0] < 0 < Z.grad[1, 2]


def test_uniform_kernel_is_the_cross_entropy_of_the_rounded_target(rng):
    Z = torch.tensor(rng.standard_normal((50, 10)))
    Y = torch.tensor(rng.uniform(0, 9, (50, 1)))
    centres = torch.arange(10, dtype=torch.float64)[:, None]
    values = losses.kernel_density_nll(Z, Y, centres, kernel="uniform")
    rounded = Y[:, 0].round().long()
    torch.testing.assert_close(
        values, torch.nn.functional.cross_entropy(Z, rounded, reduction="none")
    )
    tie = losses.kernel_density_nll(
        Z[:1], torch.tensor([[3.5]]).double(), centres, kernel="uniform"
    )
    torch.testing.assert_close(tie, -Z[:1].log_softmax(1)[:, 3])


def test_distances_to_centres_are_exact_far_from_the_origin():
    # More than 25 centres: the size from which torch would use a matrix product.
    centres = 1e4 + torch.arange(40.0)[:, None]
    Y = torch.tensor([[1e4 + 20.25]] * 30)
    Z = torch.zeros(30, 40)
    expected = losses.kernel_density_nll(Z, Y - 1e4, centres - 1e4, bandwidth=0.1)
    torch.testing.assert_close(losses.kernel_density_nll(Z, Y, centres, bandwidth=0.1), expected)


def test_unknown_kernel():
    with pytest.raises(ValueError, match="'gaussian' or 'uniform', got 'box'"):
        losses.kernel_density_nll(torch.zeros(1, 4), torch.zeros(1, 2), CENTRES, kernel="box")


def test_one_column_does_not_broadcast():
    with pytest.raises(ValueError, match=r"different shapes: \(3, 1\) and \(3,\)"):
        losses.l2(torch.zeros(3, 1), torch.zeros(3))


def test_the_names_that_estimators_take():
    assert list(LOSSES) == [
        "kl",
        "cross_entropy",
        "decoupled_kl",
        "mse",
        "alpha",
        "jeffreys",
        "jensen_shannon",
        "cad",
        "emd",
        "kl_expectation",
        "mean_variance",
    ]
    assert list(REGRESSION_LOSSES) == ["l1", "l2", "epsilon_insensitive", "gaussian"]


def test_get_loss_by_name():
    assert get_loss("kl") is losses.kl_divergence
    assert get_loss("gaussian", REGRESSION_LOSSES) is losses.gaussian_nll


@pytest.mark.parametrize("table", [LOSSES, REGRESSION_LOSSES])
def test_get_loss_lists_the_names_it_knows(table):
    with pytest.raises(ValueError, match="Unknown loss 'hinge'; known losses are") as error:
        get_loss("hinge", table)
    assert all(repr(name) in str(error.value) for name in table)


def test_get_loss_leaves_callables_and_modules_alone():
    loss = functools.partial(losses.jeffreys, floor=1e-6)
    assert get_loss(loss) is loss
    module = torch.nn.CrossEntropyLoss(label_smoothing=0.1, reduction="none")
    assert get_loss(module) is module


def test_get_loss_instantiates_a_module_class(rng):
    class Scaled(torch.nn.Module):
        def forward(self, Z, D):
            return 2 * losses.kl_divergence(Z, D)

    Z, D = make_problem("kl", rng)
    torch.testing.assert_close(get_loss(Scaled)(Z, D), 2 * losses.kl_divergence(Z, D))
    torch.testing.assert_close(
        get_loss(torch.nn.CrossEntropyLoss)(Z, D), losses.soft_cross_entropy(Z, D)
    )


def test_get_loss_refuses_a_module_that_averages():
    with pytest.raises(ValueError, match="pass reduction='none'"):
        get_loss(torch.nn.CrossEntropyLoss())


@pytest.mark.parametrize("loss", [None, 3, ["kl"]])
def test_get_loss_refuses_what_cannot_be_called(loss):
    with pytest.raises(TypeError, match="loss must be a name, a callable or a torch module"):
        get_loss(loss)


@pytest.mark.parametrize("name", LOSSES)
def test_losses_pickle(name):
    assert pickle.loads(pickle.dumps(get_loss(name))) is LOSSES[name]
