"""A network behind whose classes a layer tells what annotators make of them."""

from __future__ import annotations

from numbers import Real
from typing import Any, Self, Unpack, cast

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_consistent_length

from sklearn_ldl._core.fitted import forget
from sklearn_ldl._core.sklearn_compat import Interval
from sklearn_ldl.deep.classifiers.base import DeepClassifier
from sklearn_ldl.deep.classifiers.transitions import TransitionObjective
from sklearn_ldl.deep.losses.base import Loss
from sklearn_ldl.deep.losses.registry import get_loss
from sklearn_ldl.deep.parameters import Module, NetOptions
from sklearn_ldl.deep.training.data import TrainingData
from sklearn_ldl.deep.training.device import resolve_device
from sklearn_ldl.deep.training.net import Objective
from sklearn_ldl.distributors.encoding import encode


class NoiseAdaptationClassifier(DeepClassifier):
    r"""Network that learns the true classes from labels of annotators who mistake them.

    An annotator :math:`a` gives the label k to a sample of the true class j with the probability
    :math:`T^a_{jk}`, whatever else is in the sample. These matrices are a layer behind the softmax
    :math:`f` of the network, and training minimises the mean of

    .. math:: -\ln \sum_j f_j(x_i)\, T^{a_i}_{j y_i}

    over the training rows, in the network and in the matrices. Predictions leave the layer out:
    they are those of the true class.

    Parameters
    ----------
    warmup : float in [0, 1], default=0.2
        Share of `max_epochs`, one epoch at least, that learn labels as they are; what the network
        mistakes then are the matrices to begin with. 0 begins with matrices near the identity.
    <net parameters>

    Attributes
    ----------
    transitions_ : ndarray of shape (n_annotators, n_classes, n_classes)
        The distribution of labels for every true class, in the rows of the matrix of every
        annotator. Without annotators there is one matrix.
    annotators_ : ndarray of shape (n_annotators,)
        The annotators, sorted. Missing after a fit without them.
    classes_ : ndarray of shape (n_classes,)
        Class labels, in the order of the columns of `predict_proba`. After a fit to distributions
        the names of their columns, in their order, or ``arange(n_classes)`` where they have none.
    n_labels_ : int
        Number of classes.
    net_ : skorch.NeuralNet
        The fitted net.
    history_ : dict of ndarrays of shape (n_epochs,)
        "train_loss", and "valid_loss" with early stopping: that of the mean of all matrices.
    n_iter_ : int
        Epochs that were trained.
    input_shape_ : tuple of int
        Shape of one sample.
    n_features_in_ : int
        Number of features (of channels, for images).

    See Also
    --------
    AuxGraphLDLClassifier : Wrong labels against auxiliary labels of the same samples.
    sklearn_ldl.datasets.make_noisy_labels : Labels of annotators, to try it.

    Notes
    -----
    With one matrix this is the simple noise adaptation layer; one for each annotator is the layer
    by which IPA2LT finds a latent truth. The matrices are not trained by gradients, as published,
    but set after every epoch to those that are most likely given what the network says of the
    rows, which is a step of expectation maximisation for the same likelihood: nothing has to be
    chosen for it. A hundredth as many rows as there are, spread over the classes, are added for
    every annotator; half of them have right labels.

    What a network may learn by heart no matrix has to explain. Stop training early, and do not
    expect the matrices of a network that fits every label to be anything but the identity.

    ``model.predict_proba(X) @ model.transitions_[a]`` are the labels that an annotator would give.

    Annotators are metadata of `fit` with one entry per sample: searches and cross-validation slice
    them, see :class:`AuxGraphLDLClassifier`.

    References
    ----------
    J. Goldberger, E. Ben-Reuven, "Training deep neural-networks using a noise adaptation layer",
    ICLR 2017.

    A. J. Bekker, J. Goldberger, "Training deep neural-networks based on unreliable labels", ICASSP
    2016 (expectation maximisation).

    J. Zeng, S. Shan, X. Chen, "Facial expression recognition with inconsistently annotated
    datasets", ECCV 2018 (a matrix for each annotator).

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_ldl import NoiseAdaptationClassifier
    >>> from sklearn_ldl.datasets import make_noisy_labels
    >>> X, y = load_iris(return_X_y=True)
    >>> noisy = make_noisy_labels(y, 0.3, random_state=0)
    >>> model = NoiseAdaptationClassifier(random_state=0).fit(X, noisy)
    >>> model.score(X, y) > 0.9
    True
    >>> model.transitions_.shape
    (1, 3, 3)
    """

    _parameter_constraints: dict = {"warmup": [Interval(Real, 0, 1, closed="both")]}

    def __init__(
        self,
        module: Module | None = None,
        *,
        warmup: float = 0.2,
        **net: Unpack[NetOptions],
    ):
        super().__init__(module, **net)
        self.warmup = warmup

    def fit(  # type: ignore[override]
        self,
        X: Any,
        y: ArrayLike | None = None,
        annotators: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        *,
        X_val: Any = None,
        y_val: ArrayLike | None = None,
        sample_weight_val: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> Self:
        """Train the network, and find out about the annotators.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features), array of shape \
                (n_samples, channels, height, width), or torch Dataset
            Samples. One with labels of several annotators is as many rows.
        y : array-like of shape (n_samples,) or (n_samples, n_classes)
            Labels that the annotators gave, or label distributions. None takes the targets of a
            Dataset.
        annotators : array-like of shape (n_samples,), default=None
            Who gave the label of each row: names or numbers. None means that all are mistaken
            alike.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights, not all zero.
        X_val : like X, default=None
            Samples for validation: instead of a part of `X` their loss ends training, with early
            stopping, and it is in `history_` without it, too. A Dataset may lack the random
            transforms of the one for training.
        y_val : like y, default=None
            Their labels, as annotators give them.
        sample_weight_val : array-like of shape (n_val,), default=None
            Their weights.
        groups : array-like of shape (n_samples,), default=None
            Which rows belong together, such as one sample with several labels: early stopping sets
            whole groups aside.

        Returns
        -------
        self : NoiseAdaptationClassifier
            The fitted classifier.

        Raises
        ------
        ValueError
            If features, targets or annotators are not valid or differ in length, if `warm_start`
            meets other annotators, if the module does not fit the shapes, or if training diverges.
        """
        return self._fit(
            X,
            y,
            sample_weight,
            annotators=annotators,
            X_val=X_val,
            y_val=y_val,
            sample_weight_val=sample_weight_val,
            groups=groups,
        )

    def _no_stream(self) -> str:
        return "the mistakes of annotators are estimated on all rows after every epoch"

    def _depends_on_max_epochs(self) -> bool:
        return self.warmup > 0 or super()._depends_on_max_epochs()

    def _losses(self, data: TrainingData) -> tuple[Loss, Objective]:
        device = resolve_device(self.device)
        codes = self._annotator_codes(data)
        weight = np.ones(data.n_samples) if data.weight is None else data.weight
        rows = data.rows[0]
        n_annotators = len(getattr(self, "annotators_", [None]))
        shares = np.bincount(codes[rows], weight[rows], minlength=n_annotators)
        earlier = self.transitions_ if self._goes_on() else None
        objective = TransitionObjective(
            get_loss(self.loss),
            torch.from_numpy(codes).to(device),
            torch.from_numpy(shares / shares.sum()).float().to(device),
            transitions=None if earlier is None else torch.from_numpy(earlier).float().to(device),
            n_classes=self.n_labels_,
            warmup=max(1, round(self.warmup * self.max_epochs)) if self.warmup else 0,
        )
        return objective.valid_loss, objective

    def _annotator_codes(self, data: TrainingData) -> NDArray[np.intp]:
        """Set `annotators_`, and return the number of the annotator of every row."""
        given = data.metadata["annotators"]
        if given is None:
            names, codes = None, np.zeros(data.n_samples, dtype=np.intp)
        else:
            check_consistent_length(data.features, given)
            names, codes = encode(given, "annotators")
            if names.dtype.kind == "f" and (names % 1 != 0).any():
                raise ValueError(
                    f"annotators must be names or whole numbers, got {names[names % 1 != 0][0]}: "
                    "pass weights as sample_weight=."
                )
        if self._goes_on():
            before: Any = getattr(self, "annotators_", None)
            if not np.array_equal(before, cast(Any, names)):
                raise ValueError(
                    f"warm_start goes on with the same annotators only: {before} became {names}."
                )
        if names is None:
            forget(self, "annotators_")
        else:
            self.annotators_ = names
        return codes

    def _fit_net(self, data: TrainingData, row_loss: Loss, objective: Objective | None) -> None:
        super()._fit_net(data, row_loss, objective)
        T = cast(TransitionObjective, objective).finish().cpu().double().numpy()
        self.transitions_ = T / T.sum(axis=2, keepdims=True)
