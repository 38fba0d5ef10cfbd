"""Scores of one task on a set of clips, from scikit-learn and scipy."""

from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy import stats
from sklearn import metrics

from mtl_tf.evaluation.resample import bootstrap_interval, group_numbers


def score_task(
    labels: np.ndarray, probabilities: np.ndarray, classes: tuple[str, ...], groups: np.ndarray | None = None
) -> dict[str, object]:
    """Scores one task.

    Args:
        labels: int (clips,).
        probabilities: float (clips, classes).
        classes: names of all classes.
        groups: of each clip, such as its speaker; clips of one group are not independent. None: all are.

    Returns:
        Over the classes that occur among the labels: `accuracy` (weighted accuracy, WA), `uar` (unweighted average
        recall, UA), `macro_f1`, `micro_f1`, `weighted_precision` (by support), `roc_auc` (one against the rest, mean
        over classes; None with a single class), `n`, `chance` (one over the number of classes), 95 % intervals
        `accuracy_interval` and `uar_interval`, `interval_groups` (how many groups they were drawn from), `per_class`
        (precision, recall, f1, n), `classes`, and `confusion` (rows are truth). Intervals are percentile bootstraps
        over groups; where each clip is a group of its own, or all are of one, over clips, with Wilson's for accuracy.
    """
    predicted = probabilities.argmax(axis=1)
    present = np.unique(labels)
    everything = np.arange(len(classes))
    precision, recall, f1, support = metrics.precision_recall_fscore_support(
        labels, predicted, labels=everything, zero_division=0
    )
    hits = int((labels == predicted).sum())
    intervals = _intervals(labels, predicted, len(classes), groups)
    return {
        "accuracy": hits / len(labels),
        "uar": float(recall[present].mean()),
        "macro_f1": float(f1[present].mean()),
        "micro_f1": float(metrics.f1_score(labels, predicted, average="micro")),
        "weighted_precision": float(np.average(precision, weights=support)),
        "roc_auc": _roc_auc(labels, probabilities, present),
        "n": len(labels),
        "chance": 1.0 / len(classes),
        **intervals,
        "per_class": {
            name: {
                "precision": float(precision[index]),
                "recall": float(recall[index]),
                "f1": float(f1[index]),
                "n": int(support[index]),
            }
            for index, name in enumerate(classes)
        },
        "classes": list(classes),
        "confusion": metrics.confusion_matrix(labels, predicted, labels=everything).tolist(),
    }


def majority_scores(training_labels: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Scores a guesser that always says the most frequent class of the training clips.

    Args:
        training_labels: int (training clips,).
        labels: int (clips,), what is scored.

    Returns:
        Its `accuracy` and `uar`.
    """
    guess = np.bincount(training_labels).argmax()
    present = np.unique(labels)
    return {"accuracy": float((labels == guess).mean()), "uar": float((present == guess).mean())}


def score_groups(predictions: pd.DataFrame) -> pd.DataFrame:
    """Scores every speaker apart, in tasks with one class per clip.

    Args:
        predictions: `task`, `corpus`, `speaker`, `label`, `predicted` per clip; with a column `repeat` the clips are
            there once for each repeat, whose scores are averaged.

    Returns:
        `task`, `corpus`, `speaker`, `n` (clips), `accuracy`, `uar`, sorted by the first three; clips without a speaker
        are left out.
    """
    rows = []
    predictions = predictions[predictions["targets"].isna()] if "targets" in predictions else predictions
    for (task, corpus, speaker), clips in predictions.dropna(subset=["speaker"]).groupby(
        ["task", "corpus", "speaker"], sort=True
    ):
        repeats = [part for _, part in clips.groupby("repeat")] if "repeat" in clips else [clips]
        scores = []
        for part in repeats:
            correct = (part["label"] == part["predicted"]).astype(float)
            scores.append((correct.mean(), correct.groupby(part["label"].astype(str)).mean().mean()))
        rows.append((task, corpus, speaker, len(repeats[0]), *np.mean(scores, axis=0)))
    return pd.DataFrame(rows, columns=["task", "corpus", "speaker", "n", "accuracy", "uar"])


def _roc_auc(labels: np.ndarray, probabilities: np.ndarray, present: np.ndarray) -> float | None:
    if len(present) < 2:
        return None
    areas = [metrics.roc_auc_score(labels == index, probabilities[:, index]) for index in present]
    return float(np.mean(areas))


def _intervals(
    labels: np.ndarray, predicted: np.ndarray, num_classes: int, groups: np.ndarray | None
) -> dict[str, object]:
    numbers = group_numbers(groups, len(labels))
    count = int(numbers.max()) + 1
    totals, hits = np.zeros((count, num_classes)), np.zeros((count, num_classes))
    np.add.at(totals, (numbers, labels), 1)
    np.add.at(hits, (numbers, labels), predicted == labels)

    def resampled(score: Callable[[np.ndarray, np.ndarray], float]) -> list[float]:
        def statistic(drawn: np.ndarray) -> float:
            times = np.bincount(drawn, minlength=count)
            return score(times @ hits, times @ totals)

        return bootstrap_interval(statistic, count)

    if count < 2:  # one clip says nothing about others, and cannot be drawn anew
        return {"accuracy_interval": [0.0, 1.0], "uar_interval": [0.0, 1.0], "interval_groups": 1}
    if count == len(labels):
        wilson = stats.binomtest(int(hits.sum()), count).proportion_ci(method="wilson")
        accuracy = [float(wilson.low), float(wilson.high)]
    else:
        accuracy = resampled(lambda right, total: float(right.sum() / total.sum()))
    uar = resampled(lambda right, total: float((right[total > 0] / total[total > 0]).mean()))
    return {"accuracy_interval": accuracy, "uar_interval": uar, "interval_groups": count}
