"""Imbalanced training sets: linear and deep learners, corrected for the shift of their labels.

Usage: ``SKLEARN_LDL_DATA=... python benchmarks/bench_imbalanced.py [--protocol imbalanced|iid|both]
[--data NAME ...] [--quick] [--n-jobs N] [--out FILE] [--raw FILE]``.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from _common import SIMILARITIES, SIX, Table, machine
from _imbalanced import (
    AUTOMATIC,
    EUCLIDEAN,
    FILES,
    FORMS,
    KL,
    MEAN,
    NEIGHBOURS,
    NONE,
    ORACLE,
    PLANS,
    QUICK,
    SINGLE_FITS,
    TRUE_PRIOR,
    UNIFORM,
    run,
)
from scipy.stats import wilcoxon

INTRODUCTION = """\
# Imbalanced training sets

Made by `{command}`.

Training rows are selected by their labels, test rows are not, so that a label that is frequent in
training is rare in the test and the other way round. Compared are linear learners and networks,
each without a correction of its predictions for that shift and with these (`LabelShiftCorrector`,
after one cross-fit in five folds of the training rows):

- *uniform prior*: the labels of the test are taken to be equally frequent (logit adjustment);
- *estimated*: their frequencies are estimated by black-box shift estimation;
- *automatic*: the same, if a test at 1 % finds a shift;
- *EM*: estimated by expectation maximisation on calibrated predictions;
- *true prior*: the mean of the test fold, which nobody knows; it bounds what estimation can gain.

Estimates are **transductive**: they use the features of the test fold, never its labels. Methods
that predict row by row, the published ones among them, do without.

`BFGSLDLCV` chooses its penalty in five shuffled folds of the training rows; "alpha 1" has a fixed
one. Scalers are fitted to training rows. Networks have one hidden layer of 100 units and the recipe
of `PRESETS["imbalanced"]`, which stops early on rows set aside from training; "all epochs" trains
on all rows to the last epoch. Features are standardised; "min-max" and "all epochs" scale them to
[0, 1], as the published experiments do: to the last epoch, networks overfit standardised features
of a hundred rows. "Adjusted in the loss" is
`DeepLDLRegressor(logit_adjustment=1)`. It, OFR-DB, RDA and the re-balanced DILDL are corrected
already: a prior on top of them is one correction too many, and shown for completeness. Without
the cross-fit that an estimate needs, to save time: {single_fits}.
"""
IMBALANCED = """\
## The imbalanced protocol

`ImbalancedKFold(**IMBALANCED_PROTOCOLS[name])`, {n_folds} folds, 97 to 170 training rows in each.
Figures are means ± deviations over the folds; a star marks the best of a column among the rows that
know nothing of the test labels. Tail and head are Euclidean distances over the labels that are rare
and frequent in training (more than ten times the mass of the rarest), in folds that have both; a
number of folds in parentheses says how many those are where some have not. "Better" counts the six
measures up to intersection whose mean is better than that of the uniform constant. The last two
columns are Wilcoxon's signed-rank tests of the KL per fold, and say whether its median difference
is lower or higher: folds share training rows, so p-values are too small, and with ten folds none
is below 0.002. Those of a row that was picked for being the best are smaller still.

Published figures are means over ten splits, from the paper on DILDL (Gao et al., IJCAI 2025). Only
those on Movie and Natural_Scene are comparable: on emotion6 and SCUT_FBP the published features are
others, 128 principal components of a deep network. All published work scales features on all rows,
those of the test included.
"""
IID = """\
## What a correction costs where nothing has shifted

Ordinary folds: of `KFold(10, shuffle=True, random_state=0)` the first {n_folds} for linear learners
and the first {n_deep_folds} for networks, so rows of the two kinds do not compare. To bound the
time, some learners are left out, at most {max_rows} rows, drawn at random, are trained on, and
networks for {max_epochs} epochs, which is about as many steps as above. KL divergence, and in
parentheses its change against no correction. "Found" says in how many folds the automatic form
finds a shift, of which there is none.
"""
#: Chebyshev and KL as printed by Gao et al., IJCAI 2025; means over ten splits.
PUBLISHED = {
    "Movie": {"RDA": (0.1962, 0.2491), "DILDL": (0.1752, 0.2211)},
    "SCUT_FBP": {"RDA": (0.2849, 0.4313), "DILDL": (0.2684, 0.4131)},
    "emotion6": {"RDA": (0.3598, 0.7677), "DILDL": (0.3485, 0.7393)},
    "Natural_Scene": {"RDA": (0.3768, 1.1188), "DILDL": (0.3624, 1.0734)},
}


class Report:
    """Prints lines as they come, and keeps them."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, *lines: str) -> None:
        """Print lines."""
        print(*lines, sep="\n", flush=True)
        self.lines += lines

    def table(self, rows: list[dict[str, Any]], *columns: str) -> None:
        """Print a table of texts and an empty line."""
        table = Table(**dict.fromkeys(columns, ""))
        for row in rows:
            table.row(**row)
        self.lines += table.lines
        self.say("")


