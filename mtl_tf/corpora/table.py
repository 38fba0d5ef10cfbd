"""A table that lists audio files with their labels."""

import math
import os
from pathlib import Path

import pandas as pd

from mtl_tf.annotations import TIMES, Event, write_events
from mtl_tf.corpora.corpus import SPELLINGS
from mtl_tf.corpora.own_corpus import RESERVED, OwnCorpus
from mtl_tf.corpora.table_rows import Events, Files
from mtl_tf.errors import UserError, nearest_hint
from mtl_tf.tables import SUFFIXES, parse_seconds, read_table

# Our name of a column to what others call it, the first that is there.
ALIASES = {
    "file": ("file", "file_name", "filename", "path", "filepath", "file_path", "audio"),
    "start": ("start", "start_s", "start_time"),
    "end": ("end", "end_s", "end_time"),
    "onset": ("onset", "onset_s", "event_onset"),
    "offset": ("offset", "offset_s", "event_offset"),
    "speaker": ("speaker", "speaker_id", "client_id"),
    "session": ("session",),
    "split": ("split", "official_split", "set", "subset"),
    "fold": ("fold", "official_fold"),
}
METADATA = "metadata"
ENCODINGS = ("utf-8", "cp1252")


class Table(OwnCorpus):
    """A CSV, TSV, Parquet or JSON-lines file with a column of files and one column per label.

    `path` is the table, or a folder that holds it: as `metadata.csv` (Hugging Face's AudioFolder; one in each of
    `train/` and `test/` gives the official split), as tables named after the parts of a division (`train.csv`,
    `test.csv`), or as its only table. Columns are known by the usual names, see `ALIASES`, or named in `columns`.
    `start` and `end` make a clip of a part of a file, in seconds or as timedeltas. With `onset` and `offset` each row
    is an event: a file is one clip, and its labels are those of all its events, joined by `;`. Beside each column of
    labels stands one with `_times` behind its name, which says when, as `mtl_tf.annotations` writes events. CSV files
    of nkululeko and audformat are such tables. Files are found whatever their container is.
    """

    def folder_of(self, place: Path) -> Path:
        """Returns the folder that the table's files are relative to."""
        folder = place if place.is_dir() else place.parent
        if self.options.audio_dir is None:
            return folder
        audio = Path(os.path.normpath(folder / Path(self.options.audio_dir).expanduser()))
        if not audio.is_dir():
            raise UserError(f"corpus {self.name}: audio_dir is {audio}, which is no folder")
        return audio

    def read(self, root: Path) -> list[dict[str, object]]:
        """Reads all tables; a row whose file is not there is listed as misnamed."""
        rows, missing = [], 0
        for path, part in self.tables(root):
            table = read_table(path, encodings=ENCODINGS)
            names = self.column_names(path, table)
            base = path.parent if self.options.audio_dir is None else root
            files = Files(root, base)
            times = [
                [_seconds(path, name, line, cell) for line, cell in enumerate(table[name], 2)] if name else []
                for name in (names.get("start"), names.get("end"))
            ]
            events = Events(path, RESERVED) if {"onset", "offset"} & set(names) else None
            onsets, offsets = (
                [_seconds(path, name, line, cell) for line, cell in enumerate(table[name], 2)] if name else []
                for name in (names.get("onset"), names.get("offset"))
            )
            for place, cells in enumerate(table.to_dict("records")):
                start, end = (column[place] if column else math.nan for column in times)
                row = self._row(cells, names, part) | _cut(path, place + 2, start, end)
                if onsets and offsets:
                    begin_s = float(row.get("start_s") or 0.0)
                    row |= _timed(row, onsets[place] - begin_s, offsets[place] - begin_s)
                found = files.find(cells[names["file"]])
                missing += found is None
                if events is not None and not events.is_first(found, row, place + 2):
                    continue
                row |= {} if found is None else {"path": found}
                rows.append(
                    row
                    if found is not None
                    else {
                        "path": cells[names["file"]].strip() or f"{path.name} line {place + 2}",
                        "misfit": f"listed in line {place + 2} of {path.name}, and not below {base}",
                    }
                )
        if missing == len(rows):
            listed = rows[0]["path"] if rows else "no file"
            raise UserError(
                f"corpus {self.name}: no file of the table is below {root}, such as {listed}; name the folder that "
                f"they are relative to with corpora.{self.name}.audio_dir=DIR"
            )
        return rows

    def tables(self, root: Path) -> list[tuple[Path, str | None]]:
        """Finds the tables, each with the part of the official split that its name or place tells.

        Raises:
            UserError: there is none, or it is not clear which one it is.
        """
        if self.options.path is not None and Path(self.options.path).expanduser().is_file():
            return [(Path(self.options.path).expanduser(), None)]
        folder = Path(self.options.path).expanduser() if self.options.path is not None else root
        return find_tables(folder, self.name)

    def column_names(self, path: Path, table: pd.DataFrame) -> dict[str, str]:
        """Finds what the table calls our columns.

        A column that is called like a split or fold and holds other things is one of labels.

        Raises:
            UserError: a named column is not there, or no column holds files.
        """
        columns = list(table.columns)
        lower = {name.strip().casefold(): name for name in reversed(columns)}
        found = {}
        for ours, aliases in ALIASES.items():
            given = self.options.columns.get(ours)
            if given is not None and given not in columns:
                hint = nearest_hint(given, columns)
                raise UserError(f"corpora.{self.name}.columns.{ours}={given}: {path} has no such column.{hint}")
            name = given or next((lower[alias] for alias in aliases if alias in lower), None)
            if given is None and name is not None and not _holds(ours, table[name]):
                continue
            if name is not None:
                found[ours] = name
        unknown = set(self.options.columns) - set(ALIASES)
        if unknown:
            raise UserError(f"corpora.{self.name}.columns.{min(unknown)}: the columns are {', '.join(ALIASES)}")
        if "file" not in found:
            raise UserError(
                f"{path} has no column {', '.join(ALIASES['file'][:4])}; say which column holds the files with "
                f"corpora.{self.name}.columns.file=COLUMN (there are {', '.join(columns)})"
            )
        return found

    def _row(self, cells: dict[str, str], names: dict[str, str], part: str | None) -> dict[str, object]:
        row: dict[str, object] = {}
        for column, cell in cells.items():
            if column.strip() and column not in names.values():
                row[label_name(column)] = cell if cell.strip() else None
        for ours, key in (("speaker", "speaker"), ("session", "session"), ("split", "official_split")):
            if ours in names:
                row[key] = cells[names[ours]].strip() or None
        if part is not None:
            row["official_split"] = part
        if "fold" in names:
            cell = cells[names["fold"]].strip()
            row["official_fold"] = int(cell) if cell.isdecimal() else None
        return row


