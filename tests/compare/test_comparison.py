import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import ttest_rel, wilcoxon

from sklearn_ldl.compare import Comparison
from sklearn_ldl.compare.ranks import (
    average_ranks,
    corrected_t,
    critical_difference,
    friedman,
    holm,
)
from sklearn_ldl.compare.tables import plain, tables_of
from sklearn_ldl.plotting.ranks import cliques


def comparison(losses, measure="kl_divergence", *, is_loss=True, ratio=(1, 9)):
    """Make one of ``{dataset: {estimator: values of folds}}``."""
    records = [
        {
            "dataset": dataset,
            "estimator": name,
            "repeat": 0,
            "fold": fold,
            "n_test": ratio[0],
            "n_train": ratio[1],
            "fit_seconds": 0.25,
            "scores": {measure: value},
        }
        for dataset, rows in losses.items()
        for name, values in rows.items()
        for fold, value in enumerate(values)
    ]
    return Comparison(records, {dataset: {measure: is_loss} for dataset in losses}, {})


class TestTables:
    def test_best_is_lowest_loss_and_highest_similarity(self):
        values = {"uniform": [0.3, 0.3], "mean": [0.2, 0.2], "knn": [0.1, 0.12]}
        lines = str(comparison({"a": values}, "chebyshev_distance")).splitlines()
        assert lines[0].split() == ["estimator", "chebyshev↓", "fit", "[s]"]
        assert lines[2].split() == ["uniform", "0.300±0.000", "0.25"]
        assert set(lines[1]) == set(lines[4]) == {"-"}
        assert lines[5].split() == ["knn", "0.110±0.010*", "0.25"]
        lines = str(comparison({"a": values}, "cosine_similarity", is_loss=False)).splitlines()
        assert lines[2].split() == ["uniform", "0.300±0.000*", "0.25"]

    def test_what_is_worse_by_more_than_chance_is_marked(self):
        rng = np.random.default_rng(0)
        base = rng.uniform(0.1, 0.2, 10)
        values = {
            "best": base,
            "near": base + rng.normal(0.001, 0.02, 10),
            "far": base + rng.normal(0.05, 0.01, 10),
            "short": (base + 0.5)[:1],
        }
        found = comparison({"a": values, "b": values})
        assert "•" not in found.to_latex() + found.to_markdown()
        for measure, n_tables in ((None, 2), ("kl_divergence", 1)):
            text = found.to_latex(measure, level=0.05)
            assert text.count("% $\\bullet$: worse than the best") == n_tables
            marked = [line for line in text.splitlines() if "bullet" in line and "&" in line]
            assert {line.split(" ")[0] for line in marked} == {"far"}
        assert found.to_markdown("kl_divergence", level=0.05).count("•") == 3
        assert "•" not in comparison({"a": {"one": [0.1], "two": [0.2]}}).to_markdown(level=0.05)

    def test_ties_are_all_marked(self):
        values = {"uniform": [0.5, 0.5], "knn": [0.5, 0.5]}
        assert str(comparison({"a": values})).count("*") == 2

    @pytest.mark.parametrize(
        ("is_loss", "mean", "shown"),
        [
            (True, 0.0055, "0.00550±0.00000*"),
            (False, 0.9945, "0.99450±0.00000*"),
            (True, 61.5, "61.500±0.000*"),
            (True, 6150.0, "6150±0*"),
            (True, 0.0, "0.00000±0.00000*"),
            (False, 1.0, "1.00000±0.00000*"),
        ],
    )
    def test_decimals_follow_the_distance_to_perfection(self, is_loss, mean, shown):
        assert shown in str(comparison({"a": {"knn": [mean, mean]}}, is_loss=is_loss))

    def test_no_rule_below_baselines_alone(self):
        assert len(str(comparison({"a": {"uniform": [0.5, 0.5]}})).splitlines()) == 3

    def test_markdown_and_latex_of_one_measure(self):
        found = comparison({"a_1": {"mean": [0.4], "x&y": [0.2]}, "b": {"mean": [0.3]}})
        assert found.to_markdown("kl_divergence").splitlines() == [
            "| estimator | a_1↓ | b↓ | rank |",
            "| --- | ---: | ---: | ---: |",
            "| mean | 0.400±0.000 | **0.300±0.000** | **1.00** |",
            "| x&y | **0.200±0.000** | - | - |",
        ]
        text = found.to_latex("kl_divergence")
        assert r"a\_1$\downarrow$" in text
        assert r"x\&y & \textbf{0.200$\pm$0.000} & - & - \\" in text
        assert text.count(r"\midrule") == 2

    def test_ranks_are_averages_over_data_sets(self):
        found = comparison(
            {name: {"x": [x], "y": [2.0]} for name, x in zip("abc", [1.0, 1.0, 3.0], strict=True)}
        )
        lines = found.to_markdown("kl_divergence").splitlines()
        assert [line.split(" | ")[-1] for line in lines[2:]] == ["**1.33** |", "1.67 |"]

    def test_each_of_several_tables_names_its_data_set(self):
        found = comparison({"a_1": {"x": [0.4]}, "b": {"x": [0.3]}})
        assert [text.splitlines()[0] for text in str(found).split("\n\n")] == ["a_1", "b"]
        assert found.to_latex().startswith("% a_1\n\\begin{tabular}")
        assert found.to_markdown().startswith("a_1\n\n| estimator |")
        assert "<caption>b</caption>" in found._repr_html_()
        alone = comparison({"a_1": {"x": [0.4]}})
        assert "a_1" not in str(alone) + alone.to_latex() + alone.to_markdown()

    def test_a_table_that_is_too_wide_is_cut_between_columns(self):
        [table] = tables_of(comparison({"a": {"mean": [0.4], "knn": [0.3]}}))
        assert plain(table, 35) == plain(table)
        pieces = plain(table, 34).split("\n\n")
        heads = [piece.splitlines()[0].split() for piece in pieces]
        assert heads == [["estimator", "kl_divergence↓"], ["estimator", "fit", "[s]"]]
        assert {len(piece.splitlines()) for piece in pieces} == {5}

    def test_failures_are_pointed_at(self):
        found = comparison({"a": {"mean": [0.4], "knn": [0.3]}})
        assert "failures" not in str(found)
        found.records.append({"dataset": "a", "estimator": "x", "error": "ValueError: no"})
        assert str(found).endswith("why: `failures`.")

    def test_signs_that_mean_something_in_a_format(self):
        found = comparison({"a": {r"\_{~^<|>}": [0.4]}})
        assert (
            r"\textbackslash \_\{\textasciitilde{}\textasciicircum{}$<$$|$$>$\} &"
            in found.to_latex()
        )
        assert r"| \_{~^<\|>} |" in found.to_markdown()

    def test_notebooks(self):
        text = comparison({"a": {"<b>": [0.4]}})._repr_html_()
        assert "<b>0.400±0.000</b>" in text
        assert "&lt;b&gt;" in text

    def test_frames(self):
        found = comparison({"a": {"x": [1.0, 3.0]}, "b": {"x": [4.0, 4.0]}})
        summary = found.summary()
        assert summary.loc[("a", "x"), ("kl_divergence", "mean")] == 2
        assert summary.loc[("a", "x"), ("kl_divergence", "std")] == 1
        assert summary.loc[("a", "x"), ("folds", "")] == 2
        assert found.summary("kl_divergence").loc["x"].tolist() == [2, 4]


