"""Runs a model over clips and tabulates its answers."""

from collections.abc import Mapping

import keras
import numpy as np
import pandas as pd

from mtl_tf.annotations import write_events
from mtl_tf.config import PipelineConfig
from mtl_tf.data.assemble import FoldData, RunData
from mtl_tf.data.clip_source import ClipSource
from mtl_tf.data.mapping import map_batches, map_clips
from mtl_tf.evaluation.event_scores import score_events
from mtl_tf.evaluation.events import ClipEvents, clip_events
from mtl_tf.evaluation.scores import majority_scores, score_task
from mtl_tf.evaluation.tags import Decisions, answered_tags, find_decisions, score_tags
from mtl_tf.models.build import answer
from mtl_tf.tasks.steps import Steps
from mtl_tf.tasks.tags import tags_of
from mtl_tf.tasks.task import Task

CLIP_COLUMNS = ["clip_id", "corpus", "path", "start_frame", "num_frames", "speaker", "decoder"]


def predict_clips(
    model: keras.Model,
    source: ClipSource,
    positions: np.ndarray,
    config: PipelineConfig,
    batches_per_call: int = 1,
    steps: Steps | None = None,
    clock: list[float] | None = None,
) -> dict[str, np.ndarray]:
    """Computes the probabilities of whole clips.

    Args:
        model: waveform to probabilities by task.
        source: samples of all clips.
        positions: which of them.
        config: batch size.
        batches_per_call: see `map_clips`.
        steps: when the steps of the model are, where a task asks every one.
        clock: where no task does, the seconds that it takes are appended to it, see `map_clips`.

    Returns:
        Task to float32 (clips, classes), in the order of positions; of questions of steps an array of objects (clips,),
        each float32 (steps, classes) without padding.

    Raises:
        UserError: a clip cannot be decoded.
    """
    if steps is None:
        return map_clips(lambda inputs: answer(model, **inputs), source, positions, config, batches_per_call, clock)
    found: dict[str, list[np.ndarray]] = {}
    for answers, length in map_batches(
        lambda inputs: (answer(model, **inputs), inputs["length"]), source, positions, config
    ):
        own = [steps.count(int(count)) for count in length]
        for name, values in answers.items():
            several = values.ndim == 3
            found.setdefault(name, []).extend(
                row[:count] if several else row for row, count in zip(values, own, strict=True)
            )
    return {name: _together(rows) for name, rows in found.items()}


def tabulate(
    probabilities: dict[str, np.ndarray],
    positions: np.ndarray,
    data: RunData,
    fold: FoldData,
    decisions: Mapping[str, Decisions],
    steps: Steps | None = None,
) -> pd.DataFrame:
    """Lists every scored answer.

    Args:
        probabilities: task to float (clips, classes).
        positions: of these clips.
        data: of the run.
        fold: their labels.
        decisions: of the tasks with tags, see `find_decisions`.
        steps: when the steps of the model are, where a task asks every one.

    Returns:
        One row per clip and task: `clip_id`, `corpus`, `path`, `start_frame`, `num_frames`, `speaker`, `decoder`,
        `task`, `group` (whose clips are not independent, for intervals; the clip itself in closed-set tasks), `label`,
        `predicted`, `probability` (of the predicted class), `probabilities` (list, in the order of the task's classes).
        Of tags `label` and `predicted` are those that are there, as one text; `probability` is that of the decision
        that is least sure; `targets` (list, None for classes) is 1, 0, or -1 where a tag was not annotated. Of
        questions of steps `label` and `predicted` are events as `mtl_tf.annotations.write_events` writes them,
        `probability` is the share of the steps that were answered as annotated, and `probabilities`, `targets` and
        `active` (bool, None for others: the steps that were answered) are those of all steps, one after the other.
    """
    parts = []
    for name, task in fold.tasks.items():
        scored = fold.weights[name][positions] > 0
        rows = positions[scored]
        values = probabilities[name][scored]
        part = data.manifest.loc[rows, CLIP_COLUMNS].reset_index(drop=True)
        part["task"] = name
        part["group"] = part["clip_id"].to_numpy(object) if task.closed_set else fold.groups[rows]
        if task.of_frames:
            clips = clip_events(fold.labels[name], rows, values, decisions.get(name, {}), steps)
            parts.append(part.assign(**event_columns(clips)))
            continue
        labels = fold.labels[name][rows]
        parts.append(part.assign(**answer_columns(task, labels, values, decisions), probabilities=list(values)))
    return pd.concat(parts, ignore_index=True)


