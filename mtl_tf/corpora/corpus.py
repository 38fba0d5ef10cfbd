"""The contract of a corpus reader."""

import copy
import os
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from mtl_tf.errors import UserError

AUDIO_SUFFIXES = (".wav", ".flac", ".ogg", ".mp3")
UNREAD_SUFFIXES = (".aac", ".aif", ".aifc", ".aiff", ".amr", ".au", ".caf", ".m4a", ".opus", ".sph", ".w64", ".wma")

# What publishers write for the parts of their own division.
SPELLINGS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("validation", "valid", "val", "dev", "development"), "validation"),
    **dict.fromkeys(("test", "testing", "eval"), "test"),
}


def files_below(root: Path) -> Iterator[Path]:
    """Yields all files below a folder, those of linked folders too, each folder once."""
    seen = set()
    for folder, subfolders, names in os.walk(root, followlinks=True):
        identity = os.path.realpath(folder)
        if identity in seen:
            subfolders.clear()
            continue
        seen.add(identity)
        subfolders.sort()
        yield from (Path(folder, name) for name in names)


@dataclass(frozen=True)
class Download:
    """One archive of a corpus.

    Attributes:
        url: address given by the publisher.
        known_hash: `md5:...` or `sha256:...` as the publisher gives it, or None where none is published.
        folder: folder below the corpus root it is unpacked into.
    """

    url: str
    known_hash: str | None = None
    folder: str = "."


class Corpus(ABC):
    """Reads one published corpus.

    A subclass sets the class attributes and writes `read`; its module ends with `CORPUS = TheClass()`. File names are
    matched without regard to the container, so a FLAC, OGG or MP3 copy of a WAV corpus reads the same.

    Attributes:
        name: name of the module, of the folder under the data root, and in configurations.
        title: name in the literature.
        licence: licence of the audio.
        citation: what to cite.
        homepage: where a person finds the corpus.
        downloads: archives, empty where the publisher asks for registration.
        sample_rates: published sample rates in Hz.
        duration_range_s: shortest and longest published clip in seconds.
        num_published: number of published clips; None: versions differ, or it is not known.
        native_labels: label columns that `read` gives, beside `speaker`, `session`, `official_split`, `official_fold`.
        path: folder of the corpus, where it is not the one named after it below the data root.
        example_files: paths as published, for fixtures in tests.
        example_texts: metadata files as published, path to text.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    licence: ClassVar[str]
    citation: ClassVar[str]
    homepage: ClassVar[str]
    downloads: ClassVar[tuple[Download, ...]] = ()
    sample_rates: ClassVar[tuple[int, ...]]
    duration_range_s: ClassVar[tuple[float, float]]
    num_published: ClassVar[int | None] = None
    native_labels: ClassVar[tuple[str, ...]]
    path: str | None = None
    example_files: ClassVar[tuple[str, ...]]
    example_texts: ClassVar[dict[str, str]] = {}

    @abstractmethod
    def read(self, root: Path) -> list[dict[str, object]]:
        """Lists the clips below a folder.

        Args:
            root: the corpus folder.

        Returns:
            One dict per clip: `path` (relative to root, posix), the native labels, and where the corpus has them
            `speaker`, `session`, `official_split` (`train`, `validation` or `test`), `official_fold`; `identity`, the
            publisher's name of the performance, by which a second copy is found, and `copy` (above 0) for a file that
            the publisher made from another; `start_s` and `duration_s` of a clip that is a part of a file. Of a file
            whose name does not fit the published layout what `misnamed` gives.

        Raises:
            UserError: metadata that does not fit the published layout.
        """

    def rows(self, root: Path) -> list[dict[str, object]]:
        """Lists the clips as `read` does, with what configuration adds.

        Args:
            root: the corpus folder.

        Raises:
            UserError: see `read`.
        """
        return self.read(root)

    def at(self, path: str) -> "Corpus":
        """Returns this corpus with another folder."""
        moved = copy.copy(self)
        moved.path = path
        return moved

    def root(self, data_root: str | None, prepared_dir: Path) -> Path:
        """Finds the folder of this corpus.

        Args:
            data_root: folder with one folder per corpus; None: the environment variable `MTL_TF_DATA`.
            prepared_dir: where made corpora put their audio.

        Raises:
            UserError: no data root is given, or it has no folder of this corpus.
        """
        if self.path is not None:
            folder = Path(self.path).expanduser()
            if not folder.is_dir():
                raise UserError(f"corpus {self.name}: path={self.path} is no folder")
            return folder
        data_root = data_root or os.environ.get("MTL_TF_DATA")
        if not data_root:
            raise UserError(f"corpus {self.name}: give data_root=DIR or set MTL_TF_DATA; {self.where_to_get()}")
        folder = Path(data_root).expanduser() / self.name
        if not folder.is_dir():
            parent = Path(data_root).expanduser().resolve()
            if parent.name == self.name:
                raise UserError(
                    f"corpus {self.name}: there is no folder {folder}; did you mean data_root={parent.parent}?"
                )
            if not parent.is_dir():
                raise UserError(f"corpus {self.name}: there is no folder {folder}, as {data_root} is missing itself")
            flat = any(path.suffix.lower() in AUDIO_SUFFIXES for path in parent.iterdir())
            hint = f"the audio in {data_root} belongs into a folder {self.name} below it; else " if flat else ""
            raise UserError(f"corpus {self.name}: there is no folder {folder}; {hint}{self.where_to_get()}")
        return folder

    def where_to_get(self) -> str:
        """Says in one sentence how to get the audio."""
        if self.downloads:
            return f"scripts/prepare.py corpus={self.name} data_root=DIR download=true fetches it"
        return f"ask for the audio at {self.homepage} and unpack it there"

    def audio_files(self, root: Path) -> Iterator[Path]:
        """Yields the audio files below a folder in sorted order, hidden files left out.

        Raises:
            UserError: there are none, or some are of a kind that is not read.
        """
        visible = sorted(path for path in files_below(root) if path.name[0] != ".")
        unread = [path for path in visible if path.suffix.lower() in UNREAD_SUFFIXES]
        if unread:
            raise UserError(
                f"corpus {self.name}: {unread[0]} is one of {len(unread)} audio files that are not WAV, FLAC, OGG or "
                "MP3; convert them or move them out of the folder"
            )
        files = [path for path in visible if path.suffix.lower() in AUDIO_SUFFIXES]
        if not files:
            raise UserError(f"corpus {self.name}: no audio file below {root}; {self.where_to_get()}")
        yield from files

    def named_files(self, root: Path, name: str) -> list[Path]:
        """Returns the files of one name below a folder, in sorted order."""
        return sorted(path for path in files_below(root) if path.name == name)

    def misnamed(self, path: Path, root: Path, expected: str) -> dict[str, object]:
        """Makes the row of a file whose name does not fit the layout; the audit lists it."""
        return {"path": path.relative_to(root).as_posix(), "misfit": f"not named like {expected}"}
