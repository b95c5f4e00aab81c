"""The picture of the first page: from the votes on an item to a prediction and a set of labels.

``python doc/_ext/glance.py`` draws it anew in ``doc/_static``: for light and for dark pages, for
wide and for narrow ones.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from sklearn.model_selection import train_test_split
from skrub import tabular_pipeline

from sklearn_ldl import ConformalLDL, SmoothBFGSLDL
from sklearn_ldl.datasets import load_table, make_reviews
from sklearn_ldl.plotting import LabelDistributionDisplay
from sklearn_ldl.plotting.figures import BLUE, GREY, ORANGE

STATIC = Path(__file__).parents[1] / "_static"
STARS = [f"{star}★" for star in range(1, 6)]
ROW = 474  # of those held out: 17 votes, whose winner has seven


def example() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return votes on items, and what a model predicts that has not seen them."""
    columns = [f"stars_{star}" for star in range(1, 6)]
    with TemporaryDirectory() as folder:
        path = Path(folder) / "reviews.csv"
        make_reviews(random_state=0).to_csv(path)
        table = load_table(path, vote_columns=columns, drop_unlabelled=True)
    X, X_test, D, D_test, _, n_votes = train_test_split(
        table.data, table.target, table.sample_weight, random_state=0
    )
    model = ConformalLDL(tabular_pipeline(SmoothBFGSLDL()), method="ordinal", alpha=0.1)
    model.fit(X, D)
    votes = (D_test.to_numpy() * np.asarray(n_votes)[:, None]).round().astype(int)
    return votes, model.predict(X_test), model.predict_set(X_test)


def draw(axes: list[Axes], votes: np.ndarray, predicted: np.ndarray, in_set: np.ndarray) -> None:
    """Draw three panels: the votes on an item, its prediction, its set of labels."""
    dots, bars, chosen = axes
    for star, count in enumerate(votes):
        dots.scatter([star] * count, np.arange(count) + 0.5, s=70, color=BLUE)
    dots.set(ylim=(0, votes.max() + 0.5), xlim=(-0.6, 4.6), yticks=[])
    LabelDistributionDisplay.from_predictions(
        [votes / votes.sum()], [predicted], rows=[0], labels=STARS, ax=bars
    )
    colors = [ORANGE if inside else GREY for inside in in_set]
    chosen.bar(range(5), predicted, color=colors)
    total = int(votes.sum())
    held = int(votes[in_set].sum())
    names = ", ".join(np.array(STARS)[in_set])
    _title(dots, f"{total} people rate an item", "a class label would keep 4★ alone")
    _title(bars, "the model predicts their shares", "from the features, before anyone votes")
    _title(chosen, f"and a set: {names}", f"to hold 9 of 10 votes; here {held} of {total}")
    for ax in axes:
        ax.set_xticks(range(5), STARS)
        ax.spines[["top", "right", "left"]].set_visible(False)
        ax.tick_params(length=0)
    for ax in (bars, chosen):
        ax.set(ylim=(0, 0.48), yticks=[], ylabel="")
    bars.get_legend().set_frame_on(False)


def _title(ax: Axes, title: str, remark: str) -> None:
    ax.set_title(f"{title}\n", fontweight="bold", fontsize=11)
    ax.text(0.5, 1.03, remark, transform=ax.transAxes, ha="center", fontsize=9)


def save(folder: Path) -> None:
    """Write the pictures."""
    item = [values[ROW] for values in example()]
    for style, mode in (("default", ""), ("dark_background", "_dark")):
        for (rows, columns, size), form in (((1, 3, (9, 2.9)), ""), ((3, 1, (3.6, 8.4)), "_tall")):
            name = f"glance{form}{mode}"
            with plt.style.context(style), plt.rc_context({"svg.hashsalt": name}):
                fig, axes = plt.subplots(rows, columns, figsize=size, layout="constrained")
                fig.get_layout_engine().set(hspace=0.08)
                draw(list(axes), *item)
                fig.savefig(folder / f"{name}.svg", transparent=True, metadata={"Date": None})
                plt.close(fig)


if __name__ == "__main__":
    save(STATIC)
