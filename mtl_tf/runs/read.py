"""Reads what a finished run left: configuration, classes, division, thresholds; without loading TensorFlow."""

import json
from pathlib import Path

import pandas as pd

from mtl_tf import compose
from mtl_tf.config import RunConfig
from mtl_tf.errors import UserError
from mtl_tf.runs.names import (
    AUDIT,
    CLASSES,
    CONFIG,
    DECISIONS,
    HISTORY,
    LENGTHS,
    METRICS,
    MODEL,
    PARTS,
    SPEAKERS,
    SPLITS,
    THRESHOLDS,
)
from mtl_tf.tables import parse_boolean, parse_number, read_table


def load_config(folder: Path) -> RunConfig:
    """Reads the configuration of a run, or of one fold or repeat of it.

    Raises:
        UserError: there is none.
    """
    place = folder.resolve()
    if (folder / CONFIG).is_file() or place.parent.name not in PARTS:
        return compose.load(folder / CONFIG)
    config, number = compose.load(place.parent.parent / CONFIG), int(place.name)
    if place.parent.name == PARTS[0]:
        return config.model_copy(update={"fold": number})
    return config.of_repeat(number).model_copy(update={"repeats": 1})


def part_folders(folder: Path) -> list[Path]:
    """Returns the folders of a run's folds or repeats, which hold its models; the run's own if it has none."""
    parts = [path for kind in PARTS for path in (folder / kind).glob("*") if path.name.isdecimal()]
    return sorted(parts, key=lambda path: int(path.name)) or [folder]


def longest_clip(config: RunConfig) -> int | None:
    """Returns how many samples of a clip a run uses, if its corpora share one limit (`crop_s`); None: all of it."""
    limits = {corpus.crop_s for corpus in config.corpora.values()}
    limit = limits.pop() if len(limits) == 1 else None
    return None if limit is None else round(limit * config.frontend.sample_rate)


def find_models(folder: Path) -> list[Path]:
    """Returns the file of a run's model, or of several repeats those of all, which answer together.

    Raises:
        UserError: this is no folder of a run, or a model is missing (a run of several folds keeps one in each).
    """
    load_config(folder)
    parts = part_folders(folder)
    if parts[0].parent.name == PARTS[0] and not (folder / MODEL).is_file():
        raise UserError(f"{folder / MODEL} is missing; choose one of its {PARTS[0]}, such as {parts[0]}")
    paths = [part / MODEL for part in parts]
    missing = [path for path in paths if not path.is_file()]
    if missing:
        raise UserError(f"{missing[0]} is missing; has the run finished?")
    return paths


def load_classes(folder: Path) -> dict[str, list[str]]:
    """Reads the class names of every task of a run.

    Raises:
        UserError: they are missing or damaged.
    """
    path = folder / CLASSES
    if not path.is_file():
        raise UserError(f"{path} is missing; is {folder} the folder of a run?")
    try:
        classes = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{path} is damaged: {error}") from error
    if not isinstance(classes, dict) or not classes or not all(classes.values()):
        raise UserError(f"{path} is damaged: it does not name the classes of each task")
    return classes


def load_thresholds(folder: Path) -> dict[str, list[dict[str, float]]]:
    """Reads `thresholds.json` of a run, see `find_thresholds`; nothing where there were no validation clips.

    Raises:
        UserError: it is damaged.
    """
    return _read_json(folder / THRESHOLDS, {})


def load_decisions(folder: Path) -> dict[str, dict[str, float]]:
    """Reads `decisions.json` of a run: of each task with tags, from which probability a tag counts as answered.

    A task without tags has no entry.

    Raises:
        UserError: it is missing or damaged.
    """
    decisions = _read_json(folder / DECISIONS, None)
    if decisions is None:
        raise UserError(f"{folder / DECISIONS} is missing; has the run finished?")
    return decisions


def load_lengths(folder: Path) -> dict[str, float]:
    """Reads `lengths.json` of a run, see `mtl_tf.evaluation.lengths`; nothing where it is missing.

    Raises:
        UserError: it is damaged.
    """
    return _read_json(folder / LENGTHS, {})


def load_metrics(folder: Path, name: str = METRICS) -> dict:
    """Reads the scores of a run.

    Args:
        folder: of the run.
        name: `metrics.json` or `evaluation.json`.

    Raises:
        UserError: they are missing or damaged.
    """
    metrics = _read_json(folder / name, None)
    if metrics is None:
        raise UserError(f"{folder / name} is missing; has the run finished?")
    return metrics


def load_history(folder: Path) -> pd.DataFrame:
    """Reads `history.csv` of a run: one row per epoch (and fold or repeat), all columns numbers."""
    path = folder / HISTORY
    counts = [name for name in ("epoch", "fold", "repeat") if name in read_table(path)]
    return read_table(path, dict.fromkeys(counts, int), default=parse_number)


def load_speakers(folder: Path) -> pd.DataFrame:
    """Reads `speakers.csv` of a run, see `score_groups`."""
    return read_table(folder / SPEAKERS, {"n": int, "accuracy": parse_number, "uar": parse_number})


def load_audit(folder: Path) -> pd.DataFrame:
    """Reads `audit.csv` of a run: the findings, and which of them left a clip out."""
    return read_table(folder / AUDIT, {"left_out": parse_boolean})


def load_division(folder: Path) -> pd.DataFrame:
    """Reads `splits.parquet` of a run.

    Returns:
        One row per clip, by `clip_id`: `corpus`, `speaker`, `decoder`, `audio_sha1`, `split`, `closed_set_only`,
        `label.TASK` (the class name in each task) and `group`.

    Raises:
        UserError: it is missing or damaged.
    """
    path = folder / SPLITS
    try:
        return pd.read_parquet(path).set_index("clip_id")
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read: {error}") from error


def _read_json(path: Path, missing: object) -> object:
    try:
        return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else missing
    except ValueError as error:
        raise UserError(f"{path} is damaged: {error}") from error
