"""VCTK: 110 speakers of English with their accents."""

import re
from pathlib import Path

from mtl_tf.corpora.corpus import Corpus, Download
from mtl_tf.errors import UserError

_NAME = re.compile(r"([ps]\d+)_(\d+)(?:_mic([12]))?")
_SPEAKERS = {"p225": "23 F English Southern England", "p234": "22 F Scottish West Dumfries", "p294": "20 F American"}


class Vctk(Corpus):
    """CSTR VCTK Corpus: some 400 sentences by each speaker.

    Reads version 0.92 (`wav48_silence_trimmed/p225/p225_001_mic1.flac`) and 0.80 (`wav48/p225/p225_001.wav`, one
    microphone, read as `mic1`). Accent, gender and age come from `speaker-info.txt` at the top.
    """

    name = "vctk"
    title = "VCTK"
    licence = "CC BY 4.0 (version 0.80: ODC-By 1.0)"
    citation = "J. Yamagishi, C. Veaux, K. MacDonald: CSTR VCTK Corpus. University of Edinburgh, CSTR, 2019"
    homepage = "https://datashare.ed.ac.uk/handle/10283/3443"
    downloads = (
        Download(
            "https://datashare.ed.ac.uk/bitstream/handle/10283/3443/VCTK-Corpus-0.92.zip",
            "md5:8a6ba2946b36fcbef0212cad601f4bfa",
        ),
    )
    sample_rates = (48000,)
    duration_range_s = (1.0, 20.0)
    native_labels = ("accent", "gender", "age", "sentence", "microphone")
    example_files = tuple(
        f"wav48_silence_trimmed/{speaker}/{speaker}_{sentence:03d}_mic{microphone}.flac"
        for speaker in _SPEAKERS
        for sentence in range(1, 6)
        for microphone in (1, 2)
    )
    example_texts = {  # noqa: RUF012
        "speaker-info.txt": "ID  AGE  GENDER  ACCENTS  REGION\n"
        + "".join(f"{name}  {text}\n" for name, text in _SPEAKERS.items())
    }

    def read(self, root: Path) -> list[dict[str, object]]:
        """Reads speaker, sentence and microphone from the names, the rest from `speaker-info.txt`."""
        people = self._people(root)
        rows = []
        for path in self.audio_files(root):
            match = _NAME.fullmatch(path.stem)
            if match is None:
                rows.append(self.misnamed(path, root, "p225_001_mic1.flac or p225_001.wav"))
                continue
            speaker, sentence, microphone = match.groups()
            if speaker not in people:
                raise UserError(f"corpus {self.name}: speaker-info.txt does not name {speaker}, the speaker of {path}")
            age, gender, accent = people[speaker]
            rows.append(
                {
                    "path": path.relative_to(root).as_posix(),
                    "identity": f"{speaker}_{sentence}_mic{microphone or 1}",
                    "speaker": speaker,
                    "accent": accent,
                    "gender": {"F": "female", "M": "male"}[gender],
                    "age": age,
                    "sentence": sentence,
                    "microphone": f"mic{microphone or 1}",
                }
            )
        return rows

    def _people(self, root: Path) -> dict[str, tuple[str, str, str]]:
        """Reads age, gender and accent of each speaker; version 0.80 leaves the letter off the number."""
        paths = self.named_files(root, "speaker-info.txt")
        if not paths:
            raise UserError(f"corpus {self.name}: speaker-info.txt is missing below {root}; {self.where_to_get()}")
        try:
            lines = paths[0].read_text(encoding="utf-8").splitlines()[1:]
        except UnicodeDecodeError as error:
            raise UserError(f"corpus {self.name}: {paths[0]} is damaged: {error}") from error
        people = {}
        for line in lines:
            fields = line.split()
            if len(fields) >= 4 and fields[2] in ("F", "M"):
                name = fields[0] if fields[0][0].isalpha() else f"p{fields[0]}"
                people[name] = (fields[1], fields[2], fields[3])
        return people


CORPUS = Vctk()