class TestTests:
    def test_on_folds(self):
        rng = np.random.default_rng(0)
        a, b = rng.random(10), rng.random(10) + 0.3
        frame = comparison({"s": {"a": a.tolist(), "b": b.tolist()}}).tests()
        [row] = frame.itertuples()
        assert (row.estimator, row.against) == ("b", "a")
        assert_allclose(row.difference, b.mean() - a.mean())
        assert_allclose(row.p, corrected_t(b - a, 1 / 9))
        assert row.p == row.p_holm

    def test_without_shared_rows_it_is_the_paired_t_test(self):
        rng = np.random.default_rng(0)
        a, b = rng.random(10), rng.random(10)
        assert_allclose(corrected_t(a - b, 0), ttest_rel(a, b).pvalue)

    def test_shared_rows_make_it_careful(self):
        differences = np.random.default_rng(0).random(10)
        assert corrected_t(differences, 1 / 9) > corrected_t(differences, 0)
        assert corrected_t(np.zeros(4), 0.1) == 1
        assert corrected_t(np.ones(4), 0.1) == 0

    def test_over_sets(self):
        rng = np.random.default_rng(0)
        values = {
            f"s{i}": {"a": [u], "b": [u + 0.1 + 0.01 * i]} for i, u in enumerate(rng.random(6))
        }
        frame = comparison(values).tests()
        row = frame[frame.dataset == "all"].iloc[0]
        differences = [rows["b"][0] - rows["a"][0] for rows in values.values()]
        assert_allclose(row.p, wilcoxon(differences).pvalue)
        assert frame[frame.dataset == "s0"].p.isna().all()  # of one fold

    def test_holm(self):
        assert_allclose(holm([0.01, 0.04, 0.03]), [0.03, 0.06, 0.06])
        assert_allclose(holm([0.5, 0.9]), [1, 1])


