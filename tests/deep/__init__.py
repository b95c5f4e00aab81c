"""Tests of the networks."""


def single_net(cls, *args, **settings):
    """Build an estimator with one perceptron and a fixed number of epochs, but for `settings`."""
    from sklearn_ldl.deep import PRESETS

    return cls(*args, **{**PRESETS["plain"], **settings})
