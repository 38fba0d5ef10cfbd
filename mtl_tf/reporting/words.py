"""What scores mean, in a sentence or two."""

from typing import Any

import numpy as np
import pandas as pd

MOST_MISTAKES = 3


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
    return text + (f" Most often mistaken: {', '.join(mistakes)}." if mistakes else "")


def check_thresholds(
    thresholds: dict[str, list[dict[str, float]]], predictions: pd.DataFrame
) -> dict[str, list[dict[str, float | None]]]:
    """Counts what thresholds found on validation clips do on test clips.

    Args:
        thresholds: see `mtl_tf.evaluation.thresholds.find_thresholds`.
        predictions: on test clips; `task`, `label`, `predicted`, `probability`.

    Returns:
        The thresholds of every task, if any has some, with the shares `test_answered` and `test_right` (None: of
        nothing).
    """
    checked = {}
    for task, entries in thresholds.items():
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
