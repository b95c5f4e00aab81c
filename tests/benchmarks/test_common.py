"""What the scripts of the benchmarks share."""

import sys

import numpy as np
import pytest

pd = pytest.importorskip("pandas")

PAGE = """\
# Title

Made by `old command`.

Text by hand.

| hand | written |
|---|---|
| 1 | 2 |

some machine, OMP_NUM_THREADS=1, Python 3

| a |
|---|
| 1 |

## Kept

| b |
|---|
| 1 |

## Measured

About it.

| c |
|---|
| 1 |
"""


def test_tables_are_replaced_and_texts_stay(load, tmp_path, monkeypatch, capsys):
    common = load("_common")
    monkeypatch.setattr(common, "PAGES", tmp_path)
    page = tmp_path / "any.md"
    page.write_text(PAGE, "utf-8")

    def main(report, options):
        report.table(a="d").row(a=2)
        report.say("")
        report.section("## Measured")
        report.table(c=".1f").row(c=2.5)

    monkeypatch.setattr(sys, "argv", ["benchmarks/bench_any.py", "--out", str(page)])
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    common.run("About.", main, "numpy")
    text = page.read_text("utf-8")
    new_command = f"OMP_NUM_THREADS=1 python benchmarks/bench_any.py --out {page}"
    expected = PAGE.replace("old command", new_command).replace(
        "| a |\n|---|\n| 1", "| a |\n|---|\n| 2"
    )
    expected = expected.replace("| c |\n|---|\n| 1", "| c |\n|---|\n| 2.5")
    about = f"{common.machine()}, numpy {np.__version__}"
    assert text == expected.replace("some machine, OMP_NUM_THREADS=1, Python 3", about)
    assert "Kept" not in capsys.readouterr().out
    # The same again changes nothing.
    common.run("About.", main, "numpy")
    assert page.read_text("utf-8") == text


def test_means_of_groups(load):
    common = load("_common")
    report = common.Report()
    frame = pd.DataFrame({"who": ["b", "a", "b"], "score": [1.0, 2.0, 2.0]})
    report.spreads(frame, {"who": "method"}, {"score": 2})
    assert str(report).splitlines()[2:] == ["| b | 1.50 ± 0.50 |", "| a | 2.00 |"]


def test_a_fold_that_fails_is_an_error(load):
    from sklearn.dummy import DummyRegressor

    common = load("_common")
    data = {"artificial": common.load(common.ARTIFICIAL)}
    options = {"cv": 2, "scoring": "kl_divergence"}
    scores = common.compared({"mine": DummyRegressor()}, data, **options)
    assert scores["estimator"].unique() == ["mine"]
    with pytest.raises(RuntimeError, match="quantile"):
        common.compared({"mine": DummyRegressor(strategy="quantile")}, data, **options)


@pytest.mark.parametrize("ended", [(), ("theirs",), ("ours",), ("theirs", "ours")])
def test_a_race_without_a_result(load, ended):
    bench = load("bench_classical")

    class Worker:
        def call(self, limit, function, method, data, precision=None):
            if ("theirs" if precision is None else "ours") in ended:
                raise bench.OverLimit
            return 2.0 if precision is None else 0.5, 1.0

    line = bench.race(Worker(), 9.0, "KM", bench.ARTIFICIAL)
    assert all(isinstance(line[name], float) for name in ("their_s", "theirs", "our_s", "ours"))
    cells = bench.cells(line)
    their_s, our_s = 9.0 if "theirs" in ended else 2.0, 9.0 if "ours" in ended else 0.5
    bound = ">" * ("theirs" in ended)
    assert cells["python_ldl_s"] == f"{bound}{their_s:.3f}"
    assert cells["ratio"] == f"{bound}{their_s / our_s:.1f}"
    assert cells["ours_s"] == our_s
    assert cells["python_ldl_objective"] == (None if "theirs" in ended else 1.0)
    assert cells["our_objective"] == (None if "ours" in ended else 1.0)
    assert cells["precision"] == ("over limit" if "ours" in ended else "")
    bench_table = load("_common").Table(**dict.fromkeys(cells, ""))
    bench_table.row(**cells)
