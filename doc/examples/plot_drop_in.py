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
from sklearn.model_selection import KFold, cross_val_score, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ldl import BFGSLDL, GaussianLabelDistributor, LDLClassifier, LDLRegressor
from sklearn_ldl.datasets import make_ldl
from sklearn_ldl.metrics import kl_divergence

X, y = load_digits(return_X_y=True)
C = 0.1
before = make_pipeline(StandardScaler(), LogisticRegression(C=C, tol=1e-6, max_iter=1000))
after = make_pipeline(StandardScaler(), LDLClassifier(BFGSLDL(alpha=1 / (C * len(X)))))

same = np.abs(before.fit(X, y).predict_proba(X) - after.fit(X, y).predict_proba(X)).max()
print(f"largest difference of two probabilities: {same:.1e}")
for name, model in {"LogisticRegression": before, "LDLClassifier": after}.items():
    print(f"{name:<20} accuracy {cross_val_score(model, X, y).mean():.4f}")

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
    "mean of the votes": np.tile(votes.mean(axis=0), (len(X_test), 1)),
    "majority": classifier.fit(X_train, votes.argmax(axis=1)).predict_proba(X_test),
    "copies": classifier.fit(
        np.repeat(X_train, n_labels, axis=0),
        np.tile(np.arange(n_labels), n),
        sample_weight=votes.ravel(),
    ).predict_proba(X_test),
    "BFGSLDL on votes": BFGSLDL(alpha=0.01).fit(X_train, votes).predict(X_test),
}
print(f"{'':<20}KL from truth   log loss   most likely label found")
for name, P in predictions.items():
    hits = np.mean(P.argmax(axis=1) == D_test.argmax(axis=1))
    print(f"{name:<20}{kl_divergence(D_test, P):13.4f}{log_loss(y_test, P):11.3f}{hits:26.3f}")

# %%
# Copies and distributions agree, as they must: the loss is the same, and copies cost three times
# the rows. The majority finds the most likely label nearly as often. Its probabilities are another
# matter: it has seen only clear decisions, and promises clear decisions. scikit-learn's
# ``CalibrationDisplay`` shows how often each label really occurs.

_, axes = plt.subplots(1, n_labels, figsize=(10.5, 4), sharey=True, layout="constrained")
for label, ax in enumerate(axes):
    for name in ("majority", "BFGSLDL on votes"):
        degree = predictions[name][:, label]
        CalibrationDisplay.from_predictions(
            y_test == label, degree, n_bins=10, strategy="quantile", name=name, ax=ax
        )
    ax.set(title=f"Label {label}", xlabel="Predicted probability", ylabel="Frequency")
    ax.label_outer()
plt.show()

# %%
# A regressor
# -----------
# ``LDLRegressor`` with a ``GaussianLabelDistributor`` takes values. It spreads each over a grid,
# learns the distributions, and predicts their means. The bundled diabetes data ask for a measure of
# disease progression after one year. ``sigma`` and ``alpha`` are round numbers; searches over both
# belong into a real application. ``RidgeCV`` chooses its penalty.

X, y = load_diabetes(return_X_y=True, scaled=False)
models = {
    "RidgeCV": make_pipeline(StandardScaler(), RidgeCV(np.logspace(-2, 3, 11))),
    "LDLRegressor": LDLRegressor(
        make_pipeline(StandardScaler(), BFGSLDL(alpha=1e-3)), GaussianLabelDistributor(sigma=20)
    ),
}
folds = KFold(10, shuffle=True, random_state=0)
scoring = ["r2", "neg_mean_absolute_error"]
print(f"{'':<20}R2              mean absolute error   seconds per fit")
for name, model in models.items():
    scores = cross_validate(model, X, y, cv=folds, scoring=scoring)
    r2, error = scores["test_r2"], -scores["test_neg_mean_absolute_error"]
    print(
        f"{name:<20}{r2.mean():.3f} +- {r2.std():.3f}"
        f"{error.mean():16.1f} +- {error.std():.1f}{scores['fit_time'].mean():18.3f}"
    )

# %%
# The scores differ by less than they vary between folds: as predictors of the mean the two are
# about equal, and ridge regression is faster. What it lacks is a distribution for each patient.
# The best it can do is the same bell curve for all, as wide as its residuals. The logarithm of the
# density at the observed value, on held-out rows, compares the two; more is better.


def log_density_of_grid(model, X, y):
    grid = model.grid_
    density = model.predict_proba(X) / (grid[1] - grid[0])
    return np.log([np.interp(v, grid, row) for v, row in zip(y, density, strict=True)])


def log_density_of_bell(model, X, y, residuals):
    return norm.logpdf(y, model.predict(X), residuals.std(ddof=X.shape[1] + 1))


gained = []
for train, test in folds.split(X):
    ridge, ldl = (model.fit(X[train], y[train]) for model in models.values())
    residuals = y[train] - ridge.predict(X[train])
    bell = log_density_of_bell(ridge, X[test], y[test], residuals)
    gained.append(log_density_of_grid(ldl, X[test], y[test]) - bell)
gained = np.concatenate(gained)
error = gained.std() / np.sqrt(len(gained))
print(f"gain in log density per patient: {gained.mean():.3f}, standard error {error:.3f}")

# %%
# The last fold has some patients to look at, from a low to a high prediction. Where little
# progression is expected, the outcomes lie close together with a tail upwards; in the middle they
# are spread out. The bell curve cannot say so.

order = np.argsort(ldl.predict(X[test]))
patients = test[order[np.linspace(2, len(test) - 3, 4).astype(int)]]
_, axes = plt.subplots(2, 2, figsize=(9, 5.5), sharex=True, sharey=True, layout="constrained")
grid = ldl.grid_
for ax, patient in zip(axes.flat, patients, strict=True):
    row = X[[patient]]
    bell = norm.pdf(grid, ridge.predict(row), residuals.std(ddof=X.shape[1] + 1))
    ax.plot(grid, bell, color="C0", label="RidgeCV")
    ax.plot(grid, ldl.predict_proba(row)[0] / (grid[1] - grid[0]), color="C1", label="LDLRegressor")
    ax.axvline(y[patient], color="k", linestyle=":", label="observed")
    ax.set(title=f"Patient {patient}", xlabel="Disease progression", ylabel="Density")
    ax.set_xlim(-50, 420)
    ax.label_outer()
axes[0, 0].legend()
plt.show()
