"""Tables of a study beside the gains: measurements, costs, learning curves and classes."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from mtl_tf.runs.names import HISTORY
from mtl_tf.runs.read import load_history, load_metrics
from mtl_tf.runs.walk import Prepared
from mtl_tf.study.curves import describe_curve
from mtl_tf.study.measure import measure_task
from mtl_tf.study.plan import study_tasks
from mtl_tf.study.session import Study

COSTS = ("parameters", "model_mb", "train_seconds", "answer_ms", "peak_memory_mb")
KEPT_APART = ("embedding_variance",)  # of which the mean over single networks is shown, and not their sum
MOST_CLASSES = 12
_OF_CLASSES = ("frame_f1", "average_precision", "recall")  # the first that a class has


def first_setting(table: pd.DataFrame) -> pd.DataFrame:
    """Leaves the cells of the first setting, where a study has several; what is measured of tasks is that."""
    return table[table["setting"] == table["setting"].iloc[0]]


def plain_cells(table: pd.DataFrame) -> pd.DataFrame:
    """Leaves the cells that were completed and are no control.

    Args:
        table: see `mtl_tf.study.results.cells_table`.
    """
    return table[(table["status"] == "completed") & (table["control"] == "")]


def measurements(study: Study, table: pd.DataFrame, ready: Prepared) -> pd.DataFrame:
    """Measures every task: its clips, how it learned alone, and what that cost.

    Args:
        study: in its folder.
        table: of its cells.
        ready: its clips.

    Returns:
        One row per task, see `measure_task` and `describe_curve`; `alone_parameters`, `alone_train_seconds`,
        `alone_answer_ms`, `alone_embedding_variance`.
    """
    rows = []
    for name in study_tasks(study.config):
        row = measure_task(name, ready.data, ready.divisions[0], ready.source, study.config)
        alone = plain_cells(first_setting(table))
        alone = alone[alone["tasks"] == name]
        history = mean_history(study.folder, alone)
        losses = [] if history is None or "loss" not in history else history["loss"].tolist()
        row |= describe_curve(losses)
        for cost in ("parameters", "train_seconds", "answer_ms", "embedding_variance"):
            row[f"alone_{cost}"] = alone[cost].astype(float).mean() if cost in alone and len(alone) else np.nan
        rows.append(row)
    return pd.DataFrame(rows)


def mean_history(folder: Path, cells: pd.DataFrame) -> pd.DataFrame | None:
    """Averages the histories of cells, epoch by epoch; None where there is none.

    Args:
        folder: of the study.
        cells: rows of its table.
    """
    found = [load_history(folder / run) for run in cells["run"] if (folder / run / HISTORY).is_file()]
    if not found:
        return None
    return pd.concat(found).groupby("epoch").mean(numeric_only=True).reset_index()


def costs(table: pd.DataFrame, tasks: Sequence[str]) -> pd.DataFrame:
    """Compares what sets of tasks cost in one network and in one network each.

    Args:
        table: of the cells.
        tasks: of the study.

    Returns:
        One row per set of two tasks or more and setting: `tasks`, `setting`, and for each of `COSTS` the mean of the
        shared network, `COST_of_singles` (of networks of single tasks: the sum of parameters, sizes and times, the
        largest memory, the mean variance of embeddings) and `COST_of_one` (the mean of these networks), NaN where a
        task was not trained alone.
    """
    columns = [*COSTS, *KEPT_APART]
    numbers = plain_cells(table).reindex(columns=["setting", "tasks", *columns]).astype(dict.fromkeys(columns, float))
    means = numbers.groupby(["setting", "tasks"])[columns].mean()
    rows = []
    for (setting, names), values in means.iterrows():
        members = names.split("+")
        if len(members) < 2:
            continue
        row: dict[str, object] = {"tasks": names, "setting": setting}
        for cost in COSTS:
            own = [means[cost].get((setting, name), np.nan) for name in members]
            row |= {cost: values[cost], f"{cost}_of_singles": max(own) if cost == "peak_memory_mb" else sum(own)}
            row[f"{cost}_of_one"] = float(np.mean(own))
        for name in KEPT_APART:
            row |= {name: values[name]}
            row[f"{name}_of_singles"] = np.mean([means[name].get((setting, task), np.nan) for task in members])
        rows.append(row)
    return pd.DataFrame(rows)


def class_changes(folder: Path, table: pd.DataFrame) -> pd.DataFrame:
    """Compares single classes, learned with others and alone.

    Args:
        folder: of the study.
        table: of its cells.

    Returns:
        `task`, `partners`, `setting`, `class`, `measure` (`recall` of classes, `average_precision` of tags, `frame_f1`
        of events), `named_too` (whether a partner has a class of this name), `alone`, `together`, `change`, `low` and
        `high` (mean over trainings and folds plus and minus two standard errors over them), the largest changes first.
    """
    found: dict[tuple, dict[tuple[int, int], float]] = {}
    known: dict[str, set[str]] = {}
    for row in plain_cells(table).itertuples():
        fold = -1 if pd.isna(row.fold) else int(row.fold)
        for task, scores in load_metrics(folder / row.run)["test"].items():
            classes = scores.get("per_class", {})
            known.setdefault(task, set()).update(name.casefold() for name in classes)
            for name, entry in classes.items():
                measure = next(measure for measure in _OF_CLASSES if measure in entry)
                if entry["n"] and entry[measure] is not None:
                    key = (row.setting, row.tasks, task, name, measure)
                    found.setdefault(key, {})[row.seed, fold] = entry[measure]
    rows = []
    for (setting, names, task, label, measure), together in found.items():
        alone = found.get((setting, task, task, label, measure), {})
        both = sorted(set(together) & set(alone))
        if names == task or not both:
            continue
        partners = [name for name in names.split("+") if name != task]
        changes = np.array([together[key] - alone[key] for key in both])
        # Two trainings do not know their spread.
        error = 2 * changes.std(ddof=1) / len(changes) ** 0.5 if len(changes) > 2 else np.inf
        rows.append(
            {
                "task": task,
                "partners": "+".join(partners),
                "setting": setting,
                "class": label,
                "measure": measure,
                "named_too": any(label.casefold() in known.get(partner, ()) for partner in partners),
                "alone": float(np.mean([alone[key] for key in both])),
                "together": float(np.mean([together[key] for key in both])),
                "change": float(changes.mean()),
                "low": max(float(changes.mean() - error), -1.0),
                "high": min(float(changes.mean() + error), 1.0),
            }
        )
    columns = ["task", "partners", "setting", "class", "measure", "named_too", "alone", "together", "change"]
    result = pd.DataFrame(rows, columns=[*columns, "low", "high"])
    return result.sort_values("change", key=lambda change: -change.abs(), ignore_index=True)
