"""Off-LDL: a network that learns what teachers predict for the training set."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, Unpack

import torch
from sklearn.base import BaseEstimator
from torch import Tensor

from sklearn_ldl._core.sklearn_compat import StrOptions
from sklearn_ldl.deep.classifiers.teachers import TaughtClassifier
from sklearn_ldl.deep.losses.base import Loss
from sklearn_ldl.deep.losses.registry import get_loss
from sklearn_ldl.deep.parameters import Module, TaughtOptions
from sklearn_ldl.deep.training.batches import Batch
from sklearn_ldl.deep.training.data import TrainingData
from sklearn_ldl.deep.training.device import resolve_device
from sklearn_ldl.deep.training.net import Forward, Objective


class OfflineLDLClassifier(TaughtClassifier, omit=("label_smoothing",)):
    r"""Network that learns label distributions which teachers predict (Off-LDL).

    Teachers :math:`q_1, \dots, q_T` are fitted to the labels first; then the student minimises

    .. math:: \min_\theta \frac1n \sum_i KL\big(\bar q(x_i) \,\|\, \mathrm{softmax}(z_\theta(x_i))
              \big), \qquad \bar q = \frac1T \sum_t q_t,

    or another `loss`. It never sees the labels themselves.

    Parameters
    ----------
    teacher : classifier or list of classifiers, default=None
        Anything with `predict_proba`; of a list, the mean counts. Clones are fitted. None means a
        :class:`DeepLDLClassifier` with the parameters that it shares with the student.
    combine : {"mean", "sum"}, default="mean"
        Whether losses to several teachers are averaged (Off-En-LDL) or added (Off-MT-LDL); see
        Notes.
    teacher_cv : int, cross-validation splitter or iterable of splits, default=None
        How to make the teachers predict rows that they were not fitted to. A teacher that has
        memorised the training set predicts its labels, and teaches nothing more than these. A
        number of folds shuffles the rows, with a fixed seed. None fits teachers to all rows.
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
    OnlineLDLClassifier : Asks the teachers again for every augmented batch.
    DistillationClassifier : Learns from labels and a softened teacher.

    Notes
    -----
    A fitted teacher is fitted anew, in every fold of a cross-validation, unless it comes in a
    ``FrozenEstimator``; then it must not have seen the rows that the student is tested on.

    ``teacher__max_depth`` and the like can be searched for a single teacher. For several, put them
    into a ``VotingClassifier(..., voting="soft")``, which is their mean.

    The cross entropy is linear in its target: the sum of those to `T` teachers has exactly `T`
    times the gradient of the one to their mean. With ``combine="sum"`` the loss therefore is `T`
    times that to the mean; all that changes is the step of optimisers that feel the scale of the
    loss, and the weight of a penalty.

    References
    ----------
    S. Hong, J. Yoon, B. Park, M.-K. Choi, "Rethinking soft label in label distribution learning
    perspective", arXiv:2301.13444, 2023.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> from sklearn_ldl import OfflineLDLClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> teacher = RandomForestClassifier(n_estimators=20)
    >>> model = OfflineLDLClassifier(teacher, teacher_cv=5, random_state=0).fit(X, y)
    >>> model.score(X, y) > 0.9
    True
    """

    _parameter_constraints: dict = {
        "combine": [StrOptions({"mean", "sum"})],
        "teacher_cv": ["cv_object"],
    }

    # Labels are not what the student learns.
    label_smoothing = 0

    def __init__(
        self,
        teacher: BaseEstimator | list[BaseEstimator] | None = None,
        *,
        combine: Literal["mean", "sum"] = "mean",
        teacher_cv: int | BaseEstimator | Iterable | None = None,
        keep_teachers: bool = True,
        module: Module | None = None,
        **net: Unpack[TaughtOptions],
    ):
        super().__init__(module, **net)
        self.teacher = teacher
        self.combine = combine
        self.teacher_cv = teacher_cv
        self.keep_teachers = keep_teachers

    def _losses(self, data: TrainingData) -> tuple[Loss, Objective]:
        Q = self._recorded_answers(self._lesson(data), data.random_state)
        Q = torch.from_numpy(Q).float().to(resolve_device(self.device))
        loss = get_loss(self.loss)
        scale = len(self._unfitted_teachers()) if self.combine == "sum" else 1

        def objective(forward: Forward, batch: Batch) -> Tensor:
            return scale * loss(forward(batch.X), Q[batch.rows])

        return loss, objective
