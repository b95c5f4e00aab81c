"""scikit-learn's callbacks on BFGSLDL, where this scikit-learn has them."""

import pytest

from sklearn_ldl import BFGSLDL, BFGSLDLCV
from sklearn_ldl.datasets import make_ldl

callback = pytest.importorskip("sklearn.callback")


class Recorder:
    """Counts hooks and keeps the training score after every iteration."""

    def __init__(self):
        self.events, self.scores = [], []

    def setup(self, estimator, context):
        self.events.append("setup")

    def teardown(self, estimator, context):
        self.events.append("teardown")

    def on_fit_task_begin(self, estimator, context, **kwargs):
        self.events.append(f"begin {context.task_name}")

    def on_fit_task_end(
        self, estimator, context, *, X=None, y=None, metadata=None, fitted_estimator=None
    ):
        self.events.append(f"end {context.task_name}")
        if fitted_estimator is not None and context.task_name == "lbfgs-iter":
            self.scores.append(fitted_estimator.score(X, y))


@pytest.mark.parametrize("estimator", [BFGSLDL(alpha=1e-3), BFGSLDLCV(alphas=[1e-3])])
def test_every_iteration_is_reported(estimator):
    X, D = make_ldl(60, random_state=0)
    recorder = Recorder()
    estimator.set_callbacks(recorder).fit(X, D)
    assert recorder.events[:2] == ["setup", "begin fit"]
    assert recorder.events[-2:] == ["end fit", "teardown"]
    # One more iteration is begun than runs; its end carries no model.
    assert recorder.events.count("begin lbfgs-iter") == estimator.n_iter_ + 1
    assert recorder.events.count("end lbfgs-iter") == estimator.n_iter_ + 1
    assert len(recorder.scores) == estimator.n_iter_
    assert recorder.scores[-1] == pytest.approx(estimator.score(X, D))
    assert recorder.scores[-1] > recorder.scores[0]


def test_teardown_also_follows_an_error():
    recorder = Recorder()
    with pytest.raises(ValueError, match="not a label distribution"):
        BFGSLDL().set_callbacks(recorder).fit([[0.0]], [[1, 1]])
    X, D = make_ldl(60, random_state=0)

    def fail(*args, **kwargs):
        raise RuntimeError("stop")

    recorder.on_fit_task_end = fail
    with pytest.raises(RuntimeError, match="stop"):
        BFGSLDL().set_callbacks(recorder).fit(X, D)
    assert recorder.events[-1] == "teardown"


def test_progress_bar_runs(capsys):
    pytest.importorskip("rich")
    X, D = make_ldl(60, random_state=0)
    model = BFGSLDL().set_callbacks(callback.ProgressBar()).fit(X, D)
    assert model.n_iter_ > 0
