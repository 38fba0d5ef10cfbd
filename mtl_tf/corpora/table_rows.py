"""What the rows of a table mean: which file, and which of them are events of one."""

import os
from collections.abc import Collection
from pathlib import Path

from mtl_tf.corpora.corpus import AUDIO_SUFFIXES, files_below
from mtl_tf.errors import UserError

JOIN = ";"  # between the labels of the events of one file


class Events:
    """Puts the rows of one file together.

    Args:
        path: of the table, for messages.
        single: columns that a clip has one value of.
    """

    def __init__(self, path: Path, single: Collection[str]) -> None:
        self.path, self.single = path, single
        self.rows: dict[str, dict[str, object]] = {}

    def is_first(self, file: str | None, row: dict[str, object], line: int) -> bool:
        """Takes the first row of a file as that of its clip, and adds the labels of others to it.

        Raises:
            UserError: rows of one file differ in what a clip has one of.
        """
        if file is None or file not in self.rows:
            self.rows |= {} if file is None else {file: row}
            return True
        first = self.rows[file]
        for column, label in row.items():
            before = first.get(column)
            if label is None or label == before:
                continue
            if column in self.single:
                raise UserError(
                    f"{self.path} line {line}: {column} is {label!r}, and {before!r} in another row of {file}"
                )
            known = [] if before is None else str(before).split(JOIN)
            first[column] = JOIN.join(dict.fromkeys([*known, str(label)]))
        return False


class Files:
    """Finds the file that a table means: as written, with other slashes, or in another container.

    Args:
        root: folder that found paths are relative to.
        base: folder that written paths are relative to.
    """

    def __init__(self, root: Path, base: Path) -> None:
        self.root, self.base = root, base
        self._by_stem: dict[str, list[Path]] | None = None

    def find(self, text: str) -> str | None:
        """Returns the path relative to the root, posix, or absolute where it lies elsewhere; None: there is none."""
        text = text.strip()
        if not text:
            return None
        for written in (text, text.replace("\\", "/")):
            for base in dict.fromkeys((self.base, self.root)):
                if (base / written).is_file():
                    return self._relative(base / written)
        if self._by_stem is None:
            self._by_stem = {}
            for path in files_below(self.base):
                if path.suffix.lower() in AUDIO_SUFFIXES:
                    self._by_stem.setdefault(path.relative_to(self.base).with_suffix("").as_posix(), []).append(path)
        written = Path(text.replace("\\", "/"))
        wanted = written.with_suffix("") if written.suffix.lower() in AUDIO_SUFFIXES else written
        found = self._by_stem.get(wanted.as_posix(), [])
        return self._relative(found[0]) if len(found) == 1 else None

    def _relative(self, path: Path) -> str:
        normal = Path(os.path.normpath(path))
        return normal.relative_to(self.root).as_posix() if normal.is_relative_to(self.root) else normal.as_posix()
