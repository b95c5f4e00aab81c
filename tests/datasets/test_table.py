"""Tables of .csv files: columns of any kind, votes in any form, and what is wrong with them."""

import re
import sys

import numpy as np
import pandas as pd
import pytest

from sklearn_ldl.datasets import load_table, make_reviews
from sklearn_ldl.datasets.csv_files import letters

pytest.importorskip("skrub")

VOTES = ["like", "dislike"]


@pytest.fixture
def load(tmp_path):
    """Load a table of text, or bytes; of votes unless something else is said."""

    def run(content, **options):
        path = tmp_path / "t.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        kinds = {"vote_columns", "label_columns", "rater_columns", "long"}
        if not kinds & options.keys():
            options["vote_columns"] = VOTES
        return load_table(path, **options)

    return run


def with_votes(**columns):
    """Text of a table with columns and two votes for each row."""
    frame = pd.DataFrame(columns)
    return frame.assign(like=1, dislike=2).to_csv(index=False)


def test_letters():
    assert [letters(j) for j in (0, 25, 26, 51, 52, 701, 702)] == [
        "A", "Z", "AA", "AZ", "BA", "ZZ", "AAA",
    ]  # fmt: skip


class TestReviews:
    def test_everything_at_once(self, tmp_path):
        table = make_reviews(300, random_state=0)
        table.to_csv(tmp_path / "reviews.csv")
        stars = [f"stars_{k}" for k in range(1, 6)]
        data = load_table(tmp_path / "reviews.csv", vote_columns=stars, drop_unlabelled=True)
        voted = table[stars].sum(axis=1).to_numpy() > 0
        assert 0 < (~voted).sum() < 30
        kept = table[voted]
        np.testing.assert_array_equal(data.data.index, np.flatnonzero(voted) + 2)
        np.testing.assert_array_equal(data.sample_weight, kept[stars].sum(axis=1))
        np.testing.assert_allclose(
            data.target, kept[stars].to_numpy() / data.sample_weight[:, None], atol=1e-15
        )
        for name in ("price", "weight"):
            np.testing.assert_array_equal(data.data[name], kept[name])
            assert data.data[name].isna().any()
        for name in ("kind", "maker"):
            assert data.data[name].dtype == "category"
            pd.testing.assert_series_equal(
                data.data[name].astype(object).reset_index(drop=True),
                kept[name].astype(object).reset_index(drop=True),
            )
        assert data.data["listed"].dtype.kind == "M"
        assert data.data["listed"].dt.strftime("%Y-%m-%d").tolist() == kept["listed"].tolist()
        assert data.data["description"].tolist() == kept["description"].tolist()
        assert data.feature_names == ["price", "weight", "kind", "maker", "listed", "description"]
        assert data.target_names == list(data.target.columns) == stars
        first = np.flatnonzero(~voted)[0] + 2
        assert data.notes == [
            "column A has no name and numbers the rows: left out",
            f"{(~voted).sum()} rows have no votes: left out, the first is row {first}",
            "column B (sku) is an identifier, each row has its own text: left out",
        ]
        assert data.DESCR.splitlines()[1:] == data.notes

    def test_same_seed_same_table(self):
        pd.testing.assert_frame_equal(
            make_reviews(50, random_state=1), make_reviews(50, random_state=1)
        )
        assert not make_reviews(50, random_state=1).equals(make_reviews(50, random_state=2))

    def test_too_few_items(self):
        with pytest.raises(ValueError, match="n_items"):
            make_reviews(3)


