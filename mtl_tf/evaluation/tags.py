"""Scores of a task with tags on a set of clips, from scikit-learn."""

import warnings
from collections.abc import Mapping, Sequence

import numpy as np
from sklearn import metrics

from mtl_tf.evaluation.resample import bootstrap_interval, group_numbers

NUM_RESAMPLES = 200  # of an interval, as each takes the average precision of all tags
DECISION = 0.5  # where no validation clip says better

Decisions = dict[str, float]


def score_tags(
    targets: np.ndarray,
    probabilities: np.ndarray,
    classes: tuple[str, ...],
    decisions: Mapping[str, float],
    groups: np.ndarray | None = None,
) -> dict[str, object]:
    """Scores one task with tags.

    A tag that was not annotated in a clip takes no part in that clip. Means are over the tags that occur.

    Args:
        targets: (clips, classes), 1 where a tag is there, 0 where not, -1 where that is not known.
        probabilities: float (clips, classes).
        classes: names of all tags.
        decisions: tag to the probability from which it counts as answered.
        groups: of each clip, such as its speaker; clips of one group are not independent. None: all are.

    Returns:
        `map` (mean average precision), `macro_f1`, `micro_f1` (of all tags together), `roc_auc` (mean over tags; None
        where no tag is both there and absent), `label_ranking_ap` (of the clips that have a tag; None without any),
        `n` (clips), `chance` (what `map` is for answers at random: the mean share of clips with a tag), `map_interval`
        (95 %, percentile bootstrap over groups), `interval_groups`, `per_class` (average_precision, roc_auc, precision,
        recall, f1, decision, n, annotated) and `classes`.
    """
    known = targets >= 0
    there = targets == 1
    answered = answered_tags(probabilities, classes, decisions)
    per_class = {
        name: _score_tag(there[rows, index], probabilities[rows, index], answered[rows, index])
        | {"decision": float(decisions.get(name, DECISION))}
        for index, name in enumerate(classes)
        for rows in [known[:, index]]
    }
    present = [entry for entry in per_class.values() if entry["n"]]
    areas = [entry["roc_auc"] for entry in present if entry["roc_auc"] is not None]
    numbers = group_numbers(groups, len(targets))
    members = [np.flatnonzero(numbers == number) for number in range(int(numbers.max()) + 1)]

    def drawn_map(drawn: np.ndarray) -> float:
        rows = np.concatenate([members[number] for number in drawn])
        return mean_average_precision(targets[rows], probabilities[rows])

    interval = [0.0, 1.0] if len(members) < 2 else bootstrap_interval(drawn_map, len(members), NUM_RESAMPLES)
    return {
        "map": _mean([entry["average_precision"] for entry in present]),
        "macro_f1": _mean([entry["f1"] for entry in present]),
        "micro_f1": _f1(int((there & answered).sum()), int((answered & known).sum()), int(there.sum())),
        "roc_auc": _mean(areas) if areas else None,
        "label_ranking_ap": _label_ranking(there, known, probabilities),
        "n": len(targets),
        "chance": _mean([entry["n"] / entry["annotated"] for entry in present]),
        "map_interval": interval,
        "interval_groups": len(members),
        "per_class": per_class,
        "classes": list(classes),
    }


def answered_tags(probabilities: np.ndarray, classes: Sequence[str], decisions: Mapping[str, float]) -> np.ndarray:
    """Says which tags are answered.

    Args:
        probabilities: float (..., classes).
        classes: names of the tags.
        decisions: tag to the probability from which it counts as answered; 0.5 where there is none.

    Returns:
        bool (..., classes).
    """
    return probabilities >= np.array([decisions.get(name, DECISION) for name in classes])


def mean_average_precision(targets: np.ndarray, probabilities: np.ndarray) -> float:
    """Computes the mean over the tags that occur of their average precision.

    Args:
        targets: (clips, classes), 1, 0, or -1 where not known.
        probabilities: float (clips, classes).
    """
    values = []
    for index in range(targets.shape[1]):
        rows = targets[:, index] >= 0
        if (targets[rows, index] == 1).any():
            values.append(metrics.average_precision_score(targets[rows, index], probabilities[rows, index]))
    return _mean(values)


def find_decisions(targets: np.ndarray, probabilities: np.ndarray, classes: tuple[str, ...]) -> Decisions:
    """Finds for each tag the probability from which answering it gives the best F1 score.

    Args:
        targets: (clips, classes) of validation clips, 1, 0, or -1 where not known.
        probabilities: float (clips, classes).
        classes: names of the tags.

    Returns:
        Tag to a probability: 0.5 where it is as good as any, else half way between that of the last clip that is
        answered and the next one; 0.5 for a tag that no clip has, or all have.
    """
    found = {}
    for index, name in enumerate(classes):
        rows = targets[:, index] >= 0
        truth, values = targets[rows, index] == 1, probabilities[rows, index].astype(np.float64)
        if not truth.any() or truth.all():
            found[name] = DECISION
            continue
        precision, recall, thresholds = metrics.precision_recall_curve(truth, values)
        f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
        best = float(thresholds[int(np.argmax(f1[:-1]))])
        below = float(values[values < best].max(initial=0.0))
        found[name] = DECISION if below < DECISION <= best else (best + below) / 2
    return found


def _score_tag(truth: np.ndarray, values: np.ndarray, answered: np.ndarray) -> dict[str, object]:
    hits, answers, count = int((truth & answered).sum()), int(answered.sum()), int(truth.sum())
    both = 0 < count < len(truth)
    return {
        "average_precision": float(metrics.average_precision_score(truth, values)) if count else None,
        "roc_auc": float(metrics.roc_auc_score(truth, values)) if both else None,
        "precision": hits / answers if answers else 0.0,
        "recall": hits / count if count else 0.0,
        "f1": _f1(hits, answers, count),
        "n": count,
        "annotated": len(truth),
    }


def _label_ranking(there: np.ndarray, known: np.ndarray, probabilities: np.ndarray) -> float | None:
    rows = there.any(axis=1)
    if not rows.any():
        return None
    # What is not known is ranked last, where it counts neither as right nor as wrong.
    values = np.where(known, probabilities, -1.0)[rows]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return float(metrics.label_ranking_average_precision_score(there[rows], values))


def _f1(hits: int, answers: int, count: int) -> float:
    return 2 * hits / (answers + count) if answers + count else 0.0


def _mean(values: list) -> float:
    return float(np.mean(values)) if values else 0.0
