"""Short sounds with several questions of which it is known whether they help each other, made on first use."""

from pathlib import Path

import numpy as np
import soundfile

from mtl_tf.corpora.corpus import AUDIO_SUFFIXES
from mtl_tf.corpora.made_corpus import MadeCorpus
from mtl_tf.errors import UserError
from mtl_tf.tables import read_table

SAMPLE_RATE = 8000
SEED = 20211
DURATION_S = 0.5
INSTRUMENTS = {"train": 40, "validation": 8, "test": 24}
CLIPS_EACH = 16
PITCHES, HIGHS = 8, 8
FEW = 48  # training clips that carry the label `scarce_register`
LABELS_CSV = "labels.csv"
LABELS = ("pitch", "register", "scarce_register", "high", "color")


class SyntheticTasks(MadeCorpus):
    """1,152 sounds of 0.5 s of 72 instruments, each two tones and noise, drawn independently.

    | label | what it names | beside the others |
    |---|---|---|
    | `pitch` | the tone's pitch, one of 8 | |
    | `register` | its pitch, one of 4: two pitches each | has a common cause with `pitch` |
    | `scarce_register` | the same, known of 48 training clips alone | the same, with few labels |
    | `high` | the pitch of a second, higher tone, one of 8 | independent of the others |
    | `color` | whether the noise is dark or bright | independent of the others |

    Files are `PART/INSTRUMENT_NUMBER.wav`. No instrument is in two parts.
    """

    name = "synthetic_tasks"
    title = "Synthetic tasks"
    licence = "made by mtl_tf; no rights are claimed"
    citation = "mtl_tf"
    homepage = ""
    sample_rates = (SAMPLE_RATE,)
    duration_range_s = (0.9 * DURATION_S, 1.1 * DURATION_S)
    num_published = CLIPS_EACH * sum(INSTRUMENTS.values())
    native_labels = LABELS
    example_files = tuple(
        f"{part}/{part[0]}{voice}_{number:02}.wav" for part in INSTRUMENTS for voice in range(2) for number in range(2)
    )
    example_texts = {  # noqa: RUF012
        LABELS_CSV: "file,pitch,register,scarce_register,high,color\n"
        + "".join(
            f"{part}/{part[0]}{voice}_{number:02}.wav,{number},{number},{number},{number},dark\n"
            for part in INSTRUMENTS
            for voice in range(2)
            for number in range(2)
        )
    }

    def recipe(self) -> dict[str, object]:
        """Returns seed and sizes."""
        return {
            "seed": SEED,
            "labels": list(LABELS),
            "instruments": INSTRUMENTS,
            "clips": CLIPS_EACH,
            "few": FEW,
            "duration_s": DURATION_S,
        }

    def write(self, folder: Path) -> None:
        """Writes audio and `labels.csv`.

        Raises:
            UserError: a file cannot be written.
        """
        rng = np.random.default_rng(SEED)
        lines = [",".join(("file", *LABELS))]
        trained = INSTRUMENTS["train"] * CLIPS_EACH
        known = set(rng.choice(trained, FEW, replace=False).tolist())
        for part, count in INSTRUMENTS.items():
            (folder / part).mkdir()
            for voice in range(count):
                instrument = _Instrument(rng)
                for number in range(CLIPS_EACH):
                    name = f"{part}/{part[0]}{voice}_{number:02}.wav"
                    pitch, high, bright = int(rng.integers(PITCHES)), int(rng.integers(HIGHS)), bool(rng.integers(2))
                    samples = instrument.play(pitch, high, bright, rng)
                    few = part != "train" or voice * CLIPS_EACH + number in known
                    labels = (pitch, pitch // 2, pitch // 2 if few else "", high, "bright" if bright else "dark")
                    lines.append(",".join(map(str, (name, *labels))))
                    try:
                        soundfile.write(folder / name, samples, SAMPLE_RATE, "PCM_16")
                    except soundfile.LibsndfileError as error:  # it does not say why
                        raise UserError(f"cannot write {folder / name} ({error}); is the disk full?") from error
        (folder / LABELS_CSV).write_text("\n".join(lines) + "\n", encoding="utf-8")

    def read(self, root: Path) -> list[dict[str, object]]:
        """Reads the labels from `labels.csv`, by names without suffix."""
        table = read_table(root / LABELS_CSV, {}, ["file", *LABELS])
        known = {str(Path(row["file"]).with_suffix("")): row for row in table.to_dict("records")}
        rows = []
        for path in self.audio_files(root):
            place = path.relative_to(root)
            labels = known.get(str(place.with_suffix("")))
            if labels is None or path.suffix.lower() not in AUDIO_SUFFIXES:
                rows.append(self.misnamed(path, root, "test/t7_03.wav"))
                continue
            rows.append(
                {
                    "path": place.as_posix(),
                    "identity": place.with_suffix("").as_posix(),
                    "speaker": f"{place.parts[0]}_{place.stem.partition('_')[0]}",
                    "official_split": place.parts[0],
                    **{name: labels[name] or None for name in LABELS},
                }
            )
        return rows


class _Instrument:
    """What the sounds of an instrument have in common: its harmonics, its tuning and how loud its tones are."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.harmonics = rng.uniform(0.2, 1.0, 4) / np.arange(1, 5)
        self.tuning = 2 ** rng.normal(0, 0.012)
        self.level = 10 ** (rng.uniform(-4, 4) / 20)

    def play(self, pitch: int, high: int, bright: bool, rng: np.random.Generator) -> np.ndarray:
        """Makes one clip, float32 (samples,)."""
        count = round(DURATION_S * SAMPLE_RATE)
        time_s = np.arange(count) / SAMPLE_RATE
        tones = []
        for lowest_hz, step, strengths in ((250, pitch, self.harmonics), (1700, high, self.harmonics[:1])):
            pitch_hz = lowest_hz * 2 ** (step / PITCHES) * self.tuning * 2 ** rng.normal(0, 0.012)
            phases = rng.uniform(0, 2 * np.pi, len(strengths))
            tones.append(
                sum(
                    strength * np.sin(2 * np.pi * pitch_hz * (number + 1) * time_s + phase)
                    for number, (strength, phase) in enumerate(zip(strengths, phases, strict=True))
                )
            )
        noise = rng.standard_normal(count + 1)
        noise = noise[1:] - (0.4 if bright else -0.4) * noise[:-1]
        parts = ((0.05, tones[0]), (0.05 * self.level, tones[1]), (0.12, noise))
        samples = sum(level * part / np.sqrt(np.mean(part**2)) for level, part in parts)
        return np.clip(samples, -1.0, 1.0).astype(np.float32)


CORPUS = SyntheticTasks()
