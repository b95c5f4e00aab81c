"""Compare estimators of label distributions from the command line: ``python -m sklearn_ldl``."""

from __future__ import annotations

import argparse
import sys
import textwrap
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

from joblib import effective_n_jobs
from sklearn.base import BaseEstimator

import sklearn_ldl
from sklearn_ldl._core.extras import MissingExtraError
from sklearn_ldl.compare.estimators import ESTIMATORS, select
from sklearn_ldl.compare.evaluate import MEASURES, SIMILARITIES, SIX, Result, evaluate
from sklearn_ldl.compare.problem import N_VOTES, Problem, load_problem
from sklearn_ldl.compare.report import LEGEND, draw, format_table, require_matplotlib, write_csv
from sklearn_ldl.datasets import list_datasets

_COMMANDS = ("compare", "list")
_DESCRIPTION = """\
Compare estimators of label distributions by cross-validation.

Without a command, estimators are compared on artificial data.
"""
_EXAMPLES = """\
examples:
  python -m sklearn_ldl
  python -m sklearn_ldl compare Yeast_alpha.mat --estimators bfgs knn
  python -m sklearn_ldl compare votes.csv --vote-columns like dislike --cv 5
  python -m sklearn_ldl compare Movie --sparse --n-jobs 2
  python -m sklearn_ldl list
"""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str):
        """Say what is wrong in one line."""
        self.exit(2, f"{self.prog}: error: {' '.join(message.split())}\n")


def _at_least(minimum: int) -> Callable[[str], int]:
    def integer(text: str) -> int:
        value = int(text)
        if value < minimum:
            raise argparse.ArgumentTypeError(f"must be at least {minimum}, got {value}")
        return value

    return integer


