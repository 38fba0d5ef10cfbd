"""Counts what a run's clips are."""

from collections.abc import Mapping

import pandas as pd

from mtl_tf.annotations import read_events
from mtl_tf.config import RunConfig, TaskConfig
from mtl_tf.data.manifest import TEST, TRAIN, VALIDATION
from mtl_tf.runs.folder import LABEL
from mtl_tf.tasks.tags import ABSENT, JOIN, UNKNOWN

BESIDE = ("speaker", "official_split")
PARTS = (TRAIN, VALIDATION, TEST)


def class_counts(division: pd.DataFrame, tasks: Mapping[str, TaskConfig]) -> dict[str, dict[str, dict[str, int]]]:
    """Counts the clips of every class, speaker and official part in every part of the run.

    Args:
        division: what `load_division` gives.
        tasks: which; of one with tags each tag is counted.

    Returns:
        What is counted (a task, `speaker`, `official_split`) to value to part to clips; nothing of what no clip has.
        Clips that are scored in closed-set tasks alone count as what they are.
    """
    counts = {}
    columns = {f"{LABEL}{task}": task for task in tasks} | {name: f"by {name}" for name in BESIDE if name in division}
    for column, title in columns.items():
        if division[column].isna().all():
            continue
        labels, split = division[column].astype(object), division["split"]
        several = title in tasks and (tasks[title].of_frames or not tasks[title].exclusive)
        if several:
            of_frames = tasks[title].of_frames
            labels = labels.dropna().map(_events_of if of_frames else _tags_of).explode()
            labels = labels[~labels.str.startswith((UNKNOWN, ABSENT))]
            labels = labels.replace("", "no event" if of_frames else "no tag")
            split = split.loc[labels.index]
        table = pd.crosstab(labels.to_numpy(object), split.to_numpy(object))
        counts[title] = {str(label): {part: int(row.get(part, 0)) for part in PARTS} for label, row in table.iterrows()}
    return counts


def _tags_of(text: str) -> list[str]:
    return text.split(JOIN)


def _events_of(text: str) -> list[str]:
    return sorted({event.label for event in read_events(text)}) or [""]


def group_name(config: RunConfig, task: str) -> str:
    """Names what the clips of a task are grouped by for intervals; several names where corpora differ."""
    corpora = [corpus for name, corpus in config.corpora.items() if name in config.tasks[task].labels]
    return " or ".join(sorted({(corpus.split or config.split).group for corpus in corpora}))
