"""Tags: classes of which none or several are right at once, and of which some may not have been annotated."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from mtl_tf.annotations import JOIN, UNKNOWN
from mtl_tf.config import LabelsConfig, TaskConfig
from mtl_tf.errors import UserError, nearest_hint
from mtl_tf.tables import parse_boolean

ABSENT = "!"
MARKS = (UNKNOWN, ABSENT)


def tag_names(name: str, config: TaskConfig, manifest: pd.DataFrame) -> pd.Series:
    """Writes the tags of every clip as one text.

    Args:
        name: of the task.
        config: its classes, and where each corpus has the tags.
        manifest: rows with a `corpus` column and the native labels.

    Returns:
        The tags that are there, joined by `;`, as in `dog;rain`; empty where none is. `?bird` is a tag that was not
        annotated, `?` says so of all tags that are not named, and `!cat` beside it is one that is absent all the same.
        None where the clip has no label for this task. Where several corpora carry the task, a tag that a corpus never
        has is not known there.

    Raises:
        UserError: a tag is neither mapped nor ignored, a column is missing, or a cell cannot be read.
    """
    labels = pd.Series([None] * len(manifest), index=manifest.index, dtype=object)
    several = len(set(manifest["corpus"]) & set(config.labels)) > 1
    for corpus, rows in manifest.groupby("corpus", sort=True):
        mapping = config.labels.get(corpus)
        if mapping is None:
            continue
        missing = [column for column in mapping.all_columns() if column not in rows.columns]
        if missing:
            raise UserError(f"task {name}: corpus {corpus} has no column {missing[0]}")
        place = f"tasks.{name}.labels.{corpus}"
        if mapping.columns:
            labels.loc[rows.index] = _of_columns(rows, mapping, place)
            continue
        texts = pd.Series(_of_cells(rows[mapping.column], mapping, config.classes, place), rows.index, dtype=object)
        if several and mapping.annotated == "all":
            own = tag_classes(texts)
            texts = texts.map(lambda text, own=own: None if text is None else _within(text, own))
        labels.loc[rows.index] = texts
    return labels


def tag_classes(names: pd.Series) -> list[str]:
    """Lists the tags that occur, sorted."""
    return sorted({tag for text in names.dropna() for tag in text.split(JOIN) if tag and not tag.startswith(MARKS)})


def tag_targets(classes: Sequence[str], names: pd.Series) -> np.ndarray:
    """Turns what `tag_names` writes into numbers.

    Args:
        classes: of the task; other tags are passed over.
        names: text of each clip, None where there is no label.

    Returns:
        int8 (clips, classes): 1 where the tag is there, 0 where it is not, -1 where that is not known.

    >>> tag_targets(("bird", "dog"), pd.Series(["dog", "", "dog;?bird", "bird;?", None])).tolist()
    [[0, 1], [0, 0], [-1, 1], [1, -1], [-1, -1]]
    """
    index = {tag: place for place, tag in enumerate(classes)}
    targets = np.zeros((len(names), len(classes)), np.int8)
    for row, text in zip(targets, names, strict=True):
        tags = text.split(JOIN) if isinstance(text, str) else [UNKNOWN]
        if UNKNOWN in tags:
            row[:] = -1
        for tag in tags:
            place = index.get(tag.removeprefix(UNKNOWN))
            if place is not None:
                row[place] = -1 if tag.startswith(UNKNOWN) else 1
            elif tag.startswith(ABSENT) and tag[1:] in index:
                row[index[tag[1:]]] = 0
    return targets


def tags_of(targets: np.ndarray, classes: Sequence[str]) -> str:
    """Writes the tags of one clip, those that are there.

    Args:
        targets: (classes,), 1 where the tag is there.
        classes: their names.
    """
    return JOIN.join(name for name, value in zip(classes, targets, strict=True) if value == 1)


def _of_columns(rows: pd.DataFrame, mapping: LabelsConfig, place: str) -> list[str]:
    """Reads a column of yes or no for each tag; an empty cell was not annotated, nor was a tag without a column."""
    texts: list[list[str]] = [[] for _ in range(len(rows))]
    for tag, column in mapping.columns.items():
        _check_name(tag, place)
        cells = rows[column].where(~rows[column].isin(mapping.ignore))
        for text, cell in zip(texts, cells, strict=True):
            if pd.isna(cell) or not str(cell).strip():
                text.append(UNKNOWN + tag)
                continue
            try:
                text.append(tag if parse_boolean(str(cell)) else ABSENT + tag)
            except ValueError as error:
                raise UserError(
                    f"{place}.columns.{tag}: column {column} holds {cell!r}, which is neither yes nor no (true, 1, y; "
                    f"false, 0, n); write one of these, or list it in {place}.ignore if it means that nothing is known"
                ) from error
    return [JOIN.join([*text, UNKNOWN]) for text in texts]


def _check_name(tag: str, place: str) -> None:
    if not tag or JOIN in tag or tag.startswith(MARKS):
        raise UserError(f"{place}: a tag may not be empty, hold ';' or begin with '?' or '!', as {tag!r} does")


def _within(text: str, own: Sequence[str]) -> str:
    """Says of the tags of one corpus which are there and which are not, and of all others that nothing is known."""
    there = text.split(JOIN) if text else []
    return JOIN.join([*there, *(ABSENT + tag for tag in own if tag not in there), UNKNOWN])


def _of_cells(cells: pd.Series, mapping: LabelsConfig, classes: Sequence[str] | None, place: str) -> list[str | None]:
    """Reads cells that list the tags which are there."""
    unknown: dict[str, int] = {}
    texts: list[str | None] = []
    end = [UNKNOWN] if mapping.annotated == "positive" else []
    for cell in cells:
        if pd.isna(cell) and mapping.empty == "unknown":
            texts.append(None)
            continue
        parts = [] if pd.isna(cell) else [part.strip() for part in str(cell).split(mapping.separator)]
        native = [part for part in parts if part and part not in mapping.ignore]
        tags = sorted({mapping.map.get(part, part) for part in native})
        for part in native:
            tag = mapping.map.get(part, part)
            if classes is not None and tag not in classes:
                unknown[part] = unknown.get(part, 0) + 1
            _check_name(tag, place)
        texts.append(JOIN.join([*tags, *end]))
    if unknown:
        counts = ", ".join(f"{tag} ({count} clips)" for tag, count in sorted(unknown.items(), key=_most_first))
        nearest = nearest_hint(next(iter(unknown)), classes or ())
        raise UserError(
            f"{place}: tags without a mapping: {counts}; map them in {place}.map or list them in {place}.ignore."
            + (nearest if nearest.startswith(" Did") else "")
        )
    return texts


_most_first: Callable[[tuple[str, int]], tuple[int, str]] = lambda entry: (-entry[1], entry[0])  # noqa: E731
