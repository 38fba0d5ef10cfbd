"""Puts the folds of a cross-validation, or the repeats of a run, together."""

import json
from pathlib import Path

import numpy as np
import pandas as pd

from mtl_tf.evaluation.scores import score_groups, score_task
from mtl_tf.evaluation.tags import score_tags
from mtl_tf.files import write_json
from mtl_tf.runs import names
from mtl_tf.runs.read import load_history
from mtl_tf.tables import write_table
from mtl_tf.tasks.metrics import SCORED


def merge_parts(folder: Path, kind: str, numbers: list[int]) -> None:
    """Writes the tables and metrics of the whole from those of its folds or repeats.

    `metrics.json` has under `test` the mean over them of each score and its deviation (`uar_std`, with n - 1); under
    `folds` or `repeats` each one's own. Folds, which test different clips, have confusion matrix, intervals and
    per-class scores of all test clips together besides (where they have the same classes); repeats, which test the same
    clips, have those of the one with the best accuracy, mAP or frame F1 (`best`), chosen on the test clips as papers
    do. Repeats have under `ensemble`, where one class is right, the scores of the mean of their answers, too.

    Args:
        folder: of the run.
        kind: `fold` or `repeat`.
        numbers: theirs.
    """
    places = [folder / f"{kind}s" / str(number) for number in numbers]
    metrics = [json.loads((place / names.METRICS).read_text(encoding="utf-8")) for place in places]
    histories = [load_history(place).assign(**{kind: number}) for place, number in zip(places, numbers, strict=True)]
    write_table(pd.concat(histories, ignore_index=True), folder / names.HISTORY)
    answers = [
        pd.read_parquet(place / names.PREDICTIONS).assign(**{kind: number})
        for place, number in zip(places, numbers, strict=True)
    ]
    predictions = pd.concat(answers, ignore_index=True)
    write_table(predictions, folder / names.PREDICTIONS)
    write_table(score_groups(predictions), folder / names.SPEAKERS)
    result = {
        "test": merge_scores([part["test"] for part in metrics], predictions, kind),
        f"{kind}s": [{kind: number, "test": part["test"]} for number, part in zip(numbers, metrics, strict=True)],
        "clips": metrics[0]["clips"]
        | {part: round(float(np.mean([entry["clips"][part] for entry in metrics]))) for part in ("train", "validation")}
        | {"test": int(predictions["clip_id"].nunique())},
        "task_weights": metrics[0]["task_weights"],
        "notes": list(dict.fromkeys(note for part in metrics for note in part["notes"])),
        "decoders": metrics[0]["decoders"],
        "cost": {
            "parameters": metrics[0]["cost"]["parameters"],
            "train_seconds": sum(entry["cost"]["train_seconds"] for entry in metrics),
            "epochs": sum(entry["cost"]["epochs"] for entry in metrics),
            "training_clips_per_second": float(
                np.mean([entry["cost"]["training_clips_per_second"] for entry in metrics])
            ),
            "peak_memory_mb": max(entry["cost"]["peak_memory_mb"] for entry in metrics),
        },
    }
    write_json(result, folder / names.METRICS)


def merge_scores(parts: list[dict[str, dict]], predictions: pd.DataFrame, kind: str) -> dict[str, dict[str, object]]:
    """Puts the scores of folds or repeats together, as `merge_parts` describes.

    Args:
        parts: of each, task to scores.
        predictions: of all together; `task`, `group`, `label` and `probabilities`.
        kind: `fold` or `repeat`.

    Returns:
        Task to scores.
    """
    merged = {}
    for task in parts[0]:
        scores = [part[task] for part in parts]
        answers = predictions[predictions["task"] == task]
        own = _merge_folds(scores, answers) if kind == "fold" else _best(scores) | _ensemble(scores, answers)
        merged[task] = own | _means(scores)
    return merged


def _merge_folds(scores: list[dict], predictions: pd.DataFrame) -> dict[str, object]:
    number = {"n": int(sum(score["n"] for score in scores))}
    if "frame_f1" in scores[0]:
        # Each fold has decisions of its own, so that no score of all clips together is to be had.
        return number | {"num_events": sum(score["num_events"] for score in scores), "classes": scores[0]["classes"]}
    if any(score["classes"] != scores[0]["classes"] for score in scores):
        return number
    classes = tuple(scores[0]["classes"])
    values, groups = np.stack(predictions["probabilities"]), predictions["group"].to_numpy(object)
    if predictions["targets"].notna().any():
        # Each fold has decisions of its own, so that the F1 scores of all clips together are not to be had.
        pooled = score_tags(np.stack(predictions["targets"]), values, classes, {}, groups)
        for name in ("macro_f1", "micro_f1"):
            del pooled[name]
        for entry in pooled["per_class"].values():
            entry |= dict.fromkeys(("precision", "recall", "f1", "decision"))
        return pooled | {"pooled": {name: pooled.get(name) for name in _names(scores[0])}} | number
    index = {name: position for position, name in enumerate(classes)}
    pooled = score_task(predictions["label"].map(index).to_numpy(int), values, classes, groups)
    return pooled | {"pooled": {name: pooled[name] for name in _names(scores[0])}} | number


def _best(scores: list[dict]) -> dict[str, object]:
    judged = next(name for name in ("accuracy", "map", "frame_f1") if name in scores[0])
    best = max(scores, key=lambda score: score[judged])
    return best | {"best": {name: best[name] for name in _names(best)}}


def _ensemble(scores: list[dict], predictions: pd.DataFrame) -> dict[str, object]:
    """Scores the mean of the answers of all repeats, which test the same clips."""
    if "uar" not in scores[0] or any(score["classes"] != scores[0]["classes"] for score in scores):
        return {}
    classes = tuple(scores[0]["classes"])
    index = {name: position for position, name in enumerate(classes)}
    clips = predictions.groupby("clip_id", sort=False)
    values = np.stack([np.mean(np.stack(rows), axis=0) for _, rows in clips["probabilities"]])
    labels, groups = clips["label"].first().map(index).to_numpy(int), clips["group"].first().to_numpy(object)
    scored = score_task(labels, values, classes, groups)
    wanted = [*_names(scored), *(f"{name}_interval" for name in _names(scored))]
    return {"ensemble": {name: scored[name] for name in wanted if name in scored}}


def _names(scores: dict) -> list[str]:
    """Lists the metrics that a task has."""
    return [name for name in SCORED if name in scores]


def _means(scores: list[dict]) -> dict[str, object]:
    means: dict[str, object] = {}
    for name in _names(scores[0]):
        values = [score[name] for score in scores if score[name] is not None]
        means[name] = float(np.mean(values)) if values else None
        means[f"{name}_std"] = float(np.std(values, ddof=1)) if len(values) > 1 else None
    means["chance"] = float(np.mean([score["chance"] for score in scores]))
    if "majority" in scores[0]:
        means["majority"] = {
            name: float(np.mean([score["majority"][name] for score in scores])) for name in ("accuracy", "uar")
        }
    return means
