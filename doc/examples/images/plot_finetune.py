"""
Fine-tuning a trained network
=============================

A network that has learnt one task from many rows needs fewer of them to learn a similar one. Here
it learns the digits from 0 to 4 in noise, gets a new last layer, and goes on with 5 to 9: slowly in
the layers that know by now what a stroke looks like, ten times as fast in the new one.

The recipe is that of B.-B. Gao, C. Xing, C.-W. Xie, J. Wu, X. Geng, "Deep label distribution
learning with label ambiguity", IEEE Transactions on Image Processing, 2017.
"""

import copy
from pprint import pprint

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

from sklearn_ldl import DeepLDLClassifier, LabelSmoother
from sklearn_ldl.deep import PRESETS

X, digit = load_digits(return_X_y=True)
rng = np.random.default_rng(0)


def look_at(rows):
    """Noisy images of some rows, of shape (n_images, 1, 8, 8)."""
    clean = X[rows].reshape(-1, 1, 8, 8) / 16
    return clean + 0.4 * rng.standard_normal(clean.shape)


fig, axes = plt.subplots(2, 10, figsize=(9, 2.4), layout="constrained")
for k, (clean, noisy) in enumerate(axes.T):
    clean.imshow(X[k].reshape(8, 8), cmap="gray_r")
    clean.set_title(digit[k])
    noisy.imshow(look_at([k])[0, 0], cmap="gray_r")
for ax in axes.flat:
    ax.set(xticks=[], yticks=[])
axes[0, 0].set_ylabel("image")
axes[1, 0].set_ylabel("as seen")
fig.suptitle("First task: 0 to 4. Second task: 5 to 9.")
plt.show()

# %%
# The first task
# --------------
# Six looks at every digit from 0 to 4. :class:`~sklearn_ldl.LabelSmoother` turns a label into a
# distribution that leaves some mass to the other digits.


class ConvNet(nn.Sequential):
    """Two convolutions, and a linear layer called head."""

    def __init__(self, n_labels):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(16, 32, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Dropout(0.5),
        )
        self.head = nn.Linear(32 * 4 * 4, n_labels)


settings = {
    "distributor": LabelSmoother(0.1),
    "early_stopping": False,
    "random_state": 0,
}
scratch = {**settings, "optimizer": "adam", "weight_decay": 0.0, "lr": 3e-3}
rows = np.tile(np.flatnonzero(digit < 5), 6)
pretrained = DeepLDLClassifier(ConvNet, batch_size=50, max_epochs=8, **scratch)
pretrained.fit(look_at(rows), digit[rows])

# %%
# The second task
# ---------------
# The trained module is ``net_.module_``. A module given as an instance is where training starts:
# it is copied, weights included. All that has to change is its last layer.

net = copy.deepcopy(pretrained.net_.module_)
net.head = nn.Linear(net.head.in_features, 5)

# %%
# The recipe is an entry of :data:`~sklearn_ldl.deep.PRESETS`: stochastic gradient descent with a
# rate that falls, and rates of their own for the parameters of the layer called head. Parameters
# behind it win.

pprint(PRESETS["finetune"], sort_dicts=False, width=79)

epochs = {"batch_size": 8, "max_epochs": 30}
models = {
    "fine-tuned": DeepLDLClassifier(
        net, **{**PRESETS["finetune"], **settings, **epochs}
    ),
    "from scratch": DeepLDLClassifier(ConvNet, **epochs, **scratch),
}

# %%
# Both ways, from few digits between 5 and 9, drawn five times, and judged by all the others. Every
# draw is a small point: on average fine-tuning gains about as much as the draws differ.

second = np.flatnonzero(digit >= 5)
images, labels = look_at(second), digit[second]
sizes = [10, 20, 50]
accuracy = {name: [] for name in models}
for size in sizes:
    draws = [
        train_test_split(
            images, labels, train_size=size, stratify=labels, random_state=draw
        )
        for draw in range(5)
    ]
    for name, model in models.items():
        scores = [
            model.fit(few, y).score(rest, y_rest)
            for few, rest, y, y_rest in draws
        ]
        accuracy[name].append(scores)

print(f"{'rows':>6}" + "".join(f"{name:>14}" for name in accuracy))
for size, *row in zip(sizes, *accuracy.values(), strict=True):
    print(
        f"{size:>6}" + "".join(f"{np.mean(scores):>14.3f}" for scores in row)
    )

# sphinx_gallery_thumbnail_number = 2
_, ax = plt.subplots(figsize=(6.4, 4), layout="constrained")
for (name, scores), color in zip(accuracy.items(), ["C0", "C1"], strict=True):
    ax.plot(
        sizes, np.mean(scores, axis=1), marker="o", color=color, label=name
    )
    ax.plot(sizes, scores, ".", color=color, alpha=0.4)  # every draw
ax.set(
    xticks=sizes,
    xlabel="Rows of the second task",
    ylabel="Accuracy on all others",
)
ax.legend()
plt.show()

# %%
# The trained layers hardly moved from where they started, relative to their size: most of what is
# new sits in the head.

start, end = net.state_dict(), models["fine-tuned"].net_.module_.state_dict()
for name in ("body.0.weight", "body.2.weight"):
    moved = (end[name] - start[name]).norm() / start[name].norm()
    print(f"{name} moved by {moved:.1%}")
