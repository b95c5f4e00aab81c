"""
=================================
Auxiliary graphs and wrong labels
=================================

Some labels of a training set are wrong. Auxiliary labels, such as landmarks of a face whose
expression is to be recognised, were measured apart from them and tell which samples are alike.
:class:`~sklearn_ldl.AuxGraphLDLClassifier` asks a network to agree with itself on samples that are
alike. Does this help, and is it better than what one would try first? Compared are plain networks,
early stopping, and two methods that need no auxiliary labels: a graph of the features, and nearest
neighbours.
"""

# %%
# Data
# ----
# The samples are scikit-learn's digits: 400 to train on, the others to test. The features are the
# 64 pixels with some noise. The auxiliary labels are the sums of the 8 rows and 8 columns of the
# clean image, with noise of their own; they know nothing of the class, and the test does without
# them. A share of the training labels is replaced by another class.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import scale

from sklearn_ldl import (
    AuxGraphLDLClassifier,
    AuxGraphNeighbors,
    DeepLDLClassifier,
)
from sklearn_ldl.deep import PRESETS

N_TRAIN = 400


def make_problem(wrong_share, pixel_noise=0.1, seed=0):
    """Features, labels and auxiliary labels; rows and clean labels to test."""
    rng = np.random.default_rng(seed)
    X, y = load_digits(return_X_y=True)
    X = X / 16
    images = X.reshape(-1, 8, 8)
    A = scale(np.hstack([images.sum(axis=2), images.sum(axis=1)]))
    A += 0.5 * rng.standard_normal(A.shape)
    X = X + pixel_noise * rng.standard_normal(X.shape)
    order = rng.permutation(len(y))
    train, test = order[:N_TRAIN], order[N_TRAIN:]
    wrong = rng.random(N_TRAIN) < wrong_share
    other = (y[train] + rng.integers(1, 10, N_TRAIN)) % 10
    return (
        X[train],
        np.where(wrong, other, y[train]),
        A[train],
        X[test],
        y[test],
    )


# %%
# The graph joins every sample to its four nearest ones in the space of the auxiliary labels. How
# many of these have the same class? Among ten classes chance gives 10 %.

X, y, A, _, _ = make_problem(wrong_share=0)
graph = AuxGraphNeighbors(n_neighbors=4).fit(A).graph_.tocoo()
same = np.mean(y[graph.row] == y[graph.col])
print(f"{graph.nnz} edges, {same:.0%} of them within a class")

# %%
# Wrong labels
# ------------
# All networks have one hidden layer of 100 units and train for 40 epochs. Early stopping sets 20 %
# of the samples aside, wrong labels included. The weight of the graph is 1 everywhere. The whole is
# done twice: with pixels that are nearly clean, and with pixels as if taken in bad light.

net = {
    **PRESETS["plain"],
    "batch_size": 100,
    "max_epochs": 40,
    "random_state": 0,
}
stopping = {"early_stopping": True, "validation_fraction": 0.2}


def fitted(X, y, A):
    """Yield the classifiers by name."""
    yield "cross entropy", DeepLDLClassifier(**net).fit(X, y)
    yield "early stopping", DeepLDLClassifier(**(net | stopping)).fit(X, y)
    model = AuxGraphLDLClassifier(aux_weight=1, **net)
    yield "auxiliary graph", model.fit(X, y, aux=A)
    model = AuxGraphLDLClassifier(aux_weight=1, **(net | stopping))
    yield "auxiliary graph, early stopping", model.fit(X, y, aux=A)
    model = AuxGraphLDLClassifier(aux_weight=1, **net)
    yield "graph of the features", model.fit(X, y, aux=X)
    yield "15 nearest neighbours", KNeighborsClassifier(15).fit(X, y)


wrong_shares = [0.0, 0.2, 0.4]
results = {}
for pixel_noise in (0.1, 0.4):
    accuracy = results[pixel_noise] = {}
    for k, wrong_share in enumerate(wrong_shares):
        for seed in (0, 1):
            X, y, A, X_test, y_test = make_problem(
                wrong_share, pixel_noise, seed
            )
            for name, model in fitted(X, y, A):
                scores = accuracy.setdefault(name, np.zeros(3))
                scores[k] += model.score(X_test, y_test) / 2
    print(f"\n{f'pixel noise {pixel_noise}, labels wrong:':<33}", end="")
    print("".join(f"{wrong_share:>6.0%}" for wrong_share in wrong_shares))
    for name, scores in accuracy.items():
        print(f"{name:<33}" + "".join(f"{score:6.2f}" for score in scores))

# %%
# A plain network learns wrong labels by heart, and the graph keeps it from doing so. With clean
# labels it costs a few points, since some neighbours are of another class. But early stopping gains
# about as much without any auxiliary label, and 15 nearest neighbours, which average wrong labels
# away, beat every network as soon as labels are wrong. The graph of the features is better than
# that of the auxiliary labels where the features are good, and worse where they are poor: that is
# when auxiliary labels say something new. Even then the graph needs early stopping to compete, and
# is ahead of early stopping alone with 40 % of wrong labels only, by little.

figure, axes = plt.subplots(
    1, 2, figsize=(9, 3.8), sharex=True, sharey=True, layout="constrained"
)
for ax, (pixel_noise, accuracy) in zip(axes, results.items(), strict=True):
    names, scores = list(accuracy), np.array(list(accuracy.values()))
    ax.hlines(names, scores.min(axis=1), scores.max(axis=1), color="0.8")
    for wrong_share, column, marker in zip(
        wrong_shares, scores.T, "os^", strict=True
    ):
        ax.plot(column, names, marker, label=f"{wrong_share:.0%}")
    ax.set_title(f"Pixel noise {pixel_noise}")
    ax.set_xlabel("Accuracy on clean labels")
axes[0].invert_yaxis()
figure.legend(
    *axes[0].get_legend_handles_labels(),
    loc="outside lower center",
    ncols=3,
    title="Wrong labels in training",
)
plt.show()

# %%
# The weight of the graph
# -----------------------
# A search sees wrong labels only, in training and in validation. They lower all scores alike, so
# that it still tells good weights from bad ones. The search hands ``aux`` on to ``fit``, a fold at
# a time.

X, y, A, X_test, y_test = make_problem(wrong_share=0.4)
grid = {"aux_weight": [0.1, 1.0, 10.0]}
search = GridSearchCV(AuxGraphLDLClassifier(**net), grid, cv=3).fit(
    X, y, aux=A
)
print("aux_weight   wrong labels, cross-validation")
for weight, score in zip(
    grid["aux_weight"], search.cv_results_["mean_test_score"], strict=True
):
    print(f"{weight:10g}   {score:.2f}")
print(f"chosen: {search.best_params_['aux_weight']:g}, ", end="")
print(f"accuracy on clean labels {search.score(X_test, y_test):.2f}")

# %%
# The results of the same question with more samples and seeds, searched weights, and auxiliary
# labels that are poor or shuffled are :doc:`here </results/alsg>`. The graph earns its place where
# auxiliary labels tell what the features do not. Whether they do is to be measured: against early
# stopping, and against ``aux=X``.
