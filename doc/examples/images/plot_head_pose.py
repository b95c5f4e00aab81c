"""
==================================
Head poses from few images of each
==================================

Where does a head look? The 93 poses of the Pointing'04 database are classes of pitch and yaw, most
of them 15 degrees apart, and there are a few images of each. Heads in neighbouring poses look
nearly alike. A classifier has to tell them apart, and nobody tells it which poses are neighbours.
With a label distribution, an image of one pose is also a weaker example of the poses around it.

The faces are drawn by :func:`~sklearn_ldl.datasets.make_faces`.
"""

# %%
# The poses
# ---------
# :func:`~sklearn_ldl.distributors.head_pose_grid` has seven pitches with thirteen yaws each, and
# one pose straight up and one straight down, where the yaw means nothing. The labels of a
# distribution can be any list of points. Below, the grid with the target of one image: a Gaussian
# with a standard deviation of 15 degrees, in pitch and in yaw.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.multioutput import MultiOutputRegressor
from torch import nn

from sklearn_ldl import (
    DeepLDLRegressor,
    DeepRegressor,
    GaussianLabelDistributor,
    LDLRegressor,
)
from sklearn_ldl.datasets import make_faces
from sklearn_ldl.deep import PRESETS
from sklearn_ldl.distributors import head_pose_grid
from sklearn_ldl.metrics import accuracy_within_score, mean_euclidean_error

poses = head_pose_grid()
n_train = 8 * len(poses)
faces = make_faces(n_train + 600, image_size=24, poses=poses, random_state=0)
X, X_new = np.split(faces.images, [n_train])
y, y_new = np.split(faces.pose, [n_train])


def draw_distribution(ax, d, pose):
    """Degrees of the poses as areas and shades, and the true pose."""
    ax.scatter(poses[:, 1], poses[:, 0], s=4, color="0.85")
    degree = d / d.max()
    ax.scatter(
        poses[:, 1],
        poses[:, 0],
        s=110 * degree,
        c=degree,
        cmap="Blues",
        vmin=-0.5,
    )
    ax.plot(pose[1], pose[0], "x", color="C1", ms=9, mew=2.5)
    ax.set(
        xticks=[-90, 0, 90],
        yticks=[-90, 0, 90],
        xlim=(-105, 105),
        ylim=(-105, 105),
    )
    ax.set_aspect("equal")


distributor = GaussianLabelDistributor(poses, sigma=15, decode="argmax").fit(y)
examples = [
    np.flatnonzero((y == pose).all(axis=1))[0]
    for pose in ([0, -30], [-30, 60], [60, 0])
]
_, axes = plt.subplots(1, 6, figsize=(9.6, 2.3), layout="constrained")
for i, (face, plane) in zip(examples, axes.reshape(3, 2), strict=True):
    face.imshow(X[i, 0], cmap="gray", vmin=0, vmax=1)
    face.set_title(
        f"pitch {y[i, 0]:.0f}, yaw {y[i, 1]:.0f}", fontsize="medium"
    )
    face.set_axis_off()
    draw_distribution(plane, distributor.transform(y[i : i + 1])[0], y[i])
    plane.set(xlabel="yaw (degrees)", ylabel="pitch (degrees)")
plt.show()

# %%
# The networks
# ------------
# All have the same two convolutions and the same recipe. The classifier is a network of
# distributions whose standard deviation is zero, and the regression has one output for each angle.
# What is separate is learned by two networks, one for a distribution of pitch, one for yaw.


class ConvNet(nn.Sequential):
    """Two convolutions and a hidden layer."""

    def __init__(self, input_shape, n_labels):
        channels, height, width = input_shape
        first = nn.Conv2d(channels, 16, 3, padding=1), nn.BatchNorm2d(16)
        second = nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32)
        hidden = (
            nn.Linear(32 * (height // 4) * (width // 4), 100),
            nn.BatchNorm1d(100),
        )
        super().__init__(
            *(
                *first,
                nn.MaxPool2d(2),
                nn.ReLU(),
                *second,
                nn.MaxPool2d(2),
                nn.ReLU(),
            ),
            *(
                nn.Flatten(),
                *hidden,
                nn.ReLU(),
                nn.Dropout(0.5),
                nn.Linear(100, n_labels),
            ),
        )


recipe = {
    **PRESETS["plain"],
    "lr": 1e-2,
    "lr_schedule": "cosine",
    "random_state": 0,
}
recipe |= {"max_epochs": 20, "batch_size": 50}
network = DeepLDLRegressor(ConvNet, **recipe)


def classes_of(sigma):
    """Distributions around the pose; a deviation of 0 is classification."""
    return GaussianLabelDistributor(poses, sigma=sigma, decode="argmax")


one_angle = GaussianLabelDistributor(
    range(-90, 91, 15), sigma=15, decode="argmax"
)
models = {
    "distributions": LDLRegressor(network, classes_of(sigma=15)),
    "distributions, separate": MultiOutputRegressor(
        LDLRegressor(network, one_angle)
    ),
    "classification": LDLRegressor(network, classes_of(sigma=0)),
    "regression": DeepRegressor(ConvNet, loss="l1", **recipe),
}

# %%
# Accuracies of work on head pose count the images of which the pitch, the yaw or both are in the
# right class. A prediction that is no class, as those of regression, counts as the nearest one.


def percent(predicted, **how):
    """Percentage of the test images that are right."""
    return f"{accuracy_within_score(y_new, predicted, **how):8.0%}"


print(f"{'':<24}{'pitch':>8}{'yaw':>8}{'both':>8}", end="")
print(f"{'within 15':>11}{'mean error':>12}")
for name, model in models.items():
    predicted = model.fit(X, y).predict(X_new)
    exact = [percent(predicted, grid=poses, dim=dim) for dim in (0, 1, None)]
    error = mean_euclidean_error(y_new, predicted)
    print(
        f"{name:<24}",
        *exact,
        f"{percent(predicted, tolerance=15):>11}{error:>12.1f}",
        sep="",
    )

# %%
# What is predicted
# -----------------
# Test images, with the predictions of the network of distributions (above) and of the classifier
# (below). Crosses are true poses. The first network leans to a neighbourhood, with the true pose
# near its middle. The second leans to one or two poses, and where it is sure of one, that is often
# the one beside the true pose.

shown = np.random.default_rng(1).choice(len(X_new), 6, replace=False)
fig, axes = plt.subplots(
    3, 6, figsize=(9.6, 5), layout="constrained", height_ratios=[2, 3, 3]
)
# sphinx_gallery_thumbnail_number = 2
for face, i in zip(axes[0], shown, strict=True):
    face.imshow(X_new[i, 0], cmap="gray", vmin=0, vmax=1)
    face.set_axis_off()
for row, name in zip(
    axes[1:], ("distributions", "classification"), strict=True
):
    for ax, i in zip(row, shown, strict=True):
        draw_distribution(
            ax, models[name].predict_proba(X_new[i : i + 1])[0], y_new[i]
        )
        ax.label_outer()
    row[0].set_ylabel(f"{name}\npitch (degrees)")
fig.supxlabel("yaw (degrees)", fontsize="medium")
plt.show()
