"""
==========================
An imbalanced training set
==========================

Some labels are rare in training and frequent where the model is used. What does this do to each
label, and what helps? Compared are a linear model as it is, the same with its predictions corrected
for another label prior by :class:`~sklearn_ldl.LabelShiftCorrector`, networks that are re-balanced
in the loss, and two constants: the uniform distribution and the mean of the training distributions.

There are two experiments, since two things go by the name of imbalance. In the first one classes
are drawn with other frequencies; this is label shift, for which the correction was made. In the
second one training rows are selected by their degrees, as benchmarks of imbalanced label
distribution learning do.
"""

# %%
# Label shift
# -----------
# In training the first of four labels has 60 % of the mass and the last one 5 %. Afterwards it is
# the other way round. Samples of one label look the same in both.

import textwrap
import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.dummy import DummyRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ldl import (
    BFGSLDLCV,
    DeepLDLRegressor,
    LabelShiftCorrector,
    OFRRegressor,
)
from sklearn_ldl.datasets import (
    make_imbalanced_ldl,
    make_label_shift,
    make_ldl,
)
from sklearn_ldl.deep import PRESETS
from sklearn_ldl.metrics import kl_divergence
from sklearn_ldl.plotting import LabelErrorDisplay

source, target = [0.6, 0.25, 0.1, 0.05], [0.05, 0.1, 0.25, 0.6]
X, D = make_label_shift(400, prior=source, random_state=0)
X_new, D_new = make_label_shift(1000, prior=target, random_state=1)


def compare(X, D, X_new, D_new):
    """Predictions for the new samples by name."""
    linear = make_pipeline(StandardScaler(), BFGSLDLCV())
    net = {**PRESETS["plain"], "random_state": 0}
    models = {
        "uniform": DummyRegressor(
            strategy="constant", constant=[1 / D.shape[1]] * D.shape[1]
        ),
        "training mean": DummyRegressor(),
        "linear": linear,
        "linear, uniform prior": LabelShiftCorrector(
            linear, target_prior="uniform"
        ),
        "linear, black-box estimate": LabelShiftCorrector(
            linear, method="bbse"
        ),
        "linear, default correction": LabelShiftCorrector(linear),
        "linear, true prior": LabelShiftCorrector(
            linear, target_prior=D_new.mean(axis=0)
        ),
        "network": make_pipeline(StandardScaler(), DeepLDLRegressor(**net)),
        "network, adjusted logits": make_pipeline(
            StandardScaler(), DeepLDLRegressor(logit_adjustment=1, **net)
        ),
        "network, balanced loss": make_pipeline(
            StandardScaler(), OFRRegressor(max_epochs=60, random_state=0)
        ),
    }
    predicted = {}
    for name, model in models.items():
        corrects = isinstance(model, LabelShiftCorrector)
        seen = {"X_target": X_new} if corrects else {}
        with warnings.catch_warnings(record=True) as caught:
            predicted[name] = model.fit(X, D, **seen).predict(X_new)
        for warning in caught:
            print(textwrap.fill(f"{name}: {warning.message}", 79), end="\n\n")
    default = models["linear, default correction"]
    print(f"training prior  {D.mean(axis=0).round(2)}")
    print(f"target prior    {D_new.mean(axis=0).round(2)}")
    black_box = models["linear, black-box estimate"].target_prior_
    print(f"black box       {black_box.round(2)}")
    print(f"default         {default.target_prior_.round(2)}", end=", ")
    print(f"by {default.method_}")
    return predicted


predicted = compare(X, D, X_new, D_new)

# %%
# The errors of every label: predictions of the linear model are too high for the label that was
# frequent, and too low for the one that was rare. The uniform prior goes most of the way. The
# estimated one, which takes the features of the new samples but none of their labels, leaves little
# to correct. Balanced in the loss, predictions become flatter, whatever the target.

shown = [
    "linear",
    "linear, uniform prior",
    "linear, default correction",
    "network, balanced loss",
]
_, axes = plt.subplots(
    2,
    4,
    figsize=(11, 4.5),
    sharex=True,
    sharey="row",
    layout="constrained",
    height_ratios=[1, 2],
)
for (degrees, errors), name in zip(axes.T, shown, strict=True):
    LabelErrorDisplay.from_predictions(
        D_new, predicted[name], sort=False, ax=[degrees, errors]
    )
    degrees.set_title(name.replace(", ", ",\n"))
for ax in axes[:, 1:].flat:
    ax.set_ylabel("")
plt.show()

# %%
# In numbers, with the mean absolute error of every label:


def print_errors(D_new, predicted):
    """Print divergences, and mean absolute errors by label."""
    print(f"{'':<26}     KL   errors by label")
    for name, P in predicted.items():
        errors = "".join(
            f"{error:7.3f}" for error in np.abs(P - D_new).mean(axis=0)
        )
        print(f"{name:<26}{kl_divergence(D_new, P):7.3f}{errors}")


print_errors(D_new, predicted)

# %%
# Rows selected by their degrees
# ------------------------------
# Now ten votes on every sample of Geng's artificial data are the targets, and training keeps those
# samples of which the third label had few votes and the first one many. That is no label shift: of
# samples with the third label, those that also have much of the first are kept, and so samples of
# one label do not look the same any more.

X, D = make_imbalanced_ldl(
    *make_ldl(3000, n_votes=10, random_state=0),
    head=2,
    tail=0,
    head_max=0.8,
    tail_min=1.1,
)
X_new, D_new = make_ldl(1000, random_state=1)
predicted = compare(X, D, X_new, D_new)
print_errors(D_new, predicted)

# %%
# The black-box estimate is far off, and the predictions made with it are much worse than without
# any correction: something has changed, as the test says, but no other prior explains it. It all
# but rules out a label, which gives a warning. The default sees that labels do not explain the
# change, warns of that, and asks what each correction does where training rows are selected by
# their degrees: there, the black-box estimate fails, too. The uniform prior does better than even
# the true one. It is a bet that wins here, because the new labels happen to be about equally
# frequent; the constant that predicts just this is better, too, than the model that was not
# corrected.

names = [
    "uniform",
    "linear",
    "linear, uniform prior",
    "network, adjusted logits",
]
_, ax = plt.subplots(figsize=(8, 3.8), layout="constrained")
width = 0.8 / len(names)
for k, name in enumerate(names):
    error = np.abs(predicted[name] - D_new).mean(axis=0)
    ax.bar(
        np.arange(3) + (k - (len(names) - 1) / 2) * width,
        error,
        width,
        label=name,
    )
ax.set_xticks(
    range(3),
    ["label 0\n(selected: high)", "label 1", "label 2\n(selected: low)"],
)
ax.set(ylabel="Mean absolute error")
ax.legend()
plt.show()

# %%
# So before a correction is used, ask why labels are rarer in training. If the prior of the target
# is known, give it. If an estimate is all there is, a few labelled samples of the target are
# worth having: they tell which of these two cases yours is. The :ref:`guide <guide-imbalance>` says
# more, and :doc:`the results </results/imbalanced>` are of real data.
