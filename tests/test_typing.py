"""What type checkers know of the public API."""

import inspect
import os
import subprocess
import sys
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

import sklearn_ldl

pytest.importorskip("mypy")

ROOT = Path(sklearn_ldl.__file__).parent

# What users write. Nothing here runs: `reveal_type` would not stop at an Any, `assert_type` does.
USER = """
from typing import Any, assert_type

import numpy as np
from numpy.typing import NDArray

import sklearn_ldl
from sklearn_ldl import (
    AutoLDL, BFGSLDL, BFGSLDLCV, ConformalLDL, DFLDL, EDLLRL, IISLDL, LDL4C, LDLHR, LDLLCLR,
    LDLLDM, LDLSCL, LDLSF, LDSVR, PTSVMLDL,
    DecoupledLabelSplitter, GaussianLabelDistributor, GLLEEnhancer, GradientBoostingLDL,
    KNeighborsLDL, LabelEnhancementClassifier, LabelShiftCorrector, LabelSmoother, LDLClassifier,
    LDLRegressor, MultiLabelDistributor, MultiLabelLDLClassifier, PTBayesLDL, StackingLDL,
    TemperatureCalibrator,
    AuxGraphNeighbors, as_weighted_rows, check_distribution,
    gaussian_label_distribution, project_simplex, smooth_labels, smooth_mask, split_dominant,
    to_logical_labels, vote_table_to_distribution, votes_to_distribution,
)
from sklearn_ldl.datasets import (
    IMBALANCED_PROTOCOLS, ImbalancedKFold, fetch_ldl, list_datasets, load_ldl,
    make_label_shift, make_ldl, make_ldl_surface,
)
from sklearn_ldl.wrappers import fit_temperature
from sklearn_ldl.decoding import argmax, decode, expectation, median, mode, threshold_sets
from sklearn_ldl.distributors import DominantSplit, VoteTable, head_pose_grid, product_grid
from sklearn_ldl.metrics import (
    accuracy_within_score, average_precision_score, brier_score_loss, chebyshev_distance,
    cumulative_score, cumulative_score_curve, d2_kl_score, get_ldl_scorer, get_ldl_scorer_names,
    head_euclidean_distance, head_labels, kl_divergence, mean_iou_score, wasserstein_distance,
)
from sklearn_ldl.wrappers import fit_temperature

Floats = NDArray[np.float64]
Array = NDArray[Any]

assert_type(sklearn_ldl.__version__, str)
X, D = make_ldl(100, random_state=0)
assert_type(D, Floats)
y = np.arange(100)

# distributions in, distributions out
model = BFGSLDL(alpha=1e-3)
assert_type(model, BFGSLDL)
assert_type(model.fit(X, D), BFGSLDL)
assert_type(model.predict(X), Array)
assert_type(model.predict_proba(X), Array)
assert_type(model.score(X, D), float)
assert_type(BFGSLDLCV(5).fit(X, D), BFGSLDLCV)
assert_type(BFGSLDL.from_coefficients(D), BFGSLDL)
assert_type(as_weighted_rows(D)[2], Floats)
assert_type(IISLDL().fit(X, D), IISLDL)
assert_type(LDLLDM().fit(X, D), LDLLDM)
assert_type(EDLLRL().fit(X, D), EDLLRL)
assert_type(LDLLCLR().fit(X, D), LDLLCLR)
assert_type(LDLSF().fit(X, D), LDLSF)
assert_type(LDLSCL().fit(X, D), LDLSCL)
assert_type(LDL4C().fit(X, D), LDL4C)
assert_type(LDLHR().fit(X, D), LDLHR)
assert_type(LDSVR().fit(X, D), LDSVR)
assert_type(PTSVMLDL().fit(X, D), PTSVMLDL)
assert_type(PTBayesLDL().fit(X, D).predict(X), Array)
assert_type(GradientBoostingLDL().fit(X, D), GradientBoostingLDL)
assert_type(KNeighborsLDL(7).fit(X, D).predict(X), Array)
assert_type(StackingLDL().fit(X, D).predict(X), Floats)
assert_type(DFLDL(model).fit(X, D).predict_members(X), Floats)
assert_type(AutoLDL(time_limit=None).fit(X, D), AutoLDL)
assert_type(AutoLDL().fit(X, D).predict_members(X), Floats)
assert_type(TemperatureCalibrator(model).fit(X, D).decision_function(X), Array)
assert_type(LabelShiftCorrector(model).fit(X, D).adapt(X), LabelShiftCorrector)
assert_type(ConformalLDL(model, cv=0.2).fit(X, D), ConformalLDL)
assert_type(ConformalLDL(model).predict_set(X), NDArray[np.bool_])
assert_type(ConformalLDL(model, method="kl").predict_region(X).radius, Floats)
assert_type(fit_temperature(D, D), float)

# labels or values in, labels or values out
assert_type(LDLClassifier(model).fit(X, y), LDLClassifier)
assert_type(LDLClassifier(model).predict(X), Array)
assert_type(LDLClassifier(model).decision_function(X), Array)
assert_type(LDLRegressor(decode="median").fit(X, y).predict(X), Floats)
assert_type(LDLRegressor().quantile(X, 0.5), Floats)
assert_type(LabelEnhancementClassifier(enhancer=GLLEEnhancer()).fit(X, D).predict_proba(X), Floats)

assert_type(MultiLabelLDLClassifier(model).fit(X, D), MultiLabelLDLClassifier)
assert_type(MultiLabelLDLClassifier(threshold="cv").predict(X), Array)
assert_type(MultiLabelLDLClassifier().decision_function(X), Floats)

# transformers of targets
smoother = LabelSmoother(smoothing=0.1).fit(y)
assert_type(smoother, LabelSmoother)
assert_type(smoother.transform(y), Floats)
assert_type(smoother.fit_transform(y), Array)
assert_type(GaussianLabelDistributor(sigma=2.0).fit(y), GaussianLabelDistributor)
assert_type(MultiLabelDistributor().fit(y), MultiLabelDistributor)
assert_type(DecoupledLabelSplitter().fit(D), DecoupledLabelSplitter)
assert_type(AuxGraphNeighbors(5).fit(D), AuxGraphNeighbors)
assert_type(smooth_labels(D, 0.1), Floats)
assert_type(gaussian_label_distribution([1.0], [0.0, 1.0], 2.0), Floats)
assert_type(product_grid([0, 15], [0, 15]), Floats)
assert_type(head_pose_grid(), Floats)
assert_type(votes_to_distribution([[3, 1]]), Floats)
assert_type(vote_table_to_distribution(["a"], ["b"]), VoteTable)
assert_type(vote_table_to_distribution(["a"], ["b"]).D, Floats)
assert_type(split_dominant(D), DominantSplit)
assert_type(smooth_mask([[0, 1]], 2), tuple[Floats, NDArray[np.bool_]])
assert_type(check_distribution(D), Floats)
assert_type(project_simplex(D), NDArray[np.floating[Any]])
assert_type(to_logical_labels(D), NDArray[np.int8])

# metrics and scorers
assert_type(kl_divergence(D, D), float)
assert_type(kl_divergence(D, D, floor=1e-10, sample_weight=y), float)
assert_type(chebyshev_distance(D, D, per_row=True), Floats)
assert_type(wasserstein_distance(D, D, grid=[1, 2, 3]), float)
assert_type(head_euclidean_distance(D, D, head=head_labels(D)), float)
assert_type(d2_kl_score(D, D), float)
assert_type(brier_score_loss(D, D, kind="top_label", truth="mode"), float)
assert_type(accuracy_within_score(y, y, 5, dim=0, grid=y), float)
assert_type(cumulative_score(y, y, 5), float)
assert_type(average_precision_score(D, D, interpolation="voc2007"), float)
assert_type(average_precision_score(D, D, average=None), Floats)
assert_type(cumulative_score_curve(y, y, [5]), Floats)
assert_type(mean_iou_score(y, y, n_classes=100), float)
assert_type(get_ldl_scorer_names(), list[str])
assert_type(get_ldl_scorer("neg_wasserstein_distance", grid=[1, 2, 3])(model, X, D), float)
assert_type(get_ldl_scorer("neg_kl_divergence")(model, X, D, sample_weight=y), float)

# values of distributions
for rule in (argmax, expectation, median, mode):
    assert_type(rule(D, [1, 2, 3]), Floats)
assert_type(decode(D, [1, 2, 3], "mode"), Floats)
assert_type(threshold_sets(D, 0.3), NDArray[np.bool_])

# data
assert_type(make_ldl_surface(), tuple[Floats, Floats])
assert_type(make_label_shift(), tuple[Floats, Floats])
assert_type(load_ldl("votes.csv", return_X_y=True), tuple[Any, Any])
assert_type(fetch_ldl("Movie", return_X_y=True), tuple[Any, Any])
assert_type(list_datasets(), dict[str, str])
assert_type(ImbalancedKFold(**IMBALANCED_PROTOCOLS["Movie"]), ImbalancedKFold)
"""

