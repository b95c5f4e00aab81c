import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.datasets import load_iris
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier, VotingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, cross_val_predict
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier
from torch.utils.data import TensorDataset

from sklearn_ldl import BFGSLDL, DeepLDLClassifier
from sklearn_ldl.datasets import make_ldl
from sklearn_ldl.deep.classifiers.distillation import DistillationClassifier
from sklearn_ldl.deep.classifiers.offline import OfflineLDLClassifier
from sklearn_ldl.deep.classifiers.online import OnlineLDLClassifier
from sklearn_ldl.deep.classifiers.teachers import Lesson, ask, class_selection

X, Y = load_iris(return_X_y=True)
X = StandardScaler().fit_transform(X)
SMALL = {"hidden_layer_sizes": (8,), "max_epochs": 3, "random_state": 0}
STUDENTS = [OfflineLDLClassifier, OnlineLDLClassifier, DistillationClassifier]

each_student = pytest.mark.parametrize("student", STUDENTS)


class Says(ClassifierMixin, BaseEstimator):
    """A teacher that was told what to predict, over which classes."""

    def __init__(self, P, classes):
        self.P = P
        self.classes = classes

    def fit(self, X, y):
        self.classes_ = self.classes
        return self

    def predict_proba(self, X):
        return self.P


class Counts(GaussianNB):
    """A teacher that adds a line to a file at every fit."""

    def __init__(self, log=None):
        super().__init__()
        self.log = log

    def fit(self, X, y, sample_weight=None):
        with Path(self.log).open("a") as file:
            file.write(f"{sample_weight is not None}\n")
        return super().fit(X, y, sample_weight)


def says(P, known, classes):
    teacher = Says(np.asarray(P), np.asarray(known)).fit(None, None)
    return ask(teacher, None, np.asarray(classes)).numpy()


def test_columns_of_unknown_classes_are_dropped_and_missing_ones_are_zero():
    Q = says([[0.2, 0.3, 0.5]], ["a", "b", "c"], ["c", "d", "a"])
    np.testing.assert_allclose(Q, [[5 / 7, 0, 2 / 7]], rtol=1e-15)


def test_a_row_without_mass_is_uniform():
    Q = says([[0, 1], [1, 0]], [7, 8], [5, 6, 7])
    np.testing.assert_array_equal(Q, [[1 / 3, 1 / 3, 1 / 3], [0, 0, 1]])


def test_the_same_classes_change_nothing():
    P = np.random.default_rng(0).dirichlet(np.ones(3), 20)
    np.testing.assert_allclose(says(P, [1, 2, 3], [1, 2, 3]), P, rtol=1e-15)


def test_no_class_in_common_is_an_error():
    with pytest.raises(ValueError, match=r"knows the classes .* none in common"):
        says([[0.5, 0.5]], ["a", "b"], [0, 1])


@pytest.mark.parametrize(
    ("P", "match"),
    [
        ([[np.nan, 1]], "predict_proba of Says contains NaN"),
        ([[-0.5, 1.5]], "Negative values"),
        ([[0.2, 0.3, 0.5]], "has 3 columns for 2 classes"),
    ],
)
def test_bad_predictions_are_errors(P, match):
    with pytest.raises(ValueError, match=match):
        says(P, [0, 1], [0, 1])


def test_a_multi_output_teacher_is_an_error():
    D = np.eye(3)[Y]
    teacher = RandomForestClassifier(2, random_state=0).fit(X, D.astype(int))
    with pytest.raises(ValueError, match="separate targets"):
        class_selection(teacher, np.arange(3))


def test_seeds_that_are_none_are_drawn_and_others_stay():
    teacher = VotingClassifier(
        [("a", DecisionTreeClassifier(random_state=7)), ("b", RandomForestClassifier(2))],
        voting="soft",
    )
    fitted = Lesson(X, Y, None).fit(teacher, np.random.RandomState(0))
    assert fitted.get_params()["a__random_state"] == 7
    assert isinstance(fitted.get_params()["b__random_state"], int)
    assert teacher.get_params()["b__random_state"] is None


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: [], "empty list"),
        (lambda: [GaussianNB(), Ridge()], "Ridge has no method predict_proba"),
        (Ridge, "'fit' and 'predict_proba'"),
        (lambda: SVC(probability=False), "'fit' and 'predict_proba'"),
        (lambda: "forest", "'fit' and 'predict_proba'"),
    ],
)
@each_student
def test_what_cannot_teach_is_an_error(student, make, match):
    with pytest.raises((TypeError, ValueError), match=match):
        student(make(), **SMALL).fit(X, Y)


