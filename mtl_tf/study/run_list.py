"""Lists runs with what they differ in, and compares two of them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from mtl_tf.errors import UserError
from mtl_tf.runs.folder import NOT_COMPARED
from mtl_tf.runs.names import CONFIG, METRICS, PREDICTIONS
from mtl_tf.runs.read import load_classes, load_config, load_metrics, part_folders
from mtl_tf.study.evidence import GroupScore, common_classes, read_score
from mtl_tf.study.gains import compare
from mtl_tf.values import as_typed

MOST_KEYS = 8


def list_runs(runs_dir: Path, experiment: str | None = None) -> pd.DataFrame:
    """Lists finished runs.

    Args:
        runs_dir: folder of all runs.
        experiment: lists those of one; None: of all.

    Returns:
        One row per run, the oldest first: `run`, `differs` (keys in which runs of its experiment are not alike, as
        typed), `TASK METRIC` (main metrics on test clips, 0 to 1) and `train_seconds`.

    Raises:
        UserError: there is none.
    """
    found: dict[str, list[tuple[Path, Any]]] = {}
    for path in sorted(runs_dir.glob(f"{experiment or '*'}/*/{CONFIG}")):
        if not (path.parent / METRICS).is_file():
            continue
        try:
            found.setdefault(path.parent.parent.name, []).append((path.parent, load_config(path.parent)))
        except UserError:
            continue
    rows = []
    for runs in found.values():
        flat = [_flat(config.model_dump(mode="json", exclude=NOT_COMPARED)) for _, config in runs]
        keys = [
            key for key in dict.fromkeys(key for keys in flat for key in keys) if len({k.get(key) for k in flat}) > 1
        ]
        for (folder, config), values in zip(runs, flat, strict=True):
            metrics = load_metrics(folder)
            row: dict[str, object] = {"run": str(folder)}
            shown = [f"{key}={values[key]}" for key in keys if key in values]
            more = f" and {len(shown) - MOST_KEYS} more" if len(shown) > MOST_KEYS else ""
            row["differs"] = " ".join(shown[:MOST_KEYS]) + more
            for task, metric in config.main_metrics().items():
                row[f"{task} {metric}"] = metrics["test"].get(task, {}).get(metric)
            rows.append(row | {"train_seconds": metrics.get("cost", {}).get("train_seconds")})
    if not rows:
        place = runs_dir / experiment if experiment else runs_dir
        raise UserError(
            f"no finished run below {place}; give runs_dir=DIR, or train one (those of a study lie in its cells)"
        )
    return pd.DataFrame(rows)


def compare_runs(folders: Sequence[Path], same_within: float = 0.01) -> pd.DataFrame:
    """Compares two runs on the tasks that both have, on the same test clips.

    Args:
        folders: of both.
        same_within: half the width of the region of practical equivalence.

    Returns:
        One row per task: `task`, `metric`, `first`, `second`, `gain` (second minus first), `low`, `high`, `p_better`,
        `p_same`, `p_worse`, `p_value`, `n_trainings`, `n_groups`. Of runs with repeats the trainings are paired; of
        single ones the interval is of these two networks on other speakers.

    Raises:
        UserError: they share no task, or were scored on different clips.
    """
    configs = [load_config(folder) for folder in folders]
    shared = [name for name in configs[0].main_metrics() if name in configs[1].main_metrics()]
    if not shared:
        raise UserError(f"{folders[0]} and {folders[1]} share no task, so there is nothing to compare")
    rows = []
    for task in shared:
        metric = configs[0].main_metrics()[task]
        first, second = (_scores(folder, task, metric) for folder in folders)
        count = min(len(first), len(second))
        found = compare(second[:count], first[:count], same_within, of_these=count == 1)
        names = ("gain", "low", "high", "p_better", "p_same", "p_worse", "p_value", "n_trainings", "n_groups")
        means = [sum(score.whole() for score in scores[:count]) / count for scores in (first, second)]
        row = {"task": task, "metric": metric, "first": means[0], "second": means[1]}
        rows.append(row | {name: getattr(found, name) for name in names})
    return pd.DataFrame(rows)


def _scores(folder: Path, task: str, metric: str) -> list[GroupScore]:
    """Reads the trainings of a run: its repeats, or all its folds together."""
    parts = part_folders(folder)
    folds = parts[0].parent.name == "folds"
    tables = [pd.read_parquet(part / PREDICTIONS, filters=[("task", "==", task)]) for part in parts]
    asked = load_config(folder).tasks[task]
    classes = [load_classes(part)[task] for part in parts]
    known = common_classes(task, classes, asked.exclusive and not asked.of_frames)
    groups = [pd.concat(tables, ignore_index=True)] if folds else tables
    return [read_score(table, metric, known, asked.background) for table in groups]


def _flat(values: dict, prefix: str = "") -> dict[str, str]:
    flat: dict[str, str] = {}
    for key, value in values.items():
        name = f"{prefix}{key}"
        flat |= _flat(value, f"{name}.") if isinstance(value, dict) and value else {name: as_typed(value)}
    return flat
