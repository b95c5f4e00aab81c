"""
Segmentation with soft outlines
===============================

Where an object ends is often a matter of opinion, and a mask with one class per pixel hides that.
:func:`~sklearn_ldl.smooth_mask` gives every pixel the distribution of the classes
around it. Here the same small network learns from hard and from smoothed masks, once drawn with
care and once in a hurry, and is judged by the mean intersection over union with the true outlines.

The idea is that of B.-B. Gao, C. Xing, C.-W. Xie, J. Wu, X. Geng, "Deep label distribution learning
with label ambiguity", IEEE Transactions on Image Processing, 2017.
"""

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import nn

from sklearn_ldl import smooth_mask
from sklearn_ldl.deep import pixel_loss
from sklearn_ldl.metrics import mean_iou_score

SIZE = 48
CLASSES = ["background", "disc", "square"]

# %%
# The data
# --------
# Every image shows a bright disc and a dark square in noise. `raggedness` is the standard deviation
# of the errors in the outlines of the masks, in pixels.


def draw_shapes(rng, n_images, raggedness=0.0):
    """Return images (n, 1, size, size) and their masks (n, size, size)."""
    rows, columns = np.mgrid[:SIZE, :SIZE]
    images = 0.7 * rng.standard_normal((n_images, 1, SIZE, SIZE))
    masks = np.zeros((n_images, SIZE, SIZE), dtype=int)
    for image, mask in zip(images[:, 0], masks, strict=True):
        for label, x in enumerate(rng.permutation([12, 36]), start=1):
            y, radius = rng.uniform(12, 36), rng.uniform(5, 10)
            reach, brightness = {
                "disc": (np.hypot, 1),
                "square": (np.maximum, -1),
            }[CLASSES[label]]
            distance = reach(abs(rows - y), abs(columns - x)) - radius
            image[distance < 0] += brightness
            mask[
                distance + raggedness * rng.standard_normal(distance.shape) < 0
            ] = label
    return images.astype(np.float32), masks


X_test, masks_test = draw_shapes(np.random.default_rng(1), 100)

# %%
# Training
# --------
# A mask per image is more than the estimators of this package take as a target, so the loop is
# written by hand. :func:`~sklearn_ldl.deep.pixel_loss` gives one value per image: the
# mean Kullback-Leibler divergence over its valid pixels.


def train(images, D, valid, n_epochs=40, batch_size=5):
    """Train a network from images to logits (n, classes, size, size)."""
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(1, 16, 5, padding=2),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.Conv2d(16, 16, 5, padding=2),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.Conv2d(16, len(CLASSES), 1),
    )
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    images, D, valid = (
        torch.from_numpy(array) for array in (images, D, valid)
    )
    for _ in range(n_epochs):
        for batch in torch.randperm(len(images)).split(batch_size):
            optimizer.zero_grad()
            pixel_loss(
                net(images[batch]), D[batch].float(), valid[batch]
            ).mean().backward()
            optimizer.step()
    return net.eval()


# %%
# Hard and soft targets
# ---------------------
# A kernel of one pixel smooths nothing and leaves the distributions one-hot. Nobody annotated the
# strip of 255 on the left of the training masks; `valid` leaves it out.

KERNELS = {
    "hard": {"kernel_size": 1, "padding": 0},
    "soft": {"kernel_size": 5, "padding": 2, "sigma": 1.0},
}

targets, predictions = {}, {}
for masks_name, raggedness in [("careful", 0.0), ("hasty", 3.0)]:
    X_train, masks_train = draw_shapes(
        np.random.default_rng(0), 10, raggedness
    )
    masks_train[:, :, :3] = 255
    for target_name, kernel in KERNELS.items():
        D, valid = smooth_mask(masks_train, len(CLASSES), **kernel)
        net = train(X_train, D, valid)
        with torch.no_grad():
            P = net(torch.from_numpy(X_test)).softmax(1).numpy()
        targets[masks_name, target_name] = np.where(valid, D[:, 0], np.nan)
        predictions[masks_name, target_name] = P
        score = mean_iou_score(masks_test, P.argmax(1), n_classes=len(CLASSES))
        print(f"{masks_name:>7} masks, {target_name} targets: ", end="")
        print(f"mean IU {score:.3f}")

# %%
# Smoothing rounds off the corners of masks that were right, which costs a little; from few masks
# with ragged outlines the network learns more, because neighbours correct each other.
#
# Hasty masks, and what was learned from them. Above, a training image and its two targets: the
# degree of the background, white where it is certain, and blue where nobody annotated. Below, a
# test image and the predicted degrees. Lines are the true outlines.

_, outlines = draw_shapes(np.random.default_rng(0), 10)  # with care
degree = {
    "cmap": plt.get_cmap("gray").with_extremes(bad="C5"),
    "vmin": 0,
    "vmax": 1,
}
figure, axes = plt.subplots(2, 3, figsize=(9, 5.8), layout="constrained")
for line, image, outline, name in zip(
    axes,
    (X_train[0, 0], X_test[0, 0]),
    (outlines[0] > 0, masks_test[0] > 0),
    ("training image", "test image"),
    strict=True,
):
    line[0].imshow(image, cmap="gray")
    line[0].set_title(name)
    for ax in line:
        ax.contour(outline, levels=[0.5], colors="C1")
        ax.set_axis_off()
for (target, prediction), name in zip(axes[:, 1:].T, KERNELS, strict=True):
    picture = target.imshow(targets["hasty", name][0], **degree)
    target.set_title(f"its {name} target")
    prediction.imshow(predictions["hasty", name][0, 0], **degree)
    prediction.set_title(f"prediction, {name} targets")
figure.colorbar(picture, ax=axes, label="Degree of the background")
plt.show()
