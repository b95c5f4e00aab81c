"""
====================================
From a table of votes to predictions
====================================

Annotation tools export one line per vote: which item, which worker, which label. This example goes
from such a table to a model that predicts how a crowd would vote on a new item.
"""

# %%
# Two tables
# ----------
# The data are made up: 800 clips with twelve features, and a crowd of 60 workers. Few clips are
# seen by many workers, most by a few. Since the data are artificial, the shares that endless voting
# would end in are known, in ``truth``. They are only used to judge the result.

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from scipy.special import softmax
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ldl import BFGSLDLCV, vote_table_to_distribution
from sklearn_ldl.metrics import d2_kl_score, kl_divergence
from sklearn_ldl.plotting import LabelDistributionDisplay

EMOTIONS = ["joy", "surprise", "fear", "anger", "none"]
N_CLIPS, N_FEATURES, N_WORKERS = 800, 12, 60
rng = np.random.default_rng(0)

clips = [f"clip{i:03d}" for i in range(N_CLIPS)]
features = pd.DataFrame(
    rng.standard_normal((N_CLIPS, N_FEATURES)), index=clips
).add_prefix("f")
logits = features.to_numpy() @ rng.normal(0, 0.4, (N_FEATURES, len(EMOTIONS)))
logits += rng.normal(0, 0.4, logits.shape)  # what the features do not tell
truth = pd.DataFrame(softmax(logits, axis=1), index=clips, columns=EMOTIONS)

n_seen = np.minimum(1 + rng.geometric(0.15, N_CLIPS), N_WORKERS)
votes = pd.DataFrame(
    [
        (clip, f"worker{worker:02d}", rng.choice(EMOTIONS, p=truth.loc[clip]))
        for clip, n in zip(clips, n_seen, strict=True)
        for worker in rng.choice(N_WORKERS, n, replace=False)
    ],
    columns=["clip", "worker", "emotion"],
).sample(frac=1, random_state=0, ignore_index=True)
print(votes.head())

# %%
# Distributions, and the features that belong to them
# ---------------------------------------------------
# :func:`~sklearn_ldl.vote_table_to_distribution` counts. ``label_names`` fixes the order of the
# columns, and keeps a label that nobody has voted for. The rows come in the order of
# ``table.items``, whatever the order of the votes: index the features by it. As a data frame the
# targets keep the names of the labels.

table = vote_table_to_distribution(
    votes["clip"], votes["emotion"], label_names=EMOTIONS
)
D = pd.DataFrame(table.D, index=table.items, columns=table.labels)
X = features.loc[table.items]
n_votes = votes["clip"].value_counts().loc[table.items]
print(D.assign(votes=n_votes).head().round(2))

# %%
# Fit, with weights
# -----------------
# The shares of two votes are worth less than those of twenty. Weighted by its number of votes,
# every *vote* counts the same, and the fit is the maximum likelihood of all votes. The mean of the
# voted distributions is the baseline. The majority, with the same weights, is what a classifier
# would learn from. 200 clips are for training, the others for the test.

split = train_test_split(X, D, n_votes, train_size=200, random_state=0)
X_train, X_test, D_train, D_test, n_train, n_test = split
majority = pd.DataFrame(
    np.eye(len(EMOTIONS))[D_train.to_numpy().argmax(axis=1)], columns=EMOTIONS
)

models = {
    "votes, weighted": (D_train, n_train),
    "votes, not weighted": (D_train, None),
    "majority, weighted": (majority, n_train),
}
predictions = {
    "mean of the votes": np.tile(
        np.average(D_train, 0, n_train), (len(X_test), 1)
    )
}
fitted = {}
for name, (targets, weight) in models.items():
    model = make_pipeline(StandardScaler(), BFGSLDLCV())
    fitted[name] = model.fit(X_train, targets, bfgsldlcv__sample_weight=weight)
    predictions[name] = model.predict(X_test)

# %%
# Score, with weights
# -------------------
# ``score`` is the D2 of KL: 0 for the mean of the scored rows, 1 for a model that foresees every
# vote. Nothing does. Even the truth stays far below, because the shares of a few votes scatter
# around it: its score is the ceiling to compare with. Weights keep the clips with two votes from
# deciding the score.

predictions["truth"] = truth.loc[X_test.index].to_numpy()
scores = pd.DataFrame(
    {
        "D2 on votes": {
            name: d2_kl_score(D_test, P, sample_weight=n_test)
            for name, P in predictions.items()
        },
        "KL from truth": {
            name: kl_divergence(predictions["truth"], P)
            for name, P in predictions.items()
        },
    }
)
print(scores.round(3))

best = fitted["votes, weighted"]
same = best.score(X_test, D_test, sample_weight=n_test)
print(f"score of the weighted pipeline: {same:.3f}")

# %%
# Weights helped a little here, votes instead of majorities a lot: a model of majorities is too sure
# of itself.
#
# Predicted and voted
# -------------------
# Six clips of the test set, from the fewest votes to the most. The fewer there are, the more the
# votes differ from the prediction, and the less that says about the prediction.

order = np.argsort(n_test.to_numpy(), kind="stable")
rows = order[np.linspace(0, len(order) - 1, 6).astype(int)]
display = LabelDistributionDisplay.from_estimator(
    best, X_test, D_test, rows=rows
)
for ax, row in zip(display.axes_, rows, strict=True):
    ax.set_title(f"{X_test.index[row]}: {n_test.iloc[row]} votes")
display.figure_.legends[0].get_texts()[0].set_text("voted")
plt.show()

# %%
# The same seen over all clips of the test set: the divergence between prediction and votes falls
# with the number of votes, while that between prediction and truth, which is what matters, does not
# depend on it.

P = predictions["votes, weighted"]
groups = pd.qcut(n_test, 5)
rows = pd.DataFrame(
    {
        "votes": kl_divergence(D_test, P, per_row=True),
        "truth": kl_divergence(predictions["truth"], P, per_row=True),
        "truth from votes": kl_divergence(
            D_test, predictions["truth"], per_row=True
        ),
    },
    index=n_test.index,
)
means = rows.groupby(groups, observed=True).mean()
centres = n_test.groupby(groups, observed=True).mean()
_, ax = plt.subplots(figsize=(6.4, 3.8), layout="constrained")
ax.plot(centres, means["votes"], "o-", label="prediction from votes")
ax.plot(centres, means["truth from votes"], "s--", label="truth from votes")
ax.plot(centres, means["truth"], "^-", label="prediction from truth")
ax.set(xlabel="Votes per clip", ylabel="Mean KL divergence (nats)")
ax.set_ylim(bottom=0)
ax.legend()
plt.show()
