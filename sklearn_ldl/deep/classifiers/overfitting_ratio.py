"""Training that looks at how much every class overfits (experimental)."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Literal, Unpack, cast

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split

from sklearn_ldl._core.sklearn_compat import Interval, StrOptions
from sklearn_ldl.deep.classifiers.base import DeepClassifier
from sklearn_ldl.deep.classifiers.class_ratios import RatioObjective
from sklearn_ldl.deep.losses.base import Loss
from sklearn_ldl.deep.losses.registry import get_loss
from sklearn_ldl.deep.parameters import Module, NetOptions
from sklearn_ldl.deep.training.data import TrainingData
from sklearn_ldl.deep.training.device import resolve_device
from sklearn_ldl.deep.training.net import Objective
from sklearn_ldl.deep.training.validation import set_groups_aside


class OGRClassifier(DeepClassifier):
    r"""Network that treats classes by how much they overfit (experimental).

    Before every epoch the over-fitting-to-generalisation ratio of each class is taken from its mean
    losses on training rows, :math:`T_k`, and on rows set aside, :math:`V_k`, and from those `gap`
    epochs ago,

    .. math:: \mathrm{OGR}_k = \frac{\big((V_k - T_k) - (V_k' - T_k')\big)^2}
              {|V_k' - V_k| + 10^{-8}},

    at most the 95th percentile of the classes. It controls, from the moment when it is known,
    either the weights of the classes in the loss or the smoothing of their labels. Expect neither
    better accuracy nor better calibration: for the weights, the authors report calibration that is
    much worse.

    Parameters
    ----------
    use : {"weight", "smooth"}, default="smooth"
        "weight" multiplies the loss of a row by the ratio of its class, over its mean;
        "smooth" mixes the share ``max_smoothing * ratio / max(ratio)`` of the uniform distribution
        into the target.
    max_smoothing : float, default=0.1
        Smoothing of the class that overfits most, in [0, 1]; unused for weights.
    gap : int, default=10
        Epochs over which losses are compared; training needs more.
    <net parameters>

    Attributes
    ----------
    ratio_ : ndarray of shape (n_classes,)
        The ratios at the beginning of the last epoch.
    classes_ : ndarray of shape (n_classes,)
        Class labels, in the order of the columns of `predict_proba`. After a fit to distributions
        the names of their columns, in their order, or ``arange(n_classes)`` where they have none.
    n_labels_ : int
        Number of classes.
    net_ : skorch.NeuralNet
        The fitted net; its module is ``net_.module_``.
    history_ : dict of ndarrays of shape (n_epochs,)
        "train_loss" and "valid_loss".
    n_iter_ : int
        Epochs that were trained.
    input_shape_ : tuple of int
        Shape of one sample.
    n_features_in_ : int
        Number of features (of channels, for images).

    See Also
    --------
    DeepLDLClassifier : The same without ratios.

    Notes
    -----
    `validation_fraction` of the rows is always set aside, also without early stopping. With
    distributions for `y`, a row counts for every class by its degree. A Dataset needs `y` besides
    it: the classes of all rows must be known. `max_epochs` must be above `gap`.

    References
    ----------
    S. Hong, J. Yoon, B. Park, M.-K. Choi, "Rethinking soft label in label distribution learning
    perspective", arXiv:2301.13444, 2023. The smoothing is our reading of its soft labels.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_ldl import OGRClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> model = OGRClassifier(random_state=0).fit(X, y)
    >>> model.score(X, y) > 0.9
    True
    >>> model.ratio_.shape
    (3,)
    """

    _parameter_constraints: dict = {
        "use": [StrOptions({"weight", "smooth"})],
        "max_smoothing": [Interval(Real, 0, 1, closed="both")],
        "gap": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(
        self,
        module: Module | None = None,
        *,
        use: Literal["weight", "smooth"] = "smooth",
        max_smoothing: float = 0.1,
        gap: int = 10,
        **net: Unpack[NetOptions],
    ):
        super().__init__(module, **net)
        self.use = use
        self.max_smoothing = max_smoothing
        self.gap = gap

    def _no_stream(self) -> str:
        return "it compares epochs on the same rows"

    def _split(self, data: TrainingData) -> tuple[NDArray, NDArray]:
        rows = np.arange(data.n_samples)
        if data.sample_weight is not None:
            rows = rows[data.sample_weight > 0]
        if data.validation is not None:
            raise ValueError(
                "OGRClassifier compares rows of X that it sets aside: leave out X_val, or give "
                "groups."
            )
        if data.groups is not None:
            return set_groups_aside(rows, self.validation_fraction, data.groups, data.random_state)
        train, valid = train_test_split(
            rows, test_size=self.validation_fraction, random_state=data.random_state
        )
        return train, valid

    def _losses(self, data: TrainingData) -> tuple[Loss, Objective]:
        if self.max_epochs <= self.gap:
            raise ValueError(
                f"max_epochs={self.max_epochs} must be above gap={self.gap}: the ratios would "
                "never be used."
            )
        if data.targets is None:
            raise ValueError("The classes of all rows must be known: give y besides the Dataset.")
        device = resolve_device(self.device)
        loss = get_loss(self.loss)
        weight = data.weight
        if weight is not None:
            weight = torch.from_numpy(weight.astype(np.float32)).to(device)
        objective = RatioObjective(
            loss,
            torch.from_numpy(data.targets).to(device),
            [torch.from_numpy(rows).to(device) for rows in data.rows],
            weight,
            gap=self.gap,
            max_smoothing=self.max_smoothing if self.use == "smooth" else None,
        )
        return loss, objective

    def _fit_net(self, data: TrainingData, row_loss: Loss, objective: Objective | None) -> None:
        super()._fit_net(data, row_loss, objective)
        self.ratio_ = cast(RatioObjective, objective).ratio