@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize(("frozen", "n_fits"), [(False, 4), (True, 0)])
def test_searches_refit_bare_teachers_and_leave_frozen_ones(tmp_path, n_jobs, frozen, n_fits):
    log = tmp_path / "fits"
    teacher = Counts(str(log)).fit(X, Y)
    log.write_text("")
    student = OfflineLDLClassifier(FrozenEstimator(teacher) if frozen else teacher, **SMALL)
    GridSearchCV(student, {"lr": [0.01]}, cv=3, n_jobs=n_jobs, error_score="raise").fit(X, Y)
    assert len(log.read_text().splitlines()) == n_fits


@each_student
def test_a_fitted_bare_teacher_is_fitted_again(student):
    teacher = DecisionTreeClassifier(max_depth=1, random_state=0).fit(X[:100], Y[:100])
    model = student(teacher, **SMALL).fit(X, Y)
    assert model.teachers_[0] is not teacher
    np.testing.assert_array_equal(model.teachers_[0].classes_, [0, 1, 2])
    np.testing.assert_array_equal(teacher.classes_, [0, 1])


def test_parameters_of_the_teacher_and_whole_teachers_can_be_searched():
    student = OfflineLDLClassifier(DecisionTreeClassifier(), **{**SMALL, "max_epochs": 20})
    search = GridSearchCV(student, {"teacher__max_depth": [1, 4]}, cv=3, error_score="raise")
    assert search.fit(X, Y).best_params_ == {"teacher__max_depth": 4}
    search = GridSearchCV(student, {"teacher": [GaussianNB(), DummyClassifier()]}, cv=3)
    assert isinstance(search.fit(X, Y).best_params_["teacher"], GaussianNB)


@each_student
def test_weights_reach_the_teachers_and_the_student(student, tmp_path):
    log = tmp_path / "fits"
    teachers = [Counts(str(log)), DecisionTreeClassifier(max_depth=2, random_state=0)]
    weight = np.where(Y == 2, 10.0, 0.1)
    plain = student(teachers, **SMALL).fit(X, Y)
    weighted = student(teachers, **SMALL).fit(X, Y, sample_weight=weight)
    assert log.read_text().split() == ["False", "True"]
    assert weighted.predict_proba(X)[:, 2].mean() > plain.predict_proba(X)[:, 2].mean() + 0.05


@each_student
def test_bad_input_is_found_before_a_teacher_is_fitted(student, tmp_path):
    log = tmp_path / "fits"
    log.write_text("")
    model = student(Counts(str(log)), **SMALL)
    with pytest.raises(ValueError, match="non-negative"):
        model.fit(X, Y, sample_weight=-np.ones(len(Y)))
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        model.fit(X[1:], Y)
    with pytest.raises(ValueError, match="nonsense"):
        clone(model).set_params(device="nonsense").fit(X, Y)
    assert log.read_text() == ""


@each_student
def test_the_same_seed_gives_the_same_student_and_no_global_draw(student):
    model = student(RandomForestClassifier(3), **SMALL)
    numpy_state, torch_state = np.random.get_state(), torch.get_rng_state()  # noqa: NPY002
    first = clone(model).fit(X, Y).predict_proba(X)
    np.testing.assert_array_equal(clone(model).fit(X, Y).predict_proba(X), first)
    np.testing.assert_equal(np.random.get_state(), numpy_state)  # noqa: NPY002
    assert torch.equal(torch.get_rng_state(), torch_state)
    other = clone(model).set_params(random_state=1).fit(X, Y).predict_proba(X)
    assert not np.array_equal(other, first)


@each_student
def test_jobs_change_nothing(student):
    model = student(RandomForestClassifier(3), **SMALL)
    one, two = (
        cross_val_predict(model, X, Y, cv=2, n_jobs=n, method="predict_proba") for n in (1, 2)
    )
    np.testing.assert_array_equal(one, two)


