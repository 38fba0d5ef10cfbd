"""Puts the folds of a cross-validation together."""

import json
from pathlib import Path

import numpy as np
import pandas as pd

from mtl_tf.data.manifest import write_table
from mtl_tf.evaluation.scores import score_groups, score_task
from mtl_tf.training.run_folder import write_json

AVERAGED = ("accuracy", "uar", "macro_f1", "micro_f1", "weighted_precision", "roc_auc")


def merge_folds(folder: Path, folds: list[int]) -> None:
    """Writes the tables and metrics of the whole from those of its folds.

    `metrics.json` has under `test` the mean over the folds of each score and its deviation (`uar_std`, with n - 1) and
    confusion matrix, intervals and per-class scores of all test clips together (where the folds have the same classes);
    under `folds` each fold's own.

    Args:
        folder: of the run.
        folds: their numbers.
    """
    places = [folder / "folds" / str(fold) for fold in folds]
    metrics = [json.loads((place / "metrics.json").read_text(encoding="utf-8")) for place in places]
    for name, read in (("history.csv", pd.read_csv), ("predictions.parquet", pd.read_parquet)):
        tables = [read(place / name).assign(fold=fold) for place, fold in zip(places, folds, strict=True)]
        write_table(pd.concat(tables, ignore_index=True), folder / name)
    predictions = pd.read_parquet(folder / "predictions.parquet")
    write_table(score_groups(predictions), folder / "speakers.csv")
    tasks = {task: [fold["test"][task] for fold in metrics] for task in metrics[0]["test"]}
    result = {
        "test": {task: _merge_task(scores, predictions[predictions["task"] == task]) for task, scores in tasks.items()},
        "folds": [{"fold": fold, "test": entry["test"]} for fold, entry in zip(folds, metrics, strict=True)],
        "clips": metrics[0]["clips"]
        | {part: round(float(np.mean([entry["clips"][part] for entry in metrics]))) for part in ("train", "validation")}
        | {"test": int(predictions["clip_id"].nunique())},
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
    write_json(result, folder / "metrics.json")


def _merge_task(scores: list[dict], predictions: pd.DataFrame) -> dict[str, object]:
    merged: dict[str, object] = {}
    if all(score["classes"] == scores[0]["classes"] for score in scores):
        classes = tuple(scores[0]["classes"])
        index = {name: position for position, name in enumerate(classes)}
        pooled = score_task(
            predictions["label"].map(index).to_numpy(int), np.stack(predictions["probabilities"]), classes
        )
        merged |= pooled
        merged["pooled"] = {name: pooled[name] for name in AVERAGED}
    for name in AVERAGED:
        values = [score[name] for score in scores if score[name] is not None]
        merged[name] = float(np.mean(values)) if values else None
        merged[f"{name}_std"] = float(np.std(values, ddof=1)) if len(values) > 1 else None
    merged["n"] = int(sum(score["n"] for score in scores))
    merged["chance"] = float(np.mean([score["chance"] for score in scores]))
    merged["majority"] = {
        name: float(np.mean([score["majority"][name] for score in scores])) for name in ("accuracy", "uar")
    }
    return merged
