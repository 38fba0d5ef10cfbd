"""ESC-10: the ten easiest classes of ESC-50, 400 clips."""

import re
from pathlib import Path

from mtl_tf.corpora.esc50 import SUPER_CATEGORIES, Esc50

# Folder of the first publication to category and class number of ESC-50.
FOLDERS = {
    "001": ("dog", 0),
    "002": ("rain", 10),
    "003": ("sea_waves", 11),
    "004": ("crying_baby", 20),
    "005": ("clock_tick", 38),
    "006": ("sneezing", 21),
    "007": ("helicopter", 40),
    "008": ("chainsaw", 41),
    "009": ("rooster", 1),
    "010": ("crackling_fire", 12),
}
_NAME = re.compile(r"([1-5])-(\d+)-[A-Z]\d?")


class Esc10(Esc50):
    """ESC-10 as first published (`001 - Dog bark/1-30226-A.ogg`) or as the part of ESC-50 marked `esc10`.

    In the first layout the class is the folder's number and the fold the first character of the name.
    """

    name = "esc10"
    title = "ESC-10"
    licence = "CC BY 3.0"
    num_published = 400
    example_files = tuple(
        f"{folder}/{fold}-1{folder[:3]}3{fold}-A.ogg"
        for fold in (1, 2, 3, 4, 5)
        for folder in ("001 - Dog bark", "002 - Rain", "006 - Person sneeze")
    )
    example_texts = {}  # noqa: RUF012

    def read(self, root: Path) -> list[dict[str, object]]:
        """Reads whichever of the two layouts is there."""
        if self.named_files(root, "esc50.csv"):
            table = self.table(root)
            chosen = set(table.index[table["esc10"]])
            return [row for row in super().read(root) if "misfit" in row or Path(str(row["path"])).stem in chosen]
        rows = []
        for path in self.audio_files(root):
            match = _NAME.fullmatch(path.stem)
            folder = path.parent.name[:3]
            if match is None or folder not in FOLDERS:
                rows.append(self.misnamed(path, root, "001 - Dog bark/1-30226-A.ogg"))
                continue
            category, target = FOLDERS[folder]
            rows.append(
                {
                    "path": path.relative_to(root).as_posix(),
                    "identity": path.stem,
                    "category": category,
                    "super_category": SUPER_CATEGORIES[target // 10],
                    "source": match[2],
                    "official_fold": int(match[1]),
                }
            )
        return rows


CORPUS = Esc10()
