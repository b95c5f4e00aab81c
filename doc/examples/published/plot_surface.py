"""
==================================
Geng's surface, learned from votes
==================================

The classic picture of the field: distributions over three labels on a curved surface, with the
degrees as a mixture of three colours. Every learner is trained on points of the cube around it, and
has to get the colours of the surface right.
"""

# %%
# The training rows are the shares of 20 votes each, so nobody sees a true distribution. What is
# predicted on the surface is compared with the truth. The learners are
#
# - the mean distribution, as the baseline,
# - the maximum entropy model alone, on all products of two features, and on an approximate kernel,
# - neighbours, boosted trees, and scikit-learn's extra trees, whose leaves average distributions.

import matplotlib.pyplot as plt
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.kernel_approximation import Nystroem
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from sklearn_ldl import BFGSLDLCV, GradientBoostingLDL, KNeighborsLDL
from sklearn_ldl.datasets import make_ldl, make_ldl_surface
from sklearn_ldl.metrics import kl_divergence
from sklearn_ldl.plotting import RGBSurfaceDisplay

X, votes = make_ldl(500, n_votes=20, random_state=0)
X_surface, D_surface = make_ldl_surface()

learners = {
    "mean": DummyRegressor(),
    "BFGSLDLCV": BFGSLDLCV(),
    "with products": make_pipeline(
        PolynomialFeatures(2, include_bias=False),
        StandardScaler(),
        BFGSLDLCV(),
    ),
    "with Nystroem": make_pipeline(
        Nystroem(gamma=0.5, n_components=50, random_state=0), BFGSLDLCV()
    ),
    "KNeighborsLDL": KNeighborsLDL(n_neighbors=20),
    "boosted trees": GradientBoostingLDL(n_estimators=200, random_state=0),
    "extra trees": ExtraTreesRegressor(min_samples_leaf=5, random_state=0),
}
for learner in learners.values():
    learner.fit(X, votes)

# %%
# Equal colours mean equal distributions; the triangle says which. Trees show their steps,
# neighbours their patches. The picture is usually drawn in red, green and blue, the default, which
# not everybody can tell apart.

RGBSurfaceDisplay.from_estimator(
    learners, X_surface, D_surface, colors="colorblind"
)
plt.show()

# %%
# The linear model is nearly as good as the flexible ones: the logits of these data bend little. How
# the comparison comes out is a matter of the number of rows, as the next figure shows. A learner
# with few parameters is ahead on few rows; a bias that no row can cure stops it later.

sizes = [50, 150, 500, 1500]
X, votes = make_ldl(max(sizes), n_votes=20, random_state=1)
fig, ax = plt.subplots(figsize=(7, 4.4), layout="constrained")
print(f"{'rows':<15}" + "".join(f"{n:>8}" for n in sizes))
for (name, learner), marker in zip(learners.items(), "os^vDPX", strict=True):
    divergences = []
    for n in sizes:
        learner.fit(X[:n], votes[:n])
        divergences.append(
            kl_divergence(D_surface, learner.predict(X_surface))
        )
    print(f"{name:<15}" + "".join(f"{value:8.4f}" for value in divergences))
    ax.loglog(sizes, divergences, marker=marker, label=name)
ax.set_xticks(sizes, [f"{n}" for n in sizes])
ax.minorticks_off()
ax.set(xlabel="Training rows", ylabel="KL divergence on the surface (nats)")
ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))
plt.show()

# %%
# How much of that is the scatter of the votes? With the true distributions of 500 rows for targets,
# the flexible learners come much closer. The linear model does not: what is left is its bias.

X, truth = make_ldl(500, random_state=0)
for name, learner in learners.items():
    divergence = kl_divergence(
        D_surface, learner.fit(X, truth).predict(X_surface)
    )
    print(f"{name:<15}{divergence:8.4f}")
