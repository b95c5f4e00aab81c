"""
=========================================
What decides how many stars a crowd gives
=========================================

A model predicts how guests will rate a hotel: not one number of stars, but
the share of guests for each. Its owner asks why. This example answers for
one hotel, for one number of stars, and for all values of a feature.
"""

# %%
# Hotels, and a forest
# --------------------
# The data are made up. Guests like clean rooms and quiet ones; they mind the
# price only if it is high; and the age of the house counts for nothing, but
# old houses are less clean. A forest takes the shares of stars as targets.

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from scipy.special import expit
from sklearn.ensemble import RandomForestRegressor

from sklearn_ldl import ProportionalOddsLDL
from sklearn_ldl.inspection import odds_ratios, shap_values
from sklearn_ldl.metrics import d2_kl_score
from sklearn_ldl.plotting import (
    DistributionDependenceDisplay,
    ImportanceDisplay,
    ShapLabelDisplay,
    ShapRowDisplay,
)

rng = np.random.default_rng(0)
n_hotels = 600
age = rng.uniform(0, 80, n_hotels)
hotels = pd.DataFrame(
    {
        "cleanliness": 9 - 0.05 * age + rng.normal(0, 1, n_hotels),
        "noise at night (dB)": rng.uniform(25, 60, n_hotels),
        "price": rng.gamma(4, 30, n_hotels),
        "age of the house": age,
        "rooms": rng.integers(8, 300, n_hotels),
    }
)
liking = (
    0.8 * (hotels["cleanliness"] - 7)
    - 0.06 * (hotels["noise at night (dB)"] - 40)
    - 0.02 * (hotels["price"] - 150).clip(0)
)
above = expit(liking.to_numpy()[:, None] - np.array([-3, -1.5, 0, 1.5]))
edges = np.ones((n_hotels, 1)), np.zeros((n_hotels, 1))
shares = -np.diff(np.hstack([edges[0], above, edges[1]]), axis=1)
votes = np.array([rng.multinomial(20, share) for share in shares])
stars = pd.DataFrame(votes / 20, columns=[1, 2, 3, 4, 5])

seen, new = slice(0, 400), slice(400, None)
forest = RandomForestRegressor(100, min_samples_leaf=3, random_state=0)
forest.fit(hotels[seen], stars[seen])
score = d2_kl_score(stars[new], forest.predict(hotels[new]))
print(f"D2 of the divergence on new hotels: {score:.2f}")

# %%
# One hotel
# ---------
# Contributions of the features to the share of each number of stars add up
# to the prediction, for every hotel and every number of stars. Those of a
# feature cancel over the stars. Here is the hotel with the most predicted
# fives, and the one with the fewest. A forest of scikit-learn keeps no names
# of labels, so that they are given here.

found = shap_values(forest, hotels[new], labels=stars.columns)
off = np.abs(found.predictions - forest.predict(hotels[new])).max()
print(f"Predictions are met to {off:.0e}")

fives = found.predictions[:, 4]
ShapRowDisplay.from_shap_values(found, row=int(fives.argmax()))
ShapRowDisplay.from_shap_values(found, row=int(fives.argmin()))

# %%
# One number of stars
# -------------------
# Over all hotels, cleanliness and noise matter most for five stars, and in
# opposite directions. The price matters for few hotels, and then lowers the
# share.

ShapLabelDisplay.from_shap_values(found, label=5)

# %%
# All values of a feature
# -----------------------
# The mean predicted distribution, over the noise and over the price. Where
# the areas are level, guests do not mind.

_, axes = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
for ax, feature in zip(axes, ("noise at night (dB)", "price"), strict=True):
    DistributionDependenceDisplay.from_estimator(
        forest,
        hotels[seen],
        feature,
        labels=stars.columns,
        grid_resolution=20,
        ax=ax,
    )

# %%
# Without a feature
# -----------------
# How much worse predictions for new hotels become when a feature is
# shuffled. The age of the house has hardly any importance, although old
# houses are rated worse: the forest knows how clean they are.

held_out = hotels[new], stars[new]
ImportanceDisplay.from_estimator(forest, *held_out, random_state=0)
plt.show()

# %%
# Coefficients
# ------------
# A linear model has less to explain. The stars are in an order, and with
# proportional odds every feature has one ratio: by how much a unit more
# multiplies the odds of more stars.

linear = ProportionalOddsLDL(alpha=0).fit(hotels[seen], stars[seen])
print(odds_ratios(linear).round(3))
score = d2_kl_score(stars[new], linear.predict(hotels[new]))
print(f"D2 of the divergence on new hotels: {score:.2f}")
