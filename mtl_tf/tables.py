"""The one place where tables are read and written: as text, strictly, so that no library guesses types."""

import csv
import io
import json
import math
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from mtl_tf.errors import UserError
from mtl_tf.files import write_whole

_YES = {"true", "yes", "y", "1", "wahr", "ja", "vrai", "oui", "verdadero", "sí", "vero", "sì"}
_NO = {"false", "no", "n", "0", "falsch", "nein", "faux", "non", "falso"}
_BYTE_ORDER_MARKS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16", b"\xef\xbb\xbf": "utf-8-sig"}
_DELIMITERS = ",;\t|"
DELIMITED, PARQUET, JSON_LINES = (".csv", ".tsv", ".txt"), (".parquet",), (".jsonl", ".ndjson")
SUFFIXES = (*DELIMITED, *PARQUET, *JSON_LINES)


def parse_number(text: str) -> float:
    """Reads a number, whose decimals may stand behind a comma; nothing is NaN.

    Raises:
        ValueError: it is none.

    >>> parse_number("1,5"), parse_number("-2e-3")
    (1.5, -0.002)
    """
    if not text.strip():
        return math.nan
    return float(text.replace(",", ".") if re.fullmatch(r"\s*[+-]?\d+,\d+\s*", text) else text)


def parse_seconds(text: str) -> float:
    """Reads a time in seconds, or as `0 days 00:00:01.5`, `00:01.5` or `1500ms`; nothing and NaT are NaN.

    Raises:
        ValueError: it is none.

    >>> [parse_seconds(text) for text in ("0 days 00:00:01.500000", "00:02", "1,25", "90 ms")]
    [1.5, 2.0, 1.25, 0.09]
    """
    if text.strip() in ("NaT", "nan"):
        return math.nan
    if ":" not in text and not re.search(r"[a-df-zA-DF-Z]", text):
        seconds = parse_number(text)
        if math.isinf(seconds):
            raise ValueError(text)
        return seconds
    clock = text.strip()
    return pd.Timedelta(f"00:{clock}" if re.fullmatch(r"\d+:[\d.]+", clock) else clock).total_seconds()


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
_WANTED = {
    int: "a whole number",
    parse_number: "a number",
    parse_seconds: "a time in seconds",
    parse_boolean: "true or false",
}


def read_table(
    path: Path,
    parsers: Mapping[str, Parser] | None = None,
    required: Collection[str] = (),
    default: Parser | None = None,
    header: Sequence[str] | None = None,
    encodings: Sequence[str] = ("utf-8",),
) -> pd.DataFrame:
    """Reads a table: with commas, semicolons, tabs or bars between its columns, Parquet, or a JSON object a line.

    Every cell is text as it stands in the file: `None`, `nan`, `01` and an empty cell stay what they are. In Parquet
    and JSON, which have types, numbers are written as Python does, and null is an empty cell.

    Args:
        path: of the file. Text is UTF-8, or UTF-16 with a byte order mark.
        parsers: column to what reads its cells: `int`, `parse_number`, `parse_boolean`, or any function that raises
            ValueError for what it cannot read.
        required: columns that must be there, beside those with a parser.
        default: reads the cells of all other columns; None: they stay text.
        header: names of the columns of a file that does not have them; None: the first line holds them.
        encodings: of text without a byte order mark, the first that fits.

    Returns:
        One row for each line below the header; lines without anything are passed over. `attrs["encoding"]` is what the
        text was read as.

    Raises:
        UserError: names the file, and the line and the column that cannot be read.
    """
    encoding = None
    if path.suffix.lower() in PARQUET:
        rows, lines = _parquet_cells(path)
    else:
        text, encoding = _text_of(path, encodings)
        rows, lines = (_json_cells if path.suffix.lower() in JSON_LINES else _cells)(path, text, header)
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
    table = pd.DataFrame(columns, columns=header)
    table.attrs["encoding"] = encoding
    return table


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


def _text_of(path: Path, encodings: Sequence[str]) -> tuple[str, str]:
    content = path.read_bytes()
    marked = next((name for mark, name in _BYTE_ORDER_MARKS.items() if content.startswith(mark)), None)
    if marked is None and content[:2].count(0) == 1:
        raise UserError(f"{path} seems to be UTF-16 without a byte order mark; save the table as UTF-8")
    failure = None
    for encoding in (marked,) if marked else encodings:
        try:
            return content.decode(encoding), encoding
        except UnicodeDecodeError as error:
            failure = failure or error
    line = content[: failure.start].count(b"\n") + 1
    raise UserError(f"{path} line {line} is not UTF-8; save the table as UTF-8") from failure


def _cells(path: Path, text: str, header: Sequence[str] | None) -> tuple[list[list[str]], list[int]]:
    """Gives the cells of all rows, the header first, and the line on which each row ends."""
    first = text.split("\n", 1)[0]
    delimiter = max(_DELIMITERS, key=re.sub(r'"[^"]*"', "", first).count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows, lines = ([list(header)], [0]) if header else ([], [])
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


def _json_cells(path: Path, text: str, header: Sequence[str] | None) -> tuple[list[list[str]], list[int]]:
    objects, lines = [], []
    for line, content in enumerate(text.splitlines(), 1):
        if not content.strip():
            continue
        try:
            entry = json.loads(content, parse_float=str, parse_int=str)
        except ValueError as error:
            raise UserError(f"{path} line {line} is no JSON: {error}") from error
        if not isinstance(entry, dict):
            raise UserError(f'{path} line {line} is no JSON object, as {{"file": "a.wav", ...}} is')
        objects.append(entry)
        lines.append(line)
    names = list(dict.fromkeys(name for entry in objects for name in entry))
    rows = [[_as_text(path, name, entry.get(name)) for name in names] for entry in objects]
    return [names, *rows], [0, *lines]


def _parquet_cells(path: Path) -> tuple[list[list[str]], list[int]]:
    try:
        table = pq.read_table(path)
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"{path} is no Parquet table: {' '.join(str(error).split())}") from error
    columns = [[_as_text(path, name, value) for value in table[name].to_pylist()] for name in table.column_names]
    rows = [list(row) for row in zip(*columns, strict=True)]
    return [table.column_names, *rows], list(range(len(rows) + 1))


def _as_text(path: Path, name: str, value: object) -> str:
    if isinstance(value, dict | list | bytes):
        raise UserError(f"{path}: column {name} holds lists, objects or bytes; text or numbers are wanted")
    if value is None or value != value:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _parsed(path: Path, name: str, cells: list[str], lines: list[int], parser: Parser) -> list:
    values = []
    for cell, line in zip(cells, lines, strict=True):
        try:
            values.append(parser(cell))
        except ValueError as error:
            wanted = _WANTED.get(parser, "another value")
            raise UserError(f"{path} line {line}: {name} is {cell!r}; {wanted} is wanted") from error
    return values
