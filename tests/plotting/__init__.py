"""What tests ask of the artists of matplotlib."""

import numpy as np

NAMES = ["anger", "joy", "fear"]


def heights(bars):
    return np.array([bar.get_height() for bar in bars])


def tick_texts(ax):
    return [text.get_text() for text in ax.get_xticklabels()]


def legend_texts(legend):
    return [text.get_text() for text in legend.get_texts()]