def label_name(column: str) -> str:
    """Names a column of labels so that it is none of the project's own."""
    return f"{column}_" if column in RESERVED else column


def find_tables(folder: Path, name: str, required: bool = True) -> list[tuple[Path, str | None]]:
    """Finds the tables that describe a folder of audio, as `Table` says.

    Args:
        folder: to look in, and for `metadata.*` in the folders in it.
        name: of the corpus, for messages.
        required: whether none is an error.

    Returns:
        Table and part of the official split, None where neither name nor place tells one.

    Raises:
        UserError: there is none, or several that are not named after parts.
    """
    here = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and path.is_file())
    below = sorted(path for path in folder.glob(f"*/{METADATA}.*") if path.suffix.lower() in SUFFIXES)
    named = [path for path in here if path.stem.casefold() == METADATA]
    if named:
        return [(named[0], None)]
    if below:
        return [(path, path.parent.name if path.parent.name.casefold() in SPELLINGS else None) for path in below]
    parts = [path for path in here if path.stem.casefold() in SPELLINGS]
    if parts:
        return [(path, path.stem) for path in parts]
    tables = [path for path in here if path.suffix.lower() != ".txt" and _lists_files(path)]
    if not tables and not required:
        return []
    if len(tables) != 1:
        listed = f": {', '.join(path.name for path in tables)}" if tables else ""
        raise UserError(
            f"corpus {name}: {folder} holds {len(tables)} tables of files{listed}; give one as corpora.{name}.path=FILE"
        )
    return [(tables[0], None)]


def _seconds(path: Path, name: str, line: int, cell: str) -> float:
    try:
        return parse_seconds(cell)
    except ValueError as error:
        raise UserError(f"{path} line {line}: {name} is {cell!r}; a time in seconds is wanted") from error


def _cut(path: Path, line: int, start: float, end: float) -> dict[str, float]:
    """Gives the part of a file that a row names; none where neither start nor end does."""
    if math.isnan(start) and math.isnan(end):
        return {}
    begin = 0.0 if math.isnan(start) else start
    if begin < 0 or end <= begin:
        raise UserError(f"{path} line {line}: from {begin:g} to {end:g} s is no clip; an end after a start is wanted")
    return {"start_s": begin, "duration_s": end - begin}


def _timed(row: dict[str, object], onset_s: float, offset_s: float) -> dict[str, object]:
    """Gives the columns of events with their times; a row without times says that there is one somewhere."""
    known = not (math.isnan(onset_s) or math.isnan(offset_s))
    return {
        f"{column}{TIMES}": write_events([Event(onset_s, offset_s, label) if known else Event(None, None, label)])
        for column, label in row.items()
        if column not in RESERVED and isinstance(label, str)
    }


def _holds(ours: str, cells: pd.Series) -> bool:
    """Says whether a column that is called like one of ours holds what ours holds."""
    texts = {text.strip().casefold() for text in cells} - {""}
    if ours == "split":
        return texts <= set(SPELLINGS)
    return ours != "fold" or all(text.isdecimal() for text in texts)


def _lists_files(path: Path) -> bool:
    try:
        columns = {name.strip().casefold() for name in read_table(path, encodings=ENCODINGS).columns}
    except UserError:
        return False
    return bool(columns & set(ALIASES["file"]))
