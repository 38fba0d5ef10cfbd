"""What the tasks of a run score alone, where somebody trained that."""

from pathlib import Path

import pandas as pd

from mtl_tf.config import RunConfig
from mtl_tf.data.manifest import TRAIN
from mtl_tf.errors import UserError
from mtl_tf.runs import names
from mtl_tf.runs.folder import LABEL
from mtl_tf.runs.read import load_config, load_division, load_metrics, part_folders

_ALIKE = {"corpora", "frontend", "model", "pipeline", "split", "fold", "repeats", "training"}
_OF_TASKS = {"loss_weights", "task_weighting", "monitor", "balancing", "affinity_every"}


def scores_alone(folder: Path, config: RunConfig) -> dict[str, tuple[float, str]]:
    """Finds runs of single tasks beside a run of several, with the same network, settings, training and test clips.

    Args:
        folder: of the run; runs are looked for in the folder above.
        config: of the run.

    Returns:
        Task to its score alone and the name of that run's folder: of the latest run with the same seed, or else of the
        latest one. Empty for a run of one task.
    """
    if len(config.trained_tasks) < 2:
        return {}
    wanted, metrics = _alike(config), config.main_metrics()
    found: dict[str, tuple[bool, str, float]] = {}
    for path in sorted(folder.parent.glob(f"*/{names.METRICS}")):
        other = path.parent
        try:
            known = load_config(other)
            if len(known.trained_tasks) != 1 or _alike(known) != wanted:
                continue
            (task,) = known.trained_tasks
            if known.trained_tasks[task] != config.trained_tasks.get(task):
                continue
            if _clips(other, task) != _clips(folder, task) or _trained(other, task) != _trained(folder, task):
                continue
            score = load_metrics(other)["test"][task][metrics[task]]
        except (UserError, OSError, ValueError, KeyError):
            continue  # unfinished, damaged, or of another time
        same = known.seed == config.seed
        if task not in found or same >= found[task][0]:
            found[task] = (same, other.name, score)
    return {task: (score, name) for task, (_, name, score) in found.items()}


def _alike(config: RunConfig) -> dict:
    values = config.model_dump(include=_ALIKE)
    values["training"] = {key: value for key, value in values["training"].items() if key not in _OF_TASKS}
    return values


def _clips(folder: Path, task: str) -> set[str]:
    table = pd.read_parquet(folder / names.PREDICTIONS, columns=["clip_id"], filters=[("task", "==", task)])
    return set(table["clip_id"])


def _trained(folder: Path, task: str) -> set[tuple[str, str]]:
    """Returns the training clips of a task, of all folds, with their fold."""
    found = set()
    for part in part_folders(folder):
        division = load_division(part)
        rows = division[(division["split"] == TRAIN) & division[f"{LABEL}{task}"].notna()]
        found |= {(part.name if part != folder else "", clip) for clip in rows.index}
    return found
