"""What classifiers that learn from teachers share: fitting teachers, and asking them."""

from __future__ import annotations

from typing import Any, NamedTuple, Self

import numpy as np
import torch
from numpy.random import RandomState
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, clone
from sklearn.utils import check_array
from torch import Tensor
from torch.utils.data import Dataset, Subset

from sklearn_ldl._core.label_names import columns_in_order, fitted_names, innermost, names_of
from sklearn_ldl._core.sklearn_compat import HasMethods, num_samples, safe_indexing
from sklearn_ldl._core.splits import splits
from sklearn_ldl._core.weighted_fits import with_weight
from sklearn_ldl._core.weights import check_folds
from sklearn_ldl.deep.classifiers.base import DeepClassifier
from sklearn_ldl.deep.classifiers.deep_ldl import DeepLDLClassifier
from sklearn_ldl.deep.losses.base import Loss
from sklearn_ldl.deep.parameter_table import NET_PARAMETERS
from sklearn_ldl.deep.training.data import TrainingData
from sklearn_ldl.deep.training.device import resolve_device
from sklearn_ldl.deep.training.net import Objective


class Lesson(NamedTuple):
    """What teachers are fitted to: the data as the user gave them."""

    X: Any
    y: Any
    sample_weight: NDArray | None

    def take(self, rows: NDArray) -> Lesson:
        """Part of the rows."""
        X = self.X
        X = Subset(X, rows.tolist()) if isinstance(X, Dataset) else safe_indexing(X, rows)
        return Lesson(
            X, *(None if part is None else safe_indexing(part, rows) for part in self[1:])
        )

    def fit(self, teacher: BaseEstimator, random_state: RandomState) -> BaseEstimator:
        """Fit a clone; one of a ``FrozenEstimator`` is that estimator, and its fit does nothing."""
        teacher = clone(teacher)
        seeds = {
            name: random_state.randint(np.iinfo(np.int32).max)
            for name, value in sorted(teacher.get_params().items())
            if name.rpartition("__")[2] == "random_state" and value is None
        }
        teacher.set_params(**seeds)
        weight = with_weight(teacher, self.sample_weight, {}, may_be_frozen=True)
        return teacher.fit(self.X, self.y, **weight)


