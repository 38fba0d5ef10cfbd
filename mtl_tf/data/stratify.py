"""Random divisions; where tasks have tags, each tag's share is the same in all parts, as far as that can be."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from iterstrat.ml_stratifiers import MultilabelStratifiedKFold, MultilabelStratifiedShuffleSplit
from sklearn.model_selection import GroupKFold, GroupShuffleSplit, KFold, ShuffleSplit

from mtl_tf.annotations import read_events
from mtl_tf.config import TaskConfig
from mtl_tf.tasks.events import event_classes
from mtl_tf.tasks.labels import class_names
from mtl_tf.tasks.tags import tag_classes, tag_targets


def tag_table(tasks: Mapping[str, TaskConfig], manifest: pd.DataFrame) -> pd.DataFrame | None:
    """Lists which tags are there.

    Args:
        tasks: of the run.
        manifest: rows with the native labels.

    Returns:
        One row per clip, index as in the manifest, and one column of 0 and 1 per tag, with another that says whether
        a clip has no tag; None where no task has tags.
    """
    parts = []
    for name, task in tasks.items():
        if task.of_frames:
            texts = class_names(name, task, manifest)
            classes = event_classes(texts)
            labels = texts.map(lambda text: {event.label for event in read_events(text or "")})
            there = np.array([[label in found for label in classes] for found in labels], bool).reshape(len(texts), -1)
            parts.append(np.column_stack([there, ~there.any(axis=1)]))
        elif not task.exclusive:
            names = class_names(name, task, manifest)
            there = tag_targets(tag_classes(names), names) == 1
            parts.append(np.column_stack([there, ~there.any(axis=1)]))
    return pd.DataFrame(np.hstack(parts).astype(int), index=manifest.index) if parts else None


def draw(rows: pd.DataFrame, fraction: float, seed: int, tags: pd.DataFrame | None) -> np.ndarray:
    """Draws a share of rows, of each tag as much as of all (iterative stratification, Sechidis et al. 2011).

    Args:
        rows: to draw from.
        fraction: share.
        seed: of the draw.
        tags: what `tag_table` gave.

    Returns:
        Positions of the drawn rows.

    Raises:
        ValueError: the share comes to no row, or to all.
    """
    if tags is None or len(rows) < 2:
        return next(ShuffleSplit(1, test_size=fraction, random_state=seed).split(rows))[1]
    splitter = MultilabelStratifiedShuffleSplit(1, test_size=fraction, random_state=seed)
    return next(splitter.split(rows, tags.loc[rows.index]))[1]


def draw_groups(groups: pd.Series, fraction: float, seed: int, tags: pd.DataFrame | None) -> np.ndarray:
    """Draws a share of groups whole, of the groups with each tag as much as of all.

    Args:
        groups: of the rows.
        fraction: share of the groups.
        seed: of the draw.
        tags: what `tag_table` gave.

    Returns:
        Positions of the rows of the drawn groups.

    Raises:
        ValueError: the share comes to no group, or to all.
    """
    if tags is None:
        return next(GroupShuffleSplit(1, test_size=fraction, random_state=seed).split(groups, groups=groups))[1]
    numbers, there = _group_tags(groups, tags)
    return np.flatnonzero(np.isin(numbers, draw(there, fraction, seed, there)))


def _group_tags(groups: pd.Series, tags: pd.DataFrame) -> tuple[np.ndarray, pd.DataFrame]:
    """Numbers the groups, and lists which tags each has at all."""
    numbers = np.unique(groups, return_inverse=True)[1]
    return numbers, tags.loc[groups.index].groupby(numbers).max()


def folds(rows: pd.DataFrame, count: int, seed: int, tags: pd.DataFrame | None) -> list[np.ndarray]:
    """Divides rows into folds, of each tag as much in each.

    Args:
        rows: to divide.
        count: of folds.
        seed: of the division.
        tags: what `tag_table` gave.

    Returns:
        Positions of each fold's test rows.

    Raises:
        ValueError: there are fewer rows than folds.
    """
    if tags is None:
        return [test for _, test in KFold(count, shuffle=True, random_state=seed).split(rows)]
    splitter = MultilabelStratifiedKFold(count, shuffle=True, random_state=seed)
    return [test for _, test in splitter.split(rows, tags.loc[rows.index])]


def grouped_folds(groups: pd.Series, count: int, seed: int, tags: pd.DataFrame | None) -> list[np.ndarray]:
    """Divides rows into folds that share no group, of each tag as many groups in each.

    Args:
        groups: of the rows.
        count: of folds.
        seed: of the division.
        tags: what `tag_table` gave.

    Returns:
        Positions of each fold's test rows.

    Raises:
        ValueError: there are fewer groups than folds.
    """
    if tags is None:
        splitter = GroupKFold(count, shuffle=True, random_state=seed)
        return [test for _, test in splitter.split(groups, groups=groups)]
    numbers, there = _group_tags(groups, tags)
    if len(there) < count:
        raise ValueError(f"there are {len(there)} groups, and {count} folds are asked for")
    splitter = MultilabelStratifiedKFold(count, shuffle=True, random_state=seed)
    return [np.flatnonzero(np.isin(numbers, test)) for _, test in splitter.split(there, there)]
