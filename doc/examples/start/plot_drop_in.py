"""
==================================================
In place of LogisticRegression, in place of Ridge
==================================================

The estimators of this package go where scikit-learn's go. This example swaps the last step of
a pipeline, first of a classifier, then of a regressor, and asks each time what is the same, what is
better and what is not.
"""

# %%
# A classifier
# ------------
# ``LDLClassifier(BFGSLDL())`` takes class labels and makes one-hot distributions of them. On these
# its model is multinomial logistic regression: with the penalty converted, ``alpha = 1 / (n C)``,
# the probabilities are the same to the precision that the solvers were asked for. There is nothing
# to gain yet, and nothing to lose. (With two classes it is ``alpha = 2 / (n C)``, since
# scikit-learn then penalises one vector of coefficients instead of two.)

import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import norm
from sklearn.calibration import CalibrationDisplay
from sklearn.datasets import load_diabetes, load_digits
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.metrics import log_loss
from sklearn.model_selection import KFold, cross_validate, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ldl import (
    BFGSLDL,
    GaussianLabelDistributor,
    LDLClassifier,
    LDLRegressor,
)
from sklearn_ldl.datasets import make_ldl
from sklearn_ldl.metrics import kl_divergence

X_train, X_test, y_train, y_test = train_test_split(
    *load_digits(return_X_y=True), random_state=0
)
C = 0.1
before = make_pipeline(
    StandardScaler(), LogisticRegression(C=C, tol=1e-8, max_iter=1000)
)
after = make_pipeline(
    StandardScaler(),
    LDLClassifier(BFGSLDL(alpha=1 / (C * len(X_train)), tol=1e-8)),
)

for name, model in {
    "LogisticRegression": before,
    "LDLClassifier": after,
}.items():
    accuracy = model.fit(X_train, y_train).score(X_test, y_test)
    print(f"{name:<20} accuracy {accuracy:.4f}")
difference = np.abs(
    before.predict_proba(X_test) - after.predict_proba(X_test)
).max()
print(f"largest difference of two probabilities: {difference:.0e}")

# %%
# What votes add
# --------------
# Now let ten people label every row. A classifier can learn the majority, or ``C`` weighted copies
# of every row; ``BFGSLDL`` takes the shares of the votes as they are. All three get the same
# penalty. For the test rows of these artificial data the true distributions are known, and one
# label is drawn from each.

X_train, votes = make_ldl(300, n_votes=10, random_state=0)
X_test, D_test = make_ldl(5000, random_state=1)
rng = np.random.default_rng(2)
y_test = np.array([rng.choice(3, p=d) for d in D_test])

n, n_labels = votes.shape
classifier = LogisticRegression(C=1 / (0.01 * n), tol=1e-6, max_iter=1000)
predictions = {
    "mean of votes": np.tile(votes.mean(axis=0), (len(X_test), 1)),
    "majority": classifier.fit(X_train, votes.argmax(axis=1)).predict_proba(
        X_test
    ),
    "copies": classifier.fit(
        np.repeat(X_train, n_labels, axis=0),
        np.tile(np.arange(n_labels), n),
        sample_weight=votes.ravel(),
    ).predict_proba(X_test),
    "BFGSLDL on votes": BFGSLDL(alpha=0.01)
    .fit(X_train, votes)
    .predict(X_test),
}
print(f"{'':<18}KL from truth   log loss   most likely label found")
for name, P in predictions.items():
    hits = np.mean(P.argmax(axis=1) == D_test.argmax(axis=1))
    divergence, loss = kl_divergence(D_test, P), log_loss(y_test, P)
    print(f"{name:<18}{divergence:13.4f}{loss:11.3f}{hits:26.3f}")

# %%
# Copies and distributions agree, as they must: the loss is the same, and copies cost three times
# the rows. The model of majorities finds the most likely label less often, but often enough. Its
# probabilities are hardly better than a constant: it has seen clear decisions only, and promises
# clear decisions. scikit-learn's ``CalibrationDisplay`` shows how often each label really occurs.

# sphinx_gallery_thumbnail_number = 2
_, axes = plt.subplots(
    1, n_labels, figsize=(10, 3.8), sharey=True, layout="constrained"
)
for label, ax in enumerate(axes):
    for name in ("BFGSLDL on votes", "majority"):
        degree = predictions[name][:, label]
        CalibrationDisplay.from_predictions(
            y_test == label,
            degree,
            n_bins=10,
            strategy="quantile",
            name=name,
            ax=ax,
        )
    ax.set(title=f"Label {label}", xlim=(0, 0.8), ylim=(0, 0.8))
    ax.set(xlabel="Predicted probability", ylabel="Share of the rows")
    ax.label_outer()
    ax.legend(loc="upper left").set_visible(label == 0)
