"""
============================
How will people rate a film?
============================

A film is rated with one to five stars, by thousands of people or by a handful. The mean rating is
one number; the histogram also tells whether a film is liked by all or splits its audience. This
example predicts histograms by a linear model, and compares it with the constant prediction, with
neighbours, and with a ridge regression of the mean.
"""

# %%
# Films
# -----
# The data are made up, after the shape of real ones: 2000 films with 30 features, 15 of which are
# genres that apply or not. Some viewers like a film more than others do: it has an appeal, a gap
# between the viewers that it speaks to and the rest, and the share of the former. All three depend
# on the features, and in part on what the features do not tell. The numbers of ratings spread over
# four orders of magnitude.

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from scipy.special import expit
from scipy.stats import norm, spearmanr
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import RidgeCV
from sklearn.metrics import mean_absolute_error, r2_score
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ldl import BFGSLDLCV, KNeighborsLDL, votes_to_distribution
from sklearn_ldl.decoding import expectation
from sklearn_ldl.metrics import (
    canberra_distance,
    chebyshev_distance,
    clark_distance,
    cosine_similarity,
    intersection_similarity,
    kl_divergence,
)
from sklearn_ldl.plotting import LabelDistributionDisplay

N_FILMS = 2000
STARS = np.arange(1, 6)
rng = np.random.default_rng(0)

genres = rng.random((N_FILMS, 15)) < 0.2
numbers = rng.standard_normal((N_FILMS, 15))
X = np.hstack([genres, numbers])


def depends_on_features(spread, unexplained):
    """Draw a linear function of the features, and noise."""
    Z = (X - X.mean(axis=0)) / X.std(axis=0)
    known = Z @ rng.normal(0, spread / np.sqrt(X.shape[1]), X.shape[1])
    return known + rng.normal(0, unexplained, N_FILMS)


appeal = 3.3 + depends_on_features(0.5, 0.25)
gap = 3.5 * expit(depends_on_features(1.5, 0.5))
share = expit(depends_on_features(1.0, 0.3))

# Each viewer's liking is normal, around one of two centres; stars are what it
# is rounded to.
edges = np.concatenate([[-np.inf], STARS[:-1] + 0.5, [np.inf]])
likes = np.diff(
    norm.cdf(edges, (appeal + gap * (1 - share))[:, None], 0.7), axis=1
)
dislikes = np.diff(
    norm.cdf(edges, (appeal - gap * share)[:, None], 0.7), axis=1
)
truth = share[:, None] * likes + (1 - share[:, None]) * dislikes

n_ratings = np.exp(rng.normal(3.5, 1.8, N_FILMS)).astype(int) + 3
counts = np.array(
    [rng.multinomial(n, d) for n, d in zip(n_ratings, truth, strict=True)]
)
D = votes_to_distribution(counts)
low, middle, high = np.quantile(n_ratings, [0, 0.5, 1]).astype(int)
print(f"ratings per film: {low} to {high}, median {middle}")

# %%
# What is a rating worth?
# -----------------------
# A histogram of ten ratings is mostly chance. One of a thousand is exact, and one of ten thousand
# tells no more about how features make ratings. Weights equal to the numbers of ratings would leave
# the fit to a few famous films. A weight that saturates, ``n / (n + 50)``, takes ten ratings for
# little and everything above some hundred for about the same. Both are compared with no weights.

split = train_test_split(
    X, D, n_ratings, truth, train_size=500, random_state=0
)
X_train, X_test, D_train, D_test, n_train, n_test, _, truth_test = split


def linear(weight):
    """Fit the maximum-entropy model with these weights of the films."""
    model = make_pipeline(StandardScaler(), BFGSLDLCV())
    return model.fit(X_train, D_train, bfgsldlcv__sample_weight=weight)


models = {
    "mean histogram": DummyRegressor().fit(X_train, D_train),
    "neighbours": GridSearchCV(
        make_pipeline(StandardScaler(), KNeighborsLDL()),
        {"kneighborsldl__n_neighbors": [5, 10, 20, 40, 80]},
    ).fit(X_train, D_train),
    "linear": linear(None),
    "linear, weight n": linear(n_train),
    "linear, saturating": linear(n_train / (n_train + 50)),
}
predictions = {name: model.predict(X_test) for name, model in models.items()}

# %%
# Six measures
# ------------
# The usual measures of the field, on test films with at least 100 ratings, whose histograms are
# close to what more ratings would give. The first four are distances, the last two similarities.

