"""
=======================================
Kernel densities of a target that forks
=======================================

A mean says little about a target with two peaks, and a normal distribution around the mean says
something wrong: it is widest and highest where no target ever lies. A kernel density network
learns a density of any shape, and its intervals can be checked against the share of targets that
they contain.

:ref:`guide-kernel-densities` explains the model, :doc:`/results/kdn` measures coverage on more
problems.
"""

# %%
# One feature, two branches
# -------------------------
# A target lies on one of two branches, more often on the upper one where x is large, and scatters
# around it by 0.25.

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from scipy.stats import norm
from sklearn.metrics import mean_absolute_error

from sklearn_ldl import DeepRegressor, KernelDensityRegressor
from sklearn_ldl.deep import PRESETS

rng = np.random.default_rng(0)
NOISE = 0.25


def make_fork(n_samples):
    """Feature and target."""
    x = rng.uniform(-1, 1, n_samples)
    upper = rng.random(n_samples) < 0.5 + 0.2 * x
    y = np.where(upper, 1 + x, -1 - x) + NOISE * rng.standard_normal(n_samples)
    return x[:, None], y


def true_density(x, y):
    """Density of y at x, which the models do not know."""
    upper = norm.pdf(y, 1 + x, NOISE)
    lower = norm.pdf(y, -1 - x, NOISE)
    return (0.5 + 0.2 * x) * upper + (0.5 - 0.2 * x) * lower


X, y = make_fork(3000)
X_test, y_test = make_fork(10000)

# %%
# Three networks
# --------------
# The same hidden layer with three outputs: a mean; a mean and a variance; and the weights of
# kernels. The bandwidth of the kernels must be smaller than the noise. Where that is unknown,
# held-out data chooses: here the log-density of 3,000 further rows.

settings = {
    "batch_size": 100,
    "max_epochs": 40,
    "lr_schedule": "cosine",
    "random_state": 0,
}
settings = {**PRESETS["plain"], **settings}
X_valid, y_valid = make_fork(3000)
candidates = {
    bandwidth: KernelDensityRegressor(bandwidth=bandwidth, **settings).fit(
        X, y
    )
    for bandwidth in (0.05, 0.1, 0.2, 0.4)
}
for bandwidth, model in candidates.items():
    held_out = model.log_density(X_valid, y_valid).mean()
    print(f"bandwidth {bandwidth:<5}{model.n_labels_:3d} kernels", end="   ")
    print(f"log-density {held_out:.3f}")
kernels = max(
    candidates.values(),
    key=lambda model: model.log_density(X_valid, y_valid).mean(),
)
gaussian = DeepRegressor(loss="gaussian", **settings).fit(X, y)
mean = DeepRegressor(loss="l2", **settings).fit(X, y)
print(f"chosen: {kernels.bandwidth}")

# %%
# Densities
# ---------
# The density of the kernels follows both branches and the gap between them. The normal distribution
# puts most of its mass into the gap, where the network that predicts the mean goes, too.

x = np.linspace(-1, 1, 101)
values = np.linspace(-3, 3, 121)
rows, columns = np.repeat(x, len(values))[:, None], np.tile(values, len(x))


def on_grid(density):
    """Densities of the plane, one row of the picture per value."""
    return density.reshape(len(x), len(values)).T


centre, std = gaussian.predict(x[:, None], return_std=True)
densities = {
    "truth": true_density(x, values[:, None]),
    "kernels": np.exp(on_grid(kernels.log_density(rows, columns))),
    "one normal distribution": norm.pdf(values[:, None], centre, std),
}
figure, axes = plt.subplots(
    1, 3, figsize=(10, 3.6), sharey=True, layout="constrained"
)
for ax, (name, density) in zip(axes, densities.items(), strict=True):
    image = ax.pcolormesh(
        x,
        values,
        density,
        vmin=0,
        vmax=densities["truth"].max(),
        rasterized=True,
    )
    ax.plot(x, mean.predict(x[:, None]), "w--", label="predicted mean")
    ax.set(title=name, xlabel="x", xticks=[-0.5, 0, 0.5])
