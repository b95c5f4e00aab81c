import copy
import pickle
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

torch = pytest.importorskip("torch")

from sklearn_ldl.deep import RICAP, CutMix, MixUp  # noqa: E402
from sklearn_ldl.deep.mixing.augmentations import AUGMENTATIONS, get_augmentation  # noqa: E402
from sklearn_ldl.deep.mixing.mixed import mix_targets  # noqa: E402

every_augmentation = pytest.mark.parametrize("augmentation", [MixUp, CutMix, RICAP])
image_augmentations = pytest.mark.parametrize("augmentation", [CutMix, RICAP])


def constant_images(n_samples, height, width, channels=2):
    """Images whose pixels tell which image they come from."""
    return torch.arange(float(n_samples)).reshape(-1, 1, 1, 1).repeat(1, channels, height, width)


def coordinate_images(n_samples, height, width):
    """Images whose pixels tell image, row and column."""
    grid = torch.meshgrid(
        torch.arange(n_samples), torch.arange(height), torch.arange(width), indexing="ij"
    )
    return torch.stack(grid, dim=1).float()


class Scripted(np.random.Generator):
    """Generator whose Beta draws are given and whose integers are the lowest or highest."""

    def __init__(self, betas, highest=False):
        super().__init__(np.random.PCG64(0))
        self.betas = iter(betas)
        self.highest = highest

    def beta(self, a, b):
        return next(self.betas)

    def integers(self, high):
        return high - 1 if self.highest else 0


# What all three have in common


@every_augmentation
def test_neither_the_batch_nor_the_tensor_it_is_a_slice_of_is_touched(augmentation, rng):
    data = torch.from_numpy(rng.random((20, 3, 6, 5)))
    before = data.clone()
    batch = data[4:12]
    for prob in [0, 1]:
        for _ in range(20):
            mixed = augmentation(prob=prob)(batch, rng)
            assert mixed.X.shape == batch.shape
            mixed.X.zero_()
    assert torch.equal(data, before)


@every_augmentation
@given(seed=st.integers(0, 2**32), n_samples=st.integers(2, 6))
@settings(max_examples=50, deadline=None)
def test_weights_are_a_distribution_and_indices_are_permutations(augmentation, seed, n_samples):
    mixed = augmentation()(constant_images(n_samples, 5, 4), np.random.default_rng(seed))
    assert mixed.weights.dtype == torch.float64
    assert (mixed.weights >= 0).all()
    assert_allclose(mixed.weights.sum(), 1, rtol=1e-15)
    assert mixed.indices.shape == (len(mixed.weights), n_samples)
    for rows in mixed.indices:
        assert_array_equal(rows.sort().values, np.arange(n_samples))


@every_augmentation
def test_the_same_seed_gives_the_same_batch_and_another_seed_another_one(augmentation):
    X = torch.from_numpy(np.random.default_rng(0).random((8, 3, 6, 6)))
    first, same, other = (augmentation()(X, np.random.default_rng(seed)) for seed in [1, 1, 2])
    assert all(torch.equal(a, b) for a, b in zip(first, same, strict=True))
    assert not torch.equal(first.X, other.X)


@every_augmentation
def test_one_generator_gives_other_draws_to_every_batch(augmentation, rng):
    X = torch.from_numpy(rng.random((8, 3, 6, 6)))
    batches = [augmentation()(X, rng).X for _ in range(5)]
    assert not any(torch.equal(a, b) for a, b in pairwise(batches))


@every_augmentation
def test_global_random_states_neither_change_nor_matter(augmentation):
    X = constant_images(4, 5, 5)
    results = []
    for seed in [0, 1]:
        torch.manual_seed(seed)
        np.random.seed(seed)  # noqa: NPY002
        state, numpy_state = torch.get_rng_state(), np.random.get_state()  # noqa: NPY002
        results.append(augmentation()(X, np.random.default_rng(0)).X)
        assert torch.equal(torch.get_rng_state(), state)
        np.testing.assert_equal(np.random.get_state(), numpy_state)  # noqa: NPY002
    assert torch.equal(*results)


