"""Scores of one task on a set of clips, from scikit-learn and scipy."""

import numpy as np
import pandas as pd
from scipy import stats
from sklearn import metrics

NUM_RESAMPLES = 1000


def score_task(labels: np.ndarray, probabilities: np.ndarray, classes: tuple[str, ...]) -> dict[str, object]:
    """Scores one task.

    Args:
        labels: int (clips,).
        probabilities: float (clips, classes).
        classes: names of all classes.

    Returns:
        Over the classes that occur among the labels: `accuracy` (weighted accuracy, WA), `uar` (unweighted average
        recall, UA), `macro_f1`, `micro_f1`, `weighted_precision` (by support), `roc_auc` (one against the rest, mean
        over classes; None with a single class), `n`, `chance` (one over the number of classes), 95 % intervals
        `accuracy_interval` (Wilson) and `uar_interval` (percentile bootstrap over clips), `per_class` (precision,
        recall, f1, n), `classes`, and `confusion` (rows are truth).
    """
    predicted = probabilities.argmax(axis=1)
    present = np.unique(labels)
    everything = np.arange(len(classes))
    precision, recall, f1, support = metrics.precision_recall_fscore_support(
        labels, predicted, labels=everything, zero_division=0
    )
    hits = int((labels == predicted).sum())
    wilson = stats.binomtest(hits, len(labels)).proportion_ci(method="wilson")
    return {
        "accuracy": hits / len(labels),
        "uar": float(recall[present].mean()),
        "macro_f1": float(f1[present].mean()),
        "micro_f1": float(metrics.f1_score(labels, predicted, average="micro")),
        "weighted_precision": float(np.average(precision, weights=support)),
        "roc_auc": _roc_auc(labels, probabilities, present),
        "n": len(labels),
        "chance": 1.0 / len(classes),
        "accuracy_interval": [float(wilson.low), float(wilson.high)],
        "uar_interval": _uar_interval(labels, predicted),
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
    """Scores every speaker apart.

    Args:
        predictions: `task`, `corpus`, `speaker`, `label`, `predicted` per clip.

    Returns:
        `task`, `corpus`, `speaker`, `n`, `accuracy`, `uar`, sorted by the first three; clips without a speaker
        are left out.
    """
    rows = []
    for (task, corpus, speaker), clips in predictions.dropna(subset=["speaker"]).groupby(
        ["task", "corpus", "speaker"], sort=True
    ):
        correct = (clips["label"] == clips["predicted"]).astype(float)
        uar = correct.groupby(clips["label"].astype(str)).mean().mean()
        rows.append((task, corpus, speaker, len(clips), correct.mean(), uar))
    return pd.DataFrame(rows, columns=["task", "corpus", "speaker", "n", "accuracy", "uar"])


def _roc_auc(labels: np.ndarray, probabilities: np.ndarray, present: np.ndarray) -> float | None:
    if len(present) < 2:
        return None
    areas = [metrics.roc_auc_score(labels == index, probabilities[:, index]) for index in present]
    return float(np.mean(areas))


def _uar_interval(labels: np.ndarray, predicted: np.ndarray) -> list[float]:
    if len(labels) < 2:
        return [0.0, 1.0]  # one clip says nothing about others, and cannot be drawn anew

    def uar(labels: np.ndarray, predicted: np.ndarray) -> float:
        clips = np.bincount(labels)
        hits = np.bincount(labels, weights=labels == predicted)
        return float((hits[clips > 0] / clips[clips > 0]).mean())

    interval = stats.bootstrap(
        (labels, predicted), uar, paired=True, vectorized=False, n_resamples=NUM_RESAMPLES, method="percentile", rng=0
    ).confidence_interval
    return [float(interval.low), float(interval.high)]
