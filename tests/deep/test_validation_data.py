"""Validation data of one's own, and groups of rows, through the public API."""

import numpy as np
import pytest
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

torch = pytest.importorskip("torch")
pytest.importorskip("skorch")

from torch.utils.data import Dataset, TensorDataset  # noqa: E402

from sklearn_ldl import (  # noqa: E402
    AuxGraphLDLClassifier,
    DeepLDLClassifier,
    DeepLDLRegressor,
    DeepRegressor,
    GaussianLabelDistributor,
    KernelDensityRegressor,
    LDLRegressor,
    OfflineLDLClassifier,
    OGRClassifier,
)
from sklearn_ldl.datasets import make_ldl  # noqa: E402
from sklearn_ldl.metrics import kl_divergence  # noqa: E402

X, D = make_ldl(120, random_state=0)
TRAIN, VALID = slice(80), slice(80, 120)
LABELS = np.array(["a", "b", "c"])[D.argmax(axis=1)]
VALUES = 20 + 10 * X[:, 0]
TARGETS = {
    DeepLDLRegressor: D,
    DeepLDLClassifier: LABELS,
    OfflineLDLClassifier: LABELS,
    AuxGraphLDLClassifier: D,
    DeepRegressor: VALUES,
    KernelDensityRegressor: VALUES,
}


def model(make=DeepLDLRegressor, **parameters):
    defaults = {
        "hidden_layer_sizes": (8,),
        "n_members": 1,
        "dropout": 0.0,
        "max_epochs": 5,
        "random_state": 0,
    }
    return make(**(defaults | parameters))


def extra(make):
    return {"aux": X[TRAIN]} if make is AuxGraphLDLClassifier else {}


def options(make):
    # Its own teacher would stop early, too.
    return {"teacher": GaussianNB()} if make is OfflineLDLClassifier else {}


@pytest.mark.parametrize("make", TARGETS)
@pytest.mark.parametrize("early_stopping", [False, True])
def test_all_rows_train_and_the_others_judge(make, early_stopping):
    y = TARGETS[make]
    own = {"X_val": X[VALID], "y_val": y[VALID]}
    estimator = model(make, early_stopping=early_stopping, **options(make))
    fitted = estimator.fit(X[TRAIN], y[TRAIN], **own, **extra(make))
    assert fitted.history_["valid_loss"].shape == (fitted.n_iter_,)
    plain = model(make, early_stopping=False, **options(make))
    plain.fit(X[TRAIN], y[TRAIN], **extra(make))
    # Those rows are seen, but not learnt from.
    assert_allclose(fitted.history_["train_loss"], plain.history_["train_loss"])


def test_the_loss_is_that_of_the_rows_given():
    fitted = model(early_stopping=False).fit(X[TRAIN], D[TRAIN], X_val=X[VALID], y_val=D[VALID])
    expected = kl_divergence(D[VALID], fitted.predict(X[VALID]))
    assert_allclose(fitted.history_["valid_loss"][-1], expected, rtol=1e-5)
    weight = np.arange(40.0)
    fitted.fit(X[TRAIN], D[TRAIN], X_val=X[VALID], y_val=D[VALID], sample_weight_val=weight)
    expected = kl_divergence(D[VALID], fitted.predict(X[VALID]), sample_weight=weight)
    assert_allclose(fitted.history_["valid_loss"][-1], expected, rtol=1e-5)


def test_early_stopping_keeps_the_best_epoch_by_the_rows_given():
    misleading = D[VALID][:, ::-1]
    settings = {"early_stopping": True, "n_iter_no_change": 2, "max_epochs": 50, "lr": 0.1}
    fitted = model(**settings).fit(X[TRAIN], D[TRAIN], X_val=X[VALID], y_val=misleading)
    losses = fitted.history_["valid_loss"]
    assert fitted.n_iter_ < 50
    assert_allclose(kl_divergence(misleading, fitted.predict(X[VALID])), losses.min(), rtol=1e-4)


class Noisy(Dataset):
    """Pairs with a random transform."""

    def __init__(self, X, D, noise):
        self.X, self.D, self.noise = X.astype(np.float32), D, noise

    def __len__(self):
        return len(self.X)

    def __getitem__(self, index):
        x = torch.from_numpy(self.X[index])
        return x + self.noise * torch.randn(3) if self.noise else x, self.D[index]


def test_a_dataset_for_validation_needs_no_augmentation():
    train, valid = Noisy(X[TRAIN], D[TRAIN], 1.0), Noisy(X[VALID], D[VALID], 0.0)
    fitted = model(early_stopping=False).fit(train, X_val=valid)
    expected = kl_divergence(D[VALID], fitted.predict(valid))
    assert_allclose(fitted.history_["valid_loss"][-1], expected, rtol=1e-5)
    # Another kind of container is as good.
    plain = Noisy(X[TRAIN], D[TRAIN], 0.0)
    dataset = model(early_stopping=False).fit(plain, X_val=valid)
    array = model(early_stopping=False).fit(plain, X_val=X[VALID], y_val=D[VALID])
    assert_allclose(array.history_["valid_loss"], dataset.history_["valid_loss"], rtol=1e-6)


