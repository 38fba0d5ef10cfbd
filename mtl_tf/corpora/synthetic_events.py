"""Soundscapes of tones, chirps, noises and clicks at random times over noise, made on first use."""

from pathlib import Path

import numpy as np
import soundfile

from mtl_tf.annotations import Event, sound_events, write_events
from mtl_tf.corpora.corpus import AUDIO_SUFFIXES
from mtl_tf.corpora.made_corpus import MadeCorpus
from mtl_tf.corpora.table_rows import JOIN
from mtl_tf.errors import UserError
from mtl_tf.tables import parse_seconds, read_table

SAMPLE_RATE = 8000
SEED = 20181
DURATION_S = 3.0
PARTS = {"train": 900, "validation": 100, "test": 100}
MOST_EVENTS = 2
LEVELS_DB = (15.0, 22.0)  # above the noise; a louder range would hide events under others
EVENTS_CSV = "events.csv"


class SyntheticEvents(MadeCorpus):
    """1,100 soundscapes of 3 s with none to two events each, a suite that a working system gets right.

    Events last 0.3 to 1.2 s, may overlap, and are 15 to 22 dB above white noise. `events.csv` has their onsets and
    offsets; a clip without events has a row without any. Files are `PART/NUMBER.wav`.

    The label `event` is every class that a clip has, joined by `;`; `event_times` are its events with their times, as
    `mtl_tf.annotations` writes them; events of one class that overlap are one there.
    """

    name = "synthetic_events"
    title = "Synthetic events"
    licence = "made by mtl_tf; no rights are claimed"
    citation = "mtl_tf"
    homepage = ""
    sample_rates = (SAMPLE_RATE,)
    duration_range_s = (0.5, DURATION_S)
    num_published = sum(PARTS.values())
    native_labels = ("event", "event_times")
    example_files = tuple(f"{part}/{number:04}.wav" for part in PARTS for number in range(4))
    example_texts = {  # noqa: RUF012
        EVENTS_CSV: "file,onset,offset,label\n"
        + "".join(
            f"{part}/{number:04}.wav,0.1,0.4,{('tone', 'clicks')[number % 2]}\n"
            for part in PARTS
            for number in range(4)
        )
    }

    def recipe(self) -> dict[str, object]:
        """Returns seed and sizes."""
        sizes = {"duration_s": DURATION_S, "parts": PARTS, "most": MOST_EVENTS, "levels_db": list(LEVELS_DB)}
        return {"seed": SEED, "sounds": list(SOUNDS)} | sizes

    def write(self, folder: Path) -> None:
        """Writes audio and `events.csv`.

        Raises:
            UserError: a file cannot be written.
        """
        rng = np.random.default_rng(SEED)
        lines = ["file,onset,offset,label"]
        for part, count in PARTS.items():
            (folder / part).mkdir()
            for number in range(count):
                name = f"{part}/{number:04}.wav"
                samples, events = soundscape(rng)
                lines += [f"{name},{onset_s:.4f},{offset_s:.4f},{label}" for onset_s, offset_s, label in events]
                lines += [] if events else [f"{name},,,"]
                try:
                    soundfile.write(folder / name, samples, SAMPLE_RATE, "PCM_16")
                except soundfile.LibsndfileError as error:  # it does not say why
                    raise UserError(f"cannot write {folder / name} ({error}); is the disk full?") from error
        (folder / EVENTS_CSV).write_text("\n".join(lines) + "\n", encoding="utf-8")

    def read(self, root: Path) -> list[dict[str, object]]:
        """Reads the labels from `events.csv`, by names without suffix."""
        table = read_table(root / EVENTS_CSV, {"onset": parse_seconds, "offset": parse_seconds}, ["file", "label"])
        events: dict[str, list[Event]] = {}
        for row in table.itertuples():
            found = [Event(row.onset, row.offset, row.label)] if row.label else []
            events.setdefault(str(Path(row.file).with_suffix("")), []).extend(found)
        rows = []
        for path in self.audio_files(root):
            place = path.relative_to(root)
            known = events.get(str(place.with_suffix("")))
            if known is None or path.suffix.lower() not in AUDIO_SUFFIXES:
                rows.append(self.misnamed(path, root, "test/0007.wav"))
                continue
            rows.append(
                {
                    "path": place.as_posix(),
                    "identity": place.with_suffix("").as_posix(),
                    "event": JOIN.join(sorted({event.label for event in known})) or None,
                    "event_times": write_events(sound_events(known, DURATION_S)[0]) or None,
                    "official_split": place.parts[0],
                }
            )
        return rows


def soundscape(rng: np.random.Generator) -> tuple[np.ndarray, list[tuple[float, float, str]]]:
    """Makes one clip.

    Args:
        rng: of the corpus.

    Returns:
        float32 (samples,), and onset and offset in seconds and class of each event.
    """
    count = int(DURATION_S * SAMPLE_RATE)
    noise = 0.01 * rng.standard_normal(count)
    events = []
    for _ in range(int(rng.integers(0, MOST_EVENTS + 1))):
        label = str(rng.choice(list(SOUNDS)))
        length = int(rng.uniform(0.3, 1.2) * SAMPLE_RATE)
        start = int(rng.integers(0, count - length))
        time_s = np.arange(length) / SAMPLE_RATE
        sound = SOUNDS[label](time_s, rng)
        ramp = np.minimum(np.minimum(time_s, time_s[::-1]) / 0.01, 1.0)
        level = 0.01 * 10 ** (rng.uniform(*LEVELS_DB) / 20)
        noise[start : start + length] += level * ramp * sound / np.sqrt(np.mean(sound**2))
        events.append((start / SAMPLE_RATE, (start + length) / SAMPLE_RATE, label))
    return np.clip(noise, -1.0, 1.0).astype(np.float32), sorted(events)


def _tone(time_s: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    pitch_hz = rng.uniform(200, 1000)
    return sum(np.sin(2 * np.pi * pitch_hz * harmonic * time_s) / harmonic for harmonic in (1, 2, 3))


def _chirp(time_s: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Sweeps again and again, so that any part of it tells it from a tone."""
    low_hz, high_hz = rng.uniform(300, 700), rng.uniform(2000, 3500)
    share = time_s / rng.uniform(0.12, 0.25) % 1.0
    pitch_hz = low_hz + (high_hz - low_hz) * (share if rng.uniform() < 0.5 else 1.0 - share)
    return np.sin(2 * np.pi * np.cumsum(pitch_hz) / SAMPLE_RATE)


def _noise(time_s: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    centre_hz = rng.uniform(1000, 3000)
    spectrum = np.fft.rfft(rng.standard_normal(len(time_s)))
    frequencies = np.fft.rfftfreq(len(time_s), 1 / SAMPLE_RATE)
    return np.fft.irfft(np.where(abs(frequencies - centre_hz) < 500, spectrum, 0), len(time_s))


def _clicks(time_s: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    step = int(SAMPLE_RATE / rng.uniform(8, 20))
    pulses = np.zeros(len(time_s))
    pulses[int(rng.integers(0, step)) :: step] = 1.0
    return np.convolve(pulses, rng.standard_normal(24) * np.exp(-np.arange(24) / 6), "same")


SOUNDS = {"tone": _tone, "chirp": _chirp, "noise": _noise, "clicks": _clicks}
CORPUS = SyntheticEvents()
