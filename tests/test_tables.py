"""Tables come back as they were written, whatever their cells look like; what cannot be read is named by its line."""

import re

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mtl_tf.errors import UserError
from mtl_tf.tables import parse_boolean, parse_number, read_table, write_table

ODD = [
    "None",
    "nan",
    "NaN",
    "NA",
    "",
    "01",
    "1",
    "1.0",
    "1e3",
    "true",
    "yes",
    "a,b",
    'say "x"',
    "grün",
    "<b>x</b>",
    " x ",
]
CELL = st.one_of(st.sampled_from(ODD), st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.tuples(CELL, CELL), min_size=1, max_size=8))
def test_text_survives_a_csv(rows, tmp_path):
    table = pd.DataFrame(rows, columns=["first", "second"])
    write_table(table, tmp_path / "table.csv")
    found = read_table(tmp_path / "table.csv")
    assert [tuple(row) for row in found.itertuples(index=False)] == rows


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=1, max_size=6))
def test_numbers_survive_a_csv(values, tmp_path):
    write_table(pd.DataFrame({"x": values, "n": range(len(values))}), tmp_path / "table.csv")
    found = read_table(tmp_path / "table.csv", {"n": int}, default=parse_number)
    pd.testing.assert_series_equal(found["x"], pd.Series(values, name="x"), check_exact=True)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_what_spreadsheets_save_is_read(delimiter, encoding, end, tmp_path):
    lines = [["name", "n"], ["grün", "1"], ["b", "2"]]
    (tmp_path / "a.csv").write_bytes(end.join(map(delimiter.join, lines)).encode(encoding))
    table = read_table(tmp_path / "a.csv", {"n": int})
    assert table["name"].tolist() == ["grün", "b"] and table["n"].tolist() == [1, 2]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty; a line with the names of the columns"),
        (b"a,b\n1\n", "line 2 has 1 cells where the header has 2"),
        (b"a,b\n1,2\n\n3,4,5\n", "line 4 has 3 cells where the header has 2"),
        (b"a,a\n1,2\n", "has two columns named 'a'"),
        (b"b,n\nx,1\n", "lacks the column a"),
        (b"a,n\nx,1\ny,two\n", "line 3: n is 'two'; a whole number is wanted"),
        (b'a,n\n"x\ny",1\nz,\n', "line 4: n is ''; a whole number is wanted"),
        (b"a,n\nn\xe9,1\n", "line 2 is not UTF-8; save the table as UTF-8"),
        (b'a,n\n"x,1\n', "line 2 cannot be read"),
    ],
)
def test_what_cannot_be_read_is_named_by_its_line(content, message, tmp_path):
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(UserError, match=r"a\.csv.*" + re.escape(message)):
        read_table(tmp_path / "a.csv", {"n": int}, required=("a",))


@pytest.mark.parametrize("text", ["True", "TRUE ", "yes", "1", "WAHR", "vrai"])
def test_yes_in_other_languages(text):
    assert parse_boolean(text) is True


@pytest.mark.parametrize("text", ["False", "no", "0", "FALSCH", "faux "])
def test_no_in_other_languages(text):
    assert parse_boolean(text) is False


@pytest.mark.parametrize("text", ["", "maybe", "None", "2"])
def test_what_is_neither_is_no_boolean(text):
    with pytest.raises(ValueError, match=f"^{text}$"):
        parse_boolean(text)
