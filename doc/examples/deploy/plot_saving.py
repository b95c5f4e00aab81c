"""
=========================
Saving and loading models
=========================

A fitted model goes to a file, and another program loads it: a service, a
colleague, you in a year. :func:`sklearn_ldl.deploy.save` and
:func:`~sklearn_ldl.deploy.load` do that for every estimator, networks too,
alone and inside pipelines. Nothing that is in the file is run when it is
loaded. They need the extra ``save``: ``pip install "sklearn-ldl[save]"``.

All files of this example go to a temporary folder.
"""

# %%
# A pipeline
# ----------
# A scaler and a linear learner of distributions, fitted to the shares of
# twenty votes. The columns have names.

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sklearn_ldl import BFGSLDL, DeepLDLRegressor
from sklearn_ldl.datasets import make_ldl
from sklearn_ldl.deploy import describe, load, save

X, D = make_ldl(500, n_votes=20, random_state=0)
X = pd.DataFrame(X, columns=["price", "size", "age"])
D = pd.DataFrame(D, columns=["like", "neutral", "dislike"])
X_new = pd.DataFrame(make_ldl(200, random_state=1)[0], columns=X.columns)

folder = tempfile.TemporaryDirectory()
path = Path(folder.name)

linear = make_pipeline(StandardScaler(), BFGSLDL(alpha=1e-3)).fit(X, D)
save(linear, path / "linear.skops")

loaded = load(path / "linear.skops")
same = np.array_equal(loaded.predict(X_new), linear.predict(X_new))
print("same predictions:", same)

# %%
# Before it loads anything, a service can ask what it was given: which columns
# the model wants, what its labels are called, and which versions wrote the
# file.

for name, value in describe(path / "linear.skops").items():
    print(f"{name}: {value}")

# %%
# A network
# ---------
# It is saved in the same way. Its weights are in the file as `safetensors
# <https://huggingface.co/docs/safetensors>`_, which other programs read, and
# everything else as plain values. Predictions are the same to the last bit.

network = DeepLDLRegressor(hidden_layer_sizes=(50,), random_state=0)
deep = make_pipeline(StandardScaler(), network).fit(X, D)
save(deep, path / "network.skops")

loaded_deep = load(path / "network.skops")
same = np.array_equal(loaded_deep.predict(X_new), deep.predict(X_new))
print("same predictions:", same)

# %%
# A network predicts, and does not go on training from where it was: the
# optimiser is not in the file. To train further, on other data or with other
# settings, hand the module over. An instance is copied, weights included.

scaler, network = loaded_deep
module = network.net_.module_
further = DeepLDLRegressor(module, lr=1e-3, max_epochs=5, random_state=0)
Z = scaler.transform(X)
further.fit(Z, D)
print(f"D2 of KL on the training rows: {network.score(Z, D):.3f}")
print(f"after five more epochs:        {further.score(Z, D):.3f}")

# %%
# A module of your own is code, and stays out of the file: whoever loads the
# weights gives the class (or an instance, or a function that builds it). That
# goes for `further` as well, whose module is an instance.

save(further, path / "further.skops")
print(describe(path / "further.skops")["modules"])
try:
    load(path / "further.skops")
except TypeError as error:
    print(error)
again = load(path / "further.skops", module=module)
same = np.array_equal(again.predict(Z), further.predict(Z))
print("same predictions:", same)

# %%
# What is refused
# ---------------
# A file may hold classes of NumPy, SciPy, scikit-learn and of this package.
# Anything else has a name, and is loaded only if you say that you trust it.
# Trust what you expect; passing on whatever the file says would be no check.

fill = FunctionTransformer(np.nan_to_num)
other = make_pipeline(fill, BFGSLDL()).fit(X, D)
save(other, path / "other.skops")
try:
    load(path / "other.skops")
except TypeError as error:
    print(str(error).replace(folder.name, "..."))
loaded = load(path / "other.skops", trusted=["numpy.nan_to_num"])

# %%
# What is not found again by its name, such as a ``lambda``, cannot be written
# in the first place.

other.set_params(functiontransformer__func=lambda X: X.fillna(0))
try:
    save(other, path / "other.skops")
except TypeError as error:
    print(error)

# %%
# A file that was cut off or changed on its way says so.

whole = (path / "linear.skops").read_bytes()
(path / "linear.skops").write_bytes(whole[: len(whole) // 2])
try:
    load(path / "linear.skops")
except ValueError as error:
    print(str(error).replace(folder.name, "..."))

# %%
# Sizes
# -----
# skops describes every object in words, which is most of a small file, and
# little of that of a large network: its weights take four bytes each.

sizes = {}
for width in (10, 50, 250, 1000):
    model = DeepLDLRegressor(
        hidden_layer_sizes=(width, width), max_epochs=1, random_state=0
    )
    save(model.fit(X, D), path / "sized.skops")
    n_weights = sum(w.numel() for w in model.net_.module_.parameters())
    sizes[n_weights] = (path / "sized.skops").stat().st_size

n_weights, n_bytes = np.array(list(sizes.items())).T
fig, ax = plt.subplots(figsize=(5, 3), layout="constrained")
ax.loglog(n_weights, n_bytes / 1e3, "o-", label="the file")
ax.loglog(n_weights, 4 * n_weights / 1e3, "k:", label="four bytes each")
ax.set(xlabel="Weights of a network", ylabel="Size in kB")
ax.legend()
folder.cleanup()
plt.show()

# %%
# Pickle and joblib keep anything, too, and run what a file says while they
# load it: a file from a stranger is a program from a stranger. Keep them for what
# you wrote yourself and read soon, with the same versions. More:
# :ref:`guide-saving`.
