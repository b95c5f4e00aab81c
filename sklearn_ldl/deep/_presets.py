"""Published recipes, as parameters of the deep estimators."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

#: Recipes by name. Unpack one into a constructor, ``DeepLDLClassifier(**PRESETS["finetune"])``, or
#: into ``set_params``; parameters of your own go behind it: ``{**PRESETS["scratch"], "lr": 0.1}``.
#:
#: * ``"tabular"``: the defaults of the estimators.
#: * ``"scratch"``, ``"finetune"``: networks for images trained from nothing, or with a pretrained
#:   body and a new layer called ``head`` (Gao et al., "Deep label distribution learning with label
#:   ambiguity", IEEE TIP 2017; the decay and the rates of the biases are those of its code).
#: * ``"teacher"``: residual networks that learn from teachers ("Off-/On-LDL").
#: * ``"aux_graph"``: fine-tuning with graphs of auxiliary labels (Chen et al., "Label distribution
#:   learning on auxiliary label space graphs for facial expression recognition", CVPR 2020).
#: * ``"imbalanced"``: the defaults of the estimators for imbalanced training sets (those of code
#:   for Zhao et al., "Imbalanced label distribution learning", AAAI 2023, but without decay of
#:   biases, with a small output layer at the start, and an end soon after the best epoch on 15 % of
#:   the rows). About a hundred rows cannot unlearn what an output layer of full scale says at
#:   random.
#: * ``"dildl_literal"``, ``"dildl_rebalanced"``: :class:`DILDLRegressor` with targets as printed in
#:   Gao et al., "Decoupled imbalanced label distribution learning", IJCAI 2025, and for labels that
#:   are known to be distributed otherwise where the model is to be used.
PRESETS: MappingProxyType[str, dict[str, Any]] = MappingProxyType(
    {
        "tabular": {"optimizer": "adam", "lr": 1e-2, "batch_size": 50, "max_epochs": 60},
        "scratch": {
            "optimizer": "sgd",
            "lr": 1e-2,
            "lr_schedule": "log",
            "batch_size": 128,
            "weight_decay": 5e-4,
            "max_epochs": 20,
            "init": "normal",
        },
        "finetune": {
            "optimizer": "sgd",
            "lr": 1e-3,
            "lr_schedule": "log",
            "batch_size": 32,
            "weight_decay": 5e-4,
            "max_epochs": 10,
            "init": "normal_head",
            "param_groups": (
                ("head.weight", {"lr": 1e-2}),
                ("head.bias", {"lr": 2e-2, "weight_decay": 0.0}),
            ),
        },
        "teacher": {
            "optimizer": "sgd",
            "lr": 5e-2,
            "lr_schedule": "multistep",
            "batch_size": 64,
            "weight_decay": 5e-4,
            "max_epochs": 240,
        },
        "aux_graph": {
            "optimizer": "sgd",
            "lr": 1e-3,
            "lr_schedule": "warmup_cosine",
            "batch_size": 32,
            "weight_decay": 4e-4,
            "max_epochs": 10,
        },
        "imbalanced": {
            "optimizer": "adamw",
            "lr": 1e-3,
            "batch_size": 50,
            "max_epochs": 300,
            "weight_decay": 1e-4,
            "init": "kaiming_small_head",
            "param_groups": (("*bias", {"weight_decay": 0.0}),),
            "clip_norm": "adaptive",
            "early_stopping": True,
            "validation_fraction": 0.15,
        },
        "dildl_literal": {"nondominant_target": "softmax", "dominant_target": "onehot"},
        "dildl_rebalanced": {"rebalance": "db"},
    }
)
