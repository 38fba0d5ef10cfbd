"""A folder of class folders."""

from pathlib import Path

from mtl_tf.corpora.corpus import SPELLINGS
from mtl_tf.corpora.own_corpus import OwnCorpus


class Folders(OwnCorpus):
    """Audio in folders that are named after its classes, as in `dog/1.wav`.

    Where every outermost folder is named like a part of a division (`train/dog/1.wav`, `test/dog/2.wav`), these are the
    official split. `levels` names the columns that the folders stand for, from the outermost: with `[label]` folders
    within class folders mean nothing, `[speaker, label]` reads `anna/angry/1.wav`.
    """

    def read(self, root: Path) -> list[dict[str, object]]:
        """Reads labels from folder names; a file that lies too high for them is listed as misnamed."""
        places = [path.relative_to(root).parts for path in self.audio_files(root)]
        divided = all(parts[0].casefold() in SPELLINGS and len(parts) > 1 for parts in places)
        wanted = "/".join([*(["train"] if divided else []), *(level.upper() for level in self.options.levels), "1.wav"])
        rows = []
        for parts in places:
            folders = parts[1 if divided else 0 : -1]
            if len(folders) < len(self.options.levels):
                rows.append({"path": "/".join(parts), "misfit": f"it lies in no class folder, as {wanted} does"})
                continue
            labels = dict(zip(self.options.levels, folders, strict=False))
            split = {"official_split": parts[0]} if divided else {}
            rows.append({"path": "/".join(parts), **labels, **split})
        return rows
