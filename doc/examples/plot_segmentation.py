r"""
Segmentation with soft outlines
===============================

Where an object ends is often a matter of opinion, and a mask with one class per pixel hides that.
:func:`~sklearn_ldl.distributors.smooth_mask` gives every pixel the distribution of the classes
around it. Here the same small network learns once from masks and once from smoothed masks, and both
are judged by the mean intersection over union with the exact outlines.

The idea is that of B.-B. Gao, C. Xing, C.-W. Xie, J. Wu, X. Geng, "Deep label distribution learning
with label ambiguity", IEEE Transactions on Image Processing, 2017.
"""

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import nn

from sklearn_ldl.deep.segmentation import pixel_loss
from sklearn_ldl.distributors import smooth_mask
from sklearn_ldl.metrics import mean_iu

SIZE = 32
CLASSES = ["background", "disc", "square"]

# %%
# The data
# --------
# Every image shows a disc and a square, with noise. Whoever drew the training masks was in a hurry:
# each outline is off by up to two pixels. The strip of 255 along one side was not annotated.


def draw_shapes(rng, n_images, sloppiness):
    """Return noisy images (n, 1, size, size) and masks (n, size, size)."""
    rows, columns = np.mgrid[:SIZE, :SIZE]
    images = 0.5 * rng.standard_normal((n_images, 1, SIZE, SIZE))
    masks = np.zeros((n_images, SIZE, SIZE), dtype=int)
    for image, mask in zip(images, masks, strict=True):
        for label, (left, right) in enumerate(rng.permutation([(7, 10), (21, 25)]), start=1):
            centre = np.array([rng.uniform(8, 24), rng.uniform(left, right)])
            radius = rng.uniform(4, 7)
            for canvas, error in [(image[0], 0), (mask, sloppiness)]:
                y, x = centre + rng.uniform(-error, error, 2)
                reach = radius + rng.uniform(-error, error)
                if CLASSES[label] == "disc":
                    inside = (rows - y) ** 2 + (columns - x) ** 2 < reach**2
                else:
                    inside = np.maximum(abs(rows - y), abs(columns - x)) < reach
                if canvas is mask:
                    mask[inside] = label
                else:
                    canvas[inside] += 1
    return images.astype(np.float32), masks


rng = np.random.default_rng(0)
X_train, masks_train = draw_shapes(rng, 60, sloppiness=2)
masks_train[:, :, :2] = 255
X_test, masks_test = draw_shapes(rng, 100, sloppiness=0)

# %%
# Hard and soft targets
# ---------------------
# With a kernel of one pixel nothing is smoothed: the distributions are one-hot. In both cases
# `valid` leaves out the pixels that nobody annotated.

targets = {
    "hard": smooth_mask(masks_train, len(CLASSES), kernel_size=1, padding=0),
    "soft": smooth_mask(masks_train, len(CLASSES), kernel_size=5, sigma=1.5),
}

# %%
# Training
# --------
# A mask per image is more than the estimators of this package take as a target, so the loop is
# written by hand. :func:`~sklearn_ldl.deep.segmentation.pixel_loss` gives one value per image, the
# mean Kullback-Leibler divergence over its valid pixels.


def train(images, D, valid, n_epochs=30, batch_size=10):
    """Train a fully convolutional network that returns logits (n, classes, size, size)."""
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(16, 16, 3, padding=2, dilation=2),
        nn.ReLU(),
        nn.Conv2d(16, 16, 3, padding=4, dilation=4),
        nn.ReLU(),
        nn.Conv2d(16, 16, 3, padding=4, dilation=4),
        nn.ReLU(),
        nn.Conv2d(16, len(CLASSES), 1),
    )
    optimizer = torch.optim.Adam(net.parameters(), lr=5e-3)
    images, D, valid = torch.from_numpy(images), torch.from_numpy(D).float(), torch.from_numpy(valid)
    for _ in range(n_epochs):
        for batch in torch.randperm(len(images)).split(batch_size):
            optimizer.zero_grad()
            pixel_loss(net(images[batch]), D[batch], valid[batch]).mean().backward()
            optimizer.step()
    return net.eval()


predictions = {}
for name, (D, valid) in targets.items():
    net = train(X_train, D, valid)
    with torch.no_grad():
        predictions[name] = net(torch.from_numpy(X_test)).softmax(1).numpy()

# %%
# Results
# -------
# The prediction of a pixel is its most probable class.

for name, P in predictions.items():
    print(f"{name} targets: mean IU {mean_iu(masks_test, P.argmax(1)):.3f}")

# %%
# The lower row shows the degree of the background: dark where a network is sure of an object.

fig, axes = plt.subplots(2, 4, figsize=(9, 4.8), layout="constrained")
mask_style = {"vmin": 0, "vmax": len(CLASSES) - 1, "cmap": "viridis"}
degree_style = {"vmin": 0, "vmax": 1, "cmap": "gray"}
hard, soft = predictions["hard"], predictions["soft"]
pictures = [
    ("test image", X_test[0, 0], {"cmap": "gray"}),
    ("its mask", masks_test[0], mask_style),
    ("prediction, hard targets", hard[0].argmax(0), mask_style),
    ("prediction, soft targets", soft[0].argmax(0), mask_style),
    ("hard target", targets["hard"][0][0, 0], degree_style),
    ("soft target", targets["soft"][0][0, 0], degree_style),
    ("degree, hard targets", hard[0, 0], degree_style),
    ("degree, soft targets", soft[0, 0], degree_style),
]
for ax, (title, picture, style) in zip(axes.flat, pictures, strict=True):
    ax.imshow(picture, **style)
    ax.set_title(title, fontsize=9)
    ax.set_axis_off()
plt.show()