class TaughtClassifier(DeepClassifier):
    """Base of the classifiers that learn from teachers.

    A subclass has the parameters `teacher`, `keep_teachers` and, if it calls
    :meth:`_recorded_answers`, `teacher_cv`. Its :meth:`_losses` fits teachers to the
    :meth:`_lesson` and sets `teachers_`.
    """

    _parameter_constraints: dict = {
        "teacher": [HasMethods(["fit", "predict_proba"]), list, tuple, None],
        "keep_teachers": ["boolean"],
    }

    teachers_: list[Any]

    def fit(
        self,
        X: Any,
        y: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        *,
        X_val: Any = None,
        y_val: ArrayLike | None = None,
        sample_weight_val: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> Self:
        """Fit the teachers, then train the network.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features), array of shape \
                (n_samples, channels, height, width), or torch Dataset
            Samples, or a dictionary of several inputs of the module by name. A Dataset gives pairs
            ``(x, y)``, or features only if `y` is given.
        y : array-like of shape (n_samples,) or (n_samples, n_classes)
            Class labels, or label distributions, for teachers that take them. None takes the
            targets of a Dataset.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights, not all zero, for the student and the teachers that are fitted; in
            a pipeline the last step gets them.
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
        self : estimator
            The fitted classifier.

        Raises
        ------
        ValueError
            If features or targets are not valid, if a teacher knows none of the classes, if
            `teacher_cv` leaves rows out, if a teacher takes no weights and there are some, if
            samples are no images and `augment` needs these, if there is no dropout to take
            `mc_samples` of, or for what :meth:`DeepLDLClassifier.fit` raises it.
        """
        return self._fit(
            X,
            y,
            sample_weight,
            X_val=X_val,
            y_val=y_val,
            sample_weight_val=sample_weight_val,
            groups=groups,
        )

    def _no_stream(self) -> str:
        return "its teachers are fitted to all rows first"

    def _lesson(self, data: TrainingData) -> Lesson:
        """Make sure that teachers can be fitted, and return what to."""
        teachers = self._unfitted_teachers()
        if not teachers:
            raise ValueError("teacher is an empty list.")
        for teacher in teachers:
            if not hasattr(teacher, "predict_proba"):
                raise TypeError(f"teacher: {type(teacher).__name__} has no method predict_proba.")
            with_weight(teacher, data.sample_weight, {}, may_be_frozen=True)
        # A device that is absent is an error before any teacher is fitted.
        resolve_device(self.device)
        y = data.y
        y = columns_in_order(y, fitted_names(self), of_y="y", of_names=type(self).__name__)
        if y is not None and (names_of(y) is None or y.shape[1] == 1):
            y = np.asarray(y)
            y = y.ravel() if y.shape[1:] == (1,) else y
        return Lesson(data.X, y, data.sample_weight)

    def _fit_net(self, data: TrainingData, row_loss: Loss, objective: Objective | None) -> None:
        super()._fit_net(data, row_loss, objective)
        if not self.keep_teachers:
            del self.teachers_

    def _unfitted_teachers(self) -> list[BaseEstimator]:
        if isinstance(self.teacher, (list, tuple)):
            return list(self.teacher)
        if self.teacher is not None:
            return [self.teacher]
        shared = {name: getattr(self, name) for name in NET_PARAMETERS if hasattr(self, name)}
        # Loggers and what else watches training watch that of the student.
        own = {
            "warm_start": False,
            "checkpoint": None,
            "checkpoint_key": None,
            "random_state": None,
            "callbacks": (),
        }
        return [DeepLDLClassifier(**{**shared, **own, "predict_mc_samples": 0})]

    def _fit_teachers(self, lesson: Lesson, random_state: RandomState) -> list[BaseEstimator]:
        return [lesson.fit(teacher, random_state) for teacher in self._unfitted_teachers()]

    def _recorded_answers(self, lesson: Lesson, random_state: RandomState) -> NDArray[np.float64]:
        """Mean distribution of the teachers for every row, out of fold with `teacher_cv`."""
        if self.teacher_cv is None:
            self.teachers_ = self._fit_teachers(lesson, random_state)
            return self._mean_answer(self.teachers_, lesson.X)
        n_samples = num_samples(lesson.X)
        folds = splits(self.teacher_cv, lesson.X, lesson.y, name="teacher_cv", classifier=True)
        times = np.bincount(np.concatenate([test for _, test in folds]), minlength=n_samples)
        if not times.all():
            raise ValueError(
                f"teacher_cv must test every row: {np.count_nonzero(times == 0)} of {n_samples} "
                "are in no test set."
            )
        if lesson.sample_weight is not None:
            check_folds(folds, lesson.sample_weight)
        Q = np.zeros((n_samples, self.n_labels_))
        self.teachers_ = []
        for train, test in folds:
            teachers = self._fit_teachers(lesson.take(train), random_state)
            Q[test] += self._mean_answer(teachers, lesson.take(test).X)
            self.teachers_ += teachers
        return Q / times[:, None]

    def _mean_answer(self, teachers: list[BaseEstimator], X: Any) -> NDArray[np.float64]:
        return np.mean([ask(teacher, X, self.classes_).numpy() for teacher in teachers], axis=0)


def ask(teacher: BaseEstimator, X: Any, classes: NDArray) -> Tensor:
    """Predict by a fitted teacher: distributions over the classes of the student.

    Parameters
    ----------
    teacher : estimator
        With `predict_proba`; one without `classes_` predicts distributions over `classes`.
    X : array-like of shape (n_samples, ...) or Dataset
        Samples in the form that the teacher takes.
    classes : ndarray of shape (n_classes,)
        Classes of the student.

    Returns
    -------
    Q : Tensor of shape (n_samples, n_classes), dtype float64
        A class that the teacher does not know gets zero; a row left without mass is uniform.

    Raises
    ------
    ValueError
        If the predictions are not finite and non-negative with one column per class, or if teacher
        and student have no class in common.
    """
    selection = class_selection(teacher, classes)
    name = f"predict_proba of {type(teacher).__name__}"
    P = check_array(
        teacher.predict_proba(X), dtype=np.float64, ensure_non_negative=True, input_name=name
    )
    if P.shape[1] != len(selection):
        raise ValueError(f"{name} has {P.shape[1]} columns for {len(selection)} classes.")
    return over_classes(torch.from_numpy(P), selection)


def class_selection(teacher: BaseEstimator, classes: NDArray) -> Tensor:
    """Matrix of zeros and ones that maps columns of a teacher to those of the student."""
    if np.shape(getattr(teacher, "classes_", classes)[0]):
        raise ValueError(
            f"The teacher {type(teacher).__name__} took the columns of y for separate targets. "
            "Fit it to labels, or use a teacher that learns distributions."
        )
    inner = innermost(teacher)
    known = getattr(inner, "label_names_", getattr(teacher, "classes_", classes))
    column = {label: index for index, label in enumerate(classes.tolist())}
    # Labels without names, of a teacher that learnt distributions, count by position.
    learnt_distributions = hasattr(inner, "n_labels_") and not hasattr(inner, "distributor_")
    if learnt_distributions and np.array_equal(known, np.arange(len(classes))) and 0 not in column:
        known = classes
    selection = torch.zeros(len(known), len(classes), dtype=torch.float64)
    for index, label in enumerate(np.asarray(known).tolist()):
        if label in column:
            selection[index, column[label]] = 1
    if not selection.any():
        raise ValueError(
            f"The teacher {type(teacher).__name__} knows the classes {list(known)}, the student "
            f"{list(classes)}: they have none in common."
        )
    return selection


def over_classes(P: Tensor, selection: Tensor) -> Tensor:
    """Move probabilities to the classes of the student; rows without mass become uniform."""
    Q = P @ selection
    mass = Q.sum(1, keepdim=True)
    return torch.where(mass > 0, Q / mass, 1 / Q.shape[1])
