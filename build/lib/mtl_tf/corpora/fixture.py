"""Writes a few seconds of audio in the published layout of a corpus, so that its reader can be tested without it."""

import zlib
from pathlib import Path

import numpy as np
import soundfile

from mtl_tf.corpora.corpus import Corpus


def write_fixture(corpus: Corpus, root: Path, suffix: str | None = None) -> list[Path]:
    """Writes the example files of a corpus as noisy tones that differ from file to file.

    Args:
        corpus: the reader.
        root: folder to write into.
        suffix: container such as `.flac` in place of the published one.

    Returns:
        The audio files, of the corpus's published sample rate and shortest published duration.
    """
    written = []
    for name in corpus.example_files:
        path = root / name
        if suffix is not None:
            path = path.with_suffix(suffix)
        path.parent.mkdir(parents=True, exist_ok=True)
        rng = np.random.default_rng(zlib.crc32(name.encode()))
        sample_rate = corpus.sample_rates[0]
        time_s = np.arange(int((corpus.duration_range_s[0] + 0.05) * sample_rate)) / sample_rate
        samples = 0.3 * np.sin(2 * np.pi * rng.uniform(100, 2000) * time_s) + 0.01 * rng.standard_normal(len(time_s))
        soundfile.write(path, samples.astype(np.float32), sample_rate)
        written.append(path)
    for name, text in corpus.example_texts.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return written