def _parser() -> argparse.ArgumentParser:
    style: Any = {"formatter_class": argparse.RawDescriptionHelpFormatter, "epilog": _EXAMPLES}
    parser = _Parser(prog="python -m sklearn_ldl", description=_DESCRIPTION, **style)
    parser.add_argument("--version", action="version", version=sklearn_ldl.__version__)
    commands = parser.add_subparsers(dest="command", metavar="{compare,list}", required=True)
    commands.add_parser("list", help="show estimators, measures and public data sets")
    compare = commands.add_parser(
        "compare",
        help="cross-validate estimators (all options: compare --help)",
        description="Cross-validate estimators, the constant baselines always among them.",
        **style,
    )
    add = compare.add_argument
    add(
        "source",
        metavar="FILE",
        nargs="?",
        help=".mat or .npz file with `features` and `labels`, .csv file, or name of a public data "
        f"set (default: artificial data, the shares of {N_VOTES} votes per row)",
    )
    columns = compare.add_mutually_exclusive_group()
    columns.add_argument(
        "--label-columns",
        nargs="+",
        metavar="NAME",
        help="columns of a .csv file with the degrees of the labels",
    )
    columns.add_argument(
        "--vote-columns",
        nargs="+",
        metavar="NAME",
        help="columns of a .csv file with the votes for the labels: counts, which become shares",
    )
    add("--sparse", action="store_true", help="hold features as CSR and do not standardise them")
    add(
        "--n-samples",
        type=_at_least(1),
        metavar="N",
        help="rows of artificial data (default: 1000)",
    )
    add(
        "--estimators",
        nargs="+",
        choices=ESTIMATORS,
        metavar="NAME",
        help="default: those of `list` that are not marked as slow",
    )
    add(
        "--metrics",
        nargs="+",
        choices=MEASURES,
        default=SIX,
        metavar="NAME",
        help=f"default: {' '.join(SIX)}",
    )
    add("--cv", type=_at_least(2), default=10, metavar="K", help="number of folds (default: 10)")
    add(
        "--seed",
        type=_at_least(0),
        default=0,
        help="of folds, estimators and artificial data (default: 0)",
    )
    add(
        "--n-jobs",
        type=int,
        metavar="N",
        help="folds computed in parallel (default: 1; all cores: -1)",
    )
    add(
        "--out",
        type=Path,
        default="ldl_results",
        metavar="DIR",
        help="folder for the results (default: ldl_results)",
    )
    add("--no-plot", action="store_true", help="no picture, and no need for matplotlib")
    add("--quiet", action="store_true", help="no progress bar, and no need for rich")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : sequence of str, default=None
        Arguments; None means those of the process.

    Returns
    -------
    code : int
        0; 1 when an estimator failed; 130 when interrupted, after what was finished is reported.

    Raises
    ------
    SystemExit
        With code 2 for arguments or data that cannot be used, after one line on stderr.
    """
    argv = list(sys.argv[1:] if argv is None else argv)
    if not argv or (argv[0].startswith("-") and argv[0] not in ("-h", "--help", "--version")):
        argv.insert(0, "compare")
    parser = _parser()
    arguments = parser.parse_args(argv)
    if arguments.command == "list":
        _list()
        return 0
    try:
        return _compare(arguments, parser)
    except KeyboardInterrupt:  # while the data were read, or the picture was drawn
        _note("interrupted")
        return 130
    except OSError as exc:
        _note(f"error: {exc}")
        return 1


def _compare(arguments: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    # Whatever can be wrong is found out here, before any estimator is fitted.
    try:
        if not arguments.no_plot:
            require_matplotlib()
        problem = load_problem(
            arguments.source,
            label_columns=arguments.label_columns,
            vote_columns=arguments.vote_columns,
            sparse=arguments.sparse,
            n_samples=arguments.n_samples,
            n_folds=arguments.cv,
            seed=arguments.seed,
        )
        names = select(arguments.estimators, sparse=problem.sparse, n_labels=problem.n_labels)
        estimators = {name: ESTIMATORS[name].build(problem) for name in names}
        effective_n_jobs(arguments.n_jobs)
        progress = _progress(len(names) * problem.n_folds, quiet=arguments.quiet)
        arguments.out.mkdir(parents=True, exist_ok=True)
    except (ImportError, OSError, ValueError) as exc:
        parser.error(str(exc))

    print(problem, flush=True)
    if problem.mostly_zero and not problem.sparse:
        _note("hint: most features are zero; --sparse, which does not standardise, is much faster")
    measures = list(dict.fromkeys(arguments.metrics))
    table = arguments.out / f"{problem.name}.csv"
    results: list[Result] = []
    try:
        for result in _evaluated(problem, estimators, measures, arguments.n_jobs, progress):
            results.append(result)
            # Written after every estimator: whatever happens later, these are kept.
            write_csv(table, problem, results, measures)
        code = int(len(results) < len(names))
    except KeyboardInterrupt:
        _note(f"interrupted: {len(results)} of {len(names)} estimators were finished")
        code = 130
    if results:
        print(f"\n{format_table(results, measures)}\n\n{LEGEND}\n\nAll digits: {table}")
        if not arguments.no_plot and code != 130:
            picture = arguments.out / f"{problem.name}.png"
            drawn = draw(picture, problem, results, measures)
            print(f"True and predicted distributions ({drawn}): {picture}")
    return code


def _evaluated(
    problem: Problem,
    estimators: dict[str, BaseEstimator],
    measures: Sequence[str],
    n_jobs: int | None,
    progress: AbstractContextManager[Callable[[str, int, int], None]],
) -> Iterator[Result]:
    """Evaluate one estimator after the other; those that fail are reported and left out."""
    with progress as show:
        for i, (name, estimator) in enumerate(estimators.items()):
            tell = partial(show, name, i * problem.n_folds)
            tell(0)
            try:
                result = evaluate(
                    name, estimator, problem, measures, n_jobs=n_jobs, on_progress=tell
                )
            except Exception as exc:  # an estimator may fail in any way; the others go on
                _note(f"error: {name} failed: {_first_line(exc)}")
                continue
            for warning in result.warnings:
                _note(f"warning: {name}: {_first_line(warning)}")
            yield result


def _progress(
    total: int, *, quiet: bool
) -> AbstractContextManager[Callable[[str, int, int], None]]:
    """Make a progress bar on stderr; the context's value sets name and number of folds done."""
    if quiet:
        return nullcontext(lambda name, n_before, n_done: None)
    try:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
        )
    except ImportError as exc:
        what = "The progress bar (left out with --quiet)"
        raise MissingExtraError(what, "rich", "progress") from exc
    bar = Progress(
        TextColumn("{task.description:12}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("folds"),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    return _running(bar, total)


@contextmanager
def _running(bar: Any, total: int) -> Iterator[Callable[[str, int, int], None]]:
    task = bar.add_task("", total=total)
    with bar:
        yield lambda name, n_before, n_done: bar.update(
            task, description=name, completed=n_before + n_done
        )


def _list() -> None:
    print("Estimators (dense features are standardised; the baselines are always shown):")
    for name, entry in ESTIMATORS.items():
        slow = "" if entry.by_default else "; slow, by name only"
        dense = "" if entry.takes_sparse else "; not --sparse"
        print(f"  {name:15}{entry.description}{dense}{slow}")
    print("\nMeasures (↓ lower, ↑ higher is better; the first six are the default):")
    print(_wrapped("  ", ", ".join(m + ("↑" if m in SIMILARITIES else "↓") for m in MEASURES)))
    print("\nPublic data sets, downloaded on first use (with their publications):")
    for name, publication in list_datasets().items():
        print(_wrapped(f"  {name:15}", publication))


def _wrapped(head: str, text: str) -> str:
    return textwrap.fill(
        text, 100, initial_indent=head, subsequent_indent=" " * len(head), break_on_hyphens=False
    )


def _first_line(message: Any) -> str:
    return next(iter(str(message).splitlines()), type(message).__name__)


def _note(message: str) -> None:
    print(message, file=sys.stderr)


if __name__ == "__main__":
    # A terminal without ± and arrows shows question marks, which is better than no table.
    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]
    sys.exit(main())
