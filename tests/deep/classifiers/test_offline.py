import numpy as np
import pytest
import torch
from sklearn.datasets import load_iris
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import KFold, RepeatedKFold, ShuffleSplit
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier
from torch.utils.data import TensorDataset

from sklearn_ldl import BFGSLDL, DeepLDLClassifier
from sklearn_ldl.datasets import make_ldl
from sklearn_ldl.deep.classifiers.offline import OfflineLDLClassifier
from sklearn_ldl.deep.losses.distributions import kl_divergence, soft_cross_entropy

X, Y = load_iris(return_X_y=True)
X = StandardScaler().fit_transform(X)
SMALL = {"hidden_layer_sizes": (8,), "max_epochs": 3, "random_state": 0}
MEMORY = KNeighborsClassifier(n_neighbors=1)


class Recorder:
    """A loss that keeps the targets it was given."""

    def __init__(self):
        self.targets = []

    def __call__(self, Z, D):
        self.targets.append(D.detach().clone())
        return kl_divergence(Z, D)


def recorded_targets(teacher, y=Y, **params):
    """Targets as the net gets them, in the order of its only batch."""
    loss = Recorder()
    model = OfflineLDLClassifier(teacher, loss=loss, batch_size="all", **params)
    model.set_params(max_epochs=1, random_state=0).fit(X, y)
    (targets,) = loss.targets
    return targets.double().numpy()


def in_any_order(D):
    return D[np.lexsort(D.T)]


def test_the_student_learns_what_the_teacher_says_and_not_the_labels():
    teacher = GaussianNB().fit(X, (Y + 1) % 3)
    model = OfflineLDLClassifier(FrozenEstimator(teacher), max_epochs=60, random_state=0)
    model.fit(X, Y)
    assert np.mean(model.predict(X) == (Y + 1) % 3) > 0.9
    assert np.abs(model.predict_proba(X) - teacher.predict_proba(X)).mean() < 0.05


def test_deep_and_other_teachers_give_their_probabilities_as_targets():
    network = DeepLDLClassifier(**SMALL).fit(X, Y)
    forest = DecisionTreeClassifier(max_depth=2, random_state=0).fit(X, Y)
    for teacher in (network, forest):
        Q = recorded_targets(FrozenEstimator(teacher))
        expected = teacher.predict_proba(X)
        np.testing.assert_allclose(in_any_order(Q), in_any_order(expected), atol=1e-6)


def test_several_teachers_are_averaged():
    teachers = [GaussianNB().fit(X, Y), DecisionTreeClassifier(max_depth=1).fit(X, Y)]
    Q = recorded_targets([FrozenEstimator(teacher) for teacher in teachers])
    expected = np.mean([teacher.predict_proba(X) for teacher in teachers], axis=0)
    np.testing.assert_allclose(in_any_order(Q), in_any_order(expected), atol=1e-6)


def test_the_sum_over_teachers_has_the_gradient_of_their_mean_times_their_number():
    rng = np.random.default_rng(0)
    teachers = torch.tensor(rng.dirichlet(np.ones(4), size=(5, 7)))
    Z = torch.tensor(rng.normal(size=(7, 4)), requires_grad=True)

    def gradient(loss):
        return torch.autograd.grad(loss.sum(), Z)[0]

    for loss in (soft_cross_entropy, kl_divergence):
        added = gradient(sum(loss(Z, Q) for Q in teachers))
        mean = gradient(loss(Z, teachers.mean(0)))
        torch.testing.assert_close(added, 5 * mean, rtol=0, atol=1e-15)


def test_adding_teachers_is_the_mean_at_a_higher_rate():
    teachers = [FrozenEstimator(GaussianNB(var_smoothing=v).fit(X, Y)) for v in (0.1, 0.3, 1, 3)]
    common = {"optimizer": "sgd", **SMALL}
    mean = OfflineLDLClassifier(teachers, lr=0.04, **common).fit(X, Y)
    added = OfflineLDLClassifier(teachers, combine="sum", lr=0.01, **common).fit(X, Y)
    np.testing.assert_allclose(added.predict_proba(X), mean.predict_proba(X), atol=1e-5)
    np.testing.assert_allclose(added.history_["train_loss"], 4 * mean.history_["train_loss"], 1e-5)
    same_rate = OfflineLDLClassifier(teachers, combine="sum", lr=0.04, **common).fit(X, Y)
    assert np.abs(same_rate.predict_proba(X) - mean.predict_proba(X)).max() > 1e-2


