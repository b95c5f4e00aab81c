"""
How funny a text is, by the votes of its readers
================================================

Readers disagree about texts, and the shares of their votes are soft labels. A text becomes a
sequence of integers, the positions of its words in a vocabulary, which a network looks up in an
embedding. Here the texts are artificial, so that their true distributions are known.
"""

# %%
# Texts and votes
# ---------------
# Some words are funny, some are dull, most say nothing; "not" in front of a word turns it around.
# Five readers vote for "dull", "so-so" or "funny".

import matplotlib.pyplot as plt
import numpy as np
import torch
from scipy.special import softmax
from torch import nn
from torch.utils.data import Dataset, Subset

from sklearn_ldl import BFGSLDL, DeepLDLRegressor
from sklearn_ldl.metrics import d2_kl_score

LABELS = ["dull", "so-so", "funny"]
FUNNY = {
    "penguin": 2.0,
    "banana": 1.5,
    "moustache": 1.0,
    "invoice": -1.5,
    "meeting": -2.0,
}
PLAIN = [
    "the",
    "a",
    "and",
    "with",
    "on",
    "in",
    "of",
    "my",
    "your",
    "his",
    "big",
    "old",
    "green",
]
WORDS = ["<pad>", "not", *FUNNY, *PLAIN]
POSITION = {word: position for position, word in enumerate(WORDS)}
rng = np.random.default_rng(0)


def make_text():
    """Draw a text, and how funny it is."""
    words, score = [], 0.0
    for _ in range(rng.integers(3, 9)):
        word = str(rng.choice(WORDS[2:], p=np.r_[[0.1] * 5, [0.5 / 13] * 13]))
        turned = word in FUNNY and rng.random() < 0.4
        words += ["not", word] if turned else [word]
        score += FUNNY.get(word, 0) * (-1 if turned else 1)
    return words, score


texts, score = zip(*(make_text() for _ in range(2000)), strict=True)
score = np.array(score)
truth = softmax(
    np.stack([-score, np.full(len(score), 0.5), score], axis=1), axis=1
)
votes = rng.multinomial(5, truth) / 5  # five readers a text
for text, share in zip(texts[:4], votes, strict=False):
    print(share, " ".join(text))

# %%
# Integers, padded to one length
# ------------------------------
# As an array of integers the texts go into the estimator as any other features. They stay integers
# for a module that takes no other numbers, as one that begins with an embedding does.


class TextNet(nn.Module):
    """Embedding, a look at pairs of words, and the mean over the text."""

    def __init__(self, n_labels, width=16):
        super().__init__()
        self.embedding = nn.Embedding(len(WORDS), width, padding_idx=0)
        self.pairs = nn.Conv1d(width, 2 * width, kernel_size=2)
        self.head = nn.Linear(2 * width, n_labels)

    def forward(self, tokens):
        """Map positions of words, with zeros behind a text, to logits."""
        words = self.embedding(tokens).transpose(1, 2)
        is_word = (tokens[:, 1:] > 0)[:, None]
        return self.head((self.pairs(words).relu() * is_word).sum(2) / 5)


ids = [np.array([POSITION[word] for word in text]) for text in texts]
tokens = np.zeros((len(ids), max(map(len, ids))), dtype=np.int64)
for row, text in zip(tokens, ids, strict=True):
    row[: len(text)] = text

settings = {
    "lr": 1e-2,
    "max_epochs": 20,
    "weight_decay": 1e-2,
    "random_state": 0,
}
train, test = np.arange(1500), np.arange(1500, 2000)
model = DeepLDLRegressor(TextNet, **settings).fit(tokens[train], votes[train])

counts = np.stack([np.bincount(text, minlength=len(WORDS)) for text in ids])
linear = BFGSLDL().fit(counts[train], votes[train])
scores = {
    "counts of words": d2_kl_score(truth[test], linear.predict(counts[test])),
    "TextNet": d2_kl_score(truth[test], model.predict(tokens[test])),
}
for name, value in scores.items():
    print(f"{name:<20}{value:.3f}")

# %%
# Counts of words cannot know which word "not" stands in front of.
#
# Texts of many lengths
# ---------------------
# Padding all texts to the longest one wastes time where lengths differ much. A torch ``Dataset``
# returns each as it is, and ``collate_fn`` pads a batch to its own longest. The attribute
# ``targets`` tells what the items do not; a tokenizer that returns several tensors, such as masks,
# hands them to the module by their names in a dictionary.


class Texts(Dataset):
    """Dictionaries of a text and its votes."""

    targets = votes

    def __len__(self):
        return len(ids)

    def __getitem__(self, index):
        return {"tokens": torch.from_numpy(ids[index]), "votes": votes[index]}


def pad(items):
    """Make a batch of items: inputs by name, and targets."""
    texts = [item["tokens"] for item in items]
    batch = nn.utils.rnn.pad_sequence(texts, batch_first=True)
    return {"tokens": batch}, np.stack([item["votes"] for item in items])


data = Texts()
lengths = DeepLDLRegressor(TextNet, collate_fn=pad, **settings)
lengths.fit(Subset(data, train.tolist()), votes[train])
P = lengths.predict(Subset(data, test.tolist()))
print(f"padded by the batch {d2_kl_score(truth[test], P):.3f}")

# %%
# New texts
# ---------

new = [
    "the penguin and the banana",
    "not the penguin",
    "not penguin",
    "my old invoice",
]
rows = np.zeros((len(new), tokens.shape[1]), dtype=np.int64)
for row, text in zip(rows, new, strict=True):
    row[: len(text.split())] = [POSITION[word] for word in text.split()]
fig, ax = plt.subplots(figsize=(7, 2.4), layout="constrained")
left = np.zeros(len(new))
for label, share in zip(LABELS, model.predict(rows).T, strict=True):
    ax.barh(new, share, left=left, label=label)
    left += share
ax.invert_yaxis()
ax.set(xlim=(0, 1), xlabel="Share of the readers")
ax.legend(ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1))
plt.show()