@every_augmentation
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_dtypes_of_inputs_and_targets_are_kept(augmentation, dtype, rng):
    mixed = augmentation()(constant_images(4, 5, 5).to(dtype), rng)
    assert mixed.X.dtype == dtype
    assert mix_targets(torch.eye(4, dtype=dtype), mixed).dtype == dtype


@every_augmentation
@pytest.mark.parametrize(("n_samples", "prob"), [(1, 1.0), (0, 1.0), (5, 0.0)])
def test_a_batch_that_is_left_alone_is_a_copy(augmentation, n_samples, prob, rng):
    X = constant_images(n_samples, 4, 4)
    mixed = augmentation(prob=prob)(X, rng)
    assert torch.equal(mixed.X, X)
    assert mixed.weights.tolist() == [1.0]
    assert mixed.indices.tolist() == [list(range(n_samples))]
    D = torch.eye(n_samples)
    assert torch.equal(mix_targets(D, mixed), D)


@every_augmentation
def test_prob_is_the_share_of_batches_that_are_mixed(augmentation, rng):
    X = constant_images(2, 3, 3)
    augment = augmentation(prob=0.3)
    n_mixed = sum(len(augment(X, rng).weights) > 1 for _ in range(2000))
    assert n_mixed / 2000 == pytest.approx(0.3, abs=0.04)


@every_augmentation
def test_a_batch_without_a_tensor_or_a_generator_is_refused(augmentation, rng):
    augment = augmentation()
    with pytest.raises(TypeError, match="floating-point torch tensor, got float64"):
        augment(np.zeros((2, 1, 4, 4)), rng)
    with pytest.raises(TypeError, match=r"floating-point torch tensor, got torch\.uint8"):
        augment(torch.zeros((2, 1, 4, 4), dtype=torch.uint8), rng)
    for not_a_generator in [0, None, np.random.RandomState(0)]:
        with pytest.raises(TypeError, match=r"rng must be a numpy\.random\.Generator"):
            augment(torch.zeros((2, 1, 4, 4)), not_a_generator)


@every_augmentation
@pytest.mark.parametrize("bad", [0, -1, np.nan, np.inf, "1", None])
def test_a_bad_beta_parameter_is_refused_at_construction(augmentation, bad):
    with pytest.raises(ValueError, match=f"'beta' parameter of {augmentation.__name__}"):
        augmentation(beta=bad)


@every_augmentation
@pytest.mark.parametrize("bad", [-0.1, 1.1, np.nan, "1", None])
def test_a_bad_probability_is_refused_at_construction(augmentation, bad):
    with pytest.raises(ValueError, match=f"'prob' parameter of {augmentation.__name__}"):
        augmentation(prob=bad)


@every_augmentation
def test_copies_and_pickles_are_equal_and_the_repr_tells_the_parameters(augmentation):
    augment = augmentation(0.7, prob=0.5)
    assert repr(augment) == f"{augmentation.__name__}(beta=0.7, prob=0.5)"
    assert pickle.loads(pickle.dumps(augment)) == augment
    assert copy.deepcopy(augment) == augment != augmentation()


@image_augmentations
@pytest.mark.parametrize("shape", [(4, 48), (4, 4, 4), (4, 3, 2, 4, 4)])
@pytest.mark.parametrize("prob", [0.0, 1.0])
def test_images_are_needed_even_where_the_batch_would_be_left_alone(augmentation, shape, prob, rng):
    with pytest.raises(ValueError, match=r"got \(4, .*Pass input_shape=\(channels, height, width"):
        augmentation(prob=prob)(torch.zeros(shape), rng)


@image_augmentations
@given(
    seed=st.integers(0, 2**32),
    n_samples=st.integers(2, 5),
    height=st.integers(1, 9),
    width=st.integers(1, 9),
)
@settings(max_examples=100, deadline=None)
def test_mixed_targets_are_the_shares_of_the_pixels(augmentation, seed, n_samples, height, width):
    X = constant_images(n_samples, height, width)
    mixed = augmentation()(X, np.random.default_rng(seed))
    D = torch.eye(n_samples, dtype=torch.float64)
    shares = (mixed.X[..., None] == torch.arange(n_samples)).double().mean(dim=(2, 3))
    for channel in range(2):
        assert_allclose(mix_targets(D, mixed), shares[:, channel], atol=1e-15)


