"""
=========================
Saving and loading models
=========================

A fitted model can be kept in several ways. They differ in what the reader of the file has to trust
and to install.

- ``pickle`` and ``joblib`` keep any estimator, and run code when they load: open only files that
  you made yourself, with the same versions of Python, scikit-learn and this package.
- `skops <https://skops.readthedocs.io>`_ keeps estimators without running code. It lists the types
  in a file and loads those you trust.
- `safetensors <https://huggingface.co/docs/safetensors>`_ keeps the weights of a network, nothing
  else: numbers, names and shapes.

All files of this example go to a temporary folder.
"""

# %%
# A linear pipeline with skops
# ----------------------------
# The model is a scaler and a linear learner of distributions, fitted to shares of twenty votes.

import json
import pickle
import tempfile
from pathlib import Path

import joblib
import matplotlib.pyplot as plt
import numpy as np
import skops.io
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ldl import BFGSLDL, DeepLDLRegressor
from sklearn_ldl.datasets import make_ldl

X, D = make_ldl(500, n_votes=20, random_state=0)
X_new, _ = make_ldl(200, random_state=1)

folder = tempfile.TemporaryDirectory()
path = Path(folder.name)

linear = make_pipeline(StandardScaler(), BFGSLDL(alpha=1e-3)).fit(X, D)
skops.io.dump(linear, path / "linear.skops")

# %%
# The reader first asks what is in the file. skops trusts NumPy and scikit-learn; everything else is
# for the reader to judge. Here that is one class.

unknown = skops.io.get_untrusted_types(file=path / "linear.skops")
print(unknown)

# %%
# Without consent nothing is loaded. Name the types that you expect instead of passing on whatever
# the file says: then a file that was tampered with is refused.

try:
    skops.io.load(path / "linear.skops")
except skops.io.exceptions.UntrustedTypesFoundException as error:
    print(f"{type(error).__name__}: {error}")

trusted = ["sklearn_ldl.linear.maxent.BFGSLDL"]
loaded = skops.io.load(path / "linear.skops", trusted=trusted)
print(
    "same predictions:",
    np.array_equal(loaded.predict(X_new), linear.predict(X_new)),
)

# %%
# A network with safetensors
# --------------------------
# A deep estimator is fitted behind a scaler. The weights are those of its module,
# ``net_.module_``, an ordinary PyTorch module. A file of tensors does not know how they were
# trained, nor the parameters of the estimator; a few strings of metadata can say so.

deep = make_pipeline(
    StandardScaler(),
    DeepLDLRegressor(hidden_layer_sizes=(50,), random_state=0),
)
deep.fit(X, D)
scaler, network = deep[:-1], deep[-1]

weights = network.net_.module_.state_dict()
about = {"hidden_layer_sizes": [50], "n_features": 3, "n_labels": 3}
save_file(
    weights,
    path / "network.safetensors",
    metadata={"network": json.dumps(about)},
)
skops.io.dump(scaler, path / "scaler.skops")

# %%
# To load them, make an estimator with the same architecture. With ``max_epochs=0`` its `fit` only
# initialises: it takes the number of features and labels from the data it is given, of which one
# made-up row is enough, and builds the network. Then the weights go in.

with safe_open(path / "network.safetensors", framework="pt") as file:
    about = json.loads(file.metadata()["network"])
print(about)

fresh = DeepLDLRegressor(
    hidden_layer_sizes=about["hidden_layer_sizes"], max_epochs=0
)
n_labels = about["n_labels"]
fresh.fit(
    np.zeros((1, about["n_features"])), np.full((1, n_labels), 1 / n_labels)
)
fresh.net_.module_.load_state_dict(load_file(path / "network.safetensors"))

# The scaler has types of scikit-learn only, which skops trusts by itself.
restored = make_pipeline(skops.io.load(path / "scaler.skops"), fresh)
print(
    "same predictions:",
    np.array_equal(restored.predict(X_new), deep.predict(X_new)),
)

# %%
# Such an estimator predicts. It does not go on training from there: `fit` builds a new network. To
# train further, on other data or with other settings, hand the module over. An instance is copied,
# weights included.

further = DeepLDLRegressor(
    fresh.net_.module_, lr=1e-3, max_epochs=5, random_state=0
)
further.fit(scaler.transform(X), D)
print(
    f"D2 of KL on the training rows: {network.score(scaler.transform(X), D):.3f}"
)
print(
    f"after five more epochs:        {further.score(scaler.transform(X), D):.3f}"
)

# %%
# Pickle and joblib
# -----------------
# Both keep everything, deep estimators and pipelines of any kind. They load what they find, so a
# file from a stranger is a program from a stranger. What has to be found again by its name is not
# in the file: a `loss`, `module` or `distributor` of your own must be importable, and a ``lambda``
# cannot be kept at all. Versions should be the same; scikit-learn warns where its own differs.

joblib.dump(linear, path / "linear.joblib")
joblib.dump(deep, path / "network.joblib")
(path / "linear.pickle").write_bytes(pickle.dumps(linear))
(path / "network.pickle").write_bytes(pickle.dumps(deep))

for name, model in {"linear": linear, "network": deep}.items():
    again = joblib.load(path / f"{name}.joblib")
    print(
        f"{name}: same predictions",
        np.array_equal(again.predict(X_new), model.predict(X_new)),
    )

# A model with a loss of its own, as a script would write it.
own = clone(network).set_params(
    loss=lambda Z, D: (Z.softmax(1) - D).abs().sum(1), max_epochs=1
)
try:
    pickle.dumps(own.fit(X, D))
except (AttributeError, pickle.PicklingError) as error:
    print("not kept:", type(error).__name__)

# %%
# The files side by side. All are small. skops describes every object in words, which is most of its
# files here and would be little of those of a large model. What a pickled network has beside its
# weights are its history and the parameters of the estimator. Predictions are the same before and
# after.

sizes = {
    file.name: file.stat().st_size / 1024 for file in sorted(path.iterdir())
}
_, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
bars = axes[0].barh(list(sizes), list(sizes.values()))
axes[0].bar_label(bars, fmt="%.1f", padding=3)
axes[0].set(xlabel="Size in kB", xlim=(0, 1.15 * max(sizes.values())))
axes[0].set_title("Files")
for marker, (name, before, after) in zip(
    "ox",
    [
        ("linear, skops", linear, loaded),
        ("network, safetensors", deep, restored),
    ],
    strict=True,
):
    axes[1].plot(
        before.predict(X_new).ravel(),
        after.predict(X_new).ravel(),
        marker,
        label=name,
        alpha=0.5,
    )
axes[1].plot([0, 1], [0, 1], "k:", zorder=0)
axes[1].set(
    xlabel="Degree before saving",
    ylabel="Degree after loading",
    xlim=(0, 1),
    ylim=(0, 1),
)
axes[1].set_title("Predictions")
axes[1].legend()
plt.show()
folder.cleanup()
