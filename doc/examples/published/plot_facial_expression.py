"""
========================================
Expressions, and annotators who disagree
========================================

Three people label the expressions of faces, one of them each face. Each is often wrong, and in a
way of their own: one takes fear for surprise, another disgust for anger. Other programs have found
landmarks and action units (which muscles are active) in the training images, and know nothing of
the labels. Can two graphs of these *auxiliary labels* keep a network from learning what is wrong,
and are they better than what else one would try?
"""

# %%
# The faces
# ---------
# The images are drawn by :func:`~sklearn_ldl.datasets.make_faces`, 1500 to train and 1000 to test.
# The test has the true expressions. One face of each expression, with its landmarks:

import matplotlib.pyplot as plt
import numpy as np
from sklearn.preprocessing import normalize

from sklearn_ldl import (
    AuxGraphLDLClassifier,
    AuxGraphNeighbors,
    DeepLDLClassifier,
    NoiseAdaptationClassifier,
)
from sklearn_ldl.datasets import make_annotators, make_faces, make_noisy_labels
from sklearn_ldl.deep import PRESETS

faces = make_faces(
    2500,
    image_size=24,
    n_landmarks=15,
    expressions="pure",
    pitch_range=(-5, 5),
    yaw_range=(-5, 5),
    random_state=0,
)
names = faces.expression_names
X, X_test = np.split(faces.images, [1500])
truth, y_test = np.split(faces.expression, [1500])

_, axes = plt.subplots(1, len(names), figsize=(10, 1.8), layout="constrained")
for k, (ax, name) in enumerate(zip(axes, names, strict=True)):
    row = np.flatnonzero(truth == k)[0]
    ax.imshow(X[row, 0], cmap="gray", vmin=0, vmax=1)
    ax.plot(*faces.landmarks[row, :, ::-1].T, "C1.", ms=4)
    ax.set_title(name)
    ax.set_axis_off()
plt.show()

# %%
# The annotators
# --------------
# Every annotator has a matrix: its rows are the true expressions, and a row says how often which
# label is given. Each of the training images gets the label of one of the three.

rng = np.random.default_rng(0)
matrices = make_annotators(3, len(names), error=0.45, random_state=0)
annotators = rng.integers(3, size=len(X))
y = make_noisy_labels(truth, matrices, annotators=annotators, random_state=0)
print(f"{np.mean(y != truth):.0%} of the labels are wrong")

# %%
# Two graphs
# ----------
# The programs that find landmarks and action units make errors, too. Landmarks say more about the
# expression once it does not matter where the head is and how large: they are moved and scaled by
# the eyes. Both kinds stand side by side in one array, and ``aux_groups`` tells them apart. Every
# face is joined to four others for each kind, and most of these have the same expression.

points = faces.landmarks[:1500] + 0.2 * rng.standard_normal((1500, 15, 2))
eyes = points[:, :2]
distance = np.linalg.norm(eyes[:, 0] - eyes[:, 1], axis=1)
points = (points - eyes.mean(axis=1, keepdims=True)) / distance[:, None, None]
units = faces.action_units[:1500] + 0.4 * rng.standard_normal((1500, 11))
A = np.hstack([points.reshape(1500, -1), units])

graph = AuxGraphNeighbors(
    n_neighbors=[4, 4], aux_groups=[slice(0, 30), slice(30, None)]
).fit(A)
for kind, one in zip(
    ["landmarks", "action units"], graph.graphs_, strict=True
):
    edges = one.tocoo()
    same = np.mean(truth[edges.row] == truth[edges.col])
    print(f"{kind}: {same:.0%} of the edges join faces of one expression")

# %%
# Networks
# --------
# All have one hidden layer. The *vote* replaces a label by the mean of it and of those of the
# neighbours; the *layer* learns the matrices of the annotators
# (:class:`~sklearn_ldl.NoiseAdaptationClassifier`); the graphs make the predictions for neighbours
# agree (:class:`~sklearn_ldl.AuxGraphLDLClassifier`). None of them needs anything but the image for
# a prediction.

net = {
    **PRESETS["plain"],
    "standardize": True,
    "lr": 1e-3,
    "max_epochs": 20,
    "random_state": 0,
}
onehot = np.eye(len(names))[y]
voted = normalize(onehot + graph.graph_ @ onehot, norm="l1")
stopping = {**net, "early_stopping": True, "validation_fraction": 0.2}
layer = NoiseAdaptationClassifier(**net).fit(X, y, annotators=annotators)
models = {
    "right labels": DeepLDLClassifier(**net).fit(X, truth),
    "cross entropy": DeepLDLClassifier(**net).fit(X, y),
    "early stopping": DeepLDLClassifier(**stopping).fit(X, y),
    "layer for each annotator": layer,
    "graphs": AuxGraphLDLClassifier(graph, aux_weight=1.0, **net).fit(
        X, y, aux=A
    ),
    "vote of the neighbours": DeepLDLClassifier(**net).fit(X, voted),
}
accuracy = {
    name: model.score(X_test, y_test) for name, model in models.items()
}
for name, value in accuracy.items():
    print(f"{name:<26}{value:.3f}")

# %%
# The graphs are ahead of cross entropy, which learns wrong labels by heart. The layer gains less:
# what the network has learnt by heart, no matrix has to explain. Early stopping loses here, as it
# trains on fewer faces and the loss of the others, whose labels are wrong as well, soon rises. But
# where neighbours are as good as here, to vote with them once, before any training, is better than
# to agree with them while training, and simpler.

# sphinx_gallery_thumbnail_number = 2
_, ax = plt.subplots(figsize=(6.4, 3), layout="constrained")
bars = ax.barh(
    list(accuracy), list(accuracy.values()), color=["0.7"] + ["C0"] * 5
)
ax.bar_label(bars, fmt="%.2f", padding=3)
ax.invert_yaxis()
ax.set_xlim(0, 0.8)
ax.set_xlabel("Accuracy on true expressions")
plt.show()

# %%
# What the layer says of the first annotator, beside the truth: it finds that surprise is often
# called neutral, and misses that happiness is called fear. In all, it takes mistakes to be a third
# as frequent as they are.

_, axes = plt.subplots(1, 2, figsize=(8, 4), sharey=True, layout="constrained")
for ax, matrix, title in zip(
    axes,
    [matrices[0], layer.transitions_[0]],
    ["First annotator", "As estimated by the layer"],
    strict=True,
):
    picture = ax.imshow(matrix, vmin=0, vmax=1, cmap="Blues")
    ax.set(title=title, xlabel="Label", xticks=range(7), yticks=range(7))
    ax.set_xticklabels(names, rotation=45, ha="right")
    ax.set_yticklabels(names)
axes[0].set_ylabel("Expression")
axes[0].figure.colorbar(
    picture, ax=axes, shrink=0.7, label="Share of the labels"
)
plt.show()

# %%
# :doc:`The same question with several seeds and searched weights </results/expression>`, and with
# wrong labels drawn evenly.
