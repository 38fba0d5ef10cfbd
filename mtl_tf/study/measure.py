"""What is known of a task before it meets another: its clips, its labels and how it learned alone."""

import numpy as np
from scipy import stats

from mtl_tf.config import RunConfig
from mtl_tf.data.assemble import FoldData, RunData, used_duration_s
from mtl_tf.data.clip_source import ClipSource
from mtl_tf.data.manifest import TRAIN
from mtl_tf.errors import UserError
from mtl_tf.tasks.frame_labels import FrameLabels

_SNR_CLIPS, _FRAME_S = 60, 0.032
_LOUD, _QUIET = 95, 10  # percentiles


def measure_task(name: str, data: RunData, fold: FoldData, source: ClipSource, config: RunConfig) -> dict[str, object]:
    """Measures the training clips and labels of a task (Callebaut 2021, experiment 2).

    Args:
        name: of the task.
        data: of the run.
        fold: its division.
        source: samples of the clips.
        config: of the run.

    Returns:
        `classes`, `clips`, `labelled_s` (seconds of training audio with labels), `type_token_ratio` (classes over
        clips; a ratio of words has no other meaning here), `labels_per_corpus`, `corpora`, `size_mb` (as 16-bit audio),
        `label_entropy` (nats), `label_entropy_normalized` (over that of equally frequent classes), `label_kurtosis`
        (excess) and `label_skewness` of the labels' frequencies, `mean_clip_s`, `total_s`, `sample_rate`, `snr_db`,
        `overlap` (share of time, of tags of clips, with two classes or more), `strong` (whether every step is
        labelled), `several_classes` (whether there may be several at once), `channels`. `snr_db` is the median over 60
        clips of the level that 5 % of the 32 ms frames exceed over the level that 10 % do not reach; it takes pauses
        for noise.
    """
    task = fold.tasks[name]
    rows = fold.positions(TRAIN)
    rows = rows[fold.weights[name][rows] > 0]
    manifest = data.manifest.iloc[rows]
    seconds = used_duration_s(manifest, config)
    counts, overlap = _frequencies(fold, name, rows, seconds)
    shares = counts[counts > 0] / max(counts.sum(), 1)
    entropy = float(stats.entropy(shares))
    rates, channels = manifest["sample_rate"].mode(), manifest["channels"].mode()
    return {
        "task": name,
        "classes": task.num_classes,
        "clips": len(rows),
        "labelled_s": float(seconds.sum()),
        "type_token_ratio": task.num_classes / len(rows),
        "corpora": manifest["corpus"].nunique(),
        "labels_per_corpus": len(rows) / max(manifest["corpus"].nunique(), 1),
        "size_mb": float((seconds * manifest["sample_rate"] * manifest["channels"]).sum() * 2 / 2**20),
        "label_entropy": entropy,
        "label_entropy_normalized": entropy / np.log(task.num_classes) if task.num_classes > 1 else 0.0,
        "label_kurtosis": float(stats.kurtosis(counts)) if np.ptp(counts) else 0.0,
        "label_skewness": float(stats.skew(counts)) if np.ptp(counts) else 0.0,
        "mean_clip_s": float(seconds.mean()),
        "total_s": float(seconds.sum()),
        "sample_rate": int(rates.iloc[0]),
        "snr_db": _snr_db(source, rows),
        "overlap": overlap,
        "strong": task.of_frames,
        "several_classes": not task.exclusive,
        "channels": int(channels.iloc[0]),
    }


def _frequencies(fold: FoldData, name: str, rows: np.ndarray, seconds: np.ndarray) -> tuple[np.ndarray, float]:
    """Returns how often each class is there (of events for how long), and the share of time with several."""
    task, labels = fold.tasks[name], fold.labels[name]
    if not isinstance(labels, FrameLabels):
        if task.exclusive:
            return np.bincount(labels[rows], minlength=task.num_classes).astype(float), 0.0
        return (labels[rows] == 1).sum(axis=0).astype(float), float(((labels[rows] == 1).sum(axis=1) > 1).mean())
    counts, several, known = np.zeros(task.num_classes), 0, 0
    for row, length_s in zip(rows, seconds, strict=True):
        number = max(round(length_s * 10), 1)
        there = labels.targets(row, 0.0, length_s, 0.0, 0.1, number) == 1
        counts += there.sum(axis=0)
        several, known = several + int((there.sum(axis=1) > 1).sum()), known + number
    return counts, several / max(known, 1)


def _snr_db(source: ClipSource, rows: np.ndarray) -> float:
    chosen = np.random.default_rng(0).permutation(rows)[:_SNR_CLIPS]
    size, found = round(_FRAME_S * source.sample_rate), []
    for row in chosen:
        try:
            samples = source.samples(row)
        except UserError:
            continue
        frames = samples[: len(samples) // size * size].reshape(-1, size)
        power = np.square(frames.astype(np.float64)).mean(axis=1)
        if len(power) >= 4 and power.max() > 0:
            loud, quiet = np.percentile(10 * np.log10(np.maximum(power, 1e-10)), [_LOUD, _QUIET])
            found.append(loud - quiet)
    return float(np.median(found)) if found else np.nan
