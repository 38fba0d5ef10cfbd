"""FSDD: six speakers say the ten digits."""

import ast
from pathlib import Path

from mtl_tf.corpora.corpus import Corpus, Download
from mtl_tf.errors import UserError

NUM_TEST_TAKES = 5


class Fsdd(Corpus):
    """Free Spoken Digit Dataset: 3000 recordings, `recordings/DIGIT_SPEAKER_TAKE.wav`.

    Takes 0 to 4 of every digit and speaker are the official test set. Accent and gender come from `metadata.py`, which
    is parsed as a literal and never executed.
    """

    name = "fsdd"
    title = "FSDD"
    licence = "CC BY-SA 4.0"
    citation = "Z. Jackson et al.: Free Spoken Digit Dataset, v1.0.10, 2020, doi:10.5281/zenodo.1342401"
    homepage = "https://github.com/Jakobovski/free-spoken-digit-dataset"
    downloads = (Download("https://github.com/Jakobovski/free-spoken-digit-dataset/archive/refs/tags/v1.0.10.zip"),)
    sample_rates = (8000,)
    duration_range_s = (0.1, 2.5)
    num_published = 3000
    native_labels = ("digit", "take", "accent", "gender")
    example_files = tuple(
        f"recordings/{digit}_{speaker}_{take}.wav"
        for digit in (0, 1)
        for speaker in ("jackson", "theo")
        for take in (0, 5, 6, 7)
    )
    example_texts = {  # noqa: RUF012
        "metadata.py": "metadata = {\n"
        "    'jackson': {'gender': 'male', 'accent': 'USA/neutral', 'language': 'english'},\n"
        "    'theo': {'gender': 'male', 'accent': 'USA/neutral', 'language': 'english'},\n}\n"
    }

    def read(self, root: Path) -> list[dict[str, object]]:
        """Reads digit, speaker and take from the file names, accent and gender from the metadata."""
        people = self._people(root)
        rows = []
        for path in self.audio_files(root):
            fields = path.stem.split("_")
            if len(fields) != 3 or not fields[0].isdecimal() or not fields[2].isdecimal():
                rows.append(self.misnamed(path, root, "recordings/7_jackson_32.wav"))
                continue
            digit, speaker, take = fields
            rows.append(
                {
                    "path": path.relative_to(root).as_posix(),
                    "identity": path.stem,
                    "speaker": speaker,
                    "digit": digit,
                    "take": take,
                    "accent": people.get(speaker, {}).get("accent"),
                    "gender": people.get(speaker, {}).get("gender"),
                    "official_split": "test" if int(take) < NUM_TEST_TAKES else "train",
                }
            )
        return rows

    def _people(self, root: Path) -> dict[str, dict[str, str]]:
        paths = self.named_files(root, "metadata.py")
        if not paths:
            return {}
        try:
            statements = ast.parse(paths[0].read_text(encoding="utf-8-sig")).body
            people = next(ast.literal_eval(item.value) for item in statements if isinstance(item, ast.Assign))
            return {name: dict(facts) for name, facts in people.items()}
        except (SyntaxError, ValueError, StopIteration, AttributeError, TypeError) as error:
            raise UserError(f"corpus fsdd: cannot read the speakers from {paths[0]}: {error}") from error


CORPUS = Fsdd()
