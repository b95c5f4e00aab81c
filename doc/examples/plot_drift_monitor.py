"""
===========================
A monitor, and what it sets
===========================

A model in service gets rows without labels, week after week. Are they still like those that it was
fitted to? :class:`~sklearn_ldl.LabelShiftCorrector` has a test for that, and estimates the shares
of the labels. Week by week these make a monitor: a statistic with an alert level, and a picture of
what has changed. After an alert there are two ways on: correct the predictions, for which no label
is needed, and let the model learn from new labels, which a network does by `partial_fit`.
"""

# %%
# Weeks of a service
# ------------------
# For ten weeks the labels are as frequent as they were in training. Then the first one grows rarer,
# for eight weeks, and stays rare.

from copy import deepcopy

import matplotlib.pyplot as plt
import numpy as np
from sklearn.frozen import FrozenEstimator

from sklearn_ldl import DeepLDLRegressor, LabelShiftCorrector
from sklearn_ldl.datasets import make_label_shift
from sklearn_ldl.metrics import kl_divergence

before, after = np.array([0.7, 0.2, 0.1]), np.array([0.2, 0.3, 0.5])
n_weeks = 26
progress = np.clip((np.arange(n_weeks) - 9) / 8, 0, 1)[:, None]
truth = (1 - progress) * before + progress * after
weeks = [
    make_label_shift(200, prior=prior, random_state=100 + week) for week, prior in enumerate(truth)
]

X, D = make_label_shift(2000, prior=before, random_state=0)
network = DeepLDLRegressor(n_members=4, random_state=0)
network.fit(X[:1000], D[:1000])

# %%
# The statistic and its alert level
# ---------------------------------
# The corrector goes around the fitted network, which stays as it is, and gets rows that the network
# was not fitted to. `adapt` then compares the predictions for new rows with those for these rows:
# `p_value_` belongs to a test of their means, and ``significance=1`` asks for an estimate of the
# shares even where the test finds nothing.
#
# One test at a level of 5 % gives a false alert in every twentieth week. A level of 5 % divided
# by the number of weeks bounds the probability that a quiet year gives any alert at all, by 5 %.
# That the weeks are all compared with the same rows does not matter for this bound. It is as good
# as the p-values, which are those of normal distributions: with 200 rows a week and 500 to 1500
# to compare them with, 6 to 7 of a hundred quiet years had an alert in a simulation. Who watches
# without an end picks the level by what a false alert costs: at 0.1 % one of about a thousand
# weeks has one.

alert_level = 0.05 / n_weeks
monitor = LabelShiftCorrector(
    FrozenEstimator(network), method="bbse", significance=1, n_bootstrap=30
).fit(X[1000:], D[1000:])

p_values, shares, errors = [], [], []
for X_week, _ in weeks:
    monitor.adapt(X_week)
    p_values.append(monitor.p_value_)
    shares.append(monitor.target_prior_)
    errors.append(monitor.target_prior_std_)
alerts = np.flatnonzero(np.array(p_values) <= alert_level)
print(f"first alert in week {alerts[0]}, the shift began in week 10")

# %%
# The statistic over time, on a logarithmic scale, and the estimated shares with twice their
# standard errors; dotted lines are the truth. One week with its 200 rows shows a small shift
# rarely, and a large one for certain. More rows show it earlier: compare months as well as weeks,
# each with half of the 5 %.

shares, errors = np.array(shares), np.array(errors)
_, (top, bottom) = plt.subplots(2, sharex=True, figsize=(8, 6), layout="constrained")
top.semilogy(p_values, "o-", color="k", markersize=4)
top.axhline(alert_level, color="r", linestyle="--", label="alert level")
top.set(ylabel="p-value")
top.invert_yaxis()
top.legend(loc="upper left")
for label in range(3):
    share, error = shares[:, label], 2 * errors[:, label]
    (line,) = bottom.plot(share, label=f"label {label}")
    color = line.get_color()
    bottom.fill_between(range(n_weeks), share - error, share + error, color=color, alpha=0.2)
    bottom.plot(truth[:, label], ":", color=color)
bottom.axvline(alerts[0], color="r", linestyle="--", linewidth=1)
bottom.set(xlabel="Week", ylabel="Share", ylim=(0, 1))
bottom.legend(ncols=3)
plt.show()

# %%
# What to do after an alert
# -------------------------
# From the first alert on, the corrector adapts to every week before it predicts it: no labels are
# needed, but the shift has to be one of the labels. Or somebody labels the week, and the network
# passes over it once by `partial_fit`, from where its fit ended. It learns whatever has changed,
# and is a week late: each week is predicted first, and learnt from afterwards. A network that
# nobody touches is the baseline.

corrector = LabelShiftCorrector(FrozenEstimator(network), method="bbse")
corrector.fit(X[1000:], D[1000:])
learner = deepcopy(network)
losses = {"left alone": [], "adapted, no labels": [], "partial_fit": []}
for week, (X_week, D_week) in enumerate(weeks):
    if week >= alerts[0]:
        corrector.adapt(X_week)
    models = (network, corrector, learner)
    for name, model in zip(losses, models, strict=True):
        losses[name].append(kl_divergence(D_week, model.predict(X_week)))
    if week >= alerts[0]:
        learner.partial_fit(X_week, D_week)

_, ax = plt.subplots(figsize=(8, 4), layout="constrained")
for name, loss in losses.items():
    ax.plot(loss, label=name)
    print(f"{name:<20}{np.mean(loss[-8:]):.4f} in the last eight weeks")
ax.axvline(alerts[0], color="r", linestyle="--", linewidth=1, label="alert")
ax.set(xlabel="Week", ylabel="KL from the truth", ylim=(0, None))
ax.legend()
plt.show()

# %%
# The test looks at predictions alone. It alerts of any change that moves their mean, of labels or
# not; the default `method` of the corrector, which tries several, says in `unexplained_` and with a
# warning when a shift of labels does not explain what it sees. It cannot see that people judge the
# same rows otherwise than before: collect some labels all the time, and follow the score.
#
# Once the network has learnt it is another one, and so is what its predictions should look like:
# fit a new monitor around it, with rows that it has not seen.
