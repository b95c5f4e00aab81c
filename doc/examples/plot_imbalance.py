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

import matplotlib.pyplot as plt
import numpy as np
from sklearn.dummy import DummyRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ldl import BFGSLDLCV, DeepLDLRegressor, LabelShiftCorrector, OFRRegressor
from sklearn_ldl.datasets import make_imbalanced_ldl, make_label_shift, make_ldl
from sklearn_ldl.metrics import head_euclidean, kl_divergence, tail_euclidean
from sklearn_ldl.plotting import LabelErrorDisplay

source, target = [0.6, 0.25, 0.1, 0.05], [0.05, 0.1, 0.25, 0.6]
X, D = make_label_shift(400, prior=source, random_state=0)
X_new, D_new = make_label_shift(1000, prior=target, random_state=1)


def compare(X, D, X_new, D_new):
    """Predictions for the new samples by name."""
    linear = make_pipeline(StandardScaler(), BFGSLDLCV())
    net = {"max_epochs": 60, "random_state": 0}
    models = {
        "uniform": DummyRegressor(strategy="constant", constant=[1 / D.shape[1]] * D.shape[1]),
        "training mean": DummyRegressor(),
        "linear": linear,
        "linear, uniform prior": LabelShiftCorrector(linear, target_prior="uniform"),
        "linear, estimated prior": LabelShiftCorrector(linear, random_state=0),
        "linear, true prior": LabelShiftCorrector(linear, target_prior=D_new.mean(axis=0)),
        "network": make_pipeline(StandardScaler(), DeepLDLRegressor(**net)),
        "network, adjusted logits": make_pipeline(
            StandardScaler(), DeepLDLRegressor(logit_adjustment=1, **net)
        ),
        "network, balanced loss": make_pipeline(StandardScaler(), OFRRegressor(**net)),
    }
    predicted = {}
    for name, model in models.items():
        seen = {"X_target": X_new} if "estimated" in name else {}
        predicted[name] = model.fit(X, D, **seen).predict(X_new)
    prior = models["linear, estimated prior"].target_prior_
    print(f"training prior  {D.mean(axis=0).round(2)}")
    print(f"target prior    {D_new.mean(axis=0).round(2)}")
    print(f"estimated       {prior.round(2)}")
    return predicted


predicted = compare(X, D, X_new, D_new)

# %%
# The errors of every label: predictions of the linear model are right on average in training, and
# here too high for the label that was frequent, too low for the one that was rare. Correction with
# the estimated prior, which uses features of the new samples but none of their labels, leaves
# little of this.

shown = ["linear", "linear, uniform prior", "linear, estimated prior", "network, balanced loss"]
figure, axes = plt.subplots(
    2, 4, figsize=(11, 5), sharex=True, sharey="row", layout="constrained", height_ratios=[1, 2]
)
for pair, name in zip(axes.T, shown, strict=True):
    LabelErrorDisplay.from_predictions(D_new, predicted[name], sort=False, ax=pair)
    pair[0].set_title(name)
    for ax in pair:
        ax.label_outer()
plt.show()

# %%
# In numbers, with the errors of labels that were frequent in training ("head") and of those that
# were rare ("tail"):


def table(D, D_new, predicted):
    """Divergence, and distances over head and tail of the training labels."""
    print(f"{'':<26}     KL   head   tail")
    for name, P in predicted.items():
        head, tail = (f(D_new, P, y_train=D) for f in (head_euclidean, tail_euclidean))
        print(f"{name:<26}{kl_divergence(D_new, P):7.3f}{head:7.3f}{tail:7.3f}")


table(D, D_new, predicted)
