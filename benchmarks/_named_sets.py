"""Data sets with values or class labels for drop-in comparisons: scikit-learn's, and simulated."""

import numpy as np
from sklearn import datasets


def regressions():
    """Yield name, features and values; none is close to linear (R2 of Ridge at most 0.9)."""
    X, y = datasets.load_diabetes(return_X_y=True, scaled=False)
    yield "diabetes, raw", X, y
    yield "diabetes", *datasets.load_diabetes(return_X_y=True)
    yield "diabetes, 200 rows", X[:200], y[:200]
    X, Y = datasets.load_linnerud(return_X_y=True)
    yield "linnerud, waist", X, Y[:, 1]
    wine = datasets.load_wine().data
    yield "wine, alcohol", wine[:, 1:], wine[:, 0]
    iris = datasets.load_iris().data
    yield "iris, sepal length", iris[:, 1:], iris[:, 0]
    cancer = datasets.load_breast_cancer().data
    yield "breast cancer, smoothness", cancer[:, [0, 1, 2, 3, 6, 7, 8, 9]], cancer[:, 4]
    digits = datasets.load_digits()
    yield "digits, value", digits.data, digits.target.astype(float)
    linear = datasets.make_regression
    X, y = linear(500, 10, noise=60, random_state=0)
    yield "linear", X, y
    yield "linear, features x 100", 100 * X, y
    yield "linear, wide", *linear(100, 50, n_informative=10, noise=50, random_state=1)
    yield "friedman 1", *datasets.make_friedman1(300, noise=1, random_state=0)
    yield "friedman 2", *datasets.make_friedman2(300, noise=100, random_state=0)
    yield "friedman 3", *datasets.make_friedman3(300, noise=0.2, random_state=0)
    rng = np.random.RandomState(0)
    X = rng.normal(size=(400, 5))
    yield "skewed", X, np.exp(X[:, 0] + 0.5 * rng.normal(size=400))
    X = rng.normal(size=(400, 5))
    yield "heavy tails", X, X @ [1, 1, 0, 0, 2] + rng.standard_t(2, size=400)
    X = rng.normal(size=(1000, 3))
    age = 40 + 12 * X[:, 0] + 6 * np.abs(X[:, 1]) + 5 * rng.normal(size=1000)
    yield "ages", X, np.clip(age, 0, 90).round()
    X = rng.normal(size=(60, 3))
    yield "sixty rows", X, X[:, 0] + rng.normal(size=60)
    X = rng.normal(size=(400, 4))
    yield "an outlier", X, np.append(X[:-1, 0] + 0.5 * rng.normal(size=399), 50.0)
    X = rng.normal(size=(300, 6))
    yield "counts", X, rng.poisson(np.exp(0.5 * X[:, 0] + 1)).astype(float)
    X = rng.normal(size=(300, 8))
    yield "eight scales", X * 10.0 ** np.arange(-3, 5), X.sum(axis=1) + 2 * rng.normal(size=300)
    yield "noise", rng.normal(size=(300, 20)), rng.normal(size=300)


def classifications():
    """Yield name, features and class labels."""
    for load in (datasets.load_iris, datasets.load_wine, datasets.load_breast_cancer):
        yield load.__name__[5:].replace("_", " "), *load(return_X_y=True)
    X, y = datasets.load_digits(return_X_y=True)
    yield "digits", X, y
    yield "digits, 300 rows", X[:300], y[:300]
    make = datasets.make_classification
    yield "two classes", *make(400, n_classes=2, random_state=0)
    yield "three classes", *make(400, n_classes=3, n_informative=5, random_state=1)
    yield "noisy labels", *make(400, n_classes=4, n_informative=8, flip_y=0.2, random_state=2)
    yield "one in twenty", *make(400, n_classes=2, weights=[0.95], random_state=3)
    yield "hundred features", *make(400, n_features=100, n_informative=5, random_state=4)
    yield "sixty rows", *make(60, 20, random_state=7)
    yield "blobs", *datasets.make_blobs(300, centers=4, cluster_std=3, random_state=0)
    yield "moons", *datasets.make_moons(300, noise=0.3, random_state=0)
    yield "circles", *datasets.make_circles(300, noise=0.2, random_state=0)
    yield "shells", *datasets.make_gaussian_quantiles(n_samples=400, n_classes=3, random_state=0)
    X, y = datasets.load_diabetes(return_X_y=True)
    yield "diabetes, high", X, y > 140
    rng = np.random.RandomState(1)
    X = rng.normal(size=(300, 6))
    yield "six scales", X * 10.0 ** np.arange(-2, 4), X.sum(axis=1) > rng.normal(size=300)
    yield "noise", rng.normal(size=(300, 20)), rng.randint(0, 3, 300)
    X = rng.poisson(1, size=(400, 200)).astype(float)
    margin = X[:, :3].sum(axis=1) - X[:, 3:6].sum(axis=1) + rng.normal(size=400)
    yield "counts", X, (margin > 0).astype(int)
    X = rng.normal(size=(500, 8))
    yield "weak signal", X, (X[:, 0] + 3 * rng.normal(size=500) > 0).astype(int)
