"""A database in audEERING's format."""

import importlib.util
import math
from pathlib import Path

import pandas as pd

from mtl_tf.corpora.corpus import SPELLINGS
from mtl_tf.corpora.own_corpus import OwnCorpus
from mtl_tf.corpora.table import label_name
from mtl_tf.errors import UserError

HEADER = "db.yaml"
_SPLITS = {"train": "train", "dev": "validation", "test": "test"}  # the format's own types of parts


class AudformatDatabase(OwnCorpus):
    """A folder with `db.yaml`, read by the library audformat.

    Every column of every filewise or segmented table is a column of labels; what a scheme says of its labels, such as
    the gender of a speaker, is another. A row of the same file, start and end in several tables is one clip. The split
    of a table is the official one. Licence and title are the database's.
    """

    def folder_of(self, place: Path) -> Path:
        """Returns the folder.

        Raises:
            UserError: it is no database, or the library is missing.
        """
        folder = place.parent if place.name == HEADER else place
        if not (folder / HEADER).is_file():
            raise UserError(f"corpus {self.name}: {folder} holds no {HEADER}")
        if importlib.util.find_spec("audformat") is None:
            raise UserError('reading audformat needs its library; give: pip install "mtl-tf[audformat]"')
        return folder

    def read(self, root: Path) -> list[dict[str, object]]:
        """Reads all tables.

        Raises:
            UserError: the database is damaged, or tables contradict one another.
        """
        import audformat

        try:
            database = audformat.Database.load(root)
            tables = [(name, self._cells(database, table)) for name, table in database.tables.items()]
        except Exception as error:  # of the library's many parts, none of which is ours
            raise UserError(
                f"corpus {self.name}: {root / HEADER} cannot be read: {' '.join(str(error).split())}"
            ) from error
        self.title = self.options.title or database.name or self.name
        self.licence = self.options.licence or str(database.license or "")
        clips: dict[tuple, dict[str, object]] = {}
        for name, (cells, split) in tables:
            for file, *values in cells.itertuples(index=False, name=None):
                start, end, *values = (None if pd.isna(value) else value for value in values)
                clip = clips.setdefault((file, start, end), self._place(root, file, start, end))
                row = dict(zip(cells.columns[3:], values, strict=True)) | {"official_split": split}
                for column, value in row.items():
                    if value is None:
                        continue
                    value = str(value)
                    if clip.get(column) not in (None, value):
                        raise UserError(
                            f"corpus {self.name}: {column} of {file} is {value!r} in the table {name}, and "
                            f"{clip[column]!r} in another"
                        )
                    clip[column] = value
        return list(clips.values())

    def _cells(self, database, table) -> tuple[pd.DataFrame, str | None]:
        """Gives `file`, `start`, `end` in seconds and the labels of a table, and its split."""
        import audformat

        schemes = {name: column.scheme_id for name, column in table.columns.items()}
        facts = {
            name: [name, *_attributes(database.schemes[scheme].labels)]
            for name, scheme in schemes.items()
            if scheme in database.schemes and _attributes(database.schemes[scheme].labels)
        }
        values = table.get(map=facts) if facts else table.get()
        values.index = audformat.utils.to_segmented_index(values.index)
        cells = values.reset_index()
        cells.columns = [*cells.columns[:3], *(_named(column) for column in cells.columns[3:])]
        for column in ("start", "end"):
            cells[column] = cells[column].dt.total_seconds()
        split = table.split_id and database.splits[table.split_id].type
        return cells, _SPLITS.get(split, SPELLINGS.get(str(split)))

    def _place(self, root: Path, file: str, start: float | None, end: float | None) -> dict[str, object]:
        if not (root / file).is_file():
            return {"path": file, "misfit": f"listed in {HEADER}, and not below {root}"}
        cut = {} if end is None and not start else {"start_s": start or 0.0, "duration_s": math.nan}
        return {"path": file, **cut, **({} if end is None else {"duration_s": end - (start or 0.0)})}


def _attributes(labels: object) -> list[str]:
    """Lists what a scheme says of its labels."""
    facts = labels.values() if isinstance(labels, dict) else ()
    return list(dict.fromkeys(name for fact in facts if isinstance(fact, dict) for name in fact))


def _named(column: str) -> str:
    return column if column in ("speaker", "session") else label_name(column)