DEEP = """
from typing import Any, assert_type

import numpy as np
import torch
from numpy.typing import NDArray

from sklearn_ldl import (
    CPNN, AuxGraphLDLClassifier, AuxGraphNeighbors, DeepLDLClassifier, DeepLDLRegressor,
    DeepRegressor, DILDLRegressor, DistillationClassifier, KernelDensityRegressor,
    NoiseAdaptationClassifier, OfflineLDLClassifier, OFRRegressor, OGRClassifier,
    OnlineLDLClassifier, RDARegressor,
)
from sklearn_ldl.datasets import make_annotators, make_ldl, make_noisy_labels
from sklearn_ldl.deep import PRESETS, MixUp, backbone, pixel_loss

Floats = NDArray[np.float64]
X, D = make_ldl(100)
y = np.arange(100)

net = DeepLDLClassifier(torch.nn.Linear(3, 3), augment=MixUp(), lr=0.1, random_state=0)
assert_type(net.fit(X, y), DeepLDLClassifier)
assert_type(net.predict_proba(X), Floats)
assert_type(net.history_, dict[str, NDArray[Any]])
assert_type(DeepLDLClassifier(backbone("resnet18"), **PRESETS["finetune"]), DeepLDLClassifier)
assert_type(DeepLDLRegressor(hidden_layer_sizes=(5,), loss="mse").fit(X, D), DeepLDLRegressor)
assert_type(DeepLDLRegressor().fit(X, D).predict(X), Floats)
assert_type(DeepRegressor(loss="gaussian").fit(X, y).predict(X), Floats)
assert_type(DeepRegressor().predict(X, return_std=True), tuple[Floats, Floats])
assert_type(DeepRegressor().quantile(X, 0.5), Floats)
assert_type(KernelDensityRegressor([1, 2, 3], max_epochs=5).fit(X, y), KernelDensityRegressor)
assert_type(KernelDensityRegressor().predict(X), Floats)
assert_type(KernelDensityRegressor().predict(X, return_cov=True), tuple[Floats, Floats])
assert_type(CPNN("onehot", optimizer="adam").fit(X, D), CPNN)
assert_type(RDARegressor(hidden_dim=5, label_smoothing=0.1).fit(X, D), RDARegressor)
assert_type(DILDLRegressor(0.5, clip_norm="adaptive").fit(X, D), DILDLRegressor)
assert_type(OFRRegressor("fl", dropout=0.5).fit(X, D), OFRRegressor)
assert_type(OfflineLDLClassifier(net, module=torch.nn.Linear).fit(X, y), OfflineLDLClassifier)
assert_type(OnlineLDLClassifier([net], mc_samples=3).fit(X, y), OnlineLDLClassifier)
assert_type(DistillationClassifier(temperature=2.0).fit(X, y), DistillationClassifier)
assert_type(OGRClassifier(use="weight").fit(X, y), OGRClassifier)
assert_type(AuxGraphLDLClassifier(AuxGraphNeighbors([2, 4])).fit(X, y, D), AuxGraphLDLClassifier)
assert_type(NoiseAdaptationClassifier(warmup=0.5).fit(X, y, y), NoiseAdaptationClassifier)
assert_type(make_noisy_labels(y, make_annotators(2, 100), annotators=y % 2), NDArray[Any])
assert_type(pixel_loss(torch.ones(1), torch.ones(1), torch.ones(1)), torch.Tensor)
"""

