"""What the networks of a run's repeats know when they answer together."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from mtl_tf.evaluation.tags import Decisions, find_decisions
from mtl_tf.evaluation.thresholds import Threshold, confidence_thresholds
from mtl_tf.files import write_json
from mtl_tf.runs import names
from mtl_tf.runs.read import load_classes, load_decisions, load_lengths


def describe_together(folder: Path, places: Sequence[Path]) -> None:
    """Writes `classes.json`, `lengths.json`, `decisions.json` and `thresholds.json` of all repeats of a run together.

    Thresholds and decisions are found as each repeat finds its own, from the mean of the answers to validation clips
    that every repeat has. Repeats that validate on different clips have none of these. Then there are no thresholds,
    and a decision is the mean of the repeats' own, as those of events always are.

    Nothing is written where repeats have different classes, as they cannot answer together.

    Args:
        folder: of the run.
        places: of its repeats, which are finished.
    """
    classes = [load_classes(place) for place in places]
    if any(own != classes[0] for own in classes):
        return
    lengths = [load_lengths(place) for place in places]
    own = [load_decisions(place) for place in places]
    decisions = {}
    for task in {task: None for each in own for task in each}:  # a repeat has none without labelled validation clips
        known = [each[task] for each in own if task in each]
        decisions[task] = {tag: float(np.mean([tags[tag] for tags in known])) for tag in known[0]}
    thresholds: dict[str, list[Threshold]] = {}
    tables = [pd.read_parquet(path) for place in places if (path := place / names.VALIDATION_ANSWERS).is_file()]
    for task, answers in pd.concat(tables).groupby("task", sort=False) if tables else ():
        found = _of_task(answers, classes[0][task], len(places))
        if isinstance(found, dict):
            decisions[task] = found
        elif found is not None:
            thresholds[task] = found
    extremes = {"shortest_s": min, "longest_s": max, "trained_s": max, "silence_peak": max}
    write_json(classes[0], folder / names.CLASSES)
    write_json({key: pick(each[key] for each in lengths) for key, pick in extremes.items()}, folder / names.LENGTHS)
    write_json(decisions, folder / names.DECISIONS)
    write_json(thresholds, folder / names.THRESHOLDS)


def _of_task(answers: pd.DataFrame, classes: list[str], repeats: int) -> list[Threshold] | Decisions | None:
    """Finds thresholds, or decisions of tags; None where the repeats share no clip, or each step is asked."""
    if "active" in answers and answers["active"].notna().any():
        return None
    in_how_many = answers.groupby("clip_id")["clip_id"].transform("size")
    shared = answers[in_how_many == repeats].groupby("clip_id", sort=False)
    if not len(shared):
        return None
    values = np.stack([np.mean(np.stack(rows), axis=0) for _, rows in shared["probabilities"]])
    if answers["targets"].notna().any():
        return find_decisions(np.stack(shared["targets"].first()), values, tuple(classes))
    index = {name: number for number, name in enumerate(classes)}
    return confidence_thresholds(shared["label"].first().map(index).to_numpy(int), values)
