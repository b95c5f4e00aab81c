"""
===========================
A search that ends bad fits
===========================

A network has several settings that depend on each other, and a bad choice often shows after a few
epochs. `Optuna <https://optuna.org>`_ draws settings near those that did well, and its pruners end
a fit whose intermediate results fall behind. All it needs from an estimator is a way to train a
little, look, and go on: ``warm_start=True``.
"""

# %%
# Rows with ten votes each, on five labels. Validation rows decide during the search; the truth on
# new rows is kept for the end.

import matplotlib.pyplot as plt
import numpy as np
import optuna
from scipy.special import softmax
from sklearn.dummy import DummyRegressor

from sklearn_ldl import BFGSLDLCV, DeepLDLRegressor
from sklearn_ldl.metrics import kl_divergence

rng = np.random.default_rng(0)
X = rng.uniform(-2, 2, size=(2600, 8))
x1, x2, x3 = X.T[:3]  # the other features are useless
logits = np.column_stack(
    [2 * np.sin(2 * x1), x1 * x2, x2, x3 - 1, np.full(len(X), -1.0)]
)
truth = softmax(logits, axis=1)
votes = rng.multinomial(10, truth) / 10
train, valid, new = slice(0, 400), slice(400, 600), slice(600, None)

# %%
# One trial
# ---------
# The settings of a trial make a network. It trains two epochs at a time: with ``warm_start=True``
# every `fit` goes on where the last one ended, the state of the optimiser included. After each
# piece the trial reports the KL divergence on the validation rows, and asks whether to go on. The
# exception counts a trial as pruned; nothing else has to be cleaned up.

EPOCHS, PIECE = 40, 2


def objective(trial):
    """Train with the settings of a trial; the least validation KL."""
    width = trial.suggest_int("width", 8, 128, log=True)
    net = DeepLDLRegressor(
        hidden_layer_sizes=(width,) * trial.suggest_int("depth", 1, 3),
        lr=trial.suggest_float("lr", 1e-4, 1e-1, log=True),
        dropout=trial.suggest_float("dropout", 0, 0.5),
        weight_decay=trial.suggest_float("weight_decay", 1e-6, 1e-1, log=True),
        n_members=1,
        standardize=False,
        early_stopping=False,
        batch_size=100,
        max_epochs=PIECE,
        warm_start=True,
        random_state=0,
    )
    curve = []
    for epochs in range(PIECE, EPOCHS + 1, PIECE):
        net.fit(X[train], votes[train])
        curve.append(kl_divergence(votes[valid], net.predict(X[valid])))
        trial.report(curve[-1], epochs)
        if trial.should_prune():
            raise optuna.TrialPruned
    trial.set_user_attr("epochs", PIECE * (1 + int(np.argmin(curve))))
    return min(curve)


# %%
# The search
# ----------
# The median pruner ends a trial whose best result so far is worse than the median of the earlier
# trials at the same epoch. The first six trials all run to the end, and the others at least to
# epoch 8.

optuna.logging.set_verbosity(optuna.logging.WARNING)
sampler = optuna.samplers.TPESampler(seed=0)
pruner = optuna.pruners.MedianPruner(n_startup_trials=6, n_warmup_steps=8)
study = optuna.create_study(sampler=sampler, pruner=pruner)
study.optimize(objective, n_trials=40)

pruned = [
    trial.state == optuna.trial.TrialState.PRUNED for trial in study.trials
]
spent = sum(max(trial.intermediate_values) for trial in study.trials)
print(f"{sum(pruned)} of {len(pruned)} trials were pruned")
print(f"epochs trained: {spent} instead of {EPOCHS * len(pruned)}")
for name, value in study.best_params.items():
    print(f"{name:<13}{value:10.4g}")

# %%
# Every line on the left is a trial, grey where it was ended: the pruner bets that what is behind
# stays behind. On the right the same trials over the learning rate. A cross stands at the best that
# a trial had reached when it was ended, so crosses are higher than finished fits would be.

STYLES = {
    "pruned": {"color": "0.7", "zorder": 1},
    "finished": {"color": "C0", "alpha": 0.5},
    "best": {"color": "C1", "linewidth": 3, "zorder": 3},
}
fig, axes = plt.subplots(
    1, 2, figsize=(9, 4), sharey=True, layout="constrained"
)
for trial, ended in zip(study.trials, pruned, strict=True):
    best = trial.number == study.best_trial.number
    kind = "best" if best else "pruned" if ended else "finished"
    style = STYLES[kind]
    curve = trial.intermediate_values
    axes[0].plot(curve.keys(), curve.values(), label=kind, **style)
    marker = "x" if ended else "o"
    least = min(curve.values())
    axes[1].plot(trial.params["lr"], least, marker, label=kind, **style)
for ax in axes:
    handles, labels = ax.get_legend_handles_labels()
    by_label = dict(zip(labels, handles, strict=True))
    ax.legend(by_label.values(), by_label.keys())
axes[0].set(xlabel="Epoch", ylabel="KL divergence on validation rows (nats)")
axes[1].set(xscale="log", xlabel="Learning rate")
fig.suptitle("Trials of the search")
plt.show()

# %%
# Was it worth it?
# ----------------
# The best settings are fitted once more, to training and validation rows, for as many epochs as
# were best. The baselines get the same rows: the network as it comes, the linear model with its own
# choice of penalty, and the mean distribution. The divergence is that of the truth on new rows.

width, depth = study.best_params["width"], study.best_params["depth"]
settings = {
    name: study.best_params[name] for name in ("lr", "dropout", "weight_decay")
}
tuned = DeepLDLRegressor(
    hidden_layer_sizes=(width,) * depth,
    n_members=1,
    standardize=False,
    early_stopping=False,
    batch_size=100,
    max_epochs=study.best_trial.user_attrs["epochs"],
    random_state=0,
    **settings,
)
models = {
    "tuned network": tuned,
    "default network": DeepLDLRegressor(random_state=0),
    "linear": BFGSLDLCV(),
    "mean distribution": DummyRegressor(),
}
for name, model in models.items():
    predicted = model.fit(X[:600], votes[:600]).predict(X[new])
    print(f"{name:<18}{kl_divergence(truth[new], predicted):7.3f}")

# %%
# Several processes can share a study that is kept in a database: ``storage=`` of
# ``optuna.create_study``. Threads, ``n_jobs=`` of ``optimize``, gain nothing here, because fits of
# networks wait for each other. An estimator without ``warm_start`` can report after every fold of a
# cross-validation instead of every few epochs.

# %%
# Not for this network: the error of the best trial is twice that of the default, which is an
# ensemble of sixteen that stops early by itself. A search is worth its time for a `module` of one's
# own, which has no settings that were found on other data.
