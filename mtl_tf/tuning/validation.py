"""Reads the validation scores of a run's best epoch."""

import math
from pathlib import Path

import pandas as pd

from mtl_tf.errors import UserError
from mtl_tf.runs.read import load_config, load_history, part_folders
from mtl_tf.tasks.metrics import TRACKED


def validation_scores(folder: Path) -> dict[str, dict[str, float]]:
    """Reads what validation clips said of the epoch whose weights a run keeps; of several folds the mean.

    Args:
        folder: of a run, which need not have scored its test clips.

    Returns:
        Task to metric to score, of the tasks that validation clips have labels for.

    Raises:
        UserError: it is no run, or has no history.
    """
    config = load_config(folder)
    parts = [_scores(kept_epoch(load_history(part)), list(config.tasks)) for part in part_folders(folder)]
    return {
        task: {metric: sum(part[task][metric] for part in parts) / len(parts) for metric in parts[0][task]}
        for task in parts[0]
    }


def kept_epoch(history: pd.DataFrame) -> pd.Series:
    """Returns the row of the epoch with the best score; the last one where there are no scores."""
    scored = history[history["score"].notna()]
    return scored.loc[scored["score"].idxmax()] if len(scored) else history.iloc[-1]


def _scores(row: pd.Series, tasks: list[str]) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for task in tasks:
        values = {metric: float(row[f"val_{task}_{metric}"]) for metric in TRACKED if f"val_{task}_{metric}" in row}
        if values and not any(map(math.isnan, values.values())):
            found[task] = values
    if not found:
        raise UserError("no task has validation scores; raise split.validation_fraction")
    return found
