"""Clips per second of our way from file to features, beside a librosa loop over the same files."""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import librosa
import numpy as np
import pandas as pd
import soundfile
import tensorflow as tf

from mtl_tf.config import PipelineConfig
from mtl_tf.data.audit import inspect_clip
from mtl_tf.data.clip_source import ClipSource, decoder_of
from mtl_tf.data.pipeline import evaluation_dataset
from mtl_tf.frontends.log_mel import LogMel

N_FFT, HOP_LENGTH, NUM_MEL_BINS, SAMPLE_RATE = 800, 400, 128, 16000
ROUNDS = 5


def compare_pipeline(num_clips: int, clip_s: float, file_rate: int, num_parallel_calls: int) -> dict[str, float]:
    """Times decoding, resampling to 16 kHz and log mel (800/400/128) of made 16-bit WAVs, both ways in turn.

    Args:
        num_clips: number of files.
        clip_s: length of each, in seconds.
        file_rate: of the files, in Hz.
        num_parallel_calls: clips decoded at once by ours.

    Returns:
        `ours` and `librosa` in clips per second, medians of five rounds; `ratio`, the median of the rounds' ratios; and
        `difference`, the largest difference of the features of one clip relative to their largest value.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rng = np.random.default_rng(0)
        for index in range(num_clips):
            samples = 0.1 * rng.standard_normal(round(clip_s * file_rate))
            soundfile.write(folder / f"{index:04d}.wav", samples, file_rate, "PCM_16")
        ours, reference = _ours(folder, num_parallel_calls), _librosa(folder)
        first, expected = ours()[0], reference()[0]  # also the warm-up
        frames = min(len(first), len(expected))
        difference = np.abs(first[:frames] - expected[:frames]).max() / np.abs(expected).max()
        times = np.array([[_seconds(ours), _seconds(reference)] for _ in range(ROUNDS)])
    return {
        "ours": num_clips / float(np.median(times[:, 0])),
        "librosa": num_clips / float(np.median(times[:, 1])),
        "ratio": float(np.median(times[:, 1] / times[:, 0])),
        "difference": float(difference),
    }


def _ours(folder: Path, num_parallel_calls: int) -> Callable[[], list[np.ndarray]]:
    rows = []
    for path in sorted(folder.glob("*.wav")):
        facts = vars(inspect_clip(str(path), 0.0, float("nan")))
        rows.append({**facts, "corpus": "made", "path": path.name, "start_s": 0.0, "duration_s": np.nan})
    table = pd.DataFrame(rows)
    config = PipelineConfig(clip_s=1.0, batch_size=32, num_parallel_calls=num_parallel_calls)
    table["decoder"] = decoder_of(table, config, SAMPLE_RATE)
    source = ClipSource.from_manifest(table, {"made": folder}, {"made": None}, SAMPLE_RATE)
    layer = LogMel(SAMPLE_RATE, NUM_MEL_BINS, n_fft=N_FFT, hop_length=HOP_LENGTH, normalize="none")
    layer.build((None, None))
    compute = tf.function(
        lambda waveform, length: layer(waveform, length)[0],
        input_signature=[tf.TensorSpec([None, None], tf.float32), tf.TensorSpec([None], tf.int32)],
    )
    dataset = evaluation_dataset(source, np.arange(len(table)), {}, {}, config)
    return lambda: [features for inputs, _, _ in dataset for features in compute(**inputs).numpy()]


def _librosa(folder: Path) -> Callable[[], list[np.ndarray]]:
    def features(path: Path) -> np.ndarray:
        samples, _ = librosa.load(path, sr=SAMPLE_RATE)
        power = librosa.feature.melspectrogram(
            y=samples, sr=SAMPLE_RATE, n_fft=N_FFT, hop_length=HOP_LENGTH, n_mels=NUM_MEL_BINS
        )
        return librosa.power_to_db(power).T

    return lambda: [features(path) for path in sorted(folder.glob("*.wav"))]


def _seconds(function: Callable[[], list[np.ndarray]]) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start
