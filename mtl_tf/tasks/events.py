"""Events: what is asked of every step in time, from native annotations to the text of each clip."""

import pandas as pd

from mtl_tf.annotations import Event, read_events, sound_events, write_events
from mtl_tf.config import LabelsConfig, TaskConfig
from mtl_tf.errors import UserError, nearest_hint
from mtl_tf.tasks.tags import ABSENT, MARKS, UNKNOWN


def event_names(name: str, config: TaskConfig, manifest: pd.DataFrame) -> pd.Series:
    """Writes the events of every clip as one text.

    Args:
        name: of the task.
        config: its classes, and where each corpus has the events.
        manifest: rows with a `corpus` column, `num_frames`, `sample_rate` and the native annotations.

    Returns:
        What `mtl_tf.annotations.write_events` gives, of classes, after the rules of `sound_events`: `dog@0.5-1.25` is
        a dog from 0.5 to 1.25 s; empty is a clip without events. `dog` is a dog at a time that is not known, `?bird`
        a class that was not annotated, `?` all that are not named otherwise, `?@3-4` a stretch in which nothing was.
        None where the clip has no annotation for this task. Where several corpora carry the task, a class that a corpus
        never has is not known there.

    Raises:
        UserError: a label is neither mapped nor ignored, or a column is missing.
    """
    texts = pd.Series([None] * len(manifest), index=manifest.index, dtype=object)
    several = len(set(manifest["corpus"]) & set(config.labels)) > 1
    for corpus, rows in manifest.groupby("corpus", sort=True):
        mapping = config.labels.get(corpus)
        if mapping is None:
            continue
        column = mapping.all_columns()[0]
        if column not in rows.columns:
            raise UserError(f"task {name}: corpus {corpus} has no column {column}")
        duration_s = rows["num_frames"] / rows["sample_rate"].clip(lower=1)
        events = [_of_cell(cell, mapping, seconds) for cell, seconds in zip(rows[column], duration_s, strict=True)]
        _check_labels(events, f"tasks.{name}.labels.{corpus}", config.classes)
        own = sorted({event.label for part in events if part is not None for event in part} - {UNKNOWN})
        for index, part in zip(rows.index, events, strict=True):
            if part is None:
                continue
            there = {event.label for event in part}
            marks: list[str] = []
            if mapping.annotated == "positive":
                marks = [UNKNOWN]
            elif several:
                marks = [*(ABSENT + label for label in own if label not in there), UNKNOWN]
            texts[index] = write_events([*part, *(Event(None, None, mark) for mark in marks)])
    return texts


def event_classes(texts: pd.Series) -> list[str]:
    """Lists the classes that occur, sorted."""
    labels = {event.label for text in texts.dropna() for event in read_events(text)}
    return sorted(label for label in labels if not label.startswith(MARKS))


def _of_cell(cell: object, mapping: LabelsConfig, duration_s: float) -> list[Event] | None:
    """Reads the events of a clip, mapped and without those that cannot be; None where nothing is known."""
    if pd.isna(cell) or not str(cell).strip():
        return None if mapping.empty == "unknown" else []
    native = [event for event in read_events(str(cell)) if event.label not in mapping.ignore]
    mapped = [event._replace(label=mapping.map.get(event.label, event.label)) for event in native]
    return sound_events(mapped, duration_s)[0]


def _check_labels(events: list[list[Event] | None], place: str, classes: list[str] | None) -> None:
    labels = pd.Series([event.label for part in events if part is not None for event in part], dtype=object)
    if classes is None:
        return
    unknown = labels[~labels.isin([*classes, UNKNOWN])].value_counts()
    if len(unknown):
        counts = ", ".join(f"{label} ({count} events)" for label, count in unknown.items())
        nearest = nearest_hint(str(unknown.index[0]), classes)
        raise UserError(
            f"{place}: events without a class: {counts}; map them in {place}.map or list them in {place}.ignore."
            + (nearest if nearest.startswith(" Did") else "")
        )
