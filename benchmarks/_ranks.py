"""Average ranks over data sets of frames of losses, and the picture of their differences."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from sklearn_ldl.compare import ranks as tests
from sklearn_ldl.plotting.ranks import draw_ranks


def average_ranks(losses: pd.DataFrame) -> pd.Series:
    """Average over columns (data sets) of the ranks of the rows; 1 is the lowest loss."""
    return pd.Series(tests.average_ranks(losses.to_numpy()), losses.index).sort_values()


def draw(ranks: pd.Series, difference: float, path: Path, title: str) -> None:
    """Draw the critical-difference diagram."""
    import matplotlib

    matplotlib.use("Agg")
    # The same picture gives the same file, and text stays text.
    matplotlib.rcParams.update({"svg.hashsalt": "ranks", "svg.fonttype": "none"})
    ranks = ranks.sort_values()
    ax = draw_ranks(list(ranks.index), ranks.to_numpy(), difference, None)
    ax.set_title(title, fontsize=8)
    ax.figure.savefig(path, bbox_inches="tight", metadata={"Date": None})
    matplotlib.pyplot.close(ax.figure)
