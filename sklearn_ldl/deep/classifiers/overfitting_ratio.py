"""Training that looks at how much every class overfits (experimental)."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Integral, Real
from typing import Any, Literal, Unpack

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from torch import Tensor

from sklearn_ldl._core.callbacks import with_callbacks
from sklearn_ldl._core.sklearn_compat import Interval, StrOptions, fit_context
from sklearn_ldl.base import training_weight
from sklearn_ldl.deep.classifiers.base import DeepClassifier, as_float32
from sklearn_ldl.deep.estimator import Training
from sklearn_ldl.deep.losses.registry import get_loss
from sklearn_ldl.deep.options import Module, NetOptions
from sklearn_ldl.deep.parameters import net_estimator
from sklearn_ldl.deep.training.batches import Batch, RowSource
from sklearn_ldl.deep.training.device import resolve_device
from sklearn_ldl.deep.training.net import Forward

_CAP = 95


def over_fitting_ratio(
    train_losses: ArrayLike, valid_losses: ArrayLike, gap: int = 10
) -> NDArray[np.float64]:
    r"""Over-fitting-to-generalisation ratio (OGR) of every class.

    With the training and validation losses :math:`T_k, V_k` of class `k` now, and
    :math:`T_k', V_k'` those `gap` epochs ago,

    .. math:: \mathrm{OGR}_k = \frac{\big((V_k - T_k) - (V_k' - T_k')\big)^2}
              {|V_k' - V_k| + 10^{-8}}.

    Parameters
    ----------
    train_losses, valid_losses : array-like of shape (n_epochs, n_classes)
        Mean losses of the rows of every class after every epoch, at least ``gap + 1`` of them.
        NaN stands for a class without rows.
    gap : int, default=10
        Epochs between the two points in time.

    Returns
    -------
    ratio : ndarray of shape (n_classes,)
        Non-negative. Values above the 95th percentile of the classes are lowered to it, since the
        denominator may vanish; a class without rows gets the mean of the others.

    Raises
    ------
    ValueError
        If the shapes differ, or there are too few epochs.

    References
    ----------
    W. Wang, D. Tran, M. Feiszli, "What makes training multi-modal classification networks hard?",
    CVPR 2020, for the ratio; S. Hong, J. Yoon, B. Park, M.-K. Choi, "Rethinking soft label in label
    distribution learning perspective", arXiv:2301.13444, 2023, for classes. Printed there without
    the absolute value, it is negative while a class improves, and undefined when it stands still.

    Examples
    --------
    >>> from sklearn_ldl.deep.classifiers.overfitting_ratio import over_fitting_ratio
    >>> train = [[1.0, 1.0, 1.0], [0.5, 0.5, 0.5]]
    >>> valid = [[1.0, 1.0, 1.0], [0.5, 0.75, 0.8]]
    >>> over_fitting_ratio(train, valid, gap=1).round(3)
    array([0.  , 0.25, 0.43])
    """
    T, V = np.asarray(train_losses, dtype=np.float64), np.asarray(valid_losses, dtype=np.float64)
    if T.shape != V.shape or T.ndim != 2:
        raise ValueError(
            "Training and validation losses need the same shape (n_epochs, n_classes), got "
            f"{T.shape} and {V.shape}."
        )
    if len(T) <= gap:
        raise ValueError(f"A gap of {gap} epochs needs more than {gap} of them, got {len(T)}.")
    now, before = -1, -1 - gap
    over_fitting = (V[now] - T[now]) - (V[before] - T[before])
    ratio = over_fitting**2 / (np.abs(V[before] - V[now]) + 1e-8)
    known = np.isfinite(ratio)
    if not known.any():
        return np.ones(len(ratio))
    ratio = np.minimum(ratio, np.percentile(ratio[known], _CAP))
    return np.where(known, ratio, ratio[known].mean())


class _ClassObjective:
    """Loss that depends on ratios, which are measured before every epoch."""

    #: What a checkpoint keeps.
    progress = ("steps", "losses", "ratio")

    def __init__(
        self,
        row_loss: Callable[[Tensor, Tensor], Tensor],
        D: Tensor,
        parts: list[Tensor],
        *,
        gap: int,
        max_smoothing: float | None,
    ):
        self.row_loss = row_loss
        self.D = D
        self.parts = parts
        self.gap = gap
        self.max_smoothing = max_smoothing
        self.steps = 0
        self.losses: list[tuple[NDArray, ...]] = []
        self.ratio: NDArray | None = None

    def __call__(self, forward: Forward, batch: Batch) -> Tensor:
        if self.steps % batch.source.n_batches == 0:
            self.losses.append(
                tuple(self._class_losses(forward, batch.source, rows) for rows in self.parts)
            )
            if len(self.losses) > self.gap:
                train, valid = zip(*self.losses, strict=True)
                self.ratio = over_fitting_ratio(train, valid, self.gap)
        self.steps += 1

        Z, D = forward(batch.X), batch.target
        if self.ratio is None or not self.ratio.any():
            return self.row_loss(Z, D)
        ratio = torch.from_numpy(self.ratio).to(D)
        if self.max_smoothing is None:
            return (D @ (ratio / ratio.mean())) * self.row_loss(Z, D)
        share = (D @ (self.max_smoothing * ratio / ratio.max()))[:, None]
        return self.row_loss(Z, (1 - share) * D + share / D.shape[1])

    def _class_losses(
        self, forward: Forward, source: RowSource, rows: Tensor
    ) -> NDArray[np.float64]:
        D = self.D[rows]
        losses = [
            self.row_loss(forward.evaluate(source.take(part)), self.D[part])
            for part in rows.split(source.batch_size)
        ]
        return (torch.cat(losses) @ D / D.sum(0)).double().cpu().numpy()


@net_estimator()
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
        Class labels, in the order of the columns of `predict_proba`; ``arange(n_classes)`` after
        a fit to distributions.
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
    distributions for `y`, a row counts for every class by its degree.

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
        self.use = use
        self.max_smoothing = max_smoothing
        self.gap = gap

    @with_callbacks
    @fit_context(prefer_skip_nested_validation=False)
    def fit(
        self, X: Any, y: ArrayLike | None = None, sample_weight: ArrayLike | None = None
    ) -> OGRClassifier:
        """Train the network.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features), array of shape \
                (n_samples, channels, height, width), or torch Dataset
            Samples; of a Dataset, only features are used.
        y : array-like of shape (n_samples,) or (n_samples, n_classes)
            Class labels, or label distributions; needed for a Dataset, too.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights, not all zero.

        Returns
        -------
        self : OGRClassifier
            The fitted classifier.

        Raises
        ------
        ValueError
            If `max_epochs` is not above `gap`, or for what :meth:`DeepLDLClassifier.fit` raises it.
        """
        if self.max_epochs <= self.gap:
            raise ValueError(
                f"max_epochs={self.max_epochs} must be above gap={self.gap}: the ratios would "
                "never be used."
            )
        X, D = self._validate_fit(X, y)
        if D is None:
            raise ValueError("The classes of all rows must be known: give y besides the Dataset.")
        random_state = check_random_state(self.random_state)
        rows = np.arange(len(D))
        if sample_weight is not None:
            rows = rows[training_weight(sample_weight, X) > 0]
        split = train_test_split(
            rows, test_size=self.validation_fraction, random_state=random_state
        )
        device = resolve_device(self.device)
        target, loss = as_float32(D), get_loss(self.loss)
        objective = _ClassObjective(
            loss,
            torch.from_numpy(target).to(device),
            [torch.from_numpy(rows).to(device) for rows in split],
            gap=self.gap,
            max_smoothing=self.max_smoothing if self.use == "smooth" else None,
        )
        training = Training(X, target, loss, (self.n_labels_,), objective, sample_weight)
        self._fit_net(training, random_state, split)
        self.ratio_ = objective.ratio
        return self
