"""
Mixed images have mixed labels
==============================

An image that is one third of a 3 and two thirds of an 8 has a label distribution that nobody needs
to be asked for. Mixup, CutMix and RICAP put such images together from those of a batch. Here they
are drawn with their distributions. Then a small network learns from each, while many labels are
wrong.

The methods are those of H. Zhang, M. Cisse, Y. N. Dauphin, D. Lopez-Paz (mixup, ICLR 2018), of
S. Yun, D. Han, S. J. Oh, S. Chun, J. Choe, Y. Yoo (CutMix, ICCV 2019), and of R. Takahashi,
T. Matsubara, K. Uehara (RICAP, IEEE Transactions on Circuits and Systems for Video Technology,
2020).
"""

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib import color_sequences
from matplotlib.colors import to_rgb
from scipy.special import softmax
from sklearn.datasets import load_digits
from torch import nn

from sklearn_ldl import DeepLDLClassifier
from sklearn_ldl.deep import PRESETS, RICAP, CutMix, MixUp
from sklearn_ldl.metrics import expected_calibration_error, log_loss
from sklearn_ldl.plotting import ReliabilityDisplay
from sklearn_ldl.wrappers import fit_temperature

X, digit = load_digits(return_X_y=True)
images = X.reshape(-1, 1, 8, 8) / 16

# %%
# Images and their distributions
# ------------------------------
# :class:`~sklearn_ldl.deep.MixUp` averages two images. :class:`~sklearn_ldl.deep.CutMix` pastes a
# box of one into another, :class:`~sklearn_ldl.deep.RICAP` composes four crops, and both weigh the
# labels by pixels. Every digit is printed in a colour of its own, so that one sees where the ink
# comes from.
#
# An augmentation returns the new batch, the ``indices`` of the images that each is made of, and
# their ``weights``. The distribution is the weighted mean of the labels. For the picture, mixup and
# RICAP mix more evenly than by default.

colors = np.array([to_rgb(c) for c in color_sequences["petroff10"]])
batch = np.arange(40)
absorbed = 1 - colors[digit[batch]][:, :, None, None]  # of red, green and blue
inks = 1 - images[batch] * absorbed
one_hot = np.eye(10)[digit[batch]]

methods = {
    "mixup": MixUp(beta=4),
    "CutMix": CutMix(),
    "RICAP": RICAP(beta=1.0),
}
figure, axes = plt.subplots(
    6, 5, figsize=(8, 9), height_ratios=[2, 1] * 3, layout="constrained"
)
for k, (name, augmentation) in enumerate(methods.items()):
    for column, (picture, bars) in enumerate(axes[2 * k : 2 * k + 2].T):
        mixed = augmentation(
            torch.tensor(inks), np.random.default_rng(column + 2)
        )
        parts = zip(
            mixed.weights.tolist(), mixed.indices.tolist(), strict=True
        )
        D = sum(weight * one_hot[rows] for weight, rows in parts)
        picture.imshow(mixed.X[column].permute(1, 2, 0).clip(0, 1).numpy())
        picture.set(xticks=[], yticks=[])
        bars.bar(range(10), D[column], color=colors)
        bars.set(xticks=range(10), ylim=(0, 1), yticks=[0, 1])
        bars.label_outer()
    axes[2 * k, 0].set_ylabel(name, fontsize="x-large")
    axes[2 * k + 1, 0].set_ylabel("degree")
figure.supxlabel("Digit", fontsize="medium")
plt.show()

# %%
# Training on mixtures
# --------------------
# Five hundred images, of whose labels 40 % are replaced by another digit. The parameter `augment`
# mixes every batch together with its targets: a name stands for the augmentation with its usual
# parameters. The test has true labels.

rng = np.random.default_rng(0)
order = rng.permutation(len(digit))
train, held, test = order[:500], order[500:700], order[700:]
shift = rng.integers(1, 10, size=500) * (rng.random(500) < 0.4)
noisy = (digit[train] + shift) % 10


class ConvNet(nn.Sequential):
    """Two convolutions and a linear layer."""

    def __init__(self, n_labels):
        super().__init__(
            nn.Conv2d(1, 8, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(8, 32, 3, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(32 * 4 * 4, n_labels),
        )


models = {}
for name in ("none", "mixup", "cutmix", "ricap"):
    models[name] = DeepLDLClassifier(
        ConvNet,
        augment=None if name == "none" else name,
        lr_schedule="cosine",
        random_state=0,
        **{**PRESETS["plain"], "lr": 5e-3},
    ).fit(images[train], noisy)

# %%
# All mixtures make the network more accurate. They also leave it far less sure than it could be: it
# learns from images that look like nothing in the test, with labels that are mixed on top of being
# wrong. One number puts that right without a change of accuracy, a temperature found on 200 images
# with true labels (:func:`~sklearn_ldl.wrappers.fit_temperature`).

_, axes = plt.subplots(1, 2, figsize=(10, 5), layout="constrained")
print(f"{'mixing':<8}{'accuracy':>10}{'ECE':>8}{'NLL':>8}", end="")
print("   with temperature: ECE     NLL")
for name, model in models.items():
    Z = model.decision_function(images[test])
    T = fit_temperature(
        model.decision_function(images[held]), np.eye(10)[digit[held]]
    )
    line = f"{name:<8}{model.score(images[test], digit[test]):10.3f}"
    for ax, P in zip(
        axes, [softmax(Z, axis=1), softmax(Z / T, axis=1)], strict=True
    ):
        ece = expected_calibration_error(digit[test], P)
        line += f"{ece:8.3f}{log_loss(digit[test], P):8.3f}" + " " * 14
        ReliabilityDisplay.from_predictions(
            digit[test], P, name=name, ax=ax, ref_line=name == "none"
        )
    print(line.rstrip())
axes[0].set_title("As trained")
axes[1].set_title("With a temperature from 200 true labels")
plt.show()

# %%
# Points above the diagonal are right more often than they say. :doc:`/results/calibration` compares
# the mixtures with teachers, over several seeds; :ref:`guide-teachers` explains both.
