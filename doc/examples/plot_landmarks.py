"""
Landmarks with their uncertainty
================================

Where are the eyes, the nose and the mouth in a picture of a face? A network may predict their
coordinates, or a heat map of each: a distribution over the cells of the picture. The maps of a
kernel density network are the density of the landmark, so their width says how far a prediction
may be off, for instance because something covers the face.

:ref:`guide-kernel-densities` explains the model, :doc:`/results/landmarks` compares it with other
heat maps. The idea is that of L. Chen, H. Su, Q. Ji, "Face alignment with kernel density deep
neural network", ICCV 2019.
"""

# %%
# The data
# --------
# :func:`~sklearn_ldl.datasets.make_faces` draws faces that turn, change their expression, are
# blurred and partly covered. Landmarks are given as (row, column); two of the pictures:

import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import spearmanr
from torch import nn

from sklearn_ldl import DeepRegressor, KernelDensityRegressor
from sklearn_ldl.datasets import make_faces
from sklearn_ldl.deep import PRESETS, from_heatmap_coordinates, to_heatmap_coordinates
from sklearn_ldl.metrics import (
    cumulative_error_auc_score,
    failure_rate,
    normalized_mean_error,
)
from sklearn_ldl.plotting import CumulativeScoreDisplay

SIZE, STRIDE = 24, 2
kind = {"image_size": SIZE, "n_landmarks": 5, "pitch_range": (-20, 20), "yaw_range": (-30, 30)}
train = make_faces(2000, blur=(0, 1), occlusion=(0, 0.35), random_state=0, **kind)
test = make_faces(500, occlusion=(0, 0.35), random_state=1, **kind)

_, axes = plt.subplots(1, 6, figsize=(9, 1.7), layout="constrained")
for ax, image, points, visible in zip(
    axes, test.images[:, 0], test.landmarks, test.visible, strict=False
):
    ax.imshow(image, cmap="gray", vmin=0, vmax=1)
    ax.scatter(*points[visible].T[::-1], s=12, c="C1", label="visible")
    ax.scatter(*points[~visible].T[::-1], s=12, c="C3", marker="x", label="hidden")
    ax.set_axis_off()
plt.show()

# %%
# Two networks
# ------------
# Both have the same layers but for the last one. One predicts ten numbers; the other makes five
# maps of 12 x 12 cells, each of two by two pixels. ``to_heatmap_coordinates`` converts pixels to
# cells without rounding. The bandwidth of half a cell is a pixel.


def network(n_outputs):
    """Layers from pictures to numbers."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, stride=2, padding=1),
        nn.LeakyReLU(0.1),
        nn.Conv2d(16, 32, 3, stride=2, padding=1),
        nn.LeakyReLU(0.1),
        nn.Flatten(),
        nn.Linear(32 * 6 * 6, 64),
        nn.LeakyReLU(0.1),
        nn.Linear(64, n_outputs),
    )


net = {**PRESETS["plain"], "lr": 3e-3, "lr_schedule": "cosine", "max_epochs": 15}
net |= {"batch_size": 32, "random_state": 0}
coordinates = DeepRegressor(network(10), **net).fit(train.images, train.landmarks)


def cells(points):
    """From pixels to cells of the maps."""
    return to_heatmap_coordinates(points.reshape(-1, 2), STRIDE).reshape(points.shape)


def pixels(points):
    """From cells of the maps to pixels."""
    return from_heatmap_coordinates(points.reshape(-1, 2), STRIDE).reshape(points.shape)


n_cells = SIZE // STRIDE
densities = KernelDensityRegressor(
    module=nn.Sequential(network(5 * n_cells**2), nn.Unflatten(1, (5, n_cells, n_cells))),
    heatmap_shape=(n_cells, n_cells),
    bandwidth=0.5,
    **net,
).fit(train.images, cells(train.landmarks))

# %%
# Errors
# ------
# The error of a picture is the mean distance of its landmarks from the truth, relative to the
# distance of the eyes. Its cumulative distribution over the pictures is the usual curve.

predictions = {
    "coordinates": coordinates.predict(test.images),
    "kernel density": pixels(densities.predict(test.images)),
}
ax = None
for name, points in predictions.items():
    display = CumulativeScoreDisplay.from_predictions(
        test.landmarks,
        points,
        normalizer=test.interocular,
        thresholds=np.linspace(0, 0.5, 201),
        name=name,
        ax=ax,
    )
    ax = display.ax_
    errors = normalized_mean_error(test.landmarks, points, test.interocular, per_row=True)
    failures = failure_rate(errors, threshold=0.2)
    area = cumulative_error_auc_score(errors, tau=0.2)
    print(f"{name:15} mean {errors.mean():.3f}   failures {failures:.3f}   area {area:.3f}")
ax.set(xlabel="Error relative to the distance of the eyes")
plt.show()

# %%
# Uncertainty
# -----------
# The maps of a landmark that is covered are wider. Here are those of the right corner of the mouth,
# for the faces where it is surest and least sure; the cross is the truth.

doubt = np.sqrt(densities.uncertainty(test.images))  # in cells
maps = densities.predict_proba(test.images)
MOUTH = test.landmark_names.index("mouth_right")
order = np.argsort(doubt[:, MOUTH])
_, axes = plt.subplots(2, 6, figsize=(9, 3.2), layout="constrained")
for column, row in zip(axes.T, [*order[:3], *order[-3:]], strict=True):
    column[0].imshow(test.images[row, 0], cmap="gray", vmin=0, vmax=1)
    column[1].imshow(maps[row, MOUTH], extent=(-0.5, SIZE - 0.5, SIZE - 0.5, -0.5))
    for ax in column:
        ax.plot(*test.landmarks[row, MOUTH][::-1], "x", color="C3")
        ax.set_axis_off()
    column[0].set_title(f"{STRIDE * doubt[row, MOUTH]:.1f} pixels", fontsize="medium")
plt.show()

# %%
# Does the uncertainty know the error? The correlation of their ranks says so; and pictures that are
# unsure can be put aside for somebody to look at.

errors = np.linalg.norm(predictions["kernel density"] - test.landmarks, axis=2)
print(f"rank correlation over all landmarks: {spearmanr(doubt.ravel(), errors.ravel())[0]:.2f}")
of_images = normalized_mean_error(
    test.landmarks, predictions["kernel density"], test.interocular, per_row=True
)
surest = np.argsort(doubt.mean(axis=1))
kept = np.arange(50, len(surest) + 1)
_, ax = plt.subplots(figsize=(6, 3.6), layout="constrained")
by_doubt, best = (
    np.cumsum(of_images[rows])[kept - 1] / kept for rows in (surest, np.argsort(of_images))
)
ax.plot(kept / len(surest), by_doubt, label="surest first")
ax.plot(kept / len(surest), best, "k:", label="best first")
ax.axhline(of_images.mean(), color="0.6", label="at random")
ax.set(xlabel="Share of the pictures that are kept", ylabel="Their mean error", ylim=(0, None))
ax.legend()
plt.show()
