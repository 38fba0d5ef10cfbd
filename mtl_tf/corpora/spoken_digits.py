"""Spoken digits, made on first use by the eSpeak NG speech synthesiser; nothing to download."""

import ctypes
import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

from mtl_tf.corpora.made_corpus import MadeCorpus
from mtl_tf.errors import UserError

SAMPLE_RATE = 22050
SEED = 20170
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
ACCENTS = {
    "american": "en-us",
    "british": "gmw/en",
    "scottish": "en-gb-scotland",
    "lancastrian": "en-gb-x-gbclan",
    "west_midlands": "en-gb-x-gbcwmd",
    "caribbean": "en-029",
}
# Not f2, f3, f5, Alicia or victor: their noise differs from one process to the next.
VOICES = (
    *(f"m{number}" for number in range(1, 8)),
    *("f1", "f4", "Andrea", "aunty"),
    *("klatt", "klatt2", "klatt3", "klatt4", "Alex", "Andy", "Denis", "Michael"),
    *("linda", "steph", "belinda", "grandma", "croak"),
)
TEST_VOICES = ("m8", "anika", "Annie", "grandpa", "david", "klatt5")
_RATE, _PITCH = 1, 3  # espeak_PARAMETER
_RETRIEVAL, _UTF8 = 2, 1


class SpokenDigits(MadeCorpus):
    """Ten digits in six English accents by 24 voices, and by six further voices for test.

    Speed (140 to 200 words a minute) and pitch (42 to 58 of 100) are drawn anew for each clip from a fixed seed, so the
    same bytes come out each time.

    What is tested on what: a keyword or accent recogniser meets people it has never heard, so these tasks are tested on
    the six `TEST_VOICES`, of which the network hears nothing in training (`official_split`). Nobody can be recognised
    who was never introduced, so the speaker task has the 24 `VOICES` as classes and is tested on takes (pairs of digit
    and accent) of them that are held out of training.
    """

    name = "spoken_digits"
    title = "Spoken digits (synthetic)"
    licence = "made by eSpeak NG (GPL-3.0 program; its output carries no licence)"
    citation = "eSpeak NG, https://github.com/espeak-ng/espeak-ng"
    homepage = "https://github.com/espeak-ng/espeak-ng"
    sample_rates = (SAMPLE_RATE,)
    duration_range_s = (0.15, 1.5)
    native_labels = ("digit", "accent")
    num_published = len(ACCENTS) * len(VOICES + TEST_VOICES) * len(DIGITS)
    example_files = tuple(
        f"{accent}/{voice}_{digit}.wav"
        for accent in ("american", "british")
        for voice in ("m1", "f1", "m8")
        for digit in ("one", "two")
    )

    def recipe(self) -> dict[str, object]:
        """Returns seed, accents, voices and digits."""
        return {"seed": SEED, "accents": ACCENTS, "voices": [*VOICES, *TEST_VOICES], "digits": list(DIGITS)}

    def write(self, folder: Path) -> None:
        """Writes all clips as 16-bit WAV.

        Raises:
            UserError: the synthesiser does not load on this machine.
        """
        # The synthesiser's noise goes on where its last utterance ended, so it starts in a process of its own.
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
            pool.submit(_speak_all, folder).result()

    def read(self, root: Path) -> list[dict[str, object]]:
        """Reads accent, voice and digit from `ACCENT/VOICE_DIGIT.wav`."""
        rows = []
        for path in self.audio_files(root):
            voice, _, digit = path.stem.partition("_")
            if digit not in DIGITS or path.parent.name not in ACCENTS:
                rows.append(self.misnamed(path, root, "american/m1_seven.wav"))
                continue
            rows.append(
                {
                    "path": path.relative_to(root).as_posix(),
                    "identity": f"{path.parent.name}/{path.stem}",
                    "speaker": voice,
                    "digit": digit,
                    "accent": path.parent.name,
                    "official_split": "test" if voice in TEST_VOICES else "train",
                }
            )
        return rows


def _speak_all(folder: Path) -> None:
    """Writes every clip, always in the same order."""
    import soundfile

    synthesiser = _Synthesiser()
    rng = np.random.default_rng(SEED)
    for accent, language in ACCENTS.items():
        (folder / accent).mkdir(parents=True)
        for voice in VOICES + TEST_VOICES:
            for digit in DIGITS:
                rate, pitch = int(rng.integers(140, 201)), int(rng.integers(42, 59))
                samples = synthesiser.speak(digit, f"{language}+{voice}", rate, pitch)
                path = folder / accent / f"{voice}_{digit}.wav"
                try:
                    soundfile.write(path, samples, SAMPLE_RATE, "PCM_16")
                except soundfile.LibsndfileError as error:  # it does not say why
                    raise UserError(f"cannot write {path} ({error}); is the disk full?") from error


class _Synthesiser:
    """eSpeak NG through ctypes, one instance per process."""

    def __init__(self) -> None:
        try:
            import espeakng_loader

            self.library = ctypes.cdll.LoadLibrary(espeakng_loader.get_library_path())
            data = espeakng_loader.get_data_path()
        except (ImportError, OSError) as error:
            raise UserError(f"corpus spoken_digits: eSpeak NG does not load ({error})") from error
        if self.library.espeak_Initialize(_RETRIEVAL, 0, os.fsencode(data), 0) != SAMPLE_RATE:
            raise UserError("corpus spoken_digits: eSpeak NG does not start; reinstall espeakng-loader")
        self.chunks: list[np.ndarray] = []
        kind = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)
        self.callback = kind(self._collect)
        self.library.espeak_SetSynthCallback(self.callback)

    def _collect(self, samples, count: int, events) -> int:
        if samples and count > 0:
            self.chunks.append(np.ctypeslib.as_array(samples, (count,)).copy())
        return 0

    def speak(self, text: str, voice: str, rate: int, pitch: int) -> np.ndarray:
        """Returns int16 samples of the text without the silence around it."""
        self.chunks.clear()
        if self.library.espeak_SetVoiceByName(voice.encode()):
            raise UserError(f"corpus spoken_digits: this eSpeak NG has no voice {voice}; reinstall espeakng-loader")
        self.library.espeak_SetParameter(_RATE, rate, 0)
        self.library.espeak_SetParameter(_PITCH, pitch, 0)
        encoded = text.encode()
        self.library.espeak_Synth(encoded, len(encoded) + 1, 0, 0, 0, _UTF8, None, None)
        samples = np.concatenate(self.chunks)
        (audible,) = np.nonzero(np.abs(samples) > 32)
        return samples[audible[0] : audible[-1] + 1]


CORPUS = SpokenDigits()
