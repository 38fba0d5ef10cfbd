"""EMO-DB: ten German speakers with seven emotions."""

import re
from pathlib import Path

from mtl_tf.corpora.corpus import Corpus, Download

EMOTIONS = {
    "W": "anger",
    "L": "boredom",
    "E": "disgust",
    "A": "fear",
    "F": "happiness",
    "T": "sadness",
    "N": "neutral",
}
SPEAKERS = {
    "03": ("male", 31),
    "08": ("female", 34),
    "09": ("female", 21),
    "10": ("male", 32),
    "11": ("male", 26),
    "12": ("male", 30),
    "13": ("female", 32),
    "14": ("female", 35),
    "15": ("male", 25),
    "16": ("female", 31),
}
_NAME = re.compile(r"(\d{2})([ab]\d{2})([WLEAFTN])([a-z])?")


class EmoDB(Corpus):
    """Berlin Database of Emotional Speech: 535 utterances of ten sentences.

    A file name such as `03a01Fa` is speaker, sentence, emotion (first letter of its German name) and version. Gender
    and age of the speakers are those of the publisher's page.
    """

    name = "emodb"
    title = "EMO-DB"
    licence = "free for research"
    citation = (
        "F. Burkhardt, A. Paeschke, M. Rolfes, W. Sendlmeier, B. Weiss: A Database of German Emotional Speech. "
        "Interspeech 2005"
    )
    homepage = "http://emodb.bilderbar.info/"
    downloads = (Download("http://emodb.bilderbar.info/download/download.zip"),)
    sample_rates = (16000,)
    duration_range_s = (1.0, 9.5)
    num_published = 535
    native_labels = ("emotion", "gender", "age", "text", "version")
    example_files = tuple(
        f"wav/{speaker}{text}{emotion}a.wav"
        for speaker in ("03", "08", "09", "10")
        for text in ("a01", "b02")
        for emotion in ("W", "N", "T")
    )

    def read(self, root: Path) -> list[dict[str, object]]:
        """Reads all labels from the file names."""
        rows = []
        for path in self.audio_files(root):
            match = _NAME.fullmatch(path.stem)
            if match is None or match[1] not in SPEAKERS:
                rows.append(self.misnamed(path, root, "wav/03a01Fa.wav"))
                continue
            gender, age = SPEAKERS[match[1]]
            rows.append(
                {
                    "path": path.relative_to(root).as_posix(),
                    "identity": path.stem,
                    "speaker": match[1],
                    "emotion": EMOTIONS[match[3]],
                    "gender": gender,
                    "age": str(age),
                    "text": match[2],
                    "version": match[4],
                }
            )
        return rows


CORPUS = EmoDB()
