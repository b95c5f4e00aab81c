"""Knowledge distillation: a network that learns from labels and from a softened teacher."""

from __future__ import annotations

from collections.abc import Iterable
from numbers import Real
from typing import Unpack

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from torch import Tensor, nn

from sklearn_ldl._core.simplex import safe_log, softmax
from sklearn_ldl._core.sklearn_compat import Interval
from sklearn_ldl.deep.classifiers.teachers import Lesson, TaughtClassifier
from sklearn_ldl.deep.losses.base import Loss
from sklearn_ldl.deep.losses.contrastive import contrastive
from sklearn_ldl.deep.losses.registry import get_loss
from sklearn_ldl.deep.networks.contrast import (
    add_contrast,
    has_contrast,
    in_common,
    remove_contrast,
)
from sklearn_ldl.deep.networks.penultimate import LayerInput
from sklearn_ldl.deep.parameters import Module, NetOptions
from sklearn_ldl.deep.training.batches import Batch
from sklearn_ldl.deep.training.data import TrainingData
from sklearn_ldl.deep.training.device import resolve_device
from sklearn_ldl.deep.training.net import Forward, Objective


class DistillationClassifier(TaughtClassifier):
    r"""Network that learns from labels and from a softened teacher (knowledge distillation).

    A teacher :math:`q` is fitted to the labels first; then the student minimises

    .. math:: \min_\theta \frac1n \sum_i (1 - w) \, KL\big(d_i \,\|\, \mathrm{softmax}(z_i)\big)
              + w \, \tau^2 \, KL\big(q^\tau(x_i) \,\|\, \mathrm{softmax}(z_i / \tau)\big),
              \qquad q^\tau \propto q^{1 / \tau},

    with :math:`z_i = z_\theta(x_i)`, the distribution :math:`d_i` of the label (one-hot or
    smoothed), the weight :math:`w` of the teacher and the temperature :math:`\tau`; or the same
    with another `loss` in place of the divergence. With `contrast_weight` it also learns features
    by which every training sample can be told from the others of its batch as by those of the
    teacher.

    Parameters
    ----------
    teacher : classifier or list of classifiers, default=None
        Anything with `predict_proba`; of a list, the mean counts. Clones are fitted. None means a
        :class:`DeepLDLClassifier` with the parameters that it shares with the student.
    teacher_weight : float, default=0.1
        Share :math:`w` of the teacher in the loss, in [0, 1].
    temperature : float, default=3.0
        Temperature :math:`\tau`, positive, of teacher and student; above 1 it softens.
    temperature_squared : bool, default=True
        Whether the part of the teacher has the factor :math:`\tau^2`, which keeps the size of its
        gradient about the same at all temperatures.
    contrast_weight : float, default=0.0
        Weight of the contrastive loss to the features of the teacher, at least 0 (contrastive
        representation distillation, CRD); the published weight is 0.8. See Notes.
    contrast_temperature : float, default=0.07
        Temperature of that loss, positive.
    teacher_cv : int, cross-validation splitter or iterable of splits, default=None
        How to make the teachers predict rows that they were not fitted to. A number of folds
        shuffles the rows, with a fixed seed. None fits teachers to all rows.
    keep_teachers : bool, default=True
        Whether the fitted teachers stay, in `teachers_`. Predictions do not need them.
    <net parameters>

    Attributes
    ----------
    teachers_ : list of classifiers
        The fitted teachers, with `teacher_cv` those of all folds; only with `keep_teachers`.
    classes_ : ndarray of shape (n_classes,)
        Class labels, in the order of the columns of `predict_proba`. After a fit to distributions
        the names of their columns, in their order, or ``arange(n_classes)`` where they have none.
    n_labels_ : int
        Number of classes.
    net_ : skorch.NeuralNet
        The fitted net of the student; its module is ``net_.module_``.
    history_ : dict of ndarrays of shape (n_epochs,)
        "train_loss" and its parts, "train_label", "train_teacher" and, with a `contrast_weight`,
        "train_contrast"; with early stopping "valid_loss", the loss to the labels of the rows set
        aside.
    n_iter_ : int
        Epochs that were trained.
    input_shape_ : tuple of int
        Shape of one sample.
    n_features_in_ : int
        Number of features (of channels, for images).

    See Also
    --------
    OfflineLDLClassifier : Learns from the teacher alone, as it is.
    OnlineLDLClassifier : Learns from what the teacher says of augmented batches.

    Notes
    -----
    A fitted teacher is fitted anew, in every fold of a cross-validation, unless it comes in a
    ``FrozenEstimator``; then it must not have seen the rows that the student is tested on.

    Losses are averaged over rows, not also over classes as in some published code, which makes
    the part of the teacher smaller by the number of classes.

    The contrastive loss compares :math:`s_i`, what the last linear layer of the student is given,
    with :math:`t_j`, the same of the teacher for all rows :math:`j` of the batch, once two linear
    maps that are learnt with it have brought both into a space of 128 dimensions,

    .. math:: -\ln \frac{\exp(\cos(A s_i, B t_i) / \tau_c)}
              {\sum_j \exp(\cos(A s_i, B t_j) / \tau_c)} .

    Features of several teachers are put side by side; those of the teacher are computed once. The
    published loss, of the same kind, draws thousands of negatives from a memory of the data set;
    here they are the batch. Teachers must be deep estimators, and the student one network with a
    linear layer at its end.

    References
    ----------
    G. Hinton, O. Vinyals, J. Dean, "Distilling the knowledge in a neural network", NIPS 2014 Deep
    Learning Workshop.

    Y. Tian, D. Krishnan, P. Isola, "Contrastive representation distillation", ICLR 2020.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> from sklearn_ldl import DistillationClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> teacher = RandomForestClassifier(n_estimators=20)
    >>> model = DistillationClassifier(teacher, teacher_weight=0.5, random_state=0).fit(X, y)
    >>> model.score(X, y) > 0.9
    True
    """

    _parameter_constraints: dict = {
        "teacher_weight": [Interval(Real, 0, 1, closed="both")],
        "temperature": [Interval(Real, 0, None, closed="neither")],
        "temperature_squared": ["boolean"],
        "contrast_weight": [Interval(Real, 0, None, closed="left")],
        "contrast_temperature": [Interval(Real, 0, None, closed="neither")],
        "teacher_cv": ["cv_object"],
    }

    def __init__(
        self,
        teacher: BaseEstimator | list[BaseEstimator] | None = None,
        *,
        teacher_weight: float = 0.1,
        temperature: float = 3.0,
        temperature_squared: bool = True,
        contrast_weight: float = 0.0,
        contrast_temperature: float = 0.07,
        teacher_cv: int | BaseEstimator | Iterable | None = None,
        keep_teachers: bool = True,
        module: Module | None = None,
        **net: Unpack[NetOptions],
    ):
        super().__init__(module, **net)
        self.teacher = teacher
        self.teacher_weight = teacher_weight
        self.temperature = temperature
        self.temperature_squared = temperature_squared
        self.contrast_weight = contrast_weight
        self.contrast_temperature = contrast_temperature
        self.teacher_cv = teacher_cv
        self.keep_teachers = keep_teachers

    def _losses(self, data: TrainingData) -> tuple[Loss, Objective]:
        tau, share = self.temperature, self.teacher_weight
        factor = share * (tau**2 if self.temperature_squared else 1)
        lesson, device = self._lesson(data), resolve_device(self.device)
        if self.contrast_weight:
            self._check_contrast()
        answers = self._recorded_answers(lesson, data.random_state)
        Q = softmax(safe_log(answers) / tau, axis=1)
        Q = torch.from_numpy(Q).float().to(device)
        loss = get_loss(self.loss)

        def both(Z: Tensor, batch: Batch) -> dict[str, Tensor]:
            return {
                "label": (1 - share) * loss(Z, batch.target),
                "teacher": factor * loss(Z / tau, Q[batch.rows]),
            }

        if not self.contrast_weight:
            return loss, lambda forward, batch: both(forward(batch.X), batch)

        T = torch.from_numpy(self._features(lesson)).float().to(device)
        self._n_teacher_features = T.shape[1]

        def objective(forward: Forward, batch: Batch) -> dict[str, Tensor]:
            net = forward.module
            Z, S = LayerInput(net, None).watched(lambda: forward(batch.X), len(batch.rows))
            contrast = contrastive(
                *in_common(net, S.float(), T[batch.rows]), self.contrast_temperature
            )
            return {**both(Z, batch), "contrast": self.contrast_weight * contrast}

        return loss, objective

    def _check_contrast(self) -> None:
        """Raise a ValueError, before any work, where there are no features to compare."""
        for teacher in self._unfitted_teachers():
            if not hasattr(teacher, "transform_features"):
                raise ValueError(
                    f"contrast_weight needs teachers that are deep estimators; "
                    f"{type(teacher).__name__} is not."
                )
        if self.teacher_cv is not None:
            raise ValueError(
                "contrast_weight compares with the features of one network, and teacher_cv fits "
                "several: leave one of them out."
            )
        if self.compile:
            raise ValueError("contrast_weight needs compile=False.")
        if self._goes_on() and not has_contrast(self.net_.module_):
            raise ValueError(
                "warm_start goes on with a contrast only from a fit that had a contrast_weight."
            )

    def _features(self, lesson: Lesson) -> NDArray[np.float64]:
        return np.hstack([teacher.transform_features(lesson.X) for teacher in self.teachers_])

    def _extend_module(self, module: nn.Module) -> None:
        if self.contrast_weight:
            add_contrast(module, self._n_teacher_features)

    def _fit_net(self, data: TrainingData, row_loss: Loss, objective: Objective | None) -> None:
        super()._fit_net(data, row_loss, objective)
        if self.contrast_weight and not self.warm_start:
            remove_contrast(self.net_.module_)
