"""RAVDESS: 24 actors speak and sing two statements with eight emotions."""

from pathlib import Path

from mtl_tf.corpora.corpus import Corpus, Download

EMOTIONS = ("neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised")
STATEMENTS = ("kids are talking by the door", "dogs are sitting by the door")
HIGHEST = (3, 2, len(EMOTIONS), 2, len(STATEMENTS), 2, 24)
AUDIO_ONLY = 3  # the sound of a video, modality 1, is the same performance
_ZENODO = "https://zenodo.org/record/1188976/files/"


class Ravdess(Corpus):
    """Ryerson Audio-Visual Database of Emotional Speech and Song, audio-only part.

    Every label is in the file name, `MODALITY-CHANNEL-EMOTION-INTENSITY-STATEMENT-REPETITION-ACTOR`, so folders do not
    matter: the two Zenodo archives, one of them, or a flat copy read the same. Actors with odd numbers are male.
    Speech has 1440 clips; song has 1012 (none of actor 18, no disgust or surprise). `strongest` marks the clips of
    strong intensity and the neutral ones, which exist in normal intensity alone.
    """

    name = "ravdess"
    title = "RAVDESS"
    licence = "CC BY-NC-SA 4.0"
    citation = (
        "S. R. Livingstone, F. A. Russo: The Ryerson Audio-Visual Database of Emotional Speech and Song (RAVDESS). "
        "PLoS ONE 13(5), 2018"
    )
    homepage = "https://zenodo.org/record/1188976"
    downloads = (
        Download(
            _ZENODO + "Audio_Speech_Actors_01-24.zip",
            "md5:bc696df654c87fed845eb13823edef8a",
            "Audio_Speech_Actors_01-24",
        ),
        Download(
            _ZENODO + "Audio_Song_Actors_01-24.zip", "md5:5411230427d67a21e18aa4d466e6d1b9", "Audio_Song_Actors_01-24"
        ),
    )
    sample_rates = (48000,)
    duration_range_s = (2.0, 7.5)
    num_published = 2452
    native_labels = ("channel", "emotion", "intensity", "strongest", "statement", "repetition", "gender")
    example_files = tuple(
        f"Audio_{channel}_Actors_01-24/Actor_{actor}/03-{code}-{emotion}-01-01-{repetition}-{actor}.wav"
        for channel, code in (("Speech", "01"), ("Song", "02"))
        for actor in ("01", "02")
        for emotion in ("01", "03")
        for repetition in ("01", "02")
    )

    def read(self, root: Path) -> list[dict[str, object]]:
        """Reads labels from the seven numbers of each file name."""
        rows = []
        for path in self.audio_files(root):
            fields = path.stem.split("-")
            numbers = [int(field) for field in fields if field.isdecimal()]
            if len(fields) != len(HIGHEST) or len(numbers) != len(HIGHEST) or not _in_range(numbers):
                rows.append(self.misnamed(path, root, "03-01-06-01-02-01-12.wav"))
                continue
            modality, channel, emotion, intensity, statement, repetition, actor = numbers
            rows.append(
                {
                    "path": path.relative_to(root).as_posix(),
                    "identity": path.stem.partition("-")[2],
                    "copy": int(modality != AUDIO_ONLY),
                    "speaker": f"{actor:02d}",
                    "channel": "speech" if channel == 1 else "song",
                    "emotion": EMOTIONS[emotion - 1],
                    "intensity": "normal" if intensity == 1 else "strong",
                    "strongest": "yes" if intensity == 2 or EMOTIONS[emotion - 1] == "neutral" else "no",
                    "statement": STATEMENTS[statement - 1],
                    "repetition": str(repetition),
                    "gender": "male" if actor % 2 else "female",
                }
            )
        return rows


def _in_range(numbers: list[int]) -> bool:
    return all(1 <= number <= highest for number, highest in zip(numbers, HIGHEST, strict=True))


CORPUS = Ravdess()
