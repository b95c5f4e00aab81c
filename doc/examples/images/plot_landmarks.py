"""
Landmarks with their uncertainty
================================

Where are the eyes, the nose and the mouth in a picture of a face? A network may predict their
coordinates, or a heat map of each: a distribution over the cells of the picture, whose width says
how far a prediction may be off, for instance because something covers the face.

:ref:`guide-kernel-densities` explains the model, :doc:`/results/landmarks` compares it with other
heat maps. The idea is that of L. Chen, H. Su, Q. Ji, "Face alignment with kernel density deep
neural network", ICCV 2019.
"""

# %%
# The data
# --------
# :func:`~sklearn_ldl.datasets.make_faces` draws faces that turn, change their expression, are
# blurred and partly covered. Landmarks are given as (row, column). Six of the pictures, with dots
# on the landmarks that can be seen and crosses on hidden ones:

from functools import partial

import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import spearmanr
from torch import nn

from sklearn_ldl import DeepRegressor, KernelDensityRegressor
from sklearn_ldl.datasets import make_faces
from sklearn_ldl.deep import (
    PRESETS,
    from_heatmap_coordinates,
    to_heatmap_coordinates,
)
from sklearn_ldl.metrics import (
    cumulative_error_auc_score,
    failure_rate_loss,
    normalized_mean_error,
)
from sklearn_ldl.plotting import CumulativeScoreDisplay

SIZE, STRIDE = 24, 2
kind = {
    "image_size": SIZE,
    "n_landmarks": 5,
    "pitch_range": (-20, 20),
    "yaw_range": (-30, 30),
}
train = make_faces(
    2000, blur=(0, 1), occlusion=(0, 0.35), random_state=0, **kind
)
test = make_faces(500, occlusion=(0, 0.35), random_state=1, **kind)

figure, axes = plt.subplots(1, 6, figsize=(9, 2), layout="constrained")
for ax, image, points, visible in zip(
    axes, test.images[:, 0], test.landmarks, test.visible, strict=False
):
    ax.imshow(image, cmap="gray", vmin=0, vmax=1)
    ax.plot(*points[visible].T[::-1], "C4o", ms=4, label="seen")
    ax.plot(*points[~visible].T[::-1], "C5x", ms=6, mew=2, label="hidden")
    ax.set_axis_off()
figure.legend(
    *ax.get_legend_handles_labels(), loc="outside lower center", ncols=2
)
plt.show()

# %%
# Three networks
# --------------
# All have the same layers but for the last one. One predicts ten numbers; the others make five maps
# of 12 x 12 cells, each of two by two pixels. Their softmax is the weights of a kernel density, or
# Gaussian label distributions. ``to_heatmap_coordinates`` converts pixels to cells without
# rounding.


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


net = {
    **PRESETS["plain"],
    "lr": 3e-3,
    "lr_schedule": "cosine",
    "max_epochs": 15,
}
net |= {"batch_size": 32, "random_state": 0}
coordinates = DeepRegressor(partial(network, 10), **net).fit(
    train.images, train.landmarks
)


def cells(points):
    """From pixels to cells of the maps."""
    return to_heatmap_coordinates(points.reshape(-1, 2), STRIDE).reshape(
        points.shape
    )


def pixels(points):
    """From cells of the maps to pixels."""
    return from_heatmap_coordinates(points.reshape(-1, 2), STRIDE).reshape(
        points.shape
    )


n_cells = SIZE // STRIDE


def maps():
    """Layers from pictures to a map for each landmark."""
    return nn.Sequential(
        network(5 * n_cells**2), nn.Unflatten(1, (5, n_cells, n_cells))
    )


net |= {"module": maps, "heatmap_shape": (n_cells, n_cells)}
densities = KernelDensityRegressor(bandwidth=0.5, **net)
labels = KernelDensityRegressor(loss="kl", **net)
for model in (densities, labels):
    model.fit(train.images, cells(train.landmarks))

# %%
# Errors
# ------
# The error of a picture is the mean distance of its landmarks from the truth, relative to the
# distance of the eyes. Its cumulative distribution over the pictures is the usual curve. A fourth
# kind of network, heat maps by squared error (``loss="l2"``), errs less than all three on
# :doc:`/results/landmarks`.

predictions = {
    "coordinates": coordinates.predict(test.images),
    "kernel density": pixels(densities.predict(test.images)),
    "label distributions": pixels(labels.predict(test.images)),
}
ax, colors = None, {}
for name, points in predictions.items():
    display = CumulativeScoreDisplay.from_predictions(
        test.landmarks,
        points,
        normalizer=test.interocular,
        thresholds=np.linspace(0, 0.5, 201),
        name=name,
        ax=ax,
    )
    ax, colors[name] = display.ax_, display.line_.get_color()
    errors = normalized_mean_error(
        test.landmarks, points, test.interocular, per_row=True
    )
    failures = failure_rate_loss(errors, threshold=0.2)
    area = cumulative_error_auc_score(errors, tau=0.2)
    print(f"{name:20} mean {errors.mean():.3f}", end="   ")
    print(f"failures {failures:.3f}   area {area:.3f}")
ax.set(xlabel="Error relative to the distance of the eyes")
plt.show()

# %%
# Uncertainty
# -----------
# A map is wider where the network is less sure. Here are those of the right corner of the mouth, as
# label distributions, for the faces where it is surest and least sure; the cross is the truth.

doubts = {
    "kernel density": np.sqrt(densities.uncertainty(test.images)),  # in cells
    "label distributions": np.sqrt(labels.uncertainty(test.images)),
}
P = labels.predict_proba(test.images)
MOUTH = test.landmark_names.index("mouth_right")
width = STRIDE * doubts["label distributions"][:, MOUTH]
order = np.argsort(width)
# sphinx_gallery_thumbnail_number = 3
_, axes = plt.subplots(2, 6, figsize=(9, 3.2), layout="constrained")
for column, row in zip(axes.T, [*order[:3], *order[-3:]], strict=True):
    column[0].imshow(test.images[row, 0], cmap="gray", vmin=0, vmax=1)
    column[1].imshow(
        P[row, MOUTH], extent=(-0.5, SIZE - 0.5, SIZE - 0.5, -0.5)
    )
    for ax in column:
        ax.plot(*test.landmarks[row, MOUTH][::-1], "C1x", ms=8, mew=2)
        ax.set_axis_off()
    column[0].set_title(f"{width[row]:.1f} pixels", fontsize="medium")
plt.show()

# %%
# Does the uncertainty know the error? The correlation of their ranks says so; and pictures that are
# unsure can be put aside for somebody to look at. Label distributions know it better here; the
# results on :doc:`/results/landmarks` say why.

_, ax = plt.subplots(figsize=(6, 3.6), layout="constrained")
for name, doubt in doubts.items():
    distances = np.linalg.norm(predictions[name] - test.landmarks, axis=2)
    correlation = spearmanr(doubt.ravel(), distances.ravel())[0]
    print(f"{name:20} rank correlation over all landmarks {correlation:.2f}")
    errors = normalized_mean_error(
        test.landmarks, predictions[name], test.interocular, per_row=True
    )
    surest = np.argsort(doubt.mean(axis=1))
    kept = np.arange(50, len(surest) + 1)
    means = np.cumsum(errors[surest])[kept - 1] / kept
    ax.plot(kept / len(surest), means, color=colors[name], label=name)
ax.set(
    xlabel="Share of the pictures that are kept, surest first",
    ylabel="Mean error of those kept (eye distances)",
    ylim=0,
)
ax.legend()
plt.show()
