"""AutoGluon's soft-class mode on one fold; runs in an environment of its own.

Usage: ``python _autogluon.py FOLD.npz SECONDS PREDICTIONS.npy``. The file holds `X`, `D`, `train`
and `test`. AutoGluon's clock is made the CPU time of the process, in which everything runs, so that
the load of the machine is no matter.
"""

import sys
import tempfile
import time

START = time.time()
time.time = lambda: START + time.process_time()

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
from autogluon.common.features.feature_metadata import FeatureMetadata  # noqa: E402
from autogluon.core.metrics.softclass_metrics import soft_log_loss  # noqa: E402
from autogluon.tabular.configs.hyperparameter_configs import get_hyperparameter_config  # noqa: E402
from autogluon.tabular.trainer import AutoTrainer  # noqa: E402


def main() -> None:
    """Fit, predict, and save the predictions."""
    data, limit, out = np.load(sys.argv[1]), float(sys.argv[2]), sys.argv[3]
    columns = [f"x{j}" for j in range(data["X"].shape[1])]
    X = pd.DataFrame(data["X"], columns=columns)
    D = pd.DataFrame(data["D"], columns=range(data["D"].shape[1]))
    # Its bagging takes no distributions; a fifth of the rows is held out, as it does by itself.
    train = np.random.default_rng(0).permutation(data["train"])
    held_out, train = np.split(train, [len(train) // 5])
    trainer = AutoTrainer(
        path=tempfile.mkdtemp(),
        problem_type="softclass",
        eval_metric=soft_log_loss,
        num_classes=D.shape[1],
        feature_metadata=FeatureMetadata.from_df(X),
        verbosity=2,
    )
    # With LightGBM in front nothing else gets time, and its predictions are the mean's.
    models = get_hyperparameter_config("default")
    models.pop("GBM")
    trainer.fit(
        X.iloc[train],
        D.iloc[train],
        X_val=X.iloc[held_out],
        y_val=D.iloc[held_out],
        hyperparameters=models,
        time_limit=limit,
    )
    seconds = time.process_time()
    print(trainer.leaderboard(), seconds)
    np.save(out, np.asarray(trainer.predict_proba(X.iloc[data["test"]])))


if __name__ == "__main__":
    main()
