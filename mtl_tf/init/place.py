"""Finds out what kind of corpus a folder or table is."""

from pathlib import Path

from mtl_tf.config import CorpusConfig
from mtl_tf.corpora.audformat_database import HEADER
from mtl_tf.corpora.corpus import AUDIO_SUFFIXES, files_below
from mtl_tf.corpora.table import find_tables
from mtl_tf.errors import UserError
from mtl_tf.tables import SUFFIXES


def describe_place(place: Path, name: str, levels: list[str] | None, table: dict[str, object]) -> CorpusConfig:
    """Says how a corpus is to be read.

    Args:
        place: a table, or a folder with a table, with an audformat database, with RTTM or JAMS files or label tracks
            beside the audio, or with class folders.
        name: of the corpus, for messages.
        levels: columns that folders stand for; None: the outermost is the label.
        table: `columns` and `audio_dir` of a table, where they are given.

    Returns:
        The options of a corpus of the kind `table`, `audformat`, `annotated` or `folders`.

    Raises:
        UserError: there is nothing that could be read.
    """
    if not place.exists():
        raise UserError(f"{place}: there is no such folder or table")
    path = str(place.resolve())
    if place.is_file():
        if place.suffix.lower() not in SUFFIXES:
            raise UserError(f"{place} is no table; give a folder, or one of {', '.join(SUFFIXES)}")
        return CorpusConfig(name="table", path=path, **table)
    if (place / HEADER).is_file():
        return CorpusConfig(name="audformat", path=path)
    below = [file for file in files_below(place) if file.name[0] != "."]
    files = [file for file in below if file.suffix.lower() in AUDIO_SUFFIXES]
    if levels is None and not table and _is_annotated(files, below):
        return CorpusConfig(name="annotated", path=path)
    if levels is None and (table or find_tables(place, name, required=False)):
        return CorpusConfig(name="table", path=path, **table)
    if not files:
        raise UserError(f"{place} holds no WAV, FLAC, OGG or MP3 file")
    if all(file.parent == place for file in files):
        raise UserError(
            f"{place} holds {len(files)} audio files and no class folders; put the files of each class into a folder "
            "named after it, write a table with the columns file and label, or put RTTM, JAMS or label files beside it"
        )
    return CorpusConfig(name="folders", path=path, **({} if levels is None else {"levels": levels}))


def _is_annotated(files: list[Path], below: list[Path]) -> bool:
    """Says whether RTTM or JAMS files are there, or label tracks of the names of half of the audio."""
    if any(path.suffix.lower() in (".rttm", ".jams") for path in below):
        return True
    tracks = {path.stem for path in below if path.suffix.lower() == ".txt"}
    return bool(files) and 2 * sum(file.stem in tracks for file in files) >= len(files)