# mixup


@pytest.mark.parametrize("shape", [(6,), (6, 5), (6, 3, 4, 4)])
def test_mixup_averages_rows_of_any_shape(shape, rng):
    X = torch.from_numpy(rng.random(shape))
    mixed = MixUp()(X, rng)
    lam = mixed.weights[0]
    assert_array_equal(mixed.indices[0], np.arange(6))
    assert_allclose(mixed.X, lam * X + (1 - lam) * X[mixed.indices[1]], rtol=1e-14)
    # Inputs and targets are mixed alike.
    assert_allclose(mixed.X, mix_targets(X, mixed), rtol=1e-14)


@pytest.mark.parametrize("beta", [0.2, 1.0, 4.0])
def test_the_weight_of_mixup_has_the_moments_of_a_beta_distribution(beta, rng):
    augment, X = MixUp(beta), torch.zeros((2, 1))
    lam = np.array([augment(X, rng).weights[0] for _ in range(4000)])
    assert lam.mean() == pytest.approx(0.5, abs=0.03)
    assert lam.var() == pytest.approx(1 / (4 * (2 * beta + 1)), rel=0.1)


def test_mixup_without_any_dimension_is_refused(rng):
    with pytest.raises(ValueError, match="batch of rows"):
        MixUp()(torch.tensor(1.0), rng)


# CutMix


@pytest.mark.parametrize(
    ("lam", "highest", "box"),
    [
        (0.75, False, (slice(0, 2), slice(0, 1))),  # cut off at the first corner
        (0.75, True, (slice(5, 8), slice(3, 5))),  # and at the last one
        (1.0, True, (slice(0, 0), slice(0, 0))),  # nothing is pasted
        (0.0, False, (slice(0, 4), slice(0, 2))),  # a box of the size of the image
        (0.98, True, (slice(0, 0), slice(0, 0))),  # a box of one by no pixel
    ],
)
def test_the_box_is_cut_off_at_the_border_and_weighs_what_remains(lam, highest, box):
    X = coordinate_images(3, 8, 5)
    mixed = CutMix()(X, Scripted([lam], highest))
    expected = X.clone()
    expected[:, :, *box] = X[mixed.indices[1]][:, :, *box]
    assert not torch.equal(mixed.indices[0], mixed.indices[1])
    assert torch.equal(mixed.X, expected)
    pasted = torch.zeros(8, 5, dtype=torch.float64)
    pasted[box] = 1
    assert_allclose(mixed.weights, [1 - pasted.mean(), pasted.mean()], rtol=1e-15)


@given(st.integers(0, 2**32))
@settings(max_examples=50, deadline=None)
def test_cutmix_moves_no_pixel_and_pastes_one_rectangle(seed):
    X = coordinate_images(5, 7, 9)
    mixed = CutMix()(X, np.random.default_rng(seed))
    assert torch.equal(mixed.X[:, 1:], X[:, 1:])
    for before, after, partner in zip(X, mixed.X, mixed.indices[1], strict=True):
        pasted = before[0] != after[0]
        assert (after[0][pasted] == partner).all()
        assert torch.equal(pasted, pasted.any(dim=1)[:, None] & pasted.any(dim=0))


def test_cutmix_keeps_more_than_half_of_an_image_because_boxes_are_cut_off(rng):
    augment, X = CutMix(), torch.zeros((2, 1, 32, 32))
    kept = np.array([augment(X, rng).weights[0] for _ in range(4000)])
    assert kept.mean() == pytest.approx(0.70, abs=0.02)


# RICAP


@pytest.mark.parametrize("highest", [False, True])
def test_the_patches_of_ricap_are_crops_in_reading_order(highest):
    # Width 10 * 0.25 and height 8 * 0.69 round to 2 and 6.
    X = coordinate_images(5, 8, 10)
    mixed = RICAP()(X, Scripted([0.25, 0.69], highest))
    assert_allclose(mixed.weights, np.array([6 * 2, 6 * 8, 2 * 2, 2 * 8]) / 80, rtol=1e-15)
    top, bottom = mixed.X.split([6, 2], dim=2)
    patches = [*top.split([2, 8], dim=3), *bottom.split([2, 8], dim=3)]
    for patch, rows in zip(patches, mixed.indices, strict=True):
        height, width = patch.shape[2:]
        if highest:
            crop = X[rows][:, :, 8 - height :, 10 - width :]
        else:
            crop = X[rows][:, :, :height, :width]
        assert torch.equal(patch, crop)


