"""Label distribution learning with graphs of auxiliary labels."""

from __future__ import annotations

from numbers import Real
from typing import Any, Literal, Self, Unpack
from warnings import warn

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.base import clone
from sklearn.utils import check_array, get_tags
from torch import Tensor

from sklearn_ldl._core.dask_rows import refuse_dask
from sklearn_ldl._core.fitted import forget
from sklearn_ldl._core.sklearn_compat import Interval, StrOptions, num_samples
from sklearn_ldl.deep.classifiers.base import DeepClassifier
from sklearn_ldl.deep.classifiers.graph_objective import GraphObjective
from sklearn_ldl.deep.estimator import Losses
from sklearn_ldl.deep.losses.registry import get_loss
from sklearn_ldl.deep.parameters import Module, NetOptions
from sklearn_ldl.deep.training.data import TrainingData
from sklearn_ldl.graphs import AuxGraphNeighbors
from sklearn_ldl.graphs.table import neighbor_table


class AuxGraphLDLClassifier(DeepClassifier):
    r"""Network whose predictions agree with those of neighbours in a space of auxiliary labels.

    Auxiliary labels, such as facial landmarks or action units of the face whose expression is to be
    recognised, say which samples are alike even where the class labels are wrong or coarse. With
    the predictions :math:`f_i` and local similarities :math:`a_{ij}` to the nearest neighbours
    :math:`N(i)` in the space of the auxiliary labels, training minimises the mean of

    .. math:: \ell(f_i, d_i) + \lambda \sum_{j \in N(i)} a_{ij} KL\big(\bar f_j \,\|\, f_i\big)

    over the training rows, where the bar means that no gradient flows to the neighbour. Prediction
    needs no auxiliary labels.

    Parameters
    ----------
    graph : AuxGraphNeighbors, default=None
        How similarities are computed, with its number of neighbours, scale, and groups of columns
        for several tasks; cloned. None means :class:`~sklearn_ldl.AuxGraphNeighbors` as it comes;
        give one to search its parameters, such as ``graph__n_neighbors``.
    aux_weight : float, default=0.1
        Weight :math:`\lambda` of the graph, at least 0. The published values, 1e-4 to 1e-2, are for
        fine-tuning; a network trained from nothing on noisy labels wants 0.1 to 10. Search for it.
    direction : {"neighbor_first", "center_first"}, default="neighbor_first"
        Order of the arguments of the divergence: as above and published, or reversed.
    detach : bool, default=True
        Whether neighbours are constants of the loss, as published. False needs
        ``neighbor_forward="joint"``.
    neighbor_forward : {"joint", "no_grad"}, default="joint"
        Whether neighbours pass the network with the batch, in training mode, or by themselves in
        evaluation mode without gradients, which takes about half of the memory.
    ramp : float in [0, 1], default=0.0
        Share of `max_epochs` over which the weight rises from 0, since early predictions of
        neighbours are noise.
    <net parameters>

    Attributes
    ----------
    graph_ : csr_array of shape (n_rows, n_rows)
        Similarities between the training rows: those not set aside for early stopping, and with
        a weight. Missing after a fit without auxiliary labels.
    classes_ : ndarray of shape (n_classes,)
        Class labels, in the order of the columns of `predict_proba`.
    n_labels_ : int
        Number of classes.
    net_ : skorch.NeuralNet
        The fitted net.
    history_ : dict of ndarrays of shape (n_epochs,)
        "train_loss" and its parts "train_label" and "train_graph"; "valid_loss" (without the
        graph) with early stopping.
    n_iter_ : int
        Epochs that were trained.
    input_shape_ : tuple of int
        Shape of one sample.
    n_features_in_ : int
        Number of features (of channels, for images).

    See Also
    --------
    sklearn_ldl.AuxGraphNeighbors : The graph by itself.
    DeepLDLClassifier : The same without auxiliary labels.

    Notes
    -----
    Auxiliary labels are metadata of `fit` with one row per sample, so scikit-learn slices them in
    every search and cross-validation:

    * ``GridSearchCV(model, ...).fit(X, y, aux=A)``, with metadata routing enabled after
      ``model.set_fit_request(aux=True)``;
    * ``cross_validate(model, X, y, params={"aux": A})``;
    * ``pipeline.fit(X, y, step__aux=A)``, with metadata routing enabled ``pipeline.fit(X, y,
      aux=A)``.

    Against noisy labels, compare with early stopping alone and, where the features are clean, with
    their own graph, ``aux=X``: both may do better.

    The published recipe is ``PRESETS["aux_graph"]`` with ``aux_weight=5e-4``.

    References
    ----------
    S. Chen, J. Wang, Y. Chen, Z. Shi, X. Geng, Y. Rui, "Label distribution learning on auxiliary
    label space graphs for facial expression recognition", CVPR 2020.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_ldl import AuxGraphLDLClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> model = AuxGraphLDLClassifier(aux_weight=0.5, random_state=0)
    >>> model = model.fit(X[:, :2], y, aux=X[:, 2:])
    >>> model.predict(X[:2, :2])
    array([0, 0])
    """

    _parameter_constraints: dict = {
        "graph": [AuxGraphNeighbors, None],
        "aux_weight": [Interval(Real, 0, None, closed="left")],
        "direction": [StrOptions({"neighbor_first", "center_first"})],
        "detach": ["boolean"],
        "neighbor_forward": [StrOptions({"joint", "no_grad"})],
        "ramp": [Interval(Real, 0, 1, closed="both")],
    }

    def __init__(
        self,
        graph: AuxGraphNeighbors | None = None,
        *,
        aux_weight: float = 0.1,
        direction: Literal["neighbor_first", "center_first"] = "neighbor_first",
        detach: bool = True,
        neighbor_forward: Literal["joint", "no_grad"] = "joint",
        ramp: float = 0.0,
        module: Module | None = None,
        **net: Unpack[NetOptions],
    ):
        super().__init__(module, **net)
        self.graph = graph
        self.aux_weight = aux_weight
        self.direction = direction
        self.detach = detach
        self.neighbor_forward = neighbor_forward
        self.ramp = ramp

    def fit(  # type: ignore[override]
        self,
        X: Any,
        y: ArrayLike | None = None,
        aux: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        *,
        X_val: Any = None,
        y_val: ArrayLike | None = None,
        sample_weight_val: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> Self:
        """Build the graph and train the network.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features), array of shape \
                (n_samples, channels, height, width), or torch Dataset
            Samples.
        y : array-like of shape (n_samples,) or (n_samples, n_classes)
            Class labels, or label distributions. None takes the targets of a Dataset.
        aux : array-like of shape (n_samples, n_aux)
            Auxiliary labels. Several tasks stand side by side, their columns told apart by
            `aux_groups` of the graph; further dimensions are flattened. A sparse matrix of
            distances between all samples where the graph has ``neighbors="precomputed"``. Without
            them a warning says that nothing but the labels is learnt.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights of the rows as centres, not all zero. A row without weight is no
            neighbour either.
        X_val : like X, default=None
            Samples for validation: instead of a part of `X` their loss ends training, with early
            stopping, and it is in `history_` without it, too. A Dataset may lack the random
            transforms of the one for training.
        y_val : like y, default=None
            Their targets.
        sample_weight_val : array-like of shape (n_val,), default=None
            Their weights.
        groups : array-like of shape (n_samples,), default=None
            Which rows belong together, such as photos of one person: early stopping sets whole
            groups aside.

        Returns
        -------
        self : AuxGraphLDLClassifier
            The fitted classifier.

        Raises
        ------
        ValueError
            If features, targets or auxiliary labels are not valid or differ in length, if no two
            rows are similar, if `detach` and `neighbor_forward` contradict each other, if the
            module does not fit the shapes, or if training diverges.

        Warns
        -----
        UserWarning
            If there are no auxiliary labels.
        """
        refuse_dask(self, aux)
        return self._fit(
            X,
            y,
            sample_weight,
            aux=aux,
            X_val=X_val,
            y_val=y_val,
            sample_weight_val=sample_weight_val,
            groups=groups,
        )

    def _no_stream(self) -> str:
        return "its graph joins all training rows"

    def _depends_on_max_epochs(self) -> bool:
        return self.ramp > 0 or super()._depends_on_max_epochs()

    def _losses(self, data: TrainingData) -> Losses:
        if self.neighbor_forward == "no_grad" and not self.detach:
            raise ValueError('detach=False needs gradients: set neighbor_forward="joint".')
        row_loss = get_loss(self.loss)
        aux = data.metadata["aux"]
        if aux is None:
            warn("No auxiliary labels: there is no graph. Pass fit(X, y, aux=A).", stacklevel=7)
            forget(self, "graph_")
            return row_loss
        return row_loss, GraphObjective(self, row_loss, *self._neighbors(aux, data))

    def _neighbors(self, aux: Any, data: TrainingData) -> tuple[Tensor, Tensor]:
        """Neighbours and similarities of all rows; those not trained on have and are none."""
        n_rows, (rows, _) = data.n_samples, data.rows
        graph = AuxGraphNeighbors() if self.graph is None else clone(self.graph)
        precomputed = get_tags(graph).input_tags.pairwise
        A = _check_aux(aux, n_rows, precomputed)
        if graph.random_state is None:
            graph.set_params(random_state=data.random_state.randint(np.iinfo(np.int32).max))
        # The searches behind the graph hold the auxiliary labels: they are let go.
        self.graph_ = graph.fit(A[rows][:, rows] if precomputed else A[rows]).graph_
        indices, similarities = neighbor_table(self.graph_)
        if not similarities.any():
            raise ValueError("No two rows are similar: sigma of the graph is too small.")
        neighbors = np.zeros((n_rows, indices.shape[1]), dtype=np.int64)
        weights = np.zeros(neighbors.shape, dtype=np.float32)
        neighbors[rows], weights[rows] = rows[indices], similarities
        return torch.from_numpy(neighbors), torch.from_numpy(weights)


def _check_aux(aux: Any, n_rows: int, precomputed: bool) -> Any:
    """Return auxiliary labels as one matrix with a row per sample, or the graph that they are."""
    # Splitters hand over whatever has another length than X as it is, such as a list of tasks.
    if num_samples(aux) != n_rows:
        raise ValueError(
            f"aux must be one array with a row per sample: got {num_samples(aux)} rows for "
            f"{n_rows} samples. Several tasks stand side by side, their columns told apart by "
            "aux_groups of AuxGraphNeighbors."
        )
    if precomputed:
        A = check_array(aux, accept_sparse="csr", dtype=np.float64, input_name="aux")
        if A.shape[1] != n_rows:
            raise ValueError(
                f"aux of shape {A.shape} is no graph between {n_rows} samples. Searches and "
                "cross-validation slice its rows alone: there, give AuxGraphNeighbors a "
                "transformer instead of a precomputed graph."
            )
        return A
    A = check_array(aux, dtype=np.float64, allow_nd=True, input_name="aux")
    return A.reshape(n_rows, -1)