axes[0].set_ylabel("y")
axes[0].legend(
    loc="upper left", framealpha=0.3, labelcolor="white", facecolor="black"
)
figure.colorbar(image, ax=axes, label="Density")
plt.show()

# %%
# Three slices through the same picture:

_, axes = plt.subplots(
    1, 3, figsize=(10, 3), sharey=True, layout="constrained"
)
for ax, at in zip(axes, (10, 50, 90), strict=True):
    for (name, density), style in zip(
        densities.items(), ("k:", "C0", "C1"), strict=True
    ):
        ax.plot(values, density[:, at], style, label=name)
    ax.set(title=f"x = {x[at]:.1f}", xlabel="y")
axes[0].set_ylabel("Density")
axes[1].legend(loc="upper center", fontsize="small")
plt.show()

# %%
# Coverage
# --------
# What share of new targets lies inside the central intervals, which leave out the same probability
# on both sides? The normal distribution errs in both directions: its narrow intervals sit in the
# gap and contain too little, its wide ones too much.
#
# The predicted mean is equally good for all three networks. Only the log-density tells them apart.
# The network that predicts a mean has none; give it the deviation of its own residuals, and it
# becomes a normal distribution of constant width.

levels = np.array([0.5, 0.8, 0.9, 0.95])
residual = np.std(y_valid - mean.predict(X_valid))
half_width = norm.ppf((1 + levels) / 2) * residual
table = {}
for name, model in {
    "kernels": kernels,
    "one normal distribution": gaussian,
}.items():
    bounds = [model.interval(X_test, coverage=level) for level in levels]
    table[name] = {
        **{
            f"{level:.0%}": np.mean(
                (low_high[:, 0] <= y_test) & (y_test <= low_high[:, 1])
            )
            for level, low_high in zip(levels, bounds, strict=True)
        },
        "width of 90%": np.ptp(bounds[2], axis=1).mean(),
        "log-density": model.log_density(X_test, y_test).mean(),
        "MAE of the mean": mean_absolute_error(y_test, model.predict(X_test)),
    }
error = np.abs(y_test - mean.predict(X_test))
table["mean, constant width"] = {
    **{
        f"{level:.0%}": np.mean(error <= h)
        for level, h in zip(levels, half_width, strict=True)
    },
    "width of 90%": 2 * half_width[2],
    "log-density": norm.logpdf(error, scale=residual).mean(),
    "MAE of the mean": error.mean(),
}
print(pd.DataFrame(table).round(3))

# %%
# A central interval of two peaks covers the gap between them as well. When the question is which
# values are likely, take the region of highest density: all values whose density exceeds a
# threshold. The 10 % quantile of the predicted density at held-out targets is a threshold that nine
# targets of ten exceed, on average over x.

threshold = np.quantile(np.exp(kernels.log_density(X_valid, y_valid)), 0.1)
inside = np.exp(kernels.log_density(X_test, y_test)) >= threshold
region = densities["kernels"] >= threshold
size = (region.sum(axis=0) * (values[1] - values[0])).mean()
print(f"region of highest density: coverage {inside.mean():.3f}")
print(f"its mean size: {size:.2f}")

_, ax = plt.subplots(figsize=(6.4, 4), layout="constrained")
ax.plot(X_test[:1500, 0], y_test[:1500], "k.", markersize=2, alpha=0.5)
ax.contourf(x, values, region, levels=[0.5, 1], colors=["C0"], alpha=0.3)
low, high = kernels.interval(x[:, None], coverage=0.9).T
ax.plot(x, low, "C1", label="central interval of 90 %")
ax.plot(x, high, "C1")
ax.fill_between(
    [], [], [], color="C0", alpha=0.3, label="region of highest density, 90 %"
)
ax.set(xlabel="x", ylabel="y", ylim=(-3, 3))
ax.legend(loc="upper left")
plt.show()
