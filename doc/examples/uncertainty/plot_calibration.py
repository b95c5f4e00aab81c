"""
Calibration, by a temperature or by a teacher
=============================================

A flexible learner with few rows is too sure of what it predicts, a heavily penalised one is not
sure enough. Dividing the logits by one number before the softmax, the temperature, cures both. The
order of the labels stays, and so does the accuracy.

- For class labels scikit-learn has ``CalibratedClassifierCV(method="temperature")``, since
  version 1.8.
- For distributions there is :class:`~sklearn_ldl.TemperatureCalibrator`.

A network can also be trained to know how sure it may be: On-LDL,
:class:`~sklearn_ldl.OnlineLDLClassifier`, needs no rows set aside.
"""

# %%
# Class labels
# ------------
# A classifier with hardly any penalty, trained on 200 rows of 40 features. Some of the other rows
# are set aside for the temperature. ``FrozenEstimator`` keeps the fitted classifier as it is; given
# the bare classifier, ``CalibratedClassifierCV`` would train clones on parts of the rows.

import matplotlib.pyplot as plt
import numpy as np
import sklearn
from scipy.special import softmax
from sklearn.calibration import CalibratedClassifierCV, CalibrationDisplay
from sklearn.datasets import load_digits, make_classification
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import train_test_split
from torch import nn

from sklearn_ldl import (
    BFGSLDL,
    DeepLDLClassifier,
    LDLClassifier,
    OnlineLDLClassifier,
    TemperatureCalibrator,
)
from sklearn_ldl.deep import PRESETS
from sklearn_ldl.metrics import expected_calibration_error, kl_divergence
from sklearn_ldl.plotting import ReliabilityDisplay

X, y = make_classification(
    4000, n_features=40, n_informative=8, n_classes=3, random_state=0
)
X_train, X_rest, y_train, y_rest = train_test_split(
    X, y, train_size=200, random_state=0
)
X_held, X_test, y_held, y_test = train_test_split(
    X_rest, y_rest, train_size=500, random_state=0
)

raw = LDLClassifier(BFGSLDL(alpha=1e-5)).fit(X_train, y_train)
models = {"raw": raw}
if tuple(map(int, sklearn.__version__.split(".")[:2])) >= (1, 8):
    scaled = CalibratedClassifierCV(FrozenEstimator(raw), method="temperature")
    models["temperature"] = scaled.fit(X_held, y_held)

# %%
# The reliability diagram of :class:`~sklearn_ldl.plotting.ReliabilityDisplay` compares the
# confidence in the predicted class with the accuracy, over all classes; scikit-learn's
# :class:`~sklearn.calibration.CalibrationDisplay` does so for the degree of one class. Before
# scaling, most predictions claim far more than they keep. A temperature brings the points to the
# diagonal. The accuracy of the two models is the same.

_, axes = plt.subplots(1, 2, figsize=(10, 5), layout="constrained")
for name, model in models.items():
    print(f"{name:<12} accuracy {model.score(X_test, y_test):.3f}")
    ReliabilityDisplay.from_estimator(
        model, X_test, y_test, name=name, ax=axes[0]
    )
    degree = model.predict_proba(X_test)[:, 0]
    CalibrationDisplay.from_predictions(
        y_test == 0,
        degree,
        n_bins=10,
        strategy="quantile",
        name=name,
        ax=axes[1],
    )
axes[0].set_title("Predicted class")
axes[1].set(title="Class 0", xlabel="Predicted degree of class 0")
axes[1].set_ylabel("Share of class 0")
plt.show()

# %%
# Distributions
# -------------
# Five votes per row make the targets. :class:`~sklearn_ldl.TemperatureCalibrator` finds its
# temperature on held-out rows of a cross-validation, then fits the learner to all rows. With as few
# as 100 rows, five folds would leave much less to train on and give too high a temperature: hence
# twenty.
# Any learner does. One without logits is scaled by the logarithms of what it predicts, as the
# forest here, which averages its trees and is not sure enough.

rng = np.random.default_rng(0)
X = rng.standard_normal((2000, 30))
truth = softmax(X[:, :6] @ rng.standard_normal((6, 5)), axis=1)
votes = rng.multinomial(5, truth) / 5
train, test = slice(100), slice(100, None)