plt.show()

# %%
# A regressor
# -----------
# ``LDLRegressor`` with a ``GaussianLabelDistributor`` takes values. It spreads each over a grid,
# learns the distributions, and predicts their means. The bundled diabetes data ask for a measure of
# disease progression after one year. ``sigma`` and ``alpha`` are round numbers, to be searched over
# in earnest. ``RidgeCV`` chooses its penalty.

X, y = load_diabetes(return_X_y=True, scaled=False)
models = {
    "RidgeCV": make_pipeline(
        StandardScaler(), RidgeCV(np.logspace(-2, 3, 11))
    ),
    "LDLRegressor": LDLRegressor(
        make_pipeline(StandardScaler(), BFGSLDL(alpha=1e-3)),
        GaussianLabelDistributor(sigma=20),
    ),
}
folds = KFold(10, shuffle=True, random_state=0)
scoring = ["r2", "neg_mean_absolute_error"]
scores = {
    name: cross_validate(model, X, y, cv=folds, scoring=scoring)
    for name, model in models.items()
}
print(f"{'':<16}R2      mean absolute error   ms per fit")
for name, score in scores.items():
    r2 = score["test_r2"].mean()
    error = -score["test_neg_mean_absolute_error"].mean()
    time = 1000 * score["fit_time"].mean()
    print(f"{name:<16}{r2:.3f}{error:15.1f}{time:20.1f}")
gain = scores["LDLRegressor"]["test_r2"] - scores["RidgeCV"]["test_r2"]
error = gain.std(ddof=1) / np.sqrt(len(gain))
print(f"difference of R2 over {len(gain)} folds: {gain.mean():.3f}")
print(f"standard error of the difference: {error:.3f}")

# %%
# As predictors of the mean the two are about equal: the difference is small, and not much larger
# than its error. Ridge regression is faster. What it lacks is a distribution for each patient; the
# best it can offer is one bell curve for all, as wide as its residuals. The logarithm of the
# density at the observed value, on held-out rows, compares the two. More is better.

gain = []
for train, test in folds.split(X):
    ridge, ldl = (model.fit(X[train], y[train]) for model in models.values())
    width = (y[train] - ridge.predict(X[train])).std(ddof=X.shape[1] + 1)
    bell = norm.pdf(y[test], ridge.predict(X[test]), width)

    grid = ldl.grid_
    densities = ldl.predict_proba(X[test]) / (grid[1] - grid[0])
    at_value = [
        np.interp(v, grid, row)
        for v, row in zip(y[test], densities, strict=True)
    ]
    gain.extend(np.log(at_value) - np.log(bell))
error = np.std(gain, ddof=1) / np.sqrt(len(gain))
print(f"gain in log density per patient: {np.mean(gain):.3f}")
print(f"standard error of the gain: {error:.3f}")

# %%
# Four patients of the last fold, from a low to a high prediction. Where little progression is
# expected, the outcomes lie close together with a tail upwards; in the middle they are spread out.
# The bell curve has the same width everywhere, and gives some of its mass to negative values.

order = np.argsort(ldl.predict(X[test]))
patients = test[order[np.linspace(2, len(test) - 3, 4).astype(int)]]
_, axes = plt.subplots(
    2, 2, figsize=(9, 5.5), sharex=True, sharey=True, layout="constrained"
)
for ax, patient in zip(axes.flat, patients, strict=True):
    row = X[[patient]]
    density = ldl.predict_proba(row)[0] / (grid[1] - grid[0])
    ax.fill_between(grid, density, alpha=0.3, linewidth=0)
    ax.plot(grid, density, label="LDLRegressor")
    bell = norm.pdf(grid, ridge.predict(row), width)
    ax.plot(grid, bell, "--", label="RidgeCV")
    ax.axvline(y[patient], color="k", linestyle=":", label="observed")
    ax.set(title=f"Patient {patient}", xlabel="Measure of progression")
    ax.set(xlim=(-50, 420), ylim=(0, None), ylabel="Density")
    ax.label_outer()
axes[0, 1].legend(loc="upper right")
plt.show()