class TestRanks:
    LOSSES = np.array([[1.0, 1.0, 2.0], [2.0, 3.0, 1.0], [3.0, 2.0, 3.0]])

    def test_average(self):
        assert_allclose(average_ranks(self.LOSSES), [4 / 3, 2, 8 / 3])
        sets = {
            f"s{j}": {n: [v] for n, v in zip("abc", self.LOSSES[:, j], strict=True)}
            for j in range(3)
        }
        ranks = comparison(sets).ranks()
        assert ranks.index.tolist() == ["a", "b", "c"]
        higher = comparison(sets, is_loss=False).ranks()
        assert higher.index.tolist() == ["c", "b", "a"]

    def test_estimators_with_missing_folds_have_none(self):
        sets = {"s": {"a": [1.0, 1.0], "b": [0.5]}, "t": {"a": [1.0, 1.0], "b": [0.5, 0.5]}}
        assert comparison(sets).ranks().index.tolist() == ["a"]

    def test_critical_difference_as_published(self):
        # Demsar (2006), table 5: q = 2.569 for four classifiers; section 3.2.4: CD = 1.25.
        assert_allclose(critical_difference(4, 14), 1.25, atol=0.005)

    def test_without_a_measure_it_is_the_one_that_decides(self):
        sets = {f"s{i}": {"a": [0.1, 0.3], "b": [0.2, 0.3], "c": [0.4, 0.6]} for i in range(4)}
        found = comparison(sets, "log_loss")
        assert found.ranks().name == "log_loss"
        assert found.tests().equals(found.tests("log_loss"))
        assert found.friedman() == found.friedman("log_loss")

    def test_friedman(self):
        assert friedman(np.ones((3, 4))) == 1
        sets = {f"s{j}": {"a": [1.0], "b": [2.0], "c": [3.0]} for j in range(8)}
        assert comparison(sets).friedman() < 0.001
        with pytest.raises(ValueError, match="three estimators and two data sets"):
            comparison({"s": sets["s0"]}).friedman()

    def test_cliques(self):
        assert cliques([1, 1.5, 3, 3.2], 1) == [(0, 1), (2, 3)]
        assert cliques([1, 2, 3], 5) == [(0, 2)]
        assert cliques([1, 3], 1) == []

    def test_diagram(self):
        pytest.importorskip("matplotlib")
        sets = {f"s{j}": {"first": [1.0], "second": [2.0]} for j in range(3)}
        texts = [text.get_text() for text in comparison(sets).critical_difference().texts]
        assert "first  1.0" in texts
        assert "2.0  second" in texts
        with pytest.raises(ValueError, match="at least two data sets"):
            comparison({"s": {"a": [1.0]}}).critical_difference()


@pytest.mark.parametrize("text", ["nonsense", "[]", "{}", '{"records": []}'])
def test_files_that_are_no_comparison(text, tmp_path):
    path = tmp_path / "c.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"c\.json is no comparison that was saved"):
        Comparison.load(path)


def test_levels_are_shares():
    found = comparison({"s": {"a": [1.0, 2.0]}, "t": {"a": [1.0, 2.0]}})
    for call in (found.to_latex, found.to_markdown, found.critical_difference):
        with pytest.raises(ValueError, match="level must be between 0 and 1, got 5"):
            call(level=5)


def test_names_of_two_lines():
    found = comparison({"s\nx": {"a\nb": [1.0]}, "t": {"a\nb": [1.0]}})
    assert found.to_latex().startswith("% s x\n\\begin")
    assert "| a b |" in found.to_markdown()


def test_nobody_has_finished():
    record = {"dataset": "s", "estimator": "a", "error": "ValueError: no"}
    found = Comparison([record], {"s": {"r2": False}}, {})
    assert found.scores.columns.tolist()[-2:] == ["fit_seconds", "r2"]
    assert found.summary().empty
    assert "-" in str(found)


def test_unknown_names_are_named():
    found = comparison({"s": {"a": [1.0, 2.0], "b": [2.0, 3.0]}})
    for call, message in (
        (lambda: found.best("nowhere"), "There is no data set 'nowhere', only s"),
        (lambda: found.best("s", "odd"), "'odd' was not measured; there are kl_divergence"),
        (lambda: found.tests(against="odd"), "There is no estimator 'odd', only a, b"),
    ):
        with pytest.raises(ValueError, match=message):
            call()


def test_unknown_measures_are_named():
    with pytest.raises(ValueError, match="'r2' was not measured; there are kl_divergence"):
        comparison({"s": {"a": [1.0]}}).ranks("r2")
