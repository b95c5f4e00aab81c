"""Published recipes, as parameters of the deep estimators."""

from __future__ import annotations

from sklearn_ldl._core.settings import Settings

PRESETS = Settings(
    """
    Published recipes, as parameters of the deep estimators, by name.

    Unpack one into a constructor, ``DeepLDLClassifier(**PRESETS["finetune"])``, or into
    ``set_params``; parameters of your own go behind it: ``{**PRESETS["scratch"], "lr": 0.1}``.

    - ``"tabular"``: the defaults of :class:`~sklearn_ldl.DeepLDLRegressor`,
      :class:`~sklearn_ldl.DeepLDLClassifier` and :class:`~sklearn_ldl.DeepRegressor`: an ensemble
      of small perceptrons that stops early, with features standardised inside.
    - ``"plain"``: one small perceptron, trained for a fixed number of epochs. These are the
      defaults of the other networks, where those of their publications do not say otherwise.
    - ``"scratch"``, ``"finetune"``: networks for images trained from nothing, or with a pretrained
      body and a new layer called ``head`` (Gao et al., 2017; the decay and the rates of the biases
      are those of its code).
    - ``"teacher"``: residual networks that learn from teachers (Off-LDL and On-LDL; Hong et al.,
      2023).
    - ``"aux_graph"``: fine-tuning with graphs of auxiliary labels (Chen et al., 2020).
    - ``"imbalanced"``: the defaults of the estimators for imbalanced training sets (those of code
      for Zhao et al., 2023, but without decay of biases, with a small output layer at the start,
      and an end soon after the best epoch on 15 % of the rows). About a hundred rows cannot unlearn
      what an output layer of full scale says at random.
    - ``"dildl_literal"``, ``"dildl_rebalanced"``: :class:`~sklearn_ldl.DILDLRegressor` with targets
      as printed in Gao et al., 2025, and for labels that are known to be distributed differently
      where the model is to be used.

    References
    ----------
    B.-B. Gao, C. Xing, C.-W. Xie, J. Wu, X. Geng, "Deep label distribution learning with label
    ambiguity", IEEE Transactions on Image Processing, 2017.

    S. Hong, J. Yoon, B. Park, M.-K. Choi, "Rethinking soft label in label distribution learning
    perspective", arXiv:2301.13444, 2023.

    S. Chen, J. Wang, Y. Chen, Z. Shi, X. Geng, Y. Rui, "Label distribution learning on auxiliary
    label space graphs for facial expression recognition", CVPR 2020.

    X. Zhao, Y. An, N. Xu, J. Wang, X. Geng, "Imbalanced label distribution learning", AAAI 2023.

    Y. Gao, X. Sun, M. Ling, C. Tan, Y. Zhai, G. Lv, "Decoupled imbalanced label distribution
    learning", IJCAI 2025.

    Examples
    --------
    >>> from sklearn_ldl.deep import PRESETS, DeepLDLClassifier
    >>> DeepLDLClassifier(**{**PRESETS["scratch"], "max_epochs": 5}).lr_schedule
    'log'
    """,
    {
        "tabular": {
            "hidden_layer_sizes": (128, 128),
            "dropout": 0.3,
            "n_members": 16,
            "standardize": True,
            "optimizer": "adamw",
            "lr": 3e-3,
            "batch_size": 64,
            "max_epochs": 300,
            "weight_decay": 0.03,
            "early_stopping": True,
            "validation_fraction": 0.15,
            "n_iter_no_change": 16,
        },
        "plain": {
            "hidden_layer_sizes": (100,),
            "dropout": 0.0,
            "n_members": 1,
            "standardize": False,
            "optimizer": "adam",
            "lr": 1e-2,
            "batch_size": 50,
            "max_epochs": 60,
            "weight_decay": 0.0,
            "early_stopping": False,
            "validation_fraction": 0.1,
            "n_iter_no_change": 10,
        },
        "scratch": {
            "optimizer": "sgd",
            "lr": 1e-2,
            "lr_schedule": "log",
            "batch_size": 128,
            "weight_decay": 5e-4,
            "max_epochs": 20,
            "init": "normal",
            "early_stopping": False,
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
            "early_stopping": False,
        },
        "teacher": {
            "optimizer": "sgd",
            "lr": 5e-2,
            "lr_schedule": "multistep",
            "batch_size": 64,
            "weight_decay": 5e-4,
            "max_epochs": 240,
            "early_stopping": False,
        },
        "aux_graph": {
            "optimizer": "sgd",
            "lr": 1e-3,
            "lr_schedule": "warmup_cosine",
            "batch_size": 32,
            "weight_decay": 4e-4,
            "max_epochs": 10,
            "early_stopping": False,
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
    },
)

# Examples are found in functions and classes only, unless they are listed.
__test__ = {"PRESETS": PRESETS.__doc__}
