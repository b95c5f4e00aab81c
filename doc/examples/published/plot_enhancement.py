"""
=================
Label enhancement
=================

Label enhancement recovers distributions from labels that merely apply or do not apply, with the
help of the features. How well? The way to know is to start from distributions, to throw the degrees
away, and to see how close to them one comes. Here this is done on the artificial data of the field,
whose three degrees make a picture.
"""

# %%
# From distributions to labels
# ----------------------------
# :func:`~sklearn_ldl.datasets.make_ldl_surface` gives the true distributions on a surface in three
# features. :func:`~sklearn_ldl.to_logical_labels` keeps the fewest labels that have half of the
# mass of a sample: one or two of three. This is all that the enhancers see, besides the features.

import matplotlib.pyplot as plt
import numpy as np
from scipy.special import softmax

from sklearn_ldl import (
    BFGSLDL,
    FCMEnhancer,
    GLLEEnhancer,
    KMEnhancer,
    LabelEnhancementClassifier,
    LPEnhancer,
    MLEnhancer,
    to_logical_labels,
)
from sklearn_ldl.datasets import make_ldl, make_ldl_surface
from sklearn_ldl.metrics import (
    chebyshev_distance,
    cosine_similarity,
    kl_divergence,
)
from sklearn_ldl.plotting import RGBSurfaceDisplay

X, D = make_ldl_surface(n_grid=31)
L = to_logical_labels(D)
kinds, counts = np.unique(L, axis=0, return_counts=True)
for kind, count in zip(kinds, counts, strict=True):
    print(f"labels {kind}: {count} samples")

# %%
# Recovered distributions
# -----------------------
# Enhancers have their default settings, by which their scores become distributions through a
# softmax. There are three baselines that do not look at the features: the uniform distribution, the
# labels divided by their number, and the softmax of the labels, which gives one that applies e
# times the degree of one that does not.

baselines = {
    "uniform": lambda L: np.full(L.shape, 1 / L.shape[1]),
    "labels, shares": lambda L: L / L.sum(axis=1, keepdims=True),
    "labels, softmax": lambda L: softmax(L.astype(float), axis=1),
}
enhancers = {
    "FCM, clusters": FCMEnhancer(random_state=0),
    "KM, kernel means": KMEnhancer(),
    "LP, propagation": LPEnhancer(),
    "ML, manifold": MLEnhancer(),
    "GLLE, Laplacian": GLLEEnhancer(),
}
recovered = {name: baseline(L) for name, baseline in baselines.items()}
recovered |= {
    name: enhancer.fit_transform(X, L) for name, enhancer in enhancers.items()
}

shown = {name: P for name, P in recovered.items() if name != "uniform"}
RGBSurfaceDisplay.from_predictions(D, shown, colors="colorblind")
plt.show()

# %%
# Colours are degrees, mixed as in the triangle; the uniform distribution would be the brownish grey
# in its middle everywhere. Labels alone show areas with hard edges. Propagation brings them closer
# to the middle, the Laplacian blurs their edges, and fuzzy clusters show as spots. The manifold
# method separates the labels that apply from those that do not by a margin, which is too much for
# degrees as similar as these.
#
# A larger weight, fewer clusters and a smaller margin come closer to the truth. Such settings can
# be found where some distributions are known. Here they were taken from a few tries against the
# truth, so that their figures flatter.

tuned = {
    "FCM, 10 clusters": FCMEnhancer(n_clusters=10, random_state=0),
    "LP, propagation 0.9, 20 neighbours": LPEnhancer(
        propagation=0.9, n_neighbors=20
    ),
    "ML, margin 0.1": MLEnhancer(margin=0.1),
    "GLLE, weight 10": GLLEEnhancer(graph_weight=10),
}
recovered |= {
    name: enhancer.fit_transform(X, L) for name, enhancer in tuned.items()
}

print(f"{'':<30}      KL  Chebyshev  cosine")
for name, P in recovered.items():
    print(
        f"{name:<30}{kl_divergence(D, P):8.3f}{chebyshev_distance(D, P):11.3f}"
        f"{cosine_similarity(D, P):8.3f}"
    )

# %%
# The softmax of the labels is a better baseline than it looks: without the features it comes about
# as close as two of the enhancers do at their defaults. Propagation and the Laplacian are clearly
# closer. The truth of the third label against what was recovered:

panels = [
    "labels, softmax",
    "LP, propagation",
    "LP, propagation 0.9, 20 neighbours",
]
_, axes = plt.subplots(
    1, 3, figsize=(9, 3.4), sharex=True, sharey=True, layout="constrained"
)
for ax, name in zip(axes, panels, strict=True):
    ax.scatter(D[:, 2], recovered[name][:, 2], s=6, alpha=0.4)
    ax.axline((0, 0), slope=1, color="k", linestyle=":")
    ax.set_title(name.replace("propagation 0.9,", "propagation 0.9,\n"))
    ax.set(xlabel="True degree", xlim=(0, 0.8), ylim=(0, 0.8))
axes[0].set_ylabel("Recovered degree")
plt.show()

# %%
# Prediction
# ----------
# :class:`~sklearn_ldl.LabelEnhancementClassifier` enhances the labels of the training samples and
# fits a learner of distributions to the result. For new samples it is compared with the same
# learner on the baselines, and on the true degrees, which nobody has.

X_train, D_train = make_ldl(500, random_state=0)
X_test, D_test = make_ldl(500, random_state=1)
L_train = to_logical_labels(D_train)

targets = {name: baseline(L_train) for name, baseline in baselines.items()}
targets["true degrees"] = D_train
predicted = {
    name: BFGSLDL().fit(X_train, T).predict(X_test)
    for name, T in targets.items()
}
for name, enhancer in (enhancers | tuned).items():
    model = LabelEnhancementClassifier(BFGSLDL(), enhancer)
    predicted[name] = model.fit(X_train, L_train).predict_proba(X_test)

print(f"{'learner fitted to':<30}KL on new samples")
for name, P in sorted(
    predicted.items(), key=lambda item: kl_divergence(D_test, item[1])
):
    print(f"{name:<30}{kl_divergence(D_test, P):17.4f}")

# %%
# Here the softmax of the labels is as good a target as the best enhancers give: a linear model
# averages over similar samples by itself. Enhancement is rather for those who need the
# distributions of the training samples themselves, or whose learner follows every single one.
#
# On real data sets, too, the picture is mixed. :doc:`Here </results/enhancement>` it is measured on
# four, on one of which nothing comes closer to the truth than the uniform distribution.