BASELINES = (UNIFORM, MEAN, ORACLE, NEIGHBOURS)


def is_fair(learner: str, correction: str) -> bool:
    """Whether a row knows nothing of the labels of the test."""
    return learner != ORACLE and correction != TRUE_PRIOR


def best_rows(scores: dict[tuple[str, str], pd.DataFrame]) -> dict[str, tuple[str, str]]:
    """Measure -> the best fair row."""
    fair = [row for row in scores if is_fair(*row)]
    best = {}
    for name in (*SIX, *EUCLIDEAN):
        sign = -1 if name in SIMILARITIES else 1
        means = {row: sign * scores[row][name].mean() for row in fair}
        means = {row: mean for row, mean in means.items() if not np.isnan(mean)}
        if means:
            best[name] = min(means, key=means.__getitem__)
    return best


def spread(values: pd.Series, star: bool) -> str | None:
    """Mean ± deviation over the folds that have a value, and their number if some have not."""
    known = values.dropna()
    if known.empty:
        return None
    count = f" ({len(known)})" if len(known) < len(values) else ""
    return f"{known.mean():.4f} ± {known.std(ddof=0):.4f}{count}" + "*" * star


def compared(values: pd.Series, reference: pd.Series) -> str | None:
    """Test a difference between folds; return the p-value and its direction."""
    difference = values - reference
    if not difference.any():
        return None
    direction = "lower" if difference.median() < 0 else "higher"
    return f"{wilcoxon(difference).pvalue:.3f} {direction}"


def n_better(scores: pd.DataFrame, reference: pd.DataFrame) -> int:
    """Count those of the six measures that are better on average."""
    gain = reference[list(SIX)].mean() - scores[list(SIX)].mean()
    gain[SIMILARITIES] *= -1
    return int((gain > 0).sum())


def by_row(frame: pd.DataFrame) -> dict[tuple[str, str], pd.DataFrame]:
    """(learner, correction) -> measures by fold, in the order in which they were computed."""
    groups = frame.groupby(["learner", "correction"], sort=False)
    return {row: group.set_index("fold") for row, group in groups}


def findings(name: str, scores: dict[tuple[str, str], pd.DataFrame]) -> list[str]:
    """Say in words what the tables of a data set show."""
    uniform, oracle = scores[UNIFORM, NONE], scores[ORACLE, NONE]
    below = []
    for form in (NONE, *FORMS):
        kls = [
            scores[row][KL].mean() for row in scores if row[1] == form and row[0] not in BASELINES
        ]
        below.append(f"{sum(kl < uniform[KL].mean() for kl in kls)} of {len(kls)} ({form})")
    row = best_rows(scores)[KL]
    best, default = scores[row], scores["BFGSLDLCV", AUTOMATIC]
    beaten = [
        method
        for method, (chebyshev, kl) in PUBLISHED[name].items()
        if best["chebyshev"].mean() < chebyshev and best[KL].mean() < kl
    ]
    found = pd.concat([scores[row]["shift_found"] for row in scores if row[1] == AUTOMATIC])
    return [
        f"- KL of the uniform constant {uniform[KL].mean():.4f}, of the mean of the test fold "
        f"{oracle[KL].mean():.4f}.",
        f"- Learners with a lower KL than the uniform constant: {', '.join(below)}.",
        f"- Lowest KL without the labels of the test: {row[0]}, correction {row[1]}, "
        f"{best[KL].mean():.4f}; it is better than the uniform constant in "
        f"{n_better(best, uniform)} of six measures, and than the mean of the test fold in "
        f"{n_better(best, oracle)}. Published figures that it beats in both measures: "
        f"{', '.join(beaten) or 'none'}.",
        f"- Chosen without a look at the results, BFGSLDLCV with the automatic correction has a KL "
        f"of {default[KL].mean():.4f} and is better than the uniform constant in "
        f"{n_better(default, uniform)} of six measures.",
        f"- The automatic form finds the shift in {found.mean():.0%} of its fits.",
        "",
    ]