def test_labels_of_a_dataset_for_validation():
    pairs = [(X[part].astype(np.float32), LABELS[part]) for part in (TRAIN, VALID)]

    class Pairs(Dataset):
        def __init__(self, X, y):
            self.X, self.targets = X, y

        def __len__(self):
            return len(self.X)

        def __getitem__(self, index):
            return self.X[index], self.targets[index]

    train, valid = (Pairs(*pair) for pair in pairs)
    losses = [
        model(DeepLDLClassifier).fit(*fit, **val).history_["valid_loss"]
        for fit, val in (
            ((train,), {"X_val": valid}),
            (pairs[0], dict(zip(("X_val", "y_val"), pairs[1], strict=True))),
        )
    ]
    assert_allclose(*losses, rtol=1e-5)


def test_columns_for_validation_are_matched_by_name(make_frame):
    names, shuffled = ["x", "y", "z"], ["z", "x", "y"]
    y_val = make_frame(D[VALID][:, [2, 0, 1]], shuffled)
    X_frames = [make_frame(X[part], ["p", "q", "r"]) for part in (TRAIN, VALID)]
    fitted = model().fit(X_frames[0], make_frame(D[TRAIN], names), X_val=X_frames[1], y_val=y_val)
    expected = model().fit(X[TRAIN], D[TRAIN], X_val=X[VALID], y_val=D[VALID])
    assert_array_equal(fitted.history_["valid_loss"], expected.history_["valid_loss"])
    with pytest.raises(ValueError, match="y_val"):
        model().fit(
            X_frames[0],
            make_frame(D[TRAIN], names),
            X_val=X_frames[1],
            y_val=make_frame(D[VALID], ["x", "y", "w"]),
        )
    with pytest.raises(ValueError, match="feature names should match"):
        model().fit(
            X_frames[0], D[TRAIN], X_val=make_frame(X[VALID], ["p", "q", "s"]), y_val=D[VALID]
        )


@pytest.mark.parametrize(
    ("make", "more", "match"),
    [
        (DeepLDLRegressor, {"y_val": D[VALID]}, "need X_val"),
        (DeepLDLRegressor, {"sample_weight_val": np.ones(40)}, "need X_val"),
        (DeepLDLRegressor, {"X_val": X[VALID]}, "X_val needs y_val"),
        (DeepLDLRegressor, {"X_val": X[VALID], "y_val": D[TRAIN]}, "inconsistent numbers"),
        (DeepLDLRegressor, {"X_val": X[VALID, :2], "y_val": D[VALID]}, "X has 2 features"),
        (DeepLDLRegressor, {"X_val": X[VALID], "y_val": D[VALID] / 2}, "sums to 0.5"),
        (DeepLDLRegressor, {"X_val": X[VALID], "y_val": np.full((40, 2), 0.5)}, "has 2 labels"),
        (DeepLDLClassifier, {"X_val": X[VALID], "y_val": np.full((40, 2), 0.5)}, "has 2 labels"),
        (DeepLDLClassifier, {"X_val": X[VALID], "y_val": ["d"] * 40}, "d"),
        (DeepRegressor, {"X_val": X[VALID], "y_val": D[VALID]}, "y_val has targets of shape"),
        (
            DeepLDLRegressor,
            {"X_val": X[VALID], "y_val": D[VALID], "sample_weight_val": np.zeros(40)},
            "All sample weights are zero",
        ),
        (OGRClassifier, {"X_val": X[VALID], "y_val": LABELS[VALID]}, "leave out X_val"),
        (DeepLDLRegressor, {"groups": np.zeros(80)}, "all rows belong to one group"),
        (DeepLDLRegressor, {"groups": np.arange(5)}, "inconsistent numbers"),
        (DeepLDLRegressor, {"groups": np.zeros((80, 2))}, "groups has shape"),
    ],
)
def test_what_does_not_fit_is_refused(make, more, match):
    y = TARGETS.get(make, LABELS)
    with pytest.raises(ValueError, match=match):
        model(make, max_epochs=12).fit(X[TRAIN], y[TRAIN], **more)


@pytest.mark.parametrize(
    ("X_val", "y_val", "message"),
    [
        (X[VALID][:, :2], D[VALID], "X_val: X has 2 features"),
        (np.full((40, 3), np.nan), D[VALID], "X_val: Input X contains NaN"),
        (X[VALID], 2 * D[VALID], "y_val: y is not a label distribution"),
    ],
)
def test_errors_name_the_validation_data(X_val, y_val, message):
    with pytest.raises(ValueError, match=message):
        model().fit(X[TRAIN], D[TRAIN], X_val=X_val, y_val=y_val)