def answer_columns(
    task: Task, labels: np.ndarray, values: np.ndarray, decisions: Mapping[str, Decisions]
) -> dict[str, object]:
    """Names truth and answers of clips, as `tabulate` lists them.

    Args:
        task: of the answers.
        labels: int (clips,), or of tags (clips, classes).
        values: float (clips, classes), probabilities.
        decisions: of the tasks with tags.

    Returns:
        `label`, `predicted`, `probability` and `targets`.
    """
    if task.exclusive:
        names, best = np.array(task.classes, object), values.argmax(axis=1)
        return {"label": names[labels], "predicted": names[best], "probability": values.max(axis=1), "targets": None}
    answered = answered_tags(values, task.classes, decisions.get(task.name, {}))
    return {
        "label": [tags_of(row, task.classes) for row in labels],
        "predicted": [tags_of(row, task.classes) for row in answered & (labels >= 0)],
        "probability": np.where(answered, values, 1.0 - values).min(axis=1),
        "targets": list(labels.astype(np.int8)),
    }


def event_columns(clips: list[ClipEvents]) -> dict[str, object]:
    """Names truth and answers of clips, as `tabulate` lists those of steps."""
    return {
        "label": [write_events(clip.truth) for clip in clips],
        "predicted": [clip.text() for clip in clips],
        "probability": [clip.agreement() for clip in clips],
        "targets": [clip.targets.ravel() for clip in clips],
        "active": [clip.active.ravel() for clip in clips],
        "probabilities": [clip.values.ravel() for clip in clips],
    }


def fold_decisions(
    probabilities: dict[str, np.ndarray], positions: np.ndarray, fold: FoldData, steps: Steps | None = None
) -> dict[str, Decisions]:
    """Finds on validation clips, for every task with tags, from which probability each tag counts as answered.

    Args:
        probabilities: task to float (clips, classes).
        positions: of these clips.
        fold: their labels.
        steps: when the steps of the model are, where a task asks every one.
    """
    found = {}
    for name, task in fold.tasks.items():
        if not task.exclusive:
            labelled = fold.weights[name][positions] > 0
            if task.of_frames:
                if labelled.any():
                    rows, values = positions[labelled], probabilities[name][labelled]
                    clips = clip_events(fold.labels[name], rows, values, {}, steps)
                    targets = np.concatenate([clip.targets for clip in clips])
                    found[name] = find_decisions(targets, np.concatenate(list(values)), task.classes)
                continue
            targets = fold.labels[name][positions[labelled]]
            found[name] = find_decisions(targets, probabilities[name][labelled], task.classes)
    return found


def score_fold(
    probabilities: dict[str, np.ndarray],
    positions: np.ndarray,
    fold: FoldData,
    decisions: Mapping[str, Decisions],
    steps: Steps | None = None,
) -> dict[str, dict[str, object]]:
    """Scores all tasks of a fold.

    Returns:
        Task to what `score_task`, `score_tags` or `score_events` gives; of classes `majority`, a majority guesser's
        scores, too.
    """
    results = {}
    for name, task in fold.tasks.items():
        rows = positions[fold.weights[name][positions] > 0]
        values = probabilities[name][fold.weights[name][positions] > 0]
        training = (fold.division["split"] == "train").to_numpy() & (fold.weights[name] > 0)
        labels = fold.labels[name]
        groups = None if task.closed_set else fold.groups[rows]
        if task.of_frames:
            own = decisions.get(name, {})
            clips = clip_events(labels, rows, values, own, steps)
            results[name] = score_events(clips, task, own, groups)
            continue
        if not task.exclusive:
            results[name] = score_tags(labels[rows], values, task.classes, decisions.get(name, {}), groups)
            continue
        results[name] = score_task(labels[rows], values, task.classes, groups)
        results[name]["majority"] = majority_scores(labels[training], labels[rows])
    return results


def _together(rows: list[np.ndarray]) -> np.ndarray:
    """Stacks the answers of clips; those of steps, of which each clip has its own number, become objects."""
    if rows[0].ndim == 1:
        return np.stack(rows)
    together = np.empty(len(rows), object)
    for index, row in enumerate(rows):
        together[index] = row
    return together
