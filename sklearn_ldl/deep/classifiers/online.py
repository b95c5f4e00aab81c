"""On-LDL: a network that learns what teachers predict for every batch, augmented or not."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from numbers import Integral
from typing import Literal, Unpack

import numpy as np
import torch
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.frozen import FrozenEstimator
from torch import Tensor
from torch.utils.data import Dataset

from sklearn_ldl._core.sklearn_compat import Interval, StrOptions
from sklearn_ldl.deep.classifiers.base import DeepClassifier
from sklearn_ldl.deep.classifiers.teachers import (
    TaughtClassifier,
    ask,
    class_selection,
    over_classes,
)
from sklearn_ldl.deep.losses.base import Loss
from sklearn_ldl.deep.losses.registry import get_loss
from sklearn_ldl.deep.mixing.augmentations import AUGMENTATIONS, get_augmentation
from sklearn_ldl.deep.mixing.mixed import Augmentation, mix_targets
from sklearn_ldl.deep.mixing.objective import mix
from sklearn_ldl.deep.networks.dropout import MCDropout
from sklearn_ldl.deep.networks.outputs import first_output
from sklearn_ldl.deep.parameters import Module, TaughtOptions
from sklearn_ldl.deep.training.batches import Batch
from sklearn_ldl.deep.training.conversion import shapes
from sklearn_ldl.deep.training.data import TrainingData
from sklearn_ldl.deep.training.device import resolve_device
from sklearn_ldl.deep.training.net import Forward, LDLNet, Objective, WeightedRows

_PASSES = Interval(Integral, 0, None, closed="left")


class OnlineLDLClassifier(TaughtClassifier, omit=("label_smoothing",)):
    r"""Network that learns label distributions of augmented batches from teachers (On-LDL).

    Teachers :math:`q_1, \dots, q_T` are fitted to the labels first. Then every batch :math:`x` is
    augmented to :math:`x'`, and the student makes a step towards what the teachers say of just
    that,

    .. math:: \min_\theta \mathbb E_{x'} KL\big(\bar q(x') \,\|\, \mathrm{softmax}(z_\theta(x'))
              \big), \qquad \bar q = \frac1T \sum_t q_t,

    or minimises another `loss`. It sees neither the labels nor their mixtures.

    Parameters
    ----------
    teacher : classifier or list of classifiers, default=None
        Anything with `predict_proba`; of a list, the mean counts. Clones are fitted. None means a
        :class:`DeepLDLClassifier` with the parameters that it shares with the student. Deep
        classifiers of this package are asked on the device of the student, in their training
        precision; others get every batch as an array, which takes its time.
    augment : {"mixup", "cutmix", "ricap"} or callable, default=None
        How batches are mixed: a name, or :class:`~sklearn_ldl.deep.MixUp`,
        :class:`~sklearn_ldl.deep.CutMix` or :class:`~sklearn_ldl.deep.RICAP` with parameters of
        your own. Only mixup does without images. None leaves them as they are.
    combine : {"mean", "sum"}, default="mean"
        Whether losses to several teachers are averaged (On-En-LDL) or added (On-MT-LDL), which
        has the same gradient times their number; see :class:`OfflineLDLClassifier`.
    mc_samples : int, default=0
        Passes with dropout over which predictions of teachers are averaged. The teachers must be
        deep classifiers with dropout layers. 0 asks them once, without dropout.
    keep_teachers : bool, default=True
        Whether the fitted teachers stay, in `teachers_`. Predictions do not need them.
    <net parameters>

    Attributes
    ----------
    teachers_ : list of classifiers
        The fitted teachers; only with `keep_teachers`.
    classes_ : ndarray of shape (n_classes,)
        Class labels, in the order of the columns of `predict_proba`. After a fit to distributions
        the names of their columns, in their order, or ``arange(n_classes)`` where they have none.
    n_labels_ : int
        Number of classes.
    net_ : skorch.NeuralNet
        The fitted net of the student; its module is ``net_.module_``.
    history_ : dict of ndarrays of shape (n_epochs,)
        "train_loss", and with early stopping "valid_loss", the loss to the labels of the rows set
        aside.
    n_iter_ : int
        Epochs that were trained.
    input_shape_ : tuple of int
        Shape of one sample.
    n_features_in_ : int
        Number of features (of channels, for images).

    See Also
    --------
    OfflineLDLClassifier : Asks the teachers once, before training.
    DistillationClassifier : Learns from labels and a softened teacher.

    Notes
    -----
    A fitted teacher is fitted anew, in every fold of a cross-validation, unless it comes in a
    ``FrozenEstimator``; then it must not have seen the rows that the student is tested on.

    Images come as arrays with four dimensions, or flat with `input_shape`; teachers get batches in
    the same form as the training set, without names of columns.

    References
    ----------
    S. Hong, J. Yoon, B. Park, M.-K. Choi, "Rethinking soft label in label distribution learning
    perspective", arXiv:2301.13444, 2023.

    Y. Gal, Z. Ghahramani, "Dropout as a Bayesian approximation: representing model uncertainty in
    deep learning", ICML 2016.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_ldl import OnlineLDLClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> model = OnlineLDLClassifier(augment="mixup", random_state=0).fit(X, y)
    >>> model.score(X, y) > 0.9
    True
    """

    _parameter_constraints: dict = {
        "augment": [StrOptions(set(AUGMENTATIONS)), callable, None],
        "combine": [StrOptions({"mean", "sum"})],
        "mc_samples": [_PASSES],
    }

    # Labels are not what the student learns.
    label_smoothing = 0

    def __init__(
        self,
        teacher: BaseEstimator | list[BaseEstimator] | None = None,
        *,
        augment: str | Augmentation | None = None,
        combine: Literal["mean", "sum"] = "mean",
        mc_samples: int = 0,
        keep_teachers: bool = True,
        module: Module | None = None,
        **net: Unpack[TaughtOptions],
    ):
        super().__init__(module, **net)
        self.teacher = teacher
        self.augment = augment
        self.combine = combine
        self.mc_samples = mc_samples
        self.keep_teachers = keep_teachers

    def _losses(self, data: TrainingData) -> tuple[Loss, Objective]:
        if len(shapes(self.input_shape_)) > 1:
            raise ValueError(f"{type(self).__name__} takes a single input, not several.")
        lesson = self._lesson(data)
        augment = get_augmentation(self.augment)
        if augment is not None:
            # A trial, which fails before any work where samples are of the wrong shape.
            augment(torch.zeros(2, *self.input_shape_), np.random.default_rng(0))
        layout = self.input_shape_
        if not isinstance(lesson.X, Dataset):
            if not sparse.issparse(lesson.X):
                lesson = lesson._replace(X=np.asarray(lesson.X))
            layout = lesson.X.shape[1:]
        self.teachers_ = self._fit_teachers(lesson, data.random_state)
        self._mc_seed = data.random_state.randint(np.iinfo(np.int32).max)

        device = resolve_device(self.device)
        voices = [self._voice(teacher, layout, device) for teacher in self.teachers_]
        loss = get_loss(self.loss)
        scale = len(voices) if self.combine == "sum" else 1

        def objective(forward: Forward, batch: Batch) -> Tensor | WeightedRows:
            X, weight = batch.X, batch.weight
            if augment is not None:
                mixed = mix(augment, X)
                X = mixed.X
                weight = None if weight is None else mix_targets(weight, mixed)
            with torch.no_grad():
                Q = torch.stack([voice(X) for voice in voices]).mean(0)
            Z = forward(X)
            losses = scale * loss(Z, Q.to(Z.dtype))
            return losses if weight is None else WeightedRows(losses, weight)

        return loss, objective

    def _voice(
        self, teacher: BaseEstimator, layout: tuple[int, ...], device: torch.device
    ) -> Callable[[Tensor], Tensor]:
        """Make a function of batches out of a teacher fitted to samples of shape `layout`."""
        network = _network(teacher)
        if network is not None:
            return self._voice_of_network(network, device)
        if self.mc_samples:
            raise ValueError(
                f"mc_samples={self.mc_samples} needs teachers that are deep classifiers; "
                f"{type(teacher).__name__} is not."
            )

        def voice(X: Tensor) -> Tensor:
            # Double precision makes it a copy: some transformers work in place.
            rows = X.double().cpu().numpy()
            return ask(teacher, rows.reshape(len(X), *layout), self.classes_).to(X)

        return voice

    def _voice_of_network(
        self, network: DeepClassifier, device: torch.device
    ) -> Callable[[Tensor], Tensor]:
        shape = network.input_shape_
        if math.prod(shape) != math.prod(self.input_shape_):
            raise ValueError(
                f"The teacher was fitted to samples of shape {shape}, but X has samples of shape "
                f"{self.input_shape_}."
            )
        module = copy.deepcopy(network.net_.module_).to(device).eval()
        convert = network.net_.conversion
        selection = class_selection(network, self.classes_).to(device, convert.dtype)
        if self.mc_samples:
            module = MCDropout(module, self.mc_samples)

        def voice(X: Tensor) -> Tensor:
            Z = first_output(module(convert(X.reshape(len(X), *shape), device)))
            return over_classes(Z.softmax(1), selection).to(X)

        return voice

    def _mask_seed(self, net: LDLNet) -> int:
        return self._mc_seed


def _network(teacher: BaseEstimator) -> DeepClassifier | None:
    """Find the deep classifier in a teacher whose predictions are the softmax of its module."""
    while isinstance(teacher, FrozenEstimator):
        teacher = teacher.estimator
    plain = (
        isinstance(teacher, DeepClassifier)
        and type(teacher).predict_proba is DeepClassifier.predict_proba
        and not teacher.predict_mc_samples
    )
    return teacher if plain else None