learners = {
    "weak penalty": BFGSLDL(alpha=1e-3),
    "strong penalty": BFGSLDL(alpha=1.0),
    "forest": ExtraTreesRegressor(random_state=0),
}
print(f"{'':<16}temperature   KL raw   KL scaled")
calibrators = {}
for name, learner in learners.items():
    model = calibrators[name] = TemperatureCalibrator(learner, cv=20).fit(
        X[train], votes[train]
    )
    raw = kl_divergence(truth[test], model.estimator_.predict(X[test]))
    scaled = kl_divergence(truth[test], model.predict(X[test]))
    print(f"{name:<16}{model.temperature_:11.2f}{raw:9.3f}{scaled:12.3f}")

# %%
# How good is the temperature that 100 training rows give? The curves show the divergence from the
# truth on the test rows at any temperature, the points what was chosen.

_, ax = plt.subplots(figsize=(6.4, 4), layout="constrained")
temperatures = np.geomspace(0.2, 6, 40)
for name, model in calibrators.items():
    logits = model.decision_function(X[test]) * model.temperature_
    curve = [
        kl_divergence(truth[test], softmax(logits / T, axis=1))
        for T in temperatures
    ]
    (line,) = ax.plot(temperatures, curve, label=name)
    chosen = kl_divergence(truth[test], model.predict(X[test]))
    ax.plot(model.temperature_, chosen, "o", color=line.get_color())
ax.axvline(1, color="k", linestyle=":", label="not scaled")
ax.set_xscale("log")
ax.set_xticks([0.25, 0.5, 1, 2, 4], ["1/4", "1/2", "1", "2", "4"])
ax.minorticks_off()
ax.set(
    xlabel="Temperature", ylabel="KL divergence from the truth", ylim=(0, 1)
)
ax.legend()
plt.show()

# %%
# A teacher and mixed images
# --------------------------
# A network that is trained on 150 digits until it knows them by heart. Then it teaches another one
# of its kind: that one never sees a label, only what the teacher says of images that are put
# together from two (CutMix), and the teacher is not sure of those. Trained on the same images with
# mixed labels, without a teacher, a network is not sure enough.


def convnet(n_labels):
    """Two convolutions."""
    first = (
        nn.Conv2d(1, 16, 3, padding=1),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.MaxPool2d(2),
    )
    second = (
        nn.Conv2d(16, 32, 3, padding=1),
        nn.BatchNorm2d(32),
        nn.ReLU(),
        nn.Flatten(),
    )
    return nn.Sequential(*first, *second, nn.Linear(32 * 4 * 4, n_labels))


X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    X / 16 - 0.3, y, train_size=150, random_state=0
)
net = {
    **PRESETS["plain"],
    "optimizer": "sgd",
    "lr": 0.05,
    "batch_size": 64,
    "max_epochs": 120,
}
net |= {
    "weight_decay": 5e-4,
    "lr_schedule": "multistep",
    "input_shape": (1, 8, 8),
}

teacher = DeepLDLClassifier(convnet, random_state=0, **net).fit(
    X_train, y_train
)
student = OnlineLDLClassifier(
    FrozenEstimator(teacher),
    augment="cutmix",
    module=convnet,
    random_state=0,
    **net,
)
mixed = DeepLDLClassifier(convnet, augment="cutmix", random_state=0, **net)
networks = {
    "teacher": teacher,
    "On-LDL, CutMix": student.fit(X_train, y_train),
    "labels, CutMix": mixed.fit(X_train, y_train),
}

_, ax = plt.subplots(figsize=(8, 5), layout="constrained")
print(f"{'':<16}accuracy   calibration error")
for name, model in networks.items():
    P = model.predict_proba(X_test)
    error = expected_calibration_error(y_test, P)
    print(f"{name:<16}{model.score(X_test, y_test):8.3f}{error:20.3f}")
    ReliabilityDisplay.from_predictions(y_test, P, name=name, ax=ax)
ax.set_title("Digits")
ax.get_legend().set(loc="upper left", bbox_to_anchor=(1.02, 1))
plt.show()
