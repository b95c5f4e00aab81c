"""Nearest-neighbour graphs over auxiliary labels."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from numbers import Integral, Real
from operator import add
from typing import Any
from warnings import warn

import numpy as np
from joblib import cpu_count, effective_n_jobs
from numpy.typing import ArrayLike
from scipy.sparse import csr_array
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.neighbors import KNeighborsTransformer
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.validation import check_is_fitted

from sklearn_ldl._core.extras import MissingExtraError
from sklearn_ldl._core.plain_state import PlainState
from sklearn_ldl._core.samples import validate_samples
from sklearn_ldl._core.sklearn_compat import HasMethods, Interval, StrOptions, fit_context
from sklearn_ldl.graphs.copies import Copies, distinct_rows, places_at_distance_zero
from sklearn_ldl.graphs.search import (
    APPROXIMATE_MIN_NEIGHBORS,
    EXACT_MAX_ROWS,
    EuclideanSearch,
    find,
    nearest,
)
from sklearn_ldl.graphs.table import check_square
from sklearn_ldl.graphs.tasks import (
    check_groups,
    check_n_neighbors,
    refuse_many_arrays,
    task_columns,
)
from sklearn_ldl.graphs.weights import check_sigma, similarity

__all__ = ["AuxGraphNeighbors"]


class AuxGraphNeighbors(PlainState, TransformerMixin, BaseEstimator):
    r"""Graph of local similarities between samples in the space of their auxiliary labels.

    Samples with similar auxiliary labels, such as facial landmarks or action units, should have
    similar label distributions. Every sample is joined to its `n_neighbors` nearest samples by
    directed edges with the weight

    .. math:: a_{ij} = \exp\left( -\frac{\|A_i - A_j\|^2}{2 \sigma^2} \right),

    where :math:`A_i` are the auxiliary labels of sample i. There is one such graph per task, that
    is, per group of columns that belong together. A loss that sums over the tasks and the
    neighbours of each needs nothing but the sum of the graphs, so that is what `graph_` and
    `transform` hold.

    `A` is used as it is: a column with a large scale decides who is whose neighbour. Bring the
    columns of a task to comparable units before.

    Rows that are repeated, such as a face with several annotators, count once: neither the scale
    nor the similarity to others depends on how many copies there are. Copies of a sample are
    neighbours besides.

    Parameters
    ----------
    n_neighbors : int or array-like of shape (n_tasks,), default=4
        Neighbours of each sample and task: the nearest rows that differ from it, each of them
        once. Of the samples that equal it, as many again are neighbours too. One entry per task,
        or one for all.
    sigma : "median", float or array-like of shape (n_tasks,), default="median"
        Scale of the similarity in units of `A`, positive. "median" is the median distance of a
        task between the distinct rows and their neighbours. One entry per task, each a number or
        "median", or one for all. Published values are 1 for action units and 68 for 68 landmarks
        in pixels.
    aux_groups : list, default=None
        The columns of each task: slices, arrays of column indices or boolean masks. Tasks may
        share columns and need not cover all. None means one task with all columns.
    algorithm : {"auto", "exact", "approximate"}, default="auto"
        "exact" is scikit-learn's search; "approximate" is nearest neighbour descent, which needs
        the package pynndescent and compiles itself for half a minute in every new process; "auto"
        is exact up to 60,000 samples. Not used if `neighbors` is given.
    neighbors : transformer or "precomputed", default=None
        Any transformer of samples into a sparse graph of distances, such as
        ``KNeighborsTransformer(metric="manhattan")`` or ``PyNNDescentTransformer()``, to be used
        instead. It is cloned. It gets the distinct rows and must find `n_neighbors` besides each
        itself, whose distances replace the Euclidean ones in the formula. "precomputed" says that
        `A` itself is such a graph, of one task, whose stored zeros are distances: between copies,
        which should not fill up the rows.
    n_jobs : int, default=None
        Parallel jobs of the built-in searches. None means 1, -1 all processors. Another number
        may change a few of the neighbours that the approximate search finds.
    random_state : int, RandomState instance or None, default=None
        Seed of the approximate search; the exact one is deterministic.

    Attributes
    ----------
    graph_ : csr_array of shape (n_samples, n_samples)
        Sum of `graphs_`. No sample is its own neighbour, however many equal it.
    graphs_ : list of csr_array of shape (n_samples, n_samples)
        The graph of each task. A row has at most `n_neighbors` entries for rows that differ from
        it, each for one copy of such a row (the copies take turns), and at most as many, of
        similarity 1, for its own copies. Similarities too small for a float are left out: all
        stored ones lie in (0, 1].
    sigmas_ : ndarray of shape (n_tasks,)
        The scale of each task. It is 0 if `sigma` is "median" and no two different rows are
        neighbours; then equal ones have similarity 1 and all others 0.
    aux_groups_ : list of ndarray of int
        The column indices of each task.
    n_neighbors_ : int or ndarray of shape (n_tasks,)
        The number of neighbours used, `n_neighbors` or ``n_samples - 1``, in the form in which it
        was given.
    n_features_in_ : int
        Number of auxiliary labels.
    feature_names_in_ : ndarray of shape (n_features,)
        Their names, when `A` was a data frame with string columns.

    See Also
    --------
    sklearn.neighbors.KNeighborsTransformer : Graph of distances.

    Notes
    -----
    `transform` cannot know whether a row is one of the fitted samples, so it excludes nothing, and
    neither does `fit_transform`, which is `fit` followed by `transform`: there a sample is its own
    first neighbour. The graph to train with is `graph_`. Of training samples that equal each other
    the first one stands for all.

    References
    ----------
    S. Chen, J. Wang, Y. Chen, Z. Shi, X. Geng, Y. Rui, "Label distribution learning on auxiliary
    label space graphs for facial expression recognition", CVPR 2020.

    W. Dong, C. Moses, K. Li, "Efficient k-nearest neighbor graph construction for generic
    similarity measures", WWW 2011 (the approximate search).

    Examples
    --------
    >>> from sklearn_ldl import AuxGraphNeighbors
    >>> A = [[0.0], [1.0], [1.0], [3.0]]
    >>> neighbors = AuxGraphNeighbors(n_neighbors=1, sigma=1.0).fit(A)
    >>> neighbors.graph_.toarray().round(3)
    array([[0.   , 0.607, 0.   , 0.   ],
           [0.607, 0.   , 1.   , 0.   ],
           [0.607, 1.   , 0.   , 0.   ],
           [0.   , 0.135, 0.   , 0.   ]])
    >>> neighbors.transform([[3.0]]).toarray()
    array([[0., 0., 0., 1.]])
    """

    _parameter_constraints: dict = {
        "n_neighbors": [Interval(Integral, 1, None, closed="left"), "array-like"],
        "sigma": [StrOptions({"median"}), Interval(Real, 0, None, closed="neither"), "array-like"],
        "aux_groups": [list, tuple, None],
        "algorithm": [StrOptions({"auto", "exact", "approximate"})],
        "neighbors": [
            HasMethods(["fit_transform", "transform"]),
            StrOptions({"precomputed"}),
            None,
        ],
        "n_jobs": [Interval(Integral, None, None, closed="neither"), None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        n_neighbors: int | ArrayLike = 4,
        *,
        sigma: str | float | ArrayLike = "median",
        aux_groups: Sequence[slice | ArrayLike] | None = None,
        algorithm: str = "auto",
        neighbors: Any = None,
        n_jobs: int | None = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_neighbors = n_neighbors
        self.sigma = sigma
        self.aux_groups = aux_groups
        self.algorithm = algorithm
        self.neighbors = neighbors
        self.n_jobs = n_jobs
        self.random_state = random_state

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, A: ArrayLike, y: Any = None) -> AuxGraphNeighbors:
        """Build the graph of the training samples.

        Parameters
        ----------
        A : array-like of shape (n_samples, n_aux)
            Auxiliary labels, at least two samples. The tasks stand side by side. A sparse matrix
            of distances, of shape (n_samples, n_samples), with ``neighbors="precomputed"``.
        y : None
            Ignored: the similarity comes from the auxiliary labels alone.

        Returns
        -------
        self : AuxGraphNeighbors
            The fitted transformer.

        Raises
        ------
        ValueError
            If `A` is not one 2-D array of finite numbers, if a group is empty, repeats a column
            or names one that `A` lacks, if there is not one positive sigma or number of neighbours
            per task, if `neighbors` does not give finite, non-negative distances to the samples,
            or if a precomputed graph is not square or comes with `aux_groups`.
        TypeError
            If `A` or what `neighbors` returns is of the wrong kind.
        ImportError
            If the approximate search is needed and pynndescent is not installed.

        Warns
        -----
        UserWarning
            If `neighbors` finds fewer than `n_neighbors` neighbours of every sample, or if no two
            different rows of a task are similar: all are equal, or `sigma` is too small.
        """
        refuse_many_arrays(A)
        A = self._validate_aux(A, ensure_min_samples=2)
        if self._is_precomputed():
            check_square(A)
            if self.aux_groups is not None:
                raise ValueError("A precomputed graph is one task: leave aux_groups at None.")
        n_samples, n_aux = A.shape
        self.aux_groups_ = check_groups(self.aux_groups, n_aux)
        scales = check_sigma(self.sigma, len(self.aux_groups_))
        counts = check_n_neighbors(self.n_neighbors, len(self.aux_groups_))
        counts = np.minimum(counts, n_samples - 1)
        self.n_neighbors_ = int(counts[0]) if isinstance(self.n_neighbors, Integral) else counts

        self._searches = []
        self._copies = []
        self.graphs_ = []
        self.sigmas_ = np.empty(len(scales))
        for task, (columns, sigma, n_neighbors) in enumerate(
            zip(self.aux_groups_, scales, counts.tolist(), strict=True)
        ):
            points = task_columns(A, columns)
            if self._is_precomputed():
                rows = np.arange(n_samples)
            else:
                points, rows = distinct_rows(points)
            n_points = points.shape[0]
            search = self._new_search(n_points, n_neighbors)
            found = find(search.fit_transform, points, n_points)
            # Another metric than the Euclidean one may see different rows in one place.
            merged = Copies(places_at_distance_zero(found))
            copies = Copies(merged.places[rows])
            distances = nearest(merged.merge_both(found), n_neighbors, skip_self=True)
            _check_found(distances, copies, task, n_neighbors)
            if sigma == "median":
                sigma = np.median(distances.data) if distances.nnz else 0.0
            near = similarity(distances, sigma)
            if not near.nnz:
                why = "sigma is too small" if distances.nnz else "neighbors found copies alone"
                why = "all are equal" if copies.n_places == 1 else why
                warn(f"No two different rows of task {task} are similar: {why}.", stacklevel=3)
            self.sigmas_[task] = sigma
            self.graphs_.append(copies.join(near, n_neighbors))
            self._searches.append(search)
            self._copies.append((merged, copies))
        self.graph_ = reduce(add, self.graphs_)
        return self

    def transform(self, A: ArrayLike) -> csr_array:
        """Similarities of new samples to their nearest training samples.

        Parameters
        ----------
        A : array-like of shape (n_queries, n_aux)
            Auxiliary labels of the new samples. A sparse matrix of distances to the fitted ones,
            of shape (n_queries, n_samples), with ``neighbors="precomputed"``.

        Returns
        -------
        graph : csr_array of shape (n_queries, n_samples)
            Sum of the graphs of all tasks. A row that equals a training sample is a neighbour
            of that sample, with similarity 1 in every task; of the first one of several copies.

        Raises
        ------
        ValueError
            If `A` is not one 2-D array of finite numbers with the columns seen in `fit`.
        """
        check_is_fitted(self)
        refuse_many_arrays(A)
        A = self._validate_aux(A, reset=False)
        graphs = []
        counts = np.broadcast_to(self.n_neighbors_, len(self.aux_groups_))
        for columns, sigma, n_neighbors, search, (merged, copies) in zip(
            self.aux_groups_, self.sigmas_, counts, self._searches, self._copies, strict=True
        ):
            points = task_columns(A, columns)
            found = merged.merge(find(search.transform, points, len(merged.places)))
            distances = nearest(found, n_neighbors, skip_self=False)
            graphs.append(copies.first(similarity(distances, sigma)))
        return reduce(add, graphs)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = tags.input_tags.pairwise = self._is_precomputed()
        return tags

    def _is_precomputed(self) -> bool:
        return isinstance(self.neighbors, str)

    def _validate_aux(self, A: Any, **options: Any) -> Any:
        kind = "csr" if self._is_precomputed() else False
        return validate_samples(self, A, accept_sparse=kind, dtype=np.float64, **options)

    def _new_search(self, n_samples: int, n_neighbors: int) -> Any:
        """Return an unfitted transformer of points into a sparse graph of distances."""
        if self._is_precomputed():
            return FunctionTransformer()  # the points are the distances
        if self.neighbors is not None:
            if getattr(self.neighbors, "mode", "distance") != "distance":
                raise ValueError("neighbors must return distances: set its mode to 'distance'.")
            return clone(self.neighbors)
        n_neighbors = min(n_neighbors, n_samples - 1)
        small = n_samples <= EXACT_MAX_ROWS
        if self.algorithm == "exact" or (self.algorithm == "auto" and small):
            return EuclideanSearch(
                KNeighborsTransformer(n_neighbors=n_neighbors, n_jobs=self.n_jobs)
            )
        try:
            from pynndescent import PyNNDescentTransformer
        except ImportError as error:
            raise MissingExtraError(
                f"The approximate search of {n_samples} samples",
                "pynndescent",
                "graph",
                'Or set algorithm="exact".',
            ) from error
        n_neighbors = max(n_neighbors, APPROXIMATE_MIN_NEIGHBORS)
        return EuclideanSearch(
            PyNNDescentTransformer(
                n_neighbors=min(n_neighbors, n_samples - 1),
                n_jobs=min(effective_n_jobs(self.n_jobs), cpu_count()),
                random_state=self.random_state,
            )
        )


def _check_found(distances: csr_array, copies: Copies, task: int, n_neighbors: int) -> None:
    """Complain if a search found no neighbours, or fewer than asked for everywhere."""
    most = np.diff(distances.indptr).max()
    wanted = min(n_neighbors, copies.n_places - 1)
    if most == 0 < wanted and copies.n_places == len(copies.places):
        raise ValueError(f"neighbors found no neighbour of any sample in task {task}.")
    if 0 < most < wanted:
        warn(
            f"neighbors found at most {most} neighbours of a sample in task {task}, "
            f"n_neighbors asks for {wanted}.",
            UserWarning,
            stacklevel=4,
        )
