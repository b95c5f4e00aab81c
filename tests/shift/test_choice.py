"""The default correction: chosen by simulated targets, no worse than none, and with a warning."""

import importlib
import warnings

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import softmax

from sklearn_ldl import BFGSLDL, LabelShiftCorrector
from sklearn_ldl.datasets import make_imbalanced_ldl, make_label_shift, make_ldl
from sklearn_ldl.metrics import kl_divergence
from sklearn_ldl.shift.choice import AMOUNTS, BBSE, EM, NONE, UNIFORM, _choose, _selected
from tests import ROOT

SOURCE, TARGET = np.array([0.6, 0.3, 0.1]), np.array([0.15, 0.25, 0.6])
X, D = make_label_shift(200, prior=SOURCE, random_state=0)
X_new, D_new = make_label_shift(150, prior=TARGET, random_state=1)
REFUTED = "do not explain the predictions for X_target"
CORNER = "The estimated prior is in a corner"


def corrector(**parameters):
    return LabelShiftCorrector(BFGSLDL(alpha=0.01), **{"n_bootstrap": 20, **parameters})


def selected(seed, n_target=100):
    """Training rows that were selected by their degrees, and a target that was not."""
    rows = make_ldl(3000, n_votes=10, random_state=seed)
    train = make_imbalanced_ldl(*rows, head=2, tail=0, head_max=0.8, tail_min=1.1)
    return train, make_ldl(n_target, random_state=seed + 1000)


def not_corrected(model, X, D):
    return kl_divergence(D, model.estimator_.predict(X))


# --- no harm


@pytest.mark.parametrize("seed", range(3))
def test_rows_selected_by_degree(seed):
    train, target = selected(seed)
    model = corrector(n_bootstrap=100)
    with pytest.warns(UserWarning, match=REFUTED):
        model.fit(*train, X_target=target[0])
    before = not_corrected(model, *target)
    assert kl_divergence(target[1], model.predict(target[0])) <= 1.02 * before
    assert model.shift_detected_
    assert model.unexplained_ > 0.25
    with pytest.warns(UserWarning, match=rf"{CORNER}.*rules out \['0'\]"):
        model.set_params(method="bbse").adapt(target[0])
    assert kl_divergence(target[1], model.predict(target[0])) > 3 * before


@pytest.mark.parametrize("seed", range(3))
def test_labels_that_look_alike(seed):
    centre = np.array([[2, 0, 0], [0, 2, 0], [0, 2, 0.4]])

    def draw(n_rows, prior, random_state):
        rng = np.random.default_rng(random_state)
        rows = rng.standard_normal((n_rows, 3)) + centre[rng.choice(3, n_rows, p=prior)]
        Z = rows @ centre.T - np.square(centre).sum(axis=1) / 2
        return rows, softmax(Z + np.log(prior), axis=1)

    train, target = draw(400, SOURCE, seed), draw(100, [0.3, 0.2, 0.5], seed + 1000)
    model = corrector().fit(*train, X_target=target[0])
    assert model.unexplained_ < 0.25
    after = kl_divergence(target[1], model.predict(target[0]))
    assert after < 0.5 * not_corrected(model, *target)
    model.set_params(method="bbse").adapt(target[0])
    assert after <= 1.02 * kl_divergence(target[1], model.predict(target[0]))


def test_samples_that_changed_in_another_way_are_left_alone():
    # Doubtful samples alone: degrees given x are the same.
    X_doubtful, D_doubtful = make_label_shift(3000, prior=SOURCE, random_state=9)
    doubtful = D_doubtful.max(axis=1) < 0.7
    X_doubtful, D_doubtful = X_doubtful[doubtful], D_doubtful[doubtful]
    model = corrector()
    with pytest.warns(UserWarning, match="they leave .* of the change: predictions stay"):
        model.fit(X, D, X_target=X_doubtful)
    assert model.method_ == NONE
    assert_array_equal(model.predict(X_doubtful), model.estimator_.predict(X_doubtful))
    assert_array_equal(model.target_prior_, model.prior_)
    model.set_params(target_prior="uniform").adapt()
    before = not_corrected(model, X_doubtful, D_doubtful)
    assert kl_divergence(D_doubtful, model.predict(X_doubtful)) > 2 * before


