import numpy as np
import pytest
from numpy.testing import assert_allclose

torch = pytest.importorskip("torch")
pytest.importorskip("skorch")

from torch import nn  # noqa: E402

from sklearn_ldl import DeepLDLClassifier, DeepLDLRegressor  # noqa: E402
from sklearn_ldl.datasets import make_ldl  # noqa: E402
from sklearn_ldl.deep import PRESETS  # noqa: E402

X, D = make_ldl(60, random_state=0)
# The others are those of one estimator.
RECIPES = [name for name in PRESETS if not name.startswith("dildl")]


class Pretrained(nn.Module):
    def __init__(self, n_features, n_labels):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(n_features, 20), nn.PReLU())
        self.head = nn.Linear(20, n_labels)

    def forward(self, X):
        return self.head(self.body(X))


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("cls", [DeepLDLClassifier, DeepLDLRegressor])
def test_presets_construct_and_train(name, cls):
    fitted = cls(Pretrained, **{**PRESETS[name], "max_epochs": 2}, random_state=0).fit(X, D)
    assert fitted.n_iter_ == 2
    assert_allclose(fitted.predict_proba(X).sum(axis=1), 1, atol=1e-12)
    assert cls().set_params(**PRESETS[name]).lr == PRESETS[name]["lr"]


def test_tabular_holds_the_defaults():
    defaults = DeepLDLClassifier().get_params()
    assert {name: defaults[name] for name in PRESETS["tabular"]} == PRESETS["tabular"]


def test_presets_cannot_be_changed():
    with pytest.raises(TypeError, match="does not support item assignment"):
        PRESETS["mine"] = {}


def test_scratch_starts_from_narrow_weights():
    settings = {**PRESETS["scratch"], "max_epochs": 0}
    net = DeepLDLRegressor(Pretrained, **settings, random_state=0).fit(X, D).net_.module_
    assert net.body[0].weight.std().item() == pytest.approx(0.01, rel=0.3)
    assert net.body[1].weight.item() == 0.25
    assert not net.head.bias.any()


def test_finetune_keeps_the_body_and_moves_the_head_ten_times_as_fast():
    torch_net = Pretrained(3, 3)
    settings = {**PRESETS["finetune"], "warm_start": True, "random_state": 0}
    fitted = DeepLDLRegressor(torch_net, **{**settings, "max_epochs": 0}).fit(X, D)
    start = {name: value.clone() for name, value in fitted.net_.module_.state_dict().items()}
    assert start["body.0.weight"].equal(torch_net.body[0].weight)
    assert start["head.weight"].std().item() == pytest.approx(0.01, rel=0.4)
    groups = fitted.net_.optimizer_.param_groups
    assert [(group["lr"], group["weight_decay"]) for group in groups] == [
        (1e-2, 5e-4),
        (2e-2, 0.0),
        (1e-3, 5e-4),
    ]
    assert [len(group["params"]) for group in groups] == [1, 1, 3]
    end = fitted.set_params(max_epochs=10).fit(X, D).net_.module_.state_dict()
    change = {name: np.abs((end[name] - start[name]).numpy()).max() for name in start}
    assert 0 < change["body.0.weight"] < change["head.weight"]


def test_finetune_needs_a_layer_called_head():
    with pytest.raises(ValueError, match=r"'head.weight' matches no parameter"):
        DeepLDLRegressor(nn.Linear(3, 3), **PRESETS["finetune"]).fit(X, D)
