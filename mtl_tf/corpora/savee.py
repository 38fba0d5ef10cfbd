"""SAVEE: four male speakers with seven emotions."""

import re
from pathlib import Path

from mtl_tf.corpora.corpus import Corpus

EMOTIONS = {
    "a": "anger",
    "d": "disgust",
    "f": "fear",
    "h": "happiness",
    "n": "neutral",
    "sa": "sadness",
    "su": "surprise",
}
_NAME = re.compile(r"(?:(DC|JE|JK|KL)_)?(sa|su|a|d|f|h|n)(\d{2})", re.IGNORECASE)


class Savee(Corpus):
    """Surrey Audio-Visual Expressed Emotion, audio part: 480 utterances, 15 per emotion and 30 neutral per speaker.

    Reads the published layout (`AudioData/DC/a01.wav`) and the flat copies in circulation (`DC_a01.wav`).
    """

    name = "savee"
    title = "SAVEE"
    licence = "free for research, after registration with the publisher"
    citation = (
        "S. Haq, P. J. B. Jackson: Multimodal Emotion Recognition. In: Machine Audition: Principles, Algorithms and "
        "Systems, IGI Global, 2010"
    )
    homepage = "http://kahlan.eps.surrey.ac.uk/savee/"
    sample_rates = (44100,)
    duration_range_s = (1.0, 8.0)
    num_published = 480
    native_labels = ("emotion", "sentence", "gender")
    example_files = tuple(
        f"AudioData/{speaker}/{emotion}{take:02d}.wav"
        for speaker in ("DC", "JE", "JK", "KL")
        for emotion in ("a", "n", "sa", "su")
        for take in (1, 2)
    )

    def read(self, root: Path) -> list[dict[str, object]]:
        """Reads the speaker from the folder or the name's prefix, the emotion from the letters of the name."""
        rows = []
        for path in self.audio_files(root):
            match = _NAME.fullmatch(path.stem)
            speaker = (match[1] or path.parent.name).upper() if match else ""
            if match is None or speaker not in ("DC", "JE", "JK", "KL"):
                rows.append(self.misnamed(path, root, "DC/a01.wav or DC_a01.wav"))
                continue
            rows.append(
                {
                    "path": path.relative_to(root).as_posix(),
                    "identity": f"{speaker}_{match[2].lower()}{match[3]}",
                    "speaker": speaker,
                    "emotion": EMOTIONS[match[2].lower()],
                    "sentence": match[2].lower() + match[3],
                    "gender": "male",
                }
            )
        return rows


CORPUS = Savee()
