"""Counts what a run's clips are."""

import pandas as pd

from mtl_tf.config import RunConfig
from mtl_tf.data.manifest import TEST, TRAIN, VALIDATION
from mtl_tf.runs.folder import LABEL

PARTS = (TRAIN, VALIDATION, TEST)


def class_counts(division: pd.DataFrame, tasks: list[str]) -> dict[str, dict[str, dict[str, int]]]:
    """Counts the clips of every class in every part.

    Args:
        division: what `load_division` gives.
        tasks: which.

    Returns:
        Task to class to part to clips; clips that are scored in closed-set tasks alone count as what they are.
    """
    counts = {}
    for task in tasks:
        table = pd.crosstab(division[f"{LABEL}{task}"], division["split"])
        counts[task] = {str(label): {part: int(row.get(part, 0)) for part in PARTS} for label, row in table.iterrows()}
    return counts


def group_name(config: RunConfig, task: str) -> str:
    """Names what the clips of a task are grouped by for intervals; several names where corpora differ."""
    corpora = [corpus for name, corpus in config.corpora.items() if name in config.tasks[task].labels]
    return " or ".join(sorted({(corpus.split or config.split).group for corpus in corpora}))
