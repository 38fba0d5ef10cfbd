"""What corpora without a reader of their own have in common."""

import math
import os
import re
from pathlib import Path

from mtl_tf.config import CorpusConfig
from mtl_tf.corpora.corpus import Corpus
from mtl_tf.errors import UserError

# Columns that the project makes or measures; a label column called alike gets `_` behind its name.
RESERVED = {
    *("clip_id", "corpus", "path", "start_s", "duration_s", "identity", "copy", "speaker", "session"),
    *("official_split", "official_fold", "misfit", "sample_rate", "channels", "start_frame", "num_frames", "container"),
    *("subtype", "plain_pcm_bits", "peak", "clipped_fraction", "audio_sha1", "fingerprint", "doubt", "error"),
    *("recording", "same_because", "split", "decoder"),
}
_OURS = {"split": "official_split", "fold": "official_fold"}


class OwnCorpus(Corpus):
    """A corpus that configuration describes; its labels are whatever columns are found.

    Any sample rate and any length is what was to be expected of it.

    Args:
        name: in the configuration, in prepared files and in clip ids.
        options: `path`, and what the kind of corpus takes.
    """

    licence = ""
    citation = ""
    homepage = ""
    sample_rates = ()
    duration_range_s = (0.0, math.inf)
    native_labels = ()

    def __init__(self, name: str, options: CorpusConfig) -> None:
        self.name, self.options = name, options
        self.title, self.licence, self.citation = options.title or name, options.licence, options.citation

    def rows(self, root: Path) -> list[dict[str, object]]:
        """Lists the clips, with the columns that `patterns` finds in their paths.

        Args:
            root: the corpus folder.

        Raises:
            UserError: a pattern finds nothing in any path; see also `read`.
        """
        rows = self.read(root)
        for column, pattern in self.options.patterns.items():
            key = f"corpora.{self.name}.patterns.{column}"
            if column in RESERVED - {"speaker", "session", "split"}:
                raise UserError(f"{key}: the project has a column of that name; give another, such as {column}_")
            matches = [re.search(pattern, str(row["path"])) for row in rows]
            found = [None if match is None else match[1] if match.re.groups else match[0] for match in matches]
            if rows and not any(found):
                raise UserError(f"{key}: {pattern} finds nothing in any path, such as {rows[0]['path']}")
            for row, value in zip(rows, found, strict=True):
                if column == "fold" and value and not value.isdecimal():
                    raise UserError(f"{key}: a fold is a number, and {pattern} finds {value} in {row['path']}")
                if value:
                    row[_OURS.get(column, column)] = value
        return rows

    def root(self, data_root: str | None, prepared_dir: Path) -> Path:
        """Finds the folder or table.

        Args:
            data_root: holds it under the corpus's name where no `path` is given; None: `MTL_TF_DATA`.
            prepared_dir: not used.

        Raises:
            UserError: it is not there, or neither `path` nor data root is given.
        """
        data_root = data_root or os.environ.get("MTL_TF_DATA")
        if self.options.path is None and not data_root:
            raise UserError(f"corpus {self.name}: give corpora.{self.name}.path, data_root=DIR or set MTL_TF_DATA")
        place = Path(self.options.path or Path(data_root) / self.name).expanduser()
        if not place.exists():
            raise UserError(f"corpus {self.name}: there is no {place}; {self.where_to_get()}")
        return self.folder_of(place)

    def folder_of(self, place: Path) -> Path:
        """Returns the folder that paths of clips are relative to.

        Raises:
            UserError: `place` is not what this kind of corpus reads.
        """
        if not place.is_dir():
            raise UserError(f"corpus {self.name}: {place} is no folder; for a table give name: table")
        return place

    def where_to_get(self) -> str:
        """Says in one sentence how to name the place."""
        return f"give its place with corpora.{self.name}.path=PATH"
