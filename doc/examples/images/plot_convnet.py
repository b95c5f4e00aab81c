"""
A convolutional network that learns from votes
==============================================

Several people have looked at every image, and do not agree. The usual way out is to keep the label
with the most votes. Here a small convolutional network is trained on the shares of the votes
instead, and predicts how a crowd would vote.

The images are scikit-learn's handwritten digits, of 8 x 8 pixels.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from sklearn_ldl import DeepLDLClassifier, votes_to_distribution
from sklearn_ldl.deep import PRESETS
from sklearn_ldl.metrics import kl_divergence

# %%
# The votes
# ---------
# A simulated annotator knows the digits well, but sees every image through noise, and each time
# through another. Three votes per image are for training; what hundreds of them say is the truth
# that predictions are compared with.

X, digit = load_digits(return_X_y=True)
X = X / 16
expert = LogisticRegression(max_iter=200).fit(X, digit)
rng = np.random.default_rng(0)


def ask(n_annotators):
    """Count the votes for every digit, in an array of shape (n_images, 10)."""
    counts = np.zeros((len(X), 10))
    for _ in range(n_annotators):
        seen = expert.predict(X + 0.5 * rng.standard_normal(X.shape))
        counts[np.arange(len(X)), seen] += 1
    return counts


D = votes_to_distribution(ask(3))
crowd = votes_to_distribution(ask(300))
doubted = np.mean(D.max(axis=1) < 1)
print(f"images with votes for more than one digit: {doubted:.0%}")

# %%
# The network
# -----------
# A module is a class or function that takes what it needs of `n_features`, `input_shape` and
# `n_labels`, which are known at fit. It returns logits: there is no softmax at its end.


class ConvNet(nn.Sequential):
    """Two convolutions and a linear layer called head."""

    def __init__(self, input_shape, n_labels):
        channels, height, width = input_shape
        super().__init__()
        self.convolution1 = nn.Conv2d(channels, 16, 3, padding=1)
        self.relu1 = nn.ReLU()
        self.convolution2 = nn.Conv2d(16, 16, 3, padding=1)
        self.relu2 = nn.ReLU()
        self.pool = nn.MaxPool2d(2)
        self.flatten = nn.Flatten()
        self.dropout = nn.Dropout(0.5)
        self.head = nn.Linear(16 * (height // 2) * (width // 2), n_labels)


# %%
# Distributions against the winner of the vote
# --------------------------------------------
# Images are arrays of shape (n_samples, channels, height, width).
# :class:`~sklearn_ldl.DeepLDLClassifier` takes distributions as targets, or labels, which may be
# smoothed.
#
# The shares of the votes tell better than the winners which digit is meant, and far better how the
# crowd would vote: the divergence from its distribution is the smallest.

images = X.reshape(-1, 1, 8, 8)
train, test = train_test_split(
    np.arange(len(X)), train_size=0.5, random_state=0
)
winner = D.argmax(axis=1)
settings = {
    **PRESETS["plain"],
    "lr": 3e-3,
    "max_epochs": 15,
    "random_state": 0,
}
models = {
    "shares of the votes": DeepLDLClassifier(ConvNet, **settings).fit(
        images[train], D[train]
    ),
    "winner of the vote": DeepLDLClassifier(ConvNet, **settings).fit(
        images[train], winner[train]
    ),
    "winner, smoothed": DeepLDLClassifier(
        ConvNet, label_smoothing=0.3, **settings
    ).fit(images[train], winner[train]),
}
print(f"{'trained on':<22}{'accuracy':>10}{'divergence from the crowd':>28}")
for name, model in models.items():
    divergence = kl_divergence(crowd[test], model.predict_proba(images[test]))
    accuracy = model.score(images[test], digit[test])
    print(f"{name:<22}{accuracy:>10.3f}{divergence:>28.3f}")

# %%
# The curves in ``history_``: each loss is compared with its own targets, so their levels say
# little, but all of them have come to rest.

_, ax = plt.subplots(figsize=(6.4, 3.2), layout="constrained")
for name, model in models.items():
    ax.plot(
        range(1, model.n_iter_ + 1),
        model.history_["train_loss"],
        marker=".",
        label=name,
    )
ax.set(xlabel="Epoch", ylabel="Training loss (KL divergence, nats)")
ax.set_ylim(bottom=0)
ax.legend()
plt.show()

# %%
# Images on which the crowd disagrees most, with its votes and those that the network predicts.

doubtful = test[np.argsort(crowd[test].max(axis=1))[:60:12]]
predicted = models["shares of the votes"].predict_proba(images[doubtful])
# sphinx_gallery_thumbnail_number = 2
figure, axes = plt.subplots(
    2, len(doubtful), figsize=(10, 4.5), sharey="row", layout="constrained"
)
for row, P, (above, below) in zip(doubtful, predicted, axes.T, strict=True):
    above.imshow(images[row, 0], cmap="gray_r")
    above.set_title(f"a {digit[row]}")
    above.set_axis_off()
    below.bar(np.arange(10) - 0.2, crowd[row], width=0.4, label="crowd")
    below.bar(np.arange(10) + 0.2, P, width=0.4, label="network")
    below.set_xticks(range(10))
axes[1, 2].legend(loc="upper left")
axes[1, 0].set_ylabel("Share of the votes")
figure.supxlabel("Digit", fontsize="medium")
plt.show()

# %%
# In a pipeline
# -------------
# Scalers and splitters of scikit-learn want rows of numbers. With `input_shape` the classifier
# folds such rows into images itself, so that it works behind them.

pipeline = make_pipeline(
    StandardScaler(),
    DeepLDLClassifier(ConvNet, input_shape=(1, 8, 8), **settings),
)
scores = cross_val_score(pipeline, X, digit, cv=3)
print(f"accuracy with the true labels: {scores.mean():.3f}", end=" ")
print(f"+/- {scores.std():.3f}")
