"""Label distributions of pixels: the loss of a segmentation network."""

from __future__ import annotations

from torch import Tensor

from sklearn_ldl.deep.losses.base import Loss
from sklearn_ldl.deep.losses.registry import get_loss


def pixel_loss(Z: Tensor, D: Tensor, valid: Tensor, *, loss: str | Loss = "kl") -> Tensor:
    r"""Mean loss over the valid pixels of every image.

    .. math:: \frac{1}{|V_i|} \sum_{v \in V_i} \mathrm{loss}(Z_{iv}, D_{iv})

    Invalid pixels have no influence, whatever they hold. Images count equally, however many of
    their pixels are valid; an image with none has the value zero.

    Parameters
    ----------
    Z : Tensor of shape (n_images, n_classes, height, width)
        Logits.
    D : Tensor of shape (n_images, n_classes, height, width)
        Class distributions, as :func:`~sklearn_ldl.smooth_mask` returns them.
    valid : Tensor of shape (n_images, height, width), dtype bool
        Which pixels count.
    loss : str or callable, default="kl"
        The loss of one pixel: a name that :class:`~sklearn_ldl.DeepLDLClassifier` knows, or a
        function ``(logits, distributions) -> (n_rows,)``.

    Returns
    -------
    values : Tensor of shape (n_images,)
        One value per image.

    Raises
    ------
    ValueError
        If shapes do not match, or the loss is unknown.

    References
    ----------
    B.-B. Gao, C. Xing, C.-W. Xie, J. Wu, X. Geng, "Deep label distribution learning with label
    ambiguity", IEEE Transactions on Image Processing, 2017.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ldl.deep import pixel_loss
    >>> D = torch.tensor([[[[1.0, 0.5]], [[0.0, 0.5]]]])  # one image, two classes, two pixels
    >>> pixel_loss(torch.zeros_like(D), D, torch.tensor([[[True, True]]]))
    tensor([0.3466])
    >>> pixel_loss(torch.zeros_like(D), D, torch.tensor([[[True, False]]]))
    tensor([0.6931])
    """
    if Z.shape != D.shape or valid.shape != D[:, 0].shape:
        raise ValueError(
            "Z and D need shape (n_images, n_classes, height, width) and valid the same without"
            f" n_classes, got {tuple(Z.shape)}, {tuple(D.shape)} and {tuple(valid.shape)}."
        )
    # Valid pixels become rows; what the others hold never enters a gradient.
    values = get_loss(loss)(Z.movedim(1, -1)[valid], D.movedim(1, -1)[valid])
    image = valid.nonzero()[:, 0]
    totals = values.new_zeros(len(Z)).index_add(0, image, values)
    return totals / valid.sum(dim=(1, 2)).clamp(min=1)