@each_student
def test_the_default_teacher_is_a_network_like_the_student(student):
    model = student(**SMALL, lr=0.003).fit(X, Y)
    (teacher,) = model.teachers_
    assert isinstance(teacher, DeepLDLClassifier)
    assert (teacher.lr, teacher.max_epochs, teacher.hidden_layer_sizes) == (0.003, 3, (8,))
    assert isinstance(teacher.random_state, int)
    assert teacher.random_state != model.random_state
    assert not torch.equal(teacher.net_.module_.head.weight, model.net_.module_.head.weight)


@each_student
def test_training_leaves_teachers_and_data_alone(student):
    teacher = DeepLDLClassifier(dropout=0.2, **SMALL).fit(X, Y)
    before = {name: value.clone() for name, value in teacher.net_.module_.state_dict().items()}
    data, labels = X.copy(), Y.copy()
    student(FrozenEstimator(teacher), **SMALL).fit(X, Y)
    for name, value in teacher.net_.module_.state_dict().items():
        assert torch.equal(value, before[name])
    np.testing.assert_array_equal(X, data)
    np.testing.assert_array_equal(Y, labels)


@each_student
@pytest.mark.parametrize("keep_teachers", [True, False])
def test_students_pickle_with_and_without_teachers(student, keep_teachers):
    model = student(RandomForestClassifier(20), keep_teachers=keep_teachers, **SMALL)
    model.fit(X, Y)
    assert hasattr(model, "teachers_") is keep_teachers
    data = pickle.dumps(model)
    assert (len(data) > 40_000) is keep_teachers
    np.testing.assert_array_equal(pickle.loads(data).predict_proba(X), model.predict_proba(X))


@each_student
def test_distributions_go_to_teachers_that_take_them(student):
    features, D = make_ldl(80, random_state=0)
    model = student([BFGSLDL(), DeepLDLClassifier(**SMALL)], **SMALL).fit(features, D)
    np.testing.assert_array_equal(model.classes_, [0, 1, 2])
    assert model.predict_proba(features).shape == D.shape
    with pytest.raises(ValueError, match="continuous-multioutput"):
        student(RandomForestClassifier(2), **SMALL).fit(features, D)


@each_student
def test_data_sets_go_to_teachers_that_take_them(student):
    dataset = TensorDataset(torch.tensor(X, dtype=torch.float32), torch.tensor(Y))
    model = student(**{**SMALL, "max_epochs": 30}).fit(dataset)
    assert model.score(dataset, Y) > 0.8


@each_student
def test_labels_of_any_kind_and_frames(student, make_frame):
    names = np.array(["x", "y", "z"])[Y]
    frame = make_frame(X, ["a", "b", "c", "d"])
    model = student(GaussianNB(), **{**SMALL, "max_epochs": 30})
    plain = clone(model).fit(X, names)
    framed = clone(model).fit(frame, names.tolist())
    assert plain.score(X, names) > 0.8
    np.testing.assert_array_equal(framed.predict_proba(frame), plain.predict_proba(X))


@each_student
def test_pipelines_teach(student):
    raw = load_iris().data
    teacher = make_pipeline(StandardScaler(), LogisticRegression())
    model = make_pipeline(StandardScaler(), student(teacher, **{**SMALL, "max_epochs": 30}))
    assert model.fit(raw, Y).score(raw, Y) > 0.8


@each_student
def test_a_student_teaches_the_next_one(student):
    model = student(student(GaussianNB(), **SMALL), **SMALL).fit(X, Y)
    assert isinstance(model.teachers_[0].teachers_[0], GaussianNB)


@each_student
def test_a_warm_start_goes_on(student):
    teacher = FrozenEstimator(GaussianNB().fit(X, Y))
    model = student(teacher, warm_start=True, **SMALL).fit(X, Y)
    first = model.history_["train_loss"][-1]
    model.fit(X, Y)
    assert model.n_iter_ == 6
    assert model.history_["train_loss"][-1] < first


@each_student
def test_early_stopping_watches_the_labels(student):
    # What the teacher says is the opposite of the labels, the better learned the worse.
    teacher = FrozenEstimator(GaussianNB().fit(X, 2 - Y))
    model = student(teacher, early_stopping=True, **{**SMALL, "max_epochs": 15, "lr": 0.03})
    model.set_params(**({"teacher_weight": 1} if student is DistillationClassifier else {}))
    model.fit(X, Y)
    losses = model.history_["valid_loss"]
    assert losses[-1] > losses[0]
