"""torch Datasets as training data."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

torch = pytest.importorskip("torch")
pytest.importorskip("skorch")

from torch.utils.data import (  # noqa: E402
    ConcatDataset,
    Dataset,
    IterableDataset,
    Subset,
    TensorDataset,
)

from sklearn_ldl import (  # noqa: E402
    DeepLDLClassifier,
    DeepLDLRegressor,
    KernelDensityRegressor,
    LabelSmoother,
)
from sklearn_ldl.datasets import make_ldl  # noqa: E402
from sklearn_ldl.deep.dataset_targets import dataset_targets  # noqa: E402

X, D = make_ldl(60, random_state=0)
X = X.astype(np.float32)
Y = D.argmax(axis=1)
SMALL = {"hidden_layer_sizes": (8,), "max_epochs": 3, "batch_size": 9, "random_state": 0}


class Pairs(Dataset):
    def __init__(self, X, y=None, targets=None):
        self.X, self.y = X, y
        self.loaded = []
        if targets is not None:
            self.targets = targets

    def __len__(self):
        return len(self.X)

    def __getitem__(self, index):
        self.loaded.append(index)
        return self.X[index] if self.y is None else (self.X[index], self.y[index])


class Stream(IterableDataset):
    def __iter__(self):
        yield from zip(X, D, strict=True)


class NoLength(Dataset):
    def __getitem__(self, index):
        return X[index], D[index]


def regressor(**parameters):
    return DeepLDLRegressor(**(SMALL | parameters))


def classifier(**parameters):
    return DeepLDLClassifier(**(SMALL | parameters))


@pytest.mark.parametrize(
    "dataset",
    [
        Pairs(X, D),
        TensorDataset(torch.tensor(X), torch.tensor(D)),
        Subset(Pairs(np.tile(X, (2, 1)), np.tile(D, (2, 1))), range(60)),
        ConcatDataset([Pairs(X[:20], D[:20]), Pairs(X[20:], D[20:])]),
    ],
    ids=lambda dataset: type(dataset).__name__,
)
@pytest.mark.parametrize("early_stopping", [False, True])
def test_datasets_of_distributions_train_like_arrays(dataset, early_stopping):
    from_arrays = regressor(early_stopping=early_stopping).fit(X, D)
    fitted = regressor(early_stopping=early_stopping).fit(dataset)
    assert_array_equal(fitted.predict(X), from_arrays.predict(X))
    assert_array_equal(fitted.predict(dataset), from_arrays.predict(X))
    assert (fitted.n_labels_, fitted.input_shape_) == (3, (3,))
    assert not hasattr(fitted, "n_features_in_")
    in_classifier = classifier(early_stopping=early_stopping).fit(dataset)
    assert_array_equal(in_classifier.predict_proba(X), from_arrays.predict(X))
    assert in_classifier.classes_.tolist() == [0, 1, 2]


@pytest.mark.parametrize("labels", [Y, Y + 7, np.array(["b", "a", "c"])[Y], torch.tensor(Y)])
@pytest.mark.parametrize("attribute", [False, True])
def test_datasets_of_labels_train_like_arrays(labels, attribute):
    from_arrays = classifier(distributor=LabelSmoother(0.1)).fit(X, np.asarray(labels))
    dataset = Pairs(X, labels, targets=labels if attribute else None)
    fitted = classifier(distributor=LabelSmoother(0.1)).fit(dataset)
    assert_array_equal(fitted.classes_, from_arrays.classes_)
    assert_array_equal(fitted.predict_proba(dataset), from_arrays.predict_proba(X))
    assert_array_equal(fitted.predict(dataset), from_arrays.predict(X))


def test_targets_are_read_from_the_attribute_or_by_loading_every_item_once():
    dataset = Pairs(X, Y, targets=Y.tolist())
    assert_array_equal(dataset_targets(dataset), Y)
    assert dataset.loaded == [0]
    dataset = Pairs(X, Y[:, None])
    assert_array_equal(dataset_targets(dataset), Y)
    assert sorted(dataset.loaded)[1:] == list(range(60))


def test_distributions_are_not_collected():
    dataset = Pairs(X, D)
    assert_array_equal(dataset_targets(dataset), D[:1])
    assert set(dataset.loaded) == {0}


@pytest.mark.parametrize("dataset", [Pairs(X), Pairs(X, D), Pairs(X, Y)])
def test_y_given_separately_replaces_the_targets_of_the_items(dataset):
    expected = regressor().fit(X, D[::-1]).predict(X)
    assert_array_equal(regressor().fit(dataset, D[::-1]).predict(dataset), expected)
    assert_array_equal(classifier().fit(dataset, D[::-1]).predict_proba(X), expected)
    labels = classifier().fit(X, Y[::-1]).predict_proba(X)
    assert_array_equal(classifier().fit(dataset, Y[::-1]).predict_proba(X), labels)


def test_label_smoothing_reaches_the_targets_of_items():
    expected = regressor(label_smoothing=0.3).fit(X, D).predict(X)
    assert_array_equal(regressor(label_smoothing=0.3).fit(Pairs(X, D)).predict(X), expected)


@pytest.mark.parametrize("labels", [Y, D])
def test_worker_processes_change_nothing(labels):
    alone = classifier(early_stopping=True).fit(Pairs(X, labels))
    helped = classifier(early_stopping=True, num_workers=2, max_epochs=3).fit(Pairs(X, labels))
    assert_array_equal(helped.predict_proba(Pairs(X)), alone.predict_proba(X))


def test_images_of_a_dataset():
    images = np.random.default_rng(0).standard_normal((60, 1, 4, 4)).astype(np.float32)
    fitted = classifier().fit(Pairs(images, Y))
    assert fitted.input_shape_ == (1, 4, 4)
    assert_array_equal(fitted.predict(Pairs(images)), fitted.predict(images))
    with pytest.raises(ValueError, match=r"samples of shape \(1, 4, 3\), but"):
        fitted.predict(Pairs(images[..., :3]))
    with pytest.raises(ValueError, match=r"input_shape=\(16,\), but X has samples of shape \(1, 4"):
        classifier(input_shape=(16,)).fit(Pairs(images, Y))


def test_weights_of_the_rows_of_a_dataset(rng):
    weight = rng.integers(0, 3, 60)
    expected = regressor().fit(X, D, sample_weight=weight).predict(X)
    fitted = regressor().fit(Pairs(X, D), sample_weight=weight)
    assert_array_equal(fitted.predict(X), expected)
    with pytest.raises(ValueError, match="sample_weight has shape"):
        regressor().fit(Pairs(X, D), sample_weight=weight[:5])


def test_scores_of_datasets():
    fitted = classifier(max_epochs=30).fit(Pairs(X, Y))
    assert fitted.score(Pairs(X, Y), Y) == fitted.score(X, Y) > 0.5


@pytest.mark.parametrize(
    ("dataset", "match"),
    [
        (Stream(), "Stream has no length: give a map-style Dataset"),
        (NoLength(), "NoLength has no length: give a map-style Dataset"),
        (Pairs(X[:0], D[:0]), "Found a Dataset with 0 samples"),
        (Pairs(X), r"A Dataset without y must give pairs \(x, y\)"),
        (Pairs(X, 2 * D), "row 0 sums to 2"),
        (Pairs(X, np.vstack([D[:59], 2 * D[59:]])), "sums to 2"),
        (Pairs(X * np.nan, D), "Training diverged: the loss is nan"),
    ],
)
def test_datasets_that_cannot_be_used(dataset, match):
    for model in (regressor(), classifier()):
        with pytest.raises(ValueError, match=match):
            model.fit(dataset)


def test_labels_are_no_distributions_and_values_are_no_labels():
    with pytest.raises(ValueError, match="For class labels use LDLClassifier"):
        regressor().fit(Pairs(X, Y))
    with pytest.raises(ValueError, match="continuous"):
        classifier().fit(Pairs(X, X[:, 0]))
    with pytest.raises(ValueError, match=r"inconsistent numbers of samples: \[60, 5\]"):
        regressor().fit(Pairs(X), D[:5])


def test_nan_in_a_dataset_never_becomes_a_prediction():
    fitted = regressor().fit(X, D)
    bad = X.copy()
    bad[5] = np.nan
    with pytest.raises(ValueError, match="The network returns NaN or infinity"):
        fitted.predict(Pairs(bad))


class Noisy(Pairs):
    """Adds noise of torch at every access."""

    def __getitem__(self, index):
        return torch.tensor(X[index]) + 0.1 * torch.randn(3), self.y[index]


@pytest.mark.parametrize(
    ("model", "targets", "given"),
    [
        (regressor(), D, None),
        (regressor(early_stopping=True), D, D),
        (classifier(), Y, None),
        (classifier(num_workers=1, max_epochs=1), Y, Y),
        (KernelDensityRegressor(**SMALL), X[:, 0], None),
    ],
    ids=["distributions", "early stopping", "labels", "workers", "values"],
)
def test_training_on_items_that_draw_leaves_torchs_random_state_alone(model, targets, given):
    dataset, state = Noisy(X, targets), torch.get_rng_state()
    dataset[0]
    assert not torch.equal(torch.get_rng_state(), state)
    state = torch.get_rng_state()
    model.fit(dataset, given)
    assert torch.equal(torch.get_rng_state(), state)


def test_predictions_for_datasets_leave_torchs_random_state_alone():
    fitted = classifier().fit(X, Y)
    for num_workers in (0, 1):
        state = torch.get_rng_state()
        fitted.set_params(num_workers=num_workers).predict(Pairs(X))
        assert torch.equal(torch.get_rng_state(), state)


def test_random_augmentation_follows_the_seed():
    fits = []
    for seed in (0, 0, 1):
        torch.manual_seed(len(fits))
        fits.append(regressor(random_state=seed).fit(Noisy(X, D)).predict(X))
    assert_array_equal(fits[0], fits[1])
    assert np.abs(fits[0] - fits[2]).max() > 1e-3
    assert np.abs(fits[0] - regressor().fit(X, D).predict(X)).max() > 1e-6
    assert_allclose(fits[0].sum(axis=1), 1, atol=1e-12)
