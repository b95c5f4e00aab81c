"""Residual networks for small images."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F


class ResidualBlock(nn.Module):
    """Two convolutions of 3 x 3 pixels, whose result is added to what they are given.

    Parameters
    ----------
    n_in, n_out : int
        Channels of input and output. Where these are more, there are half as many rows and columns
        of pixels, and the input is thinned out and filled up with channels of zeros.
    """

    def __init__(self, n_in: int, n_out: int):
        super().__init__()
        self.stride = 1 if n_in == n_out else 2
        self.n_new = n_out - n_in
        self.conv1 = nn.Conv2d(n_in, n_out, 3, stride=self.stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(n_out)
        self.conv2 = nn.Conv2d(n_out, n_out, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(n_out)

    def forward(self, X: Tensor) -> Tensor:
        """Return the sum, without its negative part."""
        H = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(X)))))
        same = X[:, :, :: self.stride, :: self.stride]
        return F.relu(H + F.pad(same, (0, 0, 0, 0, 0, self.n_new)))


class ResidualNetwork(nn.Module):
    """Residual network for small images: three stages of as many blocks, no pooling before the end.

    Parameters
    ----------
    depth : int
        Number of layers with weights, 2 more than a multiple of 6: the first convolution, two
        in each block, and the last, linear one.
    num_classes : int
        Number of outputs.
    width : int, default=16
        Channels of the first stage; the second has twice, the third four times as many.

    Raises
    ------
    ValueError
        If no number of blocks makes so many layers.

    References
    ----------
    K. He, X. Zhang, S. Ren, J. Sun, "Deep residual learning for image recognition", CVPR 2016,
    section 4.2.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ldl.deep.networks.residual import ResidualNetwork
    >>> net = ResidualNetwork(20, num_classes=10)
    >>> sum(weights.numel() for weights in net.parameters())
    269722
    >>> net(torch.zeros(2, 3, 8, 8)).shape
    torch.Size([2, 10])
    """

    def __init__(self, depth: int, num_classes: int, width: int = 16):
        super().__init__()
        n_blocks, left = divmod(depth - 2, 6)
        if n_blocks < 1 or left:
            raise ValueError(
                f"A residual network for small images has 6 n + 2 layers (8, 14, 20, ...): got "
                f"{depth}."
            )
        self.conv1 = nn.Conv2d(3, width, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        stages = []
        n_in = width
        for n_out in (width, 2 * width, 4 * width):
            given = [n_in] + (n_blocks - 1) * [n_out]
            stages.append(nn.Sequential(*(ResidualBlock(n, n_out) for n in given)))
            n_in = n_out
        self.stages = nn.Sequential(*stages)
        self.fc = nn.Linear(n_in, num_classes)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")

    def forward(self, X: Tensor) -> Tensor:
        """Map images to outputs."""
        H = self.stages(F.relu(self.bn1(self.conv1(X))))
        return self.fc(H.mean(dim=(2, 3)))
