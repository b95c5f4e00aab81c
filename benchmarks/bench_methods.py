"""All estimators on all files, at published defaults and tuned, and python-ldl's in the same run.

Usage: ``SKLEARN_LDL_DATA=... python benchmarks/bench_methods.py [--quick] [--files NAME ...]
[--rows NAME ...] [--folds N] [--raw FILE] [--out FILE]``.
"""

from __future__ import annotations

import argparse
from importlib.metadata import version
from pathlib import Path

import pandas as pd
from _common import SIMILARITIES, SIX, Table, machine
from _methods import BASELINES, MEAN, METHODS, PLAIN, Training
from _ranks import average_ranks, draw
from _rivals import SLOWEST, SMALLEST_FILE
from _runs import (
    DEFAULTS,
    FILES,
    MAX_INNER_ROWS,
    N_FOLDS,
    N_INNER_FOLDS,
    PREFIX,
    RAW,
    ROWS,
    TUNED,
    Budget,
    run,
    settings,
)

from sklearn_ldl.compare.ranks import critical_difference, friedman

INTRODUCTION = """\
# All estimators on all files

Made by `{command}`.

Folds are those of `KFold({n_folds}, shuffle=True, random_state=0)`; figures are means ± deviations
over folds. Features are standardised on the training rows. Movie's are almost all zero: estimators
that take sparse features get them raw, and tuned ones may divide them by their deviations; those
of python-ldl that are linear are fitted to raw features too.

- *defaults*: the hyper-parameters that were published with the method (weights of sums over rows
  become weights of means), or those of the package where there are none; python-ldl's are its own.
- *tuned*: the candidate of lowest KL divergence in {n_inner} inner folds of at most {max_rows}
  training rows, of at most {n_candidates} candidates (on Movie twice as many, with both scalings),
  fitted to all training rows. `{plain}` chooses its penalty by itself, in five inner folds.

Times are CPU seconds of one process. A row that has used up {per_row:g} s on a file, searches
included, gets no further fold there, and *over limit* is a fit of more than {per_fit:g} s: `folds`
says on how many a row was fitted. Rows of fewer folds saw other test rows than the rest: whatever
compares rows below (stars, ranks) compares their differences to `mean` on the same folds, and none
of fewer than {enough} folds is called the best of a file on which others have as many.
python-ldl's {slowest} is fitted to {smallest} only. FG-Net has Gaussian distributions of
deviation 2 around the ages 0 to 69.
"""


ENOUGH_FOLDS = 3
#: The plain model, tuned like those with correlations.
SAME_GRID = "BFGSLDL"
#: Files with fewer figures than this share of those of the fullest one take no part in ranks.
FULL = 0.8