class TestFiles:
    def test_semicolons_with_decimal_commas(self, load):
        data = load("a;b;like;dislike\n1,5;1.234,25;3,0;1,0\n-2,25;7;0;2\n")
        np.testing.assert_array_equal(data.data, [[1.5, 1234.25], [-2.25, 7]])
        np.testing.assert_array_equal(data.target, [[0.75, 0.25], [0, 1]])

    def test_semicolons_with_decimal_points(self, load):
        data = load('a;b;like;dislike\n1.5;"x,y";3;1\n2.25;x;0;2\n')
        np.testing.assert_array_equal(data.data["a"], [1.5, 2.25])
        assert data.data["b"].tolist() == ["x,y", "x"]

    @pytest.mark.parametrize("separator", ["\t", "|", ","])
    def test_separators(self, load, separator):
        text = "a,t,like,dislike\n1,one; two,3,1\n2,three; four,0,2\n".replace(",", separator)
        data = load(text)
        assert data.feature_names == ["a", "t"]
        assert data.data["t"].tolist() == ["one; two", "three; four"]

    def test_line_of_a_spreadsheet_that_says_the_separator(self, load):
        data = load("sep=;\na;like;dislike\n1;3;1\n2;0;2\n")
        assert data.data.index.tolist() == [3, 4]

    def test_commas_for_both(self, load):
        data = load('a,b,like,dislike\n"1,5","1,234",1,1\n"2,25","2",1,0\n')
        np.testing.assert_array_equal(data.data, [[1.5, 1.234], [2.25, 2]])

    def test_groups_of_thousands(self, load):
        data = load('a,like,dislike\n"1,234,567.5",1,1\n"2,000",1,0\n')
        np.testing.assert_array_equal(data.data["a"], [1234567.5, 2000])

    def test_nothing_before_a_fraction_is_no_thousand(self, load):
        data = load('a,b,like,dislike\n"0,125","1,500",1,1\n"0,250","2,000",1,0\n')
        np.testing.assert_array_equal(data.data, [[0.125, 1.5], [0.25, 2]])

    def test_thousands_do_not_hide_decimal_commas(self, load):
        data = load("a;b;like;dislike\n1.234,5;12.345;3;1\n2.345,5;1.234;0;2\n")
        np.testing.assert_array_equal(data.data, [[1234.5, 12345], [2345.5, 1234]])

    def test_one_odd_cell_makes_no_decimal_commas(self, load):
        rows = "".join(f"1.{234 + i};{'1,5' if i == 3 else 'x'};1;2\n" for i in range(30))
        assert load(f"a;b;like;dislike\n{rows}").data["a"].max() < 2

    def test_blanks_before_quotation_marks(self, load):
        data = load('a, t, like, dislike\n1, "one, two", 3, 1\n2, "three", 0, 2\n')
        assert data.data["t"].tolist() == ["one, two", "three"]

    def test_a_spreadsheet_that_says_tab(self, load):
        data = load("sep=\t\r\na\tlike\tdislike\r\n1\t3\t1\r\n2\t0\t2\r\n")
        assert data.data.index.tolist() == [3, 4]

    def test_byte_order_mark(self, load):
        data = load(b"\xef\xbb\xbfa,like,dislike\n1,3,1\n2,0,2\n")
        assert data.feature_names == ["a"]

    def test_utf16_of_a_spreadsheet(self, load):
        assert load("é\tlike\tdislike\n1\t3\t1\n2\t0\t2\n".encode("utf-16")).feature_names == ["é"]

    def test_latin_1(self, load):
        data = load("größe,like,dislike\nklein,3,1\ngroß,0,2\n".encode("cp1252"))
        assert data.feature_names == ["größe"]
        assert data.data["größe"].tolist() == ["klein", "groß"]
        assert data.notes[0].startswith("line 1 is not UTF-8: the file is read as Latin-1.")
        assert "save it as UTF-8" in data.notes[0]

    def test_bytes_that_windows_does_not_know(self, load):
        assert load(b"\x81\xe9,like,dislike\n1,3,1\n2,0,2\n").feature_names == ["\x81é"]

    def test_quoted_newlines_count_as_one_row(self, load):
        text = 'a,like,dislike\n"one\ntwo",3,1\n\nthree,0,x\n'
        with pytest.raises(ValueError, match=r"t\.csv, row 4, column C \(dislike\): 'x' is no"):
            load(text)
        assert load(text.replace("x", "2")).data["a"].tolist() == ["one\ntwo", "three"]
        assert load(text.replace("x", "2")).data.index.tolist() == [2, 4]

    def test_empty_cells_at_the_ends_of_rows(self, load):
        assert load("a,like,dislike,,\n1,3,1,,\n2,0,2,,,\n").feature_names == ["a"]

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            ("", "has no rows below its header"),
            ("a,like,dislike\n", "has no rows below its header"),
            (
                "a,like,dislike\n1,3,1\n2,0\n",
                r"t\.csv, row 3: 2 cells, but the header has 3 \(separated by ','\)",
            ),
            ("a,like,dislike\n1,3,1,4\n2,0,1\n", r"row 2: 4 cells, but the header has 3"),
            ("a,b,a,like,dislike\n1,2,3,1,1\n", "columns A and C are both called 'a': rename one"),
            (b"PK\x03\x04\0\0a,like,dislike", "is no text; in a spreadsheet, save the table as"),
            ('a,like,dislike\n"' + "x" * 200_000, "row 2: .*is a quotation mark not closed"),
            ("like,dislike\n1,2\n", "no feature is left"),
            ("a,like,dislike\n,1,2\n", r"no feature is left\. column A \(a\) is empty: left out"),
        ],
    )
    def test_files_that_make_no_sense(self, load, content, message):
        with pytest.raises(ValueError, match=message):
            load(content)

    def test_no_file(self, tmp_path):
        with pytest.raises(FileNotFoundError, match="No such file"):
            load_table(tmp_path / "nowhere.csv", vote_columns=VOTES)

    @pytest.mark.parametrize("package", ["pandas", "skrub"])
    def test_missing_extra(self, load, monkeypatch, package):
        monkeypatch.setitem(sys.modules, package, None)
        with pytest.raises(ImportError, match=re.escape('pip install "sklearn-ldl[tables]"')):
            load("a,like,dislike\nx,3,1\ny,0,2\n")

    def test_numbers_alone_need_no_skrub(self, load, monkeypatch):
        monkeypatch.setitem(sys.modules, "skrub", None)
        np.testing.assert_array_equal(load("a,like,dislike\n1,3,1\n2,0,2\n").data, [[1], [2]])