@pytest.mark.slow
@pytest.mark.parametrize("n_target", [100, 1000])
@pytest.mark.parametrize(
    "shift", ["none", "mild", "strong", "rare label", "labels alike", "rows selected"]
)
def test_no_worse_than_nothing_or_the_black_box(shift, n_target, monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    bench = importlib.import_module("bench_label_shift")
    default, black_box = forms = ["auto", "bbse if a shift is found"]
    runs = [bench.divergences(shift, seed, n_target, forms) for seed in range(20)]
    kl = {form: np.mean([run[form] for run in runs]) for form in (bench.NONE, *forms)}
    assert kl[default] <= 1.02 * kl[bench.NONE]
    if kl[black_box] < kl[bench.NONE]:
        assert kl[default] <= 1.02 * kl[black_box]


# --- what is chosen, and why


def test_what_was_chosen_can_be_read_off():
    model = corrector().fit(X, D, X_target=X_new)
    assert model.method_ in (BBSE, EM)
    results = model.choice_
    assert results.keys() == {"method", "amount", "mean_kl", "std_error"}
    candidates = list(zip(results["method"], results["amount"], strict=True))
    every = [(method, amount) for method in (UNIFORM, BBSE, EM) for amount in AMOUNTS]
    assert candidates == [(NONE, 0), *every]
    chosen = candidates.index((model.method_, model.amount_))
    assert results["mean_kl"][chosen] + results["std_error"][chosen] < results["mean_kl"][0]
    assert results["std_error"][0] == 0
    alone = corrector(method=model.method_).fit(X, D, X_target=X_new)
    assert not hasattr(alone, "choice_")
    assert not hasattr(alone, "unexplained_")
    assert (alone.method_, alone.amount_) == (model.method_, 1)
    assert model.strength_ > 0
    assert (model.target_prior_std_ > 0).all()
    before = not_corrected(model, X_new, D_new)
    assert kl_divergence(D_new, model.predict(X_new)) < 0.2 * before


def test_a_correction_in_part_mixes_the_priors():
    # A label of some ten rows: its estimate is drawn to the training prior.
    rows = make_label_shift(400, prior=[0.6, 0.375, 0.025], random_state=0)
    X_target, _ = make_label_shift(100, prior=[0.3, 0.3, 0.4], random_state=1000)
    model = corrector().fit(*rows, X_target=X_target)
    assert model.amount_ in AMOUNTS[:-1]
    whole = corrector(method=model.method_).fit(*rows, X_target=X_target)
    low, high = np.sort([model.prior_, whole.target_prior_], axis=0)
    assert ((low < model.target_prior_) & (model.target_prior_ < high)).all()
    scale, bias = model._calibration
    Z = scale * model.estimator_.decision_function(X_target) + bias
    Z += np.log(model.target_prior_ / model.prior_)
    assert_allclose(model.predict(X_target), softmax(Z, axis=1), rtol=1e-9)


def test_nothing_is_chosen_where_no_shift_is_found():
    X_same, _ = make_label_shift(80, prior=SOURCE, random_state=2)
    model = corrector().fit(X, D, X_target=X_same)
    assert not model.shift_detected_
    assert (model.method_, model.amount_) == (NONE, 0)
    assert not hasattr(model, "choice_")
    model.adapt(X_new)
    assert model.method_ != NONE
    assert not hasattr(model.adapt(X_same), "choice_")
    model.adapt(X_new).set_params(target_prior=TARGET).adapt()
    for name in ("method_", "amount_", "unexplained_", "choice_"):
        assert not hasattr(model, name)


def test_the_default_is_deterministic():
    first = LabelShiftCorrector().fit(X, D, X_target=X_new)
    second = LabelShiftCorrector().fit(X, D).adapt(X_new)
    assert_array_equal(first.predict(X_new), second.predict(X_new))
    np.testing.assert_equal(first.choice_, second.choice_)


CANDIDATES = [(NONE, 0.0), (UNIFORM, 1.0), (BBSE, 1.0), (EM, 1.0)]


@pytest.mark.parametrize(
    ("means", "refuted", "chosen"),
    [
        ([1.0, 2, 2, 2], False, NONE),
        ([1.0, 0.9, 0.5, 0.6], False, BBSE),
        ([1.0, 0.9, 0.5, 0.1], False, EM),
        ([1.0, 0.9, 0.5, 0.48], False, BBSE),  # not better by two standard errors
        ([1.0, 0.9, 0.99, 2], False, UNIFORM),
        ([1.0, 0.99, 0.995, 2], False, NONE),  # not better by one
        ([1.0, 0.3, 0.5, 0.1], True, BBSE),
        ([1.0, 0.5, 1.5, 0.1], True, UNIFORM),
        ([1.0, 1.2, 1.5, 0.1], True, NONE),
    ],
)
def test_margins(means, refuted, chosen):
    noise = np.tile([[0.1, 0, 0, 0], [-0.1, 0, 0, 0], [0, 0, 0.1, -0.1], [0, 0, -0.1, 0.1]], (9, 1))
    found = _choose(np.array(means) + noise, CANDIDATES, refuted=refuted, cornered=False)
    assert CANDIDATES[found][0] == chosen


@pytest.mark.parametrize(("refuted", "chosen"), [(True, UNIFORM), (False, BBSE)])
def test_a_refuted_estimate_does_not_rule_out_a_label(refuted, chosen):
    means = np.tile([1.0, 0.9, 0.5, 0.6], (9, 1))
    found = _choose(means, CANDIDATES, refuted=refuted, cornered=True)
    assert CANDIDATES[found][0] == chosen


def test_selection_goes_as_far_as_the_rows_allow():
    weight = np.full(len(D), 1 / len(D))
    near, far = np.array([0.5, 0.35, 0.15]), np.array([1e-4, 1e-4, 1 - 2e-4])
    assert abs(_selected(D, weight, near) @ D - near).max() < 0.06
    selected = _selected(D, weight, far)
    assert selected.sum() == pytest.approx(1)
    assert 1 / np.square(selected).sum() == pytest.approx(len(D) / 10, rel=0.01)
    assert (selected @ D)[2] > 3 * D[:, 2].mean()


# --- a corner


def test_an_estimate_in_a_corner_warns_and_names_the_label():
    X_corner, _ = make_label_shift(300, prior=[0.001, 0.001, 0.998], random_state=5)
    named = pd.DataFrame(D, columns=["low", "medium", "high"])
    model = corrector(method="em")
    with pytest.warns(UserWarning, match=rf"{CORNER}.*'low'"):
        model.fit(X, named, X_target=X_corner)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.adapt(X_new)
        model.set_params(target_prior=[0, 0, 1]).adapt()
