"""What classes and tasks weigh in the training loss."""

import math

import numpy as np
from sklearn.utils.class_weight import compute_class_weight

from mtl_tf.config import TrainingConfig
from mtl_tf.tasks.task import Task

SMALL = 0.2  # of the labels of the largest task


def class_weights(
    kind: str,
    tasks: dict[str, Task],
    labels: dict[str, np.ndarray],
    weights: dict[str, np.ndarray],
    training: np.ndarray,
) -> dict[str, np.ndarray]:
    """Weighs the classes of every task.

    Args:
        kind: `none`, or `balanced`: in inverse proportion to how many training clips a class has; a tag weighs, where
            it is there, as much more as the clips without it are more; so does a step with an event of a class.
        tasks: by name.
        labels: task to int (clips,), or of tags (clips, classes).
        weights: task to float (clips,), 0 where a label does not count.
        training: bool (clips,).

    Returns:
        Task to float32 (classes,); 1 where a class has no training clip.
    """
    tables = {}
    for name, task in tasks.items():
        tables[name] = np.ones(task.num_classes, np.float32)
        counted = training & (weights[name] > 0)
        if task.of_frames:
            if kind == "balanced":
                rows = np.flatnonzero(counted)
                there = labels[name].counts(rows)
                absent = len(rows) - there
                tables[name] = np.where((there > 0) & (absent > 0), absent / np.maximum(there, 1), 1.0)
            continue
        rows = labels[name][counted]
        if kind == "balanced" and not task.exclusive:
            there, absent = (rows == 1).sum(axis=0), (rows == 0).sum(axis=0)
            tables[name] = np.where((there > 0) & (absent > 0), absent / np.maximum(there, 1), 1.0).astype(np.float32)
        elif kind == "balanced" and len(rows):
            classes = np.unique(rows)
            tables[name][classes] = compute_class_weight("balanced", classes=classes, y=rows)
    return tables


def task_weights(
    options: TrainingConfig, tasks: dict[str, Task], weights: dict[str, np.ndarray], training: np.ndarray
) -> dict[str, float]:
    """Weighs the losses of the tasks: `task_weighting`, with a mean of 1, times `loss_weights`.

    Args:
        options: of the run.
        tasks: by name.
        weights: task to float (clips,), 0 where a label does not count.
        training: bool (clips,).
    """
    raw = {
        "equal": lambda name: 1.0,
        "by_labels": lambda name: float((weights[name][training] > 0).sum()),
        # a guess among C classes costs log C, so that all tasks begin at the same loss
        "by_log_classes": lambda name: 1.0 / math.log(max(tasks[name].num_classes, 2)),
    }[options.task_weighting]
    shares = {name: raw(name) for name in tasks}
    mean = sum(shares.values()) / len(shares)
    return {name: share / mean * options.loss_weights.get(name, 1.0) for name, share in shares.items()}


def note_small_tasks(num_labels: dict[str, int], options: TrainingConfig, notes: list[str]) -> None:
    """Notes tasks with less than a fifth of the training labels of the largest.

    Args:
        num_labels: task to its training labels.
        options: of the run.
        notes: to add to.
    """
    largest = max(num_labels, key=lambda name: num_labels[name])
    for name, count in num_labels.items():
        if count < SMALL * num_labels[largest] and name not in options.loss_weights:
            advice = {
                "equal": "both tasks weigh the same, which can cost the larger one; compare with "
                "training.task_weighting=by_labels",
                "by_labels": "it weighs as much less; if it is what you are after, compare with "
                "training.task_weighting=equal",
                "by_log_classes": "its weight does not follow that; compare with training.task_weighting=by_labels",
            }[options.task_weighting]
            notes.append(
                f"{name} has {count} training labels where {largest} has {num_labels[largest]}: {advice}, or set "
                f"training.loss_weights.{name}"
            )
