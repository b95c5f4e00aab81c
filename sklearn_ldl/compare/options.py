"""Options of the command line that say how files are read."""

from __future__ import annotations

import argparse
from typing import Any

_NAMES = (
    "sparse",
    "label_columns",
    "vote_columns",
    "rater_columns",
    "long",
    "weights",
    "groups",
    "drop_columns",
    "drop_unlabelled",
    "prior",
)


def add_file_options(parser: argparse.ArgumentParser) -> None:
    """Add the options to a parser."""
    columns = parser.add_mutually_exclusive_group()
    columns.add_argument(
        "--label-columns",
        nargs="+",
        metavar="NAME",
        help="columns of a .csv file with the degrees of the labels, which sum to one",
    )
    columns.add_argument(
        "--vote-columns",
        nargs="+",
        metavar="NAME",
        help="columns with the votes for the labels: counts, which become shares; rows weigh by "
        "the number of their votes (see --weights)",
    )
    columns.add_argument(
        "--rater-columns",
        nargs="+",
        metavar="NAME",
        help="columns with the label that each rater named; they are counted as votes, labels in "
        "the order of numbers or of the alphabet",
    )
    columns.add_argument(
        "--long",
        nargs="+",
        metavar="NAME",
        help="columns of item, rater and label, or item and label, of a .csv file with one row for "
        "each judgment; they are counted as votes",
    )
    parser.add_argument(
        "--weights",
        metavar="NAME",
        help="column with the weights of the rows, or uniform (default: the number of votes, "
        "uniform for degrees)",
    )
    parser.add_argument(
        "--groups", metavar="NAME", help="column that says which rows stay together in folds"
    )
    parser.add_argument("--drop-columns", nargs="+", metavar="NAME", help="columns to leave out")
    parser.add_argument(
        "--drop-unlabelled", action="store_true", help="leave out rows without votes"
    )
    parser.add_argument(
        "--prior",
        type=float,
        metavar="A",
        help="votes to add for every label, which rows without votes need (default: 0)",
    )
    parser.add_argument(
        "--sparse", action="store_true", help="hold features as CSR and do not standardise them"
    )


def file_options(arguments: argparse.Namespace) -> dict[str, Any]:
    """Options that were given, as :func:`~sklearn_ldl.compare.problem.load_problem` takes them."""
    return {name: value for name in _NAMES if (value := getattr(arguments, name))}