known = n_test >= 100
MEASURES = {
    "Cheb.": chebyshev_distance,
    "Clark": clark_distance,
    "Canb.": canberra_distance,
    "KL": kl_divergence,
    "cosine": cosine_similarity,
    "inters.": intersection_similarity,
}
table = {
    title: {
        name: measure(D_test[known], P[known])
        for name, P in predictions.items()
    }
    for title, measure in MEASURES.items()
}
print(pd.DataFrame(table).round(3))

# %%
# The linear models are best by all measures. Saturating weights improve a little on none. Plain
# numbers of ratings do harm: as if there were fewer films.
#
# The mean rating
# ---------------
# Is a histogram worth its trouble if only the mean is wanted? ``RidgeCV`` learns the mean directly,
# with the same weights.

weight = n_train / (n_train + 50)
ridge = make_pipeline(StandardScaler(), RidgeCV(np.logspace(-2, 4, 13)))
ridge.fit(X_train, expectation(D_train, STARS), ridgecv__sample_weight=weight)
means = {"ridge on the mean": ridge.predict(X_test)}
means |= {name: expectation(P, STARS) for name, P in predictions.items()}
observed = expectation(D_test, STARS)
print(f"{'':<20}R2 of the mean   mean absolute error in stars")
for name, mean in means.items():
    r2 = r2_score(observed[known], mean[known])
    error = mean_absolute_error(observed[known], mean[known])
    print(f"{name:<20}{r2:14.3f}{error:20.3f}")

# %%
# If only the mean is wanted, ridge regression is better. It minimises the error of the mean and
# nothing else, and in these data the appeal of a film is linear in its features. What the model of
# histograms has to offer is the rest.
#
# What the mean does not tell
# ---------------------------
# The standard deviation of a histogram says how much its viewers disagree. Ridge regression of the
# mean has nothing to say about it.


def disagreement(P):
    """Return the standard deviation of every distribution, in stars."""
    return np.sqrt(expectation(P, STARS**2) - expectation(P, STARS) ** 2)


best = predictions["linear, saturating"]
observed_spread, predicted_spread = disagreement(D_test), disagreement(best)
agreement = spearmanr(
    observed_spread[known], predicted_spread[known]
).statistic
print(
    f"rank correlation of predicted and observed disagreement: {agreement:.2f}"
)

# sphinx_gallery_thumbnail_number = 2
_, axes = plt.subplots(1, 2, figsize=(10, 4.4), layout="constrained")
pairs = [("Mean rating", observed, means["linear, saturating"])]
pairs += [
    ("Standard deviation of the ratings", observed_spread, predicted_spread)
]
for ax, (title, seen, predicted) in zip(axes, pairs, strict=True):
    points = ax.scatter(predicted, seen, c=n_test, norm="log", s=8)
    ax.axline((seen.mean(), seen.mean()), slope=1, color="k", linestyle=":")
    ax.set(title=title, xlabel="Predicted (stars)")
    ax.set_ylabel("Observed (stars)")
plt.colorbar(points, ax=axes, label="Number of ratings")
plt.show()

# %%
# Films with few ratings (dark) scatter most: there it is the observation that is uncertain.
#
# The same mean, different films
# ------------------------------
# Of the test films with a predicted mean of about three stars and at least 100 ratings, these are
# the three that should unite their viewers most (above), and the three that should divide them most
# (below). The choice was made by the prediction alone.

middle = np.flatnonzero(
    known & (np.abs(means["linear, saturating"] - 3) < 0.15)
)
middle = middle[np.argsort(predicted_spread[middle])]
rows = np.concatenate([middle[:3], middle[-3:]])
display = LabelDistributionDisplay.from_predictions(
    D_test, best, rows=rows, labels=STARS
)
for ax, row in zip(display.axes_, rows, strict=True):
    ax.set_title(
        f"mean {observed[row]:.1f}, deviation {observed_spread[row]:.1f}"
    )
for ax in display.axes_[3:]:
    ax.set_xlabel("Stars")
display.figure_.legends[0].get_texts()[0].set_text("observed")
plt.show()

# %%
# The model foresees where viewers will disagree, but not that they fall into two camps: its divided
# histograms are flat instead of split. The logits of a film with two camps are no linear function
# of the features here; :ref:`guide-choosing` names models that are not linear.
