"""
===================================
A grid search with several measures
===================================

``GridSearchCV`` scores every fit by any number of measures, and one of them chooses. This example
looks at two parameters of a pipeline on maps, one map for each measure, and at what it costs to
choose by the wrong one. One of the usual measures turns out to mislead.
"""

# %%
# Data with a truth
# -----------------
# Distributions over five labels bend with the features. What a learner gets is shares of five
# votes, 300 rows of them. 2,000 further rows and their true distributions are kept for the end.

import matplotlib.pyplot as plt
import numpy as np
from scipy.special import softmax
from sklearn.dummy import DummyRegressor
from sklearn.kernel_approximation import Nystroem
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ldl import BFGSLDL
from sklearn_ldl.metrics import get_ldl_scorer, kl_divergence

rng = np.random.default_rng(0)
X = rng.uniform(-2, 2, size=(2300, 4))
x1, x2, x3, _ = X.T  # the fourth feature is useless
logits = np.column_stack(
    [2 * np.sin(2 * x1), x1 * x2, x2, x3 - 1, np.full(len(X), -2.5)]
)
truth = softmax(1.2 * logits, axis=1)
votes = rng.multinomial(5, truth) / 5
X_train, votes_train = X[:300], votes[:300]
X_new, truth_new = X[300:], truth[300:]
print(f"true degrees below 0.01:  {np.mean(truth < 0.01):.0%}")
print(f"degrees without any vote: {np.mean(votes == 0):.0%}")

# %%
# The search
# ----------
# A pipeline from scaling to an approximate kernel machine. ``gamma`` is the inverse width of the
# kernel, ``alpha`` the penalty. With ``refit=False`` nothing is chosen yet.

kernel = Nystroem(n_components=50, random_state=0)
learner = BFGSLDL(tol=1e-4)  # exact enough for a search
pipe = make_pipeline(StandardScaler(), kernel, learner)
gammas, alphas = np.logspace(-2, 0.5, 6), np.logspace(-6, -1, 6)
grid = {"nystroem__gamma": gammas, "bfgsldl__alpha": alphas}
scoring = {
    "KL": get_ldl_scorer("neg_kl_divergence"),
    "Chebyshev": get_ldl_scorer("neg_chebyshev_distance"),
    "cosine": get_ldl_scorer("cosine_similarity"),
    "Clark": get_ldl_scorer("neg_clark_distance"),
}
MEASURES = {
    "KL": "KL divergence (nats)",
    "Chebyshev": "Chebyshev distance",
    "cosine": "cosine similarity",
    "Clark": "Clark distance",
}
folds = KFold(4, shuffle=True, random_state=0)
search = GridSearchCV(pipe, grid, scoring=scoring, refit=False, cv=folds)
search.fit(X_train, votes_train)

# %%
# One map for each measure: the mean score on held-out votes, brighter is better, with a cross at
# the best. A ridge across the map is typical: a wider kernel (small gamma) needs a weaker penalty.
# A cross on the edge says that the grid could go on.

best = {}
fig, axes = plt.subplots(
    2, 2, figsize=(8, 7), sharex=True, sharey=True, layout="constrained"
)
for ax, measure in zip(axes.flat, scoring, strict=True):
    scores = search.cv_results_[f"mean_test_{measure}"]
    best[measure] = search.cv_results_["params"][scores.argmax()]
    # The grid runs through the names in alphabetical order: gamma, the last
    # one, is the fastest.
    scores = scores.reshape(len(alphas), len(gammas))
    low = np.quantile(scores, 0.25)  # the worst would take all the colours
    mesh = ax.pcolormesh(gammas, alphas, scores, vmin=low, shading="nearest")
    alpha, gamma = best[measure].values()
    ax.plot(gamma, alpha, "X", color="C1", ms=12, mec="w", label="best")
    ax.set(xscale="log", yscale="log", title=measure)
    sign = "" if measure == "cosine" else "negative "
    fig.colorbar(mesh, ax=ax, extend="min", label=f"{sign}{MEASURES[measure]}")
axes[0, 0].legend(loc="lower left")
fig.supxlabel("gamma: inverse width of the kernel")
fig.supylabel("alpha: penalty")
plt.show()

# %%
# What each measure picks
# -----------------------
# The picks, fitted to all training rows, against the truth on new rows. Columns are measures, each
# with its own sign: more is better.

print(
    f"{'picked by':<10}{'gamma':>7}{'alpha':>8}"
    + "".join(f"{m:>11}" for m in scoring)
)
for measure, chosen in best.items():
    model = pipe.set_params(**chosen).fit(X_train, votes_train)
    values = (scorer(model, X_new, truth_new) for scorer in scoring.values())
    gamma, alpha = chosen["nystroem__gamma"], chosen["bfgsldl__alpha"]
    print(
        f"{measure:<10}{gamma:7.2f}{alpha:8.0e}"
        + "".join(f"{v:11.3f}" for v in values)
    )

# %%
# KL divergence, Chebyshev and cosine pick from the same ridge. Clark goes another way, and its pick
# is the worst in every column, that of Clark itself included. The reason is the zeros among the
# votes. Where nobody voted for a label, Clark adds 1 under its root whatever small degree is
# predicted, so such labels have no say; those with one vote of five do, and they ask for more mass
# on rare labels than these have. On shares of few votes, do not tune by Clark or Canberra.

# %%
# What the search is worth
# ------------------------
# The best score of a search is the best of many noisy ones, and may be optimistic. An outer
# cross-validation scores the whole procedure, search included. With 36 candidates for 300 rows the
# two differ little. The mean distribution is the baseline, and the truth the limit, as votes
# scatter about it.

chooser = GridSearchCV(pipe, grid, scoring=scoring["KL"], cv=KFold(3))
outer = KFold(3, shuffle=True, random_state=1)
scores = {"best of the search": search.cv_results_["mean_test_KL"].max()}
for name, learner in {
    "nested": chooser,
    "mean distribution": DummyRegressor(),
}.items():
    held_out = cross_val_score(
        learner, X_train, votes_train, cv=outer, scoring=scoring["KL"]
    )
    scores[name] = held_out.mean()
scores["the truth"] = -kl_divergence(votes_train, truth[:300])
for name, score in scores.items():
    print(f"{name:<20}{score:8.3f}")
