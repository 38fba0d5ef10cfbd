"""ESC-50: 2000 environmental sounds in 50 classes and five folds."""

from pathlib import Path

import numpy as np
import pandas as pd

from mtl_tf.corpora.corpus import Corpus, Download
from mtl_tf.errors import UserError
from mtl_tf.tables import parse_boolean, read_table

SUPER_CATEGORIES = (
    "animals",
    "natural soundscapes and water sounds",
    "human, non-speech sounds",
    "interior/domestic sounds",
    "exterior/urban noises",
)


class Esc50(Corpus):
    """Dataset for Environmental Sound Classification, 5 s clips, official folds 1 to 5.

    Classes and folds come from `meta/esc50.csv`. The super-category is the class number divided by ten, as the
    publisher arranges the classes. Clips cut from one Freesound recording (`source`) share a fold.
    """

    name = "esc50"
    title = "ESC-50"
    licence = "CC BY-NC 3.0 (ESC-10: CC BY 3.0)"
    citation = "K. J. Piczak: ESC: Dataset for Environmental Sound Classification. ACM Multimedia 2015"
    homepage = "https://github.com/karolpiczak/ESC-50"
    downloads = (Download("https://github.com/karolpiczak/ESC-50/archive/master.zip"),)
    sample_rates = (44100,)
    duration_range_s = (4.9, 5.1)
    num_published = 2000
    native_labels = ("category", "super_category", "source")
    example_files = tuple(
        f"audio/{fold}-10003{fold}-A-{target}.wav" for fold in (1, 2, 3, 4, 5) for target in (0, 10, 21)
    )
    example_texts = {  # noqa: RUF012
        "meta/esc50.csv": "filename,fold,target,category,esc10,src_file,take\n"
        + "".join(
            f"{fold}-10003{fold}-A-{target}.wav,{fold},{target},{category},{esc10},10003{fold},A\n"
            for fold in (1, 2, 3, 4, 5)
            for target, category, esc10 in ((0, "dog", True), (10, "rain", True), (21, "sneezing", False))
        )
    }

    def read(self, root: Path) -> list[dict[str, object]]:
        """Joins the audio files with `esc50.csv`; one that the table names and that is not there is an error."""
        table = self.table(root)
        files = list(self.audio_files(root))
        missing = table.index.difference([path.stem for path in files])
        if len(missing):
            raise UserError(
                f"corpus {self.name}: {len(missing)} files of meta/esc50.csv are missing, such as {missing[0]}"
            )
        rows = []
        for path in files:
            if path.stem not in table.index:
                rows.append(self.misnamed(path, root, "one in meta/esc50.csv"))
                continue
            entry = table.loc[path.stem]
            rows.append(
                {
                    "path": path.relative_to(root).as_posix(),
                    "identity": path.stem,
                    "category": entry["category"],
                    "super_category": SUPER_CATEGORIES[int(entry["target"]) // 10],
                    "source": entry["src_file"],
                    "official_fold": int(entry["fold"]),
                }
            )
        return rows

    def table(self, root: Path) -> pd.DataFrame:
        """Reads `meta/esc50.csv`, indexed by file name without suffix.

        Raises:
            UserError: it is missing, lacks a column, or a row makes no sense.
        """
        paths = self.named_files(root, "esc50.csv")
        if not paths:
            raise UserError(f"corpus {self.name}: meta/esc50.csv is missing below {root}; {self.where_to_get()}")
        parsers = {"fold": int, "target": int, "esc10": parse_boolean}
        table = read_table(paths[0], parsers, required=("filename", "category", "src_file"))
        wrong = table["filename"].duplicated() | ~table["target"].isin(range(50))
        if wrong.any():
            raise UserError(
                f"corpus {self.name}: {paths[0]} line {np.flatnonzero(wrong)[0] + 2} repeats a file, or its target is "
                "no number from 0 to 49"
            )
        return table.set_index(table["filename"].str.rsplit(".", n=1).str[0])


CORPUS = Esc50()
