"""The one place where tables are read and written: as text, strictly, so that no library guesses types."""

import csv
import io
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

import pandas as pd

from mtl_tf.errors import UserError
from mtl_tf.files import write_whole

_YES, _NO = {"true", "yes", "1", "wahr", "vrai", "verdadero", "vero"}, {"false", "no", "0", "falsch", "faux", "falso"}
_BYTE_ORDER_MARKS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16", b"\xef\xbb\xbf": "utf-8-sig"}
_DELIMITERS = ",;\t"


def parse_number(text: str) -> float:
    """Reads a number; nothing is NaN.

    Raises:
        ValueError: it is none.
    """
    return float(text) if text.strip() else float("nan")


def parse_boolean(text: str) -> bool:
    """Reads true or false, yes or no, 1 or 0, and what spreadsheets in other languages make of them.

    Raises:
        ValueError: it is none of them.

    >>> parse_boolean("WAHR"), parse_boolean("False ")
    (True, False)
    """
    word = text.strip().casefold()
    if word not in _YES | _NO:
        raise ValueError(text)
    return word in _YES


Parser = Callable[[str], object]
_WANTED = {int: "a whole number", parse_number: "a number", parse_boolean: "true or false"}


def read_table(
    path: Path,
    parsers: Mapping[str, Parser] | None = None,
    required: Collection[str] = (),
    default: Parser | None = None,
) -> pd.DataFrame:
    """Reads a table with a header, in which commas, semicolons or tabs part the columns.

    Every cell is text as it stands in the file: `None`, `nan`, `01` and an empty cell stay what they are.

    Args:
        path: of the file, in UTF-8, or UTF-16 with a byte order mark.
        parsers: column to what reads its cells: `int`, `parse_number`, `parse_boolean`, or any function that raises
            ValueError for what it cannot read.
        required: columns that must be there, beside those with a parser.
        default: reads the cells of all other columns; None: they stay text.

    Returns:
        One row for each line below the header; lines without anything are passed over.

    Raises:
        UserError: names the file, and the line and the column that cannot be read.
    """
    rows, lines = _cells(path)
    header = rows[0]
    repeated = sorted({name for name in header if header.count(name) > 1})
    if repeated:
        raise UserError(f"{path} has two columns named {repeated[0]!r}; rename or remove one")
    missing = sorted({*required, *(parsers or {})} - set(header))
    if missing:
        raise UserError(f"{path} lacks the column{'s' if len(missing) > 1 else ''} {', '.join(missing)}")
    columns = {}
    for place, name in enumerate(header):
        parser = (parsers or {}).get(name, default)
        cells = [row[place] for row in rows[1:]]
        columns[name] = cells if parser is None else _parsed(path, name, cells, lines[1:], parser)
    return pd.DataFrame(columns, columns=header)


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Writes Parquet or CSV, whole or not at all.

    Args:
        table: any table.
        path: ends in `.parquet` or `.csv`.
    """
    content = io.BytesIO()
    if path.suffix == ".csv":
        # pandas leaves a carriage return in a cell bare unless told to quote all text
        bare = any(table[name].astype(str).str.contains("\r").any() for name in table.select_dtypes(exclude="number"))
        table.to_csv(content, index=False, quoting=csv.QUOTE_NONNUMERIC if bare else csv.QUOTE_MINIMAL)
    else:
        table.to_parquet(content, index=False)
    write_whole(path, content.getbuffer())


def _cells(path: Path) -> tuple[list[list[str]], list[int]]:
    """Gives the cells of all rows, the header first, and the line on which each row ends."""
    content = path.read_bytes()
    encoding = next((name for mark, name in _BYTE_ORDER_MARKS.items() if content.startswith(mark)), "utf-8")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise UserError(f"{path} line {line} is not UTF-8; save the table as UTF-8") from error
    first = text.split("\n", 1)[0]
    delimiter = max(_DELIMITERS, key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows, lines = [], []
    try:
        for row in reader:
            if row:
                rows.append(row)
                lines.append(reader.line_num)
    except csv.Error as error:
        raise UserError(f"{path} line {reader.line_num} cannot be read: {error}") from error
    if not rows:
        raise UserError(f"{path} is empty; a line with the names of the columns is wanted")
    for row, line in zip(rows, lines, strict=True):
        if len(row) != len(rows[0]):
            raise UserError(f"{path} line {line} has {len(row)} cells where the header has {len(rows[0])}")
    return rows, lines


def _parsed(path: Path, name: str, cells: list[str], lines: list[int], parser: Parser) -> list:
    values = []
    for cell, line in zip(cells, lines, strict=True):
        try:
            values.append(parser(cell))
        except ValueError as error:
            wanted = _WANTED.get(parser, "another value")
            raise UserError(f"{path} line {line}: {name} is {cell!r}; {wanted} is wanted") from error
    return values
