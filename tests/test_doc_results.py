"""Pages of results: what they draw can be drawn, and what they quote is in the tables."""

import re
import sys
import textwrap

import numpy as np
import pytest

from tests import ROOT

pd = pytest.importorskip("pandas")

DOC = ROOT / "doc"
BENCHMARKS = sorted(path.stem for path in (DOC / "benchmarks").glob("*.md"))
INDEX = "index"
PAGES = {path.stem: path.read_text("utf-8") for path in sorted((DOC / "results").glob("*.md"))}
# "% 3.661 = ages one factor | DLDL, tuned | MAE" says where a number is from; in place of cells, a
# text in double quotes that the benchmark holds. "% published: 5.77 6.77" are those of others.
MARK = re.compile(r'^% (?P<value>\S+) = (?P<name>\w+) (?:"(?P<text>.*)"|(?P<cells>.*))$', re.M)
PUBLISHED = re.compile(r"^% published: (.*)$", re.M)


@pytest.fixture(scope="module")
def tables():
    sys.path.insert(0, str(DOC / "_ext"))
    import ldl_tables

    yield ldl_tables
    sys.path.remove(str(DOC / "_ext"))


FIGURES = [
    pytest.param(textwrap.dedent(block.partition("\n\n")[2]), id=f"{page}-{number}")
    for page, text in PAGES.items()
    for number, block in enumerate(re.findall(r"^\.\. plot::\n(.*?)^```", text, re.DOTALL | re.M))
]


def test_every_benchmark_has_a_page_and_the_other_way_round():
    assert BENCHMARKS
    assert PAGES.keys() - {INDEX} == set(BENCHMARKS)
    for name in BENCHMARKS:
        assert f"(results-{name})=" in PAGES[name]
        assert f"../benchmarks/{name}.md" in PAGES[name]
        assert f"{{ref}}`results-{name}`" in PAGES[INDEX]


@pytest.mark.parametrize("name", sorted({*BENCHMARKS} - {"methods"}))  # of many questions
def test_the_title_asks_and_the_first_paragraph_answers(name):
    title, answer = PAGES[name].split("\n", 1)[1].strip().split("\n\n")[:2]
    assert re.fullmatch(r"# [^?\n]+\?", title)
    assert answer[0].isalnum()
    assert "?" not in answer


@pytest.mark.parametrize("name", BENCHMARKS)
def test_every_table_is_parsed(tables, name):
    lines = tables.read_text(name).splitlines()
    n_rows = sum(line.startswith("|") and not line.startswith("|---") for line in lines)
    frames = [frame for group in tables.read_tables(name).values() for frame in group]
    assert all(len(frame) for frame in frames)
    assert sum(len(frame) + 1 for frame in frames) == n_rows


@pytest.mark.parametrize("name", BENCHMARKS)
def test_columns_that_hold_deviations_or_stars_are_numbers(tables, name):
    for group in tables.read_tables(name).values():
        for frame in group:
            for column in frame.select_dtypes(exclude="number"):
                if not column.endswith("remark"):
                    numbers = frame[column].str.fullmatch(r"\**-?[\d.]+( ± [\d.]+)?[*! ]*")
                    assert not numbers.any(), (column, frame.loc[numbers, column].tolist())


def test_cells_of_every_kind(tables, monkeypatch):
    text = """
# Title
| who | MAE | time | score | rest | none |
|---|---|---|---|---|---|
| a, b | 1.5 ± 0.25* | >60.000 | **0.5** | 1/3 | NaN |
| c | 2e-03 | 0.4 ! | -1.0 (7/10) |  |  |
| d | over limit | +3 | 75% | 2.0 lower | over 60 s |

## Other
| x |
|---|
| 1 |
"""
    monkeypatch.setattr(tables, "read_text", lambda name: text)
    parsed = tables.read_tables("any")
    assert {heading: len(frames) for heading, frames in parsed.items()} == {"Title": 1, "Other": 1}
    frame = parsed["Title"][0]
    np.testing.assert_array_equal(frame["MAE"], [1.5, 0.002, np.nan])
    np.testing.assert_array_equal(frame["MAE ±"], [0.25, np.nan, np.nan])
    np.testing.assert_array_equal(frame["time"], [60, 0.4, 3])
    assert frame["time remark"].tolist() == [">", "!", ""]
    np.testing.assert_array_equal(frame["score"], [0.5, -1, 75])
    assert frame["score remark"].tolist() == ["", "(7/10)", ""]
    assert frame["rest"].tolist() == ["1/3", "", "2.0 lower"]
    assert frame["none"].tolist() == ["NaN", "", "over 60 s"]
    assert tables.find("any", "a, b", "MAE") == 1.5
    assert tables.find("any", "Other", "x") == 1
    with pytest.raises(LookupError, match="3 cells of any are at MAE"):
        tables.find("any", "MAE")
    with pytest.raises(LookupError, match="0 cells"):
        tables.find("any", "e", "MAE")


@pytest.mark.parametrize("page", PAGES)
def test_quoted_numbers_are_those_of_the_tables(tables, page):
    source = PAGES[page]
    prose = re.sub(r"^```.*?^```|^%.*?$", "", source, flags=re.DOTALL | re.M)
    numbers = re.findall(r"(?<![\w.])\d+(?:\.\d+)?(?!\w|\.\d)", prose)
    known = {number for group in PUBLISHED.findall(source) for number in group.split()}
    for mark in MARK.finditer(source):
        value = mark["value"]
        known.add(value)
        assert value in numbers
        if mark["text"]:
            assert value in mark["text"]
            assert mark["text"] in tables.read_text(mark["name"])
        else:
            number = tables.find(mark["name"], *mark["cells"].split(" | "))
            digits = len(value.partition(".")[2])
            assert f"{number:.{digits}f}" == value, mark[0]
    assert {number for number in numbers if "." in number} <= known


@pytest.mark.parametrize("code", FIGURES)
def test_figures_can_be_drawn(tables, code):
    pyplot = pytest.importorskip("matplotlib.pyplot")
    pyplot.switch_backend("Agg")
    pyplot.close("all")
    exec(compile(code, "figure", "exec"), {})
    assert pyplot.gcf().axes
    pyplot.close("all")
