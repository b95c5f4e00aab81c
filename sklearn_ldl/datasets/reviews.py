"""A table such as people have: columns of all kinds, and votes."""

from __future__ import annotations

from numbers import Integral
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import softmax
from sklearn.utils import check_random_state

from sklearn_ldl._core.sklearn_compat import Interval, validate_params
from sklearn_ldl.datasets.csv_files import frames

if TYPE_CHECKING:
    from pandas import DataFrame

_KINDS = {"lamp": 0.3, "chair": 0.0, "kettle": -0.4, "radio": -0.8, "tent": 0.5}
_PRAISE = ("solid", "handsome", "well made", "easy to clean", "quiet")
_BLAME = ("wobbly", "hard to assemble", "noisy", "flimsy", "smells at first")
_PLAIN = ("comes in a box", "made for daily use", "with a manual", "weighs what it should")
_N_STARS = 5


@validate_params(
    {
        "n_items": [Interval(Integral, 10, None, closed="left")],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def make_reviews(
    n_items: int = 2000, *, random_state: int | np.random.RandomState | None = None
) -> DataFrame:
    r"""Generate a table of products and of the stars that buyers gave them.

    The votes of an item are drawn from

    .. math:: d_k \propto \exp(-(k - \mu)^2 / 2), \quad k = 1, \ldots, 5,

    where the mean :math:`\mu` depends on the kind of product, on its price and weight, on when it
    was listed and on the words of its description.

    Parameters
    ----------
    n_items : int, default=2000
        Number of rows, at least 10.
    random_state : int, RandomState instance or None, default=None
        Seed.

    Returns
    -------
    table : DataFrame of shape (n_items, 12)
        Columns `sku` (an identifier), `price` and `weight` (numbers), `kind` and `maker`
        (categories), `listed` (dates), `description` (text), and the votes `stars_1` to `stars_5`.
        A tenth of the prices and weights and a twentieth of the makers are missing; a few items
        have one vote, or none.

    See Also
    --------
    load_table : Reads such a table from a file.

    Examples
    --------
    >>> from sklearn_ldl.datasets import make_reviews
    >>> table = make_reviews(100, random_state=0)
    >>> table.shape
    (100, 12)
    >>> table.filter(like="stars").columns.tolist()
    ['stars_1', 'stars_2', 'stars_3', 'stars_4', 'stars_5']
    """
    pd = frames()
    random = check_random_state(random_state)
    kind = random.choice(list(_KINDS), n_items)
    maker = random.choice(["Alder", "Birch", "Cedar", "Elm"], n_items)
    price = np.exp(random.normal(3.5, 0.6, n_items)).round(2)
    weight = (1 + random.gamma(2, 1, n_items)).round(1)
    days = random.randint(0, 5 * 365, n_items)
    n_praise = random.randint(0, 3, n_items)
    n_blame = random.randint(0, 3, n_items)
    mean = (
        3.2
        + np.array([_KINDS[name] for name in kind])
        + 0.6 * (n_praise - n_blame)
        - 0.5 * (np.log(price) - 3.5)
        + 0.3 * (maker == "Elm")
        + 0.2 * (days / 365 - 2.5)
        - 0.1 * np.abs(weight - 3)
    )
    stars = np.arange(1, _N_STARS + 1)
    shares = softmax(-((stars - mean[:, None]) ** 2) / 2, axis=1)
    few = random.uniform(size=n_items) < 0.06
    n_votes = np.where(few, random.randint(0, 2, n_items), 2 + random.poisson(15, n_items))
    votes = np.array([random.multinomial(n, d) for n, d in zip(n_votes, shares, strict=True)])
    texts = [
        _description(random, name, good, bad)
        for name, good, bad in zip(kind, n_praise, n_blame, strict=True)
    ]
    listed = np.datetime64("2019-01-01") + days.astype("timedelta64[D]")

    def with_gaps(values, share):
        return pd.Series(values).mask(random.uniform(size=n_items) < share)

    return pd.DataFrame(
        {
            "sku": [f"{name[:2].upper()}-{i:05d}" for i, name in enumerate(kind, start=1)],
            "price": with_gaps(price, 0.1),
            "weight": with_gaps(weight, 0.1),
            "kind": kind,
            "maker": with_gaps(maker, 0.05),
            "listed": listed.astype(str),
            "description": texts,
            **{f"stars_{k}": votes[:, k - 1] for k in stars},
        }
    )


def _description(random: np.random.RandomState, kind: str, n_praise: int, n_blame: int) -> str:
    parts = [*random.choice(_PRAISE, n_praise, replace=False)]
    parts += [*random.choice(_BLAME, n_blame, replace=False)]
    parts += [*random.choice(_PLAIN, 2, replace=False)]
    return f"A {kind}, {', '.join(random.permutation(parts))}"
