"""Knowledge distillation: a network that learns from labels and from a softened teacher."""

from __future__ import annotations

from collections.abc import Iterable
from numbers import Real
from typing import Unpack

import torch
from sklearn.base import BaseEstimator
from torch import Tensor

from sklearn_ldl._core.simplex import safe_log, softmax
from sklearn_ldl._core.sklearn_compat import Interval
from sklearn_ldl.deep.classifiers.teachers import TaughtClassifier
from sklearn_ldl.deep.losses.base import Loss
from sklearn_ldl.deep.losses.registry import get_loss
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
    with another `loss` in place of the divergence.

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
        "train_loss" and its two parts, "train_label" and "train_teacher"; with early stopping
        "valid_loss", the loss to the labels of the rows set aside.
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

    References
    ----------
    G. Hinton, O. Vinyals, J. Dean, "Distilling the knowledge in a neural network", NIPS 2014 Deep
    Learning Workshop.

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
        "teacher_cv": ["cv_object"],
    }

    def __init__(
        self,
        teacher: BaseEstimator | list[BaseEstimator] | None = None,
        *,
        teacher_weight: float = 0.1,
        temperature: float = 3.0,
        temperature_squared: bool = True,
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
        self.teacher_cv = teacher_cv
        self.keep_teachers = keep_teachers

    def _losses(self, data: TrainingData) -> tuple[Loss, Objective]:
        tau, share = self.temperature, self.teacher_weight
        factor = share * (tau**2 if self.temperature_squared else 1)
        answers = self._recorded_answers(self._lesson(data), data.random_state)
        Q = softmax(safe_log(answers) / tau, axis=1)
        Q = torch.from_numpy(Q).float().to(resolve_device(self.device))
        loss = get_loss(self.loss)

        def objective(forward: Forward, batch: Batch) -> dict[str, Tensor]:
            Z = forward(batch.X)
            return {
                "label": (1 - share) * loss(Z, batch.target),
                "teacher": factor * loss(Z / tau, Q[batch.rows]),
            }

        return loss, objective