class Report:
    """Prints lines as they come, and keeps them."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, *lines: str) -> None:
        """Print lines."""
        print(*lines, sep="\n", flush=True)
        self.lines += lines

    def table(self, rows: list[dict[str, str]], empty: str = "None.") -> None:
        """Print a table of texts and an empty line."""
        if rows:
            table = Table(**dict.fromkeys(rows[0], ""))
            for row in rows:
                table.row(**row)
            self.lines += table.lines
        else:
            self.say(empty)
        self.say("")


class Results:
    """Losses (lower is better, so similarities are negated) by data, row, setting and fold."""

    def __init__(self, frame: pd.DataFrame):
        self.frame = frame
        kept = (
            frame[frame["failure"].isna()]
            .set_index(["data", "row", "setting", "fold"])
            .sort_index()
        )
        self.losses = kept[list(SIX)].astype(float)
        self.losses[SIMILARITIES] *= -1
        mean = self.losses.xs((MEAN, DEFAULTS), level=("row", "setting"))
        keys = kept.index.droplevel(["row", "setting"])
        #: Means over folds of the differences to the mean distribution on the same folds.
        gaps = self.losses - mean.reindex(keys).to_numpy()
        groups = gaps.dropna().groupby(level=["data", "row", "setting"])
        self.gaps, self.n_folds = groups.mean(), groups.size()

    def folds(self, data: str, row: str, setting: str) -> pd.DataFrame:
        """Losses of one row by fold; empty where there are none."""
        try:
            return self.losses.loc[(data, row, setting)]
        except KeyError:
            return self.losses.iloc[:0].droplevel([0, 1, 2])

    def well_known(self, data: str) -> list[tuple[str, str]]:
        """Entries with enough folds to be called the best of something."""
        n_folds = self.n_folds.loc[data]
        return [e for e in self.entries(data) if n_folds[e] >= min(ENOUGH_FOLDS, n_folds.max())]

    def best(self, data: str, measure: str, entries: list[tuple[str, str]]) -> tuple[str, str]:
        """Entry of the lowest mean loss."""
        return self.gaps.loc[data].loc[entries, measure].idxmin()

    def entries(self, data: str) -> list[tuple[str, str]]:
        """Pairs of row and setting that were scored on a file, in the order of the methods."""
        if data not in self.gaps.index.get_level_values("data"):
            return []
        return sorted(self.gaps.loc[data].index, key=_order)


def _order(entry: tuple[str, str]) -> tuple[int, str]:
    return ROWS.index(entry[0]), entry[1]


def _is_rival(row: str) -> bool:
    return row.startswith(PREFIX)


def report_file(report: Report, results: Results, data: str) -> None:
    """Write all rows of one file."""
    frame = results.frame[results.frame["data"] == data]
    entries = results.entries(data)
    if not entries:
        return
    candidates = results.well_known(data)
    winners = {measure: results.best(data, measure, candidates) for measure in SIX}
    rows = []
    groups = dict(list(frame.groupby(["row", "setting"])))
    for row, setting in sorted(groups, key=_order):
        runs = groups[row, setting]
        scored = runs[runs["failure"].isna()]
        failures = runs["failure"].dropna()
        line = {"estimator": row, "setting": setting, "folds": str(len(scored))}
        for measure in SIX:
            values = scored[measure].astype(float)
            star = "*" * (winners[measure] == (row, setting))
            text = f"{values.mean():.5f} ± {values.std(ddof=0):.5f}{star}"
            line[measure] = text if len(scored) else failures.iloc[0]
        for name in ("fit_s", "search_s"):
            line[name] = f"{scored[name].mean():.2f}" if len(scored) else ""
        rows.append(line)
    report.say(f"### {data}", "")
    report.table(rows)


def report_ranks(report: Report, results: Results, setting: str, out: Path | None) -> None:
    """Write average ranks of the estimators in one setting, of the baselines and of python-ldl."""
    n_entries = {data: len(results.entries(data)) for data in FILES}
    files = [data for data, n in n_entries.items() if n >= FULL * max(n_entries.values())]
    report.say(f"### Ranks, {setting}", "")
    if len(files) < 2:
        report.say("Ranks need two files.", "")
        return
    table, missing = {}, []
    for row in ROWS:
        offered = settings(row, files[0]) or [setting]
        keys = [(data, row, setting if setting in offered else offered[0]) for data in files]
        if all(key in results.gaps.index for key in keys):
            table[row] = results.gaps.loc[keys]
        else:
            missing.append(row)
    losses = {
        measure: pd.DataFrame({row: gaps[measure].to_numpy() for row, gaps in table.items()}).T
        for measure in SIX
    }
    ranks = pd.DataFrame({measure: average_ranks(losses[measure]) for measure in SIX})
    ranks["all six"] = ranks.mean(axis=1)
    ranks = ranks.sort_values("kl_divergence")
    difference = critical_difference(len(table), len(files))
    p = friedman(losses["kl_divergence"].to_numpy())
    report.say(
        f"Average ranks over {len(files)} files ({', '.join(files)}) of {len(table)} rows, in the "
        f"order of those by KL divergence. Friedman's test that all of these rank alike has a "
        f"p-value of {p:.1e}. Nemenyi's critical difference at 5 % is {difference:.1f}: with so "
        "few files it takes that much to tell two rows apart.",
    )
    if missing:
        report.say(f"Without a figure on each file, and left out: {'; '.join(missing)}.")
    report.say("")
    if out:
        picture = out.with_name(f"{out.stem}_{setting}.svg")
        draw(ranks["kl_divergence"], difference, picture, "average ranks by KL divergence")
        report.say(f"![Critical-difference diagram]({picture.name})", "")
    report.table(
        [
            {"estimator": row, **{name: f"{value:.1f}" for name, value in values.items()}}
            for row, values in ranks.iterrows()
        ]
    )


def compare(results: Results, data: str, measure: str, one: tuple, other: tuple) -> dict[str, str]:
    """Compare two entries on the folds that both have."""
    pair = [results.folds(data, *entry)[measure] for entry in (one, other)]
    pair = pd.concat(pair, axis=1, keys=["one", "other"]).dropna()
    gap = pair["one"] - pair["other"]
    sign = -1 if measure in SIMILARITIES else 1
    return {
        "one": f"{sign * pair['one'].mean():.5f}",
        "other": f"{sign * pair['other'].mean():.5f}",
        "gap": f"{gap.mean():+.5f} ({(gap < 0).sum()}/{len(gap)})",
    }


def report_rival(report: Report, results: Results) -> None:
    """Write the best of both packages, file by file and measure by measure."""
    rows = []
    won, level = dict.fromkeys(SIX, 0), dict.fromkeys(SIX, 0)
    files = []
    for data in FILES:
        entries = results.well_known(data) if results.entries(data) else []
        rivals = [entry for entry in entries if _is_rival(entry[0])]
        own = [e for e in entries if not _is_rival(e[0]) and e[0] not in BASELINES]
        ours = [(row, setting) for row, setting in own if setting == TUNED]
        if not rivals or not ours:
            continue
        files.append(data)
        gaps = results.gaps.loc[data]
        for measure in SIX:
            best, rival = (results.best(data, measure, e) for e in (ours, rivals))
            won[measure] += gaps.loc[best, measure] < gaps.loc[rival, measure]
            level[measure] += gaps.loc[own, measure].min() <= gaps.loc[rival, measure] + 1e-12
            compared = compare(results, data, measure, best, rival)
            rows.append(
                {
                    "data": data,
                    "measure": measure,
                    "best tuned": f"{best[0]} {compared['one']}",
                    "python-ldl's best": f"{rival[0].removeprefix(PREFIX)} {compared['other']}",
                    "difference in loss": compared["gap"],
                }
            )
    won, level = (", ".join(f"{m} {n}" for m, n in counts.items()) for counts in (won, level))
    report.say(
        "## Against the rival",
        "",
        "The best tuned estimator and the best of python-ldl, which has only its defaults, each "
        "picked by the very figure that is shown, which flatters both. Means are over the folds "
        "that both have, the difference is of losses (similarities are negated, so negative is "
        "better), and in parentheses is on how many folds it is.",
        "",
        f"Of {len(files)} files the best tuned estimator is ahead on: {won}. The best in any "
        f"setting, which need not have been tuned for KL divergence, is ahead or level on: "
        f"{level}.",
        "",
    )
    report.table(rows)


def report_correlation(report: Report, results: Results) -> None:
    """Write what correlation terms gain over the plain model whose penalty is chosen by CV."""
    rows, ahead = [], []
    for row in [SAME_GRID, *(row for row, method in METHODS.items() if method.correlation)]:
        line = {"estimator": row}
        for data in FILES:
            if not results.entries(data):
                continue
            entry, plain = (row, TUNED), (PLAIN, TUNED)
            known = (data, *entry) in results.gaps.index and (data, *plain) in results.gaps.index
            gap = compare(results, data, "kl_divergence", entry, plain)["gap"] if known else ""
            line[data] = gap
            if gap.startswith("-") and row != SAME_GRID:
                ahead.append(f"{row} on {data} by {gap.lstrip('-')}")
        rows.append(line)
    report.say(
        f"## Correlation methods against {PLAIN}",
        "",
        f"KL divergence of the tuned method less that of `{PLAIN}`, on the same folds, and on how "
        f"many of them it is lower. `{SAME_GRID}` has no correlations either, but is tuned like "
        "the others: what it gains is due to the tuning.",
        "",
        f"Lower than the plain model: {'; '.join(ahead) or 'none'}.",
        "",
    )
    report.table(rows)


def report_worse(report: Report, results: Results) -> None:
    """Write which rows lose against a constant."""
    report.say(
        "## Worse than the mean",
        "",
        "Rows whose KL divergence is above that of the mean of the training rows, and by how much.",
        "",
    )
    for setting in (TUNED, DEFAULTS, RAW):
        for data in FILES:
            worse = {
                entry: results.gaps.loc[(data, *entry), "kl_divergence"]
                for entry in results.entries(data)
                if entry[1] == setting and entry[0] not in BASELINES
            }
            texts = [f"{row} {gap:+.5f}" for (row, _), gap in worse.items() if gap > 0]
            if worse:
                report.say(f"- {data}, {setting}: {'; '.join(texts) or 'none'}.")
    report.say("")


def report_warnings(report: Report, results: Results) -> None:
    """Write which estimators of the package warned, and how often fits failed."""
    rows = []
    for row, runs in results.frame.groupby("row"):
        warned = runs[runs["warnings"].fillna("").str.len() > 0]
        failed = runs[runs["failure"].notna()]
        if not _is_rival(row) and len(warned):
            rows.append(
                {
                    "estimator": row,
                    "fits": str(len(runs)),
                    "with warnings": str(len(warned)),
                    "on": ", ".join(warned["data"].unique()),
                    "the first": warned["warnings"].iloc[0].split(" | ")[0].replace("|", "/"),
                }
            )
        if len(failed):
            texts = ", ".join(f"{r.data} ({r.setting}) {r.failure}" for r in failed.itertuples())
            rows.append(
                {
                    "estimator": row,
                    "fits": str(len(runs)),
                    "with warnings": "",
                    "on": "",
                    "the first": f"failed: {texts}",
                }
            )
    report.say("## Warnings and failures", "")
    report.table(rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", nargs="+", choices=FILES, default=FILES)
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=ROWS)
    parser.add_argument("--folds", type=int, default=N_FOLDS, help="only the first of the ten")
    parser.add_argument("--quick", action="store_true", help="two files and folds, 5 s a row")
    parser.add_argument("--limit", type=float, default=300.0, help="CPU seconds of one fit")
    parser.add_argument("--budget", type=float, default=60.0, help="CPU seconds of a row on a file")
    parser.add_argument("--cached", action="store_true", help="only report what --raw holds")
    parser.add_argument("--note", help="what else is to be said about how it was made")
    parser.add_argument("--out", type=Path, help="also write the report to this file")
    parser.add_argument("--raw", type=Path, help="CSV file of all fits, to resume a run from")
    options = parser.parse_args()
    files, n_folds, budget = options.files, options.folds, Budget(options.limit, options.budget)
    if options.quick:
        files, n_folds, budget = files[:2], min(n_folds, 2), Budget(10.0, 5.0)
    rows = [row for row in ROWS if row in {*options.rows, *BASELINES}]

    frame = run(files, rows, n_folds, None if options.cached else budget, options.raw)
    command = "OMP_NUM_THREADS=1 python benchmarks/bench_methods.py"
    command += " --quick" if options.quick else ""
    for name in ("limit", "budget", "folds"):
        if getattr(options, name) != parser.get_default(name):
            command += f" --{name} {getattr(options, name):g}"
    command += f" --out {options.out}" if options.out else ""
    report = Report()
    report.say(
        INTRODUCTION.format(
            command=command,
            n_folds=N_FOLDS,
            n_inner=N_INNER_FOLDS,
            max_rows=MAX_INNER_ROWS,
            n_candidates=max(len(m.candidates(Training(1, 1, 2, 1.0))) for m in METHODS.values()),
            plain=PLAIN,
            per_row=budget.per_row,
            per_fit=budget.per_fit,
            enough=ENOUGH_FOLDS,
            slowest=SLOWEST,
            smallest=SMALLEST_FILE,
        ),
        *([options.note, ""] if options.note else []),
        f"{machine()}, python-ldl {version('python-ldl')}, Keras {version('keras')} with torch "
        f"{version('torch')}",
        "",
    )
    results = Results(frame)
    report.say("## Ranks", "")
    for setting in (DEFAULTS, TUNED):
        report_ranks(report, results, setting, options.out)
    report_rival(report, results)
    report_correlation(report, results)
    report_worse(report, results)
    report_warnings(report, results)
    report.say("## Files", "")
    for data in files:
        report_file(report, results, data)
    if options.out:
        options.out.write_text("\n".join(report.lines).rstrip() + "\n")


if __name__ == "__main__":
    main()
