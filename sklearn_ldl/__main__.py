"""Compare estimators of label distributions from the command line: ``python -m sklearn_ldl``."""

from __future__ import annotations

import argparse
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from joblib import effective_n_jobs

import sklearn_ldl
from sklearn_ldl._core.extras import MissingExtraError
from sklearn_ldl.compare.comparison import Comparison
from sklearn_ldl.compare.estimators import BASELINES, names_for
from sklearn_ldl.compare.estimators.listing import every_estimator, one_estimator, wrapped
from sklearn_ldl.compare.fits import Settings
from sklearn_ldl.compare.measures import MEASURES, SIMILARITIES, SIX, decisive
from sklearn_ldl.compare.options import add_file_options, file_options
from sklearn_ldl.compare.problem import N_VOTES, Problem, artificial, load_problems
from sklearn_ldl.compare.report import (
    best_of,
    draw,
    draw_ranks,
    require_matplotlib,
    write_csv,
    write_tests,
)
from sklearn_ldl.compare.run import Plan, Progress
from sklearn_ldl.compare.tables import LEGEND, latex, markdown, plain, tables_of
from sklearn_ldl.datasets import list_datasets

_COMMANDS = ("compare", "list")
_DESCRIPTION = """\
Compare estimators of label distributions by cross-validation.

Without a command, estimators are compared on artificial data.
"""
_NUMBER = re.compile(r"-?\d+(\.\d+)?(e[+-]?\d+)?")
#: Level of the tests.
_LEVEL = 0.05
_EXAMPLES = """\
examples:
  python -m sklearn_ldl
  python -m sklearn_ldl compare Yeast_alpha.mat --estimators bfgs knn
  python -m sklearn_ldl compare votes.csv --vote-columns like dislike --drop-unlabelled
  python -m sklearn_ldl compare ratings.csv --long item rater rating --groups author
  python -m sklearn_ldl compare a.mat b.mat --estimators bfgs my_module:MyLDL --format latex
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


def _seconds(text: str) -> float:
    value = float(text)
    if not value >= 0:
        raise argparse.ArgumentTypeError(f"must be at least 0, got {text}")
    return value


def _parser() -> argparse.ArgumentParser:
    style: Any = {"formatter_class": argparse.RawDescriptionHelpFormatter, "epilog": _EXAMPLES}
    parser = _Parser(prog="python -m sklearn_ldl", description=_DESCRIPTION, **style)
    parser.add_argument("--version", action="version", version=sklearn_ldl.__version__)
    commands = parser.add_subparsers(dest="command", metavar="{compare,list}", required=True)
    known = commands.add_parser("list", help="show estimators, measures and public data sets")
    known.add_argument("name", nargs="?", metavar="NAME", help="of an estimator: all about it")
    compare = commands.add_parser(
        "compare",
        help="cross-validate estimators (all options: compare --help)",
        description="Cross-validate estimators, the constant baselines always among them.",
        **style,
    )
    add = compare.add_argument
    add(
        "sources",
        metavar="FILE",
        nargs="*",
        help=".mat or .npz files with `features` and `labels`, .csv files, or names of public data "
        f"sets (default: artificial data, the shares of {N_VOTES} votes per row)",
    )
    add_file_options(compare)
    add(
        "--n-samples",
        type=_at_least(1),
        metavar="N",
        help="rows of artificial data (default: 1000)",
    )
    add(
        "--estimators",
        nargs="+",
        metavar="NAME",
        help="names, or module:object for your own, module.py in the current folder: an estimator, "
        "or what returns one when it is called; it gets the features as they are in a file of "
        "numbers, so that a pipeline may have to standardise them (default: those of `list` that "
        'are not marked "by name only")',
    )
    add(
        "--metrics",
        nargs="+",
        choices=MEASURES,
        default=SIX,
        metavar="NAME",
        help=f"default: {' '.join(SIX)}",
    )
    add(
        "--tune",
        action="store_true",
        help="tune estimators that are given by name, in the grids that `list` shows, by "
        "kl_divergence, or by the first of other --metrics",
    )
    add("--cv", type=_at_least(2), default=10, metavar="K", help="number of folds (default: 10)")
    add(
        "--repeats",
        type=_at_least(1),
        default=1,
        metavar="K",
        help="how often rows are divided into folds anew (default: 1)",
    )
    add(
        "--time-limit",
        type=_seconds,
        metavar="S",
        help="seconds after which an estimator gets no further folds of a data set",
    )
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
        help="folder for the results (default: ldl_results); folds that are in its scores.jsonl "
        "are not fitted again",
    )
    add(
        "--format",
        choices=["text", "markdown", "latex"],
        default="text",
        help="of the tables (default: text); with markdown and latex they alone go to stdout",
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
        0; 1 when an estimator failed, or the output was closed; 130 when interrupted, after what
        was finished is reported.

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
    try:
        code = _run(arguments, parser)
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:  # while the data were read, or the picture was drawn
        _note("interrupted")
        return 130
    except BrokenPipeError:  # who reads the output has seen enough
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 (until the end of the process)
        return 1
    except OSError as exc:
        _note(f"error: {exc}")
        return 1


def _run(arguments: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    if arguments.command == "list":
        return _list(arguments.name, parser)
    return _compare(arguments, parser)


def _compare(arguments: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    # Whatever can be wrong is found out here, before any estimator is fitted.
    try:
        if not arguments.no_plot:
            require_matplotlib()
        effective_n_jobs(arguments.n_jobs)
        plan = _plan(arguments)
        n_folds = sum(len(task.contenders) * len(task.folds) for task in plan.tasks)
        progress = _progress(n_folds, quiet=arguments.quiet)
        _check_out(arguments, plan)
        arguments.out.mkdir(parents=True, exist_ok=True)
    except (ImportError, OSError, ValueError) as exc:
        parser.error(str(exc))

    for task in plan.tasks:
        for note in task.problem.notes:
            _note(f"{task.problem.name}: {note}")
        folds = f"{len(task.folds)} folds, seed {arguments.seed}"
        _say(f"{task.problem}; {folds}", arguments)
        if task.problem.mostly_zero and not task.problem.sparse:
            _note("hint: most features are zero; --sparse, which does not standardise, is faster")
        if arguments.estimators is None and task.problem.sample_weight is not None:
            alike = names_for(replace(task.problem, sample_weight=None))
            if unable := [name for name in alike if name not in task.contenders]:
                names = ", ".join(unable)
                _note(
                    f"left out, as they take no weights: {names} (--weights uniform takes them in)"
                )
    records: list[dict[str, Any]] = []
    try:
        with progress as show:
            records.extend(plan.records(show))
        code = 0
    except KeyboardInterrupt:
        _note(f"interrupted: {len(records)} of {n_folds} folds were finished; they are kept")
        code = 130
    comparison = plan.comparison(records)
    failed = _tell(comparison)
    _report(plan, comparison, arguments, with_picture=not arguments.no_plot and code == 0)
    return code or int(failed)


def _plan(arguments: argparse.Namespace) -> Plan:
    return Plan(
        _estimators(arguments.estimators),
        _problems(arguments),
        cv=arguments.cv,
        n_repeats=arguments.repeats,
        scoring=list(dict.fromkeys(arguments.metrics)),
        tune=arguments.tune,
        cache=arguments.out / "scores.jsonl",
        settings=Settings(
            seed=arguments.seed, n_jobs=arguments.n_jobs, time_limit=arguments.time_limit
        ),
    )


def _check_out(arguments: argparse.Namespace, plan: Plan) -> None:
    """Raise a ValueError where results would take the place of data."""
    sources = [source for source in map(Path, arguments.sources) if source.exists()]
    for task in plan.tasks:
        result = arguments.out / f"{task.problem.name}.csv"
        if result.exists() and any(map(result.samefile, sources)):
            raise ValueError(f"{result} would be overwritten by the results: choose another --out.")


def _problems(arguments: argparse.Namespace) -> list[Problem]:
    given = file_options(arguments)
    if not arguments.sources:
        if given:
            raise ValueError(f"--{next(iter(given)).replace('_', '-')} needs a FILE.")
        return [artificial(arguments.n_samples or 1000, arguments.seed)]
    if arguments.n_samples is not None:
        raise ValueError("--n-samples is for the artificial data, which a FILE replaces.")
    return load_problems(arguments.sources, **given)


def _estimators(names: Sequence[str] | None) -> list[str] | dict[str, Any] | None:
    """Names as they are, and what ``module:object`` stands for."""
    if names is None:
        return None
    return {name: _own(name) if ":" in name else name for name in names}


def _own(name: str) -> Any:
    module, _, attribute = name.partition(":")
    # A file beside the data is what a user has.
    if "" not in sys.path:
        sys.path.insert(0, "")
    try:
        found = getattr(import_module(module), attribute)
        is_made = isinstance(found, type) or not hasattr(found, "get_params")
        return found() if is_made and callable(found) else found
    except (ImportError, AttributeError) as error:
        raise ValueError(f"{name}: {error}") from error
    except Exception as error:  # whatever a module of the user's raises
        raise ValueError(f"{name}: {type(error).__name__}: {error}") from error


def _tell(comparison: Comparison) -> bool:
    """Say once what each estimator warned of and why it failed; return whether any did."""
    failed = False
    messages: dict[tuple[str, str, str], list[str]] = {}
    for record in comparison.records:
        place = f"{record['estimator']} on {record['dataset']}"
        # Folds say the same with other numbers.
        for warning in {_NUMBER.sub("", line): line for line in _warnings(record)}.items():
            messages.setdefault((place, "warning", warning[0]), []).append(warning[1])
        error = record.get("error", "")
        kind = "stopped" if error.startswith("over limit") else "error"
        failed |= bool(error) and kind == "error"
        if error and not any(key[:2] == (place, kind) for key in messages):
            messages[place, kind, error] = [_first_line(error)]
    for (place, kind, _), lines in messages.items():
        _note(f"{kind}: {place}: {lines[0]}" + (f" ({len(lines)} folds)" if lines[1:] else ""))
    if any("takes no sample_weight" in line for lines in messages.values() for line in lines):
        _note("hint: --weights uniform weighs all rows alike, for estimators that take no weights")
    return failed


def _warnings(record: dict[str, Any]) -> list[str]:
    return [_first_line(warning) for warning in record.get("warnings", [])]


def _report(
    plan: Plan, comparison: Comparison, arguments: argparse.Namespace, *, with_picture: bool
) -> None:
    complete = [
        task
        for task in plan.tasks
        if any(comparison.is_complete(task.problem.name, name) for name in task.contenders)
    ]
    if not complete:
        return
    measure = decisive(arguments.metrics)
    several = len(plan.tasks) > 1
    level = None if arguments.format == "text" else _LEVEL
    tables = tables_of(comparison, level=level)
    if several:
        over = tables_of(comparison, measure, level)
        tables += [t._replace(title=f"{measure} on all") for t in over]
    if arguments.format == "text":
        columns = shutil.get_terminal_size().columns if sys.stdout.isatty() else np.inf
        texts = [*(plain(each, columns) for each in tables), LEGEND]
    else:
        form = markdown if arguments.format == "markdown" else latex
        texts = [form(each) for each in tables]
    print(("\n" if arguments.format == "text" else "") + "\n\n".join(texts), flush=True)
    for task in complete:
        name = task.problem.name
        path = arguments.out / f"{name}.csv"
        write_csv(path, comparison, name)
        _say(f"\n{_sentence(comparison, name)}\nAll digits: {path}", arguments)
        picture = arguments.out / f"{name}.png"
        picture.unlink(missing_ok=True)  # that of another run
        if with_picture:
            drawn = draw(picture, task, plan.settings, comparison)
            _say(f"True and predicted distributions ({drawn}): {picture}", arguments)
    sets = [task.problem.name for task in plan.tasks]
    if several and any(
        all(comparison.is_complete(dataset, name) for dataset in sets)
        for name in comparison.estimators()
    ):
        path = arguments.out / "scores_tests.csv"
        if tests := write_tests(path, comparison, measure):
            _say(f"\n{_over_sets(tests, measure, len(sets))}\nAll tests: {path}", arguments)
        picture = arguments.out / "scores_ranks.png"
        picture.unlink(missing_ok=True)
        if with_picture:
            draw_ranks(picture, comparison, measure)
            _say(f"Average ranks with their critical difference: {picture}", arguments)


def _say(message: str, arguments: argparse.Namespace) -> None:
    """Print beside a table; on stderr where stdout is to be a table alone."""
    stream = sys.stdout if arguments.format == "text" else sys.stderr
    print(message, file=stream, flush=True)


def _sentence(comparison: Comparison, dataset: str) -> str:
    """Name the best estimator, and how far it is ahead of the mean."""
    measure = decisive(list(comparison.measures[dataset]))
    best = best_of(comparison, dataset)
    ours, mean = (comparison.mean(dataset, name, measure) for name in (best, BASELINES[1]))
    if not comparison.measures[dataset][measure] or not mean > 0:
        return f"Best on {dataset}: {best}, {measure} {ours:.4g}."
    share = 100 * (1 - ours / mean)
    ahead = f"{share:.0f} % below" if share >= 0 else f"{-share:.0f} % above"
    return f"Best on {dataset}: {best}, {measure} {ours:.4g}, {ahead} that of the mean."


def _over_sets(tests: list[dict[str, Any]], measure: str, n_sets: int) -> str:
    """Name the estimator with the best average rank, and whom it beats by more than chance."""
    best = tests[0]["against"]
    sentence = f"Best average rank on {n_sets} data sets, by {measure}: {best}."
    if 2 ** (1 - n_sets) >= _LEVEL:
        return f"{sentence} To tell it from another, Wilcoxon's test needs at least six."
    worse = [
        row["estimator"] for row in tests if row["dataset"] == "all" and row["p_holm"] < _LEVEL
    ]
    beaten = ", ".join(worse) or "none"
    return f"{sentence} Worse by more than chance (Wilcoxon's test, Holm's correction): {beaten}."


def _progress(total: int, *, quiet: bool) -> AbstractContextManager[Progress]:
    """Make a progress bar on stderr; the context's value is told what is done."""
    if quiet:
        return nullcontext(lambda *_: None)
    try:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )
    except ImportError as exc:
        what = "The progress bar (left out with --quiet)"
        raise MissingExtraError(what, "rich", "progress") from exc
    bar = Progress(
        TextColumn("{task.description:24}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("folds"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    return _running(bar, total)


@contextmanager
def _running(bar: Any, total: int) -> Iterator[Progress]:
    task = bar.add_task("", total=total)
    with bar:
        yield lambda dataset, name, n_done, n_folds, step: bar.update(
            task, description=f"{dataset} {name}", advance=step
        )


def _list(name: str | None, parser: argparse.ArgumentParser) -> int:
    if name is not None:
        try:
            print("\n".join(one_estimator(name)))
        except ValueError as error:
            parser.error(str(error))
        return 0
    print("Estimators (the baselines are always shown; `list NAME` shows all parameters of one):")
    for text in every_estimator():
        print(text)
    print("\nMeasures (↓ lower, ↑ higher is better; the first six are the default):")
    print(wrapped("  ", ", ".join(m + ("↑" if m in SIMILARITIES else "↓") for m in MEASURES)))
    print("\nPublic data sets, downloaded on first use (with their publications):")
    for source, publication in list_datasets().items():
        print(wrapped(f"  {source:15}", publication))
    return 0


def _first_line(message: Any) -> str:
    return next(iter(str(message).splitlines()), type(message).__name__)


def _note(message: str) -> None:
    print(message, file=sys.stderr)


if __name__ == "__main__":
    # A terminal without ± and arrows shows question marks, which is better than no table.
    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]
    sys.exit(main())