def test_labels_do_not_judge_a_fit_to_distributions():
    with pytest.raises(ValueError, match="y_val must hold distributions, as y does"):
        model(DeepLDLClassifier).fit(X[TRAIN], D[TRAIN], X_val=X[VALID], y_val=LABELS[VALID])
    soft = model(DeepLDLClassifier).fit(X[TRAIN], LABELS[TRAIN], X_val=X[VALID], y_val=D[VALID])
    assert np.isfinite(soft.history_["valid_loss"]).all()


class Spy(DeepLDLRegressor):
    """Keeps which rows are for what."""

    def _losses(self, data):
        self.rows_ = data.rows
        return super()._losses(data)


def test_groups_are_set_aside_as_a_whole():
    groups = np.repeat(np.arange(24), 5)[np.random.default_rng(0).permutation(120)]
    weight = np.where(groups == 3, 0.0, 1.0)
    for seed in range(5):
        fitted = model(Spy, early_stopping=True, validation_fraction=0.25, random_state=seed)
        train, valid = fitted.fit(X, D, weight, groups=groups).rows_
        assert not set(groups[train]) & set(groups[valid])
        assert len(set(groups[valid])) == round(0.25 * 23)
        assert sorted([*train, *valid]) == np.flatnonzero(weight).tolist()
    names = np.array([f"person {group}" for group in groups])
    train, valid = fitted.fit(X, D, weight, groups=names).rows_
    assert not set(names[train]) & set(names[valid])
    assert model(OGRClassifier, max_epochs=12).fit(X, LABELS, groups=groups).n_labels_ == 3


def test_without_early_stopping_groups_change_nothing():
    groups = np.arange(120) // 5
    plain = model(early_stopping=False).fit(X, D)
    assert_array_equal(
        model(early_stopping=False).fit(X, D, groups=groups).predict(X), plain.predict(X)
    )


def test_pipelines_transform_and_searches_route():
    groups = np.arange(80) // 5
    with sklearn.config_context(enable_metadata_routing=True):
        net = model().set_fit_request(X_val=True, y_val=True)
        pipeline = make_pipeline(StandardScaler(), net, transform_input=["X_val"])
        pipeline.fit(1000 * X[TRAIN], D[TRAIN], X_val=1000 * X[VALID], y_val=D[VALID])
        scaled = StandardScaler().fit(1000 * X[TRAIN])
        expected = model().fit(
            scaled.transform(1000 * X[TRAIN]),
            D[TRAIN],
            X_val=scaled.transform(1000 * X[VALID]),
            y_val=D[VALID],
        )
        assert_array_equal(pipeline[-1].history_["valid_loss"], expected.history_["valid_loss"])

        grouped = model(Spy, early_stopping=True).set_fit_request(groups=True)
        search = GridSearchCV(grouped, {"lr": [1e-2]}, cv=GroupKFold(2))
        train, valid = search.fit(X[TRAIN], D[TRAIN], groups=groups).best_estimator_.rows_
        assert not set(groups[train]) & set(groups[valid])


def test_the_wrapper_of_values_encodes_targets_for_validation():
    distributor = GaussianLabelDistributor(np.arange(0, 60), sigma=2)
    wrapped = LDLRegressor(model(), distributor)
    own = {"X_val": X[VALID], "y_val": VALUES[VALID]}
    fitted = wrapped.fit(X[TRAIN], VALUES[TRAIN], **own)
    distributor.fit(VALUES[TRAIN])
    expected = model().fit(
        X[TRAIN],
        distributor.transform(VALUES[TRAIN]),
        X_val=X[VALID],
        y_val=distributor.transform(VALUES[VALID]),
    )
    assert_array_equal(fitted.estimator_.history_["valid_loss"], expected.history_["valid_loss"])
    pipeline = LDLRegressor(make_pipeline(model()), distributor)
    pipeline.fit(
        X[TRAIN], VALUES[TRAIN], **{f"deepldlregressor__{name}": v for name, v in own.items()}
    )
    assert_array_equal(
        pipeline.estimator_[-1].history_["valid_loss"], expected.history_["valid_loss"]
    )


def test_values_come_with_a_dataset():
    pairs = TensorDataset(torch.from_numpy(X).float(), torch.from_numpy(VALUES))
    for estimator in (LDLRegressor(model()), model(DeepRegressor), model(KernelDensityRegressor)):
        fitted = estimator.fit(pairs)
        P = fitted.predict(pairs)
        assert_allclose(estimator.fit(pairs, VALUES).predict(X.astype(np.float32)), P, rtol=1e-6)
        assert fitted.score(pairs, VALUES) > -1
    with pytest.raises(ValueError, match="requires y to be passed"):
        LDLRegressor(model()).fit(X)
    with pytest.raises(ValueError, match="requires y to be passed"):
        LDLRegressor().fit(pairs)
