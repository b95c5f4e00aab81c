"""The gallery: its sections, the order of its pages, and what its figures share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib import cycler

from sklearn_ldl.plotting.figures import PALETTE

# In the order in which a newcomer needs them. A page that is not named comes last in its section.
SECTIONS = {
    "start": ["votes", "drop_in", "ages", "ratings"],
    "tuning": ["grid_search", "optuna"],
    "uncertainty": ["conformal_ages", "calibration", "kernel_density"],
    "images": ["convnet", "finetune", "text", "segmentation", "head_pose", "landmarks"],
    "shift": ["label_shift", "imbalance"],
    "deploy": ["explain", "saving", "drift_monitor"],
    "published": [
        "surface",
        "enhancement",
        "multilabel",
        "mixtures",
        "aux_graph",
        "facial_expression",
    ],
}
_PLACE = {
    f"plot_{page}.py": place for pages in SECTIONS.values() for place, page in enumerate(pages)
}

# Figures of gallery, guide and results have the colours of the displays: C0, C1, ... in examples.
RC = {"axes.prop_cycle": cycler(color=PALETTE)}


class Order:
    """Sorting key of Sphinx-Gallery for the pages of one section."""

    def __init__(self, src_dir: str | Path):
        self.src_dir = src_dir

    def __call__(self, filename: str | Path) -> tuple[int, str]:
        """Return the place in the section."""
        name = Path(filename).name
        return _PLACE.get(name, len(_PLACE)), name


def reset(gallery_conf: dict[str, Any], fname: str) -> None:
    """Set the colours before every example, after matplotlib's own defaults."""
    mpl.rcParams.update(RC)