# What a type checker must find.
MISTAKES = """
from sklearn_ldl import BFGSLDL, Nonsense  # wrong
from sklearn_ldl.metrics import kl_divergence

BFGSLDL(aplha=1)  # wrong
BFGSLDL(alpha="large")  # wrong
BFGSLDL().fit()  # wrong
kl_divergence([[1, 0]])  # wrong
"""

DEEP_MISTAKES = """
from sklearn_ldl import CPNN, DeepLDLClassifier, RDARegressor

DeepLDLClassifier(learning_rate=0.1)  # wrong
DeepLDLClassifier(lr="fast")  # wrong
RDARegressor(loss="kl")  # wrong
CPNN(module=None)  # wrong
"""


@pytest.fixture(scope="module")
def mypy(tmp_path_factory):
    """Run mypy in a folder of its own, without our settings; give its output by file."""
    folder = tmp_path_factory.mktemp("user")

    def run(*arguments, sources=None):
        for name, source in (sources or {}).items():
            Path(folder, name).write_text(source)
        result = subprocess.run(
            [sys.executable, "-m", "mypy", f"--cache-dir={folder}", *arguments, *(sources or {})],
            cwd=folder,
            env={**os.environ, "MYPYPATH": str(ROOT.parent)},
            capture_output=True,
            text=True,
        )
        assert not result.stderr
        return [line for line in result.stdout.splitlines() if ": error: " in line]

    return run


