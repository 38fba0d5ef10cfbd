"""How sure an answer has to be to be right most of the time."""

from collections.abc import Sequence

import numpy as np
from statsmodels.stats.proportion import proportion_confint

from mtl_tf.data.assemble import FoldData

SHARES_RIGHT = (0.9, 0.95, 0.99)
UNSURE = 0.05  # of a one-sided interval, so that a two-sided one has twice as much

Threshold = dict[str, float]


def find_thresholds(
    probabilities: dict[str, np.ndarray], positions: np.ndarray, fold: FoldData
) -> dict[str, list[Threshold]]:
    """Finds the thresholds of every task with one class per clip, on validation clips.

    Args:
        probabilities: task to float (clips, classes).
        positions: of these clips.
        fold: their labels.

    Returns:
        Task to what `confidence_thresholds` gives.
    """
    found = {}
    for name, task in fold.tasks.items():
        if task.of_frames or not task.exclusive:
            continue
        labelled = fold.weights[name][positions] > 0
        found[name] = confidence_thresholds(fold.labels[name][positions[labelled]], probabilities[name][labelled])
    return found


def confidence_thresholds(labels: np.ndarray, probabilities: np.ndarray) -> list[Threshold]:
    """Finds, for each of 90, 95 and 99 %, the lowest probability above which so many answers are right.

    So many with 95 % confidence (one-sided Wilson interval): few clips promise little, and 99 % take some 270 answers
    without a mistake. They hold for clips like these alone, by the same speakers if these are training's, and the epoch
    that was kept was chosen by them.

    Args:
        labels: int (clips,).
        probabilities: float (clips, classes); the answer is the class of the largest.

    Returns:
        For each share that is reached `share_right`, `min_probability`, and `share_answered` of the clips.
    """
    sure = probabilities.max(axis=1)
    order = np.argsort(-sure, kind="stable")
    sure, right = sure[order], (probabilities.argmax(axis=1) == labels)[order]
    count = np.arange(1, len(sure) + 1)
    ends = np.append(sure[:-1] != sure[1:], True)[: len(sure)]  # answers that are as sure go together
    surely = proportion_confint(np.cumsum(right), count, alpha=2 * UNSURE, method="wilson")[0]
    thresholds = []
    for share in SHARES_RIGHT:
        reached = ends & (surely >= share)
        if reached.any():
            last = int(np.flatnonzero(reached)[-1])
            thresholds.append(
                {
                    "share_right": share,
                    "min_probability": float(sure[last]),
                    "share_answered": float((last + 1) / len(sure)),
                }
            )
    return thresholds


def trust(probability: float, thresholds: Sequence[Threshold]) -> float | None:
    """Says what share of answers that are as sure were right.

    Args:
        probability: of an answer.
        thresholds: of its task.

    Returns:
        The largest `share_right` whose threshold the answer reaches, or None.
    """
    return max((entry["share_right"] for entry in thresholds if probability >= entry["min_probability"]), default=None)
