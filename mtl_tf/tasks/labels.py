"""From native labels in a manifest to the targets of every task."""

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd

from mtl_tf.config import TaskConfig
from mtl_tf.errors import UserError, nearest_hint
from mtl_tf.tasks.events import event_classes, event_names
from mtl_tf.tasks.frame_labels import FrameLabels, frame_labels
from mtl_tf.tasks.tags import tag_classes, tag_names, tag_targets
from mtl_tf.tasks.task import Smoothing, Task


def class_names(name: str, config: TaskConfig, manifest: pd.DataFrame) -> pd.Series:
    """Maps the native labels of every clip to class names, or to what `tag_names` writes.

    Args:
        name: name of the task.
        config: its classes and mappings.
        manifest: rows with a `corpus` column and the native labels.

    Returns:
        Class name per row, or what `event_names` and `tag_names` write, None where the clip has no label for this
        task; index as in the manifest. Speaker 03 of one corpus is not speaker 03 of another: classes of a closed-set
        task over several corpora are `CORPUS/LABEL`.

    Raises:
        UserError: a native label is neither mapped nor ignored (it is printed with its count), or the column is
            missing.
    """
    if config.of_frames:
        return event_names(name, config, manifest)
    if not config.exclusive:
        return tag_names(name, config, manifest)
    several = config.closed_set and len(set(manifest["corpus"]) & set(config.labels)) > 1
    labels = pd.Series([None] * len(manifest), index=manifest.index, dtype=object)
    for corpus, rows in manifest.groupby("corpus", sort=True):
        mapping = config.labels.get(corpus)
        if mapping is None:
            continue
        if mapping.column not in rows.columns:
            raise UserError(f"task {name}: corpus {corpus} has no column {mapping.column}")
        native = rows[mapping.column]
        native = native[native.notna() & ~native.isin(mapping.ignore)].astype(str)
        mapped = native.map(lambda label, table=mapping.map: table.get(label, label))
        if config.classes is not None:
            unknown = native[~mapped.isin(config.classes)].value_counts()
            if len(unknown):
                counts = ", ".join(f"{label} ({count} clips)" for label, count in unknown.items())
                nearest = nearest_hint(str(unknown.index[0]), config.classes)
                raise UserError(
                    f"task {name}: labels of corpus {corpus} without a mapping: {counts}; map them in "
                    f"tasks.{name}.labels.{corpus}.map or list them in tasks.{name}.labels.{corpus}.ignore."
                    + (nearest if nearest.startswith(" Did") else "")
                )
        labels.loc[mapped.index] = f"{corpus}/" + mapped if several else mapped
    return labels


def build_tasks(configs: dict[str, TaskConfig], manifest: pd.DataFrame) -> tuple[dict[str, Task], pd.DataFrame]:
    """Fixes each task's classes on the training clips and indexes every clip's labels.

    Args:
        configs: task name to configuration.
        manifest: rows with `corpus`, `split` and native labels; `split` is `train`, `validation` or `test`.

    Returns:
        The tasks, and a table of the class name of every clip in every task, None where there is no label.

    Raises:
        UserError: a label without mapping, classes that differ in nothing but their spelling, or a task with fewer than
            two classes, or without any tag, among the training clips.
    """
    tasks, columns = {}, {}
    training = manifest["split"] == "train"
    for name, config in configs.items():
        labels = class_names(name, config, manifest)
        if config.classes is None and not config.closed_set and config.exclusive and not config.of_frames:
            _check_spelling(name, labels, manifest["corpus"])
        present = _present(config, labels[training])
        if (config.of_frames or not config.exclusive) and not present:
            what = "an event" if config.of_frames else "a tag"
            raise UserError(f"task {name}: no training clip has {what}; leave the task out with task=[...]")
        if config.exclusive and len(present) < 2:
            raise UserError(
                f"task {name}: the training clips carry {len(present)} class{'es' if len(present) != 1 else ''} "
                f"({', '.join(present) or 'none'}); at least two are needed: leave the task out with task=[...], or "
                "look whether the folder of the corpus is complete and the split leaves other classes to training"
            )
        tasks[name] = task_of(name, config, config.classes or present)
        columns[name] = labels
    return tasks, pd.DataFrame(columns, index=manifest.index, dtype=object)


def task_of(name: str, config: TaskConfig, classes: Sequence[str]) -> Task:
    """Builds the task of a configuration.

    Args:
        name: of the task.
        config: its properties.
        classes: names, in order.
    """
    return Task(
        name,
        tuple(classes),
        config.main_metric,
        config.closed_set,
        config.exclusive,
        config.of_frames,
        config.background,
        Smoothing(config.median_filter_s, config.min_gap_s, config.min_length_s),
    )


def index_labels(
    task: Task, names: pd.Series, training: np.ndarray, duration_s: np.ndarray | None = None
) -> np.ndarray | FrameLabels:
    """Turns the class names of all clips into indices, or their tags into zeros and ones.

    Args:
        task: with the classes.
        names: class name of every clip, None where there is no label.
        training: bool, which clips train.
        duration_s: how much of each clip is used, float (clips,); None: no question is of steps.

    Returns:
        int32 (clips,), -1 where there is no label, where the class is none of the task's, and where a closed-set task
        has a class that no training clip has, so that nobody could know it. Of tags what `tag_targets` gives; of steps
        `FrameLabels`.
    """
    if task.of_frames:
        return frame_labels(task, names, duration_s)
    if not task.exclusive:
        return tag_targets(task.classes, names)
    index = {label: position for position, label in enumerate(task.classes)}
    if task.closed_set:
        known = set(names[training].dropna())
        index = {label: position for label, position in index.items() if label in known}
    return names.map(lambda label: index.get(label, -1)).to_numpy(np.int32)


def _present(config: TaskConfig, labels: pd.Series) -> list[str]:
    """Lists the classes that occur, sorted."""
    if config.of_frames:
        return sorted({*event_classes(labels), *([config.background] if config.background else [])})
    return sorted(set(labels.dropna())) if config.exclusive else tag_classes(labels)


def _check_spelling(task: str, labels: pd.Series, corpora: pd.Series) -> None:
    """Refuses classes that differ in case, spaces or underscores only.

    Raises:
        UserError: names them and their corpora.
    """
    seen: dict[str, str] = {}
    for label in sorted(set(labels.dropna())):
        plain = re.sub(r"[\s_-]+", "", label).casefold()
        other = seen.setdefault(plain, label)
        if other != label:
            here, there = (", ".join(sorted(set(corpora[labels == name]))) for name in (label, other))
            place = next(iter(sorted(set(corpora[labels == label]))))
            raise UserError(
                f"task {task}: {label!r} (corpus {here}) and {other!r} (corpus {there}) are spelt alike; make one "
                f"class of them with tasks.{task}.labels.{place}.map={{'{label}': '{other}'}}, or list both in "
                f"tasks.{task}.classes"
            )