def as_user(mypy, source):
    return mypy("--strict", "--follow-imports=silent", sources={"user.py": source})


def test_users_get_types(mypy):
    assert as_user(mypy, USER) == []


def test_users_of_networks_get_types(mypy):
    pytest.importorskip("skorch")
    assert as_user(mypy, DEEP) == []


@pytest.mark.parametrize("source", [MISTAKES, DEEP_MISTAKES], ids=["core", "deep"])
def test_mistakes_are_found(mypy, source):
    if source is DEEP_MISTAKES:
        pytest.importorskip("skorch")
    found = {int(error.split(":")[1]) for error in as_user(mypy, source)}
    wrong = {n for n, line in enumerate(source.splitlines(), 1) if "# wrong" in line}
    assert found == wrong


@pytest.mark.slow  # pre-commit runs the same
def test_the_package_agrees_with_its_types(mypy):
    pytest.importorskip("numpy", minversion="2", reason="types of NumPy 1 differ")
    settings = ROOT.parent / "setup.cfg"
    assert mypy(f"--config-file={settings}", str(ROOT)) == []


def test_options_of_networks_are_those_that_constructors_take():
    pytest.importorskip("skorch")
    deep = sklearn_ldl.deep
    classes = [getattr(deep, name) for name in deep.__all__]
    constructors = [cls.__init__ for cls in classes if hasattr(cls, "fit")]
    constructors = [init for init in constructors if "net" in init.__annotations__]
    assert len(constructors) >= 13
    for init in constructors:
        (options,) = get_args(get_type_hints(init)["net"])
        names = {*init.__annotations__, *get_type_hints(options)} - {"net", "return"}
        assert names == {*inspect.signature(init).parameters} - {"self"}, init
