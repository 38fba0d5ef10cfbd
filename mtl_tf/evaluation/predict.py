"""Runs a model over clips and tabulates its answers."""

import keras
import numpy as np
import pandas as pd

from mtl_tf.config import PipelineConfig
from mtl_tf.data.assemble import FoldData, RunData
from mtl_tf.data.clip_source import ClipSource
from mtl_tf.data.mapping import map_clips
from mtl_tf.evaluation.scores import majority_scores, score_task

CLIP_COLUMNS = ["clip_id", "corpus", "path", "start_frame", "num_frames", "speaker", "decoder"]


def predict_clips(
    model: keras.Model,
    source: ClipSource,
    positions: np.ndarray,
    config: PipelineConfig,
    batches_per_call: int = 1,
) -> dict[str, np.ndarray]:
    """Computes the probabilities of whole clips.

    Args:
        model: waveform to probabilities by task.
        source: samples of all clips.
        positions: which of them.
        config: batch size.
        batches_per_call: see `map_clips`.

    Returns:
        Task to float32 (clips, classes), in the order of positions.

    Raises:
        UserError: a clip cannot be decoded.
    """
    return map_clips(lambda waveform: model(waveform, training=False), source, positions, config, batches_per_call)


def tabulate(
    probabilities: dict[str, np.ndarray], positions: np.ndarray, data: RunData, fold: FoldData
) -> pd.DataFrame:
    """Lists every scored answer.

    Returns:
        One row per clip and task: `clip_id`, `corpus`, `path`, `start_frame`, `num_frames`, `speaker`, `decoder`,
        `task`, `group` (whose clips are not independent, for intervals; the clip itself in closed-set tasks), `label`,
        `predicted`, `probability` (of the predicted class), `probabilities` (list, in the order of the task's classes).
    """
    parts = []
    for name, task in fold.tasks.items():
        scored = fold.weights[name][positions] > 0
        rows = positions[scored]
        values = probabilities[name][scored]
        names = np.array(task.classes)
        part = data.manifest.loc[rows, CLIP_COLUMNS].reset_index(drop=True)
        part["task"] = name
        part["group"] = part["clip_id"].to_numpy(object) if task.closed_set else fold.groups[rows]
        part["label"] = names[fold.labels[name][rows]]
        part["predicted"] = names[values.argmax(axis=1)]
        part["probability"] = values.max(axis=1)
        part["probabilities"] = list(values)
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def score_fold(
    probabilities: dict[str, np.ndarray], positions: np.ndarray, fold: FoldData
) -> dict[str, dict[str, object]]:
    """Scores all tasks of a fold: task to what `score_task` gives, and `majority`, a majority guesser's scores."""
    results = {}
    for name, task in fold.tasks.items():
        rows = positions[fold.weights[name][positions] > 0]
        values = probabilities[name][fold.weights[name][positions] > 0]
        training = (fold.division["split"] == "train").to_numpy() & (fold.weights[name] > 0)
        labels = fold.labels[name]
        groups = None if task.closed_set else fold.groups[rows]
        results[name] = score_task(labels[rows], values, task.classes, groups)
        results[name]["majority"] = majority_scores(labels[training], labels[rows])
    return results
