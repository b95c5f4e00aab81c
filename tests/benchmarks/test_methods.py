"""The table of all methods: what is fitted, what is kept, and what the page says of it."""

import numpy as np
import pytest

pytest.importorskip("pandas")

FILE = "artificial"


class Worker:
    """Has a time and a divergence for each row and setting, in place of fits."""

    def __init__(self, methods, **known):
        self.methods, self.known, self.fitted = methods, known, []

    def call(self, limit, function, *args):
        if function is not self.methods._fit:
            return None
        _, row, setting, fold = args
        cpu, value = self.known[row]
        self.fitted.append((limit, row, setting, fold))
        if value is None:
            raise RuntimeError("too bad")
        if cpu > limit:
            raise self.methods.OverLimit("killed")
        return {"scores": [value + fold / 1000] * len(self.methods.MEASURES), "cpu": cpu}


def fill(methods, folder, worker, n_folds=2, rows=("mean", "knn")):
    methods.Worker = lambda: worker
    methods.fill(folder, [FILE], list(rows), ["defaults", "tuned"], n_folds)


def test_nothing_is_fitted_twice(load, tmp_path):
    methods = load("_methods")
    worker = Worker(methods, mean=(0.1, 0.5), knn=(0.1, 0.25))
    fill(methods, tmp_path, worker)
    places = [(row, setting, fold) for _, row, setting, fold in worker.fitted]
    assert places == [
        *[("mean", "defaults", fold) for fold in range(2)],
        *[(row, setting, fold) for row, setting in [("knn", "defaults"), ("knn", "tuned")]
          for fold in range(2)],
    ]  # fmt: skip
    before = (tmp_path / f"{FILE}.jsonl").read_text()
    again = Worker(methods)
    fill(methods, tmp_path, again)
    assert again.fitted == []
    assert (tmp_path / f"{FILE}.jsonl").read_text() == before
    more = Worker(methods, mean=(0.1, 0.5), knn=(0.1, 0.25))
    fill(methods, tmp_path, more, n_folds=3)
    assert {fold for *_, fold in more.fitted} == {2}
    assert methods.Cells(tmp_path, FILE)["knn", "tuned"]["scores"][0] == [0.25, 0.251, 0.252]


def test_what_is_slow_waits_and_is_over_limit_in_the_end(load, tmp_path):
    methods = load("_methods")
    worker = Worker(methods, mean=(50, 0.5), knn=(1000, 0.25))
    fill(methods, tmp_path, worker)
    assert [limit for limit, row, *_ in worker.fitted if row == "mean"] == [3, 20, 90, 90]
    # One fold for each limit, and no search.
    assert [place[::3] for place in worker.fitted if place[1] == "knn"] == [
        (limit, 0) for limit in methods.LIMITS
    ]
    cells = methods.Cells(tmp_path, FILE)
    assert cells["knn", "defaults"].ended
    assert cells["knn", "tuned"].ended
    assert not cells["mean", "defaults"].ended
    again = Worker(methods)
    fill(methods, tmp_path, again)
    assert again.fitted == []


def test_page(load, tmp_path):
    methods, bench = load("_methods"), load("bench_methods")
    known = {"uniform": (0.1, None), "mean": (0.1, 0.5), "knn": (0.1, 0.25), "ldm": (1000, 0.2)}
    fill(methods, tmp_path, Worker(methods, **known), n_folds=10, rows=known)
    fill(methods, tmp_path, Worker(methods, svr=(0.1, 0.2)), n_folds=9, rows=["svr"])
    page = bench.Page(tmp_path, [FILE], "command")
    rows = {row["estimator"]: row[FILE] for row in page.setting("defaults")}
    assert rows == {
        "uniform": "too bad",
        "mean": "0.50450 !",
        "knn": "0.25450*",
        "svr": "0.20400 (9/10)",
        "ldm": "over limit",
    }
    assert {row["estimator"]: row["rank"] for row in page.setting("defaults")} == {
        **dict.fromkeys(rows, ""),
        "knn": "1.0",
        "mean": "2.0",
    }
    assert page.p_values([FILE], ["defaults"], "knn, defaults").keys() == {"mean, defaults"}
    text = str(page)
    assert "{" not in text
    [version] = methods.Cells(tmp_path, FILE)["knn", "defaults"]["versions"]
    assert f"Versions: a {version}." in text
    assert "| knn | defaults | 10a 0.1 s |" in text


def test_predictions_that_are_no_numbers_are_worst(load):
    methods = load("_methods")

    class Model:
        def predict(self, X):
            return X

    D = np.array([[0.75, 0.25], [0.5, 0.5]])
    assert methods._score("kl_divergence", Model(), D, D) == 0
    assert methods._score("cosine_similarity", Model(), D, D) == pytest.approx(1)
    assert methods._score("zero_one_loss", Model(), D, D) == pytest.approx(-0.25)
    assert methods._score("kl_divergence", Model(), np.full((2, 2), np.nan), D) == -np.inf