class TestColumns:
    @pytest.mark.parametrize("missing", ["", "NA", "NaN", "null", "None", "#N/A"])
    def test_missing_cells(self, load, missing):
        data = load(f"a,t,like,dislike\n1,x,3,1\n{missing},{missing},0,2\n2,y,0,2\n")
        np.testing.assert_array_equal(data.data["a"], [1, np.nan, 2])
        assert data.data["t"].isna().tolist() == [False, True, False]

    def test_few_cells_that_are_no_numbers_are_missing_and_told(self, load):
        cells = [str(i / 2) for i in range(20)]
        cells[3], cells[7] = "unknown", "inf"
        data = load(with_votes(a=cells))
        assert np.flatnonzero(data.data["a"].isna()).tolist() == [3, 7]
        assert data.notes == [
            "column A (a): 2 cells are no number, and missing: 'unknown' in row 5 is the first"
        ]

    def test_many_make_it_text(self, load):
        cells = ["1", "2", "small", "large"] * 5
        assert load(with_votes(a=cells)).data["a"].tolist() == cells

    @pytest.mark.parametrize("cells", [["1_000", "2"], ["nan-1", "infinity"], ["0x1F", "1"]])
    def test_what_only_python_takes_for_numbers(self, load, cells):
        assert load(with_votes(a=cells)).data["a"].dtype == "category"

    @pytest.mark.parametrize(
        "cells",
        [
            ["2024-05-31", "2024-06-01"],
            ["31.05.2024", "01.06.2024"],
            ["31/05/2024", "01/06/2024"],
            ["05/31/2024", "06/01/2024"],
        ],
    )
    def test_dates(self, load, cells):
        data = load(with_votes(a=[*cells, ""] * 4))
        days = data.data["a"].dt.strftime("%Y-%m-%d").tolist()[:3]
        assert days[:2] == ["2024-05-31", "2024-06-01"]
        assert data.data["a"].isna().sum() == 4
        assert data.notes == []

    @pytest.mark.parametrize(
        ("cells", "notes"),
        [
            (["03.04.2024", "05.06.2024"], []),
            (["04/03/2024", "06/05/2024"], ["column A (a): months are taken to come before days"]),
            (["04/03/2024", "06/13/2024"], []),
        ],
    )
    def test_days_and_months(self, load, cells, notes):
        data = load(with_votes(a=cells))
        assert data.data["a"].iloc[0] == pd.Timestamp("2024-04-03")
        assert data.notes == notes

    def test_few_cells_that_are_no_dates_are_missing_and_told(self, load):
        data = load(with_votes(a=["2024-05-31", "2024-06-01"] * 10 + ["soon"]))
        assert data.data["a"].isna().sum() == 1
        assert data.notes == ["column A (a): 1 cell is no date, and missing: 'soon' in row 22"]

    def test_identifiers(self, load):
        n = 20
        data = load(
            with_votes(
                x=range(n),
                name=[f"item-{i}" for i in range(n)],
                item_id=range(n, 0, -1),
                shop_id=[i // 2 for i in range(n)],
                said=[f"this is comment {i}" for i in range(n)],
            )
        )
        assert data.feature_names == ["x", "shop_id", "said"]
        assert data.notes == [
            "column B (name) is an identifier, each row has its own text: left out",
            "column C (item_id) is an identifier, each row has its own number: left out",
        ]

    def test_a_few_different_words_are_no_identifiers(self, load):
        assert load(with_votes(colour=["red", "green", "blue"])).feature_names == ["colour"]

    def test_free_text_and_categories(self, load):
        words = [f"word{i % 45}" for i in range(90)]
        data = load(with_votes(many=words, few=[word[:5] for word in words]))
        assert data.data["many"].dtype == pd.Series(["a"]).dtype
        assert data.data["many"].tolist() == words
        assert data.data["few"].dtype == "category"

    def test_constant_columns_stay_and_empty_ones_go(self, load):
        data = load(with_votes(a=[1, 1], b=["x", "x"], c=["", "NA"]))
        assert data.feature_names == ["a", "b"]
        assert data.notes == ["column C (c) is empty: left out"]

    @pytest.mark.parametrize("name", ["", "Unnamed: 0"])
    def test_index_column(self, load, name):
        data = load(f"{name},a,like,dislike\n0,5,3,1\n1,6,0,2\n")
        assert data.feature_names == ["a"]
        assert data.notes == ["column A has no name and numbers the rows: left out"]

    def test_column_without_a_name_that_is_no_index(self, load):
        assert load(",a,like,dislike\n7,5,3,1\n7,6,0,2\n").feature_names == ["column A", "a"]

    def test_columns_to_leave_out(self, load):
        data = load(with_votes(a=[1, 2], b=[3, 4]), drop_columns=["b"])
        assert data.feature_names == ["a"]


class TestOptions:
    def test_near_names(self, load):
        text = "price,liked,dislike\n1,3,1\n"
        with pytest.raises(
            ValueError, match=r"has no column 'like'\. Did you mean 'liked' or 'dis"
        ):
            load(text)
        with pytest.raises(ValueError, match=r"no column 'xyz'\. Its columns are price, liked, di"):
            load(text, vote_columns=["liked", "dislike"], groups="xyz")

    @pytest.mark.parametrize("option", ["weights", "groups"])
    def test_a_column_for_two_things(self, load, option):
        with pytest.raises(ValueError, match="column 'like' is named for two things"):
            load(with_votes(a=[1, 2]), **{option: "like"})

    def test_judgments_are_named_once(self, tmp_path):
        for options in ({}, {"vote_columns": VOTES, "label_columns": VOTES}):
            with pytest.raises(ValueError, match="by one of vote_columns, label_columns, rater_c"):
                load_table(tmp_path / "t.csv", **options)
        with pytest.raises(TypeError, match="vote_columns must be a list of names, got 'like'"):
            load_table(tmp_path / "t.csv", vote_columns="like")
        with pytest.raises(ValueError, match="vote_columns names 1 label, and two are needed"):
            load_table(tmp_path / "t.csv", vote_columns=["like"])
        with pytest.raises(ValueError, match="long names item, rater and label, or item and label"):
            load_table(tmp_path / "t.csv", long=["a"])
        with pytest.raises(ValueError, match="rater_columns names no column"):
            load_table(tmp_path / "t.csv", rater_columns=[])
        with pytest.raises(TypeError, match="drop_columns must be a list of names, got 'a'"):
            load_table(tmp_path / "t.csv", vote_columns=VOTES, drop_columns="a")

    def test_weights(self, load):
        text = "a,w,like,dislike\n1,0.5,3,1\n2,2,0,2\n"
        np.testing.assert_array_equal(load(text).sample_weight, [4, 2])
        np.testing.assert_array_equal(load(text, weights="w").sample_weight, [0.5, 2])
        assert load(text, weights="w").feature_names == ["a"]
        assert load(text, weights="uniform").sample_weight is None
        np.testing.assert_array_equal(
            load(text.replace("w", "uniform"), weights="uniform").sample_weight, [0.5, 2]
        )

    @pytest.mark.parametrize(
        ("cells", "message"),
        [
            ("0,0", r"column B \(w\): all weights are 0"),
            ("1,-2", r"row 3, column B \(w\): '-2' is no weight, a number of at least 0"),
            ("1,NA", r"row 3, column B \(w\): the weight is missing"),
            ("1,much", r"row 3, column B \(w\): 'much' is no weight"),
        ],
    )
    def test_weights_that_are_none(self, load, cells, message):
        first, second = cells.split(",")
        with pytest.raises(ValueError, match=message):
            load(f"a,w,like,dislike\n1,{first},3,1\n2,{second},0,2\n", weights="w")

    def test_groups(self, load):
        text = "a,g,like,dislike\n1,x,3,1\n2,y,0,2\n3,x,0,2\n"
        data = load(text, groups="g")
        assert data.groups.tolist() == ["x", "y", "x"]
        assert data.feature_names == ["a"]
        with pytest.raises(ValueError, match=r"row 3, column B \(g\): the group is missing"):
            load(text.replace("y", ""), groups="g")


class TestVotes:
    def test_rows_without_votes(self, load):
        text = "a,like,dislike\n1,3,1\n2,0,0\n3,1,0\n4,,\n"
        with pytest.raises(ValueError) as caught:
            load(text)
        for part in (
            "t.csv, row 3: this is the first of 2 rows that have no votes",
            "--drop-unlabelled",
            "--prior 1",
        ):
            assert part in str(caught.value)
        dropped = load(text, drop_unlabelled=True)
        np.testing.assert_array_equal(dropped.target, [[0.75, 0.25], [1, 0]])
        np.testing.assert_array_equal(dropped.data["a"], [1, 3])
        assert dropped.data.index.tolist() == [2, 4]
        assert dropped.notes == ["2 rows have no votes: left out, the first is row 3"]
        smoothed = load(text, prior=1)
        np.testing.assert_allclose(
            smoothed.target, [[4 / 6, 2 / 6], [0.5, 0.5], [2 / 3, 1 / 3], [0.5, 0.5]]
        )
        # What a row says times its weight are the votes, those of the prior included.
        np.testing.assert_allclose(
            smoothed.target.to_numpy() * smoothed.sample_weight[:, None],
            [[4, 2], [1, 1], [2, 1], [1, 1]],
        )
        both = load(text, prior=1, drop_unlabelled=True)
        np.testing.assert_allclose(both.target, [[4 / 6, 2 / 6], [2 / 3, 1 / 3]])

    def test_nobody_voted(self, load):
        with pytest.raises(ValueError, match="no row has votes"):
            load("a,like,dislike\n1,0,0\n2,,\n", drop_unlabelled=True)

    def test_label_without_votes(self, load):
        data = load("a,like,dislike\n1,3,0\n2,1,0\n")
        np.testing.assert_array_equal(data.target, [[1, 0], [1, 0]])
        assert data.notes == ["column C (dislike) has no votes"]

    @pytest.mark.parametrize("cell", ["-1", "many", "inf"])
    def test_cells_that_are_no_votes(self, load, cell):
        message = rf"t\.csv, row 3, column B \(like\): '{cell}' is no number of votes"
        with pytest.raises(ValueError, match=message):
            load(f"a,like,dislike\n1,3,1\n2,{cell},1\n")

    def test_negative_prior(self, load):
        with pytest.raises(ValueError, match="prior must be a finite number of at least 0, got -1"):
            load(with_votes(a=[1, 2]), prior=-1)


class TestDegrees:
    TEXT = "a,like,dislike\n1,0.75,0.25\n2,0,1\n3,,\n"

    def test_degrees(self, load):
        options = {"label_columns": VOTES}
        with pytest.raises(ValueError) as caught:
            load(self.TEXT, **options)
        assert "row 4: the row has no degrees" in str(caught.value)
        assert "prior" not in str(caught.value)
        data = load(self.TEXT, **options, drop_unlabelled=True)
        np.testing.assert_array_equal(data.target, [[0.75, 0.25], [0, 1]])
        assert data.sample_weight is None

    @pytest.mark.parametrize(
        ("cells", "message"),
        [
            ("3,1", r"row 2: the degrees sum to 4, not to 1\. Are they votes \(vote_columns, --vo"),
            ("0.75,", r"row 2, column C \(dislike\): the degree is missing"),
            ("0.75,x", r"row 2, column C \(dislike\): 'x' is no degree"),
        ],
    )
    def test_what_are_no_degrees(self, load, cells, message):
        text = self.TEXT.replace("0.75,0.25", cells)
        with pytest.raises(ValueError, match=message):
            load(text, label_columns=VOTES, drop_unlabelled=True)

    def test_no_prior(self, load):
        with pytest.raises(ValueError, match="not for degrees"):
            load(self.TEXT, label_columns=VOTES, prior=1)


class TestRaters:
    def test_labels_of_raters(self, load):
        text = "r1,a,r2,r3\nbad,1,good,bad\ngood,2,,\nfair,3,good,good\n"
        data = load(text, rater_columns=["r1", "r2", "r3"])
        assert data.target_names == ["bad", "fair", "good"]
        np.testing.assert_allclose(data.target, [[2 / 3, 0, 1 / 3], [0, 0, 1], [0, 1 / 3, 2 / 3]])
        np.testing.assert_array_equal(data.sample_weight, [3, 1, 3])
        assert data.feature_names == ["a"]
        assert data.notes == ["labels are in the order of the alphabet: bad, fair, good"]

    def test_numbers_are_in_their_order_however_they_are_spelt(self, load):
        data = load("a,r1,r2\n1,10,9\n2,9.0,10.0\n", rater_columns=["r1", "r2"])
        assert data.target_names == ["9", "10"]
        np.testing.assert_array_equal(data.target, [[0.5, 0.5], [0.5, 0.5]])

    def test_a_rater_who_always_says_the_same(self, load):
        data = load("a,r1,r2\n1,x,y\n2,x,x\n", rater_columns=["r1", "r2"])
        np.testing.assert_array_equal(data.target, [[0.5, 0.5], [1, 0]])

    def test_long_numbers_are_names(self, load):
        text = "a,r,s\n1,1234567890123450,1234567890123451\n2,1234567890123450,\n"
        data = load(text, rater_columns=["r", "s"])
        assert data.target_names == ["1234567890123450", "1234567890123451"]

    def test_words_that_are_no_labels_are_told(self, load):
        data = load("a,r,s\n1,None,joy\n2,fear,NA\n3,,joy\n", rater_columns=["r", "s"])
        assert data.target_names == ["fear", "joy"]
        assert data.notes == ["'NA', 'None' are no labels: not counted"]
        data = load("i,a,r\n1,5,None\n1,5,joy\n2,6,fear\n", long=["i", "r"])
        assert data.notes == ["'None' is no label: not counted"]

    def test_one_label_is_too_few(self, load):
        with pytest.raises(ValueError, match="at least two different labels, all of them are 'x'"):
            load("a,r1,r2\n1,x,x\n2,x,\n", rater_columns=["r1", "r2"])
        with pytest.raises(ValueError, match="at least two different labels, there is none"):
            load("a,r1,r2\n1,,\n2,,\n", rater_columns=["r1", "r2"])

    def test_items_that_nobody_rated(self, load):
        text = "a,r1,r2\n1,x,y\n2,,\n"
        with pytest.raises(ValueError, match="row 3: the row has no votes"):
            load(text, rater_columns=["r1", "r2"])
        smoothed = load(text, rater_columns=["r1", "r2"], prior=0.5)
        np.testing.assert_array_equal(smoothed.target, [[0.5, 0.5], [0.5, 0.5]])
        np.testing.assert_array_equal(smoothed.sample_weight, [3, 1])


class TestLong:
    TEXT = "item,who,said,a,t\nq,u,yes,1,x\np,u,no,2,y\nq,v,no,1,x\nq,w,yes,1,x\np,v,,2,y\n"

    @pytest.mark.parametrize("long", [["item", "who", "said"], ["item", "said"]])
    def test_items_in_the_order_of_the_file(self, load, long):
        drop = [] if len(long) == 3 else ["who"]
        data = load(self.TEXT, long=long, drop_columns=drop)
        assert data.target_names == ["no", "yes"]
        np.testing.assert_allclose(data.target, [[1 / 3, 2 / 3], [1, 0]])
        np.testing.assert_array_equal(data.sample_weight, [3, 1])
        np.testing.assert_array_equal(data.data["a"], [1, 2])
        assert data.data["t"].tolist() == ["x", "y"]
        assert data.data.index.tolist() == [2, 3]
        assert data.notes == []

    def test_what_changes_within_an_item(self, load):
        message = (
            r"t\.csv, row 5, column D \(a\): item 'q' has '7' here and '1' in row 2; .*"
            "--drop-columns"
        )
        text = self.TEXT.replace("w,yes,1", "w,yes,7")
        with pytest.raises(ValueError, match=message):
            load(text, long=["item", "who", "said"])
        data = load(text, long=["item", "who", "said"], drop_columns=["a"])
        assert data.feature_names == ["t"]

    def test_groups_and_weights_belong_to_items(self, load):
        text = self.TEXT.replace(",a,", ",w,b,").replace(",1,", ",1,5,").replace(",2,", ",2,6,")
        data = load(text, long=["item", "who", "said"], groups="t", weights="w")
        assert data.groups.tolist() == ["x", "y"]
        np.testing.assert_array_equal(data.sample_weight, [1, 2])

    def test_item_that_nobody_judged(self, load):
        text = self.TEXT.replace("p,u,no", "p,u,")
        with pytest.raises(ValueError, match="row 3: the row has no votes"):
            load(text, long=["item", "who", "said"])

    def test_item_is_missing(self, load):
        with pytest.raises(ValueError, match=r"row 3, column A \(item\): the item is missing"):
            load(self.TEXT.replace("p,u,no", ",u,no"), long=["item", "who", "said"])

    def test_a_rater_who_judges_twice(self, load):
        data = load(self.TEXT.replace("q,w", "q,u"), long=["item", "who", "said"])
        assert data.sample_weight[0] == 3
        assert data.notes == [
            "1 judgment is by a rater who has judged the item before, in row 5: all of them count"
        ]