def report_imbalanced(report: Report, name: str, frame: pd.DataFrame) -> None:
    """Write findings, the KL of learners by corrections, and all measures."""
    scores = by_row(frame)
    best = best_rows(scores)
    report.say(f"### {name}", "", *findings(name, scores))

    overview: dict[str, dict[str, str]] = {}
    details = []
    for row, values in scores.items():
        learner, correction = row
        cell = f"{values[KL].mean():.4f}" + "*" * (best[KL] == row)
        overview.setdefault(learner, {"KL": learner})[correction] = cell
        details.append(
            {
                "learner": learner,
                "correction": correction,
                **{m: spread(values[m], best.get(m) == row) for m in (*SIX, *EUCLIDEAN)},
                "better": n_better(values, scores[UNIFORM, NONE]),
                "p, uniform constant": compared(values[KL], scores[UNIFORM, NONE][KL]),
                "p, no correction": compared(values[KL], scores[learner, NONE][KL]),
            }
        )
    for method, (chebyshev, kl) in PUBLISHED[name].items():
        learner = f"{method}, published"
        overview[learner] = {"KL": learner, NONE: f"{kl:.4f}"}
        figures = {"chebyshev": f"{chebyshev:.4f}", KL: f"{kl:.4f}"}
        details.append({"learner": learner, "correction": "", **figures})
    report.table(list(overview.values()), "KL", NONE, *FORMS)
    report.table(details, *details[0])


def report_iid(report: Report, names: list[str], frame: pd.DataFrame) -> None:
    """Write the KL by corrections, and its change."""
    rows = []
    changes: dict[str, dict[str, float]] = {form: {} for form in FORMS}
    for name in names:
        overview: dict[str, dict[str, str]] = {}
        scores = by_row(frame[frame["data"] == name])
        for (learner, form), values in scores.items():
            row = overview.setdefault(learner, {"data": name, "learner": learner})
            kl, plain = values[KL].mean(), scores[learner, NONE][KL].mean()
            row[form] = f"{kl:.4f}"
            if form != NONE:
                changes[form][f"{learner} on {name}"] = kl / plain - 1
                row[form] += f" ({kl / plain - 1:+.1%})"
            if form == AUTOMATIC:
                row["found"] = f"{values['shift_found'].sum():.0f}/{len(values)}"
        rows += overview.values()
    report.table(rows, "data", "learner", NONE, *FORMS, "found")
    for form, change in changes.items():
        worst = max(change, key=change.__getitem__)
        report.say(
            f"- {form}: the KL changes by {np.mean(list(change.values())):+.1%} on average over "
            f"learners and sets, by {change[worst]:+.1%} at worst ({worst})."
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--protocol", choices=[*PLANS, "both"], default="both")
    parser.add_argument("--data", nargs="+", choices=FILES, default=FILES)
    parser.add_argument("--quick", action="store_true", help="two files and folds, few epochs")
    parser.add_argument("--n-jobs", type=int, default=2, help="folds and learners side by side")
    parser.add_argument("--out", type=Path, help="also write the report to this file")
    parser.add_argument("--raw", type=Path, help="CSV file of all values, to resume a run from")
    options = parser.parse_args()
    protocols = list(PLANS) if options.protocol == "both" else [options.protocol]
    names = options.data[:2] if options.quick else options.data

    command = "OMP_NUM_THREADS=1 python benchmarks/bench_imbalanced.py"
    command += f" --protocol {options.protocol}" if options.protocol != "both" else ""
    command += f" --data {' '.join(options.data)}" if options.data != FILES else ""
    command += " --quick" if options.quick else ""
    command += f" --out {options.out}" if options.out else ""
    report = Report()
    report.say(
        INTRODUCTION.format(command=command, single_fits="; ".join(SINGLE_FITS)),
        f"{machine()}, torch {torch.__version__}",
        "",
    )
    for protocol in protocols:
        plan = (QUICK if options.quick else PLANS)[protocol]
        frame = run(protocol, plan, names, n_jobs=options.n_jobs, raw=options.raw)
        if protocol == "imbalanced":
            report.say(IMBALANCED.format(**plan._asdict()))
            for name in names:
                report_imbalanced(report, name, frame[frame["data"] == name])
        else:
            report.say(IID.format(**plan._asdict()))
            report_iid(report, names, frame)
    if options.out:
        options.out.write_text("\n".join(report.lines).rstrip() + "\n")


if __name__ == "__main__":
    main()