def test_targets_out_of_fold_come_from_teachers_that_did_not_see_the_row():
    y = np.random.default_rng(0).permutation(Y)

    class Sees(KNeighborsClassifier):
        """Nearest neighbour that notes which rows it learned and was asked about."""

        pairs = []

        def fit(self, X, y):
            self.rows_ = {tuple(row) for row in X}
            return super().fit(X, y)

        def predict_proba(self, X):
            self.pairs.append((self.rows_, {tuple(row) for row in X}))
            return super().predict_proba(X)

    numbered = np.column_stack([np.arange(len(y)), X])
    model = OfflineLDLClassifier(Sees(1), teacher_cv=5, **SMALL).fit(numbered, y)
    assert len(Sees.pairs) == len(model.teachers_) == 5
    for learned, asked in Sees.pairs:
        assert len(learned) == 120
        assert not learned & asked
    assert set.union(*(asked for _, asked in Sees.pairs)) == {tuple(row) for row in numbered}


def test_out_of_fold_teachers_of_random_labels_do_not_teach_them():
    y = np.random.default_rng(0).permutation(Y)
    settings = {"random_state": 0, "max_epochs": 150}
    by_heart = OfflineLDLClassifier(MEMORY, **settings).fit(X, y)
    out_of_fold = OfflineLDLClassifier(MEMORY, teacher_cv=5, **settings).fit(X, y)
    assert by_heart.score(X, y) > out_of_fold.score(X, y) + 0.2


def test_repeated_folds_are_averaged_and_ensembles_kept_by_fold():
    folds = RepeatedKFold(n_splits=3, n_repeats=2, random_state=0)
    model = OfflineLDLClassifier([GaussianNB(), MEMORY], teacher_cv=folds, **SMALL).fit(X, Y)
    kinds = [type(teacher) for teacher in model.teachers_]
    assert kinds == [GaussianNB, KNeighborsClassifier] * 6
    Q = recorded_targets(MEMORY, teacher_cv=folds)
    assert {0.0, 0.5, 1.0} == set(np.unique(Q))


def test_folds_that_miss_a_class_give_it_zero():
    # Without shuffling, every test fold of the sorted labels is one class.
    Q = recorded_targets(GaussianNB(), teacher_cv=KFold(3))
    assert np.all(Q.sum(1) > 1 - 1e-6)
    model = OfflineLDLClassifier(GaussianNB(), teacher_cv=KFold(3), **SMALL).fit(X, Y)
    assert [list(teacher.classes_) for teacher in model.teachers_] == [[1, 2], [0, 2], [0, 1]]


@pytest.mark.parametrize("cv", [ShuffleSplit(1, test_size=0.5, random_state=0), [([0, 50], [1])]])
def test_folds_that_leave_rows_out_are_an_error(cv):
    with pytest.raises(ValueError, match="teacher_cv must test every row"):
        OfflineLDLClassifier(GaussianNB(), teacher_cv=cv, **SMALL).fit(X, Y)


def test_folds_of_distributions_images_and_data_sets():
    features, D = make_ldl(60, random_state=0)
    assert len(OfflineLDLClassifier(BFGSLDL(), teacher_cv=3, **SMALL).fit(features, D).teachers_)
    images = X.reshape(-1, 1, 2, 2)
    model = OfflineLDLClassifier(teacher_cv=2, **{**SMALL, "max_epochs": 20}).fit(images, Y)
    assert model.score(images, Y) > 0.7
    dataset = TensorDataset(torch.tensor(X, dtype=torch.float32), torch.tensor(Y))
    folds = KFold(2, shuffle=True, random_state=0)
    model = OfflineLDLClassifier(teacher_cv=folds, **{**SMALL, "max_epochs": 20}).fit(dataset)
    assert model.score(dataset, Y) > 0.7


@pytest.mark.parametrize("params", [{"combine": "max"}, {"teacher_cv": 1}, {"keep_teachers": 2}])
def test_bad_parameters_are_errors(params):
    with pytest.raises(ValueError, match=next(iter(params))):
        OfflineLDLClassifier(**params, **SMALL).fit(X, Y)
