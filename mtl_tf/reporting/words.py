"""What scores mean, in a sentence or two."""

from typing import Any

import numpy as np
import pandas as pd

from mtl_tf.tasks.metrics import metric_title

MOST_MISTAKES = 3
BY_HEART = 0.75  # of the score on training clips
WIDE_GAP = 0.15  # between training and validation clips
FEW_GROUPS = 10
FEW_CLIPS = 100  # the 95 % interval of a share of so many is 0.1 to both sides


def percent(value: float | None, deviation: float | None = None) -> str:
    """Formats a share as per cent, with its deviation if there is one."""
    if value is None:
        return "-"
    return f"{100 * value:.1f}" + (f" ± {100 * deviation:.1f}" if deviation is not None else "")


def describe_scores(scores: dict[str, Any]) -> str:
    """Says how many clips were answered right, how many a guess would get, and what is most often mistaken for what.

    Args:
        scores: of one task, as in `metrics.json`, with `confusion`.
    """
    confusion = np.array(scores["confusion"])
    total = int(confusion.sum())
    guessed = round(scores["majority"]["accuracy"] * total)
    text = f"{np.trace(confusion)} of {total} clips right; always answering the most frequent class gets {guessed}."
    wrong = confusion - np.diag(np.diag(confusion))
    order = np.argsort(-wrong, axis=None, kind="stable")[:MOST_MISTAKES]
    pairs = [(*np.unravel_index(place, wrong.shape), int(wrong.flat[place])) for place in order]
    names = scores["classes"]
    mistakes = [f"{names[truth]} for {names[answer]} ({count})" for truth, answer, count in pairs if count]
    text += f" Most often mistaken: {', '.join(mistakes)}." if mistakes else ""
    alone = only_class(scores)
    return text + (f" {alone}" if alone else "")


def only_class(scores: dict[str, Any]) -> str:
    """Says that all test clips of a task are of one class, where they are; else nothing.

    Args:
        scores: of the task, as in `metrics.json`; tasks without `confusion` have no such sentence.
    """
    tested = np.array(scores.get("confusion", [])).sum(axis=-1)
    if np.count_nonzero(tested) != 1 or len(tested) < 2:
        return ""
    name = scores["classes"][int(tested.argmax())]
    return f"All of these clips are {name}, so the score does not say how {name} is told from the other classes."


def describe_interval(scores: dict[str, Any], group: str) -> str:
    """Says what a task's 95 % intervals cover.

    Args:
        scores: of the task, as in `metrics.json`.
        group: what its clips are grouped by.
    """
    count = scores.get("interval_groups")
    if count is None:
        return ""
    if count == scores["n"]:
        return f"clip by clip ({count} clips)"
    few = f"; {count} are few, so the interval is too narrow" if count < FEW_GROUPS else ""
    return f"over {count} {group}s, since clips of one {group} are not independent{few}"


def describe_weights(weights: dict[str, float]) -> str:
    """Says what each task weighs in the loss, where they differ."""
    if len({round(weight, 3) for weight in weights.values()}) < 2:
        return ""
    return ", ".join(f"{task} {weight:.2f}" for task, weight in weights.items())


def describe_fitting(history: pd.DataFrame, metrics: dict[str, str], num_validation: int) -> list[str]:
    """Says of which tasks the training clips are known far better than others, and whether the others are few.

    Args:
        history: as in `history.csv`, with a column `fold` or `repeat` where there are several; of each the epoch with
            the best `score` counts, or the last if there are no scores.
        metrics: task to its main metric.
        num_validation: number of validation clips.
    """
    if not num_validation:
        return []
    chosen = history["score"].notna().all()
    parts = [column for column in ("fold", "repeat") if column in history]
    ranked = history.sort_values("score") if chosen else history
    kept = (ranked.groupby(parts) if parts else ranked).tail(1).mean(numeric_only=True)
    sentences = []
    for task, metric in metrics.items():
        seen, new = kept.get(f"{task}_{metric}", np.nan), kept.get(f"val_{task}_{metric}", np.nan)
        if seen - new > WIDE_GAP and seen > BY_HEART:
            sentences.append(
                f"{task}: {percent(seen)} % {metric_title(metric)} on training clips and {percent(new)} % on "
                "validation clips. The network knows by heart what it has seen; more clips, more dropout or a smaller "
                "model may help."
            )
    if chosen and num_validation < FEW_CLIPS:
        sentences.append(
            f"The epoch that is kept was chosen on {num_validation} validation clips, so chance had its part in it; "
            "split.validation_fraction or validation_folds sets how many there are."
        )
    return sentences


def check_thresholds(
    thresholds: dict[str, list[dict[str, float]]], predictions: pd.DataFrame
) -> dict[str, list[dict[str, float | None]]]:
    """Counts what thresholds found on validation clips do on test clips.

    Args:
        thresholds: see `mtl_tf.evaluation.thresholds.find_thresholds`.
        predictions: on test clips; `task`, `label`, `predicted`, `probability`.

    Returns:
        The thresholds of every task, if any has some, with the shares `test_answered` and `test_right` (None: of
        nothing). Of several with the same probability, that with the largest share of right answers.
    """
    checked = {}
    for task, found in thresholds.items():
        entries = list({entry["min_probability"]: entry for entry in found}.values())
        rows = predictions[predictions["task"] == task]
        right = rows["label"] == rows["predicted"]
        sure = [rows["probability"] >= entry["min_probability"] for entry in entries]
        checked[task] = [
            entry | {"test_answered": reached.mean(), "test_right": right[reached].mean() if reached.any() else None}
            for entry, reached in zip(entries, sure, strict=True)
        ]
    return checked if any(checked.values()) else {}


def telling_speakers(speakers: pd.DataFrame, tasks: dict[str, dict[str, Any]]) -> pd.DataFrame:
    """Leaves out the tasks whose classes are the speakers, as their table of classes says the same.

    Args:
        speakers: scores with the columns `task` and `speaker`.
        tasks: task to its scores.
    """
    repeats = {
        task
        for task, rows in speakers.groupby("task")
        if set(rows["speaker"]) <= set(tasks.get(str(task), {}).get("classes", []))
    }
    return speakers[~speakers["task"].isin(repeats)]