@pytest.mark.parametrize(
    ("betas", "weights"),
    [
        ([0.0, 0.0], [0, 0, 0, 1]),
        ([1.0, 1.0], [1, 0, 0, 0]),
        ([0.0, 1.0], [0, 1, 0, 0]),
        ([1.0, 0.0], [0, 0, 1, 0]),
        ([0.5, 1.0], [0.5, 0.5, 0, 0]),
        ([0.0, 0.5], [0, 0.5, 0, 0.5]),
    ],
)
def test_patches_without_pixels_leave_the_image_to_the_others(betas, weights):
    X = coordinate_images(3, 4, 6)
    mixed = RICAP()(X, Scripted(betas))
    assert mixed.weights.tolist() == weights
    sources = [set(image[0].unique().tolist()) for image in mixed.X]
    kept = mixed.indices[mixed.weights > 0]
    assert sources == [set(rows.tolist()) for rows in kept.T]


def test_places_of_crops_are_uniform_and_differ_between_patches(rng):
    X = coordinate_images(2, 4, 4)
    starts = []
    for _ in range(600):
        generator = Scripted([0.5, 0.5])
        generator.integers = rng.integers
        corners = RICAP()(X, generator).X[0, 1:, ::2, ::2]  # first pixels of the four 2 x 2 crops
        starts.append(corners.flatten().numpy())
    starts = np.array(starts)
    for start in starts.T:
        assert_allclose(np.bincount(start.astype(int), minlength=3) / 600, 1 / 3, atol=0.08)
    assert np.abs(np.corrcoef(starts.T) - np.eye(8)).max() < 0.15


def test_the_patches_of_ricap_come_from_independent_permutations(rng):
    X = torch.zeros((4, 1, 2, 2))
    indices = np.array([RICAP()(X, rng).indices.numpy() for _ in range(600)])
    for i in range(4):
        assert_allclose(np.bincount(indices[:, i, 0]) / 600, 0.25, atol=0.07)
        for j in range(i):
            assert (indices[:, i] == indices[:, j]).mean() == pytest.approx(0.25, abs=0.05)


def test_ricap_often_has_patches_without_pixels(rng):
    augment, X = RICAP(), torch.zeros((2, 1, 32, 32))
    weights = np.array([augment(X, rng).weights.numpy() for _ in range(2000)])
    assert (weights == 0).any(axis=1).mean() == pytest.approx(0.54, abs=0.05)
    assert (weights == 1).any(axis=1).mean() == pytest.approx(0.10, abs=0.03)


# Look-up


def test_augmentations_are_found_by_name_or_passed_on():
    assert get_augmentation(None) is None
    assert {name: type(get_augmentation(name)) for name in AUGMENTATIONS} == AUGMENTATIONS
    augment = CutMix(prob=0.5)
    assert get_augmentation(augment) is augment

    def own(X, rng):
        return MixUp()(X, rng)

    assert get_augmentation(own) is own


@pytest.mark.parametrize("bad", ["mix-up", "", 1, MixUp, ["mixup"]])
def test_unknown_augmentations_are_refused_with_the_known_names(bad):
    with pytest.raises(ValueError, match=r"one of \['cutmix', 'mixup', 'ricap'\]"):
        get_augmentation(bad)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@every_augmentation
def test_cuda_gives_the_result_of_the_cpu(augmentation, rng):
    X, D = torch.from_numpy(rng.random((8, 3, 6, 6))), torch.eye(8)
    expected = augmentation()(X, np.random.default_rng(0))
    mixed = augmentation()(X.cuda(), np.random.default_rng(0))
    assert mixed.X.is_cuda
    assert mixed.indices.is_cuda
    assert_allclose(mixed.X.cpu(), expected.X, rtol=1e-14)
    assert_allclose(mix_targets(D.cuda(), mixed).cpu(), mix_targets(D, expected), rtol=1e-6)
