import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

torch = pytest.importorskip("torch")

from sklearn_ldl.deep.losses.pixels import pixel_loss  # noqa: E402
from sklearn_ldl.deep.losses.registry import LOSSES  # noqa: E402
from sklearn_ldl.distributors import smooth_mask  # noqa: E402


@pytest.fixture
def problem(rng):
    masks = rng.choice([0, 1, 2, 255], size=(3, 5, 6), p=[0.3, 0.2, 0.2, 0.3])
    masks[1] = 255
    D, valid = smooth_mask(masks, 3, kernel_size=1, padding=0)
    Z = torch.tensor(rng.standard_normal(D.shape), requires_grad=True)
    return Z, torch.from_numpy(D), torch.from_numpy(valid)


@pytest.mark.parametrize("loss", ["kl", "cross_entropy", "emd"])
def test_is_the_mean_over_valid_pixels_of_every_image(loss, problem):
    Z, D, valid = problem
    values = pixel_loss(Z, D, valid, loss=loss)
    for image in (0, 2):
        pixels = [
            LOSSES[loss](Z[image, :, row, column][None], D[image, :, row, column][None])
            for row, column in valid[image].nonzero()
        ]
        assert 0 < len(pixels) < valid[image].numel()
        torch.testing.assert_close(values[image], torch.cat(pixels).mean())


def test_an_image_without_valid_pixels_contributes_nothing(problem):
    Z, D, valid = problem
    values = pixel_loss(Z, D, valid)
    assert values.shape == (3,)
    assert values[1] == 0
    values.sum().backward()
    assert_array_equal(Z.grad[1], np.zeros(Z[1].shape))


def test_what_invalid_pixels_hold_does_not_matter(problem):
    Z, D, valid = problem
    values = pixel_loss(Z, D, valid)
    (gradient,) = torch.autograd.grad(values.sum(), Z)
    outside = ~valid[:, None].expand_as(D)
    assert_array_equal(gradient[outside], 0)

    with torch.no_grad():
        Z[outside] = torch.inf
    spoiled = pixel_loss(Z, D.masked_fill(outside, torch.nan), valid)
    torch.testing.assert_close(spoiled, values, rtol=0, atol=0)
    torch.testing.assert_close(torch.autograd.grad(spoiled.sum(), Z)[0], gradient)


def test_gradient_is_p_minus_d_over_the_number_of_valid_pixels(problem):
    Z, D, valid = problem
    (gradient,) = torch.autograd.grad(pixel_loss(Z, D, valid).sum(), Z)
    share = valid[:, None] / valid.sum((1, 2)).clamp(min=1).reshape(-1, 1, 1, 1)
    assert_allclose(gradient, (share * (Z.softmax(1) - D)).detach(), atol=1e-15)


def test_float32_stays_float32(problem):
    Z, D, valid = problem
    assert pixel_loss(Z.float(), D.float(), valid).dtype == torch.float32


def test_shapes_must_match(problem):
    Z, D, valid = problem
    for bad in [(Z[:2], D, valid), (Z, D, valid[:, 0]), (Z[:, 0], D[:, 0], valid)]:
        with pytest.raises(ValueError, match="Z and D need shape"):
            pixel_loss(*bad)


def test_unknown_loss(problem):
    with pytest.raises(ValueError, match="Unknown loss 'hinge'"):
        pixel_loss(*problem, loss="hinge")
